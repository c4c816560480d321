//! Values that several packets share.

use core::fmt;
use core::num::{NonZeroU16, TryFromIntError};

/// A packet identifier: 1 to 65,535.
///
/// ```
/// use sans_mqtt::PacketId;
/// assert_eq!(PacketId::new(7).map(PacketId::get), Some(7));
/// assert_eq!(PacketId::new(0), None);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The smallest one, 1.
    pub const MIN: Self = Self(NonZeroU16::MIN);

    /// The largest one, 65,535.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// The identifier `id`, unless it is 0.
    pub const fn new(id: u16) -> Option<Self> {
        match NonZeroU16::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The number.
    #[inline(always)]
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    pub(crate) const fn to_bytes(self) -> [u8; 2] {
        self.get().to_be_bytes()
    }
}

/// 1, so that literals can end in `..Default::default()`.
impl Default for PacketId {
    fn default() -> Self {
        Self::MIN
    }
}

impl From<NonZeroU16> for PacketId {
    fn from(id: NonZeroU16) -> Self {
        Self(id)
    }
}

impl From<PacketId> for NonZeroU16 {
    fn from(id: PacketId) -> Self {
        id.0
    }
}

/// As for [`NonZeroU16`]: any number but 0.
impl TryFrom<u16> for PacketId {
    type Error = TryFromIntError;

    fn try_from(id: u16) -> Result<Self, TryFromIntError> {
        NonZeroU16::try_from(id).map(Self)
    }
}

impl From<PacketId> for u16 {
    fn from(id: PacketId) -> Self {
        id.get()
    }
}

impl fmt::Debug for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Quality of service: how hard the delivery of a message is tried.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Qos {
    /// QoS 0: it may get lost.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: it arrives, perhaps more than once.
    AtLeastOnce = 1,
    /// QoS 2: it arrives exactly once.
    ExactlyOnce = 2,
}

impl Qos {
    /// The QoS of a number from 0 to 2.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::AtMostOnce,
            1 => Self::AtLeastOnce,
            2 => Self::ExactlyOnce,
            _ => return None,
        })
    }

    /// The number, 0 to 2.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Qos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.number(), f)
    }
}

/// The QoS of a PUBLISH together with what it needs: a packet identifier above QoS 0.
///
/// ```
/// use sans_mqtt::{Delivery, PacketId, Qos};
/// let delivery = Delivery::AtLeastOnce(PacketId::MIN);
/// assert_eq!((delivery.qos(), delivery.packet_id()), (Qos::AtLeastOnce, PacketId::new(1)));
/// assert_eq!(Delivery::new(Qos::AtLeastOnce, PacketId::MIN), delivery);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Delivery {
    /// QoS 0.
    #[default]
    AtMostOnce,
    /// QoS 1.
    AtLeastOnce(PacketId),
    /// QoS 2.
    ExactlyOnce(PacketId),
}

impl Delivery {
    /// A QoS with an identifier, which is not used at QoS 0.
    #[inline(always)]
    pub const fn new(qos: Qos, id: PacketId) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce(id),
            Qos::ExactlyOnce => Self::ExactlyOnce(id),
        }
    }

    /// The QoS.
    pub const fn qos(self) -> Qos {
        match self {
            Self::AtMostOnce => Qos::AtMostOnce,
            Self::AtLeastOnce(_) => Qos::AtLeastOnce,
            Self::ExactlyOnce(_) => Qos::ExactlyOnce,
        }
    }

    /// The packet identifier, above QoS 0.
    pub const fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce(id) | Self::ExactlyOnce(id) => Some(id),
        }
    }
}
