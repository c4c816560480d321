//! What subscriptions and retained messages cost: `cargo run --release -p broker --example match`.
//!
//! Times are those of the processor, so that other programs hardly count. Bytes are those asked of the allocator; what
//! it needs itself is not among them.

use std::alloc::System;
use std::hint::black_box;
use std::iter::zip;
use std::time::Duration;

use broker::core::retained::Retained;
use broker::core::topics::Topics;
use cpu_time::ThreadTime;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a broker remembers of a subscription: QoS, No Local, Retain As Published and its identifier.
type Options = (u8, bool, bool, Option<u32>);
const OPTIONS: Options = (1, false, false, None);

/// How often what takes less than a millisecond is done.
const ROUNDS: u32 = 100_000;

/// How many nodes a message of the fleet visits: one for nothing, `fleet`, two for the site, three for the device, and
/// two more for all but an alarm, which has one.
const NODES: f64 = 8.75;

/// Bytes that were allocated and not given back, for each of so many.
fn bytes_each(region: &Region<'_, System>, count: u32) -> usize {
    let change = region.change();
    (change.bytes_allocated - change.bytes_deallocated) / count as usize
}

/// Nanoseconds for each of so many.
fn each(start: ThreadTime, count: u32) -> f64 {
    start.elapsed().as_nanos() as f64 / f64::from(count)
}

fn main() {
    subscriptions();
    fan_out();
    worst_case();
    retained();
}

/// A fleet: each device has four subscriptions, 25 devices are a site.
fn subscription(number: usize) -> String {
    let (device, site) = (number / 4, number / 100);
    match number % 4 {
        0 => format!("fleet/site-{site}/device-{device}/command"),
        1 => format!("fleet/site-{site}/device-{device}/settings/#"),
        2 => format!("fleet/+/device-{device}/+"),
        _ => format!("$share/workers/fleet/site-{site}/+/reading"),
    }
}

fn published(device: usize, kind: usize) -> String {
    let kind = ["command", "settings/clock/zone", "reading", "alarm"][kind];
    format!("fleet/site-{}/device-{device}/{kind}", device / 25)
}

fn subscriptions() {
    println!("subscriptions   insert      slowest   bytes each    match   of that a node   found   remove");
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let mut random = fastrand::Rng::with_seed(1);
        let mut order: Vec<_> = (0..count).collect();
        random.shuffle(&mut order);
        let filters: Vec<_> = order.iter().map(|&number| subscription(number)).collect();

        let mut topics = Topics::<u32, Options>::default();
        let region = Region::new(ALLOCATOR);
        let start = ThreadTime::now();
        for (client, filter) in zip(0.., &filters) {
            topics.insert(filter, client, OPTIONS);
        }
        let (insert, bytes) = (each(start, count as u32), bytes_each(&region, count as u32));

        let names = (0..ROUNDS).map(|_| published(random.usize(..count / 4), random.usize(..4)));
        let (names, mut found) = (names.collect::<Vec<_>>(), 0);
        let region = Region::new(ALLOCATOR);
        let start = ThreadTime::now();
        for name in &names {
            topics.for_each_match(name, |subscribers| {
                found += subscribers.plain().len();
                let turns = subscribers.groups().filter_map(|(_, group)| group.next(|_, _| true));
                found += turns.count();
            });
        }
        let matched = each(start, ROUNDS);
        // Of the stack alone, and just as it grows.
        assert!(region.change().allocations + region.change().reallocations <= 3, "a match allocates");

        let start = ThreadTime::now();
        for (client, filter) in zip(0.., &filters) {
            topics.remove(filter, client);
        }
        let remove = each(start, count as u32);
        assert!(topics.is_empty());

        // Asking for the time takes longer than most of them.
        let mut slowest = Duration::ZERO;
        for (client, filter) in zip(0.., &filters) {
            let start = ThreadTime::now();
            topics.insert(filter, client, OPTIONS);
            slowest = slowest.max(start.elapsed());
        }

        let found = found as f64 / f64::from(ROUNDS);
        let node = matched / NODES;
        println!(
            "{count:13}{insert:6.0} ns{slowest:>13.0?}{bytes:13}{matched:6.0} ns{node:14.0} ns{found:8.2}{remove:6.0} ns"
        );
    }
}

fn fan_out() {
    let (mut topics, crowd) = (Topics::<u32, Options>::default(), 100_000);
    for client in 0..crowd {
        topics.insert("news/#", client, OPTIONS);
    }
    let (start, rounds) = (ThreadTime::now(), 100);
    for _ in 0..rounds {
        topics.for_each_match("news/today", |subscribers| {
            for (client, options) in subscribers.plain() {
                black_box((client, options.0));
            }
        });
    }
    let visit = each(start, rounds * crowd);
    let mut order: Vec<_> = (0..crowd).collect();
    fastrand::Rng::with_seed(2).shuffle(&mut order);
    let start = ThreadTime::now();
    for client in order {
        topics.remove("news/#", client);
    }
    let remove = each(start, crowd);
    println!("\n{crowd} subscribers of one filter: {visit:.1} ns each to visit, {remove:.0} ns to remove");
}

/// All filters of `+` and `a`, each of which matches.
fn worst_case() {
    println!("\nworst case: levels   nodes visited   filters found      match   of that a node");
    for depth in (4..=16).step_by(4) {
        let mut topics = Topics::<u32, Options>::default();
        for filter in 0..1_u32 << depth {
            let levels = (0..depth).map(|level| if filter >> level & 1 == 1 { "+" } else { "a" });
            topics.insert(&levels.collect::<Vec<_>>().join("/"), 1, OPTIONS);
        }
        let (name, nodes, rounds) = (vec!["a"; depth].join("/"), (2 << depth) - 1, ROUNDS >> depth.min(12));
        let (start, mut found) = (ThreadTime::now(), 0);
        for _ in 0..rounds {
            topics.for_each_match(black_box(&name), |subscribers| found += subscribers.plain().len() as u32);
        }
        let (time, found) = (start.elapsed() / rounds, found / rounds);
        let node = time / nodes;
        println!("{depth:18}{nodes:16}{found:16}{time:>11.1?}{node:>17.0?}");
    }
}

fn retained() {
    let count = 1_000_000;
    let names = (0..count)
        .map(|number| format!("fleet/site-{}/device-{}/kind-{}", number / 1000, number / 10, number % 10));
    let mut names: Vec<_> = names.collect();
    fastrand::Rng::with_seed(3).shuffle(&mut names);
    let mut retained = Retained::default();
    let region = Region::new(ALLOCATOR);
    let start = ThreadTime::now();
    for (number, name) in zip(0_u32.., &names) {
        retained.insert(name, number);
    }
    let (insert, bytes) = (each(start, count), bytes_each(&region, count));
    let start = ThreadTime::now();
    let found = names.iter().filter(|name| retained.get(name).is_some()).count();
    let get = each(start, count);
    println!(
        "\n{found} retained messages: {insert:.0} ns each to insert, {get:.0} ns to get, {bytes} bytes with 4 of the message"
    );

    println!("\nfilter                             found   looked at     seeks        time");
    for filter in [
        "fleet/site-77/device-7777/kind-7",
        "fleet/site-77/device-7777/#",
        "fleet/site-77/+/kind-7",
        "fleet/+/device-7777/kind-7",
        "fleet/+/device-7777/#",
        "+/site-77/#",
        "fleet/+/+/kind-7",
        "+/+/+/+/+",
        "#",
    ] {
        let mut matching = retained.matching(filter);
        let start = ThreadTime::now();
        let found = matching.by_ref().count();
        let time = start.elapsed();
        let (visited, seeks) = matching.cost();
        println!("{filter:32}  {found:7}  {visited:10}  {seeks:8}  {time:>10.1?}");
    }
}
