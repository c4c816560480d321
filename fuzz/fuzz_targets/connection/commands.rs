//! What the script has the application do, and what becomes of it.

use sans_mqtt::{
    AckError, AckToken, Acknowledge, Auth, Disconnect, Flight, Instant, PacketId, PacketType, Property,
    ReasonCode, Record, Sender, StoreError, Tables, UsageError, Version,
};

use crate::life::Life;
use crate::log::{records, restored, same_as_log, session};
use crate::roles::Role;
use crate::tape::{Tape, Words};
use crate::{Saved, World, timers};

impl<R: Role, T: Tables> World<R, T> {
    pub(crate) fn acknowledge(&mut self, tape: &mut Tape<'_>) {
        let at = usize::from(tape.byte());
        let (reason, words) = (tape.reason(), if at < 128 { Words::NONE } else { tape.words() });
        if self.tokens.is_empty() {
            return;
        }
        let (number, token) = self.tokens.swap_remove(at % self.tokens.len());
        self.acknowledge_one(number, token, reason, words);
    }

    pub(crate) fn acknowledge_all(&mut self, tape: &mut Tape<'_>) {
        let reason = tape.reason();
        for (number, token) in std::mem::take(&mut self.tokens) {
            self.acknowledge_one(number, token, reason, Words::NONE);
        }
    }

    fn acknowledge_one(&mut self, number: u32, token: AckToken, reason: ReasonCode, words: Words) {
        let id = token.packet_id().get();
        let written = self.out.bytes.len();
        let said = words.behind(&[]);
        let result = match said[..] {
            [] => self.connection.ack(token, reason, &mut self.out),
            ref said => self.connection.ack_with(token, reason, said.into(), &mut self.out),
        };
        let mut stale = false;
        match result {
            Ok(()) => {
                let five = self.connection.version() == Version::V5_0;
                let reason = if five { reason } else { ReasonCode::SUCCESS };
                assert_eq!(self.watch.given.insert(id, reason), None, "{id} was acknowledged before");
            }
            Err(AckError { token, error }) => {
                self.refused(error, written);
                stale = error == UsageError::StaleToken;
                if !stale {
                    self.tokens.push((number, token));
                }
            }
        }
        assert_eq!(stale, number != self.number, "the token of {id}");
        self.watch.words = words;
        self.look(&[]);
        self.watch.words = Words::NONE;
    }

    pub(crate) fn set_acknowledge(&mut self, by_hand: bool) {
        let acknowledge = if by_hand { Acknowledge::Manual } else { Acknowledge::Automatic };
        self.connection.set_acknowledge(acknowledge);
    }

    pub(crate) fn requeue(&mut self) {
        let Some(id) = self.dropped else { return };
        let (written, before) = (self.out.bytes.len(), self.watch.life.out[&id].clone());
        match self.connection.requeue(PacketId::new(id).unwrap(), &mut self.out) {
            Ok(()) => {
                assert!(before.lost);
                self.dropped = None;
                self.watch.life.end(id);
                // Without an alias, as it is kept.
                self.watch.last_alias = None;
                let flight = match before.flight {
                    Flight::AtLeastOnce => Flight::AtLeastOnce,
                    _ => Flight::ExactlyOnce,
                };
                self.watch.life.add(id, flight, before.message);
            }
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
    }

    pub(crate) fn authenticate(&mut self, tape: &mut Tape<'_>) {
        let method = [Property::AuthenticationMethod("m")];
        let reasons = [ReasonCode::CONTINUE_AUTHENTICATION, ReasonCode::RE_AUTHENTICATE, ReasonCode::SUCCESS];
        let written = self.out.bytes.len();
        let (reason, words) = (tape.pick(&reasons), tape.words());
        let properties = words.behind(&method);
        self.watch.words = words;
        let auth = Auth { reason, properties: properties[..].into() };
        if let Err(error) = self.connection.auth(&auth, &mut self.out) {
            self.refused(error, written);
        }
        self.look(&[]);
        self.watch.words = Words::NONE;
    }

    pub(crate) fn disconnect(&mut self, tape: &mut Tape<'_>) {
        let reason = tape.pick(&[ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR, ReasonCode::new(4)]);
        let expiry = [Property::SessionExpiryInterval(u32::from(tape.byte()))];
        let how = tape.byte();
        let words = if how & 6 == 6 { tape.words() } else { Words::NONE };
        let properties = words.behind(if how & 1 == 0 { &[] } else { &expiry });
        let written = self.out.bytes.len();
        self.watch.words = words;
        let packet = Disconnect { reason, properties: properties[..].into() };
        match self.connection.disconnect(&packet, &mut self.out) {
            Ok(()) => {
                assert!(!self.connection.is_open());
                let exists = PacketType::Disconnect.may_be_sent_by(R::SENDER, self.connection.version());
                let owed = exists && self.out.bytes.len() == written;
                self.farewell_by = owed.then(|| self.now + self.config.ping_timeout);
                assert!(
                    !owed || properties.is_empty() && self.out.room < 4,
                    "DISCONNECT is owed for no reason"
                );
            }
            Err(error) => self.refused(error, written),
        }
        self.look(&[]);
        self.watch.words = Words::NONE;
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
            UsageError::PayloadPending(left) => assert!(left > 0 && left == self.watch.payload.left),
            UsageError::TooLarge { size, limit } => {
                assert!(size > limit as usize && limit as usize == self.watch.maximum_packet_size);
            }
            UsageError::WindowFull(n) => {
                assert!(
                    usize::from(n) == self.watch.receive_maximum && self.watch.life.charged() == n.into()
                );
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
            self.told();
        }
        self.handle_all();
        let later = self.connection.poll_timeout();
        let stuck = later.is_some_and(|later| later <= self.now);
        assert!(!stuck, "{later:?} is due at {:?} again: {:?}", self.now, self.wait);
    }

    /// Asks the session that has no connection what is due.
    pub(crate) fn ask_saved(&mut self) {
        if R::SENDER == Sender::Client {
            if !self.watch.greeted {
                let session = self.connection.session_mut();
                let mut timers = session.timers();
                timers::ask(session, &mut timers, self.now);
            }
        } else if let Some(saved) = &mut self.saved {
            let [_, end] = timers::ask(&mut saved.session, &mut saved.timers, self.now);
            if end.is_some() {
                self.saved = None;
            }
        }
    }

    /// The connection is over, whatever became of it, and another one begins.
    pub(crate) fn reconnect(&mut self, tape: &mut Tape<'_>) {
        let (how, version) = (tape.byte(), tape.byte());
        if version & 15 == 15 {
            self.version = Version::ALL[usize::from(version >> 4) % 3];
        }
        self.out.bytes.clear();
        (self.seen, self.out.room) = (0, 4096);
        self.number += 1;
        let (empty, aliases) = (session((self.tables)()), self.aliases());
        let empty = R::create(self.version, self.now, &self.config, empty, aliases);
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
        let timers = session.timers();
        if used {
            assert_eq!(timers, self.watch.timers(self.over_at.unwrap_or(self.now)));
            assert_eq!(session.exists(), self.watch.expiry != 0);
            assert_eq!(session.expiry_interval(), self.watch.expiry);
        }
        let mut life = std::mem::take(&mut self.watch.life);
        match how % 4 {
            // The program starts again, with what it wrote down last or all along, and the time.
            0 => session = restored(&session, self.tables, &mut life, false),
            1 => session = restored(&session, self.tables, &mut life, true),
            2 => {
                (session, life) = (crate::log::session((self.tables)()), Life::default());
                self.saved = None;
            }
            _ => {}
        }
        if how % 4 < 2 {
            session.set_timers(timers);
        }
        (self.closed, self.wait) = (false, None);
        (self.over_at, self.will_due, self.farewell_by) = (None, None, None);
        self.tokens.retain(|_| how % 4 > 2);
        self.input.clear();
        self.net.clear();
        if R::SENDER == Sender::Client {
            self.logged = session.store().log.len();
            let aliases = self.aliases();
            self.connection = R::create(self.version, self.now, &self.config, session, aliases);
            self.watch = self.new_watch(life);
        } else {
            // A server that accepted nobody has no session to keep.
            if used {
                self.tokens.clear();
                let timers = session.timers();
                self.saved = session.exists().then_some(Saved { session, life, timers });
            }
            self.logged = 0;
            self.watch = self.new_watch(Life::default());
        }
    }
}
