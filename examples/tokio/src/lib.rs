//! An MQTT client on tokio, to be copied: TCP and TLS, connecting again by itself, with a session in a file.
//!
//! | | |
//! |---|---|
//! | [`handle`] | what an application calls: publish, subscribe, acknowledge; and the events that it hears |
//! | `task` | the loop around a [`sans_mqtt::Client`]: one connection after the other |
//! | [`journal`] | the session in a file, which a crash does no harm to |
//! | [`endpoint`] | the way to the server: TCP, or TLS over it |
//! | `authentication` | SCRAM, then and again |
//! | [`codec`] | something else: packets as a `Stream` and a `Sink`, with `tokio_util::codec` |

mod authentication;
pub mod codec;
mod connection;
pub mod endpoint;
mod error;
pub mod handle;
pub mod journal;
mod task;

pub use error::Error;
pub use handle::{Event, Handle, Options, Received, Stale, start};
