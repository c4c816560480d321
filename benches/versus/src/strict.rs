//! How much of what is wrong a library refuses, and how much of what is right it takes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic;
use std::path::Path;

use sans_mqtt::Version;
use serde::{Deserialize, Serialize};

use crate::library::Library;

/// A packet of the conformance vectors.
#[derive(Deserialize)]
struct Vector {
    version: String,
    direction: String,
    sender: Option<String>,
    verdict: String,
    #[serde(default)]
    bytes: Bytes,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Bytes {
    #[default]
    None,
    Hex(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Hex(String),
    Run { byte: String, count: usize },
}

/// Frames to be judged.
pub struct Frame {
    version: Version,
    is_valid: bool,
    bytes: &'static [u8],
}

/// What a library made of the frames of one version.
#[derive(Clone, Default, Serialize)]
pub struct Verdicts {
    pub malformed: usize,
    pub refused: usize,
    pub valid: usize,
    pub accepted: usize,
    pub panics: usize,
}

/// The vectors of the codec that both sides judge alike, and that are whole.
pub fn frames(directory: &Path) -> io::Result<Vec<Frame>> {
    let mut frames = Vec::new();
    for entry in fs::read_dir(directory)? {
        let vectors: Vec<Vector> = serde_json::from_str(&fs::read_to_string(entry?.path())?)?;
        for vector in vectors {
            let is_valid = vector.verdict == "accept";
            let is_whole = is_valid || vector.verdict == "reject";
            let version = match vector.version.as_str() {
                "3.1.1" => Version::V3_1_1,
                "5.0" => Version::V5_0,
                _ => continue,
            };
            if vector.direction == "decode" && vector.sender.is_none() && is_whole {
                let bytes = bytes(&vector.bytes).ok_or(io::ErrorKind::InvalidData)?;
                frames.push(Frame { version, is_valid, bytes: bytes.leak() });
            }
        }
    }
    Ok(frames)
}

fn bytes(bytes: &Bytes) -> Option<Vec<u8>> {
    match bytes {
        Bytes::None => None,
        Bytes::Hex(text) => hex(text),
        Bytes::Parts(parts) => {
            let mut all = Vec::new();
            for part in parts {
                match part {
                    Part::Hex(text) => all.extend(hex(text)?),
                    Part::Run { byte, count } => all.extend(hex(byte)?.repeat(*count)),
                }
            }
            Some(all)
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

/// Has each of a library's codecs judge the frames of its version. A panic refuses nothing.
pub fn verdicts(library: &Library, frames: &[Frame]) -> BTreeMap<String, Verdicts> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut all = BTreeMap::new();
    for (version, judge) in &library.judges {
        let verdicts: &mut Verdicts = all.entry(version.to_string()).or_default();
        for frame in frames.iter().filter(|frame| frame.version == *version) {
            let is_taken = panic::catch_unwind(|| judge(frame.bytes));
            verdicts.panics += usize::from(is_taken.is_err());
            if frame.is_valid {
                verdicts.valid += 1;
                verdicts.accepted += usize::from(matches!(is_taken, Ok(true)));
            } else {
                verdicts.malformed += 1;
                verdicts.refused += usize::from(matches!(is_taken, Ok(false)));
            }
        }
    }
    panic::set_hook(hook);
    all
}
