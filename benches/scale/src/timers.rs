//! A million timers in one structure, in virtual time.

use sans_mqtt::*;
use serde::Serialize;
use serde_json::json;

use crate::connect::{Tables, handle, hello, server, take};
use crate::deadlines::{Deadlines, Queue, TICK, Wheel};
use crate::measure::{median, nanoseconds};
use crate::number::{decimals, whole};
use crate::report::{Check, Report, table};

/// The Keep Alives of clients, in seconds: mixed.
const KEEP_ALIVES: [u16; 3] = [30, 60, 120];

/// Clients come within the first minute, and go on for some more.
const JOINING: u32 = (60_000 / TICK) as u32;
const TICKS: u32 = (480_000 / TICK) as u32;

/// One client of a hundred falls silent after this time, or within a minute from then on.
const SILENT_FROM: u32 = (90_000 / TICK) as u32;

/// The clients, each of which sends nothing but PINGREQ, a little more often than it must.
#[derive(Clone, Copy)]
struct Clients {
    all: u32,
}

impl Clients {
    fn keep_alive(who: u32) -> u16 {
        KEEP_ALIVES[(who % 3) as usize]
    }

    /// The ticks from one PINGREQ to the next.
    fn period(who: u32) -> u32 {
        (u64::from(Self::keep_alive(who)) * 1000 / TICK) as u32
    }

    fn is_silent(who: u32, tick: u32) -> bool {
        who % 100 == 42 && tick >= SILENT_FROM + who / 100 % JOINING
    }

    /// Those who come in a tick.
    fn joining(self, tick: u32) -> std::ops::Range<u32> {
        let each = self.all.div_ceil(JOINING);
        (tick * each).min(self.all)..((tick + 1) * each).min(self.all)
    }

    /// Those who send PINGREQ in a tick.
    fn pinging(self, tick: u32, to: &mut Vec<u32>) {
        for joined in 0..tick.min(JOINING) {
            for kind in 0..3 {
                if (tick - joined) % Self::period(kind) == 0 {
                    let clients = self.joining(joined).filter(|who| who % 3 == kind);
                    to.extend(clients.filter(|who| !Self::is_silent(*who, tick)));
                }
            }
        }
    }
}

/// What a run has found.
#[derive(Default, Serialize)]
struct Run {
    pings: u64,
    looks: u64,
    most_looks_in_a_tick: u64,
    /// Looks at connections that were not due by what the structure was told last.
    early: u64,
    /// Looks more than a tick behind that.
    late: u64,
    /// Connections that timed out, and those that did so at a wrong time.
    ended: u64,
    wrong: u64,
    /// Nanoseconds in all: of the connections for PINGREQ, of the structure for that, and for all looks.
    ping: f64,
    set: f64,
    look: f64,
    /// What it would take to look at all connections, once.
    scan: f64,
}

/// A broker without anything but time.
fn run<D: Deadlines>(all: u32) -> Run {
    let clients = Clients { all };
    let config = Config::default();
    let mut servers: Vec<Server<Tables>> = Vec::with_capacity(all as usize);
    let mut deadlines = D::default();
    // What is known without either: when each was heard of, and for when the structure has it.
    let (mut heard, mut told) = (Vec::new(), Vec::new());
    let (mut run, mut pinging, mut out) = (Run::default(), Vec::new(), Vec::new());
    for tick in 0..TICKS {
        let now = Instant::from_millis(u64::from(tick) * TICK);
        for who in clients.joining(tick) {
            let version = if who % 2 == 0 { Version::V3_1_1 } else { Version::V5_0 };
            let hello = hello(version, "client", Clients::keep_alive(who));
            let server = server(now, &config, Tables::default(), &hello);
            deadlines.set(who, server.poll_timeout());
            told.push(server.poll_timeout());
            heard.push(now);
            servers.push(server);
        }
        clients.pinging(tick, &mut pinging);
        run.pings += pinging.len() as u64;
        run.ping += nanoseconds(|| {
            for who in &pinging {
                take(&mut servers[*who as usize], now, b"\xC0\0", &mut out, |_, _, _| {});
            }
        });
        assert_eq!(out.len(), 2 * pinging.len(), "a PINGRESP for each");
        out.clear();
        run.set += nanoseconds(|| {
            for who in &pinging {
                deadlines.set(*who, servers[*who as usize].poll_timeout());
            }
        });
        for who in pinging.drain(..).map(|who| who as usize) {
            heard[who] = now;
            told[who] = told[who].min(servers[who].poll_timeout());
        }
        let before = run.looks;
        let look = |who: u32| {
            let (server, told) = (&mut servers[who as usize], &mut told[who as usize]);
            let due = told.unwrap_or_default().as_millis();
            run.looks += 1;
            run.early += u64::from(due > now.as_millis());
            run.late += u64::from(due + TICK <= now.as_millis());
            let wait = handle(server, now, b"", &mut out, |_, _, _| {});
            if wait == Wait::Closed(Cause::Timeout(Timer::KeepAlive)) {
                let silent = now.as_millis() - heard[who as usize].as_millis();
                let allowed = u64::from(Clients::keep_alive(who)) * 1500;
                run.ended += 1;
                run.wrong += u64::from(!(allowed..allowed + TICK).contains(&silent));
            }
            *told = server.poll_timeout();
            *told
        };
        run.look += nanoseconds(|| deadlines.advance(now, look));
        out.clear();
        run.most_looks_in_a_tick = run.most_looks_in_a_tick.max(run.looks - before);
    }
    let now = Instant::from_millis(u64::from(TICKS) * TICK);
    let due = |server: &&Server<Tables>| server.poll_timeout().is_some_and(|due| due <= now);
    run.scan = nanoseconds(|| {
        std::hint::black_box(servers.iter().filter(due).count());
    });
    run
}

/// A structure, and its runs.
type Runs = (&'static str, Vec<Run>);

pub fn measure(quick: bool) -> Report {
    let (all, rounds) = if quick { (100_000, 1) } else { (1_000_000, 3) };
    let (mut wheel, mut queue) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        wheel.push(run::<Wheel>(all));
        queue.push(run::<Queue>(all));
    }
    let both: [Runs; 2] = [(Wheel::NAME, wheel), (Queue::NAME, queue)];
    let time = |runs: &[Run], of: fn(&Run) -> f64| median(&runs.iter().map(of).collect::<Vec<_>>());
    let row = |(name, runs): &Runs| {
        let Run { looks, most_looks_in_a_tick, early, ended, .. } = &runs[0];
        vec![
            (*name).into(),
            decimals(time(runs, |it| it.look / it.looks as f64)),
            decimals(time(runs, |it| it.set / it.pings as f64)),
            decimals(time(runs, |it| it.ping / it.pings as f64)),
            whole(*looks),
            whole(*most_looks_in_a_tick),
            whole(*early),
            whole(*ended),
        ]
    };
    let header = [
        "",
        "ns per look",
        "ns per PINGREQ, structure",
        "ns per PINGREQ, connection",
        "looks",
        "most in a tick",
        "not due",
        "timed out",
    ];
    let first = &both[0].1[0];
    let scans = u64::from(all) * u64::from(TICKS);
    let text = format!(
        "Keep Alives of {} s, mixed, for {} minutes of virtual time in {} ticks of {TICK} ms: {} PINGREQs, and {} clients that fall
silent.\n\n",
        KEEP_ALIVES.map(|seconds| seconds.to_string()).join(", "),
        u64::from(TICKS) * TICK / 60_000,
        whole(TICKS),
        whole(first.pings),
        whole(silent(all)),
    ) + &table(&header, both.iter().map(row))
        + &format!(
            "
A look is all that happens when the time of a connection has come: the structure gives it, it is asked what is due, and ends or is put
where its deadline is by now. *Not due* are looks before the time that the structure was told. A scan in each tick would be {} looks, \
of {} ms each tick.

Each connection is looked at {} times a minute, however much it sends.
",
            whole(scans),
            decimals(time(&both[0].1, |it| it.scan / 1e6)),
            decimals(first.looks as f64 / f64::from(all) / (u64::from(TICKS) * TICK) as f64 * 60_000.0),
        );
    Report {
        name: "timers",
        title: format!("{} timers in one structure", whole(all)),
        text,
        checks: both.iter().flat_map(|(name, runs)| checks(name, &runs[0], all)).collect(),
        raw: json!(both),
        panels: Vec::new(),
    }
}

fn silent(all: u32) -> u64 {
    (0..all).filter(|who| Clients::is_silent(*who, TICKS)).count() as u64
}

fn checks(name: &str, run: &Run, all: u32) -> Vec<Check> {
    let is = |what: &str, figure: u64, expected: u64| Check {
        claim: format!("{name}: {what}: {} ({} expected)", whole(figure), whole(expected)),
        holds: figure == expected,
    };
    vec![
        is("looks at connections that are not due", run.early, 0),
        is("looks more than a tick late", run.late, 0),
        is("connections that timed out", run.ended, silent(all)),
        is("timed out, but not at one and a half times the Keep Alive", run.wrong, 0),
        // A client is silent for less than its Keep Alive, so that at least half of that is left at each look.
        Check::at_most(
            format!("{name}: looks for each PINGREQ and CONNECT"),
            run.looks as f64 / (run.pings + u64::from(all)) as f64,
            1.0,
        ),
    ]
}
