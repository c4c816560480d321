//! Runs the conversations of `spec-vectors/session` and `spec-vectors/connection` against [`Client`] and [`Server`].
//!
//! What the standard asks of a side beyond one connection is here, too, as far as a user of the crate would write it:
//! a client keeps one session, a server one for each client identifier, until its expiry interval is over.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use sans_mqtt::{
    Ack, AckToken, Acknowledge, Boxed, Cause, Client, Config, Event, Heap, HeapTopics, Instant, Message,
    Packet, PropertyId, Qos, ReasonCode, Record, Role, Server, Session, Step, Store, StoreError, UsageError,
    Version, Wait,
};
use serde_json::{Value, json};

use super::fields;

pub(crate) type Outcome<T = ()> = Result<T, String>;

/// A heap, and a log of what happened to the session.
struct Logged {
    tables: Heap,
    log: Vec<u8>,
}

impl Store for Logged {
    type Keep = Boxed;
    type Tables = Heap;
    fn tables(&self) -> &Heap {
        &self.tables
    }
    fn tables_mut(&mut self) -> &mut Heap {
        &mut self.tables
    }
    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        record.encode(&mut self.log).map_err(|_| StoreError::Failed)?;
        Ok(())
    }
}

fn empty() -> Session<Logged> {
    Session::new(Logged { tables: Heap::default(), log: Vec::new() })
}

/// The session that a log makes.
fn restored(mut log: &[u8]) -> Session<Logged> {
    let mut session = empty();
    session.store_mut().log = log.to_vec();
    while !log.is_empty() {
        let (record, rest) = Record::decode(log).unwrap();
        session.restore(&record).unwrap();
        log = rest;
    }
    session
}

/// A session between two connections.
struct Kept {
    session: Session<Logged>,
    until: u64,
}

/// Topic Aliases of both directions.
type Topics = (HeapTopics, HeapTopics);

/// As many of them as there may be, and more than any conversation needs.
fn topics() -> Topics {
    (HeapTopics::new(u16::MAX, 10_000), HeapTopics::new(100, 10_000))
}

enum Machine {
    Client(Box<Client<Logged, Topics>>),
    Server(Box<Server<Logged, Topics>>),
}

macro_rules! either {
    ($machine:expr, $name:ident => $do:expr) => {
        match $machine {
            Machine::Client($name) => $do,
            Machine::Server($name) => $do,
        }
    };
}

/// A connection of the side under test, and what it has done that no expectation has asked for yet.
struct Line {
    machine: Machine,
    /// The key of its session, once it is known.
    client_id: String,
    input: Vec<u8>,
    out: Vec<u8>,
    events: VecDeque<Value>,
    tokens: Vec<Option<AckToken>>,
    /// When it was closed.
    closed: Option<u64>,
    accepted: bool,
}

impl Line {
    /// Lets the machine do all it can.
    fn run(&mut self, now: Instant) -> Outcome {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let (out, events, tokens) = (&mut self.out, &mut self.events, &mut self.tokens);
        let wait = either!(&mut self.machine, machine => settle(&mut **machine, now, &mut rest, out, events, tokens))?;
        if let Some(connect) = events.iter().rfind(|event| event["type"] == "connect") {
            self.client_id = connect["client_id"].as_str().unwrap_or_default().to_owned();
        }
        match wait {
            Wait::Closed(cause) if self.closed.is_none() => {
                self.closed = Some(now.as_millis());
                events.push_back(ending(cause));
            }
            Wait::Closed(_) => {}
            Wait::Read(_) | Wait::Decide => self.input = rest.to_vec(),
            wait => return Err(format!("unexpected {wait:?}")),
        }
        Ok(())
    }
}

fn settle<R: Role>(
    machine: &mut sans_mqtt::Connection<R, Logged, Topics>,
    now: Instant,
    input: &mut &[u8],
    out: &mut Vec<u8>,
    events: &mut VecDeque<Value>,
    tokens: &mut Vec<Option<AckToken>>,
) -> Outcome<Wait> {
    for _ in 0..10_000 {
        let version = machine.version();
        match machine.handle(now, input, out) {
            Step::Event(event) => {
                // The version is known after the event that tells of it.
                let version = if matches!(event, Event::Connect(_)) { machine.version() } else { version };
                let topic = match &event {
                    Event::Publish(incoming, _) => machine.topic(incoming),
                    _ => "",
                };
                events.push_back(told(event, topic, version, tokens)?);
            }
            Step::Wait(wait) => return Ok(wait),
        }
    }
    Err("no end of events".to_owned())
}

fn code(reason: ReasonCode) -> Value {
    json!(format!("0x{:02X}", reason.get()))
}

/// An event as the vectors write it.
fn told(
    event: Event<'_>,
    topic: &str,
    version: Version,
    tokens: &mut Vec<Option<AckToken>>,
) -> Outcome<Value> {
    let named = |packet: Packet<'_>, name: &str| {
        let mut value = fields::of(&packet, version);
        value["type"] = json!(name);
        if let Some(id) = value.get("packet_id").cloned() {
            value["id"] = id;
        }
        value
    };
    Ok(match event {
        Event::Connect(packet) => named(packet.into(), "connect"),
        Event::Connected(packet) => named(packet.into(), "connected"),
        Event::Refused(packet) => named(packet.into(), "refused"),
        Event::Subscribe(packet) => named(packet.into(), "subscribe"),
        Event::Unsubscribe(packet) => named(packet.into(), "unsubscribe"),
        Event::Suback(packet) => named(Packet::Suback(packet), "suback"),
        Event::Unsuback(packet) => named(Packet::Unsuback(packet), "unsuback"),
        Event::Disconnect(packet) => named(packet.into(), "disconnect"),
        Event::Auth(packet) => named(packet.into(), "auth"),
        Event::Publish(incoming, token) => {
            let sans_mqtt::Incoming { qos, retain, dup, properties, payload, .. } = incoming;
            let publish = sans_mqtt::Publish {
                retain,
                dup: dup && qos != Qos::AtMostOnce,
                topic,
                properties,
                payload,
                ..sans_mqtt::Publish::default()
            };
            let mut value = named(publish.into(), "publish");
            value["qos"] = json!(qos as u8);
            value["token"] = json!(tokens.len());
            tokens.push(token);
            value
        }
        Event::Received { id, reason, properties } => {
            named(Packet::Pubrec(Ack { packet_id: id, reason, properties }), "received")
        }
        Event::Acked { id, reason, properties } => {
            let mut value = named(Packet::Puback(Ack { packet_id: id, reason, properties }), "acked");
            value["reason"] = code(reason);
            value
        }
        Event::Dropped { id, .. } => json!({"type": "dropped", "id": id.get()}),
        other => return Err(format!("an event that this test does not know: {other:?}")),
    })
}

/// Why a connection is over, as the vectors write it.
fn ending(cause: Cause) -> Value {
    let (cause, reason, rules) = match cause {
        Cause::Local => ("command", None, None),
        Cause::Peer(reason) => ("disconnect", Some(reason), None),
        Cause::Refused(reason) => ("refused", Some(reason), None),
        Cause::Failed(error) => ("violation", Some(error.reason()), Some(error.violation().rules())),
        Cause::Timeout(_) => ("timeout", None, None),
        Cause::Eof => ("lost", None, None),
        other => panic!("a cause that this test does not know: {other:?}"),
    };
    json!({"type": "closed", "cause": cause, "reasons": reason.map(code), "rules": rules})
}

/// The side under test.
pub(crate) struct Side<'t> {
    talk: &'t Value,
    version: Version,
    sections: &'t super::load::Sections,
    rounds: u64,
    now: u64,
    lines: BTreeMap<String, Line>,
    kept: HashMap<String, Kept>,
    /// The values of names: packet identifiers and tokens.
    names: HashMap<String, u64>,
}

/// Plays a conversation. `skip`: the number of an expectation to leave out; `rounds`: no more of what is repeated.
pub(crate) fn play(
    talk: &Value,
    sections: &super::load::Sections,
    skip: Option<usize>,
    rounds: u64,
) -> Outcome {
    let version = super::load::version(talk["version"].as_str().unwrap());
    let mut side = Side {
        talk,
        version,
        sections,
        rounds,
        now: 1_000_000,
        lines: BTreeMap::new(),
        kept: HashMap::new(),
        names: HashMap::new(),
    };
    let steps = talk["steps"].as_array().ok_or("no steps")?;
    for (n, step) in steps.iter().enumerate() {
        if skip != Some(n) {
            side.step(step).map_err(|error| format!("step {n}, {step}: {error}"))?;
        }
    }
    side.nothing_left().map_err(|error| format!("at the end: {error}"))
}

impl Side<'_> {
    fn step(&mut self, step: &Value) -> Outcome {
        let on = step["on"].as_str().unwrap_or("a").to_owned();
        let stimulus = ["in", "time", "command", "transport", "state", "repeat", "nothing"];
        let (key, value) = step
            .as_object()
            .and_then(|step| step.iter().find(|(key, _)| !matches!(&***key, "on" | "shows" | "refused")))
            .ok_or("empty")?;
        if stimulus.contains(&&**key) {
            self.nothing_left()?;
        }
        let now = Instant::from_millis(self.now);
        match &**key {
            "in" => {
                let bytes = self.bytes(value)?;
                let line = self.line(&on)?;
                if line.closed.is_none() {
                    line.input.extend(bytes);
                    line.run(now)?;
                }
                Ok(())
            }
            "time" => self.wait(value.as_u64().unwrap()),
            "command" => self.command(&on, value, step["refused"].as_str()),
            "transport" if value == "open" => self.open(&on),
            "transport" => {
                let line = self.line(&on)?;
                if line.closed.is_none() {
                    either!(&mut line.machine, machine => machine.handle_eof());
                    line.run(now)?;
                    let told = line.events.pop_front().unwrap_or_default();
                    if told["cause"] != "lost" {
                        return Err(format!("the transport is lost, and it says {told}"));
                    }
                }
                let line = self.lines.remove(&on).ok_or("no connection")?;
                self.keep(line, false);
                Ok(())
            }
            "state" if value == "restart" => {
                self.collect();
                for line in std::mem::take(&mut self.lines).into_values() {
                    self.keep(line, true);
                }
                for kept in self.kept.values_mut() {
                    let mut log = Vec::new();
                    kept.session.export(|record| {
                        record.encode(&mut log).unwrap();
                    });
                    kept.session = restored(&log);
                }
                Ok(())
            }
            "state" => {
                self.collect();
                self.kept.clear();
                Ok(())
            }
            "nothing" => Ok(()),
            "repeat" => {
                for _ in 0..value["count"].as_u64().unwrap().min(self.rounds) {
                    let names = self.names.clone();
                    for step in value["steps"].as_array().unwrap() {
                        self.step(step).map_err(|error| format!("{step}: {error}"))?;
                    }
                    self.nothing_left()?;
                    self.names = names;
                }
                Ok(())
            }
            "out" => self.expect_out(&on, value),
            "event" => self.expect_event(&on, value),
            // The first is what this project recommends, so it is what the crate has to do.
            "either" => {
                value[0].as_array().ok_or("no alternative")?.iter().try_for_each(|step| self.step(step))
            }
            other => Err(format!("unknown step {other}")),
        }
    }

    fn line(&mut self, on: &str) -> Outcome<&mut Line> {
        self.lines.get_mut(on).ok_or_else(|| format!("no connection {on}"))
    }

    fn config(&self) -> Config {
        let limits = &self.talk["limits"];
        let mut config = Config::default();
        let duration = |name: &str, default| limits[name].as_u64().map_or(default, Duration::from_millis);
        config.connect_timeout = duration("connect_timeout", config.connect_timeout);
        config.ping_timeout = duration("ping_timeout", config.ping_timeout);
        if let Some(maximum) = limits["receive_maximum"].as_u64() {
            config.receive_maximum = maximum as u16;
        }
        if let Some(maximum) = limits["maximum_packet_size"].as_u64() {
            config.maximum_packet_size = maximum as u32;
        }
        if let Some(maximum) = limits["maximum_qos"].as_u64() {
            config.maximum_qos = Qos::from_number(maximum as u8).unwrap();
        }
        if let Some(maximum) = limits["topic_alias_maximum"].as_u64() {
            config.topic_alias_maximum = maximum as u16;
        }
        config.assign_topic_aliases = limits["assign_topic_aliases"] == 1;
        let available = |name: &str| limits[name] != 0;
        config.retain_available = available("retain_available");
        config.wildcard_subscription_available = available("wildcard_subscription_available");
        config.subscription_identifier_available = available("subscription_identifier_available");
        config.shared_subscription_available = available("shared_subscription_available");
        config
    }

    /// The stored session of a client identifier, unless it has expired.
    fn take(&mut self, client_id: &str) -> Option<Session<Logged>> {
        let kept = self.kept.remove(client_id)?;
        (self.now < kept.until).then_some(kept.session)
    }

    /// A connection is over: its session is kept as long as it is to live.
    fn keep(&mut self, line: Line, crash: bool) {
        if !line.accepted && matches!(line.machine, Machine::Server(_)) {
            return;
        }
        let (client_id, now) = (line.client_id, line.closed.unwrap_or(self.now));
        let session = either!(line.machine, machine => {
            if crash {
                // Nothing is left but what is written down.
                let expiry = machine.session().expiry_interval();
                let session = restored(&machine.session().store().log);
                let until = until(expiry, now);
                self.kept.insert(client_id, Kept { session, until });
                return;
            }
            machine.into_session()
        });
        if session.exists() {
            let until = until(session.expiry_interval(), now);
            self.kept.insert(client_id, Kept { session, until });
        } else if self.talk["role"] == "client" {
            // It is over, but the application has still to be told of what is lost with it.
            self.kept.insert(client_id, Kept { session, until: u64::MAX });
        } else {
            self.kept.remove(&client_id);
        }
    }

    /// Keeps the sessions of the connections that are over.
    fn collect(&mut self) {
        let (over, open): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.lines).into_iter().partition(|(_, line)| line.closed.is_some());
        self.lines = open;
        over.into_values().for_each(|line| self.keep(line, false));
    }

    fn open(&mut self, on: &str) -> Outcome {
        self.collect();
        if self.lines.contains_key(on) {
            return Err("the connection before is open".to_owned());
        }
        let (config, now) = (self.config(), Instant::from_millis(self.now));
        let acknowledge =
            if self.talk["acknowledge"] == "manual" { Acknowledge::Manual } else { Acknowledge::Automatic };
        let machine = if self.talk["role"] == "client" {
            let session = self.take("").unwrap_or_else(empty);
            let mut client = Client::with_aliases(self.version, &config, session, topics());
            client.set_acknowledge(acknowledge);
            Machine::Client(Box::new(client))
        } else {
            let mut server = Server::with_aliases(now, &config, empty(), topics());
            server.set_acknowledge(acknowledge);
            Machine::Server(Box::new(server))
        };
        let line = Line {
            machine,
            client_id: String::new(),
            input: Vec::new(),
            out: Vec::new(),
            events: VecDeque::new(),
            tokens: Vec::new(),
            closed: None,
            accepted: false,
        };
        self.lines.insert(on.to_owned(), line);
        Ok(())
    }

    /// Lets time pass, with every timer at its time.
    fn wait(&mut self, ms: u64) -> Outcome {
        let end = self.now + ms;
        for line in self.lines.values_mut().filter(|line| line.closed.is_none()) {
            let mut now = Instant::from_millis(self.now);
            for _ in 0..10_000 {
                let due = either!(&line.machine, machine => machine.poll_timeout());
                let Some(due) = due.filter(|due| due.as_millis() <= end && line.closed.is_none()) else {
                    break;
                };
                now = now.max(due);
                let out = &mut line.out;
                either!(&mut line.machine, machine => machine.handle_timeout(now, out));
                line.run(now)?;
            }
            line.run(Instant::from_millis(end))?;
        }
        self.now = end;
        Ok(())
    }

    fn command(&mut self, on: &str, command: &Value, refused: Option<&str>) -> Outcome {
        let now = Instant::from_millis(self.now);
        let name = command["type"].as_str().unwrap_or_default();
        if name == "accept" {
            self.resume(on)?;
        }
        let token = command["token"].as_str().and_then(|name| self.names.get(name)).copied();
        let line = self.line(on)?;
        let before = line.out.len();
        let result = match (&mut line.machine, name) {
            (Machine::Client(client), "connect") => {
                let packet = with(command, "CONNECT", &[("will", json!(null)), ("user_name", json!(null))]);
                fields::with_packet(&packet, |packet| match packet {
                    Packet::Connect(connect) => client.connect(now, connect, &mut line.out),
                    _ => unreachable!(),
                })?
            }
            (Machine::Client(client), "subscribe") => {
                fields::with_packet(&with(command, "SUBSCRIBE", &[("packet_id", json!(1))]), |packet| {
                    match packet {
                        Packet::Subscribe(subscribe) => {
                            let filters: Vec<_> = subscribe.filters.iter().collect();
                            client.subscribe(&filters, subscribe.properties, &mut line.out).map(drop)
                        }
                        _ => unreachable!(),
                    }
                })?
            }
            (Machine::Client(client), "unsubscribe") => {
                fields::with_packet(&with(command, "UNSUBSCRIBE", &[("packet_id", json!(1))]), |packet| {
                    match packet {
                        Packet::Unsubscribe(unsubscribe) => {
                            let filters: Vec<_> = unsubscribe.filters.iter().collect();
                            client.unsubscribe(&filters, unsubscribe.properties, &mut line.out).map(drop)
                        }
                        _ => unreachable!(),
                    }
                })?
            }
            (Machine::Server(server), "accept") => {
                fields::with_packet(&with(command, "CONNACK", &[]), |packet| match packet {
                    Packet::Connack(connack) => server.accept(connack.properties, &mut line.out),
                    _ => unreachable!(),
                })?
            }
            (Machine::Server(server), "reject") => {
                fields::with_packet(&with(command, "CONNACK", &[]), |packet| match packet {
                    Packet::Connack(connack) => {
                        server.reject(connack.reason, connack.properties, &mut line.out)
                    }
                    _ => unreachable!(),
                })?
            }
            (Machine::Server(server), "suback" | "unsuback") => {
                fields::with_packet(&with(command, "SUBACK", &[("packet_id", json!(1))]), |packet| {
                    match packet {
                        Packet::Suback(suback) => {
                            let reasons: Vec<_> = suback.reasons.iter().collect();
                            if name == "suback" {
                                server.suback(&reasons, suback.properties, &mut line.out)
                            } else {
                                server.unsuback(&reasons, suback.properties, &mut line.out)
                            }
                        }
                        _ => unreachable!(),
                    }
                })?
            }
            (machine, "publish") => {
                let id = if command["qos"] == 0 { Value::Null } else { json!(1) };
                fields::with_packet(&with(command, "PUBLISH", &[("packet_id", id)]), |packet| match packet {
                    Packet::Publish(publish) => {
                        let message = Message::from(*publish);
                        either!(machine, machine => machine.publish(&message, &mut line.out)).map(drop)
                    }
                    _ => unreachable!(),
                })?
            }
            (machine, "ack") => {
                let token = token.and_then(|token| line.tokens.get_mut(token as usize)?.take());
                let token = token.ok_or("no such token")?;
                fields::with_packet(&with(command, "PUBACK", &[("packet_id", json!(1))]), |packet| {
                    let Packet::Puback(Ack { reason, properties, .. }) = *packet else { unreachable!() };
                    either!(machine, machine => if properties.is_empty() {
                        machine.ack(token, reason, &mut line.out)
                    } else {
                        machine.ack_with(token, reason, properties, &mut line.out)
                    })
                })?
                .map_err(UsageError::from)
            }
            (machine, "alias") => {
                let topic = command["topic"].as_str().unwrap_or_default();
                either!(machine, machine => machine.alias(topic)).map(drop)
            }
            (machine, "disconnect") => {
                fields::with_packet(&with(command, "DISCONNECT", &[]), |packet| match packet {
                    Packet::Disconnect(disconnect) => {
                        either!(machine, machine => machine.disconnect(disconnect, &mut line.out))
                    }
                    _ => unreachable!(),
                })?
            }
            (machine, "auth") => fields::with_packet(&with(command, "AUTH", &[]), |packet| match packet {
                Packet::Auth(auth) => either!(machine, machine => machine.auth(auth, &mut line.out)),
                _ => unreachable!(),
            })?,
            (_, other) => return Err(format!("unknown command {other}")),
        };
        match (result, refused) {
            (Ok(()), None) => {
                line.accepted |= name == "accept";
                line.run(now)
            }
            (Ok(()), Some(why)) => Err(format!("is done, and should be refused: {why}")),
            (Err(error), None) => Err(format!("is refused: {error}")),
            (Err(error), Some(why)) if usage(&error) != why => {
                Err(format!("is refused with {error}, not: {why}"))
            }
            (Err(_), Some(_)) if line.out.len() > before => {
                Err("is refused, and something is written".to_owned())
            }
            (Err(_), Some(_)) => line.run(now),
        }
    }

    /// Finds the session of the client that is going to be accepted. It is gone if the server has no use for it.
    fn resume(&mut self, on: &str) -> Outcome {
        self.collect();
        let client_id = self.line(on)?.client_id.clone();
        let Some(session) = self.take(&client_id) else { return Ok(()) };
        if let Machine::Server(server) = &mut self.line(on)?.machine {
            drop(server.resume(session));
        }
        Ok(())
    }

    /// Every event and every byte has been asked for.
    fn nothing_left(&self) -> Outcome {
        for line in self.lines.values() {
            if let Some(event) = line.events.front() {
                return Err(format!("before it, an event that nothing asked for: {event}"));
            }
            if !line.out.is_empty() {
                return Err(format!("before it, bytes that nothing asked for: {:02X?}", line.out));
            }
        }
        Ok(())
    }

    /// The bytes that are to come in.
    fn bytes(&self, value: &Value) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in parts(value) {
            match part["id"].as_str() {
                Some(name) => {
                    let id = *self.names.get(name).ok_or_else(|| format!("{name} is not known"))?;
                    bytes.extend(u16::try_from(id).unwrap().to_be_bytes());
                }
                None => bytes.extend(fields::bytes(part)),
            }
        }
        Ok(bytes)
    }

    fn expect_out(&mut self, on: &str, value: &Value) -> Outcome {
        let (version, out) = (self.version, std::mem::take(&mut self.line(on)?.out));
        if let Some(expected) = value.get("packet") {
            let frame = match sans_mqtt::Frame::split(&out, usize::MAX) {
                Ok(sans_mqtt::Split::Frame(frame, rest)) => {
                    self.line(on)?.out = rest.to_vec();
                    frame
                }
                other => return Err(format!("{other:?} instead of a packet")),
            };
            let packet = Packet::decode(version, frame).map_err(|error| error.to_string())?;
            let packet = fields::of(&packet, version);
            let size = out.len() - self.line(on)?.out.len();
            if value["most"].as_u64().is_some_and(|most| size as u64 > most) {
                return Err(format!("{size} bytes: {packet}"));
            }
            let known = |name: &Value| properties(&packet).any(|property| property["name"] == *name);
            if let Some(name) = value["without"].as_array().into_iter().flatten().find(|name| known(name)) {
                return Err(format!("{name} in {packet}"));
            }
            return has(&packet, &fields::expand(expected));
        }
        let mut rest = &out[..];
        for part in parts(value) {
            let Some(name) = part["id"].as_str() else {
                let expected = fields::bytes(part);
                rest = rest.strip_prefix(&expected[..]).ok_or_else(|| format!("instead {out:02X?}"))?;
                continue;
            };
            let (id, behind) = rest.split_first_chunk().ok_or_else(|| format!("instead {out:02X?}"))?;
            let id = u64::from(u16::from_be_bytes(*id));
            rest = behind;
            match self.names.get(name) {
                Some(known) if *known == id => {}
                Some(known) => return Err(format!("{id} instead of {known} ({name})")),
                None if id == 0 => return Err(format!("0 for {name}")),
                None if part["most"].as_u64().is_some_and(|most| id > most) => {
                    return Err(format!("{id} for {name}"));
                }
                None => {
                    let unlike = part["unlike"].as_array().into_iter().flatten();
                    for other in unlike {
                        if self.names.get(other.as_str().unwrap()) == Some(&id) {
                            return Err(format!("{id} is in use for {other}"));
                        }
                    }
                    self.names.insert(name.to_owned(), id);
                }
            }
        }
        self.line(on)?.out = rest.to_vec();
        Ok(())
    }

    fn expect_event(&mut self, on: &str, expected: &Value) -> Outcome {
        let event = self.line(on)?.events.pop_front().ok_or("no event")?;
        let mut expected = fields::expand(expected);
        // A name stands for its value, and a new one for a token that can be used later.
        if let Some(name) = expected["id"].as_str() {
            expected["id"] = json!(self.names.get(name).ok_or_else(|| format!("{name} is not known"))?);
        }
        if let Some(name) = expected["token"].as_str() {
            self.names.insert(name.to_owned(), event["token"].as_u64().unwrap());
            expected["token"] = event["token"].clone();
        }
        let any = |name: &str, known: Vec<String>, expected: &mut Value| -> Outcome {
            let Some(wanted) = expected.as_object_mut().and_then(|map| map.remove(name)) else {
                return Ok(());
            };
            let fits = wanted.as_array().unwrap().iter().any(|one| known.iter().any(|known| one == known));
            if fits { Ok(()) } else { Err(format!("{name} {known:?}, one of {wanted} expected")) }
        };
        if expected["type"] == "closed" {
            let rules: Vec<&str> =
                event["rules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            any("rules", super::reported(&rules, self.sections).into_iter().collect(), &mut expected)?;
            let reason = event["reasons"].as_str().unwrap_or_default().to_owned();
            any("reasons", vec![reason], &mut expected)?;
        }
        has(&event, &expected)
    }
}

/// When a session is over that lives for so many seconds more.
fn until(expiry: u32, now: u64) -> u64 {
    match expiry {
        u32::MAX => u64::MAX,
        seconds => now + u64::from(seconds) * 1000,
    }
}

/// What is refused, in the words of the vectors.
fn usage(error: &UsageError) -> &'static str {
    match error {
        UsageError::WindowFull(_) => "quota",
        UsageError::NotConnected => "not-connected",
        UsageError::NotAvailable(PropertyId::MaximumQos) => "maximum-qos",
        UsageError::NotAvailable(PropertyId::RetainAvailable) => "retain",
        UsageError::NotAvailable(_) => "not-available",
        UsageError::TooLarge { .. } => "too-large",
        UsageError::StaleToken => "stale",
        UsageError::NotAsked | UsageError::AuthenticationMethod => "not-asked",
        UsageError::ReasonCount { .. } => "reason-count",
        UsageError::TopicAlias => "topic-alias",
        UsageError::Encode(_) => "invalid",
        UsageError::Resuming => "resuming",
        _ => "other",
    }
}

fn parts(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |parts| parts.iter().collect())
}

/// The properties of a packet.
fn properties(packet: &Value) -> impl Iterator<Item = &Value> {
    packet["properties"].as_array().into_iter().flatten()
}

/// A command as the packet that it leads to.
fn with(command: &Value, kind: &str, more: &[(&str, Value)]) -> Value {
    let mut packet = command.clone();
    packet["type"] = json!(kind);
    for (name, value) in more {
        if packet.get(*name).is_none() {
            packet[*name] = value.clone();
        }
    }
    packet
}

/// The value has all that is expected; of properties, at least those.
fn has(value: &Value, expected: &Value) -> Outcome {
    for (name, expected) in expected.as_object().ok_or("no object")? {
        let got = value.get(name).unwrap_or(&Value::Null);
        let fits = match (name.as_str(), got, expected) {
            ("properties", Value::Array(got), Value::Array(expected)) => {
                expected.iter().all(|property| got.contains(property))
            }
            (_, got, expected) => got == expected,
        };
        if !fits {
            return Err(format!("{name} is {got} in {value}"));
        }
    }
    Ok(())
}
