//! Reads `spec-vectors/`.

use std::collections::BTreeMap;
use std::path::Path;

use sans_mqtt::{Sender, Version};
use serde_json::Value;

pub(crate) struct Vector {
    pub(crate) file: String,
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) sender: Option<Sender>,
    pub(crate) encodes: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) rules: Vec<String>,
    pub(crate) verdict: Verdict,
    packet: Value,
}

pub(crate) enum Verdict {
    Accept {
        packet: Value,
        reencodes: bool,
    },
    Reject {
        error: String,
        rules: Vec<String>,
        reasons: Vec<String>,
        offset: Option<usize>,
        neighbour: Option<String>,
        field: String,
    },
    Incomplete {
        needs: usize,
    },
}

impl Vector {
    pub(crate) fn packet(&self) -> &Value {
        &self.packet
    }
}

pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) section: String,
    pub(crate) layer: String,
    pub(crate) kind: String,
    pub(crate) verdict: String,
}

/// The prose rules by the section that the crate names: `5.0 §2.2.2.2`.
pub(crate) type Sections = BTreeMap<String, Vec<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/spec-vectors"))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("codec")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut vectors = Vec::new();
    for path in files {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        vectors.extend(json(&path).as_array().unwrap().iter().map(|value| vector(&file, value)));
    }
    assert!(vectors.len() > 3000, "{} vectors", vectors.len());
    vectors
}

fn vector(file: &str, value: &Value) -> Vector {
    let rules = texts(&value["rules"]);
    Vector {
        file: file.to_owned(),
        id: text(&value["id"]),
        version: version(&text(&value["version"])),
        sender: match value["sender"].as_str() {
            Some("client") => Some(Sender::Client),
            Some("server") => Some(Sender::Server),
            _ => None,
        },
        encodes: value["direction"] == "encode",
        bytes: super::fields::bytes(&value["bytes"]),
        rules: rules.clone(),
        verdict: match value["verdict"].as_str() {
            Some("accept") => Verdict::Accept {
                packet: super::fields::expand(&value["packet"]),
                reencodes: value["reencodes"] == true,
            },
            Some("reject") => Verdict::Reject {
                error: text(&value["error"]),
                rules,
                reasons: texts(&value["reasons"]),
                offset: value["offset"].as_u64().map(|offset| offset as usize),
                neighbour: value["neighbour"].as_str().map(str::to_owned),
                field: text(&value["field"]),
            },
            Some("incomplete") => Verdict::Incomplete { needs: value["needs"].as_u64().unwrap() as usize },
            other => panic!("{}: verdict {other:?}", value["id"]),
        },
        packet: value["packet"].clone(),
    }
}

pub(crate) fn version(text: &str) -> Version {
    Version::ALL
        .into_iter()
        .find(|version| version.to_string() == text)
        .unwrap_or_else(|| panic!("version {text}"))
}

/// The conversations, each with the name of its file.
pub(crate) fn talks() -> Vec<(String, Value)> {
    let mut talks = Vec::new();
    for folder in ["session", "connection"] {
        let mut files: Vec<_> =
            std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for path in files {
            let file = format!("{folder}::{}", path.file_stem().unwrap().to_string_lossy());
            talks.extend(json(&path).as_array().unwrap().iter().map(|talk| (file.clone(), talk.clone())));
        }
    }
    talks
}

pub(crate) fn rules() -> Vec<Rule> {
    let rules = json(&root().join("rules.json"));
    let rules = rules.as_array().unwrap().iter();
    rules
        .map(|rule| Rule {
            id: text(&rule["id"]),
            version: text(&rule["version"]),
            section: text(&rule["section"]),
            layer: text(&rule["layer"]),
            kind: text(&rule["kind"]),
            verdict: text(&rule["verdict"]),
        })
        .collect()
}

/// A prose rule may name several sections: "3.4.1, 3.5.1", and say "and like" where every packet has its own.
pub(crate) fn sections(rules: &[Rule]) -> Sections {
    let mut sections = Sections::new();
    for rule in rules.iter().filter(|rule| rule.kind == "prose") {
        for section in
            rule.section.split([',', '/', ' ']).map(str::trim).filter(|section| !section.is_empty())
        {
            sections.entry(format!("{} §{section}", rule.version)).or_default().push(rule.id.clone());
        }
    }
    sections
}
