//! A million connections that do nothing.

use std::collections::HashMap;
use std::io;
use std::process::Command;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use sans_mqtt::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connect::{Kept, Stored, Tables, hello, server, subscribe, take};
use crate::deadlines::{Deadlines, Wheel};
use crate::measure::{allocated, resident};
use crate::number::{decimals, whole};
use crate::report::{Check, Report, table};

/// What a connection with an idle session may take, but for the store that the application chooses.
const LIMIT: usize = 256;

/// What is held in a process of its own, so that nothing else is in its memory.
#[derive(Args, Clone, Copy)]
pub struct Options {
    store: Kind,
    state: State,
    connections: u32,
}

/// Where the sessions are kept.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ValueEnum)]
enum Kind {
    /// A pointer to tables that are made when they are needed.
    Pointer,
    /// The crate's `Heap`.
    Heap,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, ValueEnum)]
enum State {
    /// Connected, and nothing else.
    Idle,
    /// With a subscription, and a message of QoS 1 that waits for its PUBACK.
    Waiting,
}

/// Bytes for each connection, but for `connections` itself.
#[derive(Deserialize, Serialize)]
struct Held {
    store: Kind,
    state: State,
    connections: u32,
    /// A connection with its session, and the store in that.
    size: usize,
    store_size: usize,
    /// What these have on the heap, for clients of 3.1.1 and of 5.0.
    heap: [f64; 2],
    /// What the application has: for deadlines, client identifiers and topic filters.
    deadlines: f64,
    names: f64,
    filters: f64,
    /// The memory of the whole process.
    resident: f64,
}

/// The tables of a broker.
struct Broker<S> {
    connections: Vec<Server<S>>,
    deadlines: Wheel,
    /// Who is who, and who subscribes to what.
    names: HashMap<Box<str>, u32>,
    filters: HashMap<Box<str>, u32>,
}

impl<S: Store<Keep = Kept> + Default> Broker<S> {
    fn new(connections: u32) -> Self {
        Self {
            connections: Vec::with_capacity(connections as usize),
            deadlines: Wheel::default(),
            names: HashMap::new(),
            filters: HashMap::new(),
        }
    }

    /// Accepts clients. Gives the bytes that they have on the heap.
    fn accept(&mut self, version: Version, clients: impl Iterator<Item = u32>) -> i64 {
        let config = Config::default();
        allocated(|| {
            for who in clients {
                // They came one after the other, in a minute.
                let now = Instant::from_millis(u64::from(who) % 60_000);
                let hello = hello(version, &name(who), 60);
                self.connections.push(server(now, &config, S::default(), &hello));
            }
        })
    }

    /// Has clients subscribe to a topic of their own, and sends each a message, which is there once. Gives the bytes that this
    /// takes on the heap.
    fn send(&mut self, message: &Arc<Stored>, clients: impl Iterator<Item = u32>) -> i64 {
        let mut out = Vec::with_capacity(1024);
        allocated(|| {
            for who in clients {
                let server = &mut self.connections[who as usize];
                let subscribe = subscribe(server.version(), &filter(who));
                let now = Instant::from_millis(u64::from(who) % 60_000);
                take(server, now, &subscribe, &mut out, |server, _, out| {
                    server
                        .suback(&[ReasonCode::GRANTED_QOS_1], Properties::EMPTY, out)
                        .expect("it is asked for");
                });
                let copy = Message { qos: Qos::AtLeastOnce, ..message.message() };
                let sent = server.publish_kept(&copy, Kept(Some(message.clone())), &mut out);
                assert_eq!(sent, Ok(Some(PacketId::MIN)));
                out.clear();
            }
        })
    }
}

fn name(who: u32) -> String {
    format!("device-{who:07}")
}

fn filter(who: u32) -> String {
    format!("device/{who:07}/command")
}

/// Holds the connections, and prints what they take.
pub fn hold(options: Options) -> io::Result<()> {
    let held = match options.store {
        Kind::Pointer => hold_in::<Tables>(options)?,
        Kind::Heap => hold_in::<Heap<Kept>>(options)?,
    };
    println!("{}", serde_json::to_string(&held)?);
    Ok(())
}

fn hold_in<S: Store<Keep = Kept> + Default>(options: Options) -> io::Result<Held> {
    let Options { store, state, connections } = options;
    let mut broker = Broker::<S>::new(connections);
    let halves = [(Version::V3_1_1, 0..connections / 2), (Version::V5_0, connections / 2..connections)];
    let message = Stored::new("device/all/command", &[], &[7; 64]);
    let waiting = state == State::Waiting;
    let heap = halves.map(|(version, clients)| {
        let idle = broker.accept(version, clients.clone());
        (idle + if waiting { broker.send(&message, clients.clone()) } else { 0 }, clients.len())
    });
    let Broker { connections: table, deadlines, names, filters } = &mut broker;
    let all = 0..connections;
    let deadlines =
        allocated(|| all.clone().for_each(|who| deadlines.set(who, table[who as usize].poll_timeout())));
    let names = allocated(|| names.extend(all.clone().map(|who| (name(who).into(), who))));
    let filters = allocated(|| filters.extend(all.filter(|_| waiting).map(|who| (filter(who).into(), who))));
    let each = |bytes: i64| bytes as f64 / f64::from(connections);
    let held = Held {
        store,
        state,
        connections,
        size: size_of::<Server<S>>(),
        store_size: size_of::<S>(),
        heap: heap.map(|(bytes, clients)| bytes as f64 / clients as f64),
        deadlines: each(deadlines),
        names: each(names),
        filters: each(filters),
        resident: resident()? as f64 / f64::from(connections),
    };
    // All of it is still there.
    let in_flight = broker.connections.iter().filter(|server| server.is_open() && server.session().exists());
    assert!(
        in_flight
            .map(|server| server.session().in_flight())
            .eq(std::iter::repeat_n(u16::from(waiting), connections as usize))
    );
    Ok(held)
}

/// Has a process of its own hold the connections.
fn held(store: Kind, state: State, connections: u32) -> io::Result<Held> {
    let name = |value: Option<clap::builder::PossibleValue>| value.map(|it| it.get_name().to_owned());
    let (kind, state) = (name(store.to_possible_value()), name(state.to_possible_value()));
    let process = Command::new(std::env::current_exe()?)
        .arg("hold")
        .args(kind.into_iter().chain(state))
        .arg(connections.to_string())
        .output()?;
    if !process.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&process.stderr).into_owned()));
    }
    Ok(serde_json::from_slice(&process.stdout)?)
}

pub fn measure(quick: bool) -> io::Result<Report> {
    let connections = if quick { 100_000 } else { 1_000_000 };
    let mut rows = Vec::new();
    for store in [Kind::Pointer, Kind::Heap] {
        for state in [State::Idle, State::Waiting] {
            rows.push(held(store, state, connections)?);
        }
    }
    let cells = |held: &Held| {
        let Held { store, state, size, store_size, heap, deadlines, names, filters, resident, .. } = held;
        let store = match store {
            Kind::Pointer => "a pointer to tables",
            Kind::Heap => "`Heap`",
        };
        let state = match state {
            State::Idle => "idle",
            State::Waiting => "a subscription, a message in flight",
        };
        let [old, new] = heap;
        let figures = [*old, *new, *deadlines, *names, *filters, *resident].map(decimals);
        let sizes = [(size - store_size).to_string(), store_size.to_string()];
        [format!("{state}; {store}")].into_iter().chain(sizes).chain(figures).collect()
    };
    let header = [
        "bytes for each",
        "`Server` and session",
        "store",
        "heap, 3.1.1",
        "heap, 5.0",
        "deadline",
        "client identifier",
        "filter",
        "resident",
    ];
    let text = table(&header, rows.iter().map(cells))
        + "
The first two are `size_of`, the heap is what a counting allocator says, and the next three are the application's own: a timing wheel,
and maps from client identifiers and topic filters to connections. The last is the memory of the whole process, divided: the
allocator's own for each block, and the program, are in it.

A message in flight is kept by reference: it is there once for all. What it adds are the tables of the session, and they stay.
";
    Ok(Report {
        name: "idle",
        title: format!("{} connections with sessions, half of 3.1.1, half of 5.0", whole(connections)),
        text,
        checks: checks(&rows),
        raw: json!(rows),
        panels: Vec::new(),
    })
}

fn checks(rows: &[Held]) -> Vec<Check> {
    let mut checks = Vec::new();
    for Held { store, state, size, store_size, heap, deadlines, names, filters, resident, .. } in rows {
        let who = format!("{state:?}, {store:?}").to_lowercase();
        checks.push(Check::at_most(
            format!("{who}: bytes but for the store"),
            (size - store_size) as f64,
            LIMIT as f64,
        ));
        let [old, new] = heap;
        if *state == State::Idle {
            checks.push(Check::at_most(format!("{who}: bytes on the heap"), old.max(*new), 0.0));
        }
        // Nothing is hidden: the allocator's share is less than a third of what was counted.
        let counted = *size as f64 + old.max(*new) + deadlines + names + filters;
        checks.push(Check::at_most(format!("{who}: resident bytes for each"), *resident, 1.33 * counted));
    }
    checks
}
