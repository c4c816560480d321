//! What to send a peer whose packet is invalid.

use super::{Connack, Disconnect, Packet};
use crate::error::{DecodeError, ErrorKind};
use crate::spec::{PacketType, ReasonCode, Sender, Version};

/// What a receiver sends when it gives a connection up; see [`DecodeError::answer`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A CONNACK with this reason code, then it closes.
    Connack(ReasonCode),
    /// A DISCONNECT with this reason code, then it closes.
    Disconnect(ReasonCode),
    /// Nothing: it closes `[MQTT-4.8.0-1]`.
    Close,
}

impl Answer {
    /// The packet to send, which every version can express in which it is the answer.
    pub fn packet(self) -> Option<Packet<'static>> {
        match self {
            Self::Connack(reason) => Some(Connack { reason, ..Connack::default() }.into()),
            Self::Disconnect(reason) => Some(Disconnect { reason, ..Disconnect::default() }.into()),
            Self::Close => None,
        }
    }
}

impl DecodeError {
    /// What the receiver of the bytes sends before it closes the connection; `sender` is who sent them.
    ///
    /// `version` is that of the connection. A CONNECT of a later version than the receiver speaks is answered in its newest;
    /// one of an older version, or that can't be read, and whatever comes before it, in 3.1.1 if it speaks that.
    ///
    /// One packet decides this much. A connection knows more: a server sends no DISCONNECT before its CONNACK
    /// `[MQTT-3.14.0-1]`.
    ///
    /// ```
    /// use sans_mqtt::{Frame, Packet, ReasonCode, Sender, Version};
    /// let error = Frame::split(b"\x00\x00", 1024).unwrap_err(); // there is no packet type 0
    /// let answer = error.answer(Version::V5_0, Sender::Client).packet().unwrap();
    /// assert_eq!(answer.to_vec(Version::V5_0)?, [0xE0, 1, 0x81]);
    /// assert_eq!(error.answer(Version::V3_1_1, Sender::Client).packet(), None); // it just closes
    /// # Ok::<(), sans_mqtt::EncodeError>(())
    /// ```
    pub fn answer(&self, version: Version, sender: Sender) -> Answer {
        let violation = self.violation;
        let connect = violation.packet_type() == Some(PacketType::Connect);
        match (violation.kind, sender) {
            (ErrorKind::NotConnect, _) => Answer::Close,
            (ErrorKind::ProtocolLevel, Sender::Client) => Answer::Connack(violation.reason()),
            // No other return code of CONNACK is for malformed packets, and there are no others with a reason.
            _ if !version.is_5() => Answer::Close,
            (_, Sender::Client) if connect => Answer::Connack(violation.reason()),
            // Whatever is wrong with it, a server sends no CONNECT.
            _ if connect => Answer::Disconnect(ReasonCode::PROTOCOL_ERROR),
            _ => Answer::Disconnect(violation.reason()),
        }
    }
}
