//! SCRAM-SHA-256 (RFC 5802, RFC 7677) without I/O, for clients and servers.
//!
//! Client and server show each other that they know the password, and nobody who listens learns it; nor does it stand in the
//! server's files. There is no channel binding. Each step takes the other side's message, and gives the answer:
//!
//! ```
//! use scram::{Client, Exchange, Keys};
//!
//! let known = Keys::generate("pencil")?; // this is what a server keeps
//!
//! let (mut client, first) = Client::new("me", "pencil")?;
//! let exchange = Exchange::begin(&first)?;
//! assert_eq!(exchange.user(), "me");
//! let (challenge, expected) = exchange.challenge(&known)?;
//! let proof = client.answer(&challenge)?;
//! let signature = expected.verify(&proof)?; // the client knows the password,
//! client.finish(&signature)?; // and so does the server
//! # Ok::<(), scram::Error>(())
//! ```

use base64::prelude::{BASE64_STANDARD, Engine};

mod client;
mod keys;
mod server;

pub use client::Client;
pub use keys::Keys;
pub use server::{Exchange, Expected};

/// The name of the mechanism: the Authentication Method of MQTT.
pub const METHOD: &str = "SCRAM-SHA-256";

/// A message is not what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("this is no message of SCRAM, or not the one whose turn it is")]
    Malformed,
    #[error("channel binding, or an extension, is asked for that there is not")]
    Unsupported,
    #[error("the messages are of different exchanges")]
    Nonce,
    #[error(
        "so many iterations are asked for that the answer would take too long, or so few that it is not safe"
    )]
    Iterations,
    #[error("the password is wrong")]
    Proof,
    #[error("the server has not shown that it knows the password")]
    Server,
    #[error("these are no keys of the form SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY")]
    Keys,
    #[error("the system has no random numbers")]
    Random,
}

/// A message: attributes, separated by commas.
struct Attributes<'m>(std::iter::Peekable<std::str::Split<'m, char>>);

impl<'m> Attributes<'m> {
    fn new(message: &'m str) -> Self {
        Self(message.split(',').peekable())
    }

    /// The value of the next attribute, which has to have this name.
    fn next(&mut self, name: char) -> Result<&'m str, Error> {
        let attribute = self.0.next().ok_or(Error::Malformed)?;
        // An extension that may not be ignored.
        if attribute.starts_with("m=") {
            return Err(Error::Unsupported);
        }
        let value = attribute.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
        value.ok_or(Error::Malformed)
    }
}

fn text(message: &[u8]) -> Result<&str, Error> {
    str::from_utf8(message).map_err(|_| Error::Malformed)
}

fn decode(base64: &str) -> Result<Vec<u8>, Error> {
    BASE64_STANDARD.decode(base64).map_err(|_| Error::Malformed)
}

/// The same for one of the keys.
fn decode_key(base64: &str) -> Result<[u8; 32], Error> {
    decode(base64)?.try_into().map_err(|_| Error::Malformed)
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes).map_err(|_| Error::Random)?;
    Ok(bytes)
}

/// What nobody has said before.
fn nonce() -> Result<String, Error> {
    Ok(encode(&random::<18>()?))
}

#[cfg(test)]
mod tests;
