//! What bytes look like where nothing says what they are.

use std::net::SocketAddr;

use sans_mqtt::{Frame, HeadSplit, Packet, PacketType, PublishHead, Split, Version};

/// The port of MQTT.
const PORT: u16 = 1883;

/// Whether the first of two sides is rather the server than the other.
pub(super) fn is_server(one: SocketAddr, other: SocketAddr) -> bool {
    let rank = |side: SocketAddr| (side.port() != PORT, side.port());
    rank(one) < rank(other)
}

/// Another protocol than MQTT, which begins with these bytes, or has them at the beginning of a segment.
pub(super) fn other_protocol(bytes: &[u8], are_first: bool, sides: [SocketAddr; 2]) -> Option<&'static str> {
    let connect = PacketType::Connect.number();
    match bytes {
        [0x14..=0x17, 3, ..] => Some("TLS, which can't be read"),
        _ if bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP") => {
            Some("HTTP, perhaps a WebSocket, which is not read")
        }
        [first, ..] if are_first && first >> 4 != connect && sides.iter().all(|side| side.port() != PORT) => {
            Some("not MQTT: it does not begin with a CONNECT")
        }
        _ => None,
    }
}

/// Whether the bytes of a segment are packets from the first byte on, the last of which may be cut; of any version if
/// none is given.
pub(super) fn are_packets(bytes: &[u8], version: Option<Version>) -> bool {
    let are = |version| {
        let (mut rest, mut count) = (bytes, 0);
        loop {
            match Frame::split(rest, usize::MAX) {
                Ok(Split::Frame(frame, _)) if Packet::decode(version, frame).is_err() => return false,
                Ok(Split::Frame(_, behind)) => (rest, count) = (behind, count + 1),
                // One that is cut is too little to go by, unless it is the head of a message.
                Ok(Split::Incomplete(_)) => {
                    let head = PublishHead::split(version, None, rest);
                    return count > 0 || matches!(head, Ok(HeadSplit::Head(..)));
                }
                Err(_) => return false,
            }
        }
    };
    version.map_or_else(|| Version::ALL.into_iter().any(are), are)
}

/// The latest version that a packet fits, other than `version` only if it does not fit that.
pub(super) fn better_version(version: Version, frame: Frame<'_>) -> Option<Version> {
    let fits = |version: &Version| Packet::decode(*version, frame).is_ok();
    if fits(&version) { None } else { Version::ALL.into_iter().rev().find(fits) }
}
