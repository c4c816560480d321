#![doc = include_str!("../README.md")]
#![no_std]
// Documentation shows which feature an item needs, where the compiler can.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Without a feature, what it adds can't be linked to.
#![cfg_attr(
    not(all(feature = "bytes", feature = "std", feature = "v3", feature = "v5")),
    allow(rustdoc::broken_intra_doc_links)
)]
// What could panic, or need more than `core`, is for tests and programs.
#![warn(
    clippy::alloc_instead_of_core,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used
)]

#[cfg(target_pointer_width = "16")]
compile_error!(
    "a packet has up to 268,435,460 bytes, which a `usize` of 16 bits can't count: 32 bits are needed"
);

#[cfg(not(any(feature = "v3", feature = "v5")))]
compile_error!("a version of MQTT is needed: the feature `v3` (3.1 and 3.1.1), `v5` (5.0), or both");

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod buffer;
mod connection;
mod error;
pub mod event_log;
#[cfg(feature = "bytes")]
mod owned;
mod packet;
mod property;
mod session;
mod show;
mod spec;
mod time;
mod topic;
mod wire;

#[cfg(feature = "arbitrary")]
mod arbitrary;

#[doc = include_str!("connection/contract.md")]
pub mod contract {}

/// What a newcomer needs, one thing at a time. Every snippet runs as a test.
pub mod guide {
    #[doc = include_str!("guide/client.md")]
    pub mod client {}
    #[cfg_attr(feature = "bytes", doc = include_str!("guide/broker.md"))]
    #[cfg_attr(not(feature = "bytes"), doc = "This page is in the documentation with the feature `bytes`.")]
    pub mod broker {}
    #[cfg_attr(feature = "bytes", doc = include_str!("guide/codec.md"))]
    #[cfg_attr(not(feature = "bytes"), doc = "This page is in the documentation with the feature `bytes`.")]
    pub mod codec {}
    #[doc = include_str!("guide/sessions.md")]
    pub mod sessions {}
    #[doc = include_str!("guide/offline_queue.md")]
    pub mod offline_queue {}
    #[cfg_attr(feature = "bytes", doc = include_str!("guide/acks.md"))]
    #[cfg_attr(not(feature = "bytes"), doc = "This page is in the documentation with the feature `bytes`.")]
    pub mod acks {}
    #[doc = include_str!("guide/back_pressure.md")]
    pub mod back_pressure {}
    #[doc = include_str!("guide/large_messages.md")]
    pub mod large_messages {}
    #[doc = include_str!("guide/topic_aliases.md")]
    pub mod topic_aliases {}
    #[doc = include_str!("guide/logs.md")]
    pub mod logs {}
    #[doc = include_str!("guide/no_std.md")]
    pub mod no_std {}
    #[cfg_attr(feature = "bytes", doc = include_str!("guide/coming_from.md"))]
    #[cfg_attr(not(feature = "bytes"), doc = "This page is in the documentation with the feature `bytes`.")]
    pub mod coming_from {}
}

#[cfg(feature = "arbitrary")]
pub use self::arbitrary::AnyPacket;
pub use buffer::{Bounded, Buffer};
#[cfg(feature = "alloc")]
pub use connection::HeapTopics;
pub use connection::{
    AckError, AckToken, Acknowledge, Agreement, Aliases, Cause, Client, Config, Connection, Event,
    FixedTopics, Incoming, Limits, NoAliases, NoTopics, ProtocolError, Role, Server, Step, Timer, TopicSlot,
    TopicTable, UsageError, Wait, role,
};
pub use error::{DecodeError, EncodeError, ErrorKind, Field, Violation};
#[cfg(feature = "bytes")]
pub use owned::{BufSink, PacketBuf, PublishBuf};
pub use packet::{
    Ack, Alias, Answer, Auth, Connack, Connect, Disconnect, Forward, HeadSplit, Message, Packet, Prepared,
    Publish, PublishHead, RetainHandling, Suback, Subscribe, Subscription, Terms, Unsuback, Unsubscribe,
    Will,
};
pub use property::{Properties, Property, PropertySet};
pub use session::{
    Arrays, Caller, Due, Fixed, FixedCaller, Flight, IncomingSlot, Inline, Keep, OutgoingSlot, Record,
    RecordError, Session, Store, StoreError, Tables, Timers,
};
#[cfg(feature = "alloc")]
pub use session::{Boxed, Heap};
pub use spec::{Delivery, PacketId, PacketType, PropertyId, Qos, ReasonCode, Sender, Version};
pub use time::Instant;
pub use topic::{TopicError, TopicFilter, TopicName, matches};
pub use wire::{Frame, Iter, Observer, Seq, Sink, Split, Value};
