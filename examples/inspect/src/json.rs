//! Packets for programs: one JSON object on each line, as `help.txt` describes it.

use std::time::Duration;

use sans_mqtt::DecodeError;
use serde_json::{Value, json};

use crate::dissect::{Found, Verdict};
use crate::input::Conversation;
use crate::words;

pub(crate) fn line(conversation: &Conversation, found: &Found, time: Option<Duration>) -> String {
    let (error, missing) = match found.verdict {
        Verdict::Accept => (None, None),
        Verdict::Reject(error) => (Some(self::error(found, &error)), None),
        Verdict::Incomplete(missing) => (None, Some(missing)),
    };
    let object = json!({
        "bytes": words::hex(&found.bytes, ""),
        "connection": conversation.name,
        "error": error,
        "fields": found.rows.iter().map(|row| &row.json).collect::<Vec<_>>(),
        "from": found.from.map(|from| from.name()),
        "length": found.bytes.len(),
        "missing": missing,
        "offset": found.offset,
        "timestamp": time.and_then(words::timestamp),
        "type": found.packet_type().map(|packet_type| packet_type.name()),
        "verdict": found.verdict.name(),
        "version": found.version().map(|version| version.to_string()),
    });
    format!("{object}\n")
}

fn error(found: &Found, error: &DecodeError) -> Value {
    let answer = found.answer(error).map(
        |(packet_type, _, bytes)| json!({"bytes": words::hex(&bytes, ""), "packet": packet_type.name()}),
    );
    json!({
        "answer": answer,
        "field": error.field().name(),
        "kind": error.kind().name(),
        "meaning": error.reason().name(),
        "message": error.violation().to_string(),
        "offset": error.offset(),
        "reason": error.reason().get(),
        "rules": error.rules(),
    })
}
