//! Hashes of passwords, in the forms in which people have them.

use argon2::password_hash::{PasswordHash, PasswordHashString, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, Params};
use base64::prelude::{BASE64_STANDARD, Engine};
use pbkdf2::{Pbkdf2, pbkdf2_hmac_array};
use scram::Keys;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

/// A hash of a password.
#[derive(Eq, PartialEq)]
pub(super) enum Hash {
    /// `$argon2id$...`, `$pbkdf2-sha512$...`
    Phc(PasswordHashString),
    /// `$7$ITERATIONS$SALT$HASH`, of mosquitto: PBKDF2 with HMAC-SHA-512.
    Pbkdf2 { iterations: u32, salt: Vec<u8>, hash: Vec<u8> },
    /// `$6$SALT$HASH`, of older versions of mosquitto: SHA-512 of the password and the salt.
    Sha512 { salt: Vec<u8>, hash: Vec<u8> },
    /// `SCRAM-SHA-256$...`
    Scram(Keys),
}

impl Hash {
    /// Says what is wrong with it. It may be a password that somebody has forgotten to hash, so that it is not repeated.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mosquitto = "this is not what mosquitto_passwd writes: something is missing, or not base64";
        if text.starts_with("SCRAM-") {
            let keys = text.parse();
            return keys
                .map(Self::Scram)
                .map_err(|_| "what is taken is SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY");
        }
        let parts: Vec<_> = text.split('$').collect();
        match parts[..] {
            ["", "7", iterations, salt, hash] => {
                let iterations = iterations.parse().ok().filter(|iterations| *iterations > 0);
                let (salt, hash) = (decode(salt), decode(hash).filter(|hash| hash.len() == 64));
                let all = iterations.zip(salt).zip(hash).ok_or(mosquitto)?;
                let ((iterations, salt), hash) = all;
                Ok(Self::Pbkdf2 { iterations, salt, hash })
            }
            ["", "6", salt, hash] => {
                let (salt, hash) = (decode(salt), decode(hash).filter(|hash| hash.len() == 64));
                let (salt, hash) = salt.zip(hash).ok_or(mosquitto)?;
                Ok(Self::Sha512 { salt, hash })
            }
            ["", "6" | "7", ..] => Err(mosquitto),
            ["", "argon2d" | "argon2i" | "argon2id", ..] => {
                phc(text, |phc| Params::try_from(phc).is_ok()).map(Self::Phc)
            }
            ["", "pbkdf2-sha256" | "pbkdf2-sha512", ..] => {
                phc(text, |phc| pbkdf2::Params::try_from(phc).is_ok()).map(Self::Phc)
            }
            ["", _, _, ..] => Err("of this kind of hashes none can be verified"),
            _ => Err("this is no hash of a password; `broker passwd` writes lines with one"),
        }
    }

    /// Whether it is that of this password. Takes as long as that is to take.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Phc(phc) => {
                let verifiers: [&dyn PasswordVerifier; 2] = [&Argon2::default(), &Pbkdf2];
                phc.password_hash().verify_password(&verifiers, password).is_ok()
            }
            Self::Pbkdf2 { iterations, salt, hash } => {
                pbkdf2_hmac_array::<Sha512, 64>(password, salt, *iterations).ct_eq(hash).into()
            }
            Self::Sha512 { salt, hash } => {
                Sha512::new().chain_update(password).chain_update(salt).finalize().ct_eq(hash).into()
            }
            Self::Scram(keys) => str::from_utf8(password).is_ok_and(|password| keys.verify(password)),
        }
    }

    /// That of a password, with Argon2id.
    pub(super) fn argon2id(password: &str) -> Result<String, String> {
        let mut salt = [0; 16];
        getrandom::getrandom(&mut salt).map_err(|error| error.to_string())?;
        let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
        let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
    }
}

fn phc(
    text: &str,
    are_parameters: fn(&PasswordHash<'_>) -> bool,
) -> Result<PasswordHashString, &'static str> {
    let phc = PasswordHash::new(text).ok();
    let phc = phc.filter(|phc| phc.salt.is_some() && phc.hash.is_some() && are_parameters(phc));
    phc.map(Into::into).ok_or("the hash is not complete, or has parameters that there are not")
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty())
}
