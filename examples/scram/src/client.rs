//! The client's side.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use subtle::ConstantTimeEq;

use crate::keys::{Key, client_key, hash, mac, salted, server_key, xor};
use crate::{Attributes, Error, decode, decode_key, encode, nonce, text};

/// How many iterations a server may ask for: what RFC 7677 asks for at least, lest somebody in its place has an easy time guessing
/// the password afterwards; and not so many that the client has nothing else to do.
const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

/// No channel binding, and no other identity than that of the user.
const HEADER: &str = "n,,";

/// A client that shows that it knows the password, and finds out whether the server does.
pub struct Client {
    password: String,
    nonce: String,
    /// client-first-message-bare
    first: String,
    /// What the server has to say in the end, once it was answered.
    signature: Option<Key>,
}

impl Client {
    /// Begins; gives the first message.
    ///
    /// # Errors
    ///
    /// [`Error::Random`]
    pub fn new(user: &str, password: &str) -> Result<(Self, Vec<u8>), Error> {
        Ok(Self::with_nonce(user, password, nonce()?))
    }

    pub(crate) fn with_nonce(user: &str, password: &str, nonce: String) -> (Self, Vec<u8>) {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let first = format!("n={user},r={nonce}");
        let message = [HEADER, &first].concat().into();
        (Self { password: password.into(), nonce, first, signature: None }, message)
    }

    /// Answers the server's challenge. Takes as long as the iterations that it asks for.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the challenge.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, Error> {
        if self.signature.is_some() {
            return Err(Error::Malformed);
        }
        let challenge = text(challenge)?;
        let mut attributes = Attributes::new(challenge);
        let (nonce, salt) = (attributes.next('r')?, decode(attributes.next('s')?)?);
        let iterations: NonZeroU32 = attributes.next('i')?.parse().map_err(|_| Error::Malformed)?;
        if nonce.strip_prefix(&self.nonce).is_none_or(str::is_empty) {
            return Err(Error::Nonce);
        }
        if !ITERATIONS.contains(&iterations.get()) {
            return Err(Error::Iterations);
        }
        let salted = salted(&self.password, &salt, iterations);
        let without_proof = format!("c={},r={nonce}", encode(HEADER.as_bytes()));
        let parts = [&self.first, ",", challenge, ",", &without_proof].map(str::as_bytes);
        let client_key = client_key(&salted);
        let proof = xor(&client_key, &mac(&hash(&client_key), &parts));
        self.signature = Some(mac(&server_key(&salted), &parts));
        Ok(format!("{without_proof},p={}", encode(&proof)).into())
    }

    /// Hears the server's last message. Unless it is right, somebody else may be in the server's place.
    ///
    /// # Errors
    ///
    /// [`Error::Server`], also if there was no challenge; [`Error::Malformed`].
    pub fn finish(&self, message: &[u8]) -> Result<(), Error> {
        let signature = decode_key(Attributes::new(text(message)?).next('v')?)?;
        match &self.signature {
            Some(expected) if expected.ct_eq(&signature).into() => Ok(()),
            _ => Err(Error::Server),
        }
    }
}
