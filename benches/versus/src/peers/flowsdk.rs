//! flowsdk: its codecs, with all checks on, and its client without I/O.

use flowsdk::mqtt_client::commands::PublishCommand;
use flowsdk::mqtt_client::engine::MqttEvent;
use flowsdk::mqtt_client::{MqttClientOptions, PortableNoIoMqttClient};
use flowsdk::mqtt_serde::control_packet::MqttPacket;
use flowsdk::mqtt_serde::parser::{ParseError, ParseOk};
use flowsdk::time::Timestamp;
use sans_mqtt::{Qos, Version};

use super::touch;
use crate::library::Library;
use crate::peer::{Client, Codec, Decoded};

pub fn library() -> Library {
    Library::new("flowsdk").codec::<V3>().codec::<V5>().client::<Machine>().idle("client", Machine::connected)
}

type Parsed = Result<ParseOk, ParseError>;

impl Decoded<MqttPacket> for Parsed {
    fn packet(&self) -> Option<&MqttPacket> {
        match self {
            Ok(ParseOk::Packet(packet, _)) => Some(packet),
            _ => None,
        }
    }

    fn into_packet(self) -> Option<MqttPacket> {
        match self {
            Ok(ParseOk::Packet(packet, _)) => Some(packet),
            _ => None,
        }
    }
}

fn encode(packet: &MqttPacket, out: &mut Vec<u8>) -> bool {
    match packet.to_bytes() {
        Ok(bytes) => *out = bytes,
        Err(_) => return false,
    }
    true
}

struct V3;

impl Codec for V3 {
    const VERSION: Version = Version::V3_1_1;
    type Input = &'static [u8];
    type Packet = MqttPacket;
    type Decoded = Parsed;
    type Given = &'static MqttPacket;
    type Output = Vec<u8>;

    fn decode(input: &mut &'static [u8]) -> Parsed {
        MqttPacket::from_bytes_v3(input)
    }

    fn read(packet: &MqttPacket) {
        match packet {
            MqttPacket::Subscribe3(subscribe) => touch(&subscribe.subscriptions),
            MqttPacket::SubAck3(suback) => touch(&suback.return_codes),
            _ => {}
        }
    }

    fn encode(packet: &MqttPacket, out: &mut Vec<u8>) -> bool {
        encode(packet, out)
    }
}

struct V5;

impl Codec for V5 {
    const VERSION: Version = Version::V5_0;
    type Input = &'static [u8];
    type Packet = MqttPacket;
    type Decoded = Parsed;
    type Given = &'static MqttPacket;
    type Output = Vec<u8>;

    fn decode(input: &mut &'static [u8]) -> Parsed {
        MqttPacket::from_bytes_v5(input)
    }

    fn read(packet: &MqttPacket) {
        match packet {
            MqttPacket::Publish5(publish) => touch(&publish.properties),
            MqttPacket::Subscribe5(subscribe) => touch(&subscribe.subscriptions),
            MqttPacket::SubAck5(suback) => touch(&suback.reason_codes),
            MqttPacket::ConnAck5(connack) => touch(connack.properties.iter().flatten()),
            MqttPacket::Connect5(connect) => touch(&connect.properties),
            _ => {}
        }
    }

    fn encode(packet: &MqttPacket, out: &mut Vec<u8>) -> bool {
        encode(packet, out)
    }
}

const NOW: Timestamp = Timestamp::ZERO;

struct Machine {
    client: PortableNoIoMqttClient,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Machine {
    fn flush(&mut self) {
        self.output.extend(self.client.take_outgoing_at(NOW).expect("it is connected"));
    }
}

impl Client for Machine {
    type Output = Vec<u8>;

    fn connected() -> Self {
        let options = MqttClientOptions::builder().client_id("bench").keep_alive(60).build();
        let mut client = PortableNoIoMqttClient::new_at(options, NOW);
        client.connect_at(NOW).expect("it is not connected yet");
        client.take_outgoing_at(NOW).expect("there is a CONNECT");
        client.handle_incoming_at(&[0x20, 3, 0, 0, 0], NOW).expect("that is a CONNACK");
        assert!(client.is_connected());
        client.take_events();
        Self { client, input: Vec::new(), output: Vec::new() }
    }

    fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]) {
        let command = PublishCommand::simple(topic, payload.to_vec(), qos as u8, false);
        self.client.publish_at(command, NOW).expect("it is connected");
        self.flush();
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(bytes);
    }

    fn handle(&mut self) -> usize {
        let mut events = self.client.handle_incoming_at(&self.input, NOW).expect("it is expected");
        events.extend(self.client.take_events());
        self.flush();
        events.iter().filter(|event| matches!(event, MqttEvent::Published(_))).count()
    }

    fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }
}
