//! Messages that are too large for a buffer, as they come in pieces.

use super::alias::Aliases;
use super::{Connection, Event, Flow, Front, Phase, Role};
use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{HeadSplit, Publish, PublishHead};
use crate::session::{Arrived, Store};
use crate::spec::{Delivery, PacketType, Scope, Sender, Version};
use crate::wire::Header;

/// Whether there are such messages.
const STREAM: bool = cfg!(feature = "stream");

/// A PUBLISH of which the head has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// The bytes of its payload that have not come.
    left: u32,
    delivery: Delivery,
    fate: Fate,
}

/// What becomes of a message that comes in pieces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Deliver,
    /// It was taken before.
    Repeat,
    /// It is too large.
    Skip,
}

/// How a CONNECT of 5.0 begins.
const NEWEST: &[u8] = b"\0\x04MQTT\x05";

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// A packet is too large to be taken as a whole: a PUBLISH comes in pieces, anything else is refused.
    #[cold]
    #[inline(never)]
    pub(super) fn oversize<'i>(
        &mut self,
        input: &mut &'i [u8],
        error: DecodeError,
    ) -> Flow<Option<Event<'i>>> {
        let header = Header::read(input).ok().flatten().filter(|_| error.kind() == ErrorKind::PacketTooLarge);
        let Some((header, body)) = header else { return Err(self.fail(error.into())) };
        // Only who speaks 5.0 is told, and may not have said so yet.
        if matches!(R::SENDER, Sender::Server) && self.phase == Phase::Opening {
            if body.starts_with(NEWEST) {
                self.version = Version::NEWEST;
            } else if NEWEST.starts_with(body) && header.remaining_length > NEWEST.len() {
                return Err(self.want(input.len(), NEWEST.len() - body.len()));
            }
        }
        let size = u32::try_from(header.len.saturating_add(header.remaining_length)).unwrap_or(u32::MAX);
        let maximum = self.own.maximum_packet_size;
        let too_large = size > maximum;
        let (kind, limit) = match self.is_open() {
            true if too_large => (ErrorKind::PacketTooLarge, maximum),
            false if self.whole != self.stream_above => (ErrorKind::PacketTooLarge, self.whole),
            _ => (ErrorKind::NotBuffered, self.whole),
        };
        let packet = Scope::of(header.packet_type);
        let refuse =
            |connection: &mut Self| Err(connection.beyond(kind, Field::RemainingLength, packet, size, limit));
        let pieces = STREAM && header.packet_type == PacketType::Publish && self.is_open();
        if !pieces || too_large && !self.skip_oversize {
            return refuse(self);
        }
        let (len, whole) = (input.len(), self.whole as usize);
        // The head is not read again for each byte of it.
        if let Front::Packet { awaited } = self.front {
            let missing = (awaited as usize).saturating_sub(len);
            if missing > 0 {
                return Err(self.want(len, missing));
            }
        }
        let split = PublishHead::split(self.version, Some(R::SENDER.other()), input);
        match split.map_err(|error| self.fail(error.into()))? {
            HeadSplit::Head(head, rest) if len - rest.len() <= whole => {
                let event = self.begin(&head, too_large)?;
                *input = rest;
                self.seen = 0;
                self.progress();
                Ok(event)
            }
            HeadSplit::Incomplete(needed) if len + needed <= whole => {
                self.front = Front::Packet { awaited: u32::try_from(len + needed).unwrap_or(u32::MAX) };
                Err(self.want(len, needed))
            }
            _ => refuse(self),
        }
    }

    /// The head of a PUBLISH came.
    #[inline(never)]
    fn begin<'i>(&mut self, head: &PublishHead<'i>, too_large: bool) -> Flow<Option<Event<'i>>> {
        let PublishHead { dup, retain, delivery, topic, properties, payload_len } = *head;
        let incoming = self.admit(&Publish { dup, retain, delivery, topic, properties, payload: &[] })?;
        let left = u32::try_from(payload_len).unwrap_or(u32::MAX);
        let fate = match self.arriving(delivery, dup)? {
            Arrived::Deliver if too_large => Fate::Skip,
            Arrived::Deliver => Fate::Deliver,
            _ => Fate::Repeat,
        };
        self.front = Front::Payload(Stream { left, delivery, fate });
        Ok(match fate {
            Fate::Deliver => Some(Event::PublishStart(incoming, left)),
            Fate::Skip => Some(Event::Skipped(incoming, left)),
            Fate::Repeat => None,
        })
    }

    /// The next piece of a payload, or its end.
    #[cold]
    #[inline(never)]
    pub(super) fn next_piece<'i>(&mut self, input: &mut &'i [u8]) -> Flow<Option<Event<'i>>> {
        let Front::Payload(stream) = &mut self.front else { return Ok(None) };
        let Stream { left, delivery, fate } = *stream;
        if left == 0 {
            let token = match fate {
                Fate::Deliver => self.note_delivery(delivery),
                Fate::Repeat => {
                    self.note_repeat(delivery)?;
                    None
                }
                Fate::Skip => {
                    self.note_skipped(delivery);
                    None
                }
            };
            self.front = Front::PACKET;
            return Ok((fate == Fate::Deliver).then_some(Event::PublishEnd(token)));
        }
        if input.is_empty() {
            return Err(self.want(0, 1));
        }
        let (chunk, rest) = input.split_at_checked(left as usize).unwrap_or((input, &[]));
        stream.left = left.saturating_sub(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
        *input = rest;
        self.progress();
        Ok((fate == Fate::Deliver).then_some(Event::PublishChunk(chunk)))
    }

    /// Whether the front of the input is a piece of a message.
    pub(super) const fn is_in_payload(&self) -> bool {
        STREAM && matches!(self.front, Front::Payload(_))
    }

    /// How many bytes of a payload have to be written before anything else can be sent.
    pub const fn payload_left(&self) -> u32 {
        if STREAM { self.payload_left } else { 0 }
    }
}
