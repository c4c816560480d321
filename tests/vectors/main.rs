//! Runs every vector of `spec-vectors` as a test of its own name, and checks that every rule of the codec, the session and
//! the connection has one.

mod fields;
mod load;
mod talk;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use load::{Rule, Vector, Verdict};
use sans_mqtt::{Connect, DecodeError, EncodeError, Field, Frame, Observer, Packet, Sender, Split, Version};
use serde_json::Value;

fn main() {
    let vectors = load::vectors();
    let rules = load::rules();
    let mut trials = vec![coverage_trial(&vectors, &rules), neighbours_trial(&vectors)];
    let sections = Arc::new(load::sections(&rules));
    trials.extend(vectors.into_iter().map(|vector| {
        let sections = Arc::clone(&sections);
        Trial::test(format!("{}::{}", vector.file, vector.id), move || run(&vector, &sections))
    }));
    let talks = load::talks();
    let all = talks.clone();
    trials.push(Trial::test("every_state_rule_has_a_conversation", move || every_state_rule(&all, &rules)));
    trials.extend(talks.into_iter().map(|(file, talk)| {
        let sections = Arc::clone(&sections);
        Trial::test(format!("{file}::{}", talk["id"].as_str().unwrap_or_default()), move || {
            converse(&talk, &sections)
        })
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn run(vector: &Vector, sections: &load::Sections) -> Result<(), Failed> {
    if vector.encodes { encode(vector, sections) } else { decode(vector, sections) }
}

/// What the decoder says of bytes that should be exactly one packet.
fn outcome(vector: &Vector) -> Result<Result<Packet<'_>, usize>, DecodeError> {
    let frame =
        match Frame::split(&vector.bytes, usize::MAX).map_err(|error| error.in_version(vector.version))? {
            Split::Frame(frame, rest) => {
                assert!(rest.is_empty(), "{} bytes behind the packet", rest.len());
                frame
            }
            Split::Incomplete(needed) => return Ok(Err(needed)),
        };
    match vector.sender {
        None => Packet::decode(vector.version, frame).map(Ok),
        Some(sender) => Packet::decode_from(vector.version, sender, frame).map(Ok),
    }
}

/// An observer changes nothing.
fn observed(vector: &Vector, decoded: &Result<Packet<'_>, DecodeError>) -> Result<(), Failed> {
    struct Nothing;
    impl Observer for Nothing {
        fn field(&mut self, _: Field, _: Range<usize>, _: sans_mqtt::Value<'_>) {}
    }
    let Ok(Split::Frame(frame, _)) = Frame::split(&vector.bytes, usize::MAX) else { return Ok(()) };
    let observed = Packet::observe(vector.version, vector.sender, frame, &mut Nothing);
    if observed == *decoded { Ok(()) } else { Err(format!("observed: {observed:?}").into()) }
}

fn decode(vector: &Vector, sections: &load::Sections) -> Result<(), Failed> {
    match outcome(vector) {
        Ok(Ok(packet)) => observed(vector, &Ok(packet))?,
        Err(error) => observed(vector, &Err(error))?,
        Ok(Err(_)) => {}
    }
    match (&vector.verdict, outcome(vector)) {
        (Verdict::Accept { packet, reencodes }, Ok(Ok(decoded))) => {
            let fields = fields::of(&decoded, vector.version);
            if fields != *packet {
                return Err(format!("decoded\n  {fields}\nexpected\n  {packet}").into());
            }
            if let Packet::Connect(_) = decoded {
                let Split::Frame(frame, _) = Frame::split(&vector.bytes, usize::MAX)? else {
                    return Err("frame".into());
                };
                assert_eq!(Connect::version(frame)?, vector.version);
            }
            let mut encoded = Vec::new();
            match send(&decoded, vector, &mut encoded) {
                Ok(len) => assert_eq!(len, encoded.len()),
                // What may be received is not always what may be sent.
                Err(error) if *reencodes => return Err(format!("does not encode: {error}").into()),
                Err(_) => return Ok(()),
            }
            if (encoded == vector.bytes) != *reencodes {
                return Err(format!("encodes as {encoded:02X?}, the same bytes expected: {reencodes}").into());
            }
            Ok(())
        }
        (Verdict::Reject { error, rules, reasons, offset, .. }, Err(decoded)) => {
            let known = reported(decoded.rules(), sections);
            check_rules(decoded.kind().name(), &known, error, rules)?;
            let reason = format!("0x{:02X}", decoded.reason().get());
            if !reasons.is_empty() && !reasons.contains(&reason) {
                return Err(format!("reason {reason}, one of {reasons:?} expected").into());
            }
            match offset {
                Some(offset) if *offset != decoded.offset() => {
                    Err(format!("at byte {}, expected at {offset}: {decoded}", decoded.offset()).into())
                }
                _ => Ok(()),
            }
        }
        (Verdict::Incomplete { needs }, Ok(Err(needed))) => {
            if *needs == needed {
                Ok(())
            } else {
                Err(format!("needs {needed}, expected {needs}").into())
            }
        }
        (_, outcome) => Err(format!("unexpected: {outcome:?}").into()),
    }
}

fn send(packet: &Packet<'_>, vector: &Vector, out: &mut Vec<u8>) -> Result<usize, EncodeError> {
    match vector.sender {
        None => packet.encode(vector.version, out),
        Some(sender) => packet.encode_from(vector.version, sender, out),
    }
}

fn encode(vector: &Vector, sections: &load::Sections) -> Result<(), Failed> {
    let mut encoded = Vec::new();
    let outcome = fields::with_packet(vector.packet(), |packet| send(packet, vector, &mut encoded));
    let outcome = match (&vector.verdict, outcome) {
        // The types don't even let it be said.
        (Verdict::Reject { .. }, Err(_)) => return Ok(()),
        (_, outcome) => outcome?,
    };
    match (&vector.verdict, outcome) {
        (Verdict::Accept { .. }, Ok(_)) if encoded == vector.bytes => Ok(()),
        (Verdict::Accept { .. }, Ok(_)) => Err(format!("encodes as {encoded:02X?}").into()),
        (Verdict::Reject { error, rules, field, .. }, Err(EncodeError::Invalid(violation))) => {
            assert!(encoded.is_empty(), "something was written");
            let known = reported(violation.rules(), sections);
            check_rules(violation.kind().name(), &known, error, rules)?;
            let names = fields::names(violation.field());
            if names.contains(field) {
                Ok(())
            } else {
                Err(format!("blames {names:?}, expected {field}").into())
            }
        }
        (_, outcome) => Err(format!("unexpected: {outcome:?}").into()),
    }
}

/// The rule ids that the crate's answer stands for: numbered statements by themselves, sections by the prose rules
/// that are found there.
fn reported(rules: &[&str], sections: &load::Sections) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for rule in rules {
        match sections.get(*rule) {
            Some(prose) => ids.extend(prose.iter().cloned()),
            None => drop(ids.insert((*rule).to_owned())),
        }
    }
    ids
}

fn check_rules(kind: &str, reported: &BTreeSet<String>, error: &str, rules: &[String]) -> Result<(), Failed> {
    if kind != error {
        return Err(format!("error {kind} {reported:?}, expected {error} {rules:?}").into());
    }
    // Some data errors of the caller break no rule: 5.0 data for 3.1.1.
    if rules.is_empty() || rules.iter().any(|rule| reported.contains(rule)) {
        Ok(())
    } else {
        Err(format!("{kind} reports {reported:?}, one of {rules:?} expected").into())
    }
}

/// Every codec-layer rule must be shown by a vector: an accepted one that names it where breaking it is impossible or
/// where rejecting is the mistake, else a rejected one for which the codec itself reports the rule.
fn coverage_trial(vectors: &[Vector], rules: &[Rule]) -> Trial {
    let sections = load::sections(rules);
    let mut shown = BTreeSet::new();
    for vector in vectors {
        let version = if vector.version == Version::V5_0 { "5.0" } else { "3.1.1" };
        let own: BTreeSet<String> = vector.rules.iter().cloned().collect();
        let proven = match &vector.verdict {
            Verdict::Accept { .. } => own,
            Verdict::Incomplete { .. } => continue,
            Verdict::Reject { .. } if vector.encodes => {
                let refused =
                    fields::with_packet(vector.packet(), |packet| send(packet, vector, &mut Vec::new()));
                let Ok(Err(EncodeError::Invalid(violation))) = refused else { continue };
                &own & &reported(violation.rules(), &sections)
            }
            Verdict::Reject { .. } => match outcome(vector) {
                Err(error) => &own & &reported(error.rules(), &sections),
                Ok(_) => continue,
            },
        };
        let verdict = if matches!(vector.verdict, Verdict::Accept { .. }) { "accept" } else { "reject" };
        shown.extend(proven.into_iter().map(|id| (id, version, verdict)));
    }
    let missing: Vec<String> = rules
        .iter()
        .filter(|rule| rule.layer == "codec")
        .filter(|rule| {
            let by = |verdict| {
                shown.contains(&(
                    rule.id.clone(),
                    if rule.version == "5.0" { "5.0" } else { "3.1.1" },
                    verdict,
                ))
            };
            match rule.verdict.as_str() {
                "accept" => !by("accept"),
                "reject" => !by("reject"),
                _ => !by("accept") && !by("reject"),
            }
        })
        .map(|rule| format!("{} {}", rule.version, rule.id))
        .collect();
    let count = rules.iter().filter(|rule| rule.layer == "codec").count();
    Trial::test("every_codec_rule_has_a_vector", move || {
        assert!(count >= 48 + 65 + 66, "{count} codec rules");
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("{} of {count} not shown: {missing:?}", missing.len()).into())
        }
    })
}

/// Plays a conversation; and again without each expectation in turn, which has to be noticed: nothing comes out
/// that is not looked at.
fn converse(talk: &Value, sections: &load::Sections) -> Result<(), Failed> {
    talk::play(talk, sections, None, u64::MAX)?;
    for (n, step) in talk["steps"].as_array().into_iter().flatten().enumerate() {
        let expects = ["out", "event", "either"].iter().any(|kind| step.get(*kind).is_some());
        if expects && talk::play(talk, sections, Some(n), 3).is_ok() {
            return Err(format!("step {n} is not needed: {step}").into());
        }
    }
    Ok(())
}

/// Every rule of the session and of the connection that a state machine can show must be named by a step of a
/// conversation that passes.
fn every_state_rule(talks: &[(String, Value)], rules: &[Rule]) -> Result<(), Failed> {
    let sections = load::sections(rules);
    let mut shown = BTreeSet::new();
    for (_, talk) in talks.iter().filter(|(_, talk)| talk::play(talk, &sections, None, 3).is_ok()) {
        let version = talk["version"].as_str().unwrap_or_default();
        let rules = talk["rules"].as_array().into_iter().flatten().filter_map(Value::as_str);
        shown.extend(rules.map(|rule| (rule, version)));
    }
    let of = |layer, version| {
        let fits = |rule: &&Rule| rule.kind == "statement" && rule.layer == layer && rule.version == version;
        rules.iter().filter(fits).count()
    };
    assert_eq!((of("session", "3.1.1"), of("session", "5.0")), (18, 34));
    assert_eq!((of("connection", "3.1.1"), of("connection", "5.0")), (35, 97));
    let missing: Vec<String> = rules
        .iter()
        .filter(|rule| ["session", "connection"].contains(&&*rule.layer) && !BROKER.contains(&&*rule.id))
        .filter(|rule| !shown.contains(&(&*rule.id, &*rule.version)))
        .map(|rule| format!("{} {}", rule.version, rule.id))
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not shown: {missing:?}").into()) }
}

/// Rules about what a broker publishes: wills and retained messages.
const BROKER: [&str; 2] = ["CN-7", "SB-10"];

/// A rejected packet must have an accepted neighbour.
fn neighbours_trial(vectors: &[Vector]) -> Trial {
    let accepted: HashSet<(&str, Version, Option<Sender>)> = vectors
        .iter()
        .filter(|vector| matches!(vector.verdict, Verdict::Accept { .. }))
        .map(|vector| (vector.id.as_str(), vector.version, vector.sender))
        .collect();
    let lonely: Vec<String> = vectors
        .iter()
        .filter_map(|vector| match &vector.verdict {
            Verdict::Reject { neighbour: Some(neighbour), .. } => {
                let senders = [vector.sender, None, Some(Sender::Client), Some(Sender::Server)];
                let known =
                    senders.iter().any(|sender| accepted.contains(&(neighbour, vector.version, *sender)));
                (!known).then(|| format!("{} -> {neighbour}", vector.id))
            }
            _ => None,
        })
        .collect();
    Trial::test("every_neighbour_is_accepted", move || {
        if lonely.is_empty() { Ok(()) } else { Err(format!("{lonely:?}").into()) }
    })
}
