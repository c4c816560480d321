//! From a conversation to its packets, each with its version and its verdict.

use std::io;

use sans_mqtt::{
    Answer, Connect, DecodeError, Frame, Packet, PacketType, ReasonCode, Sender, Split, Version,
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
    from: Option<Sender>,
    sent: Vec<u8>,
    /// Of the next packet.
    offset: usize,
    /// There is no next packet, because nothing says where the last one ends.
    lost: bool,
}

impl Stream {
    pub(crate) fn of(from: Option<Sender>) -> Self {
        Self { from, sent: Vec::new(), offset: 0, lost: false }
    }

    pub(crate) fn come(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
    }

    /// The next packet; an incomplete one only if nothing follows.
    pub(crate) fn next(&mut self, version: &mut Version, last: bool) -> Option<Found> {
        let (from, offset) = (self.from, self.offset);
        let rest = self.sent.get(offset..).filter(|rest| !rest.is_empty() && !self.lost)?;
        let (bytes, rows, verdict) = match Frame::split(rest, usize::MAX) {
            Ok(Split::Frame(frame, _)) => {
                let (rows, verdict) = judge(frame, from, version);
                (frame.bytes(), rows, verdict)
            }
            Ok(Split::Incomplete(missing)) if last => (rest, Vec::new(), Verdict::Incomplete(missing)),
            Ok(Split::Incomplete(_)) => return None,
            Err(error) => {
                self.lost = true;
                (rest, Vec::new(), Verdict::Reject(error.in_version(*version)))
            }
        };
        self.offset += bytes.len();
        Some(Found { from, offset, bytes: bytes.to_vec(), rows, verdict, version: *version })
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
