//! One side: a machine, its sink and input, and the application, with the loop that the documentation asks for.

use std::collections::VecDeque;

use sans_mqtt::{
    AckToken, Acknowledge, Connect, Flight, Instant, PacketId, Properties, Property, Qos, ReasonCode, Record,
    Sender, Session, StoreError, UsageError, Version, Wait,
};

use sans_mqtt::event_log::{Recorder, replay};

use crate::app::{App, Coming, End};
use crate::ledger::{Ledger, number};
use crate::machine::{Bounded, Found, Machine, Tape, either};
use crate::rng::Rng;
use crate::setup::{Acks, CLIENT, SERVER, Setup, topic};
use crate::store::Log;
use crate::watch::Watch;

/// The side's store has died; all but its log is gone.
#[derive(Debug)]
pub(crate) struct Died;

pub(crate) struct Side<'s> {
    pub(crate) who: usize,
    pub(crate) setup: &'s Setup,
    pub(crate) machine: Option<Machine>,
    /// Between connections; and at a server, as long as nobody has resumed it or begun another.
    pub(crate) session: Option<Session<Log>>,
    pub(crate) sink: Bounded,
    pub(crate) input: Vec<u8>,
    /// What is left of the payload of a message whose head was sent.
    pub(crate) payload: VecDeque<u8>,
    pub(crate) wait: Wait,
    /// Whether there is a reason to call `handle`.
    pub(crate) due: bool,
    /// What has to be answered: CONNECT, or so many filters of SUBSCRIBE (`true`) or UNSUBSCRIBE.
    pub(crate) asked: Option<(bool, usize)>,
    pub(crate) app: App,
    pub(crate) watch: Watch,
    pub(crate) rng: Rng,
    pub(crate) connections: usize,
    pub(crate) clean: bool,
    /// Before 5.0, that the session ends with this connection.
    ends: bool,
    pub(crate) packets: u64,
    pub(crate) tape: Tape,
    pub(crate) aliased: u64,
    pub(crate) pieces: u64,
}

/// A look at the session of a side, whatever its store is wrapped in.
macro_rules! session {
    ($side:expr, $name:ident => $look:expr) => {
        match (&$side.session, &$side.machine) {
            (Some($name), _) => $look,
            (None, Some(machine)) => $crate::machine::either!(machine, m => {
                let $name = m.session();
                $look
            }),
            (None, None) => unreachable!("a side without a session"),
        }
    };
}
pub(crate) use session;

impl<'s> Side<'s> {
    pub(crate) fn new(setup: &'s Setup, who: usize) -> Self {
        let seed = setup.seed.wrapping_mul(2) + who as u64;
        let log = Log::new(setup.shapes[who]).failing(setup.store_fails, seed);
        let sender = if who == CLIENT { Sender::Client } else { Sender::Server };
        Self {
            who,
            setup,
            machine: None,
            watch: Watch::new(sender, setup, setup.version, &log.bytes),
            session: Some(Session::new(log)),
            sink: Bounded { size: setup.sinks[who], ..Bounded::default() },
            input: Vec::new(),
            payload: VecDeque::new(),
            wait: Wait::Decide,
            due: true,
            asked: None,
            app: App::new(&setup.scripts[who]),
            rng: Rng::new(!seed),
            connections: 0,
            clean: false,
            ends: false,
            packets: 0,
            tape: Tape(setup.logged.then(Default::default)),
            aliased: 0,
            pieces: 0,
        }
    }

    /// All connections of the side happen again, if they were logged; and as far as a part of the log tells, but not if a
    /// bit of it is wrong.
    pub(crate) fn replay(&mut self) {
        let Some(log) = &self.tape.0 else { return };
        let log = &mut *log.borrow_mut();
        let again = |log: &[u8]| replay(log, || (Log::new(self.setup.shapes[self.who]), self.setup.tables()));
        let calls = again(log).unwrap();
        let part = self.rng.below(log.len());
        assert!(again(&log[..part]).unwrap() < calls);
        let at = self.rng.below(log.len());
        log[at] ^= 1 << self.rng.below(8);
        assert_ne!(again(log), Ok(calls), "byte {at} was changed");
    }

    /// The session that bytes are written for, whether it will stay or not.
    pub(crate) fn store_mut(&mut self) -> &mut Log {
        match (&mut self.machine, &mut self.session) {
            (Some(machine), _) => either!(machine, m => m.store_mut()),
            (None, Some(session)) => session.store_mut(),
            (None, None) => unreachable!("a side without a session"),
        }
    }

    pub(crate) fn log(&self) -> &Log {
        session!(self, session => session.store())
    }

    /// The power will fail when so many bytes of records are written.
    pub(crate) fn dies_at(&mut self, at: u64) {
        self.store_mut().dies_at = at;
        self.session.iter_mut().for_each(|session| session.store_mut().dies_at = at);
    }

    /// Calls the machine; looks at what it writes.
    pub(crate) fn call<T>(&mut self, call: impl FnOnce(&mut Machine, &mut Bounded) -> T) -> Result<T, Died> {
        let before = self.sink.bytes.len();
        let machine = self.machine.as_mut().expect("a connection");
        let result = call(machine, &mut self.sink);
        if self.store_mut().dead {
            return Err(Died);
        }
        self.watch.sent(&self.sink.bytes[before..]);
        Ok(result)
    }

    /// A connection begins.
    pub(crate) fn connect(&mut self, now: Instant) {
        let config = self.setup.config(self.who, self.connections);
        let sender = if self.who == CLIENT { Sender::Client } else { Sender::Server };
        let version = self.setup.version(self.connections);
        self.watch = Watch::new(sender, self.setup, version, &self.log().bytes);
        self.connections += 1;
        (self.wait, self.due) = (Wait::Decide, true);
        if self.who == SERVER {
            let empty = Session::new(self.log().next(Record::HEADER.to_vec()));
            let (tables, tape) = (self.setup.tables(), self.tape.clone());
            self.machine =
                Some(Machine::Server(Recorder::server_with_aliases(now, &config, empty, tables, tape)));
        } else {
            let (session, tables) = (self.session.take().expect("a session"), self.setup.tables());
            let v5 = version == Version::V5_0;
            let clean_start = self.clean || (v5 && !session.exists());
            let expiry = [Property::SessionExpiryInterval(u32::MAX)];
            let properties = if v5 { Properties::from(&expiry) } else { Properties::EMPTY };
            let connect =
                Connect { clean_start, properties, client_id: "c", keep_alive: 1000, ..Connect::default() };
            self.ends = clean_start && !v5;
            let tape = self.tape.clone();
            let client = Recorder::client_with_aliases(version, &config, session, tables, tape);
            self.machine = Some(Machine::Client(client));
            let connected = self.call(|machine, out| match machine {
                Machine::Client(client) => client.connect(now, &connect, out),
                Machine::Server(_) => unreachable!("a client"),
            });
            connected.expect("no record").expect("room for CONNECT");
        }
        if !matches!(self.setup.acks[self.who], Acks::Automatic) {
            either!(self.machine.as_mut().unwrap(), m => m.set_acknowledge(Acknowledge::Manual));
        }
    }

    /// The connection is over.
    pub(crate) fn disconnect(&mut self) {
        let Some(machine) = self.machine.take() else { return };
        self.packets += self.watch.packets;
        self.aliased += self.watch.aliased;
        self.pieces += self.watch.pieces;
        self.sink.bytes.clear();
        self.input.clear();
        self.payload.clear();
        (self.asked, self.due) = (None, true);
        if self.session.is_none() {
            // What was told to the application is told once, if the store works now.
            self.session = Some(either!(machine, m => {
                let mut m = m;
                let fails = m.store_mut().fails.take();
                let mut session = m.into_session();
                session.store_mut().fails = fails;
                session
            }));
        }
        self.app.disconnected();
        if std::mem::take(&mut self.ends) {
            // What is on its way is sent again in the next session, whose server knows nothing of it.
            self.app.live.values().for_each(|n| self.app.sent[*n as usize].loose = true);
        }
        if self.watch.was_open() && self.app.abandoned.is_empty() {
            let log = Ledger::of(&self.log().bytes);
            assert!(
                log.summary().same_flows(&self.watch.ledger.summary()),
                "log and wire: {:?}, {:?}",
                log.summary(),
                self.watch
            );
        }
        self.check();
    }

    /// Handles what there is until it waits. Whether anything happened.
    pub(crate) fn handle(&mut self, now: Instant) -> Result<bool, Died> {
        self.due = false;
        let mut happened = false;
        loop {
            let input = std::mem::take(&mut self.input);
            let mut rest = &input[..];
            let before = self.sink.bytes.len();
            let machine = self.machine.as_mut().expect("a connection");
            let found = machine.handle(now, &mut rest, &mut self.sink);
            if self.store_mut().dead {
                return Err(Died);
            }
            self.watch.got(&input[..input.len() - rest.len()]);
            self.watch.sent(&self.sink.bytes[before..]);
            happened |= rest.len() < input.len() || before < self.sink.bytes.len();
            self.input = rest.to_vec();
            match found {
                Found::Wait(Wait::Store) => {} // it works again at once
                Found::Wait(wait) => {
                    let left =
                        if let Wait::Payload(left) = wait { left as usize } else { self.payload.len() };
                    assert_eq!(left, self.payload.len());
                    self.wait = wait;
                    return Ok(happened);
                }
                found => self.event(found)?,
            }
            happened = true;
        }
    }

    fn event(&mut self, found: Found) -> Result<(), Died> {
        match found {
            Found::Connect { clean_start } => {
                if let Some(session) = self.session.take_if(|session| !clean_start && session.exists()) {
                    let Some(Machine::Server(server)) = &mut self.machine else { unreachable!("a server") };
                    assert!(!server.resume(session).expect("may be resumed").exists());
                }
                self.asked = Some((true, 0));
            }
            Found::Connected => {
                self.clean = false;
                self.opened();
            }
            Found::Publish { topic, payload, qos, token } => self.came(&topic, &payload, qos, token),
            Found::Start { topic, len, qos } => {
                let coming = Coming { qos, topic, len: len as usize, payload: Vec::new() };
                assert!(self.app.coming.replace(coming).is_none(), "a message within another");
            }
            Found::Chunk(chunk) => {
                self.app.coming.as_mut().expect("a message in pieces").payload.extend(chunk);
            }
            Found::End(token) => {
                let Coming { qos, topic, len, payload } =
                    self.app.coming.take().expect("a message in pieces");
                assert_eq!(payload.len(), len, "the pieces are not the whole");
                self.came(&topic, &payload, qos, token);
            }
            // What is left of a message that was dropped before a restart.
            Found::Acked(id, _) if self.app.forgotten.remove(&id).is_some() => {}
            Found::Acked(id, reason) => self.app.ended(id, End::Acked(reason)),
            Found::Dropped(id) => {
                let flight = session!(self, session => session.flight(id)).expect("it can still be read");
                if let Some(message) = session!(self, session => session.message(id)) {
                    let number = self.app.live.get(&id).or_else(|| self.app.forgotten.get(&id));
                    let number = *number.expect("a message that is known");
                    let streamed = self.app.sent[number as usize].streamed;
                    assert_eq!(message.payload, self.setup.payload(number, streamed));
                    assert_eq!(message.topic, topic(number, self.setup.topics));
                }
                self.watch.dropped(id.get());
                // The application has forgotten a SUBSCRIBE of an earlier connection.
                let again = self.app.forgotten.remove(&id).is_some();
                if !again && !matches!(flight, Flight::Subscribe | Flight::Unsubscribe) {
                    self.app.ended(id, End::Dropped(flight == Flight::Released));
                }
            }
            Found::Asked { subscribe, filters } => {
                self.asked = Some((subscribe, filters));
                if self.setup.seed == 0 || self.rng.once_in(2) {
                    self.answer()?;
                    assert!(self.asked.is_none(), "there is room if it is called at once");
                }
            }
            Found::Answered(id) => assert!(self.app.asks.remove(&id).is_some()),
            Found::Disconnect => {}
            Found::Wait(wait) => unreachable!("{wait:?}"),
        }
        Ok(())
    }

    /// A message is there.
    fn came(&mut self, from: &str, payload: &[u8], qos: Qos, token: Option<AckToken>) {
        let number = number(payload);
        assert_eq!(from, topic(number, self.setup.topics), "message {number}");
        let [small, large] = [false, true].map(|streamed| self.setup.payload(number, streamed));
        assert!(payload == small || payload == large, "message {number} is another one");
        self.app.came(number, qos);
        self.app.tokens.extend(token.map(|token| (token, number)));
    }

    /// It is agreed on whether the session goes on.
    fn opened(&mut self) {
        self.watch.ledger = Ledger::of(&self.log().bytes);
        self.app.abandoned.iter().for_each(|id| self.watch.dropped(id.get()));
        // The application knows of these.
        self.watch.ledger.flows.retain(|id, flow| {
            let known = PacketId::new(*id).is_some_and(|id| self.app.dropped.contains_key(&id));
            !(flow.lost && known)
        });
    }

    /// Answers CONNECT, SUBSCRIBE or UNSUBSCRIBE, if there is room.
    pub(crate) fn answer(&mut self) -> Result<(), Died> {
        let Some((subscribe, filters)) = self.asked else { return Ok(()) };
        let reasons = vec![ReasonCode::SUCCESS; filters];
        let answered = self.call(|machine, out| {
            let Machine::Server(server) = machine else { unreachable!("a server") };
            match (filters, subscribe) {
                (0, _) => server.accept(Properties::EMPTY, out),
                (_, true) => server.suback(&reasons, Properties::EMPTY, out),
                (_, false) => server.unsuback(&reasons, Properties::EMPTY, out),
            }
        })?;
        self.due = true;
        match answered {
            Ok(()) => self.asked = None,
            Err(
                UsageError::NoRoom(_) | UsageError::PayloadPending(_) | UsageError::Store(StoreError::Failed),
            ) => return Ok(()),
            Err(error) => panic!("{error}"),
        }
        if filters == 0 {
            if self.session.take().is_some() {
                self.app.thrown();
            }
            self.opened();
        }
        Ok(())
    }
}
