//! What is written by hand for the least work, as this crate's figures are judged by it. It keeps no messages.

use std::hint::black_box;

use bound::{Connect, Event, Flags, Invalid, List, Packet, Publish, Sender};
use sans_mqtt::{Qos, Version};

use super::touch;
use crate::library::Library;
use crate::peer::{Buffer, Client, Codec, Input, version};
use crate::samples::Sample;

pub fn library() -> Library {
    Library::new("bound").codec::<Level<4>>().codec::<Level<5>>().client::<Machine>()
}

struct Level<const LEVEL: u8>;

impl<const LEVEL: u8> Level<LEVEL> {
    /// It is known at run time only.
    #[inline(always)]
    fn version() -> bound::Version {
        black_box(match LEVEL {
            4 => bound::Version::V3_1_1,
            _ => bound::Version::V5_0,
        })
    }
}

impl<const LEVEL: u8> Codec for Level<LEVEL> {
    const VERSION: Version = version(LEVEL);
    type Input = &'static [u8];
    type Packet = Packet<'static>;
    type Decoded = Result<Packet<'static>, Invalid>;
    type Given = &'static Packet<'static>;
    type Output = Buffer;

    fn decode(input: &mut &'static [u8]) -> Self::Decoded {
        let version = Self::version();
        match bound::split(version, input, usize::MAX)? {
            Some((frame, _)) => Packet::decode(version, Sender::Anyone, frame),
            None => Err(Invalid),
        }
    }

    fn read(packet: &Packet<'static>) {
        match packet {
            Packet::Publish(publish) => touch(publish.properties.iter()),
            Packet::Connack(connack) => touch(connack.properties.iter()),
            Packet::Suback(suback) => touch(suback.codes.iter()),
            Packet::Subscribe(subscribe) => touch(subscribe.filters.iter()),
            Packet::Connect(connect) => {
                touch(connect.properties.iter());
                connect.will.iter().for_each(|will| touch(will.properties.iter()));
            }
            _ => {}
        }
    }

    fn encode(packet: &Packet<'static>, out: &mut Buffer) -> bool {
        match packet.encode(Self::version(), Sender::Anyone, &mut out.bytes) {
            Ok(len) => out.len = len,
            Err(_) => return false,
        }
        true
    }

    fn make(_: &'static Sample, bytes: &'static [u8]) -> Option<Packet<'static>> {
        Some(Self::decode(&mut Input::new(bytes, 1)).ok()?.given())
    }
}

struct Machine {
    client: bound::Client<16>,
    input: Vec<u8>,
    output: Buffer,
}

impl Client for Machine {
    type Output = Buffer;

    fn connected() -> Self {
        let connect = Connect {
            clean_start: true,
            keep_alive: 60,
            properties: List::EMPTY,
            client_id: "bench",
            will: None,
            user_name: None,
            password: None,
        };
        let mut client = bound::Client::new(bound::Version::V5_0, usize::MAX);
        let mut room = [0; 64];
        client.connect(0, &connect, &mut &mut room[..]).expect("it is a CONNECT");
        let event = client.handle(0, &mut &[0x20, 3, 0, 0, 0][..], &mut &mut room[..]);
        assert!(matches!(event, Ok(Event::Connected(_))));
        Self { client, input: Vec::new(), output: Buffer::default() }
    }

    fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]) {
        let mut room = &mut self.output.bytes[self.output.len..];
        let flags = Flags::new(false, qos as u8, false).expect("there is such a QoS");
        let message = Publish { flags, packet_id: None, topic, properties: List::EMPTY, payload };
        self.client.publish(0, &message, &mut room).expect("there is room");
        self.output.len = Buffer::SIZE - room.len();
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(bytes);
    }

    fn handle(&mut self) -> usize {
        let (mut input, mut room, mut done) = (&self.input[..], &mut self.output.bytes[..], 0);
        loop {
            match self.client.handle(0, &mut input, &mut room).expect("it is expected") {
                Event::Acked(..) => done += 1,
                Event::Read => break,
                event => {
                    black_box(&event);
                }
            }
        }
        self.output.len = Buffer::SIZE - room.len();
        done
    }

    fn output(&mut self) -> &mut Buffer {
        &mut self.output
    }
}
