//! Every vector of `spec-vectors/codec` for 3.1.1 and 5.0: what has to be refused is, and the rest is read and written.

use std::num::NonZeroU16;

use bound::{
    Ack, Connack, Connect, Flags, Invalid, List, Outcome, Packet, Property, Publish, Sender, Suback,
    Subscribe, Subscription, Unsubscribe, Value, Version, Will, split,
};
use serde_json::Value as Json;

#[test]
fn vectors() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec-vectors/codec");
    let (mut tested, mut failed) = ([0; 3], 0);
    for file in std::fs::read_dir(directory).unwrap() {
        let vectors: Vec<Json> =
            serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for vector in vectors {
            let version = match vector["version"].as_str() {
                Some("3.1.1") => Version::V3_1_1,
                Some("5.0") => Version::V5_0,
                _ => continue,
            };
            let sender = match vector["sender"].as_str() {
                Some("client") => Sender::Client,
                Some("server") => Sender::Server,
                _ => Sender::Anyone,
            };
            let got = match vector["direction"].as_str() {
                Some("decode") => decoded(&vector, version, sender),
                _ => encoded(&vector, version, sender),
            };
            match got {
                Ok(verdict) => tested[verdict as usize] += 1,
                Err(got) => {
                    println!("{}: {got}", vector["id"]);
                    failed += 1;
                }
            }
        }
    }
    println!("accepted, refused, incomplete: {tested:?}");
    assert_eq!(failed, 0);
    assert!(tested.iter().all(|&number| number > 100), "the vectors are not there");
}

enum Verdict {
    Accept,
    Reject,
    Incomplete,
}

fn decoded(vector: &Json, version: Version, sender: Sender) -> Result<Verdict, String> {
    let bytes = bytes(&vector["bytes"]);
    let packet = match split(version, bytes, usize::MAX) {
        Ok(None) => Ok(None),
        Ok(Some((frame, rest))) => {
            assert!(rest.is_empty());
            Packet::decode(version, sender, frame).map(Some)
        }
        Err(Invalid) => Err(Invalid),
    };
    match (vector["verdict"].as_str(), packet) {
        (Some("incomplete"), Ok(None)) => Ok(Verdict::Incomplete),
        (Some("reject"), Err(Invalid)) => Ok(Verdict::Reject),
        (Some("accept"), Ok(Some(packet))) => {
            // What was read is compared as bytes: it is written again, element by element, and so is what should
            // have been read.
            let (read, expected) = (packet.given(), from_json(&vector["packet"]).ok_or("no such packet")?);
            let [again, read, expected] =
                [packet, read, expected].map(|packet| write(&packet, version, sender));
            if read != expected || again != expected {
                Err(format!("read {read:02X?}, again {again:02X?}, expected {expected:02X?}"))
            } else if vector["reencodes"] == true && again != Some(bytes.to_vec()) {
                Err(format!("written as {again:02X?}"))
            } else {
                Ok(Verdict::Accept)
            }
        }
        (_, packet) => Err(format!("{packet:02X?}")),
    }
}

fn encoded(vector: &Json, version: Version, sender: Sender) -> Result<Verdict, String> {
    let packet = &vector["packet"];
    // Before 5.0 a CONNACK has a return code, and there are no words for one with a reason code that is none.
    let is_old = version == Version::V3_1_1 && packet["type"] == "CONNACK";
    let wordless = is_old && packet["return_code"].is_null() && packet["reason"] != "0x00";
    let written = from_json(packet).filter(|_| !wordless).and_then(|packet| write(&packet, version, sender));
    match (vector["verdict"].as_str(), written) {
        (Some("reject"), None) => Ok(Verdict::Reject),
        (Some("accept"), Some(written)) if written == bytes(&vector["bytes"]) => Ok(Verdict::Accept),
        (_, written) => Err(format!("{written:02X?}")),
    }
}

fn write(packet: &Packet<'_>, version: Version, sender: Sender) -> Option<Vec<u8>> {
    // Most fit into the first one.
    [1 << 12, 1 << 22].into_iter().find_map(|room| {
        let mut out = vec![0; room];
        let len = packet.encode(version, sender, &mut out).ok()?;
        out.truncate(len);
        Some(out)
    })
}

/// Nothing here is ever freed, so that packets may borrow from it.
fn slice<T: 'static>(elements: impl Iterator<Item = T>) -> List<'static, T> {
    List::new(elements.collect::<Vec<_>>().leak())
}

/// The packet of a vector; `None` if there are no words for it.
fn from_json(packet: &Json) -> Option<Packet<'static>> {
    let number = |name: &str| packet[name].as_u64().unwrap_or_default();
    let id = NonZeroU16::new(number("packet_id") as u16);
    let properties = properties(packet)?;
    let code =
        packet["return_code"].as_u64().map_or_else(|| code(&packet["reason"]), |code| Some(code as u8))?;
    let ack = || Some(Ack { packet_id: id?, code, properties });
    let outcome = Outcome { code, properties };
    let codes = slice(list(&packet["reasons"]).map(self::code).collect::<Option<Vec<_>>>()?.into_iter());
    let suback = || Some(Suback { packet_id: id?, properties, codes });
    Some(match packet["type"].as_str()? {
        "CONNECT" => Packet::Connect(Connect {
            clean_start: packet["clean_start"] == true,
            keep_alive: number("keep_alive") as u16,
            properties,
            client_id: text(&packet["client_id"]),
            will: match some(&packet["will"]) {
                Some(will) => Some(Will {
                    qos: will["qos"].as_u64().unwrap_or_default() as u8,
                    retain: will["retain"] == true,
                    properties: self::properties(will)?,
                    topic: text(&will["topic"]),
                    payload: bytes(&will["payload"]),
                }),
                None => None,
            },
            user_name: some(&packet["user_name"]).map(text),
            password: some(&packet["password"]).map(bytes),
        }),
        "CONNACK" => {
            Packet::Connack(Connack { session_present: packet["session_present"] == true, code, properties })
        }
        "PUBLISH" => Packet::Publish(Publish {
            flags: Flags::new(packet["dup"] == true, number("qos") as u8, packet["retain"] == true)?,
            packet_id: match some(&packet["packet_id"]) {
                Some(_) => Some(id?),
                None => None,
            },
            topic: text(&packet["topic"]),
            properties,
            payload: bytes(&packet["payload"]),
        }),
        "PUBACK" => Packet::Puback(ack()?),
        "PUBREC" => Packet::Pubrec(ack()?),
        "PUBREL" => Packet::Pubrel(ack()?),
        "PUBCOMP" => Packet::Pubcomp(ack()?),
        "SUBSCRIBE" => {
            let option = |json: &Json, name: &str, shift: u32| {
                (json[name].as_u64().unwrap_or(u64::from(json[name] == true)) as u8) << shift
            };
            let filters = slice(list(&packet["filters"]).map(|json| Subscription {
                filter: text(&json["filter"]),
                options: option(json, "qos", 0)
                    | option(json, "no_local", 2)
                    | option(json, "retain_as_published", 3)
                    | option(json, "retain_handling", 4),
            }));
            Packet::Subscribe(Subscribe { packet_id: id?, properties, filters })
        }
        "SUBACK" => Packet::Suback(suback()?),
        "UNSUBSCRIBE" => {
            let filters = slice(list(&packet["filters"]).map(text));
            Packet::Unsubscribe(Unsubscribe { packet_id: id?, properties, filters })
        }
        "UNSUBACK" => Packet::Unsuback(suback()?),
        "PINGREQ" => Packet::Pingreq,
        "PINGRESP" => Packet::Pingresp,
        "DISCONNECT" => Packet::Disconnect(outcome),
        "AUTH" => Packet::Auth(outcome),
        _ => return None,
    })
}

const NAMES: [(&str, u8); 27] = [
    ("Payload Format Indicator", 0x01),
    ("Message Expiry Interval", 0x02),
    ("Content Type", 0x03),
    ("Response Topic", 0x08),
    ("Correlation Data", 0x09),
    ("Subscription Identifier", 0x0B),
    ("Session Expiry Interval", 0x11),
    ("Assigned Client Identifier", 0x12),
    ("Server Keep Alive", 0x13),
    ("Authentication Method", 0x15),
    ("Authentication Data", 0x16),
    ("Request Problem Information", 0x17),
    ("Will Delay Interval", 0x18),
    ("Request Response Information", 0x19),
    ("Response Information", 0x1A),
    ("Server Reference", 0x1C),
    ("Reason String", 0x1F),
    ("Receive Maximum", 0x21),
    ("Topic Alias Maximum", 0x22),
    ("Topic Alias", 0x23),
    ("Maximum QoS", 0x24),
    ("Retain Available", 0x25),
    ("User Property", 0x26),
    ("Maximum Packet Size", 0x27),
    ("Wildcard Subscription Available", 0x28),
    ("Subscription Identifier Available", 0x29),
    ("Shared Subscription Available", 0x2A),
];

/// `None`: there are no words for one of them.
fn properties(packet: &Json) -> Option<List<'static, Property<'static>>> {
    let properties: Option<Vec<_>> = list(&packet["properties"])
        .map(|property| {
            let (_, id) = *NAMES.iter().find(|(name, _)| property["name"] == *name)?;
            values(id, &property["value"]).into_iter().find_map(|value| Property::new(id, value))
        })
        .collect();
    properties.map(|properties| slice(properties.into_iter()))
}

/// What the value may be: the property knows its type.
fn values(id: u8, json: &Json) -> Vec<Value<'static>> {
    match (id, json) {
        (_, Json::Number(number)) => {
            let number = number.as_u64().unwrap() as u32;
            let flag = [false, true].into_iter().find(|&flag| u32::from(flag) == number).map(Value::Flag);
            let short = u16::try_from(number).ok().map(Value::Short);
            flag.into_iter().chain(short).chain([Value::Long(number), Value::Varint(number)]).collect()
        }
        (0x26, _) => vec![Value::Pair(text(&json[0]), text(&json[1]))],
        (0x09 | 0x16, _) => vec![Value::Binary(bytes(json))],
        _ => vec![Value::Text(text(json)), Value::Topic(text(json))],
    }
}

fn some(json: &Json) -> Option<&Json> {
    if json.is_null() { None } else { Some(json) }
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

/// `None`: none that fits into a byte.
fn code(json: &Json) -> Option<u8> {
    json.as_str().map_or(Some(0), |hex| u8::from_str_radix(hex.trim_start_matches("0x"), 16).ok())
}

/// Hex text, or parts of it with runs.
fn bytes(json: &Json) -> &'static [u8] {
    fn collect(json: &Json) -> Vec<u8> {
        match json {
            Json::String(hex) => {
                let digits: Vec<u8> =
                    hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
                digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
            Json::Object(run) => collect(&run["byte"]).repeat(run["count"].as_u64().unwrap() as usize),
            parts => list(parts).flat_map(collect).collect(),
        }
    }
    collect(json).leak()
}

/// The same with text.
fn text(json: &Json) -> &'static str {
    fn collect(json: &Json) -> String {
        match json {
            Json::String(text) => text.clone(),
            Json::Object(run) => collect(&run["text"]).repeat(run["count"].as_u64().unwrap() as usize),
            parts => list(parts).map(collect).collect(),
        }
    }
    collect(json).leak()
}
