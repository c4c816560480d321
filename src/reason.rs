//! The table of reason codes, and all that follows from it.

use core::fmt;

use crate::error::{EncodeError, ErrorKind};
use crate::version::{Sender, Version};
use crate::wire::{Check, Context, Decoded, Element, Mode, Reader, Scope, Sink, Writer, invalid, scopes};
use crate::{Field, PacketType};

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
struct Row {
    /// Packets that carry it, that only a client or only a server sends with it, and that nobody should send with it
    /// but whose receivers put up with it: sets of scopes.
    packets: u16,
    client_only: u16,
    server_only: u16,
    tolerated: u16,
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
        table[code.0 as usize] = code.usual();
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
    #[inline(always)]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// The number.
    #[inline(always)]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether the code reports a failure: 0x80 and above.
    #[inline(always)]
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// The equivalent return code of a 3.1.1 CONNACK, 0 to 5.
    ///
    /// Only codes that mean the same have one; see [`nearest_in`](Self::nearest_in).
    pub fn return_code(self) -> Option<u8> {
        (0..).zip(RETURN_CODES).find_map(|(number, code)| (code == self).then_some(number))
    }

    /// This code, or the one that comes nearest among those that a packet of this type and version may be sent with.
    /// `None`: there is no such packet for what has to be said.
    ///
    /// A server that refuses a 3.1.1 client closes the connection without a CONNACK then `[MQTT-3.2.2-6]`; and one
    /// that refuses a subscription of a 3.1 client has no way to say so.
    ///
    /// ```
    /// use sans_mqtt::{PacketType, ReasonCode, Version};
    /// let old = |code: ReasonCode, packet| code.nearest_in(packet, Version::V3_1_1);
    /// let busy = old(ReasonCode::SERVER_BUSY, PacketType::Connack);
    /// assert_eq!(busy, Some(ReasonCode::SERVER_UNAVAILABLE)); // return code 3
    /// assert_eq!(old(ReasonCode::MALFORMED_PACKET, PacketType::Connack), None);
    /// let refused = old(ReasonCode::NOT_AUTHORIZED, PacketType::Suback);
    /// assert_eq!(refused, Some(ReasonCode::UNSPECIFIED_ERROR)); // 0x80, Failure
    /// ```
    pub fn nearest_in(self, packet_type: PacketType, version: Version) -> Option<Self> {
        let similar = match self {
            Self::SERVER_BUSY
            | Self::QUOTA_EXCEEDED
            | Self::CONNECTION_RATE_EXCEEDED
            | Self::USE_ANOTHER_SERVER
            | Self::SERVER_MOVED => Self::SERVER_UNAVAILABLE,
            Self::BAD_AUTHENTICATION_METHOD => Self::BAD_USER_NAME_OR_PASSWORD,
            Self::BANNED => Self::NOT_AUTHORIZED,
            _ => self,
        };
        let any = if self.is_error() { Self::UNSPECIFIED_ERROR } else { self };
        [self, similar, any].into_iter().find(|code| code.is_allowed_in(packet_type, version))
    }

    /// The reason code that a return code of a 3.1.1 CONNACK stands for; `None` from 6 on.
    pub fn from_return_code(code: u8) -> Option<Self> {
        RETURN_CODES.get(usize::from(code)).copied()
    }

    /// Whether a packet of this type and version may be sent with this code, by one side at least.
    pub fn is_allowed_in(self, packet_type: PacketType, version: Version) -> bool {
        self.permitted(Context { version, sender: None, scope: Scope::of(packet_type) }, false).is_ok()
    }

    /// Whether the packet `cx` may be sent with this code.
    #[inline(always)]
    pub(crate) fn check_sent(self, cx: Context) -> Result<(), EncodeError> {
        self.permitted(cx, false).map_err(|kind| invalid(cx, kind, Field::ReasonCode))
    }

    /// What `byte` means in the packet `cx`, if it may arrive with that.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn received(byte: u8, cx: Context) -> Result<Self, ErrorKind> {
        let code = Self(byte);
        if cx.scope == Scope::CONNACK && !cx.version.is_5() {
            return Self::from_return_code(byte).ok_or(ErrorKind::ReasonCode);
        }
        code.permitted(cx, true).map(|()| code)
    }

    const fn row(self) -> Option<Row> {
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
    const fn usual(self) -> u16 {
        match self.row() {
            Some(row) => row.packets & !row.client_only & !row.server_only,
            None => 0,
        }
    }

    /// Whether nobody needs to look closer at this code in the packet `cx`.
    #[cfg(not(feature = "small"))]
    #[inline(always)]
    fn is_usual(self, cx: Context) -> bool {
        if !cx.version.is_5() {
            return cx.scope == Scope::SUBACK && self <= Self::GRANTED_QOS_2
                || cx.scope == Scope::CONNACK && self == Self::SUCCESS;
        }
        USUAL.get(usize::from(self.0)).is_some_and(|packets| packets & cx.scope.bit() != 0)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn permitted(self, cx: Context, received: bool) -> Result<(), ErrorKind> {
        #[cfg(not(feature = "small"))]
        if self.is_usual(cx) {
            return Ok(());
        }
        self.check(cx, received)
    }

    #[inline(never)]
    fn check(self, cx: Context, received: bool) -> Result<(), ErrorKind> {
        if cx.version.is_5() { self.check_5(cx, received) } else { self.check_3(cx, received) }
    }

    fn check_5(self, cx: Context, received: bool) -> Result<(), ErrorKind> {
        let here = cx.scope.bit();
        let Some(row) = self.row() else { return Err(ErrorKind::ReasonCode) };
        if received && row.tolerated & here != 0 {
            return Ok(());
        }
        let forbidden = match cx.sender {
            None => 0,
            Some(Sender::Client) => row.server_only,
            Some(Sender::Server) => row.client_only,
        };
        if row.packets & here == 0 {
            Err(ErrorKind::ReasonCode)
        } else if forbidden & here != 0 {
            Err(ErrorKind::Sender)
        } else {
            Ok(())
        }
    }

    /// Before 5.0 only CONNACK and SUBACK have codes.
    fn check_3(self, cx: Context, received: bool) -> Result<(), ErrorKind> {
        let known = match (cx.scope, self.0) {
            (Scope::CONNACK, _) => self.return_code().is_some(),
            (Scope::SUBACK, 0..=2) => true,
            (Scope::SUBACK, 0x80) => !cx.version.is_3_1(),
            _ => false,
        };
        if known {
            Ok(())
        } else if !received && self.is_allowed_in(cx.scope.packet_type(), Version::NEWEST) {
            Err(ErrorKind::NotInVersion)
        } else {
            Err(ErrorKind::ReasonCode)
        }
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

impl<'a> Element<'a> for ReasonCode {
    #[inline(always)]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        reader.reason()
    }

    #[cfg(not(feature = "small"))]
    #[inline(always)]
    fn unsure(bytes: &'a [u8], cx: Context) -> &'a [u8] {
        if bytes.iter().all(|&code| Self(code).is_usual(cx)) { &[] } else { bytes }
    }

    #[cfg(not(feature = "small"))]
    #[inline(always)]
    fn plain_len(list: &[Self], cx: Context) -> Option<usize> {
        let are_granted =
            |codes: &[Self]| !codes.iter().fold(false, |odd, code| odd | (*code > Self::GRANTED_QOS_2));
        let mut rest = list;
        while let Some((codes, behind)) = rest.split_first_chunk::<8>() {
            if !are_granted(codes) {
                break;
            }
            rest = behind;
        }
        let plain =
            cx.scope == Scope::SUBACK && are_granted(rest) || list.iter().all(|code| code.is_usual(cx));
        plain.then_some(list.len())
    }

    #[inline(always)]
    fn check(&self, cx: Context) -> Check {
        self.check_sent(cx).map(|()| 1)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        out.u8(self.get());
    }

    #[cfg(not(feature = "small"))]
    fn write_all<S: Sink + ?Sized>(list: &[Self], out: &mut Writer<'_, S>) {
        let mut rest = list;
        while let Some((codes, behind)) = rest.split_first_chunk::<8>() {
            out.bytes(&codes.map(Self::get));
            rest = behind;
        }
        rest.iter().for_each(|code| code.write(out));
    }
}
