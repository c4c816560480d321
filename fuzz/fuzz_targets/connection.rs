//! A connection among a hostile peer, a careless application, a slow transport, a failing store and a clock that jumps.
//!
//! The input is a script: five bytes that choose role, version, store and limits, then steps of a byte and its
//! operands. Whatever it says, what the connection writes has to be what a peer may be sent: see `watch`.

#![no_main]

#[path = "connection/watch.rs"]
mod watch;

use std::collections::BTreeSet;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sans_mqtt::role;
use sans_mqtt::{
    Ack, AckError, AckToken, Acknowledge, AnyPacket, Arrays, Auth, Caller, Client, Config, Connack, Connect,
    Connection, Delivery, Disconnect, Event, Flight, Frame, Heap, IncomingSlot, Inline, Instant, Message,
    OutgoingSlot, Packet, PacketId, Properties, Property, Publish, Qos, ReasonCode, Record, Sender, Server,
    Session, Sink, Split, Step, Store, StoreError, Suback, Subscribe, Subscription, Unsubscribe, UsageError,
    Version, Wait,
};
use watch::{Expect, Life, Watch};

fuzz_target!(|input: &[u8]| {
    let mut tape = Tape(input);
    let (role, store) = (tape.byte(), tape.byte());
    match (role % 2 == 0, store % 5) {
        (true, 0) => run::<role::Client, Heap>(tape, || Heap::new(4, 4)),
        (true, 1) => run::<role::Client, Heap<Caller>>(tape, || Heap::new(8, 2)),
        (true, 2) => run::<role::Client, Arrays<Inline<48>, 4, 4>>(tape, Arrays::default),
        (true, 3) => run::<role::Client, Arrays<Caller, 3, 3>>(tape, Arrays::default),
        (true, _) => run::<role::Client, Arrays<Caller, 1, 1>>(tape, Arrays::default),
        (false, 0) => run::<role::Server, Heap>(tape, || Heap::new(4, 4)),
        (false, 1) => run::<role::Server, Heap<Caller>>(tape, || Heap::new(8, 2)),
        (false, 2) => run::<role::Server, Arrays<Inline<48>, 4, 4>>(tape, Arrays::default),
        (false, 3) => run::<role::Server, Arrays<Caller, 3, 3>>(tape, Arrays::default),
        (false, _) => run::<role::Server, Arrays<Caller, 1, 1>>(tape, Arrays::default),
    }
});

/// The input, which is zeros behind its end.
struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        self.0.split_off(..n.min(self.0.len())).unwrap_or_default()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// Few identifiers, so that they meet.
    fn id(&mut self) -> PacketId {
        PacketId::new(u16::from(self.byte() % 9) + 1).unwrap()
    }

    fn qos(&mut self) -> Qos {
        self.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::AtMostOnce])
    }

    fn reason(&mut self) -> ReasonCode {
        self.pick(&[
            ReasonCode::SUCCESS,
            ReasonCode::NO_MATCHING_SUBSCRIBERS,
            ReasonCode::QUOTA_EXCEEDED,
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            ReasonCode::UNSPECIFIED_ERROR,
        ])
    }
}

/// A transport that takes what it is given now and then, and takes no packet that it was not asked about.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    room: usize,
    reserved: usize,
}

impl Sink for Pipe {
    fn reserve(&mut self, n: usize) -> bool {
        let fits = n <= self.room;
        self.reserved = if fits { n } else { 0 };
        fits
    }

    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.reserved, "written without room");
        self.reserved -= bytes.len();
        self.room -= bytes.len();
        self.bytes.extend_from_slice(bytes);
    }
}

/// Tables with a log, which fails at times.
struct Logged<T> {
    tables: T,
    log: Vec<u8>,
    fails: bool,
}

impl<T: Store> Store for Logged<T> {
    type Keep = T::Keep;

    fn outgoing(&self) -> &[OutgoingSlot<T::Keep>] {
        self.tables.outgoing()
    }

    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<T::Keep>] {
        self.tables.outgoing_mut()
    }

    fn incoming(&self) -> &[IncomingSlot] {
        self.tables.incoming()
    }

    fn incoming_mut(&mut self) -> &mut [IncomingSlot] {
        self.tables.incoming_mut()
    }

    fn incoming_capacity(&self) -> u16 {
        self.tables.incoming_capacity()
    }

    fn grow_outgoing(&mut self) -> bool {
        self.tables.grow_outgoing()
    }

    fn grow_incoming(&mut self) -> bool {
        self.tables.grow_incoming()
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        if self.fails {
            return Err(StoreError::Failed);
        }
        record.encode(&mut self.log).expect("what is recorded can be written down");
        Ok(())
    }
}

/// What only one of the roles can do.
trait Role: sans_mqtt::Role + Sized {
    const SENDER: Sender;
    const PEER: Sender;

    fn create<T: Store>(
        version: Version,
        now: Instant,
        config: &Config,
        session: Session<T>,
    ) -> Connection<Self, T>;
    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>);
    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool);
}

struct World<R, T: Store> {
    connection: Connection<R, Logged<T>>,
    watch: Watch,
    config: Config,
    version: Version,
    tables: fn() -> T,
    capacity: u16,
    /// A server keeps the session of its client, and its account.
    saved: Option<(Session<Logged<T>>, Life)>,
    input: Vec<u8>,
    out: Pipe,
    seen: usize,
    /// How much of the log has been looked at.
    logged: usize,
    now: Instant,
    tokens: Vec<(u32, AckToken)>,
    /// The number of the connection. A token is of use until the next one is made.
    number: u32,
    wait: Option<Wait>,
    dropped: Option<u16>,
    closed: bool,
}

fn run<R: Role, T: Store>(mut tape: Tape<'_>, tables: fn() -> T) {
    let version = tape.pick(&Version::ALL);
    let config = Config {
        receive_maximum: tape.pick(&[1, 2, 4, 16]),
        maximum_packet_size: tape.pick(&[64, 100, 1000, 1 << 20]),
        headroom: tape.pick(&[0, 5, 32]),
        ..Config::default()
    };
    let mut world = World::<R, T>::new(version, config, tables);
    while !tape.0.is_empty() {
        world.step(&mut tape);
        world.check();
    }
    world.finish();
}

fn session<T: Store>(tables: T) -> Session<Logged<T>> {
    Session::new(Logged { tables, log: Vec::new(), fails: false })
}

impl<R: Role, T: Store> World<R, T> {
    fn new(version: Version, config: Config, tables: fn() -> T) -> Self {
        let now = Instant::from_millis(1000);
        let capacity = {
            let mut tables = tables();
            while tables.grow_outgoing() {}
            tables.outgoing().len() as u16
        };
        Self {
            connection: R::create(version, now, &config, session(tables())),
            watch: Watch::new(R::SENDER, version, Life::default()),
            config,
            version,
            tables,
            capacity,
            saved: None,
            input: Vec::new(),
            out: Pipe { room: 4096, ..Pipe::default() },
            seen: 0,
            logged: 0,
            now,
            tokens: Vec::new(),
            number: 0,
            wait: None,
            dropped: None,
            closed: false,
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        let step = tape.byte();
        match step % 32 {
            0..=3 => R::command(self, tape),
            4..=7 => self.publish(tape),
            8 => self.acknowledge(tape),
            9 => self.acknowledge_all(tape),
            10 => self.resend(tape),
            11 => self.disconnect(tape),
            12 => self.reconnect(tape),
            13 => {
                let room = tape.pick(&[0, 1, 2, 3, 4, 5, 8, 9, 40, 200, 4096]);
                self.drain(room);
            }
            14 => self.pass_time(tape),
            15 => match tape.byte() % 7 {
                5 => self.authenticate(tape),
                6 => self.requeue(),
                0 => self.connection.handle_eof(),
                1 => self.connection.session_mut().store_mut().fails ^= true,
                2 => self.connection.set_acknowledge(Acknowledge::Manual),
                _ => self.connection.set_acknowledge(Acknowledge::Automatic),
            },
            // The peer.
            16..=25 => {
                let (version, mut bytes) = (self.connection_version(), Vec::new());
                let mut send = |packet: Packet<'_>| packet.encode(version, &mut bytes).is_ok();
                if step & 1 == 0 {
                    R::packet(tape, &mut send)
                } else {
                    message_packet(tape, &mut send)
                }
                self.input.extend(bytes);
                self.handle_all();
            }
            26 => {
                let n = usize::from(tape.byte());
                let mut any = Unstructured::new(tape.take(n));
                let any = AnyPacket::arbitrary(&mut any).unwrap();
                let _ = any.packet().encode(self.connection_version(), &mut self.input);
            }
            27 => {
                let n = usize::from(tape.byte());
                self.input.extend(tape.take(n));
                self.handle_all();
            }
            28 => {
                let (at, bits) = (usize::from(tape.byte()), tape.byte());
                if let Some(byte) = self.input.get_mut(at) {
                    *byte ^= bits;
                }
            }
            29 => {
                self.handle();
            }
            _ => self.handle_all(),
        }
    }

    /// A server reads a CONNECT of the script's version.
    fn connection_version(&self) -> Version {
        if self.watch.open { self.connection.version() } else { self.version }
    }

    /// Everything that was written is looked at, and then gone; there is room for as much again.
    fn drain(&mut self, room: usize) {
        assert_eq!(self.seen, self.out.bytes.len(), "something was written unseen");
        self.out.bytes.clear();
        self.seen = 0;
        self.out.room = room;
    }

    /// Looks at what was written since, and at what was taken of the input meanwhile.
    fn look(&mut self, mut taken: &[u8]) -> Expect {
        let version = self.connection.version();
        self.watch.version = version;
        let store = self.connection.session().store();
        let mut log = &store.log[self.logged.min(store.log.len())..];
        while let Ok((record, rest)) = Record::decode(log) {
            if let Record::Take { id } = record {
                assert!(self.watch.life.taken.insert(id.get()), "taken twice: {id}");
            }
            log = rest;
        }
        self.logged = store.log.len();
        let bytes = std::mem::take(&mut self.out.bytes);
        let mut expect = Expect::Nothing;
        while self.seen < bytes.len() || !taken.is_empty() {
            let mut verdict = Err("nothing");
            if let Ok(Split::Frame(frame, _)) = Frame::split(&bytes[self.seen..], usize::MAX) {
                let packet = Packet::decode_from(version, R::SENDER, frame)
                    .unwrap_or_else(|error| panic!("{error}: {:02X?}", frame.bytes()));
                let len = frame.bytes().len();
                verdict = self.watch.wrote(&packet, len);
                if let (Err(what), true) = (verdict, taken.is_empty()) {
                    panic!("{what}: {packet:?} {:?}", self.watch);
                }
                if verdict.is_ok() {
                    self.seen += len;
                }
            } else {
                assert_eq!(self.seen, bytes.len(), "half a packet");
            }
            if verdict.is_err() {
                let Ok(Split::Frame(frame, rest)) = Frame::split(taken, usize::MAX) else {
                    panic!("half a packet was taken: {taken:02X?}")
                };
                assert_eq!(expect, Expect::Nothing, "an event was left out");
                let packet =
                    Packet::decode_from(version, R::PEER, frame).expect("an invalid packet was taken");
                expect = self.watch.took(&packet);
                taken = rest;
            }
        }
        self.out.bytes = bytes;
        expect
    }

    fn handle(&mut self) -> bool {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let step = self.connection.handle(self.now, &mut rest, &mut self.out);
        if let Some(id) = self.dropped.take() {
            if self.connection.session().store().fails {
                self.dropped = Some(id).filter(|id| self.flight(*id) == Some(self.watch.life.out[id].flight));
            }
            if self.dropped.is_none() {
                self.watch.life.drop(id, self.flight(id));
            }
        }
        // What was told and is lost after all is forgotten in silence.
        let silent = self.watch.life.out.iter().filter(|(_, out)| out.lost && out.told).map(|(id, _)| *id);
        for id in silent.collect::<Vec<_>>() {
            if self.flight(id).is_none() {
                self.watch.life.end(id);
            }
        }
        let used = input.len() - rest.len();
        let expect = self.look(&input[..used]);
        let wait = self.judge(step, &expect, used);
        if let Some(wait) = wait {
            self.check_wait(wait, rest);
        }
        self.input = input;
        self.input.drain(..used);
        self.wait = wait;
        wait.is_none()
    }

    /// The event is the one that the packets lead to.
    fn judge(&mut self, step: Step<'_>, expect: &Expect, used: usize) -> Option<Wait> {
        let event = match step {
            Step::Wait(wait) => {
                assert_eq!(*expect, Expect::Nothing, "no event, but {wait:?}");
                return Some(wait);
            }
            Step::Event(event) => event,
        };
        assert!(used > 0 || matches!(event, Event::Dropped { .. }), "{event:?} out of nothing");
        match (event, expect) {
            (Event::Publish(incoming, token), Expect::Publish) => {
                assert_eq!(self.connection.topic(&incoming), self.connection.message(&incoming).topic);
                if let Some(token) = token {
                    assert_ne!(incoming.qos, Qos::AtMostOnce);
                    self.tokens.push((self.number, token));
                }
            }
            (Event::Acked { id, reason }, Expect::Acked(expected, code)) => {
                assert_eq!((id.get(), reason), (*expected, *code));
            }
            (Event::Suback(packet), Expect::Suback(id)) => assert_eq!(packet.packet_id.get(), *id),
            (Event::Unsuback(packet), Expect::Unsuback(id)) => assert_eq!(packet.packet_id.get(), *id),
            (Event::Connected(_), Expect::Connected) => {
                assert!(self.connection.is_open());
                self.number += 1;
            }
            (Event::Dropped { id }, Expect::Nothing) => {
                let version = self.connection.version();
                let out = &self.watch.life.out[&id.get()];
                let expiry = [Property::MessageExpiryInterval(9)];
                let message = Message {
                    qos: Qos::AtLeastOnce,
                    topic: &out.topic,
                    payload: &out.payload,
                    properties: expiry[..usize::from(out.properties)].into(),
                    ..Message::default()
                };
                // Before 5.0 there are no properties.
                let size = publish(id, &message).encoded_len(version).unwrap_or(usize::MAX);
                assert!(
                    out.lost || out.given_up || !out.published && self.watch.refuses(out, size),
                    "{out:?} is dropped"
                );
                assert_eq!(self.flight(id.get()), Some(out.flight));
                if let Some(kept) = self.connection.session().message(id) {
                    assert_eq!((kept.topic, kept.payload), (&*out.topic, &*out.payload));
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

    /// The wait is a true one: it asks for something, and handling again without it changes nothing.
    fn check_wait(&mut self, wait: Wait, rest: &[u8]) {
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
                assert!(n > 0 && !self.closed);
                let max = self.config.maximum_packet_size as usize;
                assert!(matches!(Frame::split(rest, max), Ok(Split::Incomplete(needed)) if needed == n));
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
            Wait::Decide => assert!(!self.closed),
            Wait::Store => assert!(self.connection.session().store().fails),
            Wait::Closed(_) => self.closed = true,
        }
    }

    fn handle_all(&mut self) {
        // Every event takes a packet or drops one.
        let most = self.input.len() / 2 + self.watch.life.out.len() + 1;
        for _ in 0..=most {
            if !self.handle() {
                return;
            }
        }
        panic!("events without end");
    }

    fn flight(&self, id: u16) -> Option<Flight> {
        self.connection.session().flight(PacketId::new(id).unwrap())
    }

    fn publish(&mut self, tape: &mut Tape<'_>) {
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

    /// A command that failed has changed nothing.
    fn refused(&mut self, error: UsageError, written: usize) {
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

    fn acknowledge(&mut self, tape: &mut Tape<'_>) {
        let at = usize::from(tape.byte());
        let reason = tape.reason();
        if self.tokens.is_empty() {
            return;
        }
        let (number, token) = self.tokens.swap_remove(at % self.tokens.len());
        self.acknowledge_one(number, token, reason);
    }

    fn acknowledge_all(&mut self, tape: &mut Tape<'_>) {
        let reason = tape.reason();
        for (number, token) in std::mem::take(&mut self.tokens) {
            self.acknowledge_one(number, token, reason);
        }
    }

    fn acknowledge_one(&mut self, number: u32, token: AckToken, reason: ReasonCode) {
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

    fn resend(&mut self, tape: &mut Tape<'_>) {
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

    fn requeue(&mut self) {
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

    fn authenticate(&mut self, tape: &mut Tape<'_>) {
        let method = [Property::AuthenticationMethod("m")];
        let reasons = [ReasonCode::CONTINUE_AUTHENTICATION, ReasonCode::RE_AUTHENTICATE, ReasonCode::SUCCESS];
        let written = self.out.bytes.len();
        let auth = Auth { reason: tape.pick(&reasons), properties: (&method).into() };
        if let Err(error) = self.connection.auth(&auth, &mut self.out) {
            self.refused(error, written);
        }
        self.look(&[]);
    }

    fn disconnect(&mut self, tape: &mut Tape<'_>) {
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

    fn pass_time(&mut self, tape: &mut Tape<'_>) {
        let due = self.connection.poll_timeout();
        let jump = tape.pick(&[0, 1, 999, 10_000, 60_000, 100_000_000]);
        self.now = match (tape.byte() % 3, due) {
            (0, Some(due)) => due.max(self.now),
            _ => Instant::from_millis(self.now.as_millis() + jump),
        };
        self.connection.handle_timeout(self.now, &mut self.out);
        self.look(&[]);
        self.handle_all();
        let later = self.connection.poll_timeout();
        let stuck = later.is_some_and(|later| later <= self.now);
        assert!(!stuck, "{later:?} is due at {:?} again: {:?}", self.now, self.wait);
    }

    /// The connection is over, whatever became of it, and another one begins.
    fn reconnect(&mut self, tape: &mut Tape<'_>) {
        let (how, version) = (tape.byte(), tape.byte());
        if version & 15 == 15 {
            self.version = Version::ALL[usize::from(version >> 4) % 3];
        }
        self.drain(4096);
        let fresh = Session::new(Logged { tables: (self.tables)(), log: Vec::new(), fails: false });
        let empty = R::create(self.version, self.now, &self.config, fresh);
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
                (session, life) = (self::session((self.tables)()), Life::default());
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

    fn check(&self) {
        let session = self.connection.session();
        let life = &self.watch.life;
        assert_eq!(usize::from(session.in_flight()), life.out.len(), "{life:?}");
        for (id, out) in &life.out {
            assert_eq!(self.flight(*id), Some(out.flight), "{id}");
        }
        let store = session.store();
        assert!(session.in_flight() <= self.capacity && store.outgoing().len() <= usize::from(self.capacity));
        assert!(session.incoming_in_flight() <= store.incoming_capacity());
        assert!(store.incoming().len() <= usize::from(store.incoming_capacity()));
        assert!(self.connection.poll_timeout().is_none() || !self.closed);
        assert!(!self.connection.is_open() || self.watch.open);
    }

    /// From here on all is well: everything that was accepted comes to an end.
    fn finish(&mut self) {
        self.connection.session_mut().store_mut().fails = false;
        self.drain(1 << 20);
        self.handle_all();
        let waits = matches!(self.wait, Some(Wait::Read(2) | Wait::Resend(_)));
        if !waits || !self.connection.is_open() || !self.input.is_empty() {
            return;
        }
        for _ in 0..40 {
            self.drain(1 << 20);
            if let Some(Wait::Resend(id)) = self.wait {
                let out = self.watch.life.out[&id.get()].clone();
                let message = Message {
                    topic: &out.topic,
                    payload: &out.payload,
                    retain: out.retain,
                    ..Message::default()
                };
                if self.connection.resend(id, &message, &mut self.out).is_err() {
                    self.connection.abandon(id).unwrap();
                    self.watch.life.out.get_mut(&id.get()).unwrap().given_up = true;
                }
                self.look(&[]);
            }
            let version = self.connection.version();
            for (id, out) in &self.watch.life.out {
                let ack = Ack { packet_id: PacketId::new(*id).unwrap(), ..Ack::default() };
                if !out.published && out.flight != Flight::Released || out.lost {
                    continue;
                }
                let codes = &[ReasonCode::SUCCESS; 2][..out.filters];
                let suback = Suback { packet_id: ack.packet_id, reasons: codes.into(), ..Suback::default() };
                let unsuback = match version {
                    Version::V5_0 => suback,
                    _ => Suback { packet_id: ack.packet_id, ..Suback::default() },
                };
                let packet = match out.flight {
                    Flight::AtLeastOnce => Packet::Puback(ack),
                    Flight::ExactlyOnce => Packet::Pubrec(ack),
                    Flight::Released => Packet::Pubcomp(ack),
                    Flight::Subscribe => Packet::Suback(suback),
                    Flight::Unsubscribe => Packet::Unsuback(unsuback),
                };
                packet.encode(version, &mut self.input).unwrap();
            }
            self.handle_all();
            self.check();
        }
        assert!(self.watch.life.out.is_empty(), "stuck: {:?} {:?}", self.watch, self.wait);
    }
}

/// The packet of a message.
fn publish<'a>(id: PacketId, message: &Message<'a>) -> Packet<'a> {
    let Message { qos, retain, topic, properties, payload } = *message;
    let delivery = match qos {
        Qos::AtMostOnce => Delivery::AtMostOnce,
        Qos::AtLeastOnce => Delivery::AtLeastOnce(id),
        Qos::ExactlyOnce => Delivery::ExactlyOnce(id),
    };
    Packet::Publish(Publish { dup: false, retain, delivery, topic, properties, payload })
}

fn records(log: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = log;
    std::iter::from_fn(move || {
        let (record, behind) = Record::decode(rest).ok()?;
        rest = behind;
        Some(record)
    })
}

fn export<T: Store>(session: &Session<Logged<T>>) -> Vec<u8> {
    let mut to = Vec::new();
    session.export(|record| assert!(record.encode(&mut to).is_ok()));
    to
}

/// A session put back from its records: the fewest, or the log of its life.
fn restored<T: Store>(
    from: &Session<Logged<T>>,
    tables: fn() -> T,
    life: &mut Life,
    by_log: bool,
) -> Session<Logged<T>> {
    let log = if by_log { from.store().log.clone() } else { export(from) };
    let mut session = session(tables());
    for record in records(&log) {
        session.restore(&record).expect("the same tables have room");
    }
    session.store_mut().log = log;
    life.restore(releases(&export(&session)));
    session
}

fn releases(log: &[u8]) -> Vec<u16> {
    let releases = records(log).filter_map(|record| match record {
        Record::Release { id } => Some(id.get()),
        _ => None,
    });
    releases.collect()
}

/// The log makes the session that is there.
fn same_as_log<T: Store>(session: &Session<Logged<T>>, tables: fn() -> T) {
    let replayed = restored(session, tables, &mut Life::default(), true);
    let (is, said) = (export(session), export(&replayed));
    let takes = |log: &[u8]| {
        let takes = records(log).filter_map(|record| match record {
            Record::Take { id } => Some(id.get()),
            _ => None,
        });
        takes.collect::<BTreeSet<_>>()
    };
    let rest = |log: &[u8]| {
        records(log)
            .filter(|record| !matches!(record, Record::Take { .. } | Record::Release { .. }))
            // A session that ended with its connection has no record of that.
            .filter(|record| session.exists() || !matches!(record, Record::Begin { .. }))
            // Whether the message is in it is the store's business.
            .map(|record| record.to_string())
            .collect::<Vec<_>>()
    };
    // A PUBREC that comes again puts its PUBREL behind the others, which no record tells.
    let sorted = |log: &[u8]| BTreeSet::from_iter(releases(log));
    let (is, said) = ((takes(&is), sorted(&is), rest(&is)), (takes(&said), sorted(&said), rest(&said)));
    assert_eq!(is, said, "the log says something else");
}

/// Packets about messages, which both sides send.
fn message_packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
    let what = tape.byte();
    let method = [Property::AuthenticationMethod("m")];
    let ack = Ack { packet_id: tape.id(), ..Ack::default() };
    let acked = Ack { reason: tape.reason(), ..ack };
    let message = Message {
        qos: if what & 16 == 0 { Qos::AtLeastOnce } else { Qos::ExactlyOnce },
        topic: "in",
        payload: &[what; 3],
        ..Message::default()
    };
    let publish = publish(ack.packet_id, &message);
    send(match what % 12 {
        0 | 1 => Packet::Puback(acked),
        2 => Packet::Pubrec(acked),
        3 => Packet::Pubrec(ack),
        4 => Packet::Pubrel(ack),
        5 => Packet::Pubcomp(acked),
        6..=9 => publish,
        10 => match publish {
            Packet::Publish(publish) => Packet::Publish(Publish { dup: true, ..publish }),
            packet => packet,
        },
        _ if what & 16 == 0 => Packet::Publish(Publish { topic: "zero", ..Publish::default() }),
        _ => Packet::Auth(Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&method).into() }),
    });
}

impl Role for role::Client {
    const SENDER: Sender = Sender::Client;
    const PEER: Sender = Sender::Server;

    fn create<T: Store>(version: Version, _: Instant, config: &Config, session: Session<T>) -> Client<T> {
        Client::new(version, config, session)
    }

    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
        let (what, written) = (tape.byte(), world.out.bytes.len());
        let connection = &mut world.connection;
        let filters = [Subscription { filter: "t/#", ..Subscription::default() }; 2];
        let count = usize::from(tape.byte() % 3);
        let result = match what % 4 {
            0 => connection
                .subscribe(&filters[..count], Properties::EMPTY, &mut world.out)
                .map(|id| (id, Flight::Subscribe)),
            1 => connection
                .unsubscribe(&["t/#", "u"][..count], Properties::EMPTY, &mut world.out)
                .map(|id| (id, Flight::Unsubscribe)),
            _ => {
                let clean_start = what & 4 != 0;
                let expiry = [Property::SessionExpiryInterval(if what & 8 != 0 { 60 } else { 0 })];
                let method = [expiry[0], Property::AuthenticationMethod("m")];
                let properties = match connection.version() {
                    Version::V5_0 if what & 48 == 48 => Properties::from(&method),
                    Version::V5_0 if what & 16 == 0 => Properties::from(&expiry),
                    _ => Properties::EMPTY,
                };
                let keep_alive = tape.pick(&[0, 1, 60, 65_535]);
                let connect =
                    Connect { clean_start, client_id: "c", keep_alive, properties, ..Connect::default() };
                let existed = connection.session().exists();
                match connection.connect(world.now, &connect, &mut world.out) {
                    Ok(()) => world.watch.existed = existed,
                    Err(error) => world.refused(error, written),
                }
                world.look(&[]);
                return;
            }
        };
        match result {
            Ok((id, flight)) => {
                world.watch.life.add(id.get(), flight).filters = count;
            }
            Err(error) => world.refused(error, written),
        }
        world.look(&[]);
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let codes = [ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR];
        let reasons = codes[..usize::from(what >> 6) % 3].into();
        let answer = Suback { packet_id, reasons, ..Suback::default() };
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[20, 60, 1000, u32::MAX])),
                    Property::ServerKeepAlive(tape.pick(&[0, 1, 60])),
                    Property::MaximumQos(Qos::AtLeastOnce),
                    Property::RetainAvailable(false),
                ];
                let count = usize::from(tape.byte() % 6);
                let connack = Connack {
                    session_present: what & 8 != 0,
                    properties: limits[..count].into(),
                    ..Connack::default()
                };
                // Before 5.0 it has no properties, and in 3.1 no Session Present.
                let _ = send(Packet::Connack(connack))
                    || send(Packet::Connack(Connack { properties: Properties::EMPTY, ..connack }))
                    || send(Packet::Connack(Connack::default()));
            }
            3 => {
                send(Packet::Connack(Connack { reason: ReasonCode::NOT_AUTHORIZED, ..Connack::default() }));
            }
            4 => {
                send(Packet::Suback(answer));
            }
            5 => {
                let _ = send(Packet::Unsuback(answer))
                    || send(Packet::Unsuback(Suback { packet_id, ..Suback::default() }));
            }
            6 => {
                send(Packet::Pingresp);
            }
            _ => {
                send(Packet::Disconnect(Disconnect { reason: tape.reason(), ..Disconnect::default() }));
            }
        }
    }
}

impl Role for role::Server {
    const SENDER: Sender = Sender::Server;
    const PEER: Sender = Sender::Client;

    fn create<T: Store>(_: Version, now: Instant, config: &Config, session: Session<T>) -> Server<T> {
        Server::new(now, config, session)
    }

    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
        let (what, count, written) = (tape.byte(), tape.byte(), world.out.bytes.len());
        let reasons = &[ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR][..usize::from(count % 3)];
        let connection = &mut world.connection;
        let result = match what % 8 {
            0 => connection.reject(tape.reason()),
            1 | 2 => connection.suback(reasons, Properties::EMPTY, &mut world.out),
            3 => connection.unsuback(reasons, Properties::EMPTY, &mut world.out),
            4 => {
                if let Some((session, life)) = world.saved.take() {
                    match connection.resume(session) {
                        Ok(_) => {
                            world.logged = connection.session().store().log.len();
                            (world.watch.life, world.watch.resumed) = (life, true);
                        }
                        Err(session) => world.saved = Some((session, life)),
                    }
                }
                Ok(())
            }
            _ => {
                let properties = [
                    Property::AuthenticationMethod("m"),
                    Property::SessionExpiryInterval(60),
                    Property::ServerKeepAlive(1),
                ];
                let from = usize::from(count >> 7);
                connection.accept(properties[1 - from..1 + usize::from(count % 3)].into(), &mut world.out)
            }
        };
        if let Err(error) = result {
            world.refused(error, written);
        }
        world.look(&[]);
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let filters = [Subscription { filter: "t/#", ..Subscription::default() }; 2];
        let count = usize::from(what >> 6) % 3;
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::SessionExpiryInterval(tape.pick(&[0, 60, u32::MAX])),
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[1, 20, 60, 1000, u32::MAX])),
                    Property::AuthenticationMethod("m"),
                ];
                let count = usize::from(tape.byte() % 5);
                let connect = Connect {
                    clean_start: what & 8 != 0,
                    keep_alive: tape.pick(&[0, 1, 60]),
                    client_id: "c",
                    properties: limits[..count].into(),
                    ..Connect::default()
                };
                let _ = send(Packet::Connect(connect))
                    || send(Packet::Connect(Connect { properties: Properties::EMPTY, ..connect }));
            }
            3 | 4 => {
                let filters = filters[..count].into();
                send(Packet::Subscribe(Subscribe { packet_id, properties: Properties::EMPTY, filters }));
            }
            5 => {
                let filters = ["t/#", "u"][..count].into();
                send(Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters }));
            }
            6 => {
                (0..=count * 200).all(|_| send(Packet::Pingreq));
            }
            _ => {
                let expiry = [Property::SessionExpiryInterval(u32::from(tape.byte()))];
                let leave = Disconnect { reason: tape.reason(), properties: (&expiry).into() };
                let _ = what & 8 != 0 && send(Packet::Disconnect(leave))
                    || send(Packet::Disconnect(Disconnect { properties: Properties::EMPTY, ..leave }))
                    || send(Packet::Disconnect(Disconnect::default()));
            }
        }
    }
}
