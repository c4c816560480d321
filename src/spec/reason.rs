//! The table of reason codes: what there is, and which packets may carry it.

use core::fmt;

use super::Qos;
use super::scopes;

/// A reason code (5.0), or what stands for it in older versions.
///
/// Open: a code that no packet may carry survives for a log. The return codes of a 3.1.1 CONNACK are mapped to their
/// 5.0 equivalents ([`return_code`](Self::return_code)), those of SUBACK are the same numbers in both.
///
/// ```
/// use sans_mqtt::{PacketType, ReasonCode, Version};
/// let code = ReasonCode::NOT_AUTHORIZED;
/// assert_eq!((code.get(), code.name(), code.is_error()), (0x87, "Not authorized", true));
/// assert_eq!(code.return_code(), Some(5));
/// assert!(code.is_allowed_in(PacketType::Connack, Version::V5_0));
/// assert!(!ReasonCode::new(0x42).is_allowed_in(PacketType::Connack, Version::V5_0));
/// ```
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ReasonCode(u8);

/// What is said of a code, but for its name: who never asks for that has no text in the program.
pub(crate) struct Row {
    /// Packets that carry it, that only a client or only a server sends with it, and that nobody should send with it
    /// but whose receivers put up with it: sets of scopes.
    pub(crate) packets: u16,
    pub(crate) client_only: u16,
    pub(crate) server_only: u16,
    pub(crate) tolerated: u16,
}

/// The packets that a client sends with a code, and those that a server does.
struct Senders {
    client: u16,
    server: u16,
}

macro_rules! reasons {
    ($(
        $number:literal $constant:ident $name:literal [$($packet:ident)*]
        $(client [$($client:ident)+])? $(server [$($server:ident)+])? $(tolerated [$($tolerated:ident)+])?;
    )+) => {
        impl ReasonCode {
            $(#[doc = concat!("`", stringify!($number), "` ", $name)] pub const $constant: Self = Self($number);)+

            /// Every code of the specification, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self($number),)+];

            /// The name as the specification writes it; `"reserved"` for other codes.
            pub const fn name(self) -> &'static str {
                match self.0 { $($number => $name,)+ _ => "reserved" }
            }
        }

        /// For each code of [`ALL`](ReasonCode::ALL).
        static TABLE: [Senders; ReasonCode::ALL.len()] = [$(Senders {
            client: scopes!($($packet)*) & !scopes!($($($server)+)?),
            server: scopes!($($packet)*) & !scopes!($($($client)+)?),
        },)+];

        impl ReasonCode {
            const fn tolerated(self) -> u16 {
                $($(if self.0 == $number { return scopes!($($tolerated)+); })?)+
                0
            }
        }
    };
}

reasons! {
    // Also Normal disconnection and Granted QoS 0.
    0x00 SUCCESS "Success" [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH] server [AUTH];
    0x01 GRANTED_QOS_1 "Granted QoS 1" [SUBACK];
    0x02 GRANTED_QOS_2 "Granted QoS 2" [SUBACK];
    0x04 DISCONNECT_WITH_WILL_MESSAGE "Disconnect with Will Message" [DISCONNECT] client [DISCONNECT];
    // For servers only; but no error is named for a client that sends it.
    0x10 NO_MATCHING_SUBSCRIBERS "No matching subscribers" [PUBACK PUBREC]
        server [PUBACK PUBREC] tolerated [PUBACK PUBREC];
    0x11 NO_SUBSCRIPTION_EXISTED "No subscription existed" [UNSUBACK];
    0x18 CONTINUE_AUTHENTICATION "Continue authentication" [AUTH];
    0x19 RE_AUTHENTICATE "Re-authenticate" [AUTH] client [AUTH];
    0x80 UNSPECIFIED_ERROR "Unspecified error" [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT];
    0x81 MALFORMED_PACKET "Malformed Packet" [CONNACK DISCONNECT];
    0x82 PROTOCOL_ERROR "Protocol Error" [CONNACK DISCONNECT];
    0x83 IMPLEMENTATION_SPECIFIC_ERROR "Implementation specific error"
        [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT];
    0x84 UNSUPPORTED_PROTOCOL_VERSION "Unsupported Protocol Version" [CONNACK];
    0x85 CLIENT_IDENTIFIER_NOT_VALID "Client Identifier not valid" [CONNACK];
    0x86 BAD_USER_NAME_OR_PASSWORD "Bad User Name or Password" [CONNACK];
    0x87 NOT_AUTHORIZED "Not authorized" [CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT] server [DISCONNECT];
    0x88 SERVER_UNAVAILABLE "Server unavailable" [CONNACK];
    0x89 SERVER_BUSY "Server busy" [CONNACK DISCONNECT] server [DISCONNECT];
    0x8A BANNED "Banned" [CONNACK];
    0x8B SERVER_SHUTTING_DOWN "Server shutting down" [DISCONNECT] server [DISCONNECT];
    // The common table lists it for DISCONNECT, DISCONNECT's own table does not.
    0x8C BAD_AUTHENTICATION_METHOD "Bad authentication method" [CONNACK] tolerated [DISCONNECT];
    0x8D KEEP_ALIVE_TIMEOUT "Keep Alive timeout" [DISCONNECT] server [DISCONNECT];
    0x8E SESSION_TAKEN_OVER "Session taken over" [DISCONNECT] server [DISCONNECT];
    0x8F TOPIC_FILTER_INVALID "Topic Filter invalid" [SUBACK UNSUBACK DISCONNECT] server [DISCONNECT];
    0x90 TOPIC_NAME_INVALID "Topic Name invalid" [CONNACK PUBACK PUBREC DISCONNECT];
    0x91 PACKET_IDENTIFIER_IN_USE "Packet Identifier in use" [PUBACK PUBREC SUBACK UNSUBACK];
    0x92 PACKET_IDENTIFIER_NOT_FOUND "Packet Identifier not found" [PUBREL PUBCOMP];
    0x93 RECEIVE_MAXIMUM_EXCEEDED "Receive Maximum exceeded" [DISCONNECT];
    0x94 TOPIC_ALIAS_INVALID "Topic Alias invalid" [DISCONNECT];
    0x95 PACKET_TOO_LARGE "Packet too large" [CONNACK DISCONNECT];
    0x96 MESSAGE_RATE_TOO_HIGH "Message rate too high" [DISCONNECT];
    0x97 QUOTA_EXCEEDED "Quota exceeded" [CONNACK PUBACK PUBREC SUBACK DISCONNECT];
    0x98 ADMINISTRATIVE_ACTION "Administrative action" [DISCONNECT];
    0x99 PAYLOAD_FORMAT_INVALID "Payload format invalid" [CONNACK PUBACK PUBREC DISCONNECT];
    0x9A RETAIN_NOT_SUPPORTED "Retain not supported" [CONNACK DISCONNECT] server [DISCONNECT];
    // Listed for servers only, but a client is told to use it too [5.0 §3.3.4].
    0x9B QOS_NOT_SUPPORTED "QoS not supported" [CONNACK DISCONNECT];
    0x9C USE_ANOTHER_SERVER "Use another server" [CONNACK DISCONNECT] server [DISCONNECT];
    0x9D SERVER_MOVED "Server moved" [CONNACK DISCONNECT] server [DISCONNECT];
    0x9E SHARED_SUBSCRIPTIONS_NOT_SUPPORTED "Shared Subscriptions not supported" [SUBACK DISCONNECT]
        server [DISCONNECT];
    0x9F CONNECTION_RATE_EXCEEDED "Connection rate exceeded" [CONNACK DISCONNECT] server [DISCONNECT];
    0xA0 MAXIMUM_CONNECT_TIME "Maximum connect time" [DISCONNECT] server [DISCONNECT];
    0xA1 SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED "Subscription Identifiers not supported" [SUBACK DISCONNECT]
        server [DISCONNECT];
    0xA2 WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED "Wildcard Subscriptions not supported" [SUBACK DISCONNECT]
        server [DISCONNECT];
}

/// For each code the packets that may carry it, whoever sends them: nearly all that there are.
#[cfg(not(feature = "small"))]
#[expect(clippy::indexing_slicing, reason = "the compiler does it")]
static USUAL: [u16; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < ReasonCode::ALL.len() {
        let code = ReasonCode::ALL[i];
        if let Some(row) = code.row() {
            table[code.0 as usize] = row.packets & !row.client_only & !row.server_only;
        }
        i += 1;
    }
    table
};

/// The return codes of a 3.1.1 CONNACK, from 0.
const RETURN_CODES: [ReasonCode; 6] = [
    ReasonCode::SUCCESS,
    ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
    ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
    ReasonCode::SERVER_UNAVAILABLE,
    ReasonCode::BAD_USER_NAME_OR_PASSWORD,
    ReasonCode::NOT_AUTHORIZED,
];

impl ReasonCode {
    /// The reason code of a number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// What a SUBACK says of a filter that is granted with this QoS.
    ///
    /// ```
    /// use sans_mqtt::{Qos, ReasonCode};
    /// assert_eq!(ReasonCode::granted(Qos::AtLeastOnce), ReasonCode::GRANTED_QOS_1);
    /// ```
    pub const fn granted(qos: Qos) -> Self {
        Self(qos.number())
    }

    /// Whether the code reports a failure: 0x80 and above.
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// The equivalent return code of a 3.1.1 CONNACK, 0 to 5.
    ///
    /// Only codes that mean the same have one; see [`nearest_in`](Self::nearest_in).
    pub fn return_code(self) -> Option<u8> {
        (0..).zip(RETURN_CODES).find_map(|(number, code)| (code == self).then_some(number))
    }

    /// The reason code that a return code of a 3.1.1 CONNACK stands for; `None` from 6 on.
    pub fn from_return_code(code: u8) -> Option<Self> {
        RETURN_CODES.get(usize::from(code)).copied()
    }

    pub(crate) const fn row(self) -> Option<Row> {
        let (mut codes, mut table): (&[Self], &[Senders]) = (Self::ALL, &TABLE);
        while let ([code, codes_behind @ ..], [Senders { client, server }, behind @ ..]) = (codes, table) {
            if code.0 == self.0 {
                return Some(Row {
                    packets: *client | *server,
                    client_only: *client & !*server,
                    server_only: *server & !*client,
                    tolerated: self.tolerated(),
                });
            }
            (codes, table) = (codes_behind, behind);
        }
        None
    }

    /// The packets that may carry it, whoever sends them.
    #[cfg(not(feature = "small"))]
    pub(crate) fn usual(self) -> u16 {
        USUAL.get(usize::from(self.0)).copied().unwrap_or(0)
    }
}

impl From<u8> for ReasonCode {
    fn from(number: u8) -> Self {
        Self(number)
    }
}

impl From<ReasonCode> for u8 {
    fn from(code: ReasonCode) -> Self {
        code.0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name(), self.0)
    }
}

impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
