//! Messages that are too large for a buffer, in pieces, both ways.

use super::alias::Aliases;
use super::{Connection, Event, Flow, Phase, Role, Stop, UsageError};
use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{Delivery, HeadSplit, PacketId, Publish, PublishHead};
use crate::session::{Arrived, Message, Store};
use crate::time::Instant;
use crate::version::{Sender, Version};
use crate::wire::{Header, PacketType, Scope, Sink};

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

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// A packet is too large to be taken as a whole: a PUBLISH comes in pieces, anything else is refused.
    #[cold]
    pub(super) fn oversize<'i>(
        &mut self,
        input: &mut &'i [u8],
        error: DecodeError,
    ) -> Flow<Option<Event<'i>>> {
        let header = Header::read(input).ok().flatten().filter(|_| error.kind() == ErrorKind::PacketTooLarge);
        let Some((header, body)) = header else { return Err(Stop::Fail(error.into())) };
        if matches!(R::SENDER, Sender::Server) && self.phase == Phase::Opening {
            // Only who speaks 5.0 is told.
            let new = body.starts_with(b"\0\x04MQTT\x05");
            self.version = if new { Version::NEWEST } else { Version::V3_1_1 };
        }
        let size = u32::try_from(header.len.saturating_add(header.remaining_length)).unwrap_or(u32::MAX);
        let maximum = self.own_limits.maximum_packet_size;
        let too_large = size > maximum;
        let refused = Err(match (self.is_open(), too_large) {
            (true, false) => self.beyond_packet(ErrorKind::NotBuffered, header, size, self.whole),
            (true, true) => self.beyond_packet(ErrorKind::PacketTooLarge, header, size, maximum),
            (false, _) if self.whole == self.stream_above => {
                self.beyond_packet(ErrorKind::NotBuffered, header, size, self.whole)
            }
            (false, _) => self.beyond_packet(ErrorKind::PacketTooLarge, header, size, self.whole),
        });
        let pieces = header.packet_type == PacketType::Publish && self.is_open();
        if !pieces || too_large && !self.skip_oversize {
            return refused;
        }
        let (len, whole) = (input.len(), self.whole as usize);
        // The head is not read again for each byte of it.
        let missing = (self.awaited as usize).saturating_sub(len);
        if missing > 0 {
            return Err(self.want(len, missing).into());
        }
        let split = PublishHead::split(self.version, Some(R::SENDER.other()), input);
        match split.map_err(|error| Stop::Fail(error.into()))? {
            HeadSplit::Head(head, rest) if len - rest.len() <= whole => {
                let event = self.begin(&head, too_large)?;
                *input = rest;
                (self.awaited, self.seen) = (0, 0);
                self.progress();
                Ok(event)
            }
            HeadSplit::Incomplete(needed) if len + needed <= whole => {
                self.awaited = u32::try_from(len + needed).unwrap_or(u32::MAX);
                Err(self.want(len, needed).into())
            }
            _ => refused,
        }
    }

    fn beyond_packet(&self, kind: ErrorKind, header: Header, size: u32, limit: u32) -> Stop {
        self.beyond(kind, Field::RemainingLength, Scope::of(header.packet_type), size, limit)
    }

    /// The head of a PUBLISH came.
    fn begin<'i>(&mut self, head: &PublishHead<'i>, too_large: bool) -> Flow<Option<Event<'i>>> {
        let PublishHead { dup, retain, delivery, topic, properties, payload_len } = *head;
        let incoming = self.admit(&Publish { dup, retain, delivery, topic, properties, payload: &[] })?;
        let left = u32::try_from(payload_len).unwrap_or(u32::MAX);
        let fate = match self.arriving(delivery, dup)? {
            Arrived::Deliver if too_large => Fate::Skip,
            Arrived::Deliver => Fate::Deliver,
            _ => Fate::Repeat,
        };
        self.stream = Some(Stream { left, delivery, fate });
        Ok(match fate {
            Fate::Deliver => Some(Event::PublishStart(incoming, left)),
            Fate::Skip => Some(Event::Skipped(incoming, left)),
            Fate::Repeat => None,
        })
    }

    /// The next piece of a payload, or its end.
    #[cold]
    pub(super) fn next_piece<'i>(&mut self, input: &mut &'i [u8]) -> Flow<Option<Event<'i>>> {
        let Some(stream) = self.stream.as_mut() else { return Ok(None) };
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
            self.stream = None;
            return Ok((fate == Fate::Deliver).then_some(Event::PublishEnd(token)));
        }
        if input.is_empty() {
            return Err(self.want(0, 1).into());
        }
        let (chunk, rest) = input.split_at_checked(left as usize).unwrap_or((input, &[]));
        stream.left = left.saturating_sub(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
        *input = rest;
        self.progress();
        Ok((fate == Fate::Deliver).then_some(Event::PublishChunk(chunk)))
    }

    /// Sends the head of a message whose payload is too large to be in one place: the payload of `message` is the
    /// beginning, perhaps empty, and the caller writes `more` bytes behind it, to the sink or behind the sink to the
    /// transport, and tells so with [`payload_written`](Self::payload_written). Gives the packet identifier, none at QoS 0.
    ///
    /// Until the payload is complete no other packet can be sent, and commands fail with
    /// [`UsageError::PayloadPending`]; input is handled as ever, and what is owed for it is sent behind the payload. A message that
    /// can't be completed ends the connection: close the transport. Nothing of it is kept; if the session goes on, it is asked for with
    /// [`Wait::Resend`](super::Wait::Resend), and [`resend_head`](Self::resend_head) answers.
    ///
    /// A client sends no PINGREQ meanwhile. A payload that stands still for longer than the Keep Alive allows is
    /// the end of the connection.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    ///
    /// ```
    /// use sans_mqtt::{Client, Config, Connect, Heap, Instant, Message, Qos, Session, Version, Wait};
    /// # use sans_mqtt::{Event, Step};
    /// # let now = Instant::from_millis(0);
    /// # let mut client = Client::new(Version::V3_1_1, &Config::default(), Session::<Heap>::default());
    /// # let mut out = Vec::new();
    /// # client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out)?;
    /// # let mut input = &b"\x20\x02\0\0"[..];
    /// # assert!(matches!(client.handle(now, &mut input, &mut out), Step::Event(Event::Connected(_))));
    /// # assert!(matches!(client.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
    /// # out.clear();
    /// let file = [7; 1000];
    /// let head = Message { qos: Qos::AtLeastOnce, topic: "photo", ..Message::default() };
    /// client.publish_head(&head, file.len() as u32, &mut out)?;
    /// assert_eq!(out, b"\x32\xF1\x07\0\x05photo\0\x01"); // written to the transport as ever; then
    /// for piece in file.chunks(300) {
    ///     // the pieces are, and their lengths told.
    ///     client.payload_written(piece.len())?;
    /// }
    /// assert_eq!(client.payload_left(), 0);
    /// # Ok::<(), sans_mqtt::UsageError>(())
    /// ```
    pub fn publish_head(
        &mut self,
        message: &Message<'_>,
        more: u32,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        let id = self.send_message(message, Some(more), |_| Ok(()), out)?;
        self.begin_payload(id, more);
        Ok(id)
    }

    /// [`resend`](Self::resend) for a message whose payload is too large to be in one place; as
    /// [`publish_head`](Self::publish_head).
    ///
    /// # Errors
    ///
    /// As [`resend`](Self::resend).
    pub fn resend_head(
        &mut self,
        id: PacketId,
        message: &Message<'_>,
        more: u32,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.send_again(id, message, more, out)?;
        self.begin_payload(Some(id), more);
        Ok(())
    }

    fn begin_payload(&mut self, id: Option<PacketId>, more: u32) {
        self.payload_left = more;
        self.payload_of = id.map_or(0, PacketId::get);
    }

    /// The next `n` bytes of the payload are on their way. Gives how many are left.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotConnected`], [`UsageError::PayloadOverrun`] if there are not so many left.
    pub fn payload_written(&mut self, n: usize) -> Result<u32, UsageError> {
        if !self.is_open() {
            return Err(UsageError::NotConnected);
        }
        let left = u32::try_from(n).ok().and_then(|n| self.payload_left.checked_sub(n));
        self.payload_left = left.ok_or(UsageError::PayloadOverrun(self.payload_left))?;
        if n > 0 {
            // It is sending that keeps the connection alive, and a peer that takes the bytes is there.
            (self.sent, self.untimed) = (true, true);
            if self.pings > 0 && matches!(R::SENDER, Sender::Client) {
                // Not sent yet, and not needed any more.
                self.pings = 0;
                self.deadline = Instant::NEVER;
            }
        }
        Ok(self.payload_left)
    }

    /// How many bytes of a payload have to be written before anything else can be sent.
    pub const fn payload_left(&self) -> u32 {
        self.payload_left
    }
}
