//! Long runs in which everything is left to chance.

use std::time::{Duration, Instant};

use sans_mqtt::{Qos, Version};

use crate::rng::Rng;
use crate::setup::{Acks, At, CLIENT, Do, Fault, SERVER, Setup, Shape, VERSIONS, What};
use crate::small::smallest;
use crate::world::{Totals, run};

/// Small numbers most of the time, and sometimes large ones.
fn some(rng: &mut Rng, most: usize) -> usize {
    let bits = rng.below(most.ilog2() as usize + 1);
    rng.below(2 << bits).min(most)
}

fn script(rng: &mut Rng, client: bool, len: usize, streams: usize) -> Vec<Do> {
    let qos =
        rng.pick(&[&[Qos::ExactlyOnce][..], &[Qos::AtLeastOnce], &[Qos::AtLeastOnce, Qos::ExactlyOnce]]);
    let lends = rng.pick(&[usize::MAX, 4]);
    (0..len)
        .map(|_| match rng.below(if client { 30 } else { 22 }) {
            0 | 1 => Do::Publish(Qos::AtMostOnce),
            22..26 => Do::Subscribe,
            26..28 => Do::Unsubscribe,
            28 => Do::Ping,
            29 => Do::Disconnect,
            _ if rng.once_in(streams) => {
                Do::Stream(if rng.once_in(4) { Qos::AtMostOnce } else { rng.pick(qos) })
            }
            _ if rng.once_in(lends) => Do::Lend(rng.pick(qos)),
            _ => Do::Publish(rng.pick(qos)),
        })
        .collect()
}

fn fault(rng: &mut Rng, version: Version) -> Fault {
    let who = rng.pick(&[CLIENT, SERVER]);
    let n = some(rng, 2000) as u64;
    let what = match rng.below(12) {
        0..4 => What::Cut,
        4..7 => What::Abort,
        7 | 8 => What::Restart(who),
        9 => What::Crash(who),
        10 => return Fault { at: At::Logged(who, n), what: What::Crash(who) },
        // 3.1 does not tell a client that its session is lost.
        _ if version == Version::V3_1 || rng.once_in(2) => What::Cut,
        // In 3.1.1 a clean session ends with its connection, which the log does not tell after a crash.
        _ if version == Version::V3_1_1 => What::Lose,
        _ => rng.pick(&[What::Lose, What::Clean]),
    };
    let side = rng.pick(&[CLIENT, SERVER]);
    Fault { at: if rng.once_in(3) { At::Written(side, n) } else { At::Read(side, n) }, what }
}

fn setup(seed: u64) -> Setup {
    let mut random = Rng::new(seed);
    let rng = &mut random;
    let version = rng.pick(&[VERSIONS[0], VERSIONS[1], VERSIONS[1], VERSIONS[2], VERSIONS[2], VERSIONS[2]]);
    let v5 = version == Version::V5_0;
    let len = 1 + some(rng, 1000);
    let streams = rng.pick(&[usize::MAX, 10, 2]);
    let large = if streams == usize::MAX { 0 } else { 1 + some(rng, 2000) };
    let scripts = [script(rng, true, len, streams), script(rng, false, len, streams)];
    let acks = [(); 2].map(|()| match rng.below(3) {
        0 => Acks::Automatic,
        1 => Acks::First(some(rng, 8)),
        _ => Acks::Last(some(rng, 8)),
    });
    let outgoing = [(); 2].map(|()| 1 + some(rng, 40) as u16);
    let shapes = [CLIENT, SERVER].map(|who| Shape {
        outgoing: outgoing[who],
        // Before 5.0 nothing tells the peer how many messages there is room for.
        incoming: if v5 { 1 + some(rng, 20) as u16 } else { outgoing[1 - who].next_power_of_two() },
        grows: rng.once_in(2),
    });
    let receive_maximum = [(); 2].map(|()| [(); 2].map(|()| 1 + some(rng, 20) as u16));
    let headroom = rng.pick(&[0, 5, 32]);
    let payload = [4 + some(rng, 30), rng.pick(&[0, 0, 20])];
    let aliases = rng.pick(&[0, 0, 1, 2, 3]);
    let topics = if rng.once_in(2) { 1 } else { 5 };
    let topic = if topics == 1 { 1 } else { 13 };
    // The length of a streamed one takes two bytes more.
    let publish = 8 + topic + payload[0] + 3 * payload[1];
    let roomy = rng.once_in(3);
    let sinks = smallest(version, headroom, publish, aliases)
        .map(|n| if roomy { usize::MAX } else { n + some(rng, 200) });
    // Larger than all heads, CONNECT and SUBSCRIBE.
    let stream_above = rng.pick(&[u32::MAX, 40, 40, 200]);
    let maximum = if large > 0 { 100_000 } else { 1000 };
    let faults = (0..some(rng, 30)).map(|_| fault(rng, version)).collect();
    Setup {
        version,
        later: None,
        scripts,
        acks,
        refuses: v5 && rng.once_in(2),
        abandons: rng.once_in(2),
        shapes,
        receive_maximum,
        maximum_packet_size: [maximum, if v5 && rng.once_in(3) { 40 } else { maximum }],
        headroom,
        sinks,
        pipe: if rng.once_in(4) { usize::MAX } else { 1 + some(rng, 300) },
        payload,
        large,
        stream_above,
        aliases,
        topics,
        faults,
        store_fails: rng.pick(&[0, 0, 3, 20]),
        seed: rng.pick(&[0, seed.max(1)]),
        logged: true,
    }
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// As many runs as fit into `PAIR_SECONDS`; without it some hundred.
#[test]
fn anything() {
    let seconds = variable("PAIR_SECONDS").map(Duration::from_secs);
    let seeds = match variable("PAIR_SEED") {
        Some(seed) if seconds.is_none() => seed..seed + 1,
        Some(seed) => seed..u64::MAX,
        None if seconds.is_none() => 0..400,
        None => 0..u64::MAX,
    };
    let start = Instant::now();
    let mut runs = 0;
    let mut sum = Totals::default();
    for seed in seeds {
        if seconds.is_some_and(|seconds| start.elapsed() > seconds) {
            break;
        }
        struct Seed(u64);
        impl Drop for Seed {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    eprintln!("PAIR_SEED={}", self.0);
                }
            }
        }
        let _print = Seed(seed);
        let totals = run(&setup(seed));
        runs += 1;
        sum.messages += totals.messages;
        sum.deliveries += totals.deliveries;
        sum.connections += totals.connections;
        sum.packets += totals.packets;
        sum.aliased += totals.aliased;
        sum.pieces += totals.pieces;
        sum.faults += totals.faults;
    }
    println!("{runs} runs: {sum:?}");
}
