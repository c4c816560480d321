//! The fields of a packet as the decoder shows them.

use core::ops::Range;

use sans_mqtt::{Field, Observer, PacketType, Value, Version};
use serde_json::{Value as Json, json};

use crate::words;

pub(crate) struct Row {
    pub(crate) field: Field,
    pub(crate) span: Range<usize>,
    /// The value for people.
    pub(crate) words: String,
    /// What a byte of flags consists of: masks, names and values, moved down to the lowest bit.
    pub(crate) bits: Vec<(u8, &'static str, u8)>,
    /// The field for programs, as `help.txt` describes it.
    pub(crate) json: Json,
}

/// Writes down what the decoder shows.
pub(crate) struct Fields {
    pub(crate) version: Version,
    pub(crate) packet_type: PacketType,
    pub(crate) rows: Vec<Row>,
}

impl Observer for Fields {
    fn field(&mut self, field: Field, span: Range<usize>, value: Value<'_>) {
        let mut bits = Vec::new();
        let (kind, words, value) = match value {
            Value::PacketType(packet_type) => {
                ("packet type", packet_type.to_string(), json!(packet_type.name()))
            }
            Value::Bit(bit) => ("bit", words::yes(bit), json!(bit)),
            Value::Flags(flags) => {
                let parts = words::bits(field, self.version).iter();
                bits.extend(parts.map(|&(mask, name)| (mask, name, (flags & mask) >> mask.trailing_zeros())));
                ("flags", words::flags(field, flags), json!(flags))
            }
            Value::Number(number) => ("number", words::number(field, number), json!(number)),
            Value::Reason(code) => {
                // Before 5.0 the decoder translates the return codes of CONNACK; the packet has the number of these.
                let translated = self.packet_type == PacketType::Connack && self.version < Version::V5_0;
                let number = code.return_code().filter(|_| translated).unwrap_or_else(|| code.get());
                ("reason", words::reason(code, self.packet_type, self.version).into(), json!(number))
            }
            Value::Text(text) => ("text", words::text(text), json!(text)),
            Value::Pair(name, value) => {
                ("pair", format!("{} = {}", words::text(name), words::text(value)), json!([name, value]))
            }
            Value::Binary(data) => ("binary", words::binary(data), json!(words::hex(data, ""))),
            // A kind of value that a later version of the library has.
            other => ("other", format!("{other:?}"), json!(format!("{other:?}"))),
        };
        let part =
            |&(mask, name, value): &(u8, &str, u8)| json!({"mask": mask, "name": name, "value": value});
        let json = json!({
            "bits": bits.iter().map(part).collect::<Json>(),
            "end": span.end,
            "meaning": (kind == "reason").then_some(&words),
            "name": field.name(),
            "start": span.start,
            "type": kind,
            "value": value,
        });
        self.rows.push(Row { field, span, words, bits, json });
    }
}
