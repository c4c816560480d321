//! Whether what the connection tells is what it has to tell.

use sans_mqtt::{
    AckToken, Event, Frame, HeadSplit, Incoming, PacketType, PublishHead, Qos, ReasonCode, Split, Step,
    Tables, Version, Wait,
};

use crate::World;
use crate::roles::Role;
use crate::tape::Words;
use crate::took::{Came, Expect};

impl<R: Role, T: Tables> World<R, T> {
    /// The event is the one that the packets lead to.
    pub(crate) fn judge(&mut self, step: Step<'_>, expect: &Expect, taken: &[u8]) -> Option<Wait> {
        let event = match step {
            Step::Wait(wait) => {
                assert_eq!(*expect, Expect::Nothing, "no event, but {wait:?}");
                return Some(wait);
            }
            Step::Event(event) => event,
        };
        let alone = matches!(event, Event::Dropped { .. } | Event::PublishEnd(_));
        assert!(!taken.is_empty() || alone, "{event:?} out of nothing");
        match (event, expect) {
            (Event::Publish(incoming, token), Expect::Publish(came)) => {
                self.is_same(&incoming, incoming.payload.len(), came);
                let id = match incoming.qos {
                    Qos::AtMostOnce => None,
                    qos => self.watch.pending[qos as usize - 1].back().copied(),
                };
                self.give(token, id, incoming.qos);
            }
            (Event::PublishStart(incoming, len), Expect::Start(came)) => {
                self.is_same(&incoming, len as usize, came);
                assert!(incoming.payload.is_empty() && len > 0);
            }
            (Event::Skipped(incoming, len), Expect::Skipped(came)) => {
                self.is_same(&incoming, len as usize, came);
                assert!(incoming.payload.is_empty());
            }
            (Event::PublishChunk(chunk), Expect::Chunk(len)) => {
                assert_eq!((chunk.len(), chunk), (*len, taken));
            }
            (Event::PublishEnd(token), Expect::Nothing) => {
                assert!(taken.is_empty(), "the end of a message, and more");
                let delivery = self.watch.end_stream();
                self.give(token, delivery.packet_id().map(|id| id.get()), delivery.qos());
            }
            (Event::Acked { id, reason, properties }, Expect::Acked(expected, code, words)) => {
                assert_eq!((id.get(), reason, Words::of(properties)), (*expected, *code, *words));
            }
            (Event::Received { id, reason, properties }, Expect::Received(expected, code, words)) => {
                assert_eq!((id.get(), reason, Words::of(properties)), (*expected, *code, *words));
            }
            (Event::Suback(packet), Expect::Suback(id)) => assert_eq!(packet.packet_id.get(), *id),
            (Event::Unsuback(packet), Expect::Unsuback(id)) => assert_eq!(packet.packet_id.get(), *id),
            (Event::Connected(_), Expect::Connected) => {
                assert!(self.connection.is_open());
            }
            (Event::Dropped { id, flight }, Expect::Nothing) => {
                let out = &self.watch.life.out[&id.get()];
                assert!(
                    out.lost || out.given_up || !out.published && self.watch.refuses(out),
                    "{out:?} is dropped"
                );
                assert_eq!((flight, self.flight(id.get())), (out.flight, Some(out.flight)));
                if let Some(kept) = self.connection.session().message(id) {
                    let sent = &out.message;
                    assert_eq!((kept.topic, kept.payload), (sent.topic, &sent.payload(u32::MAX)[..]));
                }
                assert_eq!(self.dropped.replace(id.get()), None);
                self.watch.life.out.get_mut(&id.get()).unwrap().given_up = true;
            }
            (Event::Connect(_), Expect::Connect)
            | (Event::Refused(_), Expect::Refused)
            | (Event::Subscribe(_), Expect::Subscribe)
            | (Event::Unsubscribe(_), Expect::Unsubscribe)
            | (Event::Auth(_), Expect::Auth)
            | (Event::Disconnect(_), Expect::Disconnect) => {}
            (event, expect) => panic!("{event:?} instead of {expect:?}"),
        }
        None
    }

    /// A message is the one that came.
    fn is_same(&self, incoming: &Incoming<'_>, len: usize, came: &Came) {
        let topic = self.connection.topic(incoming);
        assert_eq!(
            (topic, len, incoming.qos, incoming.retain),
            (&*came.topic, came.len, came.qos, came.retain)
        );
        let message = self.connection.message(incoming);
        assert_eq!((message.topic, message.properties.topic_alias()), (topic, None));
    }

    /// The wait is a true one: it asks for something, and handling again without it changes nothing.
    pub(crate) fn check_wait(&mut self, wait: Wait, rest: &[u8]) {
        let written = self.out.bytes.len();
        let mut again = rest;
        let step = self.connection.handle(self.now, &mut again, &mut self.out);
        assert!(matches!(step, Step::Wait(same) if same == wait), "{wait:?}, then {step:?}");
        assert_eq!(
            (again.len(), self.out.bytes.len()),
            (rest.len(), written),
            "{wait:?}, and yet more is done"
        );
        match wait {
            Wait::Read(n) => {
                assert!(n > 0 && !self.closed && self.watch.payload.left == 0);
                self.watch.end_silently();
                self.check_read(n, rest);
            }
            Wait::Write(n) => assert!(n > self.out.room, "{n} bytes are free"),
            Wait::Resend(id) => {
                let out = &self.watch.life.out[&id.get()];
                assert!(!out.published && !out.lost && !out.given_up);
                assert_eq!(self.connection.session().message(id), None);
            }
            Wait::Acknowledge => {
                assert!(self.watch.version != Version::V5_0 && self.watch.is_pending());
            }
            Wait::Payload(left) => assert!(left > 0 && left == self.watch.payload.left && !self.closed),
            Wait::Decide => assert!(!self.closed),
            Wait::Store => assert!(self.connection.session().store().fails),
            Wait::Closed(_) => {
                self.closed = true;
                // It fits, and there was time for it.
                let owed = self.farewell_by.is_some_and(|by| by > self.now);
                assert!(!owed || self.watch.over || self.watch.payload.left > 0, "no farewell");
            }
        }
    }

    /// So many bytes are asked for as are needed.
    fn check_read(&self, n: usize, rest: &[u8]) {
        if let Some(stream) = &self.watch.stream {
            assert!(stream.left > 0 && n == 1 && rest.is_empty());
            return;
        }
        match Frame::split(rest, self.whole()) {
            Ok(Split::Incomplete(needed)) => assert_eq!(n, needed),
            Ok(Split::Frame(..)) => panic!("a whole packet, and {n} bytes are asked for"),
            Err(_) => {
                let split = PublishHead::split(self.watch.version, Some(R::PEER), rest);
                match split {
                    Ok(HeadSplit::Incomplete(needed)) => assert_eq!(n, needed),
                    // It is too large, and as much of it is needed as tells whether it is of 5.0.
                    Ok(HeadSplit::Other(PacketType::Connect)) => {
                        assert!(!self.watch.greeted);
                        let body = rest.iter().skip(1).position(|byte| *byte < 0x80).map_or(0, |at| at + 2);
                        assert_eq!(n, (body + b"\0\x04MQTT\x05".len()).saturating_sub(rest.len()));
                    }
                    split => panic!("{n}: {split:?}"),
                }
            }
        }
    }

    /// A message is delivered: the application acknowledges it by its token, or by going on.
    fn give(&mut self, token: Option<AckToken>, id: Option<u16>, qos: Qos) {
        match (token, id) {
            (Some(token), Some(id)) => {
                assert!(qos != Qos::AtMostOnce && token.packet_id().get() == id);
                self.tokens.push((self.number, token));
            }
            (None, Some(id)) if qos != Qos::AtMostOnce => {
                assert_eq!(self.watch.given.insert(id, ReasonCode::SUCCESS), None);
            }
            (token, _) => assert!(token.is_none() && qos == Qos::AtMostOnce),
        }
    }
}
