//! A connection among a hostile peer, a careless application, a slow transport, a failing store and a clock that jumps.
//!
//! The input is a script: six bytes that choose role, store, version and limits, then steps of a byte and its
//! operands. Whatever it says, what the connection writes has to be what a peer may be sent: see `watch`.

#![no_main]

#[path = "connection/commands.rs"]
mod commands;
#[path = "connection/log.rs"]
mod log;
#[path = "connection/roles.rs"]
mod roles;
#[path = "connection/tape.rs"]
mod tape;
#[path = "connection/watch.rs"]
mod watch;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use log::{Logged, records, session};
use roles::{Role, message_packet, publish};
use sans_mqtt::role;
use sans_mqtt::{
    Ack, AckToken, Acknowledge, AnyPacket, Arrays, Caller, Config, Connection, Event, Flight, Frame, Heap,
    Inline, Instant, Message, Packet, PacketId, Property, Qos, ReasonCode, Record, Session, Split, Step,
    Store, Suback, Version, Wait,
};
use tape::{Pipe, Tape};
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
                // It may have been released and confirmed in this one call.
                let log = &self.connection.session().store().log[self.logged..];
                let release = |record| matches!(record, Record::Release { id: it } if it.get() == id);
                let flight = if records(log).any(release) { Some(Flight::Released) } else { self.flight(id) };
                self.watch.life.drop(id, flight);
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
            Wait::Payload(_) => unreachable!("no payload is sent in pieces"),
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
