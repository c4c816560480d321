//! The control packet types, and sets of them.

use core::fmt;

use super::{Sender, Version};

macro_rules! packet_types {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:ident $number:literal,)+) => {
        /// The fifteen control packet types.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum PacketType { $($(#[doc = $doc])+ $variant = $number,)+ }

        impl PacketType {
            /// Every packet type, in the order of their numbers.
            pub const ALL: [Self; 15] = [$(Self::$variant,)+];

            /// The packet type of a number from 1 to 15.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The number, 1 to 15.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The name as the specification writes it, `PUBLISH` for example.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($name),)+ }
            }
        }

        impl Scope {
            $(pub(crate) const $name: Self = Self($number);)+
        }
    };
}

packet_types! {
    /// A client asks for a connection.
    Connect CONNECT 1,
    /// The server's answer to CONNECT.
    Connack CONNACK 2,
    /// A message.
    Publish PUBLISH 3,
    /// The answer to a QoS 1 PUBLISH.
    Puback PUBACK 4,
    /// The answer to a QoS 2 PUBLISH.
    Pubrec PUBREC 5,
    /// The answer to PUBREC.
    Pubrel PUBREL 6,
    /// The answer to PUBREL, and the end of a QoS 2 exchange.
    Pubcomp PUBCOMP 7,
    /// A client subscribes.
    Subscribe SUBSCRIBE 8,
    /// The server's answer to SUBSCRIBE.
    Suback SUBACK 9,
    /// A client unsubscribes.
    Unsubscribe UNSUBSCRIBE 10,
    /// The server's answer to UNSUBSCRIBE.
    Unsuback UNSUBACK 11,
    /// A client shows that it is alive.
    Pingreq PINGREQ 12,
    /// The server's answer to PINGREQ.
    Pingresp PINGRESP 13,
    /// The last packet of a connection.
    Disconnect DISCONNECT 14,
    /// Enhanced authentication (5.0).
    Auth AUTH 15,
}

/// A set of scopes: `scopes!(PUBACK PUBREC)`.
macro_rules! scopes {
    ($($scope:ident)*) => { 0 $(| $crate::spec::Scope::$scope.bit())* };
}
pub(crate) use scopes;

const FLAGGED: u16 = scopes!(PUBREL SUBSCRIBE UNSUBSCRIBE);

impl PacketType {
    /// The reserved flags in the low half of the first byte (those of PUBLISH vary).
    pub(crate) const fn flags(self) -> u8 {
        // 0010 for PUBREL, SUBSCRIBE and UNSUBSCRIBE, 0000 for the rest.
        (FLAGGED >> self as u16 & 1) as u8 * 0b0010
    }

    /// Whether `sender` may send packets of this type at all.
    ///
    /// ```
    /// use sans_mqtt::{PacketType, Sender, Version};
    /// assert!(PacketType::Disconnect.may_be_sent_by(Sender::Server, Version::V5_0));
    /// assert!(!PacketType::Disconnect.may_be_sent_by(Sender::Server, Version::V3_1_1));
    /// ```
    pub const fn may_be_sent_by(self, sender: Sender, version: Version) -> bool {
        match self {
            Self::Publish | Self::Puback | Self::Pubrec | Self::Pubrel | Self::Pubcomp => true,
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => {
                matches!(sender, Sender::Client)
            }
            Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp => {
                matches!(sender, Sender::Server)
            }
            Self::Disconnect => version.is_5() || matches!(sender, Sender::Client),
            Self::Auth => version.is_5(),
        }
    }
}

/// What the tables speak of: a packet type, or the will inside CONNECT, which has properties of its own.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Scope(u8);

impl Scope {
    pub(crate) const WILL: Self = Self(0);
    /// In no packet but a log, where lists are not validated.
    pub(crate) const LOG: Self = Self(16);

    pub(crate) const fn of(packet_type: PacketType) -> Self {
        Self(packet_type as u8)
    }

    /// A set of scopes is a `u16` with one bit each.
    pub(crate) const fn bit(self) -> u16 {
        1 << self.index()
    }

    /// The number of its bit.
    pub(crate) const fn index(self) -> usize {
        (self.0 & 15) as usize
    }

    pub(crate) const fn packet_type(self) -> PacketType {
        match PacketType::from_number(self.0) {
            Some(packet_type) => packet_type,
            None => PacketType::Connect,
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::WILL { "WILL" } else { self.packet_type().name() })
    }
}
