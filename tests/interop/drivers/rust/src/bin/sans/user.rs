//! The application: what a command asks for, and what is to be told.

use std::collections::{HashMap, VecDeque};

use sans_mqtt::{
    AckToken, Cause, Disconnect, Event, Heap, Incoming, Message, PacketId, Properties, Qos, ReasonCode,
    RetainHandling, Session, Subscription, UsageError, Version,
};
use sans_mqtt_interop::{Command, answer, bytes, line, tell, text};
use serde_json::{Value, json};

use crate::properties::{Given, show};
use crate::{Client, LARGE};

/// How many messages are on their way at a time, before 5.0 where no server says how many it takes.
const WINDOW: u16 = 20;

/// The application: what it waits for, and what outlives a connection.
#[derive(Default)]
pub(crate) struct User {
    name: String,
    pub(crate) session: Session<Heap>,
    /// The command that waits for CONNACK.
    pub(crate) opening: Option<u64>,
    /// The command that waits for the end.
    closing: Option<u64>,
    /// Messages on their way to the connection, each with the command that it is a part of.
    unsent: VecDeque<(u64, Value)>,
    /// What waits for an acknowledgement.
    unacked: HashMap<PacketId, u64>,
    /// Of each command that publishes, how many messages are not done, and the reason codes of the others.
    batches: HashMap<u64, (usize, Vec<u8>)>,
    pub(crate) tokens: VecDeque<AckToken>,
    /// The message that comes in pieces.
    partial: Value,
    payload: Vec<u8>,
}

impl User {
    pub(crate) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    pub(crate) fn event(&mut self, client: &mut Client, event: Event<'_>) {
        match event {
            Event::Connected(connack) => self.opened(
                json!({"session_present": connack.session_present, "reason": 0, "properties": show(connack.properties)}),
            ),
            Event::Refused(connack) => {
                self.opened(json!({"reason": connack.reason.get(), "properties": show(connack.properties)}));
            }
            Event::Publish(incoming, token) => {
                let mut message = received(client, &incoming);
                message["payload"] = line(incoming.payload);
                tell(&self.name, "message", message);
                self.tokens.extend(token);
            }
            Event::PublishStart(incoming, _) => self.partial = received(client, &incoming),
            Event::PublishChunk(bytes) => self.payload.extend_from_slice(bytes),
            Event::PublishEnd(token) => {
                self.partial["payload"] = line(&std::mem::take(&mut self.payload));
                tell(&self.name, "message", self.partial.take());
                self.tokens.extend(token);
            }
            Event::Acked { id, reason, .. } => {
                if let Some(command) = self.unacked.remove(&id) {
                    self.done(command, reason.get());
                }
            }
            Event::Dropped { id, .. } => {
                if let Some(command) = self.unacked.remove(&id) {
                    answer(command, Err("dropped".into()));
                }
            }
            Event::Suback(ack) | Event::Unsuback(ack) => {
                let reasons: Vec<_> = ack.reasons.iter().map(ReasonCode::get).collect();
                if let Some(command) = self.unacked.remove(&ack.packet_id) {
                    answer(command, Ok(json!({"reasons": reasons, "properties": show(ack.properties)})));
                }
            }
            _ => {}
        }
    }

    pub(crate) fn command(&mut self, client: &mut Client, command: Command, output: &mut Vec<u8>) {
        let id = command.number("id");
        let data = Given::new(command.value("properties"));
        let properties = data.properties();
        let properties = Properties::from(properties.as_slice());
        let result = match command.text("do") {
            "subscribe" => {
                let filters: Vec<_> = command.list("filters").iter().map(subscription).collect();
                client.subscribe(&filters, properties, output).map(Some)
            }
            "unsubscribe" => {
                let filters: Vec<_> = command.list("filters").iter().map(text).collect();
                client.unsubscribe(&filters, properties, output).map(Some)
            }
            "publish" => {
                let messages = command.list("messages");
                self.batches.insert(id, (messages.len(), Vec::new()));
                self.unsent.extend(messages.iter().map(|message| (id, message.clone())));
                self.send(client, output);
                return;
            }
            "ack" => match self.tokens.pop_front() {
                Some(token) => {
                    client.ack(token, ReasonCode::SUCCESS, output).map(|()| None).map_err(Into::into)
                }
                None => Err(UsageError::NotAsked),
            },
            "disconnect" => {
                self.closing = Some(id);
                let reason = ReasonCode::new(command.number("reason") as u8);
                match client.disconnect(&Disconnect { reason, properties }, output) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            other => return answer(id, Err(format!("no such command: {other}"))),
        };
        match result {
            Ok(Some(packet_id)) => drop(self.unacked.insert(packet_id, id)),
            Ok(None) => answer(id, Ok(json!({}))),
            Err(error) => answer(id, Err(error.to_string())),
        }
    }

    /// Sends what waits, as far as the server allows.
    pub(crate) fn send(&mut self, client: &mut Client, output: &mut Vec<u8>) {
        while client.is_open() && (client.version() == Version::V5_0 || client.session().in_flight() < WINDOW)
        {
            let Some((command, message)) = self.unsent.pop_front() else { return };
            let data = Given::new(&message["properties"]);
            let (properties, payload) = (data.properties(), bytes(&message["payload"]));
            let head = Message {
                qos: qos(&message["qos"]),
                retain: message["retain"] == true,
                topic: text(&message["topic"]),
                properties: properties.as_slice().into(),
                payload: &[],
            };
            let sent = if payload.len() > LARGE {
                publish_in_pieces(client, &head, &payload, output)
            } else {
                client.publish(&Message { payload: &payload, ..head }, output)
            };
            match sent {
                Ok(Some(id)) => drop(self.unacked.insert(id, command)),
                Ok(None) => self.done(command, 0),
                Err(error) if error.is_temporary() => return self.unsent.push_front((command, message)),
                Err(error) => answer(command, Err(error.to_string())),
            }
        }
    }

    /// One message more of a command is done.
    fn done(&mut self, command: u64, reason: u8) {
        let Some((left, reasons)) = self.batches.get_mut(&command) else { return };
        reasons.push(reason);
        *left -= 1;
        if *left == 0 {
            answer(command, Ok(json!({"reasons": reasons})));
            self.batches.remove(&command);
        }
    }

    fn opened(&mut self, connack: Value) {
        if let Some(id) = self.opening.take() {
            answer(id, Ok(connack));
        }
    }

    /// The connection is over, or none was made.
    pub(crate) fn closed(&mut self, cause: Option<Cause>, why: &str) {
        if let Some(id) = self.opening.take() {
            return answer(id, Err(why.into()));
        }
        let reason = match cause {
            Some(Cause::Peer(reason)) => Some(reason.get()),
            _ => None,
        };
        tell(&self.name, "closed", json!({"reason": reason, "why": why}));
        if let Some(id) = self.closing.take() {
            answer(id, Ok(json!({})));
        }
    }
}

fn publish_in_pieces(
    client: &mut Client,
    head: &Message<'_>,
    payload: &[u8],
    output: &mut Vec<u8>,
) -> Result<Option<PacketId>, UsageError> {
    let id = client.publish_head(head, payload.len() as u32, output)?;
    for piece in payload.chunks(4096) {
        output.extend_from_slice(piece);
        client.payload_written(piece.len())?;
    }
    Ok(id)
}

pub(crate) fn qos(value: &Value) -> Qos {
    Qos::from_number(value.as_u64().unwrap_or_default() as u8).unwrap_or_default()
}

fn subscription(value: &Value) -> Subscription<'_> {
    Subscription {
        filter: text(&value["filter"]),
        qos: qos(&value["qos"]),
        no_local: value["no_local"] == true,
        retain_as_published: value["retain_as_published"] == true,
        retain_handling: match value["retain_handling"].as_u64() {
            Some(1) => RetainHandling::SendIfNew,
            Some(2) => RetainHandling::DoNotSend,
            _ => RetainHandling::Send,
        },
    }
}

fn received(client: &Client, incoming: &Incoming<'_>) -> Value {
    json!({
        "topic": client.topic(incoming),
        "qos": incoming.qos.number(),
        "retain": incoming.retain,
        "dup": incoming.dup,
        "properties": show(incoming.properties),
    })
}
