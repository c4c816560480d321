//! Who may send what, and when: one table.

use super::Phase;
use crate::spec::{PacketType, Sender, Version};

/// A set of packet types, a bit for each.
const fn set(types: &[PacketType]) -> u16 {
    let mut set = 0;
    let mut rest = types;
    while let [first, behind @ ..] = rest {
        set |= 1 << *first as u16;
        rest = behind;
    }
    set
}

const CONNECT: u16 = set(&[PacketType::Connect]);
const CONNACK: u16 = set(&[PacketType::Connack]);
const AUTH: u16 = set(&[PacketType::Auth]);
const DISCONNECT: u16 = set(&[PacketType::Disconnect]);
const MESSAGES: u16 = set(&[
    PacketType::Publish,
    PacketType::Puback,
    PacketType::Pubrec,
    PacketType::Pubrel,
    PacketType::Pubcomp,
]);
const REQUESTS: u16 = set(&[PacketType::Subscribe, PacketType::Unsubscribe, PacketType::Pingreq]);
const ANSWERS: u16 = set(&[PacketType::Suback, PacketType::Unsuback, PacketType::Pingresp]);

/// The packets that `sender` may send while the receiver is in `phase`.
///
/// What a client sends behind its CONNECT waits until that is answered, and so belongs to a later phase. Only if it has named an
/// authentication method it may be nothing but AUTH, when it is its turn, and DISCONNECT `[MQTT-3.1.2-30]`.
pub(super) const fn permitted(sender: Sender, version: Version, phase: Phase) -> u16 {
    let new = version.is_5();
    match (phase, sender) {
        (Phase::Opening, Sender::Client) => CONNECT,
        (Phase::Opening, Sender::Server) => CONNACK | if new { AUTH } else { 0 },
        (Phase::Authenticating, Sender::Client) => AUTH | DISCONNECT,
        // It is the server's turn.
        (Phase::Deciding, Sender::Client) => DISCONNECT,
        (Phase::Open, Sender::Client) => MESSAGES | REQUESTS | DISCONNECT | if new { AUTH } else { 0 },
        (Phase::Open, Sender::Server) => MESSAGES | ANSWERS | if new { AUTH | DISCONNECT } else { 0 },
        // A server never waits for itself, and nobody is listened to before the beginning and at the end.
        (Phase::Authenticating | Phase::Deciding, Sender::Server)
        | (Phase::Idle | Phase::Closing | Phase::Closed, _) => 0,
    }
}

/// Whether `packet` is in a set.
pub(super) const fn is_in(set: u16, packet: PacketType) -> bool {
    set >> packet as u16 & 1 != 0
}
