//! Messages of the application: as a whole, or their head and then the payload, once or again.

use sans_mqtt::{Flight, Message, PacketId, Prepared, Qos, Tables, Terms, UsageError, Version, Wait};

use crate::World;
use crate::life::Sent;
use crate::roles::Role;
use crate::tape::Tape;
use crate::topics::TOPICS;

/// More is only begun.
const LONGEST: u32 = 4096;

impl<R: Role, T: Tables> World<R, T> {
    /// `in_pieces`: only the head is sent, and the beginning of the payload.
    pub(crate) fn publish(&mut self, tape: &mut Tape<'_>, in_pieces: bool) {
        let (qos, here, flags) = (tape.qos(), u32::from(tape.byte() % 80), tape.byte());
        let topic = TOPICS[usize::from(tape.byte()) % TOPICS.len()];
        let more = if in_pieces {
            tape.pick(&[1, 20, 100, 1000, 3, 0, 70_000, 250_000_000, u32::MAX - 100])
        } else {
            0
        };
        let sent =
            Sent { topic, fill: flags, len: here + more, retain: flags & 3 == 3, expires: flags & 24 == 24 };
        let payload = sent.payload(here);
        let message =
            Message { qos, retain: sent.retain, topic, properties: sent.properties(), payload: &payload };
        let written = self.out.bytes.len();
        let result = match in_pieces {
            true => self.connection.publish_head(&message, more, &mut self.out),
            // What is kept is nothing, so that the message is asked for when it is to be sent again. A store has to have
            // room for what it is told to keep.
            false if flags & 4 != 0 && here as usize + topic.len() <= 30 => match Prepared::new(&message) {
                // Before 5.0 it leaves out the properties, for which the other ways fail.
                Ok(prepared) if flags & 32 != 0 && self.connection.version() == Version::V5_0 => {
                    let terms = Terms { qos, retain: message.retain, ..Terms::default() };
                    self.connection.publish_prepared(&prepared, &terms, T::Keep::default(), &mut self.out)
                }
                _ => self.connection.publish_kept(&message, T::Keep::default(), &mut self.out),
            },
            false => self.connection.publish(&message, &mut self.out),
        };
        match result {
            Ok(id) => {
                assert_eq!(id.is_some(), qos != Qos::AtMostOnce);
                assert!(written < self.out.bytes.len() && self.watch.open);
                let flight = if qos == Qos::AtLeastOnce { Flight::AtLeastOnce } else { Flight::ExactlyOnce };
                match id {
                    Some(id) => {
                        self.watch.life.add(id.get(), flight, sent);
                    }
                    None => self.watch.zero = Some(sent),
                }
                self.watch.more = more;
            }
            Err(error) => {
                self.refused(error, written);
                // It may have taken the place of another topic.
                self.watch.last_alias = None;
                if let UsageError::TooLarge { size, limit } = error {
                    let size = sent.size(qos, self.connection.version()).unwrap_or(size);
                    assert!(size > limit as usize, "an alias makes it too large: {sent:?}");
                }
            }
        }
        self.look(&[]);
        assert_eq!((&self.watch.zero, self.watch.more), (&None, 0), "it is not sent");
    }

    /// The caller tells how much more of a payload is on its way.
    pub(crate) fn write_payload(&mut self, tape: &mut Tape<'_>) {
        let left = self.watch.payload.left;
        let n = match tape.byte() % 6 {
            0 | 1 => left,
            2 => left / 2,
            3 => 1,
            4 => 0,
            _ => left + 1,
        };
        let written = self.out.bytes.len();
        match self.connection.payload_written(n as usize) {
            Ok(rest) => {
                assert!(self.connection.is_open() && n <= left);
                assert_eq!(rest, left - n);
                self.watch.payload.left = rest;
            }
            Err(UsageError::PayloadOverrun(rest)) => assert!(n > left && rest == left),
            Err(error) => assert!(error == UsageError::NotConnected && !self.connection.is_open()),
        }
        assert_eq!(self.out.bytes.len(), written);
    }

    /// The application asks for an alias.
    pub(crate) fn alias(&mut self, tape: &mut Tape<'_>) {
        let topic = TOPICS[usize::from(tape.byte()) % TOPICS.len()];
        self.watch.last_alias = None;
        match self.connection.alias(topic) {
            Ok(alias) => assert!(
                self.watch.open && alias.is_none_or(|alias| alias > 0 && alias <= self.watch.alias_maximum)
            ),
            Err(error) => assert!(error == UsageError::NotConnected && !self.connection.is_open()),
        }
    }

    pub(crate) fn resend(&mut self, tape: &mut Tape<'_>) {
        let (what, other) = (tape.byte(), tape.id());
        let asked = match self.wait {
            Some(Wait::Resend(id)) => Some(id),
            _ => None,
        };
        let id = asked.filter(|_| what & 3 != 3).unwrap_or(other);
        if what & 4 != 0 {
            match self.connection.abandon(id) {
                Ok(()) => {
                    self.watch.life.out.get_mut(&id.get()).unwrap().given_up = true;
                }
                Err(error) => assert!(error == UsageError::NotAsked, "{error:?}"),
            }
            return;
        }
        let here = if what & 8 == 0 { LONGEST } else { u32::from(what >> 4) };
        if let Err(error) = self.resend_one(id, here) {
            assert!(!matches!(error, UsageError::NotConnected));
        }
    }

    /// Sends a message again, of which `here` bytes are at hand.
    pub(crate) fn resend_one(&mut self, id: PacketId, here: u32) -> Result<(), UsageError> {
        let out = self.watch.life.out.get(&id.get()).cloned();
        let sent = out.map_or(Sent { topic: "t", ..Sent::default() }, |out| out.message);
        let payload = sent.payload(here);
        let more = sent.len - payload.len() as u32;
        let message = Message {
            topic: sent.topic,
            payload: &payload,
            retain: sent.retain,
            properties: sent.properties(),
            ..Message::default()
        };
        let written = self.out.bytes.len();
        let result = match more {
            0 if here >= LONGEST => self.connection.resend(id, &message, &mut self.out),
            _ => self.connection.resend_head(id, &message, more, &mut self.out),
        };
        match result {
            Ok(()) => self.watch.more = more,
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
        assert_eq!(self.watch.more, 0, "it is not sent again");
        result
    }
}
