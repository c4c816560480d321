//! What is derived from a password.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{Error, METHOD, decode, decode_key, encode, random};

/// The iterations of new keys: four times what RFC 7677 asks for at least, a few milliseconds on a small machine.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(16_384).unwrap();

pub(crate) type Key = [u8; 32];

/// What a server knows of a password, from which it can't be told.
///
/// As a text, it is what PostgreSQL stores: `SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY`.
#[derive(Clone, Eq, PartialEq)]
pub struct Keys {
    pub(crate) iterations: NonZeroU32,
    pub(crate) salt: Vec<u8>,
    pub(crate) stored_key: Key,
    pub(crate) server_key: Key,
}

impl Keys {
    /// Those of a password, with this salt.
    pub fn new(password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = salted(password, salt, iterations);
        let stored_key = hash(&client_key(&salted));
        Self { iterations, salt: salt.into(), stored_key, server_key: server_key(&salted) }
    }

    /// Those of a password, with a new salt.
    ///
    /// # Errors
    ///
    /// [`Error::Random`]
    pub fn generate(password: &str) -> Result<Self, Error> {
        Ok(Self::new(password, &random::<16>()?, ITERATIONS))
    }

    /// Keys to which nobody knows a password, for a user that does not exist: always the same ones, since a salt that changes
    /// would tell, and as these keys otherwise are. The secret is the server's own.
    pub fn decoy(&self, user: &str, secret: &[u8]) -> Self {
        let derive = |what: &str| mac(secret, &[what.as_bytes(), user.as_bytes()]);
        let salt = derive("salt ").into_iter().cycle().take(self.salt.len()).collect();
        Self {
            iterations: self.iterations,
            salt,
            stored_key: derive("stored key "),
            server_key: derive("server key "),
        }
    }

    /// Whether this is the password. Takes as long as its iterations do.
    pub fn verify(&self, password: &str) -> bool {
        let other = Self::new(password, &self.salt, self.iterations);
        other.stored_key.ct_eq(&self.stored_key).into()
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, salt, stored_key, server_key } = self;
        write!(f, "{METHOD}${iterations}:{}${}:{}", encode(salt), encode(stored_key), encode(server_key))
    }
}

impl FromStr for Keys {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (salted, keys) = text.strip_prefix(METHOD)?.strip_prefix('$')?.split_once('$')?;
            let ((iterations, salt), (stored, server)) = (salted.split_once(':')?, keys.split_once(':')?);
            let (iterations, salt) = (iterations.parse().ok()?, decode(salt).ok()?);
            let (stored_key, server_key) = (decode_key(stored).ok()?, decode_key(server).ok()?);
            Some(Self { iterations, salt, stored_key, server_key })
        };
        parse().filter(|keys| !keys.salt.is_empty()).ok_or(Error::Keys)
    }
}

/// SaltedPassword. A password that SASLprep does not allow is taken as it is, as PostgreSQL does.
pub(crate) fn salted(password: &str, salt: &[u8], iterations: NonZeroU32) -> Key {
    let password = stringprep::saslprep(password).unwrap_or(Cow::Borrowed(password));
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, iterations.get())
}

pub(crate) fn client_key(salted: &Key) -> Key {
    mac(salted, &[b"Client Key"])
}

pub(crate) fn server_key(salted: &Key) -> Key {
    mac(salted, &[b"Server Key"])
}

/// H
pub(crate) fn hash(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

/// HMAC
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("a key may have any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// XOR: of a key and a signature the proof, and of the proof and the signature the key.
pub(crate) fn xor(a: &Key, b: &Key) -> Key {
    std::array::from_fn(|i| a[i] ^ b[i])
}
