//! 5.0.

use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, LastWill, LastWillProperties, Packet, PubAckReason, Publish,
    PublishProperties, RetainForwardRule, SubscribeProperties, SubscribeReasonCode, UnsubAckReason,
};
use rumqttc::v5::mqttbytes::{QoS, qos};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use sans_mqtt_interop::{Command, bytes, line, text};
use serde_json::{Value, json};

use crate::{Lost, Note, REQUESTS};

pub struct Library {
    client: AsyncClient,
    events: EventLoop,
}

impl crate::Library for Library {
    type Message = Publish;

    fn new(command: &Command) -> Self {
        let mut options =
            MqttOptions::new(command.text("client_id"), command.text("host"), command.number("port") as u16);
        let given = command.value("properties");
        options
            .set_clean_start(command.flag("clean"))
            .set_keep_alive(Duration::from_secs(command.number("keep_alive")))
            .set_manual_acks(command.flag("manual_ack"))
            .set_connect_properties(ConnectProperties {
                session_expiry_interval: number(given, "session_expiry_interval"),
                receive_maximum: number(given, "receive_maximum").map(|n| n as u16),
                max_packet_size: number(given, "maximum_packet_size").or(Some(16 << 20)),
                topic_alias_max: number(given, "topic_alias_maximum").map(|n| n as u16),
                ..ConnectProperties::new()
            });
        let will = command.value("will");
        if will.is_object() {
            let (topic, payload, retain) =
                (text(&will["topic"]), bytes(&will["payload"]), will["retain"] == true);
            let given = &will["properties"];
            let message = message_properties(given);
            let properties = LastWillProperties {
                delay_interval: number(given, "will_delay_interval"),
                payload_format_indicator: message.payload_format_indicator,
                message_expiry_interval: message.message_expiry_interval,
                content_type: message.content_type,
                response_topic: message.response_topic,
                correlation_data: message.correlation_data,
                user_properties: message.user_properties,
            };
            options.set_last_will(LastWill::new(topic, payload, qos_of(will), retain, Some(properties)));
        }
        let (client, events) = AsyncClient::new(options, REQUESTS);
        Self { client, events }
    }

    async fn poll(&mut self) -> Result<Note<Publish>, Lost> {
        let event = self.events.poll().await.map_err(|error| Lost {
            reason: match &error {
                ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
                    Some(*reason_code as u8)
                }
                _ => None,
            },
            why: error.to_string(),
        })?;
        Ok(match event {
            Event::Incoming(Packet::ConnAck(ack)) => {
                let properties = ack.properties.map_or(json!({}), |properties| {
                    json!({
                        "assigned_client_identifier": properties.assigned_client_identifier,
                        "server_keep_alive": properties.server_keep_alive,
                    })
                });
                Note::Connected(
                    json!({"session_present": ack.session_present, "reason": 0, "properties": properties}),
                )
            }
            Event::Incoming(Packet::Publish(publish)) => Note::Message(
                json!({
                    "topic": String::from_utf8_lossy(&publish.topic),
                    "payload": line(&publish.payload),
                    "qos": publish.qos as u8,
                    "retain": publish.retain,
                    "properties": publish.properties.as_ref().map_or(json!({}), show),
                }),
                publish,
            ),
            Event::Incoming(Packet::PubAck(ack)) => {
                let done = matches!(ack.reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
                Note::Acked(ack.pkid, if done { 0 } else { 0x80 })
            }
            Event::Incoming(Packet::PubComp(ack)) => Note::Acked(ack.pkid, 0),
            Event::Incoming(Packet::SubAck(ack)) => {
                let code = |code: &SubscribeReasonCode| match code {
                    SubscribeReasonCode::Success(qos) => *qos as u8,
                    _ => 0x80,
                };
                Note::Answered(ack.pkid, ack.return_codes.iter().map(code).collect())
            }
            Event::Incoming(Packet::UnsubAck(ack)) => {
                let code = |reason: &UnsubAckReason| match reason {
                    UnsubAckReason::Success => 0,
                    UnsubAckReason::NoSubscriptionExisted => 0x11,
                    _ => 0x80,
                };
                Note::Answered(ack.pkid, ack.reasons.iter().map(code).collect())
            }
            Event::Outgoing(Outgoing::Publish(id)) => Note::Published(id),
            Event::Outgoing(Outgoing::Subscribe(id) | Outgoing::Unsubscribe(id)) => Note::Asked(id),
            _ => Note::Nothing,
        })
    }

    fn request(&self, command: &Command) -> Result<(), String> {
        let filters = command.list("filters");
        let sent = match command.text("do") {
            "subscribe" => {
                let id = number(command.value("properties"), "subscription_identifier").map(|n| n as usize);
                let filters = filters.iter().map(filter);
                match id {
                    None => self.client.try_subscribe_many(filters),
                    Some(_) => self.client.try_subscribe_many_with_properties(
                        filters,
                        SubscribeProperties { id, user_properties: Vec::new() },
                    ),
                }
            }
            "unsubscribe" => self.client.try_unsubscribe(text(&command.value("filters")[0])),
            _ => self.client.try_disconnect(),
        };
        sent.map_err(|error| error.to_string())
    }

    fn publish(&self, message: &Value) -> Result<(), String> {
        let (topic, payload) = (text(&message["topic"]), bytes(&message["payload"]));
        let (qos, retain) = (qos_of(message), message["retain"] == true);
        let properties = message_properties(&message["properties"]);
        let sent = self.client.try_publish_with_properties(topic, qos, retain, payload, properties);
        sent.map_err(|error| error.to_string())
    }

    fn ack(&self, message: &Publish) -> Result<(), String> {
        self.client.try_ack(message).map_err(|error| error.to_string())
    }
}

fn number(given: &Value, name: &str) -> Option<u32> {
    given[name].as_u64().map(|n| n as u32)
}

fn qos_of(value: &Value) -> QoS {
    qos(value["qos"].as_u64().unwrap_or_default() as u8).unwrap_or(QoS::AtMostOnce)
}

fn filter(value: &Value) -> Filter {
    Filter {
        path: text(&value["filter"]).into(),
        qos: qos_of(value),
        nolocal: value["no_local"] == true,
        preserve_retain: value["retain_as_published"] == true,
        retain_forward_rule: match value["retain_handling"].as_u64() {
            Some(1) => RetainForwardRule::OnNewSubscribe,
            Some(2) => RetainForwardRule::Never,
            _ => RetainForwardRule::OnEverySubscribe,
        },
    }
}

fn message_properties(given: &Value) -> PublishProperties {
    let owned = |name: &str| given[name].as_str().map(str::to_owned);
    let pairs = given["user_property"].as_array().into_iter().flatten();
    PublishProperties {
        payload_format_indicator: number(given, "payload_format_indicator").map(|n| n as u8),
        message_expiry_interval: number(given, "message_expiry_interval"),
        content_type: owned("content_type"),
        response_topic: owned("response_topic"),
        correlation_data: owned("correlation_data").map(|_| bytes(&given["correlation_data"]).into()),
        user_properties: pairs.map(|pair| (text(&pair[0]).into(), text(&pair[1]).into())).collect(),
        ..PublishProperties::default()
    }
}

fn show(properties: &PublishProperties) -> Value {
    let shown = json!({
        "payload_format_indicator": properties.payload_format_indicator,
        "message_expiry_interval": properties.message_expiry_interval,
        "content_type": properties.content_type,
        "response_topic": properties.response_topic,
        "correlation_data": properties.correlation_data.as_ref().map(|data| line(data)),
        "user_property": properties.user_properties,
        "subscription_identifier": properties.subscription_identifiers,
    });
    let is_there = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    shown
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| is_there(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}
