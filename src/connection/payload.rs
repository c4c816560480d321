//! Messages that are too large for a buffer, as they are sent in pieces.

use super::alias::Aliases;
use super::{Connection, Role, UsageError};
use crate::packet::Message;
use crate::session::Store;
use crate::spec::{PacketId, Sender};
use crate::time::Instant;
use crate::wire::Sink;

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
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
}
