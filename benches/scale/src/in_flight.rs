//! The cost of a packet, depending on how many are in flight.

use fastrand::Rng;
use sans_mqtt::*;
use serde::Serialize;
use serde_json::json;

use crate::connect::{NOW, answers, client, delivery, handle, hello, publish, pubrel, server};
use crate::measure::{Sampled, median, nanoseconds, samples};
use crate::plot::{Line, Panel};
use crate::report::{Check, Report, decimals, table, whole};

const IN_FLIGHT: [u16; 12] = [1, 4, 16, 64, 256, 1024, 2048, 4096, 8192, 16_384, 32_768, u16::MAX];
const QUICK: [u16; 5] = [1, 16, 256, 4096, u16::MAX];

/// A sample has at least so many messages.
const MESSAGES: usize = 16_384;

/// With so many in flight all is in the nearest cache; a packet with 65,535 may take so many times as long.
const REFERENCE: u16 = 16;
const LIMIT: f64 = 3.0;

const TOPIC: &str = "plant/7/line/3/speed";
const PAYLOAD: [u8; 64] = [7; 64];

/// In which order messages are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Order {
    InOrder,
    Random,
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
    order: Order,
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

    fn sampled(self) -> Sampled {
        match self.side {
            Side::OutboxCopies => self.outbox(Heap::<Boxed>::default()),
            Side::OutboxCaller => self.outbox(Heap::<Caller>::default()),
            Side::OutboxArray => self.outbox(FixedCaller::<{ u16::MAX as usize }, 1>::default()),
            Side::Inbox => self.inbox(),
        }
    }

    /// Has so many in flight and then none, again and again. Gives the nanoseconds per packet.
    fn sample(self, mut batch: impl FnMut()) -> f64 {
        let batches = MESSAGES.div_ceil(usize::from(self.in_flight));
        let time = nanoseconds(|| (0..batches).for_each(|_| batch()));
        time / (batches * usize::from(self.in_flight) * self.packets()) as f64
    }

    /// The places of a batch in the order in which its messages are acknowledged.
    fn places(self) -> Vec<u16> {
        let mut places: Vec<_> = (0..self.in_flight).collect();
        if self.order == Order::Random {
            Rng::with_seed(1).shuffle(&mut places);
        }
        places
    }

    fn outbox<S: Store + 'static>(self, store: S) -> Sampled {
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
                    handle(&mut client, NOW, &answer(ids[usize::from(*place)]), &mut out, |_, _, _| {});
                }
            }
            assert_eq!(client.session().in_flight(), 0);
        };
        batch();
        Box::new(move || self.sample(&mut batch))
    }

    fn inbox(self) -> Sampled {
        let config = Config { receive_maximum: u16::MAX, ..Config::default() };
        let store = Heap::<Caller>::new(1, u16::MAX);
        let mut server = server(NOW, &config, store, &hello(Version::V5_0, "client", 60));
        server.set_acknowledge(Acknowledge::Manual);
        let ids: Vec<_> = (1..=self.in_flight).filter_map(PacketId::new).collect();
        let packet = |id: &PacketId| publish(Version::V5_0, delivery(self.qos(), *id), TOPIC, &PAYLOAD);
        let packets: Vec<_> = ids.iter().map(packet).collect();
        let (places, mut tokens, mut out) = (self.places(), Vec::new(), Vec::new());
        let mut batch = move || {
            for packet in &packets {
                handle(&mut server, NOW, packet, &mut out, |_, event, _| {
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
                    handle(&mut server, NOW, &pubrel(ids[usize::from(*place)]), &mut out, |_, _, _| {});
                }
            }
            assert_eq!(server.session().incoming_in_flight(), 0);
        };
        batch();
        Box::new(move || self.sample(&mut batch))
    }
}

#[derive(Serialize)]
struct Row {
    case: Case,
    nanoseconds: Vec<f64>,
}

impl Row {
    fn time(&self) -> f64 {
        median(&self.nanoseconds)
    }
}

/// The curves: one for each side, QoS and order.
fn curves() -> impl Iterator<Item = (Side, u8, Order)> {
    Side::ALL.into_iter().flat_map(|side| {
        [1, 2]
            .into_iter()
            .flat_map(move |qos| [Order::InOrder, Order::Random].map(|order| (side, qos, order)))
    })
}

fn describe(qos: u8, order: Order) -> String {
    format!("QoS {qos}, acknowledged {}", if order == Order::InOrder { "in order" } else { "at random" })
}

pub fn measure(quick: bool) -> Report {
    let (sizes, rounds) = if quick { (&QUICK[..], 5) } else { (&IN_FLIGHT[..], 15) };
    let with = |(side, qos, order)| {
        sizes.iter().map(move |in_flight| Case { side, qos, order, in_flight: *in_flight })
    };
    let cases: Vec<_> = curves().flat_map(with).collect();
    let mut sampled: Vec<_> = cases.iter().map(|case| case.sampled()).collect();
    let samples = samples(rounds, &mut sampled);
    let rows = cases.into_iter().zip(samples);
    let rows: Vec<_> = rows.map(|(case, nanoseconds)| Row { case, nanoseconds }).collect();
    let curves = || curves().zip(rows.chunks(sizes.len()));
    let counts: Vec<_> = sizes.iter().map(|size| whole(*size)).collect();
    let header: Vec<_> =
        ["ns per packet, in flight:"].into_iter().chain(counts.iter().map(String::as_str)).collect();
    let row = |((side, qos, order), rows): ((Side, u8, Order), &[Row])| {
        let name = format!("{}; {}", side.title(), describe(qos, order));
        [name].into_iter().chain(rows.iter().map(|row| decimals(row.time()))).collect()
    };
    let text = table(&header, curves().map(row))
        + "
So many messages are sent or received, and then acknowledged, one packet at a time; the time is divided by the number of all packets.
What grows at the right end is the way to memory: with 65,535 in flight the tables alone take 0.6 to 2.3 MB, and acknowledgements at
random jump about in them.
";
    let panel = |side: Side| Panel {
        title: side.title().into(),
        x: "in flight",
        y: "ns per packet",
        log: false,
        lines: curves()
            .filter(|((of, ..), _)| *of == side)
            .map(|((_, qos, order), rows)| Line {
                name: describe(qos, order),
                points: rows.iter().map(|row| (f64::from(row.case.in_flight), row.time())).collect(),
            })
            .collect(),
    };
    let check = |((side, qos, order), rows): ((Side, u8, Order), &[Row])| {
        let of = |n: u16| rows.iter().find(|row| row.case.in_flight == n).map_or(f64::NAN, Row::time);
        let what = format!(
            "{}, {}: times as long with 65,535 as with {REFERENCE}",
            side.title(),
            describe(qos, order)
        );
        Check::at_most(what, of(u16::MAX) / of(REFERENCE), LIMIT)
    };
    Report {
        name: "in-flight",
        title: "Cost per packet with 1 to 65,535 in flight".into(),
        text,
        checks: curves().map(check).collect(),
        raw: json!(rows),
        panels: Side::ALL.map(panel).into(),
    }
}
