//! What may stand where, as tables: a check is a look-up.

use crate::{Sender, Version};

/// What a table has a bit for: the packet types by their numbers, and the will inside CONNECT.
macro_rules! scopes {
    ($($scope:ident $number:literal)+) => { $(pub(crate) const $scope: u16 = $number;)+ };
}

scopes! {
    WILL 0 CONNECT 1 CONNACK 2 PUBLISH 3 PUBACK 4 PUBREC 5 PUBREL 6 PUBCOMP 7 SUBSCRIBE 8 SUBACK 9 UNSUBSCRIBE 10
    UNSUBACK 11 PINGREQ 12 PINGRESP 13 DISCONNECT 14 AUTH 15
}

/// Where something stands: in which scope of which version, sent by whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place(u32);

impl Place {
    #[inline(always)]
    pub(crate) const fn new(version: Version, sender: Sender, scope: u16) -> Self {
        Self(scope as u32 | (sender as u32) << 4 | (version as u32) << 6)
    }

    /// Another scope of the same packet.
    #[inline(always)]
    pub(crate) const fn of(self, scope: u16) -> Self {
        Self(self.0 & !15 | scope as u32)
    }

    #[inline(always)]
    pub(crate) const fn scope(self) -> u16 {
        (self.0 & 15) as u16
    }

    #[inline(always)]
    pub(crate) const fn version(self) -> Version {
        if self.is_5() { Version::V5_0 } else { Version::V3_1_1 }
    }

    #[inline(always)]
    pub(crate) const fn is_5(self) -> bool {
        self.0 >> 6 != 0
    }

    /// Whether what was checked in the place `from` is right here.
    #[inline(always)]
    pub(crate) fn takes(self, from: Self) -> bool {
        self == from || self == Self(from.0 & !(3 << 4))
    }

    const fn sender(self) -> usize {
        (self.0 >> 4 & 3) as usize
    }

    /// Whether a packet may begin with `first`.
    #[inline(always)]
    pub(crate) fn may_begin_with(self, first: u8) -> bool {
        FIRST_BYTES[first as usize] >> (self.0 >> 4) & 1 != 0
    }

    /// The codes that packets may come with.
    #[inline(always)]
    pub(crate) fn received(self) -> Codes {
        Codes(side(&RECEIVED, self), 1 << self.scope())
    }

    /// The codes that packets may be sent with.
    #[inline(always)]
    pub(crate) fn sent(self) -> Codes {
        Codes(side(&SENT, self), 1 << self.scope())
    }

    /// The properties that may stand here, as a set of bits.
    #[inline(always)]
    pub(crate) fn properties(self) -> u64 {
        PROPERTIES[self.sender()][self.scope() as usize]
    }
}

/// A set of codes.
#[derive(Clone, Copy)]
pub(crate) struct Codes(&'static [u16; 256], u16);

impl Codes {
    #[inline(always)]
    pub(crate) fn contains(self, code: u8) -> bool {
        self.0[code as usize] & self.1 != 0
    }
}

/// For each version and sender, in the order of the bits of a place.
type Sides = [[u16; 256]; 8];

#[inline(always)]
fn side(sides: &'static Sides, place: Place) -> &'static [u16; 256] {
    &sides[(place.0 >> 4 & 7) as usize]
}

/// A bit for each version and sender.
static FIRST_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut side = 0;
    while side < 8 {
        let (v5, sender) = (side >> 2 == 1, side & 3);
        let mut first = 0;
        while first < 256 {
            let (scope, flags) = ((first >> 4) as u16, first & 15);
            let (flags_right, senders) = match scope {
                // No QoS 3, no DUP at QoS 0.
                PUBLISH => (flags >> 1 & 3 != 3 && flags & 14 != 8, 3),
                PUBREL => (flags == 2, 3),
                SUBSCRIBE | UNSUBSCRIBE => (flags == 2, 1),
                PUBACK | PUBREC | PUBCOMP => (flags == 0, 3),
                CONNECT | PINGREQ => (flags == 0, 1),
                CONNACK | SUBACK | UNSUBACK | PINGRESP => (flags == 0, 2),
                DISCONNECT => (flags == 0, if v5 { 3 } else { 1 }),
                AUTH => (flags == 0, if v5 { 3 } else { 0 }),
                _ => (false, 0),
            };
            let sends = if sender == 0 { senders != 0 } else { senders & sender != 0 };
            table[first] |= ((flags_right && sends) as u8) << side;
            first += 1;
        }
        side += 1;
    }
    table
};

macro_rules! set {
    ($($scope:ident)*) => { 0 $(| 1 << $scope)* };
}

/// Code, packets, of these what only a client and only a server sends, and what comes though nobody should send it.
struct Code(usize, u16, u16, u16, u16);

const CODES: [Code; 43] = [
    Code(0x00, set!(CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH), 0, set!(AUTH), 0),
    Code(0x01, set!(SUBACK), 0, 0, 0),
    Code(0x02, set!(SUBACK), 0, 0, 0),
    Code(0x04, set!(DISCONNECT), set!(DISCONNECT), 0, 0),
    Code(0x10, set!(PUBACK PUBREC), 0, set!(PUBACK PUBREC), set!(PUBACK PUBREC)),
    Code(0x11, set!(UNSUBACK), 0, 0, 0),
    Code(0x18, set!(AUTH), 0, 0, 0),
    Code(0x19, set!(AUTH), set!(AUTH), 0, 0),
    Code(0x80, set!(CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT), 0, 0, 0),
    Code(0x81, set!(CONNACK DISCONNECT), 0, 0, 0),
    Code(0x82, set!(CONNACK DISCONNECT), 0, 0, 0),
    Code(0x83, set!(CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT), 0, 0, 0),
    Code(0x84, set!(CONNACK), 0, 0, 0),
    Code(0x85, set!(CONNACK), 0, 0, 0),
    Code(0x86, set!(CONNACK), 0, 0, 0),
    Code(0x87, set!(CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x88, set!(CONNACK), 0, 0, 0),
    Code(0x89, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x8A, set!(CONNACK), 0, 0, 0),
    Code(0x8B, set!(DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x8C, set!(CONNACK), 0, 0, set!(DISCONNECT)),
    Code(0x8D, set!(DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x8E, set!(DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x8F, set!(SUBACK UNSUBACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x90, set!(CONNACK PUBACK PUBREC DISCONNECT), 0, 0, 0),
    Code(0x91, set!(PUBACK PUBREC SUBACK UNSUBACK), 0, 0, 0),
    Code(0x92, set!(PUBREL PUBCOMP), 0, 0, 0),
    Code(0x93, set!(DISCONNECT), 0, 0, 0),
    Code(0x94, set!(DISCONNECT), 0, 0, 0),
    Code(0x95, set!(CONNACK DISCONNECT), 0, 0, 0),
    Code(0x96, set!(DISCONNECT), 0, 0, 0),
    Code(0x97, set!(CONNACK PUBACK PUBREC SUBACK DISCONNECT), 0, 0, 0),
    Code(0x98, set!(DISCONNECT), 0, 0, 0),
    Code(0x99, set!(CONNACK PUBACK PUBREC DISCONNECT), 0, 0, 0),
    Code(0x9A, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x9B, set!(CONNACK DISCONNECT), 0, 0, 0),
    Code(0x9C, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x9D, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x9E, set!(SUBACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0x9F, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0xA0, set!(DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0xA1, set!(SUBACK DISCONNECT), 0, set!(DISCONNECT), 0),
    Code(0xA2, set!(SUBACK DISCONNECT), 0, set!(DISCONNECT), 0),
];

static RECEIVED: Sides = codes(true);
static SENT: Sides = codes(false);

const fn codes(received: bool) -> Sides {
    let mut sides = [[0; 256]; 8];
    let mut sender = 0;
    while sender < 3 {
        let mut row = 0;
        while row < CODES.len() {
            let Code(code, packets, client, server, tolerated) = CODES[row];
            let forbidden = [0, server, client][sender];
            sides[4 + sender][code] = packets & !forbidden | if received { tolerated } else { 0 };
            row += 1;
        }
        let v3 = &mut sides[sender];
        let mut code = 0;
        while code <= 5 {
            v3[code] = set!(CONNACK);
            code += 1;
        }
        v3[0] |= set!(SUBACK PUBACK PUBREC PUBREL PUBCOMP DISCONNECT);
        v3[1] |= set!(SUBACK);
        v3[2] |= set!(SUBACK);
        v3[0x80] = set!(SUBACK);
        sender += 1;
    }
    sides
}

pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
pub(crate) const TOPIC_ALIAS: u8 = 0x23;
pub(crate) const USER_PROPERTY: u8 = 0x26;

/// Those that may stand there more than once.
pub(crate) const fn repeatable(scope: u16) -> u64 {
    1 << USER_PROPERTY | if scope == PUBLISH { 1 << SUBSCRIPTION_IDENTIFIER } else { 0 }
}

const EVERYWHERE: u16 = !set!(PINGREQ PINGRESP);

/// What sort of value a property has.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Kind {
    Flag,
    Short,
    PositiveShort,
    Long,
    PositiveLong,
    PositiveVarint,
    Text,
    Topic,
    Binary,
    Pair,
    Unknown,
}
use Kind::*;

/// Identifier, kind, scopes, of these where only a client and only a server sends it.
struct Row(u8, Kind, u16, u16, u16);

const ROWS: [Row; 27] = [
    Row(0x01, Flag, set!(PUBLISH WILL), 0, 0),
    Row(0x02, Long, set!(PUBLISH WILL), 0, 0),
    Row(0x03, Text, set!(PUBLISH WILL), 0, 0),
    Row(0x08, Topic, set!(PUBLISH WILL), 0, 0),
    Row(0x09, Binary, set!(PUBLISH WILL), 0, 0),
    Row(SUBSCRIPTION_IDENTIFIER, PositiveVarint, set!(PUBLISH SUBSCRIBE), 0, set!(PUBLISH)),
    Row(0x11, Long, set!(CONNECT CONNACK DISCONNECT), set!(DISCONNECT), 0),
    Row(0x12, Text, set!(CONNACK), 0, 0),
    Row(0x13, Short, set!(CONNACK), 0, 0),
    Row(AUTHENTICATION_METHOD, Text, set!(CONNECT CONNACK AUTH), 0, 0),
    Row(AUTHENTICATION_DATA, Binary, set!(CONNECT CONNACK AUTH), 0, 0),
    Row(0x17, Flag, set!(CONNECT), 0, 0),
    Row(0x18, Long, set!(WILL), 0, 0),
    Row(0x19, Flag, set!(CONNECT), 0, 0),
    Row(0x1A, Text, set!(CONNACK), 0, 0),
    Row(0x1C, Text, set!(CONNACK DISCONNECT), 0, set!(DISCONNECT)),
    Row(0x1F, Text, set!(CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH), 0, 0),
    Row(0x21, PositiveShort, set!(CONNECT CONNACK), 0, 0),
    Row(0x22, Short, set!(CONNECT CONNACK), 0, 0),
    Row(TOPIC_ALIAS, PositiveShort, set!(PUBLISH), 0, 0),
    Row(0x24, Flag, set!(CONNACK), 0, 0),
    Row(0x25, Flag, set!(CONNACK), 0, 0),
    Row(USER_PROPERTY, Pair, EVERYWHERE, 0, 0),
    Row(0x27, PositiveLong, set!(CONNECT CONNACK), 0, 0),
    Row(0x28, Flag, set!(CONNACK), 0, 0),
    Row(0x29, Flag, set!(CONNACK), 0, 0),
    Row(0x2A, Flag, set!(CONNACK), 0, 0),
];

/// For each sender and scope, which properties.
static PROPERTIES: [[u64; 16]; 4] = {
    let mut table = [[0; 16]; 4];
    let mut sender = 0;
    while sender < 3 {
        let mut row = 0;
        while row < ROWS.len() {
            let Row(id, _, scopes, client, server) = ROWS[row];
            let allowed = scopes & ![0, server, client][sender];
            let mut scope = 0;
            while scope < 16 {
                table[sender][scope] |= ((allowed >> scope & 1) as u64) << id;
                scope += 1;
            }
            row += 1;
        }
        sender += 1;
    }
    table
};

/// By identifier.
static KINDS: [Kind; 256] = {
    let mut table = [Kind::Unknown; 256];
    let mut row = 0;
    while row < ROWS.len() {
        table[ROWS[row].0 as usize] = ROWS[row].1;
        row += 1;
    }
    table
};

#[inline(always)]
pub(crate) const fn kind(id: u8) -> Kind {
    KINDS[id as usize]
}
