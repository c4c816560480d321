//! The server's side.

use subtle::ConstantTimeEq;

use crate::keys::{Key, Keys, hash, mac, xor};
use crate::{Attributes, Error, decode, decode_key, encode, nonce, text};

/// How long a client's nonce may be, which the server has to send back.
const NONCE: usize = 256;

/// A client has said who it is.
pub struct Exchange {
    user: String,
    nonce: String,
    /// gs2-header
    header: String,
    /// client-first-message-bare
    first: String,
}

/// A client was asked to show that it knows the password.
pub struct Expected {
    nonce: String,
    header: String,
    stored_key: Key,
    server_key: Key,
    /// client-first-message-bare and server-first-message, each with a comma behind it.
    before: String,
}

impl Exchange {
    /// Reads the client's first message.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it.
    pub fn begin(message: &[u8]) -> Result<Self, Error> {
        let message = text(message)?;
        let (binding, rest) = message.split_once(',').ok_or(Error::Malformed)?;
        let (identity, first) = rest.split_once(',').ok_or(Error::Malformed)?;
        match binding {
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(Error::Unsupported),
            _ => return Err(Error::Malformed),
        }
        let mut attributes = Attributes::new(first);
        let (user, nonce) = (name(attributes.next('n')?)?, attributes.next('r')?);
        if nonce.len() > NONCE || nonce.is_empty() || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Malformed);
        }
        // Nobody can be somebody else here.
        match identity.strip_prefix("a=") {
            Some(identity) if name(identity)? != user => return Err(Error::Unsupported),
            None if !identity.is_empty() => return Err(Error::Malformed),
            _ => {}
        }
        let header = message[..message.len() - first.len()].into();
        Ok(Self { user, nonce: nonce.into(), header, first: first.into() })
    }

    /// Who it says it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Asks it to show that it knows the password of these keys; gives the message that does so.
    ///
    /// # Errors
    ///
    /// [`Error::Random`]
    pub fn challenge(self, keys: &Keys) -> Result<(Vec<u8>, Expected), Error> {
        Ok(self.challenge_with(keys, &nonce()?))
    }

    pub(crate) fn challenge_with(self, keys: &Keys, nonce: &str) -> (Vec<u8>, Expected) {
        let nonce = self.nonce + nonce;
        let message = format!("r={nonce},s={},i={}", encode(&keys.salt), keys.iterations);
        let before = format!("{},{message},", self.first);
        let Keys { stored_key, server_key, .. } = *keys;
        (message.into(), Expected { nonce, header: self.header, stored_key, server_key, before })
    }
}

impl Expected {
    /// Reads the client's last message. If that shows that the client knows the password, gives the message that shows that
    /// the server does.
    ///
    /// # Errors
    ///
    /// [`Error::Proof`], or whatever else is wrong with it.
    pub fn verify(self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let message = text(message)?;
        let (without_proof, proof) = message.rsplit_once(",p=").ok_or(Error::Malformed)?;
        let proof = decode_key(proof)?;
        let mut attributes = Attributes::new(without_proof);
        let (header, nonce) = (decode(attributes.next('c')?)?, attributes.next('r')?);
        if header != self.header.as_bytes() {
            return Err(Error::Malformed);
        }
        if nonce != self.nonce {
            return Err(Error::Nonce);
        }
        let parts = [self.before.as_bytes(), without_proof.as_bytes()];
        let client_key = xor(&proof, &mac(&self.stored_key, &parts));
        if !bool::from(hash(&client_key).ct_eq(&self.stored_key)) {
            return Err(Error::Proof);
        }
        Ok(format!("v={}", encode(&mac(&self.server_key, &parts))).into())
    }
}

/// A name, in which `,` and `=` are written differently.
fn name(text: &str) -> Result<String, Error> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Error::Malformed),
        };
        name.push(sign);
        name.push_str(rest);
    }
    if name.is_empty() { Err(Error::Malformed) } else { Ok(name) }
}
