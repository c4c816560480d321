//! Short scripts; the connection is cut after every byte that either side reads, and goes on.

use sans_mqtt::Version;

use crate::setup::{Acks, At, CLIENT, Fault, QOS, SERVER, Setup, What, publishes};
use crate::world::run;

/// Runs a setup once for every position of the fault. Gives the number of runs.
pub(crate) fn everywhere(setup: &Setup, what: What) -> u64 {
    let whole = run(setup);
    let mut runs = 1;
    for who in [CLIENT, SERVER] {
        for at in 0..=whole.read[who] {
            run(&Setup { faults: vec![Fault { at: At::Read(who, at), what }], ..setup.clone() });
            runs += 1;
        }
    }
    runs
}

/// Every QoS, direction, version, way to acknowledge and number of messages.
fn short() -> Vec<Setup> {
    let mut setups = Vec::new();
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        for qos in QOS {
            for n in 1..=3 {
                for acks in [Acks::Automatic, Acks::First(0), Acks::Last(1)] {
                    let messages = publishes(qos, n);
                    for scripts in [
                        [messages.clone(), vec![]],
                        [vec![], messages.clone()],
                        [messages.clone(), messages.clone()],
                    ] {
                        setups.push(Setup { version, scripts, acks: [acks; 2], ..Setup::default() });
                    }
                }
            }
        }
    }
    setups
}

#[test]
fn cut_after_every_byte() {
    let mut runs = 0;
    for setup in short() {
        runs += everywhere(&setup, What::Cut);
        runs += everywhere(&Setup { pipe: 1, ..setup }, What::Abort);
    }
    println!("{runs} runs");
}
