//! One PUBLISH to very many subscribers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use sans_mqtt::*;
use serde::Serialize;
use serde_json::json;

use crate::connect::{NOW, Stored, Tables, answers, hello, server, take};
use crate::measure::{self, Sampled, Samples, nanoseconds, samples};
use crate::number::{decimals, whole};
use crate::plot::{Line, Panel};
use crate::report::{Check, Report, table};
use ways::{Link, Outgoing, Output, Send, WAYS, copy_of};

mod ways;

pub const NAME: &str = "fan-out";

const TOPIC: &str = "plant/7/line/3/speed";
const PROPERTIES: [Property<'_>; 3] = [
    Property::ContentType("application/json"),
    Property::UserProperty("unit", "mm/s"),
    Property::UserProperty("source", "encoder-2"),
];
const PAYLOADS: [usize; 3] = [64, 1 << 10, 64 << 10];
const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5_0];
const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

/// The heads of packets differ for a larger payload by the bytes of their Remaining Length, of which there are 1 to 4.
const LENGTH_FIELD: f64 = 3.0;
const LENGTH_INSTRUCTIONS: f64 = 300.0;

/// All subscribers, and what each was granted.
struct World {
    links: Vec<Link>,
}

/// What is asked for by the subscriber with this number: versions and QoS are mixed.
fn wants(who: usize) -> (Version, Qos) {
    (VERSIONS[who % 2], QOS[who / 2 % 3])
}

impl World {
    fn new(subscribers: usize) -> Self {
        let link = |who| {
            let hello = hello(wants(who).0, &format!("subscriber-{who}"), 60);
            Link {
                server: server(NOW, &Config::default(), Tables::default(), &hello),
                output: Output::default(),
                id: None,
            }
        };
        Self { links: (0..subscribers).map(link).collect() }
    }

    /// What is measured.
    fn send(&mut self, case: &Case) {
        let message = case.stored.message();
        let prepared = Prepared::new(&message).expect("a message");
        let outgoing = Outgoing { message, stored: &case.stored, prepared };
        for &who in &case.targets {
            let who = who as usize;
            let link = &mut self.links[who];
            link.id = (case.send)(link, &outgoing, wants(who).1).expect("nothing is in flight");
        }
    }

    /// Everything is written, and acknowledged.
    fn settle(&mut self) {
        let mut out = Vec::new();
        for (who, Link { server, output, id }) in self.links.iter_mut().enumerate() {
            output.clear();
            let Some(id) = id.take() else { continue };
            for answer in answers(wants(who).1) {
                take(server, NOW, &answer(id), &mut out, |_, _, _| {});
                out.clear();
            }
            assert_eq!(server.session().in_flight(), 0);
        }
    }

    /// The mean number of bytes that were copied for a subscriber, after a look at whether they are right.
    fn copied(&self, case: &Case) -> f64 {
        let message = case.stored.message();
        let mut copied = 0;
        for (n, &who) in case.targets.iter().enumerate() {
            let output = &self.links[who as usize].output;
            copied += output.copied.len();
            // All of 64 KiB for each would take long.
            if n % 97 == 0 {
                let ((version, qos), bytes) = (wants(who as usize), output.bytes());
                let Ok(Split::Frame(frame, [])) = Frame::split(&bytes, usize::MAX) else {
                    panic!("not one packet")
                };
                let Ok(Packet::Publish(publish)) = Packet::decode(version, frame) else {
                    panic!("no PUBLISH")
                };
                let properties = copy_of(&message, version, qos).properties;
                assert_eq!((publish.topic, publish.payload), (message.topic, message.payload));
                assert_eq!((publish.delivery.qos(), publish.properties), (qos, properties));
            }
        }
        copied as f64 / case.targets.len() as f64
    }
}

/// A message, how it is sent, and to whom.
#[derive(Clone)]
struct Case {
    way: &'static str,
    send: Send,
    properties: usize,
    stored: Arc<Stored>,
    /// Of one version and QoS, or of all.
    group: Option<(Version, Qos)>,
    targets: Vec<u32>,
}

#[derive(Serialize)]
struct Row {
    way: &'static str,
    properties: usize,
    payload: usize,
    group: Option<String>,
    subscribers: usize,
    bytes_copied: f64,
    allocations: u64,
    instructions: Option<f64>,
    nanoseconds: Samples,
}

fn cases(subscribers: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |properties: usize, payload: usize, group: Option<(Version, Qos)>| {
        let stored = Stored::new(TOPIC, &PROPERTIES[..properties], &vec![7; payload]);
        let is_one = |who: &usize| group.is_none_or(|group| wants(*who) == group);
        let targets: Vec<_> = (0..subscribers).filter(is_one).map(|who| who as u32).collect();
        for (way, send) in WAYS {
            let (stored, targets) = (stored.clone(), targets.clone());
            cases.push(Case { way, send, properties, stored, group, targets });
        }
    };
    for properties in [0, PROPERTIES.len()] {
        PAYLOADS.into_iter().for_each(|payload| add(properties, payload, None));
    }
    for version in VERSIONS {
        QOS.into_iter().for_each(|qos| add(0, PAYLOADS[1], Some((version, qos))));
    }
    cases
}

/// For so many subscribers instructions are counted.
const COUNTED: usize = 1200;

/// Does what is counted.
pub fn count(number: usize) {
    let mut world = World::new(COUNTED);
    let case = &cases(COUNTED)[number];
    world.send(case);
    world.settle();
    measure::counted(&mut || world.send(case));
}

pub fn measure(quick: bool, instructions: bool) -> io::Result<Report> {
    let (subscribers, rounds) = if quick { (20_000, 5) } else { (100_000, 15) };
    let world = Rc::new(RefCell::new(World::new(subscribers)));
    let cases = cases(subscribers);
    let mut rows: Vec<_> = cases.iter().map(|case| row(&mut world.borrow_mut(), case)).collect();
    let sampled = |case: &Case| -> Sampled {
        let (world, case) = (world.clone(), case.clone());
        Box::new(move || {
            let world = &mut *world.borrow_mut();
            // The first time is for the caches, so that every case finds the same there.
            world.send(&case);
            world.settle();
            let time = nanoseconds(|| world.send(&case));
            world.settle();
            time / case.targets.len() as f64
        })
    };
    let samples = samples(rounds, &mut cases.iter().map(sampled).collect::<Vec<_>>());
    for (row, samples) in rows.iter_mut().zip(samples) {
        row.nanoseconds = samples;
    }
    if instructions {
        let targets = self::cases(COUNTED).into_iter().map(|case| case.targets.len());
        for (number, (row, targets)) in rows.iter_mut().zip(targets).enumerate() {
            // The largest payload is as good as any.
            if !quick || row.payload == PAYLOADS[2] {
                row.instructions = Some(measure::instructions(NAME, number)? / targets as f64);
            }
        }
    }
    Ok(report(subscribers, &rows))
}

/// All figures but the times.
fn row(world: &mut World, case: &Case) -> Row {
    // The first message makes tables and buffers.
    world.send(case);
    world.settle();
    let allocations = allocation_counter::measure(|| world.send(case)).count_total;
    let bytes_copied = world.copied(case);
    world.settle();
    Row {
        way: case.way,
        properties: case.properties,
        payload: case.stored.message().payload.len(),
        group: case.group.map(|(version, qos)| format!("{version}, QoS {}", qos as u8)),
        subscribers: case.targets.len(),
        bytes_copied,
        allocations,
        instructions: None,
        nanoseconds: Samples::default(),
    }
}

fn report(subscribers: usize, rows: &[Row]) -> Report {
    let (mixed, groups): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.group.is_none());
    let figures = |row: &Row| {
        let instructions = row.instructions.map_or("-".into(), decimals);
        [
            decimals(row.nanoseconds.median()),
            instructions,
            decimals(row.bytes_copied),
            row.allocations.to_string(),
        ]
    };
    let text = table(
        &["for each subscriber", "payload", "ns", "instructions", "bytes copied", "allocations in all"],
        mixed.iter().map(|row| {
            let message = format!("{}, {}", row.way, properties(row.properties));
            [message, whole(row.payload as u64)].into_iter().chain(figures(row)).collect()
        }),
    ) + "\nA payload of 1 KiB, no properties, to subscribers of one kind:\n\n"
        + &table(
            &["for each subscriber", "ns", "instructions", "bytes copied", "allocations in all"],
            groups.iter().map(|row| {
                let kind = row.group.clone().unwrap_or_default();
                [format!("{}, {kind}", row.way)].into_iter().chain(figures(row)).collect()
            }),
        )
        + "
Each subscriber has a connection, and an output of its own into which the head is copied; the payload is there once, and its
reference counted. Subscribers are visited in the order in which they came, versions and QoS mixed, and little of what belongs to them is
in a cache: that is most of the time. Those of one kind are every sixth, which helps even less. Acknowledgements are not in it.
";
    let line = |way: &str, properties: usize| Line {
        name: format!("{}, {}", way.trim_matches('`'), self::properties(properties)),
        points: mixed
            .iter()
            .filter(|row| row.way == way && row.properties == properties)
            .map(|row| (row.payload as f64, row.nanoseconds.median()))
            .collect(),
    };
    let lines = [0, PROPERTIES.len()].into_iter().flat_map(|n| WAYS.map(|(way, _)| line(way, n)));
    Report {
        name: NAME,
        title: format!("One PUBLISH to {} subscribers", whole(subscribers as u64)),
        text,
        checks: checks(&mixed),
        raw: json!(rows),
        panels: vec![Panel {
            title: "Fan-out".into(),
            x: "bytes of payload",
            y: "ns per subscriber",
            log: false,
            lines: lines.collect(),
        }],
    }
}

fn properties(n: usize) -> String {
    if n == 0 { "no properties".into() } else { format!("{n} properties") }
}

/// Nothing depends on the payload.
fn checks(mixed: &[&Row]) -> Vec<Check> {
    let mut checks = Vec::new();
    for same in mixed.chunk_by(|one, other| one.properties == other.properties) {
        for (way, _) in WAYS {
            let rows = || same.iter().filter(|row| row.way == way);
            let spread = |of: fn(&Row) -> f64| {
                rows()
                    .map(|row| of(row))
                    .fold((f64::MAX, 0.0), |(least, most), it| (least.min(it), f64::max(most, it)))
            };
            let what = properties(same[0].properties);
            let (least, most) = spread(|row| row.bytes_copied);
            checks.push(Check::at_most(
                format!("{way}, {what}: bytes copied more for a larger payload"),
                most - least,
                LENGTH_FIELD,
            ));
            let (least, most) = spread(|row| row.nanoseconds.least());
            checks.push(Check::at_most(
                format!("{way}, {what}: times as long for a larger payload"),
                most / least,
                2.0,
            ));
            if rows().all(|row| row.instructions.is_some()) {
                let (least, most) = spread(|row| row.instructions.unwrap_or_default());
                let what = format!("{way}, {what}: instructions more for a larger payload");
                checks.push(Check::at_most(what, most - least, LENGTH_INSTRUCTIONS));
            }
            let (_, allocations) = spread(|row| row.allocations as f64);
            checks.push(Check::at_most(format!("{way}, {what}: allocations"), allocations, 0.0));
        }
    }
    checks
}
