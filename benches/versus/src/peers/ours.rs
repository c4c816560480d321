//! This crate.

use std::hint::black_box;

use sans_mqtt::{
    Config, Connack, Connect, DecodeError, Event, FixedCaller, Frame, Heap, Instant, Message, Packet, Qos,
    Server, Session, Split, Step, Store, Version,
};

use super::touch;
use crate::library::Library;
use crate::peer::{Buffer, Client, Codec, version};
use crate::samples::Sample;

const NOW: Instant = Instant::from_millis(0);

pub fn libraries() -> Vec<Library> {
    vec![
        Library::new("sans-mqtt")
            .codec::<Level<4>>()
            .codec::<Level<5>>()
            .client::<Machine<Heap>>()
            .idle("server", server::<Heap>)
            .idle("server without QoS 1 and 2", server::<FixedCaller<0, 0>>)
            .idle("client", client::<Heap>),
        Library::new("sans-mqtt, caller keeps").client::<Machine<FixedCaller<16, 16>>>(),
    ]
}

struct Level<const LEVEL: u8>;

impl<const LEVEL: u8> Codec for Level<LEVEL> {
    const VERSION: Version = version(LEVEL);
    type Input = &'static [u8];
    type Packet = Packet<'static>;
    type Decoded = Result<Packet<'static>, DecodeError>;
    type Given = &'static Packet<'static>;
    type Output = Buffer;

    /// The version is known at run time only, as it is in a server.
    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        match Frame::split(input, usize::MAX)? {
            Split::Frame(frame, _) => Packet::decode(black_box(Self::VERSION), frame),
            Split::Incomplete(_) => unreachable!("all that is decoded here is whole"),
        }
    }

    fn read(packet: &Packet<'static>) {
        match packet {
            Packet::Publish(publish) => touch(publish.properties),
            Packet::Connack(connack) => touch(connack.properties),
            Packet::Suback(suback) => touch(suback.reasons),
            Packet::Subscribe(subscribe) => touch(subscribe.filters),
            Packet::Connect(connect) => {
                touch(connect.properties);
                connect.will.iter().for_each(|will| touch(will.properties));
            }
            _ => {}
        }
    }

    fn encode(packet: &Packet<'static>, out: &mut Buffer) -> bool {
        match packet.encode(black_box(Self::VERSION), &mut &mut out.bytes[..]) {
            Ok(len) => out.len = len,
            Err(_) => return false,
        }
        true
    }

    fn make(sample: &'static Sample, _: &'static [u8]) -> Option<Packet<'static>> {
        Some(sample.packet)
    }
}

struct Machine<S> {
    client: sans_mqtt::Client<S>,
    input: Vec<u8>,
    output: Buffer,
}

impl<S: Store + Default + 'static> Client for Machine<S> {
    type Output = Buffer;

    fn connected() -> Self {
        Self { client: client(), input: Vec::new(), output: Buffer::default() }
    }

    fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]) {
        let mut room = &mut self.output.bytes[self.output.len..];
        let message = Message { qos, topic, payload, ..Message::default() };
        self.client.publish(&message, &mut room).expect("there is room");
        self.output.len = Buffer::SIZE - room.len();
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(bytes);
    }

    fn handle(&mut self) -> usize {
        let (mut input, mut room, mut done) = (&self.input[..], &mut self.output.bytes[..], 0);
        loop {
            match self.client.handle(NOW, &mut input, &mut room) {
                Step::Event(Event::Acked { .. }) => done += 1,
                Step::Event(event) => {
                    black_box(&event);
                }
                Step::Wait(_) => break,
            }
        }
        self.output.len = Buffer::SIZE - room.len();
        done
    }

    fn output(&mut self) -> &mut Buffer {
        &mut self.output
    }
}

fn client<S: Store + Default>() -> sans_mqtt::Client<S> {
    let mut client = sans_mqtt::Client::new(Version::V5_0, &Config::default(), Session::new(S::default()));
    let mut output = Buffer::default();
    client.connect(NOW, &CONNECT, &mut &mut output.bytes[..]).expect("it is a CONNECT");
    let mut bytes = [0; 16];
    let connack = Packet::Connack(Connack::default());
    let len = connack.encode(Version::V5_0, &mut &mut bytes[..]).expect("it is a CONNACK");
    let step = client.handle(NOW, &mut &bytes[..len], &mut &mut output.bytes[..]);
    assert!(matches!(step, Step::Event(Event::Connected(_))));
    client
}

fn server<S: Store + Default>() -> Server<S> {
    let mut server = Server::new(NOW, &Config::default(), Session::new(S::default()));
    let (mut bytes, mut output) = ([0; 64], Buffer::default());
    let len = Packet::Connect(CONNECT).encode(Version::V5_0, &mut &mut bytes[..]).expect("it is a CONNECT");
    let step = server.handle(NOW, &mut &bytes[..len], &mut &mut output.bytes[..]);
    assert!(matches!(step, Step::Event(Event::Connect(_))));
    server.accept(sans_mqtt::Properties::EMPTY, &mut &mut output.bytes[..]).expect("it is connected");
    server
}

const CONNECT: Connect<'_> = Connect {
    clean_start: true,
    keep_alive: 60,
    properties: sans_mqtt::Properties::EMPTY,
    client_id: "bench",
    will: None,
    user_name: None,
    password: None,
};
