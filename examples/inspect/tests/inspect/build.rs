//! Captures made by hand.

use std::net::{IpAddr, SocketAddr};

pub(crate) const SYN: u8 = 0x02;
pub(crate) const FIN: u8 = 0x11;
pub(crate) const RST: u8 = 0x14;
pub(crate) const ACK: u8 = 0x10;

pub(crate) const CONNECT: &[u8] = b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a";
pub(crate) const CONNACK: &[u8] = b"\x20\x02\0\0";
pub(crate) const CONNECT_5: &[u8] = b"\x10\x0E\0\x04MQTT\x05\x02\0\x3C\0\0\x01a";
pub(crate) const CONNACK_5: &[u8] = b"\x20\x03\0\0\0";
pub(crate) const PINGREQ: &[u8] = b"\xC0\0";
pub(crate) const PINGRESP: &[u8] = b"\xD0\0";

/// A PUBLISH of QoS 0 before 5.0, to the topic `t`.
pub(crate) fn publish(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() + 3;
    let length = match length {
        0..128 => vec![length as u8],
        _ => vec![length as u8 | 0x80, (length >> 7) as u8],
    };
    [&[0x30][..], &length, b"\0\x01t", payload].concat()
}

/// A packet of IP with a segment.
pub(crate) fn segment(
    from: SocketAddr,
    to: SocketAddr,
    seq: u32,
    ack: u32,
    flags: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut tcp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    tcp.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    tcp.extend([0x50, flags, 0xFF, 0xFF, 0, 0, 0, 0]);
    tcp.extend(data);
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let length = (20 + tcp.len() as u16).to_be_bytes();
            let head = [0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0];
            [&head[..], &from.octets(), &to.octets(), &tcp].concat()
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = (tcp.len() as u16).to_be_bytes();
            [&[0x60, 0, 0, 0, length[0], length[1], 6, 64], &from.octets()[..], &to.octets(), &tcp].concat()
        }
        _ => panic!("both of a version"),
    }
}

/// A connection, whose segments are packets of IP.
pub(crate) struct Talk {
    /// The client and the server.
    pub(crate) ends: [SocketAddr; 2],
    pub(crate) seq: [u32; 2],
}

impl Talk {
    pub(crate) fn new(client: &str, server: &str) -> Self {
        Self { ends: [client, server].map(|end| end.parse().unwrap()), seq: [1000, 5000] }
    }

    /// What one side sends next; a SYN or a FIN takes a number, too.
    pub(crate) fn send(&mut self, side: usize, flags: u8, data: &[u8]) -> Vec<u8> {
        let (from, to) = (self.ends[side], self.ends[1 - side]);
        let sent = segment(from, to, self.seq[side], self.seq[1 - side], flags, data);
        self.seq[side] = self.seq[side].wrapping_add(data.len() as u32 + u32::from(flags & 3 != 0));
        sent
    }

    pub(crate) fn client(&mut self, data: &[u8]) -> Vec<u8> {
        self.send(0, ACK, data)
    }

    pub(crate) fn server(&mut self, data: &[u8]) -> Vec<u8> {
        self.send(1, ACK, data)
    }

    pub(crate) fn open(&mut self) -> Vec<Vec<u8>> {
        vec![self.send(0, SYN, b""), self.send(1, SYN | ACK, b""), self.client(b"")]
    }

    /// With the packets that begin a connection of 3.1.1.
    pub(crate) fn connect(&mut self) -> Vec<Vec<u8>> {
        let mut packets = self.open();
        packets.extend([self.client(CONNECT), self.server(CONNACK)]);
        packets
    }
}

pub(crate) fn talk() -> Talk {
    Talk::new("127.0.0.1:40000", "127.0.0.1:1883")
}

/// When captures begin, in seconds since 1970.
pub(crate) const BEGIN: u32 = 1_700_000_000;

/// A capture of this link type; a packet comes each millisecond.
pub(crate) fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    pcap_of(u32::to_le_bytes, 0xA1B2_C3D4, 1000, link, packets)
}

pub(crate) fn pcap_of(
    number: fn(u32) -> [u8; 4],
    magic: u32,
    millisecond: u32,
    link: u32,
    packets: &[Vec<u8>],
) -> Vec<u8> {
    let version = if number(1)[0] == 1 { 0x0004_0002 } else { 0x0002_0004 };
    let mut file = [magic, version, 0, 0, 65535, link].map(number).concat();
    for (at, packet) in (0..).zip(packets) {
        let length = packet.len() as u32;
        file.extend([BEGIN, at * millisecond, length, length].map(number).concat());
        file.extend(packet);
    }
    file
}

/// A capture of packets of IP.
pub(crate) fn raw(packets: &[Vec<u8>]) -> Vec<u8> {
    pcap(101, packets)
}

/// A block of pcapng.
pub(crate) fn block(number: fn(u32) -> [u8; 4], kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = number(12 + padded.len() as u32);
    [&number(kind)[..], &length, &padded, &length].concat()
}
