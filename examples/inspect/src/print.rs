//! Packets for people.

use sans_mqtt::{DecodeError, ErrorKind, Field, Sender, Version};

use crate::dissect::{Found, Verdict, Verdicts};
use crate::fields::Row;
use crate::input::Conversation;
use crate::words;

const MORE: &str = "
That was one connection of each version, as recorded between clients and a server. Next:
  cargo run -p inspect examples/recorded/v5.0.txt    all recorded connections of a version
  cargo run -p inspect 32 05 00 01 61 00 00          bytes of your own; these are bad
  cargo run -p inspect -- --help
";

/// How many bytes of an incomplete packet are shown.
const SHOWN: usize = 256;

pub(crate) fn heading(conversation: &Conversation) -> String {
    let note = conversation.note.iter().map(|note| format!("   {note}\n")).collect::<String>();
    let name = conversation.name.iter();
    name.map(|name| format!("== {name} (→ from the client, ← from the server)\n{note}\n")).collect()
}

pub(crate) fn end(verdicts: &Verdicts, more: bool) -> String {
    format!("Verdicts: {verdicts}\n{}", if more { MORE } else { "" })
}

/// A packet behind one of the version `before`; nothing but a line if it is valid and that is enough.
pub(crate) fn packet(found: &Found, before: Option<Version>, brief: bool) -> String {
    let mut lines = headline(found, before);
    if brief && matches!(found.verdict, Verdict::Accept) {
        return lines;
    }
    let mut rows = found.rows.iter().peekable();
    while let Some(row) = rows.next() {
        // The identifier of a property and its value are one line.
        let value = rows.next_if(|next| row.field == Field::PropertyId && next.field != Field::PropertyId);
        lines += &field(found, row.span.start, value.unwrap_or(row));
    }
    lines += &match found.verdict {
        Verdict::Accept => String::new(),
        Verdict::Reject(error) => fault(found, error),
        Verdict::Incomplete(_) => {
            let (begin, rest) = found.bytes.split_at(found.bytes.len().min(SHOWN));
            let more = format!("{:>9} {} more\n", "…", words::bytes(rest.len()));
            dump(begin, None) + if rest.is_empty() { "" } else { &more }
        }
    };
    lines + "\n"
}

pub(crate) fn arrow(from: Option<Sender>) -> &'static str {
    match from {
        Some(Sender::Client) => "→ ",
        Some(Sender::Server) => "← ",
        None => "",
    }
}

/// What the packet is, at a glance.
fn headline(found: &Found, before: Option<Version>) -> String {
    let arrow = arrow(found.from);
    let name = found.packet_type().map_or("?", |packet_type| packet_type.name());
    let mut essentials: Vec<_> =
        found.rows.iter().filter_map(|row| Some((row.field, words::essential(row)?))).collect();
    essentials.sort_by_key(|(field, _)| !matches!(field, Field::ClientId | Field::TopicName));
    let essentials: Vec<_> = essentials.into_iter().map(|(_, words)| words).collect();
    let head = found.head().map(|head| {
        let (topic, qos) = (words::text(head.topic), head.delivery.qos().number());
        format!("{topic}, QoS {qos}, payload of {}", words::bytes(head.payload_len))
    });
    let essentials = essentials.into_iter().chain(head).collect::<Vec<_>>();
    let place = format!("{} at {}", words::bytes(found.bytes.len()), found.offset);
    // A version is news only where it changes.
    let version = match found.version() {
        None => ", of no known version".into(),
        version if version == before => String::new(),
        Some(version) => format!(", MQTT {version}"),
    };
    let verdict = match found.verdict {
        Verdict::Accept => String::new(),
        Verdict::Reject(_) => "  BAD".into(),
        Verdict::Incomplete(missing) if found.has_header() => format!("  {} MISSING", words::bytes(missing)),
        Verdict::Incomplete(missing) => format!("  {} OR MORE MISSING", words::bytes(missing)),
    };
    let gap = if essentials.is_empty() { "" } else { " " };
    format!("{arrow}{name} {}{gap}({place}{version}){verdict}\n", essentials.join(", "))
}

/// Place, bytes, name and value of a field, which begins at `start`.
fn field(found: &Found, start: usize, row: &Row) -> String {
    let bytes = found.bytes.get(start..row.span.end).unwrap_or_default();
    let first = bytes.first().copied().unwrap_or_default();
    let place = if bytes.len() > 1 { format!("{start}-{}", row.span.end - 1) } else { start.to_string() };
    let name = if let Field::Property(id) = row.field { format!("  {id}") } else { row.field.to_string() };
    let (place, hex) = match (words::mask(row.field), bytes.get(..8)) {
        (Some(0xF0), _) => (place, format!("{first:02x}  {}", pattern(0xF0, first))),
        (Some(mask), _) => (String::new(), pattern(mask, first)),
        (None, Some(begin)) if bytes.len() > 8 => (place, words::hex(begin, " ") + " …"),
        (None, _) => (place, words::hex(bytes, " ")),
    };
    let bits = row.bits.iter().map(|(mask, name, value)| {
        line("", &pattern(*mask, first), &format!("  {name}"), &words::bit(name, *value))
    });
    line(&place, &hex, &name, &row.words) + &bits.collect::<String>()
}

fn line(place: &str, hex: &str, name: &str, words: &str) -> String {
    format!("  {place:<7} {hex:<25} {name:<27} {words}\n")
}

/// The bits of `mask` in `byte`, below its hex digits.
fn pattern(mask: u8, byte: u8) -> String {
    let bit = |bit: u8| match (mask >> bit & 1, byte >> bit & 1) {
        (0, _) => '.',
        (_, 0) => '0',
        _ => '1',
    };
    let half = |from: u8| (from..from + 4).rev().map(bit).collect::<String>();
    format!("{} {}", half(4), half(0))
}

fn fault(found: &Found, error: DecodeError) -> String {
    let at = error.offset();
    let byte =
        found.bytes.get(at).map_or_else(|| "behind the last one".into(), |byte| format!("{byte:#04x}"));
    let sender = found.from.map_or("sender", Sender::name);
    let mut lines = format!("  error   {}\n", error.violation());
    lines += &format!("  where   {}, byte {at} ({byte})\n{}", error.field(), dump(&found.bytes, Some(at)));
    if error.kind() == ErrorKind::ProtocolLevel {
        let known = Version::ALL.map(|version| format!("{} ({version})", version.level())).join(", ");
        lines += &format!("  level   {}; known are {known}\n", error.value());
    }
    lines += &format!("  rules   {}\n  fault   the {sender}'s\n  answer  ", error.rules().join(", "));
    lines += &match found.answer(&error) {
        None => "none: close the connection\n".into(),
        Some((packet_type, reason, bytes)) => {
            format!("{packet_type} {reason}: {}, then close the connection\n", words::hex(&bytes, " "))
        }
    };
    if found.rows.is_empty() {
        lines += "  next    where the next packet begins is not known; the rest is not read\n";
    }
    lines
}

/// The bytes in hex, only those around `mark` if that is given, with a caret below it.
fn dump(bytes: &[u8], mark: Option<usize>) -> String {
    const WIDTH: usize = 16;
    let mut lines = String::new();
    // The mark may be behind the last byte.
    for start in (0..=bytes.len()).step_by(WIDTH) {
        let line = bytes.get(start..bytes.len().min(start + WIDTH)).unwrap_or_default();
        let marked = mark.filter(|mark| (start..start + WIDTH).contains(mark));
        let near = mark.is_none_or(|mark| mark.abs_diff(start) < 2 * WIDTH);
        if near && (!line.is_empty() || marked.is_some()) {
            lines += &format!("  {start:>7} {}\n", words::hex(line, " "));
        }
        if let Some(mark) = marked {
            lines += &format!("{:>1$}\n", "^^", 12 + (mark - start) * 3);
        }
    }
    lines
}
