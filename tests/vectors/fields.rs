//! Packets as the vectors write them, both ways.

use sans_mqtt::{
    Ack, Auth, Connack, Connect, Delivery, Disconnect, Field, Packet, PacketId, Properties, Property,
    PropertyId, Publish, Qos, ReasonCode, RetainHandling, Suback, Subscribe, Subscription, Unsubscribe,
    Version, Will,
};
use serde_json::{Map, Value, json};

/// Hex text, or parts of it with runs: `["30 04", {"byte": "61", "count": 9}]`.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => {
            let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
            digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        }
        Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
        Value::Object(run) => bytes(&run["byte"]).repeat(run["count"].as_u64().unwrap() as usize),
        _ => Vec::new(),
    }
}

/// The same with text.
fn string(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(string).collect(),
        Value::Object(run) => string(&run["text"]).repeat(run["count"].as_u64().unwrap() as usize),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| format!("{byte:02X}")).collect())
}

/// The names under which binary data stands.
const BINARY: [&str; 2] = ["payload", "password"];
const BINARY_PROPERTIES: [&str; 2] = ["Correlation Data", "Authentication Data"];

/// Writes runs out and binary data in one way, so that fields can be compared.
pub(crate) fn expand(value: &Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("count") => Value::String(string(value)),
        Value::Object(map) => {
            let binary_property =
                map.get("name").and_then(Value::as_str).is_some_and(|n| BINARY_PROPERTIES.contains(&n));
            let expand_field = |(key, value): (&String, &Value)| {
                let binary = BINARY.contains(&key.as_str()) || binary_property && key == "value";
                (key.clone(), if binary && !value.is_null() { hex(&bytes(value)) } else { expand(value) })
            };
            Value::Object(map.iter().map(expand_field).collect())
        }
        Value::Array(parts) if parts.iter().any(|part| part.get("count").is_some()) => {
            Value::String(string(value))
        }
        Value::Array(parts) => Value::Array(parts.iter().map(expand).collect()),
        other => other.clone(),
    }
}

/// What the vectors call a field of the crate: the member of the packet that holds it.
pub(crate) fn names(field: Field) -> Vec<String> {
    let names: &[&str] = match field {
        Field::TopicName => &["topic"],
        Field::TopicFilter => &["filter", "filters"],
        Field::ReasonCode => &["reason", "reasons"],
        Field::ClientId => &["client_id"],
        Field::PacketId => &["packet_id"],
        Field::SubscriptionOptions => &["no_local", "retain_as_published", "retain_handling", "qos"],
        Field::PacketType => &["type"],
        Field::Packet => &["packet", "payload"],
        field => return vec![field.name().to_lowercase().replace([' ', '-'], "_"), "properties".to_owned()],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn reason(code: ReasonCode) -> Value {
    json!(format!("0x{:02X}", code.get()))
}

/// A decoded packet as the vectors write it.
pub(crate) fn of(packet: &Packet<'_>, version: Version) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
    put("type", json!(packet.packet_type().name()));
    let v5 = version == Version::V5_0;
    let props =
        |list: Properties<'_>| Value::Array(list.iter().map(|property| property_value(&property)).collect());
    if v5 {
        match packet {
            Packet::Connect(Connect { properties, .. })
            | Packet::Connack(Connack { properties, .. })
            | Packet::Publish(Publish { properties, .. })
            | Packet::Puback(Ack { properties, .. })
            | Packet::Pubrec(Ack { properties, .. })
            | Packet::Pubrel(Ack { properties, .. })
            | Packet::Pubcomp(Ack { properties, .. })
            | Packet::Subscribe(Subscribe { properties, .. })
            | Packet::Suback(Suback { properties, .. })
            | Packet::Unsubscribe(Unsubscribe { properties, .. })
            | Packet::Unsuback(Suback { properties, .. })
            | Packet::Disconnect(Disconnect { properties, .. })
            | Packet::Auth(Auth { properties, .. }) => put("properties", props(*properties)),
            Packet::Pingreq | Packet::Pingresp => {}
        }
    }
    match packet {
        Packet::Connect(connect) => {
            put("clean_start", json!(connect.clean_start));
            put("keep_alive", json!(connect.keep_alive));
            put("client_id", json!(connect.client_id));
            put("user_name", json!(connect.user_name));
            put("password", connect.password.map_or(Value::Null, hex));
            let will = connect.will.map(|will| {
                let mut value = json!({"qos": will.qos as u8, "retain": will.retain, "topic": will.topic, "payload": hex(will.payload)});
                if v5 {
                    value["properties"] = props(will.properties);
                }
                value
            });
            put("will", json!(will));
        }
        Packet::Connack(connack) => {
            put("session_present", json!(connack.session_present));
            if v5 {
                put("reason", reason(connack.reason));
            } else {
                put("return_code", json!(connack.reason.return_code()));
            }
        }
        Packet::Publish(publish) => {
            put("dup", json!(publish.dup));
            put("qos", json!(publish.delivery.qos() as u8));
            put("retain", json!(publish.retain));
            put("topic", json!(publish.topic));
            put("packet_id", json!(publish.delivery.packet_id().map(PacketId::get)));
            put("payload", hex(publish.payload));
        }
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            put("packet_id", json!(ack.packet_id.get()));
            if v5 {
                put("reason", reason(ack.reason));
            }
        }
        Packet::Subscribe(subscribe) => {
            put("packet_id", json!(subscribe.packet_id.get()));
            let filter = |s: Subscription<'_>| {
                let mut value = json!({"filter": s.filter, "qos": s.qos as u8});
                if v5 {
                    value["no_local"] = json!(s.no_local);
                    value["retain_as_published"] = json!(s.retain_as_published);
                    value["retain_handling"] = json!(s.retain_handling as u8);
                }
                value
            };
            put("filters", subscribe.filters.iter().map(filter).collect());
        }
        Packet::Suback(suback) => {
            put("packet_id", json!(suback.packet_id.get()));
            put("reasons", suback.reasons.iter().map(reason).collect());
        }
        Packet::Unsuback(unsuback) => {
            put("packet_id", json!(unsuback.packet_id.get()));
            if v5 {
                put("reasons", unsuback.reasons.iter().map(reason).collect());
            }
        }
        Packet::Unsubscribe(unsubscribe) => {
            put("packet_id", json!(unsubscribe.packet_id.get()));
            put("filters", unsubscribe.filters.iter().map(|filter| json!(filter)).collect());
        }
        Packet::Pingreq | Packet::Pingresp => {}
        Packet::Disconnect(Disconnect { reason: code, .. }) | Packet::Auth(Auth { reason: code, .. }) => {
            if v5 {
                put("reason", reason(*code));
            }
        }
    }
    Value::Object(map)
}

macro_rules! properties {
    ($($variant:ident $how:ident,)+) => {
        fn property_value(property: &Property<'_>) -> Value {
            let value = match *property {
                $(Property::$variant(value) => properties!(to $how value),)+
                Property::UserProperty(name, value) => json!([name, value]),
                _ => panic!("a property that this test does not know: {property:?}"),
            };
            json!({"name": property.id().name(), "value": value})
        }

        /// The property, unless its type can't hold the value.
        fn property<'a>(name: &str, value: &'a Owned) -> Result<Property<'a>, String> {
            let out_of_range = || format!("{name} {}", value.number);
            let id = PropertyId::ALL.iter().find(|id| id.name() == name).unwrap_or_else(|| panic!("property {name}"));
            Ok(match id {
                $(PropertyId::$variant => Property::$variant(properties!(from $how value).ok_or_else(out_of_range)?),)+
                _ => Property::UserProperty(&value.text, &value.second),
            })
        }
    };
    (to bool $value:ident) => { json!($value as u8) };
    (to qos $value:ident) => { json!($value as u8) };
    (to u16 $value:ident) => { json!($value) };
    (to u32 $value:ident) => { json!($value) };
    (to text $value:ident) => { json!($value) };
    (to binary $value:ident) => { hex($value) };
    (from bool $value:ident) => { [false, true].get($value.number as usize).copied() };
    (from qos $value:ident) => { u8::try_from($value.number).ok().and_then(Qos::from_number) };
    (from u16 $value:ident) => { u16::try_from($value.number).ok() };
    (from u32 $value:ident) => { u32::try_from($value.number).ok() };
    (from text $value:ident) => { Some(&*$value.text) };
    (from binary $value:ident) => { Some(&*$value.bytes) };
}

properties! {
    PayloadFormatIndicator bool, MessageExpiryInterval u32, ContentType text, ResponseTopic text, CorrelationData binary,
    SubscriptionIdentifier u32, SessionExpiryInterval u32, AssignedClientIdentifier text, ServerKeepAlive u16,
    AuthenticationMethod text, AuthenticationData binary, RequestProblemInformation bool, WillDelayInterval u32,
    RequestResponseInformation bool, ResponseInformation text, ServerReference text, ReasonString text,
    ReceiveMaximum u16, TopicAliasMaximum u16, TopicAlias u16, MaximumQos qos, RetainAvailable bool,
    MaximumPacketSize u32, WildcardSubscriptionAvailable bool, SubscriptionIdentifierAvailable bool,
    SharedSubscriptionAvailable bool,
}

/// A property value that a [`Property`] can borrow from.
#[derive(Default)]
struct Owned {
    number: u64,
    text: String,
    second: String,
    bytes: Vec<u8>,
}

fn owned(list: &Value) -> Vec<(String, Owned)> {
    let one = |property: &Value| {
        let name = string(&property["name"]);
        let value = &property["value"];
        let owned = match value {
            Value::Array(pair) if name == "User Property" => {
                Owned { text: string(&pair[0]), second: string(&pair[1]), ..Owned::default() }
            }
            Value::Number(number) => Owned { number: number.as_u64().unwrap(), ..Owned::default() },
            text if BINARY_PROPERTIES.contains(&name.as_str()) => {
                Owned { bytes: bytes(text), ..Owned::default() }
            }
            text => Owned { text: string(text), ..Owned::default() },
        };
        (name, owned)
    };
    list.as_array().into_iter().flatten().map(one).collect()
}

fn borrow(owned: &[(String, Owned)]) -> Result<Vec<Property<'_>>, String> {
    owned.iter().map(|(name, value)| property(name, value)).collect()
}

pub(crate) fn code(value: &Value) -> ReasonCode {
    let number = value.as_str().and_then(|text| text.strip_prefix("0x"));
    ReasonCode::new(number.map_or(0, |hex| u8::from_str_radix(hex, 16).unwrap()))
}

/// Builds the packet of a vector; an error if the model can't even express it.
pub(crate) fn with_packet<T>(value: &Value, then: impl FnOnce(&Packet<'_>) -> T) -> Result<T, String> {
    let list = owned(&value["properties"]);
    let list = borrow(&list)?;
    let properties = Properties::from(&list[..]);
    let number = |name: &str| value[name].as_u64().unwrap_or_default();
    let flag = |name: &str| value[name] == true;
    let id = || PacketId::new(number("packet_id") as u16).ok_or("packet identifier 0");
    let qos = |value: &Value| Qos::from_number(value.as_u64().unwrap_or_default() as u8).ok_or("QoS 3");
    let text = |name: &str| string(&value[name]);
    let reasons: Vec<ReasonCode> = value["reasons"].as_array().into_iter().flatten().map(code).collect();
    let reason = match value["return_code"].as_u64() {
        Some(number) => ReasonCode::from_return_code(number as u8).ok_or("return code")?,
        None => code(&value["reason"]),
    };
    let filters: Vec<String> = value["filters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|filter| string(filter.get("filter").unwrap_or(filter)))
        .collect();
    let packet = value["type"].as_str().unwrap_or_default();
    let ack = || Ok::<_, String>(Ack { packet_id: id()?, reason, properties });
    let suback = || Ok::<_, String>(Suback { packet_id: id()?, properties, reasons: reasons[..].into() });
    Ok(match packet {
        "CONNECT" => {
            let (client_id, user_name) = (text("client_id"), text("user_name"));
            let password = bytes(&value["password"]);
            let will = &value["will"];
            let (will_topic, will_payload, will_list) =
                (string(&will["topic"]), bytes(&will["payload"]), owned(&will["properties"]));
            let will_list = borrow(&will_list)?;
            let connect = Connect {
                clean_start: flag("clean_start"),
                keep_alive: number("keep_alive") as u16,
                properties,
                client_id: &client_id,
                will: if will.is_null() {
                    None
                } else {
                    Some(Will {
                        qos: qos(&will["qos"])?,
                        retain: will["retain"] == true,
                        properties: will_list[..].into(),
                        topic: &will_topic,
                        payload: &will_payload,
                    })
                },
                user_name: (!value["user_name"].is_null()).then_some(&user_name),
                password: (!value["password"].is_null()).then_some(&password),
            };
            then(&connect.into())
        }
        "CONNACK" => then(&Connack { session_present: flag("session_present"), reason, properties }.into()),
        "PUBLISH" => {
            let (topic, payload) = (text("topic"), bytes(&value["payload"]));
            let delivery = match qos(&value["qos"])? {
                Qos::AtMostOnce if value["packet_id"].is_null() => Delivery::AtMostOnce,
                Qos::AtMostOnce => return Err("a packet identifier at QoS 0".to_owned()),
                Qos::AtLeastOnce => Delivery::AtLeastOnce(id()?),
                Qos::ExactlyOnce => Delivery::ExactlyOnce(id()?),
            };
            let (dup, retain) = (flag("dup"), flag("retain"));
            then(&Publish { dup, retain, delivery, topic: &topic, properties, payload: &payload }.into())
        }
        "PUBACK" => then(&Packet::Puback(ack()?)),
        "PUBREC" => then(&Packet::Pubrec(ack()?)),
        "PUBREL" => then(&Packet::Pubrel(ack()?)),
        "PUBCOMP" => then(&Packet::Pubcomp(ack()?)),
        "SUBSCRIBE" => {
            let options = value["filters"].as_array().into_iter().flatten();
            let subscription = |(filter, options): (&'_ String, &Value)| {
                Ok(Subscription {
                    filter: Box::leak(filter.clone().into_boxed_str()),
                    qos: qos(&options["qos"])?,
                    no_local: options["no_local"] == true,
                    retain_as_published: options["retain_as_published"] == true,
                    retain_handling: match options["retain_handling"].as_u64().unwrap_or_default() {
                        0 => RetainHandling::Send,
                        1 => RetainHandling::SendIfNew,
                        2 => RetainHandling::DoNotSend,
                        _ => return Err("retain handling 3".to_owned()),
                    },
                })
            };
            let list: Vec<Subscription<'_>> =
                filters.iter().zip(options).map(subscription).collect::<Result<_, _>>()?;
            then(&Subscribe { packet_id: id()?, properties, filters: list[..].into() }.into())
        }
        "SUBACK" => then(&Packet::Suback(suback()?)),
        "UNSUBACK" => then(&Packet::Unsuback(suback()?)),
        "UNSUBSCRIBE" => {
            let list: Vec<&str> = filters.iter().map(String::as_str).collect();
            then(&Unsubscribe { packet_id: id()?, properties, filters: list[..].into() }.into())
        }
        "PINGREQ" => then(&Packet::Pingreq),
        "PINGRESP" => then(&Packet::Pingresp),
        "DISCONNECT" => then(&Disconnect { reason, properties }.into()),
        "AUTH" => then(&Auth { reason, properties }.into()),
        other => return Err(format!("packet type {other}")),
    })
}
