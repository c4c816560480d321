//! Either side crashes after every byte of a record, and of the wire, and is restored from its log.
//!
//! Messages of QoS 2 that are acknowledged by hand come exactly once all the same: the application takes note of them in
//! the same transaction as the store of `Take`. Those that are acknowledged automatically come at least once.

use sans_mqtt::{Qos, Version};

use crate::setup::{Acks, At, CLIENT, Do, Fault, QOS, SERVER, Setup, VERSIONS, What, publishes};
use crate::world::{Totals, run};

fn setups() -> Vec<Setup> {
    let [q0, q1, q2] = QOS.map(Do::Publish);
    let scripts = [
        [publishes(Qos::AtLeastOnce, 2), vec![]],
        [vec![], publishes(Qos::AtLeastOnce, 2)],
        [publishes(Qos::ExactlyOnce, 2), vec![]],
        [vec![], publishes(Qos::ExactlyOnce, 2)],
        [vec![q2, q1, q2, q2, q1], vec![q1, q2, q2, q2]],
        [vec![Do::Subscribe, q2, q0, q1, Do::Unsubscribe, q2], vec![q2, q2, Do::Lend(Qos::ExactlyOnce), q1]],
    ];
    let mut setups = Vec::new();
    for version in VERSIONS {
        for scripts in &scripts {
            for acks in [Acks::Automatic, Acks::First(0), Acks::Last(2)] {
                let scripts = scripts.clone();
                let refuses = version == Version::V5_0 && acks != Acks::Automatic;
                setups.push(Setup { version, scripts, acks: [acks; 2], refuses, ..Setup::default() });
            }
        }
    }
    setups
}

/// Runs a setup once for every position, and again for every one of another list after each.
fn everywhere(setup: &Setup, positions: impl Fn(&Totals) -> Vec<Fault>) -> u64 {
    let faults = positions(&run(setup));
    for fault in &faults {
        let mut setup = setup.clone();
        setup.faults.push(*fault);
        run(&setup);
    }
    1 + faults.len() as u64
}

fn logged(totals: &Totals) -> Vec<Fault> {
    let crash = |who, n| Fault { at: At::Logged(who, n), what: What::Crash(who) };
    [CLIENT, SERVER]
        .into_iter()
        .flat_map(|who| (0..=totals.logged[who]).map(move |n| crash(who, n)))
        .collect()
}

fn passed(totals: &Totals) -> Vec<Fault> {
    let mut faults = Vec::new();
    for who in [CLIENT, SERVER] {
        for crashes in [CLIENT, SERVER].map(What::Crash) {
            faults.extend((0..=totals.read[who]).map(|n| Fault { at: At::Read(who, n), what: crashes }));
            faults
                .extend((0..=totals.written[who]).map(|n| Fault { at: At::Written(who, n), what: crashes }));
        }
    }
    faults
}

#[test]
fn crashed_after_every_byte_of_the_log() {
    println!("{} runs", setups().iter().map(|setup| everywhere(setup, logged)).sum::<u64>());
}

#[test]
fn crashed_after_every_byte_of_the_wire() {
    println!("{} runs", setups().iter().map(|setup| everywhere(setup, passed)).sum::<u64>());
}

/// The restored side crashes again.
#[test]
fn crashed_twice() {
    let mut runs = 0;
    for setup in setups().into_iter().filter(|setup| setup.scripts.iter().flatten().count() == 2) {
        for first in logged(&run(&setup)) {
            runs += everywhere(&Setup { faults: vec![first], ..setup.clone() }, logged);
        }
    }
    println!("{runs} runs");
}
