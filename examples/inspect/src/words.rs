//! Values in the words of the specification.

use std::time::{Duration, UNIX_EPOCH};

use sans_mqtt::{Field, PacketType, PropertyId, ReasonCode, Version};

use crate::fields::Row;

/// The bits that a field takes in the first byte.
pub(crate) fn mask(field: Field) -> Option<u8> {
    Some(match field {
        Field::PacketType => 0xF0,
        Field::Flags => 0x0F,
        Field::Dup => 0x08,
        Field::Qos => 0x06,
        Field::Retain => 0x01,
        _ => return None,
    })
}

/// What a byte of flags consists of, from the highest bit down.
#[rustfmt::skip]
pub(crate) fn bits(field: Field, version: Version) -> &'static [(u8, &'static str)] {
    match (field, version) {
        (Field::ConnectFlags, Version::V5_0) => &[
            (0x80, "user name"), (0x40, "password"), (0x20, "will retain"), (0x18, "will QoS"), (0x04, "will"),
            (0x02, "clean start"), (0x01, "reserved"),
        ],
        (Field::ConnectFlags, _) => &[
            (0x80, "user name"), (0x40, "password"), (0x20, "will retain"), (0x18, "will QoS"), (0x04, "will"),
            (0x02, "clean session"), (0x01, "reserved"),
        ],
        (Field::AcknowledgeFlags, Version::V3_1) => &[(0xFF, "reserved")],
        (Field::AcknowledgeFlags, _) => &[(0xFE, "reserved"), (0x01, "session present")],
        (Field::SubscriptionOptions, Version::V5_0) => &[
            (0xC0, "reserved"), (0x30, "retain handling"), (0x08, "retain as published"), (0x04, "no local"),
            (0x03, "maximum QoS"),
        ],
        (Field::SubscriptionOptions, _) => &[(0xFC, "reserved"), (0x03, "requested QoS")],
        _ => &[],
    }
}

pub(crate) fn bit(name: &str, value: u8) -> String {
    match (name, value) {
        ("retain handling", 0) => "0 (send all retained messages)".into(),
        ("retain handling", 1) => "1 (send them if the subscription is new)".into(),
        ("retain handling", 2) => "2 (send none)".into(),
        ("retain handling" | "reserved", _) => value.to_string(),
        _ if name.ends_with("QoS") => qos(value.into()),
        _ => yes(value != 0),
    }
}

pub(crate) fn flags(field: Field, flags: u8) -> String {
    if field == Field::Flags { format!("{flags:04b} (reserved)") } else { format!("{flags:#04x}") }
}

pub(crate) fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.into()
}

pub(crate) fn number(field: Field, number: u32) -> String {
    use PropertyId as P;
    match field {
        Field::RemainingLength | Field::PropertyLength | Field::Property(P::MaximumPacketSize) => {
            bytes(number as usize)
        }
        Field::ProtocolLevel => {
            match Version::ALL.iter().find(|version| u32::from(version.level()) == number) {
                Some(version) => format!("{number} (MQTT {version})"),
                None => format!("{number} (no known version)"),
            }
        }
        Field::PropertyId => format!("{number:#04x}"),
        Field::Qos | Field::Property(P::MaximumQos) => qos(number),
        Field::KeepAlive | Field::Property(P::ServerKeepAlive) if number == 0 => "0 (off)".into(),
        Field::Property(P::SessionExpiryInterval) if number == u32::MAX => "never".into(),
        Field::KeepAlive
        | Field::Property(
            P::ServerKeepAlive | P::SessionExpiryInterval | P::MessageExpiryInterval | P::WillDelayInterval,
        ) => format!("{number} s"),
        _ => number.to_string(),
    }
}

fn qos(number: u32) -> String {
    let names = ["at most once", "at least once", "exactly once"];
    format!("{number} ({})", names.get(number as usize).unwrap_or(&"no such QoS"))
}

/// The name of a reason code; some have another one in some packets.
pub(crate) fn reason(code: ReasonCode, packet_type: PacketType, version: Version) -> &'static str {
    match (packet_type, code) {
        (PacketType::Suback, ReasonCode::SUCCESS) => "Granted QoS 0",
        (PacketType::Suback, ReasonCode::UNSPECIFIED_ERROR) if version < Version::V5_0 => "Failure",
        (PacketType::Disconnect, ReasonCode::SUCCESS) => "Normal disconnection",
        _ => code.name(),
    }
}

/// Text in quotes, with escapes, and cut when it is long.
pub(crate) fn text(text: &str) -> String {
    match text.char_indices().nth(50) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The length of binary data, and what it says if it is text.
pub(crate) fn binary(data: &[u8]) -> String {
    let printable = |text: &&str| !text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace());
    match core::str::from_utf8(data).ok().filter(printable) {
        Some(preview) if !preview.is_empty() => format!("{}: {}", bytes(data.len()), text(preview)),
        _ => bytes(data.len()),
    }
}

pub(crate) fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

/// A time since 1970; there is none for those behind the year 9999.
pub(crate) fn timestamp(time: Duration) -> Option<String> {
    const YEAR_10_000: u64 = 253_402_300_800;
    let time = Some(time).filter(|time| time.as_secs() < YEAR_10_000)?;
    Some(humantime::format_rfc3339_nanos(UNIX_EPOCH.checked_add(time)?).to_string())
}

pub(crate) fn hex(bytes: &[u8], separator: &str) -> String {
    let mut digits = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        digits += if at > 0 { separator } else { "" };
        digits
            .extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or_default()));
    }
    digits
}

/// What a headline says of a field.
pub(crate) fn essential(row: &Row) -> Option<String> {
    let words = &row.words;
    Some(match row.field {
        Field::TopicName if words == "\"\"" => return None,
        Field::ReasonCode | Field::TopicName | Field::TopicFilter => words.clone(),
        Field::Dup | Field::Retain if words == "yes" => row.field.to_string(),
        Field::Qos => format!("QoS {}", row.json.get("value")?),
        Field::SubscriptionOptions => format!("QoS {}", row.bits.last()?.2),
        Field::PacketId => format!("id {words}"),
        Field::Payload => format!("payload {words}"),
        Field::ClientId => format!("client {words}"),
        Field::KeepAlive => format!("keep alive {words}"),
        Field::WillTopic => format!("will {words}"),
        Field::UserName => format!("user {words}"),
        Field::Property(PropertyId::TopicAlias) => format!("alias {words}"),
        Field::Property(PropertyId::AuthenticationMethod) => format!("method {words}"),
        _ => return None,
    })
}
