//! Properties (5.0) with their values, as lists and as bytes.

mod encode;
mod list;
mod raw;
mod set;

use core::fmt;

use crate::show::{Binary, Hidden};
use crate::spec::{Kind, PropertyId, Qos, properties};
use crate::wire::Unseen;
#[cfg(not(feature = "small"))]
use crate::wire::array;

pub(crate) use encode::{Joined, Own, OwnProperty, Piece, Section, section_len};
pub use list::Properties;
use raw::{Raw, Typed};
pub use set::PropertySet;

/// The Rust type of a value.
macro_rules! value {
    (type Flag) => { bool };
    (type MaximumQos) => { Qos };
    (type Short) => { u16 };
    (type PositiveShort) => { u16 };
    (type Long) => { u32 };
    (type PositiveLong) => { u32 };
    (type PositiveVarint) => { u32 };
    (type Text) => { &'a str };
    (type Topic) => { &'a str };
    (type Binary) => { &'a [u8] };

    (debug Binary $value:ident) => { Binary($value) };
    (debug $other:ident $value:ident) => { $value };
}

macro_rules! values {
    ($(
        $number:literal $variant:ident $accessor:ident $kind:ident $name:literal
        [$($scope:ident)+] $(repeatable [$($many:ident)+])? $(client [$($client:ident)+])? $(server [$($server:ident)+])?
        #[doc = $doc:literal];
    )+) => {
        /// A property with its value.
        #[derive(Clone, Copy, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Property<'a> {
            $(#[doc = $doc] $variant(value!(type $kind)),)+
            /// Name and value of the application's own.
            UserProperty(&'a str, &'a str),
        }

        impl<'a> Property<'a> {
            /// The identifier.
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$variant(_) => PropertyId::$variant,)+
                    Self::UserProperty(..) => PropertyId::UserProperty,
                }
            }

            #[cfg_attr(not(feature = "small"), inline(always))]
            fn raw(&self) -> (Kind, Raw<'a>) {
                match *self {
                    $(Self::$variant(value) => (Kind::$kind, value.raw()),)+
                    Self::UserProperty(name, value) => (Kind::Pair, Raw::Pair(name, value)),
                }
            }

            /// The identifier, and the number of bytes that the value takes, if it is obviously right.
            #[cfg(not(feature = "small"))]
            #[inline(always)]
            fn plain_len(&self) -> Option<(PropertyId, usize)> {
                match *self {
                    $(Self::$variant(value) => {
                        Some((PropertyId::$variant, value.raw().plain_len(Kind::$kind)?))
                    })+
                    Self::UserProperty(name, value) => {
                        Some((PropertyId::UserProperty, Raw::Pair(name, value).plain_len(Kind::Pair)?))
                    }
                }
            }

            /// Takes one off the front of bytes that were validated.
            #[cfg(not(feature = "small"))]
            #[inline(always)]
            fn again(bytes: &mut &'a [u8]) -> Option<Self> {
                let [number] = array(bytes)?;
                match number {
                    $($number => Self::from_raw(PropertyId::$variant, Raw::again(Kind::$kind, bytes)?),)+
                    0x26 => Self::from_raw(PropertyId::UserProperty, Raw::again(Kind::Pair, bytes)?),
                    _ => None,
                }
            }

            #[inline]
            fn from_raw(id: PropertyId, raw: Raw<'a>) -> Option<Self> {
                match id {
                    $(PropertyId::$variant => Typed::of(raw).map(Self::$variant),)+
                    PropertyId::UserProperty => match raw {
                        Raw::Pair(name, value) => Some(Self::UserProperty(name, value)),
                        _ => None,
                    },
                }
            }
        }

        /// Authentication Data is shown by its length alone.
        impl fmt::Debug for Property<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if let Self::AuthenticationData(data) = self {
                    return f.debug_tuple("AuthenticationData").field(&Hidden(data)).finish();
                }
                match self {
                    $(Self::$variant(value) => {
                        f.debug_tuple(stringify!($variant)).field(&value!(debug $kind value)).finish()
                    })+
                    Self::UserProperty(name, value) => {
                        f.debug_tuple("UserProperty").field(name).field(value).finish()
                    }
                }
            }
        }

        impl<'a> Properties<'a> {
            $(
                #[doc = $doc]
                ///
                /// The first one if there are several; `None` if there is none.
                pub fn $accessor(&self) -> Option<value!(type $kind)> {
                    Typed::of(self.first(PropertyId::$variant)?)
                }
            )+
        }
    };
}

properties!(values);

impl PropertyId {
    /// What it is hidden with, if it ever is.
    pub(crate) const fn group(self) -> Unseen {
        match self {
            Self::TopicAlias | Self::SubscriptionIdentifier => Unseen::OF_CONNECTION,
            Self::ReasonString => Unseen::REASON,
            Self::UserProperty => Unseen::USER,
            Self::ResponseInformation => Unseen::RESPONSE,
            Self::WillDelayInterval => Unseen::DELAY,
            _ => Unseen::NOTHING,
        }
    }
}
