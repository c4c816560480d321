//! Which packets may carry a reason code, and lists of them.

use super::frame::Context;
use super::observe::Mode;
use super::reader::{Decoded, Reader};
use super::seq::Element;
use super::sink::{Check, Sink, Writer, invalid};
use crate::error::{EncodeError, ErrorKind, Field};
use crate::spec::{PacketType, ReasonCode, Scope, Sender, Version};

impl ReasonCode {
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
        let code = Self::new(byte);
        if cx.scope == Scope::CONNACK && !cx.version.is_5() {
            return Self::from_return_code(byte).ok_or(ErrorKind::ReasonCode);
        }
        code.permitted(cx, true).map(|()| code)
    }

    /// Whether nobody needs to look closer at this code in the packet `cx`.
    #[cfg(not(feature = "small"))]
    fn is_usual(self, cx: Context) -> bool {
        if !cx.version.is_5() {
            return cx.scope == Scope::SUBACK && self <= Self::GRANTED_QOS_2
                || cx.scope == Scope::CONNACK && self == Self::SUCCESS;
        }
        self.usual() & cx.scope.bit() != 0
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
        let known = match (cx.scope, self.get()) {
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

impl<'a> Element<'a> for ReasonCode {
    #[inline(always)]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        reader.reason()
    }

    #[cfg(not(feature = "small"))]
    fn unsure(bytes: &'a [u8], cx: Context) -> &'a [u8] {
        if bytes.iter().all(|&code| Self::new(code).is_usual(cx)) { &[] } else { bytes }
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
