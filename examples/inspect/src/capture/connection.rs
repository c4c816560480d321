//! A connection: what both sides send, from segments to packets.

use std::mem;
use std::net::SocketAddr;
use std::time::Duration;

use sans_mqtt::{Frame, PacketType, Sender, Split, Version};

use super::assembly::{Assembly, Piece};
use super::guess;
use super::segment::Segment;
use crate::dissect::{Found, Stream, Verdict};
use crate::words;

/// Larger packets are not read.
const PACKET: usize = 16 << 20;

/// Something that happens on a connection.
pub(crate) struct Event {
    pub(crate) time: Option<Duration>,
    pub(crate) from: Option<Sender>,
    pub(crate) what: What,
}

pub(crate) enum What {
    Packet(Found),
    Note(Note),
}

/// What is to be said apart from packets.
pub(crate) struct Note {
    pub(crate) event: &'static str,
    /// How many bytes it is about.
    pub(crate) bytes: Option<usize>,
    pub(crate) words: String,
}

#[derive(PartialEq)]
enum Protocol {
    Unknown,
    Mqtt,
    Other,
}

pub(crate) struct Connection {
    /// The first is who sent the first segment that was captured.
    sides: [Side; 2],
    /// Which of the sides is the client, and whether a packet shows it.
    client: usize,
    client_is_sure: bool,
    version: Version,
    version_is_sure: bool,
    protocol: Protocol,
    now: Option<Duration>,
    events: Vec<Event>,
    is_over: bool,
}

struct Side {
    address: SocketAddr,
    /// The sequence number of its SYN.
    syn: Option<u32>,
    assembly: Assembly,
    stream: Stream,
    /// How many of the next bytes belong to a packet that is not read.
    skip: usize,
    /// Where the next packet begins is not known; so many bytes were passed over in search of it.
    lost: Option<usize>,
    packets: usize,
    missing: usize,
    is_over: bool,
}

impl Side {
    fn of(address: SocketAddr) -> Self {
        Self {
            address,
            syn: None,
            assembly: Assembly::new(),
            stream: Stream::of(None),
            skip: 0,
            lost: Some(0),
            packets: 0,
            missing: 0,
            is_over: false,
        }
    }
}

impl Connection {
    /// A connection whose first captured segment is this; a version that is given needs no guess.
    pub(crate) fn of(segment: &Segment<'_>, version: Option<Version>) -> Self {
        let from_server = match segment.ack {
            ack if segment.syn => ack.is_some(),
            _ => guess::is_server(segment.from, segment.to),
        };
        Self {
            sides: [segment.from, segment.to].map(Side::of),
            client: usize::from(from_server),
            client_is_sure: false,
            version: version.unwrap_or(Version::V5_0),
            version_is_sure: version.is_some(),
            protocol: Protocol::Unknown,
            now: None,
            events: Vec::new(),
            is_over: false,
        }
    }

    /// Whether the segment begins another connection between the same addresses.
    pub(crate) fn is_followed_by(&self, segment: &Segment<'_>) -> bool {
        let side = &self.sides[self.side(segment)];
        segment.syn && segment.ack.is_none() && side.syn != Some(segment.seq)
    }

    /// The addresses of the client and the server.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [self.client, 1 - self.client].map(|side| self.sides[side].address)
    }

    /// The addresses, and whether it is known whose they are.
    pub(crate) fn words(&self) -> String {
        let [client, server] = self.addresses();
        let is_guess = !self.client_is_sure && self.sides.iter().all(|side| side.syn.is_none());
        format!("{client} → {server}{}", if is_guess { "; who is the client is a guess" } else { "" })
    }

    /// How many bytes it takes.
    pub(crate) fn held(&self) -> usize {
        self.sides.iter().map(|side| side.assembly.held() + side.stream.held()).sum()
    }

    /// What happened since this was asked last.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    fn sender(&self, side: usize) -> Sender {
        if side == self.client { Sender::Client } else { Sender::Server }
    }

    fn side(&self, segment: &Segment<'_>) -> usize {
        usize::from(self.sides[0].address != segment.from)
    }

    fn note(&mut self, side: Option<usize>, event: &'static str, bytes: Option<usize>, words: String) {
        if self.protocol != Protocol::Other {
            let from = side.map(|side| self.sender(side));
            self.events.push(Event { time: self.now, from, what: What::Note(Note { event, bytes, words }) });
        }
    }

    /// Takes a segment.
    pub(crate) fn come(&mut self, time: Option<Duration>, segment: &Segment<'_>) {
        self.now = time;
        let at = self.side(segment);
        let seq = segment.seq.wrapping_add(segment.syn.into());
        if segment.syn {
            self.syn(at, segment);
        }
        if let Some(ack) = segment.ack {
            self.sides[1 - at].assembly.ack(ack);
            self.pieces(1 - at);
        }
        let remarks = self.sides[at].assembly.come(seq, segment.data);
        if remarks.repeated > 0 {
            let (event, words) = match (remarks.late, remarks.differs) {
                (true, _) => ("late", "too late: they were taken for missing"),
                (_, true) => ("differs", "again, and DIFFERENT: the first are shown"),
                _ => ("again", "again"),
            };
            let words = format!("{} {words}", words::bytes(remarks.repeated));
            self.note(Some(at), event, Some(remarks.repeated), words);
        }
        if remarks.early > 0 {
            let words = format!("out of order: {} in front of this are missing", words::bytes(remarks.early));
            self.note(Some(at), "early", Some(remarks.early), words);
        }
        self.pieces(at);
        if segment.fin {
            let fin = seq.wrapping_add((segment.data.len() + segment.cut) as u32);
            let words = if self.sides[at].assembly.fin(fin) { "FIN" } else { "FIN again" };
            self.note(Some(at), "FIN", None, words.into());
        }
        if segment.rst {
            self.note(Some(at), "RST", None, "RST".into());
        }
        for side in [at, 1 - at] {
            if segment.rst || self.sides[side].assembly.is_at_end() {
                self.end_of(side);
            }
        }
        if self.sides.iter().all(|side| side.is_over) {
            self.end("over");
        }
    }

    fn syn(&mut self, at: usize, segment: &Segment<'_>) {
        let event = if segment.ack.is_some() { "SYN, ACK" } else { "SYN" };
        let side = &mut self.sides[at];
        let again = if side.syn.replace(segment.seq).is_some() { " again" } else { "" };
        if again.is_empty() {
            side.assembly.begin(segment.seq.wrapping_add(1));
            // This is where the first packet begins.
            side.lost = None;
        }
        self.note(Some(at), event, None, format!("{event}{again}"));
    }

    /// There is nothing more of this side.
    fn end_of(&mut self, at: usize) {
        self.sides[at].assembly.end();
        self.pieces(at);
        self.packets(at, true);
        let side = &mut self.sides[at];
        let passed = side.lost.replace(0).unwrap_or(0);
        side.skip = 0;
        if !mem::replace(&mut side.is_over, true) && passed > 0 {
            self.passed_over(at, passed, "no packet was found to begin there");
        }
    }

    /// There is nothing more of the connection, for this reason.
    pub(crate) fn end(&mut self, why: &str) {
        if mem::replace(&mut self.is_over, true) {
            return;
        }
        self.end_of(0);
        self.end_of(1);
        let [client, server] = [self.client, 1 - self.client].map(|side| &self.sides[side]);
        let missing = client.missing + server.missing;
        let words =
            format!("{why}; packets: {} of the client, {} of the server", client.packets, server.packets);
        let words = if missing > 0 { format!("{words}; {} MISSING", words::bytes(missing)) } else { words };
        self.note(None, "end", None, words);
    }

    /// Whether bytes are missing among the packets.
    pub(crate) fn is_whole(&self) -> bool {
        self.protocol != Protocol::Mqtt || self.sides.iter().all(|side| side.missing == 0)
    }

    fn passed_over(&mut self, at: usize, bytes: usize, why: &str) {
        self.note(
            Some(at),
            "passed over",
            Some(bytes),
            format!("{} passed over: {why}", words::bytes(bytes)),
        );
    }

    /// Takes what is in order now.
    fn pieces(&mut self, at: usize) {
        while let Some(piece) = self.sides[at].assembly.next() {
            (self.is_over, self.sides[at].is_over) = (false, false);
            match piece {
                _ if self.protocol == Protocol::Other => {}
                Piece::Bytes(bytes) => self.bytes(at, &bytes),
                Piece::Hole(len) => self.hole(at, len),
            }
        }
    }

    fn bytes(&mut self, at: usize, mut bytes: &[u8]) {
        let side = &mut self.sides[at];
        let skipped = side.skip.min(bytes.len());
        side.skip -= skipped;
        side.stream.offset += skipped;
        bytes = &bytes[skipped..];
        if bytes.is_empty() {
            return;
        }
        let lost = side.lost;
        if self.protocol == Protocol::Unknown {
            let sides = self.sides.each_ref().map(|side| side.address);
            if let Some(other) = guess::other_protocol(bytes, lost.is_none(), sides) {
                self.note(None, "not read", None, other.into());
                self.protocol = Protocol::Other;
                return;
            }
        }
        match lost {
            Some(passed) if !guess::are_packets(bytes, self.version_is_sure.then_some(self.version)) => {
                let side = &mut self.sides[at];
                side.lost = Some(passed + bytes.len());
                side.stream.offset += bytes.len();
                return;
            }
            Some(passed) if passed > 0 => {
                self.passed_over(at, passed, "this is where a packet begins again");
            }
            _ => {}
        }
        self.protocol = Protocol::Mqtt;
        let side = &mut self.sides[at];
        side.lost = None;
        side.stream.come(bytes);
        self.packets(at, false);
    }

    fn hole(&mut self, at: usize, len: usize) {
        self.note(Some(at), "missing", Some(len), format!("{} MISSING", words::bytes(len)));
        let side = &mut self.sides[at];
        side.missing += len;
        let skipped = side.skip.min(len);
        side.skip -= skipped;
        let begun = if side.stream.rest().is_empty() { None } else { self.packet(at, true) };
        let side = &mut self.sides[at];
        side.stream.offset += len;
        match begun {
            // It ends behind the hole, so that the next one is not lost.
            Some(left) if left >= len => side.skip = left - len,
            None if skipped == len => {}
            _ => {
                side.skip = 0;
                side.lost.get_or_insert(0);
            }
        }
    }

    /// Shows the packets that are complete, or `last` whatever is left.
    fn packets(&mut self, at: usize, last: bool) {
        while let Some(left) = self.packet(at, last) {
            self.sides[at].skip = left;
        }
        let side = &mut self.sides[at];
        // What is too large to be read is shown as far as it is there.
        let left = match Frame::split(side.stream.rest(), usize::MAX) {
            Ok(Split::Incomplete(left)) => left,
            _ => 0,
        };
        if side.stream.rest().len() + left > PACKET {
            let words = format!("a packet of more than {} MiB is not read", PACKET >> 20);
            self.note(Some(at), "too large", None, words);
            self.sides[at].skip = self.packet(at, true).unwrap_or(0);
        }
    }

    /// Shows the next packet, if there is one. Gives how many of its bytes are still to come.
    fn packet(&mut self, at: usize, last: bool) -> Option<usize> {
        if let Ok(Split::Frame(frame, _)) = Frame::split(self.sides[at].stream.rest(), usize::MAX) {
            let better = if self.version_is_sure { None } else { guess::better_version(self.version, frame) };
            let packet_type = frame.packet_type();
            self.learn(at, packet_type, better);
        }
        let from = self.sender(at);
        let side = &mut self.sides[at];
        side.stream.from = Some(from);
        let found = side.stream.next(&mut self.version, last)?;
        side.packets += 1;
        if mem::take(&mut side.stream.lost) {
            side.lost = Some(0);
        }
        let left = match found.verdict {
            Verdict::Incomplete(left) if found.has_header() => left,
            // Where it ends is not known.
            Verdict::Incomplete(_) => {
                side.lost = Some(0);
                0
            }
            _ => 0,
        };
        self.events.push(Event { time: self.now, from: found.from, what: What::Packet(found) });
        Some(left)
    }

    /// Who is the client, and which version they speak, as far as a packet shows it.
    fn learn(&mut self, at: usize, packet_type: PacketType, better: Option<Version>) {
        let may = |sender| packet_type.may_be_sent_by(sender, Version::V5_0);
        if !self.client_is_sure && may(Sender::Client) != may(Sender::Server) {
            self.client_is_sure = true;
            let client = if may(Sender::Client) { at } else { 1 - at };
            if mem::replace(&mut self.client, client) != client {
                let words = format!("the client is {}, after all", self.sides[client].address);
                self.note(None, "client", None, words);
            }
        }
        if packet_type == PacketType::Connect {
            self.version_is_sure = true;
        }
        if !self.version_is_sure && (better.is_some() || self.sides.iter().all(|side| side.packets == 0)) {
            self.version = better.unwrap_or(self.version);
            let words =
                format!("no CONNECT was captured; the packets fit MQTT {}, which is a guess", self.version);
            self.note(None, "version", None, words);
        }
    }
}
