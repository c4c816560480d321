//! MQTT 3.1.1 and 5.0 with the least work: what the benches compare with.
//!
//! This does all the checks that the standard asks of a packet, reads every field, writes every packet, and keeps what
//! a client has to keep of QoS 0, 1 and 2. It does nothing for its user: no kinds of errors, no places of them, flags
//! and codes as plain numbers, nothing resumed. It uses nothing that a library could not: no `unsafe`, no panic, the
//! version is known at run time.

mod client;
mod flights;
mod packet;
mod property;
mod read;
mod reader;
mod table;
mod text;
mod write;
mod writer;

pub use client::{Client, Event, Limits};
pub use packet::{
    Ack, Connack, Connect, Element, Flags, List, Outcome, Packet, Publish, Suback, Subscribe, Subscription,
    Unsubscribe, Will,
};
pub use property::{Property, Value};
pub use reader::{Frame, split};

/// The version of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Version {
    V3_1_1,
    V5_0,
}

/// Who sends a packet, if that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Sender {
    Anyone,
    Client,
    Server,
}

/// The packet breaks a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Invalid;

/// Why nothing is sent. As large as a length, so that either is returned in a register.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub enum Refused {
    Invalid,
    NoRoom,
    /// There are as many messages on their way as the other side takes.
    NoQuota,
}

impl From<Invalid> for Refused {
    #[inline(always)]
    fn from(_: Invalid) -> Self {
        Self::Invalid
    }
}

type Checked<T> = Result<T, Invalid>;
