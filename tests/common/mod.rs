//! The decode vectors of `spec-vectors/`, as bytes.

use std::collections::BTreeSet;
use std::path::Path;

use sans_mqtt::{Frame, Sender, Split, Version};
use serde_json::Value;

#[derive(Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) client: Option<bool>,
    pub(crate) accepted: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Vector {
    pub(crate) fn sender(&self) -> Option<Sender> {
        self.client.map(|client| if client { Sender::Client } else { Sender::Server })
    }
}

/// All of them.
pub(crate) fn vectors() -> Vec<Vector> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/spec-vectors/codec"));
    let files: BTreeSet<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let mut vectors = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let list: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        vectors.extend(list.iter().filter(|vector| vector["direction"] == "decode").map(vector));
    }
    assert!(vectors.len() > 5000, "only {} vectors", vectors.len());
    vectors
}

/// Those that are one valid packet.
pub(crate) fn accepted() -> Vec<Vector> {
    let mut vectors = vectors();
    vectors.retain(|vector| vector.accepted);
    vectors
}

fn vector(value: &Value) -> Vector {
    let version = Version::ALL.into_iter().find(|version| value["version"] == version.to_string());
    Vector {
        id: value["id"].as_str().unwrap().to_owned(),
        version: version.unwrap(),
        client: value["sender"].as_str().map(|sender| sender == "client"),
        accepted: value["verdict"] == "accept",
        bytes: bytes(&value["bytes"]),
    }
}

/// Hex text, or parts of it with runs: `["30 04", {"byte": "61", "count": 9}]`.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Array(parts) => parts.iter().flat_map(bytes).collect(),
        Value::Object(run) => bytes(&run["byte"]).repeat(run["count"].as_u64().unwrap() as usize),
        text => text.as_str().unwrap().split_whitespace().flat_map(byte_run).collect(),
    }
}

fn byte_run(digits: &str) -> impl Iterator<Item = u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
}

/// The packet at the front of `input`, which is there as a whole.
pub(crate) fn frame(input: &[u8]) -> Frame<'_> {
    match Frame::split(input, usize::MAX) {
        Ok(Split::Frame(frame, _)) => frame,
        other => panic!("{input:02X?}: {other:?}"),
    }
}
