//! 3.1.1.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Outgoing, Packet, Publish, QoS, qos};
use rumqttc::{SubscribeFilter, SubscribeReasonCode};
use sans_mqtt_interop::{Command, bytes, line, text};
use serde_json::{Value, json};

use crate::{Lost, Note, REQUESTS};

/// The largest packet, in bytes.
const LARGEST: usize = 16 << 20;

pub struct Library {
    client: AsyncClient,
    events: EventLoop,
}

impl crate::Library for Library {
    type Message = Publish;

    fn new(command: &Command) -> Self {
        let mut options =
            MqttOptions::new(command.text("client_id"), command.text("host"), command.number("port") as u16);
        options
            .set_clean_session(command.flag("clean"))
            .set_keep_alive(Duration::from_secs(command.number("keep_alive")))
            .set_manual_acks(command.flag("manual_ack"))
            .set_max_packet_size(LARGEST, LARGEST)
            .set_inflight(20);
        let will = command.value("will");
        if will.is_object() {
            let (topic, payload) = (text(&will["topic"]), bytes(&will["payload"]));
            options.set_last_will(LastWill::new(topic, payload, qos_of(will), will["retain"] == true));
        }
        let (client, events) = AsyncClient::new(options, REQUESTS);
        Self { client, events }
    }

    async fn poll(&mut self) -> Result<Note<Publish>, Lost> {
        let event = self.events.poll().await.map_err(|e| Lost { reason: None, why: e.to_string() })?;
        Ok(match event {
            Event::Incoming(Packet::ConnAck(ack)) => Note::Connected(
                json!({"session_present": ack.session_present, "reason": ack.code as u8, "properties": {}}),
            ),
            Event::Incoming(Packet::Publish(publish)) => Note::Message(
                json!({
                    "topic": publish.topic,
                    "payload": line(&publish.payload),
                    "qos": publish.qos as u8,
                    "retain": publish.retain,
                    "properties": {},
                }),
                publish,
            ),
            Event::Incoming(Packet::PubAck(ack)) => Note::Acked(ack.pkid, 0),
            Event::Incoming(Packet::PubComp(ack)) => Note::Acked(ack.pkid, 0),
            Event::Incoming(Packet::SubAck(ack)) => {
                let code = |code: &SubscribeReasonCode| match code {
                    SubscribeReasonCode::Success(qos) => *qos as u8,
                    SubscribeReasonCode::Failure => 0x80,
                };
                Note::Answered(ack.pkid, ack.return_codes.iter().map(code).collect())
            }
            Event::Incoming(Packet::UnsubAck(ack)) => Note::Answered(ack.pkid, Vec::new()),
            Event::Outgoing(Outgoing::Publish(id)) => Note::Published(id),
            Event::Outgoing(Outgoing::Subscribe(id) | Outgoing::Unsubscribe(id)) => Note::Asked(id),
            _ => Note::Nothing,
        })
    }

    fn request(&self, command: &Command) -> Result<(), String> {
        let filters = command.list("filters");
        let sent = match command.text("do") {
            "subscribe" => {
                let filter = |f: &Value| SubscribeFilter::new(text(&f["filter"]).into(), qos_of(f));
                self.client.try_subscribe_many(filters.iter().map(filter))
            }
            "unsubscribe" => self.client.try_unsubscribe(text(&command.value("filters")[0])),
            _ => self.client.try_disconnect(),
        };
        sent.map_err(|error| error.to_string())
    }

    fn publish(&self, message: &Value) -> Result<(), String> {
        let (topic, payload) = (text(&message["topic"]), bytes(&message["payload"]));
        let sent = self.client.try_publish(topic, qos_of(message), message["retain"] == true, payload);
        sent.map_err(|error| error.to_string())
    }

    fn ack(&self, message: &Publish) -> Result<(), String> {
        self.client.try_ack(message).map_err(|error| error.to_string())
    }
}

fn qos_of(value: &Value) -> QoS {
    qos(value["qos"].as_u64().unwrap_or_default() as u8).unwrap_or(QoS::AtMostOnce)
}
