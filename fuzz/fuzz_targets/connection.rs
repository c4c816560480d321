//! A connection among a hostile peer, a careless application, a slow transport, a failing store and a clock that jumps.
//!
//! The input is a script: eleven bytes that choose role, store, version, limits and tables for Topic Aliases, then steps
//! of a byte and its operands. Whatever it says, what the connection writes has to be what a peer may be sent, and what it
//! tells what the peer has sent: see `watch` and `took`.

#![no_main]

#[path = "connection/commands.rs"]
mod commands;
#[path = "connection/finish.rs"]
mod finish;
#[path = "connection/judge.rs"]
mod judge;
#[path = "connection/life.rs"]
mod life;
#[path = "connection/log.rs"]
mod log;
#[path = "connection/messages.rs"]
mod messages;
#[path = "connection/peer.rs"]
mod peer;
#[path = "connection/roles.rs"]
mod roles;
#[path = "connection/tape.rs"]
mod tape;
#[path = "connection/timers.rs"]
mod timers;
#[path = "connection/took.rs"]
mod took;
#[path = "connection/topics.rs"]
mod topics;
#[path = "connection/watch.rs"]
mod watch;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use life::Life;
use log::{Logged, records, session};
use peer::{large, message_packet};
use roles::Role;
use sans_mqtt::role;
use sans_mqtt::{
    AckToken, AnyPacket, Arrays, Caller, Config, Connection, Flight, Frame, HeadSplit, Heap, Inline, Instant,
    Packet, PacketId, Publish, PublishHead, Qos, Record, Sender, Session, Split, Store, Tables, Timers,
    TopicTable, Version, Wait,
};
use tape::{Pipe, Tape};
use took::{Expect, Fate};
use topics::Topics;
use watch::Watch;

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

/// What the network holds back until it is told otherwise.
const HELD: usize = usize::MAX;

struct World<R, T: Tables> {
    connection: Connection<R, Logged<T>, (Topics, Topics)>,
    watch: Watch,
    config: Config,
    version: Version,
    tables: fn() -> T,
    topics: u8,
    capacity: u16,
    /// A server keeps the session of its client.
    saved: Option<Saved<T>>,
    /// What the peer has sent and what has come of it, so many bytes at a time; 0: all.
    net: Vec<u8>,
    input: Vec<u8>,
    cut: usize,
    out: Pipe,
    seen: usize,
    /// How much of the log has been looked at.
    logged: usize,
    now: Instant,
    tokens: Vec<(u32, AckToken)>,
    /// The number of the connection. A token is of use until the connection is over.
    number: u32,
    wait: Option<Wait>,
    dropped: Option<u16>,
    closed: bool,
    /// When an open connection ended, and until when a farewell waits for room.
    over_at: Option<Instant>,
    farewell_by: Option<Instant>,
    /// A will of the connection before, which was due and not asked for.
    will_due: Option<Instant>,
}

/// A session without a connection, its account, and what is to happen to it.
struct Saved<T: Tables> {
    session: Session<Logged<T>>,
    life: Life,
    timers: Timers,
}

fn config(tape: &mut Tape<'_>) -> Config {
    let [receive_maximum, topic_alias_maximum] =
        [tape.pick(&[1, 2, 4, 16]), tape.pick(&[3, 0, 1, 10, 65_535])];
    let maximum_packet_size = tape.pick(&[64, 100, 1000, 1 << 20]);
    let headroom = tape.pick(&[0, 5, 32]);
    let stream_above = tape.pick(&[u32::MAX, 16, 40, 200]);
    let flags = tape.byte();
    let times = tape.byte();
    let flag = |n: u8| flags >> n & 1 != 0;
    Config {
        receive_maximum,
        maximum_packet_size,
        stream_above,
        skip_oversize: flag(0),
        topic_alias_maximum,
        assign_topic_aliases: flag(1),
        maximum_qos: if flag(2) { Qos::AtLeastOnce } else { Qos::ExactlyOnce },
        retain_available: !flag(3),
        wildcard_subscription_available: !flag(4),
        subscription_identifier_available: !flag(5),
        shared_subscription_available: !flag(5),
        maximum_connect_size: if flag(6) { 40 } else { 16 << 10 },
        maximum_keep_alive: [0, 1, 30][usize::from(times) % 3],
        maximum_session_expiry: [u32::MAX, 0, 30][usize::from(times >> 4) % 3],
        headroom,
        ..Config::default()
    }
}

/// Tells what happens, if built with TRACE=1 in the environment.
fn trace(what: impl FnOnce() -> String) {
    if option_env!("TRACE").is_some() {
        eprintln!("{}", what());
    }
}

fn run<R: Role, T: Tables>(mut tape: Tape<'_>, tables: fn() -> T) {
    let version = tape.pick(&Version::ALL);
    let config = config(&mut tape);
    let topics = tape.byte();
    let mut world = World::<R, T>::new(version, config, tables, topics);
    while !tape.0.is_empty() {
        world.step(&mut tape);
        world.check();
    }
    world.finish();
}

/// Tables for what comes and for what goes.
fn aliases(topics: u8) -> (Topics, Topics) {
    (Topics::new(topics), Topics::new(topics / 5))
}

impl<R: Role, T: Tables> World<R, T> {
    fn new(version: Version, config: Config, tables: fn() -> T, topics: u8) -> Self {
        let now = Instant::from_millis(1000);
        let capacity = {
            let mut tables = tables();
            while tables.grow_outgoing() {}
            tables.outgoing().len() as u16
        };
        let room = aliases(topics).0.capacity();
        Self {
            connection: R::create(version, now, &config, session(tables()), aliases(topics)),
            watch: Watch::new(R::SENDER, version, &config, room, Life::default()),
            config,
            version,
            tables,
            topics,
            capacity,
            saved: None,
            net: Vec::new(),
            input: Vec::new(),
            cut: 0,
            out: Pipe { room: 4096, ..Pipe::default() },
            seen: 0,
            logged: 0,
            now,
            tokens: Vec::new(),
            number: 0,
            wait: None,
            dropped: None,
            closed: false,
            over_at: None,
            farewell_by: None,
            will_due: None,
        }
    }

    fn aliases(&self) -> (Topics, Topics) {
        aliases(self.topics)
    }

    fn new_watch(&self, life: Life) -> Watch {
        Watch::new(R::SENDER, self.version, &self.config, self.aliases().0.capacity(), life)
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        let step = tape.byte();
        trace(|| format!("step {} at {:?}", step % 40, self.now));
        match step % 40 {
            0..=3 => R::command(self, tape),
            4..=6 => self.publish(tape, false),
            7 => self.publish(tape, true),
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
            15 => match tape.byte() % 8 {
                7 => self.ask_saved(),
                5 => self.authenticate(tape),
                6 => self.requeue(),
                0 => self.connection.handle_eof(),
                1 => self.connection.session_mut().store_mut().fails ^= true,
                2 => self.set_acknowledge(true),
                _ => self.set_acknowledge(false),
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
                self.arrive(&bytes);
            }
            26 => {
                let n = usize::from(tape.byte());
                let mut any = Unstructured::new(tape.take(n));
                let any = AnyPacket::arbitrary(&mut any).unwrap();
                let _ = any.packet().encode(self.connection_version(), &mut self.net);
            }
            27 => {
                let n = usize::from(tape.byte());
                self.arrive(tape.take(n));
            }
            28 => {
                let (at, bits) = (usize::from(tape.byte()), tape.byte());
                let bytes = if self.input.is_empty() { &mut self.net } else { &mut self.input };
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            29 => {
                self.handle();
            }
            30 => self.write_payload(tape),
            31 => self.alias(tape),
            32 => self.cut = tape.pick(&[0, 1, 3, 17, 100, HELD]),
            33 => {
                let n = usize::from(tape.byte()).min(self.net.len());
                self.input.extend(self.net.drain(..n));
                self.handle_all();
            }
            34 | 35 => {
                let bytes = large(tape, self.connection_version());
                self.arrive(&bytes);
            }
            _ => self.handle_all(),
        }
    }

    /// The peer sends something.
    fn arrive(&mut self, bytes: &[u8]) {
        self.net.extend(bytes);
        while self.cut != HELD && !self.net.is_empty() {
            let n = if self.cut == 0 { self.net.len() } else { self.cut.min(self.net.len()) };
            self.input.extend(self.net.drain(..n));
            self.handle_all();
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

    /// The largest packet that the connection takes as a whole.
    fn whole(&self) -> usize {
        let Config { maximum_packet_size, stream_above, maximum_connect_size, .. } = self.config;
        let whole = maximum_packet_size.min(stream_above);
        let greeted = self.watch.greeted || R::SENDER == Sender::Client;
        (if greeted { whole } else { whole.min(maximum_connect_size) }) as usize
    }

    /// Looks at what was written since, and at what was taken of the input meanwhile.
    fn look(&mut self, mut taken: &[u8]) -> Expect {
        self.watch.version = self.connection.version();
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
            let written = &bytes[self.seen..];
            let verdict = if written.is_empty() { Err("nothing") } else { self.wrote(written) };
            match verdict {
                Ok(len) => self.seen += len,
                // Something came before it.
                Err(_) if self.watch.end_silently() => {}
                Err(what) if taken.is_empty() => {
                    let Ok(Split::Frame(frame, _)) = Frame::split(written, usize::MAX) else {
                        panic!("{what}: {written:02X?} {:?}", self.watch)
                    };
                    let packet = Packet::decode(self.watch.version, frame);
                    panic!("{what}: {packet:?} {:?}", self.watch)
                }
                Err(_) => {
                    assert_eq!(expect, Expect::Nothing, "an event was left out");
                    (expect, taken) = self.took(taken);
                }
            }
        }
        self.out.bytes = bytes;
        expect
    }

    /// Looks at the next packet that was written, or at the head of one whose payload is to come. Its length.
    fn wrote(&mut self, written: &[u8]) -> Result<usize, &'static str> {
        let (version, more) = (self.watch.version, self.watch.more as usize);
        let (packet, len) = if more > 0 {
            let split = PublishHead::split(version, Some(R::SENDER), written).unwrap();
            let HeadSplit::Head(head, payload) = split else { panic!("not a head: {written:02X?}") };
            let PublishHead { dup, retain, delivery, topic, properties, payload_len } = head;
            if payload_len != payload.len() + more {
                return Err("another packet, or the wrong length");
            }
            let publish = Publish { dup, retain, delivery, topic, properties, payload };
            (Packet::Publish(publish), written.len())
        } else {
            let Ok(Split::Frame(frame, _)) = Frame::split(written, usize::MAX) else {
                panic!("half a packet: {written:02X?}")
            };
            let packet = Packet::decode_from(version, R::SENDER, frame)
                .unwrap_or_else(|error| panic!("{error}: {:02X?}", frame.bytes()));
            (packet, frame.bytes().len())
        };
        let verdict = self.watch.wrote(&packet, len + more);
        trace(|| format!("-> {packet:?} {verdict:?}"));
        verdict.map(|()| len)
    }

    /// What the next packet that was taken, or part of one, has to lead to, and what is behind it.
    fn took<'t>(&mut self, taken: &'t [u8]) -> (Expect, &'t [u8]) {
        if let Some(stream) = &mut self.watch.stream {
            assert!(stream.left > 0, "the end of a message was left out");
            let n = stream.left.min(taken.len());
            stream.left -= n;
            let expect = if stream.fate == Fate::Deliver { Expect::Chunk(n) } else { Expect::Nothing };
            return (expect, &taken[n..]);
        }
        let version = self.watch.version;
        if taken[0] >> 4 == 3 {
            let split = PublishHead::split(version, Some(R::PEER), taken).expect("an invalid head was taken");
            let HeadSplit::Head(head, rest) = split else { panic!("half a head was taken: {taken:02X?}") };
            let len = taken.len() - rest.len();
            let total = len + head.payload_len;
            if total > self.whole() {
                assert!(len <= self.whole(), "a large head was taken");
                let too_large = total > self.config.maximum_packet_size as usize;
                assert!(!too_large || self.config.skip_oversize, "a large packet was taken");
                let PublishHead { dup, retain, delivery, topic, properties, payload_len } = head;
                let publish = Publish { dup, retain, delivery, topic, properties, payload: &[] };
                return (self.watch.head_came(&publish, payload_len, too_large), rest);
            }
        }
        let Ok(Split::Frame(frame, rest)) = Frame::split(taken, usize::MAX) else {
            panic!("half a packet was taken: {taken:02X?}")
        };
        assert!(frame.bytes().len() <= self.whole(), "a large packet was taken");
        let packet = Packet::decode_from(version, R::PEER, frame).expect("an invalid packet was taken");
        trace(|| format!("<- {packet:?}"));
        (self.watch.took(&packet), rest)
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
        // The peer may say what it takes in a packet that is refused.
        if self.watch.greeted == (R::SENDER == Sender::Client) && !self.watch.open {
            if let Ok(Split::Frame(frame, _)) = Frame::split(&input, self.whole()) {
                let packet = Packet::decode_from(self.connection.version(), R::PEER, frame);
                packet.iter().for_each(|packet| self.watch.announced(packet));
            }
        }
        let used = input.len() - rest.len();
        let expect = self.look(&input[..used]);
        let wait = self.judge(step, &expect, &input[..used]);
        if let Some(wait) = wait {
            self.check_wait(wait, rest);
        }
        self.told();
        self.input = input;
        self.input.drain(..used);
        self.wait = wait;
        wait.is_none()
    }

    fn handle_all(&mut self) {
        // Every event takes something, drops a packet, or is the end of one that came in pieces.
        let most = 2 * self.input.len() + self.watch.life.out.len() + 2;
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

    /// The connection was told the time. If it ended since it was told last, then it ends now.
    fn told(&mut self) {
        if self.watch.open && !self.connection.is_open() && self.over_at.is_none() {
            self.over_at = Some(self.now);
        }
    }

    fn check(&mut self) {
        let session = self.connection.session();
        let life = &self.watch.life;
        assert_eq!(usize::from(session.in_flight()), life.out.len(), "{life:?}");
        for (id, out) in &life.out {
            assert_eq!(self.flight(*id), Some(out.flight), "{id}");
        }
        let tables = session.store().tables();
        assert!(
            session.in_flight() <= self.capacity && tables.outgoing().len() <= usize::from(self.capacity)
        );
        assert!(session.incoming_in_flight() <= tables.incoming_capacity());
        assert!(tables.incoming().len() <= usize::from(tables.incoming_capacity()));
        assert!(self.connection.poll_timeout().is_none() || !self.closed);
        assert_eq!(self.connection.payload_left(), self.watch.payload.left);
        assert_eq!(self.connection.own_limits().topic_alias_maximum, self.watch.own_alias_maximum);
        if !self.connection.is_open() {
            return;
        }
        assert!(self.watch.open);
        let limits = self.connection.limits();
        assert_eq!(limits.topic_alias_maximum, self.watch.alias_maximum);
        assert_eq!(self.connection.keep_alive(), self.watch.keep_alive);
        assert_eq!(session.expiry_interval(), self.watch.expiry);
        // A will of the connection before that was due still is, and nothing else is to happen.
        assert_eq!(session.timers(), Timers { will: self.will_due, end: None });
    }
}
