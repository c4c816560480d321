//! The table of calls: what a caller can do with a connection.

use core::fmt;

use super::part::{Numbers, Part, Shown, Tape};
use super::{LogError, SessionState};
use crate::connection::{AckToken, Acknowledge};
use crate::packet::{Auth, Connect, Disconnect, Message, Subscription};
use crate::property::Properties;
use crate::spec::{PacketId, ReasonCode};
use crate::time::Instant;
use crate::wire::{Seq, Sink};

/// One row for each: the first byte in a log, the name, and what it is given.
macro_rules! calls {
    ($($tag:literal $variant:ident $name:ident { $($(#[doc = $doc:literal])? $field:ident: $type:ty,)* })+) => {
        /// A call of a function of a [`Connection`](crate::Connection) as data.
        ///
        /// A command with a text of more than 65,535 bytes in a list, which no packet can have, is none: it fails and
        /// changes nothing.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum Call<'a> {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $variant {
                    $(#[doc = concat!("`", stringify!($field), "`", $(": ", $doc)?)] $field: $type,)*
                },
            )+
        }

        impl<'a> Call<'a> {
            /// The name of the function.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => stringify!($name),)+ }
            }

            /// Whether it has a form in bytes.
            pub(super) fn fits(&self) -> bool {
                match self { $(Self::$variant { $($field),* } => true $(&& $field.fits())*,)+ }
            }

            pub(super) fn put<L: Sink>(&self, tape: &mut Tape<L>) {
                match self {
                    $(Self::$variant { $($field),* } => {
                        tape.bytes(&[$tag]);
                        $($field.put(tape);)*
                    })+
                }
            }

            /// `None`: the byte is that of no call.
            pub(super) fn take(tag: u8, from: &mut &'a [u8]) -> Result<Option<Self>, LogError> {
                Ok(Some(match tag {
                    $($tag => Self::$variant { $($field: Part::take(from)?),* },)+
                    _ => return Ok(None),
                }))
            }
        }

        /// The name, and shortly what it is given; but for the time, which is in [`now`](Self::now).
        impl fmt::Display for Call<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())?;
                match self {
                    $(Self::$variant { $($field),* } => {
                        $(if $field.is_shown() && stringify!($field) != "now" {
                            write!(f, ", {} {}", stringify!($field), Shown($field))?;
                        })*
                    })+
                }
                Ok(())
            }
        }
    };
}

calls! {
    0x01 Connect connect { now: Instant, connect: Connect<'a>, }
    0x02 Publish publish { message: Message<'a>, }
    0x03 PublishKept publish_kept {
        message: Message<'a>,
        #[doc = "what the store gets of it"] kept: Option<Message<'a>>,
    }
    0x1A PublishPrepared publish_prepared {
        message: Message<'a>,
        #[doc = "Subscription Identifiers"] ids: Numbers<'a>,
        #[doc = "Message Expiry Interval"] expiry: Option<u32>,
        #[doc = "what the store gets of it"] kept: Option<Message<'a>>,
    }
    0x04 PublishHead publish_head { message: Message<'a>, more: u32, }
    0x05 PayloadWritten payload_written { n: usize, }
    0x06 Resend resend { id: PacketId, message: Message<'a>, }
    0x07 ResendHead resend_head { id: PacketId, message: Message<'a>, more: u32, }
    0x08 Abandon abandon { id: PacketId, }
    0x09 Requeue requeue { id: PacketId, }
    0x0A Ack ack {
        id: PacketId,
        #[doc = "what tells the token from others of the same identifier"] number: u64,
        reason: ReasonCode,
        properties: Properties<'a>,
    }
    0x0B Alias alias { topic: &'a str, }
    0x0C Subscribe subscribe { filters: Seq<'a, Subscription<'a>>, properties: Properties<'a>, }
    0x0D Unsubscribe unsubscribe { filters: Seq<'a, &'a str>, properties: Properties<'a>, }
    0x0E Suback suback { reasons: Seq<'a, ReasonCode>, properties: Properties<'a>, }
    0x0F Unsuback unsuback { reasons: Seq<'a, ReasonCode>, properties: Properties<'a>, }
    0x10 Accept accept { properties: Properties<'a>, }
    0x11 Reject reject { reason: ReasonCode, properties: Properties<'a>, }
    0x12 Auth auth { auth: Auth<'a>, }
    0x13 Disconnect disconnect { disconnect: Disconnect<'a>, }
    0x14 SetAcknowledge set_acknowledge { acknowledge: Acknowledge, }
    0x15 Resume resume { session: SessionState<'a>, }
    0x16 Handle handle {
        now: Instant,
        #[doc = "how many bytes of input the last call left that are still there"] left: usize,
        #[doc = "what is new behind them"] input: &'a [u8],
    }
    0x17 HandleTimeout handle_timeout { now: Instant, }
    0x18 HandleEof handle_eof { }
    0x19 IntoSession into_session { }
}

impl Call<'_> {
    /// The time that it tells.
    pub const fn now(&self) -> Option<Instant> {
        match self {
            Self::Connect { now, .. } | Self::Handle { now, .. } | Self::HandleTimeout { now } => Some(*now),
            _ => None,
        }
    }
}

/// A token in a log, and back: nobody else makes one.
impl AckToken {
    pub(super) fn number(&self) -> u64 {
        u64::from(self.epoch) << 16 | u64::from(self.handle)
    }

    #[cfg(feature = "alloc")]
    pub(super) fn from_number(id: PacketId, number: u64) -> Self {
        Self { epoch: (number >> 16) as u32, handle: number as u16, id }
    }
}
