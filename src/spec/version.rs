//! The protocol version: a value handed to `decode` and `encode`, never a type parameter.

use core::fmt;

/// A version of the MQTT protocol. The default is the [newest](Self::NEWEST) that the features give.
///
/// ```
/// use sans_mqtt::Version;
/// assert_eq!((Version::V5_0.level(), Version::from_level(5)), (5, Some(Version::V5_0)));
/// assert_eq!(Version::V3_1_1.to_string(), "3.1.1");
/// assert!(Version::V3_1_1 < Version::V5_0);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Version {
    /// MQTT 3.1 (`MQIsdp`, level 3), with the feature `v3`: as 3.1.1, except that the DUP flag may be set on PUBREL, SUBSCRIBE and
    /// UNSUBSCRIBE, that CONNACK has no Session Present and that SUBACK can't report a failure. An empty client
    /// identifier can be decoded, so that a server can refuse it, but not encoded.
    ///
    /// Where 3.1 is laxer or unclear, the rules of 3.1.1 hold, which every 3.1 client in use keeps anyway: a user
    /// name or password that is announced by its flag has to be there (3.1 lets it be missing at the end), unused
    /// header flags and the reserved byte of CONNACK are 0, and a client identifier may be longer than 23 bytes.
    #[cfg(feature = "v3")]
    V3_1,
    /// MQTT 3.1.1 (`MQTT`, level 4), with the feature `v3`.
    #[cfg(feature = "v3")]
    #[cfg_attr(not(feature = "v5"), default)]
    V3_1_1,
    /// MQTT 5.0 (`MQTT`, level 5), with the feature `v5`.
    #[cfg(feature = "v5")]
    #[default]
    V5_0,
}

/// How many versions there are.
const COUNT: usize = 2 * cfg!(feature = "v3") as usize + cfg!(feature = "v5") as usize;

impl Version {
    /// Every version that the features give, oldest first.
    pub const ALL: [Self; COUNT] = [
        #[cfg(feature = "v3")]
        Self::V3_1,
        #[cfg(feature = "v3")]
        Self::V3_1_1,
        #[cfg(feature = "v5")]
        Self::V5_0,
    ];

    /// The newest one.
    pub const NEWEST: Self = {
        let [.., newest] = Self::ALL;
        newest
    };

    /// The one of a client whose CONNECT has not come, or can't be read: 3.1.1, if there is that.
    pub(crate) const OF_STRANGERS: Self = match Self::ALL {
        #[cfg(feature = "v3")]
        [_, version, ..] => version,
        #[cfg(not(feature = "v3"))]
        [version] => version,
    };

    /// The version of a protocol level: 3, 4 or 5.
    pub const fn from_level(level: u8) -> Option<Self> {
        match level {
            #[cfg(feature = "v3")]
            3 => Some(Self::V3_1),
            #[cfg(feature = "v3")]
            4 => Some(Self::V3_1_1),
            #[cfg(feature = "v5")]
            5 => Some(Self::V5_0),
            _ => None,
        }
    }

    /// The protocol level (5.0: protocol version) byte of a CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            #[cfg(feature = "v3")]
            Self::V3_1 => 3,
            #[cfg(feature = "v3")]
            Self::V3_1_1 => 4,
            #[cfg(feature = "v5")]
            Self::V5_0 => 5,
        }
    }

    /// The protocol name of a CONNECT.
    pub const fn protocol_name(self) -> &'static str {
        if self.is_3_1() { "MQIsdp" } else { "MQTT" }
    }

    /// Whether 5.0 is one of them. Without it nobody says what it takes or why, and no code asks.
    pub(crate) const HAS_5: bool = cfg!(feature = "v5");

    pub(crate) const fn is_5(self) -> bool {
        match self {
            #[cfg(feature = "v3")]
            Self::V3_1 | Self::V3_1_1 => false,
            #[cfg(feature = "v5")]
            Self::V5_0 => true,
        }
    }

    pub(crate) const fn is_3_1(self) -> bool {
        match self {
            #[cfg(feature = "v3")]
            Self::V3_1 => true,
            _ => false,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(feature = "v3")]
            Self::V3_1 => "3.1",
            #[cfg(feature = "v3")]
            Self::V3_1_1 => "3.1.1",
            #[cfg(feature = "v5")]
            Self::V5_0 => "5.0",
        })
    }
}

/// Which side sent a packet.
///
/// Some rules can only be checked by a receiver that knows: a client never gets a SUBSCRIBE, a server's
/// DISCONNECT has no Session Expiry Interval, and so on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Sender {
    /// The side that opened the connection.
    Client,
    /// The side that accepted it.
    Server,
}

impl Sender {
    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }

    /// The other side, which receives what this one sends.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
