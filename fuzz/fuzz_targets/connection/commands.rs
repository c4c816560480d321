//! What the script has the application do, and what becomes of it.

use sans_mqtt::{
    AckError, AckToken, Auth, Disconnect, Flight, Instant, Message, PacketId, Properties, Property, Qos,
    ReasonCode, Record, Sender, Store, StoreError, UsageError, Version, Wait,
};

use crate::World;
use crate::log::{records, restored, same_as_log, session};
use crate::roles::Role;
use crate::tape::Tape;
use crate::watch::Life;

impl<R: Role, T: Store> World<R, T> {
    pub(crate) fn publish(&mut self, tape: &mut Tape<'_>) {
        let qos = tape.qos();
        let (len, flags) = (usize::from(tape.byte() % 80), tape.byte());
        let payload = vec![flags; len];
        let expiry = [Property::MessageExpiryInterval(9)];
        let properties = if flags & 24 == 24 { &expiry[..] } else { &[] };
        let topic = if flags & 96 == 96 { "+" } else { "t" };
        let retain = flags & 3 == 3;
        let message = Message { qos, retain, topic, properties: properties.into(), payload: &payload };
        let written = self.out.bytes.len();
        // A store has to have room for what it is told to keep.
        let result = if flags & 4 == 0 || len > 30 {
            self.connection.publish(&message, &mut self.out)
        } else {
            // What is kept is nothing, so that the message is asked for when it is to be sent again.
            self.connection.publish_kept(&message, T::Keep::default(), &mut self.out)
        };
        match result {
            Ok(id) => {
                assert_eq!(id.is_some(), qos != Qos::AtMostOnce);
                assert!(written < self.out.bytes.len() && self.watch.open);
                if let Some(id) = id {
                    let flight =
                        if qos == Qos::AtLeastOnce { Flight::AtLeastOnce } else { Flight::ExactlyOnce };
                    let out = self.watch.life.add(id.get(), flight);
                    (out.topic, out.payload) = (topic.into(), payload.clone());
                    (out.retain, out.properties) = (retain, !properties.is_empty());
                }
            }
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
    }

    pub(crate) fn acknowledge(&mut self, tape: &mut Tape<'_>) {
        let at = usize::from(tape.byte());
        let reason = tape.reason();
        if self.tokens.is_empty() {
            return;
        }
        let (number, token) = self.tokens.swap_remove(at % self.tokens.len());
        self.acknowledge_one(number, token, reason);
    }

    pub(crate) fn acknowledge_all(&mut self, tape: &mut Tape<'_>) {
        let reason = tape.reason();
        for (number, token) in std::mem::take(&mut self.tokens) {
            self.acknowledge_one(number, token, reason);
        }
    }

    pub(crate) fn acknowledge_one(&mut self, number: u32, token: AckToken, reason: ReasonCode) {
        let id = token.packet_id().get();
        let written = self.out.bytes.len();
        let mut stale = false;
        if let Err(AckError { token, error }) = self.connection.ack(token, reason, &mut self.out) {
            self.refused(error, written);
            stale = error == UsageError::StaleToken;
            if !stale {
                self.tokens.push((number, token));
            }
        }
        assert_eq!(stale, number != self.number, "the token of {id}");
        self.look(&[]);
    }

    pub(crate) fn resend(&mut self, tape: &mut Tape<'_>) {
        let (what, other) = (tape.byte(), tape.id());
        let asked = match self.wait {
            Some(Wait::Resend(id)) => Some(id),
            _ => None,
        };
        let id = asked.filter(|_| what & 3 != 3).unwrap_or(other);
        let written = self.out.bytes.len();
        if what & 4 != 0 {
            match self.connection.abandon(id) {
                Ok(()) => {
                    self.watch.life.out.get_mut(&id.get()).unwrap().given_up = true;
                }
                Err(error) => assert!(error == UsageError::NotAsked, "{error:?}"),
            }
            return;
        }
        let out = self.watch.life.out.get(&id.get()).cloned();
        let (topic, payload, retain) =
            out.map_or(("t".into(), Vec::new(), false), |out| (out.topic, out.payload, out.retain));
        let message = Message { topic: &topic, payload: &payload, retain, ..Message::default() };
        if let Err(error) = self.connection.resend(id, &message, &mut self.out) {
            self.refused(error, written);
        }
        self.look(&[]);
    }

    pub(crate) fn requeue(&mut self) {
        let Some(id) = self.dropped else { return };
        let (written, before) = (self.out.bytes.len(), self.watch.life.out[&id].clone());
        match self.connection.requeue(PacketId::new(id).unwrap(), &mut self.out) {
            Ok(()) => {
                assert!(before.lost);
                self.dropped = None;
                self.watch.life.end(id);
                let flight = match before.flight {
                    Flight::AtLeastOnce => Flight::AtLeastOnce,
                    _ => Flight::ExactlyOnce,
                };
                let out = self.watch.life.add(id, flight);
                (out.topic, out.payload) = (before.topic, before.payload);
                (out.retain, out.properties) = (before.retain, before.properties);
            }
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
    }

    pub(crate) fn authenticate(&mut self, tape: &mut Tape<'_>) {
        let method = [Property::AuthenticationMethod("m")];
        let reasons = [ReasonCode::CONTINUE_AUTHENTICATION, ReasonCode::RE_AUTHENTICATE, ReasonCode::SUCCESS];
        let written = self.out.bytes.len();
        let auth = Auth { reason: tape.pick(&reasons), properties: (&method).into() };
        if let Err(error) = self.connection.auth(&auth, &mut self.out) {
            self.refused(error, written);
        }
        self.look(&[]);
    }

    pub(crate) fn disconnect(&mut self, tape: &mut Tape<'_>) {
        let reason = tape.pick(&[ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR, ReasonCode::new(4)]);
        let expiry = [Property::SessionExpiryInterval(u32::from(tape.byte()))];
        let properties = if tape.flag() { Properties::from(&expiry) } else { Properties::EMPTY };
        let written = self.out.bytes.len();
        let packet = Disconnect { reason, properties };
        match self.connection.disconnect(&packet, &mut self.out) {
            Ok(()) => assert!(!self.connection.is_open()),
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
    }

    /// A command that failed has changed nothing.
    pub(crate) fn refused(&mut self, error: UsageError, written: usize) {
        assert_eq!(self.out.bytes.len(), written, "{error:?}, and something is written");
        match error {
            UsageError::NoRoom(n) => assert!(n > self.out.room),
            UsageError::NotConnected => assert!(!self.connection.is_open()),
            UsageError::Store(StoreError::Failed) => {
                assert!(self.connection.session().store().fails);
            }
            _ => {}
        }
    }

    pub(crate) fn pass_time(&mut self, tape: &mut Tape<'_>) {
        let due = self.connection.poll_timeout();
        let jump = tape.pick(&[0, 1, 999, 10_000, 60_000, 100_000_000]);
        self.now = match (tape.byte() % 3, due) {
            (0, Some(due)) => due.max(self.now),
            _ => Instant::from_millis(self.now.as_millis() + jump),
        };
        // Which `handle` does as well.
        if tape.flag() {
            self.connection.handle_timeout(self.now, &mut self.out);
            self.look(&[]);
        }
        self.handle_all();
        let later = self.connection.poll_timeout();
        let stuck = later.is_some_and(|later| later <= self.now);
        assert!(!stuck, "{later:?} is due at {:?} again: {:?}", self.now, self.wait);
    }

    /// The connection is over, whatever became of it, and another one begins.
    pub(crate) fn reconnect(&mut self, tape: &mut Tape<'_>) {
        let (how, version) = (tape.byte(), tape.byte());
        if version & 15 == 15 {
            self.version = Version::ALL[usize::from(version >> 4) % 3];
        }
        self.drain(4096);
        let empty = R::create(self.version, self.now, &self.config, session((self.tables)()));
        let before = std::mem::replace(&mut self.connection, empty);
        if !before.session().store().fails {
            same_as_log(before.session(), self.tables);
        }
        let unseen = before.session().store().log.len();
        let mut session = before.into_session();
        session.store_mut().fails = false;
        for record in records(&session.store().log[unseen..]) {
            if let Record::Take { id } = record {
                self.watch.life.taken.insert(id.get());
            }
        }
        if let Some(id) = self.dropped.take() {
            let flight = session.flight(PacketId::new(id).unwrap());
            if flight != Some(self.watch.life.out[&id].flight) {
                self.watch.life.drop(id, flight);
            }
        }
        let used = self.watch.open;
        let mut life = std::mem::take(&mut self.watch.life);
        match how % 4 {
            // The program starts again, with what it wrote down last or all along.
            0 => session = restored(&session, self.tables, &mut life, false),
            1 => session = restored(&session, self.tables, &mut life, true),
            2 => {
                (session, life) = (crate::log::session((self.tables)()), Life::default());
                self.saved = None;
            }
            _ => {}
        }
        (self.closed, self.wait) = (false, None);
        self.tokens.retain(|_| how % 4 > 2);
        self.input.clear();
        if R::SENDER == Sender::Client {
            self.logged = session.store().log.len();
            self.connection = R::create(self.version, self.now, &self.config, session);
            self.watch.life = life;
        } else {
            // A server that accepted nobody has no session to keep.
            if used {
                self.tokens.clear();
                self.saved = session.exists().then_some((session, life));
            }
            self.logged = 0;
        }
        self.watch.again(self.version);
        self.watch.open = false;
    }
}
