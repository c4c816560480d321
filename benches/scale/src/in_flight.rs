//! The cost of a packet, depending on how many are in flight.

use std::io;

use fastrand::Rng;
use sans_mqtt::*;
use serde::Serialize;
use serde_json::json;

use crate::connect::{NOW, answers, client, hello, publish, pubrel, server, take};
use crate::measure::{self, Sampled, Samples, nanoseconds, samples};
use crate::number::{decimals, whole};
use crate::plot::{Line, Panel};
use crate::report::{Check, Report, table};

pub const NAME: &str = "in-flight";

const IN_FLIGHT: [u16; 12] = [1, 4, 16, 64, 256, 1024, 2048, 4096, 8192, 16_384, 32_768, u16::MAX];
const QUICK: [u16; 5] = [1, 16, 256, 4096, u16::MAX];

/// A sample has at least so many messages.
const MESSAGES: usize = 16_384;

/// With so many in flight all is in the nearest cache; a packet with 65,535 may take so many times as long.
const REFERENCE: u16 = 16;
const LIMIT: f64 = 3.0;
/// Copies that are acknowledged at random are blocks all over the heap, more than the second cache holds.
const SCATTERED: f64 = 10.0;
/// With identifiers made up to share buckets.
const COLLIDING: f64 = 20.0;
/// Instructions, which no cache changes.
const SAME: f64 = 1.1;

const TOPIC: &str = "plant/7/line/3/speed";
const PAYLOAD: [u8; 64] = [7; 64];

/// In which order messages are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Sequence {
    InOrder,
    Random,
    /// In order, with identifiers that a peer has chosen so that as many as possible share a bucket of our table.
    Colliding,
}

/// Who has messages in flight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Side {
    /// A client sends, and its store copies.
    OutboxCopies,
    /// A client sends, and keeps the messages itself.
    OutboxCaller,
    /// The same in an array of 65,535 places, however many are in use.
    OutboxArray,
    /// A server receives.
    Inbox,
}

impl Side {
    const ALL: [Self; 4] = [Self::OutboxCopies, Self::OutboxCaller, Self::OutboxArray, Self::Inbox];

    const fn title(self) -> &'static str {
        match self {
            Self::OutboxCopies => "sent, copies on the heap",
            Self::OutboxCaller => "sent, the caller keeps them",
            Self::OutboxArray => "sent, an array of 65,535",
            Self::Inbox => "received, acknowledged by hand",
        }
    }
}

#[derive(Clone, Copy, Serialize)]
struct Case {
    side: Side,
    qos: u8,
    sequence: Sequence,
    in_flight: u16,
}

impl Case {
    fn qos(self) -> Qos {
        if self.qos == 1 { Qos::AtLeastOnce } else { Qos::ExactlyOnce }
    }

    /// A PUBLISH and its answer; at QoS 2, PUBREL and PUBCOMP, too.
    fn packets(self) -> usize {
        if self.qos == 1 { 2 } else { 4 }
    }

    /// Has so many in flight, and then none. What it needs is there.
    fn prepared(self) -> Box<dyn FnMut()> {
        match self.side {
            Side::OutboxCopies => self.outbox(Heap::<Boxed>::default()),
            Side::OutboxCaller => self.outbox(Heap::<Caller>::default()),
            Side::OutboxArray => self.outbox(FixedCaller::<{ u16::MAX as usize }, 1>::default()),
            Side::Inbox => self.inbox(),
        }
    }

    /// The nanoseconds per packet.
    fn sampled(self) -> Sampled {
        let mut batch = self.prepared();
        Box::new(move || {
            let batches = self.batches(MESSAGES);
            nanoseconds(|| (0..batches).for_each(|_| batch())) / self.packets_of(batches)
        })
    }

    /// How often it is done for so many messages.
    fn batches(self, messages: usize) -> usize {
        messages.div_ceil(usize::from(self.in_flight))
    }

    fn packets_of(self, batches: usize) -> f64 {
        (batches * usize::from(self.in_flight) * self.packets()) as f64
    }

    /// The places of a batch in the order in which its messages are acknowledged.
    fn places(self) -> Vec<u16> {
        let mut places: Vec<_> = (0..self.in_flight).collect();
        if self.sequence == Sequence::Random {
            Rng::with_seed(1).shuffle(&mut places);
        }
        places
    }

    /// The identifiers that a peer has for its messages.
    fn ids(self) -> Vec<PacketId> {
        // The length of the table, and how many identifiers have the same remainder.
        let len = self.in_flight.checked_next_power_of_two().unwrap_or(u16::MAX);
        let same = u16::MAX / len;
        let id =
            |n: u16| if self.sequence == Sequence::Colliding { n % same * len + n / same + 1 } else { n + 1 };
        (0..self.in_flight).filter_map(|n| PacketId::new(id(n))).collect()
    }

    fn outbox<S: Store + 'static>(self, store: S) -> Box<dyn FnMut()> {
        let mut client = Box::new(client(store));
        let message = Message { qos: self.qos(), topic: TOPIC, payload: &PAYLOAD, ..Message::default() };
        let (places, mut ids, mut out) = (self.places(), Vec::new(), Vec::new());
        let mut batch = move || {
            ids.clear();
            for _ in 0..self.in_flight {
                out.clear();
                ids.extend(client.publish(&message, &mut out).expect("there is room"));
            }
            for answer in answers(self.qos()) {
                for place in &places {
                    out.clear();
                    take(&mut client, NOW, &answer(ids[usize::from(*place)]), &mut out, |_, _, _| {});
                }
            }
            assert_eq!(client.session().in_flight(), 0);
        };
        batch();
        Box::new(batch)
    }

    fn inbox(self) -> Box<dyn FnMut()> {
        let config = Config { receive_maximum: u16::MAX, ..Config::default() };
        let store = Heap::<Caller>::new(1, u16::MAX);
        let mut server = server(NOW, &config, store, &hello(Version::V5_0, "client", 60));
        server.set_acknowledge(Acknowledge::Manual);
        let ids = self.ids();
        let packet = |id: &PacketId| publish(Version::V5_0, Delivery::new(self.qos(), *id), TOPIC, &PAYLOAD);
        let packets: Vec<_> = ids.iter().map(packet).collect();
        let (places, mut tokens, mut out) = (self.places(), Vec::new(), Vec::new());
        let mut batch = move || {
            for packet in &packets {
                take(&mut server, NOW, packet, &mut out, |_, event, _| {
                    let Event::Publish(_, token) = event else { panic!("{event:?}") };
                    tokens.push(token);
                });
            }
            for place in &places {
                out.clear();
                let token = tokens[usize::from(*place)].take().expect("each is acknowledged once");
                server.ack(token, ReasonCode::SUCCESS, &mut out).expect("it waits for that");
            }
            tokens.clear();
            if self.qos == 2 {
                for place in &places {
                    out.clear();
                    take(&mut server, NOW, &pubrel(ids[usize::from(*place)]), &mut out, |_, _, _| {});
                }
            }
            assert_eq!(server.session().incoming_in_flight(), 0);
        };
        batch();
        Box::new(batch)
    }
}

#[derive(Serialize)]
struct Row {
    case: Case,
    nanoseconds: Samples,
}

/// The curves: one for each side, QoS and order.
fn curves() -> Vec<(Side, u8, Sequence)> {
    let mut curves = Vec::new();
    for side in Side::ALL {
        for qos in [1, 2] {
            curves.extend([Sequence::InOrder, Sequence::Random].map(|sequence| (side, qos, sequence)));
            // The identifiers of what is sent are ours.
            curves.extend((side == Side::Inbox).then_some((side, qos, Sequence::Colliding)));
        }
    }
    curves
}

fn describe(qos: u8, sequence: Sequence) -> String {
    let order = match sequence {
        Sequence::InOrder => "in order",
        Sequence::Random => "at random",
        Sequence::Colliding => "in order, hostile identifiers",
    };
    format!("QoS {qos}, {order}")
}

/// The cases of each curve, one after the other.
fn cases(sizes: &[u16]) -> Vec<Case> {
    let with = |(side, qos, sequence)| {
        sizes.iter().map(move |in_flight| Case { side, qos, sequence, in_flight: *in_flight })
    };
    curves().into_iter().flat_map(with).collect()
}

/// For so many messages at least instructions are counted.
const COUNTED: usize = 256;

/// Where they are counted: quickly only for the first two.
const COUNTS: [u16; 5] = [REFERENCE, 4096, 1, 256, u16::MAX];

/// All that is counted together as case `number`: of one side, with one number in flight.
fn counted_cases(number: usize) -> Vec<Case> {
    let (side, in_flight) = (Side::ALL[number % Side::ALL.len()], COUNTS[number / Side::ALL.len()]);
    let cases = cases(&[in_flight]).into_iter();
    cases.filter(|case| case.side == side && case.sequence != Sequence::Colliding).collect()
}

/// Does what is counted.
pub fn count(number: usize) {
    for case in counted_cases(number) {
        let mut batch = case.prepared();
        measure::counted(&mut || (0..case.batches(COUNTED)).for_each(|_| batch()));
    }
}

/// Instructions per packet.
#[derive(Serialize)]
struct Count {
    side: Side,
    in_flight: u16,
    instructions: f64,
}

fn counts(quick: bool) -> io::Result<Vec<Count>> {
    let counts = if quick { &COUNTS[..2] } else { &COUNTS[..] };
    let number = |number| {
        let cases = counted_cases(number);
        let packets: f64 = cases.iter().map(|case| case.packets_of(case.batches(COUNTED))).sum();
        let Case { side, in_flight, .. } = cases[0];
        Ok(Count { side, in_flight, instructions: measure::instructions(NAME, number)? / packets })
    };
    (0..counts.len() * Side::ALL.len()).map(number).collect()
}

pub fn measure(quick: bool, instructions: bool) -> io::Result<Report> {
    let (sizes, rounds) = if quick { (&QUICK[..], 9) } else { (&IN_FLIGHT[..], 15) };
    let cases = cases(sizes);
    let mut sampled: Vec<_> = cases.iter().map(|case| case.sampled()).collect();
    let samples = samples(rounds, &mut sampled);
    let rows = cases.into_iter().zip(samples);
    let rows: Vec<_> = rows.map(|(case, nanoseconds)| Row { case, nanoseconds }).collect();
    let counts = if instructions { counts(quick)? } else { Vec::new() };
    Ok(Report {
        name: NAME,
        title: "Cost per packet with 1 to 65,535 in flight".into(),
        text: text(&rows, sizes, &counts),
        checks: checks(&rows, sizes, &counts),
        panels: panels(&rows, sizes),
        raw: json!({ "times": rows, "instructions": counts }),
    })
}

/// What belongs to each curve.
fn by_curve<'a>(rows: &'a [Row], sizes: &[u16]) -> impl Iterator<Item = ((Side, u8, Sequence), &'a [Row])> {
    curves().into_iter().zip(rows.chunks(sizes.len()))
}

fn text(rows: &[Row], sizes: &[u16], counts: &[Count]) -> String {
    let header = |what: &str, sizes: &[u16]| {
        let sizes = sizes.iter().map(|size| whole(*size));
        [format!("{what}, in flight:")].into_iter().chain(sizes).collect::<Vec<_>>()
    };
    let row = |((side, qos, sequence), rows): ((Side, u8, Sequence), &[Row])| {
        let name = format!("{}; {}", side.title(), describe(qos, sequence));
        [name].into_iter().chain(rows.iter().map(|row| decimals(row.nanoseconds.median()))).collect()
    };
    let mut text = table(&header("ns per packet", sizes), by_curve(rows, sizes).map(row))
        + "
So many messages are sent or received, and then acknowledged, one packet at a time; the time is divided by the number of all packets.
What grows at the right end is the way to memory: with 65,535 in flight the tables take 0.6 to 2.6 MB, copies 7 MB more, and
acknowledgements at random jump about in them.

A peer chooses the identifiers of what it sends. However it does that, at most 65,535 / *n* of them share a bucket of a table of *n*
places, so that 256 in flight are its best choice.
";
    if !counts.is_empty() {
        let mut sizes: Vec<_> = counts.iter().map(|count| count.in_flight).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let find = |side, size: &u16| counts.iter().find(|it| it.side == side && it.in_flight == *size);
        let cell = |count: Option<&Count>| count.map_or(String::new(), |count| decimals(count.instructions));
        let row = |side: Side| {
            let cells = sizes.iter().map(|size| cell(find(side, size)));
            [side.title().to_owned()].into_iter().chain(cells).collect()
        };
        text += "\n";
        text += &table(&header("instructions per packet", &sizes), Side::ALL.map(row));
        text += "\nThe mean of both QoS, in order and at random.\n";
    }
    text
}

/// One for each side, and one for what is hostile.
fn panels(rows: &[Row], sizes: &[u16]) -> Vec<Panel> {
    let line = |((_, qos, sequence), rows): ((Side, u8, Sequence), &[Row])| Line {
        name: describe(qos, sequence),
        points: rows.iter().map(|row| (f64::from(row.case.in_flight), row.nanoseconds.median())).collect(),
    };
    let panel = |side: Side, colliding: bool| Panel {
        title: if colliding { "received, hostile identifiers".into() } else { side.title().into() },
        x: "in flight",
        y: "ns per packet",
        log: false,
        lines: by_curve(rows, sizes)
            .filter(|((of, _, sequence), _)| *of == side && (*sequence == Sequence::Colliding) == colliding)
            .map(line)
            .collect(),
    };
    let plain = Side::ALL.map(|side| panel(side, false));
    plain.into_iter().chain([panel(Side::Inbox, true)]).collect()
}

fn checks(rows: &[Row], sizes: &[u16], counts: &[Count]) -> Vec<Check> {
    let mut checks = Vec::new();
    for ((side, qos, sequence), rows) in by_curve(rows, sizes) {
        let of = |n: u16| {
            rows.iter().find(|row| row.case.in_flight == n).map_or(f64::NAN, |row| row.nanoseconds.least())
        };
        let name = format!("{}, {}", side.title(), describe(qos, sequence));
        let limit = match (side, sequence) {
            (Side::OutboxCopies, Sequence::Random) => SCATTERED,
            _ => LIMIT,
        };
        let what = format!("{name}: times as long with 65,535 as with {REFERENCE}");
        checks.push(Check::at_most(what, of(u16::MAX) / of(REFERENCE), limit));
        if sequence == Sequence::Colliding {
            let most = rows.iter().map(|row| row.nanoseconds.least()).fold(0.0, f64::max);
            checks.push(Check::at_most(
                format!("{name}: times as long at worst as with 1"),
                most / of(1),
                COLLIDING,
            ));
        }
    }
    for count in counts.iter().filter(|count| count.in_flight != REFERENCE) {
        let same = counts.iter().find(|it| it.side == count.side && it.in_flight == REFERENCE);
        let ratio = count.instructions / same.map_or(f64::NAN, |it| it.instructions);
        let what = format!(
            "{}: times as many instructions with {} as with {REFERENCE}",
            count.side.title(),
            whole(count.in_flight)
        );
        checks.push(Check::at_most(what, ratio, SAME));
    }
    checks
}
