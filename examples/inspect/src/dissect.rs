//! From a conversation to its packets, each with its version and its verdict.

use std::{fmt, io};

use sans_mqtt::{
    Answer, Connect, DecodeError, Frame, HeadSplit, Packet, PacketType, PublishHead, ReasonCode, Sender,
    Split, Version,
};

use crate::fields::{Fields, Row};
use crate::input::Conversation;

/// A packet, whole or not.
pub(crate) struct Found {
    pub(crate) from: Option<Sender>,
    /// In what this side sent.
    pub(crate) offset: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdict: Verdict,
    /// The version of the connection, assumed until a CONNECT tells it.
    version: Version,
}

#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Accept,
    Reject(DecodeError),
    /// So many bytes are missing.
    Incomplete(usize),
}

impl Verdict {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject(_) => "reject",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// How many packets there are of each verdict.
#[derive(Default)]
pub(crate) struct Verdicts {
    accept: usize,
    reject: usize,
    incomplete: usize,
}

impl Verdicts {
    pub(crate) fn count(&mut self, verdict: &Verdict) {
        *match verdict {
            Verdict::Accept => &mut self.accept,
            Verdict::Reject(_) => &mut self.reject,
            Verdict::Incomplete(_) => &mut self.incomplete,
        } += 1;
    }

    pub(crate) fn are_all_accept(&self) -> bool {
        self.reject + self.incomplete == 0
    }
}

impl fmt::Display for Verdicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [(self.accept, "accept"), (self.reject, "reject"), (self.incomplete, "incomplete")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = counts.map(|(count, name)| format!("{count} {name}")).collect();
        if words.is_empty() { f.write_str("none") } else { f.write_str(&words.join(", ")) }
    }
}

/// Shows the packets of a conversation in the order in which they are complete.
pub(crate) fn dissect(
    conversation: &Conversation,
    mut version: Version,
    mut show: impl FnMut(Found) -> io::Result<()>,
) -> io::Result<()> {
    let mut streams = [None, Some(Sender::Client), Some(Sender::Server)].map(Stream::of);
    for (from, bytes) in &conversation.chunks {
        for stream in streams.iter_mut().filter(|stream| stream.from == *from) {
            stream.come(bytes);
            while let Some(found) = stream.next(&mut version, false) {
                show(found)?;
            }
        }
    }
    streams.iter_mut().filter_map(|stream| stream.next(&mut version, true)).try_for_each(show)
}

/// What one side sends.
pub(crate) struct Stream {
    pub(crate) from: Option<Sender>,
    /// Where the next packet begins in all that was sent.
    pub(crate) offset: usize,
    /// There is no next packet, because nothing says where the last one ends.
    pub(crate) lost: bool,
    /// What came, of which `done` bytes are no longer needed.
    came: Vec<u8>,
    done: usize,
}

impl Stream {
    pub(crate) fn of(from: Option<Sender>) -> Self {
        Self { from, offset: 0, lost: false, came: Vec::new(), done: 0 }
    }

    pub(crate) fn come(&mut self, bytes: &[u8]) {
        self.came.drain(..self.done);
        self.done = 0;
        self.came.extend_from_slice(bytes);
    }

    /// How many bytes it takes.
    pub(crate) fn held(&self) -> usize {
        self.came.capacity()
    }

    /// What came and was not shown.
    pub(crate) fn rest(&self) -> &[u8] {
        self.came.get(self.done..).unwrap_or_default()
    }

    /// The next packet; an incomplete one only if nothing follows.
    pub(crate) fn next(&mut self, version: &mut Version, last: bool) -> Option<Found> {
        let (from, offset) = (self.from, self.offset);
        let rest = Some(self.rest()).filter(|rest| !rest.is_empty() && !self.lost)?;
        let mut lost = false;
        let (bytes, rows, verdict) = match Frame::split(rest, usize::MAX) {
            Ok(Split::Frame(frame, _)) => {
                let (rows, verdict) = judge(frame, from, version);
                (frame.bytes(), rows, verdict)
            }
            Ok(Split::Incomplete(missing)) if last => (rest, Vec::new(), Verdict::Incomplete(missing)),
            Ok(Split::Incomplete(_)) => return None,
            Err(error) => {
                lost = true;
                (rest, Vec::new(), Verdict::Reject(error.in_version(*version)))
            }
        };
        let found = Found { from, offset, bytes: bytes.to_vec(), rows, verdict, version: *version };
        self.lost = lost;
        self.done += found.bytes.len();
        self.offset += found.bytes.len();
        if self.rest().is_empty() {
            (self.came, self.done) = (Vec::new(), 0);
        }
        Some(found)
    }
}

/// Decodes a packet; a CONNECT tells its version itself.
fn judge(frame: Frame<'_>, from: Option<Sender>, version: &mut Version) -> (Vec<Row>, Verdict) {
    let tells = frame.packet_type() == PacketType::Connect && from != Some(Sender::Server);
    let told = if tells { Connect::version(frame) } else { Ok(*version) };
    *version = told.unwrap_or(*version);
    let mut fields = Fields { version: *version, packet_type: frame.packet_type(), rows: Vec::new() };
    let observed = Packet::observe(*version, from, frame, &mut fields);
    let verdict = told.and(observed).map_or_else(Verdict::Reject, |_| Verdict::Accept);
    (fields.rows, verdict)
}

impl Found {
    pub(crate) fn packet_type(&self) -> Option<PacketType> {
        PacketType::from_number(self.bytes.first()? >> 4)
    }

    /// The version whose rules were applied.
    pub(crate) fn version(&self) -> Option<Version> {
        match self.verdict {
            Verdict::Reject(error) => error.violation().version(),
            _ => Some(self.version),
        }
    }

    /// The head of a message whose payload is not all there.
    pub(crate) fn head(&self) -> Option<PublishHead<'_>> {
        let head = match self.verdict {
            Verdict::Incomplete(_) => PublishHead::split(self.version, self.from, &self.bytes),
            _ => return None,
        };
        if let Ok(HeadSplit::Head(head, _)) = head { Some(head) } else { None }
    }

    /// Whether all of the fixed header is there, so that the number of missing bytes is exact.
    pub(crate) fn has_header(&self) -> bool {
        self.bytes.iter().skip(1).any(|byte| byte & 0x80 == 0)
    }

    /// What the receiver sends before it closes the connection, also as bytes; `None` if it just closes.
    pub(crate) fn answer(&self, error: &DecodeError) -> Option<(PacketType, ReasonCode, Vec<u8>)> {
        let answer = error.answer(self.version, self.from.unwrap_or(Sender::Client));
        let (Answer::Connack(reason) | Answer::Disconnect(reason)) = answer else { return None };
        let packet = answer.packet()?;
        Some((packet.packet_type(), reason, packet.to_vec(self.version).ok()?))
    }
}
