//! The cost of input, however it is cut.

use sans_mqtt::*;
use serde::Serialize;
use serde_json::json;

use crate::connect::{NOW, hello, publish, server};
use crate::measure::{Sampled, Samples, nanoseconds, samples};
use crate::number::{decimals, whole};
use crate::plot::{Line, Panel};
use crate::report::{Check, Report, table};

/// Pieces as they come from a transport; the last one is all at once.
const PIECES: [usize; 7] = [1, 2, 7, 64, 1000, 65_536, usize::MAX];
const LENGTHS: [usize; 5] = [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];
const QUICK: [usize; 2] = [64 << 10, 4 << 20];

/// So many times as much input may take so many times as long, and that much more: for memory, and for a noisy machine.
const LIMIT: f64 = 3.0;

/// A message of this size and above comes in pieces, where that is tested.
const STREAM_ABOVE: u32 = 4096;

const TOPIC: &str = "plant/7/line/3/speed";

/// What the input is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
enum Kind {
    Packets,
    One,
    Chunks,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Packets, Self::One, Self::Chunks];

    const fn title(self) -> &'static str {
        match self {
            Self::Packets => "many small packets",
            Self::One => "one PUBLISH as a whole",
            Self::Chunks => "one PUBLISH in chunks",
        }
    }

    /// Input of about `len` bytes, and how many packets it is.
    fn input(self, len: usize) -> (Vec<u8>, usize) {
        let version = Version::V5_0;
        if self != Self::Packets {
            return (publish(version, Delivery::AtLeastOnce(PacketId::MIN), TOPIC, &vec![7; len]), 1);
        }
        let some = [
            publish(version, Delivery::AtMostOnce, TOPIC, &[7; 64]),
            publish(version, Delivery::AtLeastOnce(PacketId::MIN), TOPIC, &[7; 200]),
            Packet::Pingreq.to_vec(version).expect("it is valid"),
        ]
        .concat();
        (some.repeat(len / some.len()), len / some.len() * 3)
    }

    fn config(self) -> Config {
        let stream_above = if self == Self::Chunks { STREAM_ABOVE } else { u32::MAX };
        Config { stream_above, maximum_packet_size: u32::MAX, ..Config::default() }
    }
}

#[derive(Clone, Copy, Serialize)]
struct Case {
    kind: Kind,
    length: usize,
    /// `usize::MAX`: all at once.
    piece: usize,
}

impl Case {
    /// Nanoseconds for all of it.
    fn sampled(self) -> Sampled {
        let (input, packets) = self.kind.input(self.length);
        let mut server =
            server(NOW, &self.kind.config(), Heap::<Caller>::default(), &hello(Version::V5_0, "client", 60));
        let mut out = Vec::new();
        // What takes no longer than a look at the clock is done often.
        let times = 1000 / (self.pieces() + packets) + 1;
        Box::new(move || {
            let mut bytes = 0;
            let time = nanoseconds(|| {
                for _ in 0..times {
                    bytes = feed(&mut server, &input, self.piece, &mut out);
                }
            });
            assert!(bytes >= self.length / 2, "{bytes} bytes of payload came in {packets} packets");
            time / times as f64
        })
    }

    fn pieces(self) -> usize {
        self.length.div_ceil(self.piece)
    }
}

/// Gives the input to a connection as it grows by a piece at a time. Gives how many bytes of payload have come.
fn feed(server: &mut Server<Heap<Caller>>, input: &[u8], piece: usize, out: &mut Vec<u8>) -> usize {
    let (mut taken, mut came, mut payload) = (0, 0, 0);
    while came < input.len() {
        came = came.saturating_add(piece).min(input.len());
        let mut rest = &input[taken..came];
        loop {
            match server.handle(NOW, &mut rest, out) {
                Step::Event(Event::Publish(incoming, _)) => payload += incoming.payload.len(),
                Step::Event(Event::PublishChunk(chunk)) => payload += chunk.len(),
                Step::Event(_) => {}
                Step::Wait(_) => break,
            }
        }
        taken = came - rest.len();
        out.clear();
    }
    assert_eq!((taken, server.is_open()), (input.len(), true));
    payload
}

#[derive(Serialize)]
struct Row {
    case: Case,
    packets: usize,
    nanoseconds: Samples,
}

impl Row {
    fn per_byte(&self) -> f64 {
        self.nanoseconds.median() / self.case.length as f64
    }

    fn per_piece(&self) -> f64 {
        self.nanoseconds.median() / self.case.pieces() as f64
    }
}

fn size(piece: usize) -> String {
    if piece == usize::MAX { "all at once".into() } else { whole(piece as u64) }
}

pub fn measure(quick: bool) -> Report {
    let (lengths, rounds) = if quick { (&QUICK[..], 5) } else { (&LENGTHS[..], 9) };
    let cases = Kind::ALL.into_iter().flat_map(|kind| {
        let with = move |piece| lengths.iter().map(move |length| Case { kind, length: *length, piece });
        PIECES.into_iter().flat_map(with)
    });
    let cases: Vec<_> = cases.collect();
    let mut sampled: Vec<_> = cases.iter().map(|case| case.sampled()).collect();
    let samples = samples(rounds, &mut sampled);
    let row = |(case, nanoseconds): (Case, Samples)| Row {
        case,
        packets: case.kind.input(case.length).1,
        nanoseconds,
    };
    let rows: Vec<_> = cases.into_iter().zip(samples).map(row).collect();
    Report {
        name: "input",
        title: "Cost of input, however it is cut".into(),
        text: text(&rows, lengths),
        checks: checks(&rows, lengths),
        raw: json!(rows),
        panels: panels(&rows, lengths),
    }
}

fn find(rows: &[Row], kind: Kind, length: usize, piece: usize) -> Option<&Row> {
    rows.iter().find(|row| (row.case.kind, row.case.length, row.case.piece) == (kind, length, piece))
}

fn text(rows: &[Row], lengths: &[usize]) -> String {
    let longest = lengths[lengths.len() - 1];
    let names = PIECES.map(size);
    let header: Vec<_> = [""].into_iter().chain(names.iter().map(String::as_str)).collect();
    let line = |kind: Kind, what: &str, of: fn(&Row) -> f64| {
        let cells = PIECES
            .map(|piece| find(rows, kind, longest, piece).map_or(String::new(), |row| decimals(of(row))));
        [format!("{}, ns per {what}", kind.title())].into_iter().chain(cells).collect()
    };
    let lines =
        Kind::ALL.map(|kind| [line(kind, "byte", Row::per_byte), line(kind, "piece", Row::per_piece)]);
    format!("Input of {} bytes, in pieces of so many bytes:\n\n", whole(longest as u64))
        + &table(&header, lines.into_iter().flatten())
        + "
`handle` is called for each piece, though it says how many bytes it waits for: a caller that heeds that calls it less often. The input
lies in one buffer that grows, so that no copying is in these times; a payload is never read.
"
}

fn panels(rows: &[Row], lengths: &[usize]) -> Vec<Panel> {
    let longest = lengths[lengths.len() - 1];
    let by_piece = |kind: Kind| Line {
        name: kind.title().into(),
        points: PIECES
            .into_iter()
            .filter_map(|piece| find(rows, kind, longest, piece))
            .map(|row| (row.case.piece.min(longest) as f64, row.per_byte()))
            .collect(),
    };
    let by_length = |kind: Kind, piece: usize| Line {
        name: format!("pieces of {}", size(piece)),
        points: lengths
            .iter()
            .filter_map(|length| find(rows, kind, *length, piece))
            .map(|row| (row.case.length as f64, row.per_piece()))
            .collect(),
    };
    let over_length = |kind: Kind| Panel {
        title: format!("{}: cost of a piece", kind.title()),
        x: "bytes of input",
        y: "ns per piece",
        log: kind == Kind::Packets,
        lines: [1, 7, 64, 1000].map(|piece| by_length(kind, piece)).into(),
    };
    let over_pieces = Panel {
        title: format!("{} bytes in pieces", whole(longest as u64)),
        x: "bytes of a piece",
        y: "ns per byte",
        log: true,
        lines: Kind::ALL.map(by_piece).into(),
    };
    [over_pieces].into_iter().chain(Kind::ALL.map(over_length)).collect()
}

fn checks(rows: &[Row], lengths: &[usize]) -> Vec<Check> {
    let (shortest, longest) = (lengths[0], lengths[lengths.len() - 1]);
    let mut checks = Vec::new();
    for kind in Kind::ALL {
        let of = |length, piece| {
            find(rows, kind, length, piece).map_or(f64::NAN, |row| row.nanoseconds.least() / length as f64)
        };
        let ratios = PIECES.map(|piece| of(longest, piece) / of(shortest, piece));
        let what =
            format!("{}: times as long per byte if it is {} times as long", kind.title(), longest / shortest);
        checks.push(Check::at_most(what, ratios.into_iter().fold(0.0, f64::max), LIMIT));
    }
    // What is cut once more costs another call, which finds out at once that something is missing.
    if let Some(whole) = find(rows, Kind::Packets, longest, usize::MAX) {
        let packet = whole.nanoseconds.least() / whole.packets as f64;
        let cut =
            |row: &Row| (row.nanoseconds.least() - whole.nanoseconds.least()) / row.case.pieces() as f64;
        let cuts =
            [1, 2, 7].into_iter().filter_map(|piece| find(rows, Kind::Packets, longest, piece)).map(cut);
        checks.push(Check::at_most(
            "a cut: ns more, and not more than a packet",
            cuts.fold(0.0, f64::max),
            packet,
        ));
    }
    checks
}
