//! Captures that nobody would make in good faith.

use std::io::{self, Read};

use super::{CONNECTIONS, KEPT};
use crate::args::Args;

const RECORDED: [&[u8]; 2] = [
    include_bytes!("../../tests/captures/loopback.pcap"),
    include_bytes!("../../tests/captures/cooked.pcap"),
];

/// What is shown of a capture.
fn show(capture: impl Read + Send, json: bool) -> Vec<u8> {
    let mut out = Vec::new();
    super::show(capture, &Args { json, brief: true, ..Args::default() }, &mut out).unwrap();
    out
}

/// The blocks of pcapng that there are, each once, in either order of bytes.
fn pcapng(number: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let block = |kind: u32, body: Vec<u8>| {
        let length = number(12 + body.len() as u32);
        [&number(kind)[..], &length, &body, &length].concat()
    };
    let packet = &RECORDED[0][40..];
    let length = u32::from_le_bytes(*RECORDED[0][32..].first_chunk().unwrap());
    let packet = &packet[..length as usize];
    let padded = packet.len().next_multiple_of(4);
    let packet = [packet, &vec![0; padded - packet.len()]].concat();
    let option = |code: u16, value: &[u8]| [&short(code)[..], &short(value.len() as u16), value].concat();
    let options = [option(9, &[9, 0, 0, 0]), option(14, &[0; 8]), vec![0; 4]].concat();
    [
        block(0x0A0D_0D0A, [&number(0x1A2B_3C4D)[..], &short(1), &short(0), &[0xFF; 8]].concat()),
        block(1, [&short(1)[..], &[0; 6], &options].concat()),
        block(6, [[0, 1, 2, length, length].map(number).concat(), packet.clone()].concat()),
        block(3, [&number(length)[..], &packet].concat()),
        block(4, [&short(1)[..], &short(8), b"\x7F\0\0\x01abc\0", &[0; 4]].concat()),
        block(5, [0, 1, 2].map(number).concat()),
        block(9, [&number(4)[..], b"log\n"].concat()),
        block(10, [&number(0x544C_534B)[..], &number(4), b"keys"].concat()),
        block(0x0BAD, [&number(1)[..], b"data"].concat()),
        block(6, [[0, 1, 2, length, length].map(number).concat(), packet].concat()),
    ]
    .concat()
}

fn captures() -> Vec<Vec<u8>> {
    let made = [pcapng(u32::to_le_bytes, u16::to_le_bytes), pcapng(u32::to_be_bytes, u16::to_be_bytes)];
    // Of the recorded ones the first packets, among which are some of each kind.
    let recorded = RECORDED.map(|capture| capture[..1500].to_vec());
    made.into_iter().chain(recorded).collect()
}

#[test]
fn a_capture_may_end_anywhere() {
    for capture in captures() {
        let events = |end: usize| {
            let shown = String::from_utf8(show(&capture[..end], false)).unwrap();
            let lines =
                shown.lines().filter(|line| line.contains(" s  ") && !line.contains("the capture ends"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let whole = events(capture.len());
        let mut before = 0;
        for end in 0..capture.len() {
            show(&capture[..end], true);
            let shown = events(end);
            assert!(whole.starts_with(&shown) && shown.len() >= before, "{end}: {shown:?} {whole:?}");
            before = shown.len();
        }
        assert!(before > 0);
    }
}

#[test]
fn every_byte_may_be_wrong() {
    for capture in captures() {
        for at in 0..capture.len() {
            for wrong in [0x01, 0x80, 0xFF] {
                let mut broken = capture.clone();
                broken[at] ^= wrong;
                show(&broken[..], wrong == 0xFF);
            }
        }
    }
}

/// A capture that is made while it is read: a segment for each number below the limit.
struct Endless<F> {
    make: F,
    numbers: std::ops::Range<u32>,
    ready: io::Cursor<Vec<u8>>,
}

impl<F: Fn(u32) -> ([u8; 4], u32, Vec<u8>)> Endless<F> {
    /// `make` gives the address of the client, the sequence number and the data.
    fn of(count: u32, make: F) -> Self {
        let header = [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65535, 101].map(u32::to_le_bytes).concat();
        Self { make, numbers: 0..count, ready: io::Cursor::new(header) }
    }
}

impl<F: Fn(u32) -> ([u8; 4], u32, Vec<u8>)> Read for Endless<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.position() == self.ready.get_ref().len() as u64 {
            let Some(number) = self.numbers.next() else { return Ok(0) };
            let (from, seq, data) = (self.make)(number);
            let length = 40 + data.len() as u32;
            let mut packet = [number, 0, length, length].map(u32::to_le_bytes).concat();
            packet.extend([0x45, 0, (length >> 8) as u8, length as u8, 0, 0, 0, 0, 64, 6, 0, 0]);
            packet
                .extend([from, [127, 0, 0, 1], [0x9C, 0x40, 0x07, 0x5B], seq.to_be_bytes(), [0; 4]].concat());
            packet.extend([0x50, 0x18, 0xFF, 0xFF, 0, 0, 0, 0]);
            packet.extend(data);
            self.ready = io::Cursor::new(packet);
        }
        self.ready.read(buffer)
    }
}

/// How many bytes are in use at most while this is read and nothing of it kept.
fn most<F: Fn(u32) -> ([u8; 4], u32, Vec<u8>) + Send>(capture: Endless<F>) -> usize {
    let args = Args { brief: true, ..Args::default() };
    let used = allocation_counter::measure(|| {
        super::show(capture, &args, &mut io::sink()).unwrap();
    });
    used.bytes_max as usize
}

#[test]
fn memory_is_bounded() {
    let one = [10, 0, 0, 1];
    let other = |number: u32| (number + 0x0A00_0000).to_be_bytes();
    // A packet of 256 MiB, from which nothing is left out.
    let large = most(Endless::of(2000, |number| {
        let mut data = vec![0; 65_000];
        if number == 0 {
            data[..8].copy_from_slice(b"\x30\xFF\xFF\xFF\x7F\0\x01t");
        }
        (one, number * 65_000, data)
    }));
    assert!(large < KEPT, "{large}");
    // Connections that do nothing but begin with half a packet.
    let count = 20 * CONNECTIONS as u32;
    let many = most(Endless::of(count, |number| (other(number), 0, b"\x10\x7F\0\x04MQTT".to_vec())));
    assert!(many < KEPT, "{many}");
    // Connections with a hole of which nothing is known, and a lot behind it.
    let waiting = most(Endless::of(4000, |number| {
        let (connection, segment) = (number / 4, number % 4);
        (other(connection), segment * 1_300_000, vec![0; if segment == 0 { 1 } else { 60_000 }])
    }));
    assert!(waiting < 2 * KEPT, "{waiting}");
    // Holes without end in one.
    let holes = most(Endless::of(200_000, |number| (one, number.wrapping_mul(101), vec![0x30; 100])));
    assert!(holes < KEPT, "{holes}");
}
