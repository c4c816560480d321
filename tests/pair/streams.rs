//! Messages in pieces and with Topic Aliases, both ways, some of them larger than the pipe and the sinks; cut, restarted and
//! crashed after every byte.

use sans_mqtt::{Qos, Version};

use crate::cuts::everywhere;
use crate::setup::{Acks, CLIENT, Do, QOS, SERVER, Setup, VERSIONS, What};
use crate::world::run;

/// Everything above 40 bytes comes in pieces; a streamed payload has 60.
fn setups() -> Vec<Setup> {
    let [q0, q1, q2] = QOS.map(Do::Publish);
    let [s0, s1, s2] = QOS.map(Do::Stream);
    let scripts = [
        [vec![s1], vec![]],
        [vec![s2], vec![]],
        [vec![], vec![s1, q1]],
        [vec![], vec![s2, q2]],
        [vec![s2, s0, s2], vec![s1, s1]],
        [vec![q2, s2, Do::Subscribe, s1, q1, s0], vec![s2, q0, Do::Lend(Qos::ExactlyOnce), s2]],
    ];
    let mut setups = Vec::new();
    for version in VERSIONS {
        for scripts in &scripts {
            for acks in [Acks::Automatic, Acks::Last(1)] {
                setups.push(Setup {
                    version,
                    scripts: scripts.clone(),
                    acks: [acks; 2],
                    large: 60,
                    stream_above: 40,
                    topics: 5,
                    aliases: 2,
                    ..Setup::default()
                });
            }
        }
    }
    setups
}

#[test]
fn cut_after_every_byte() {
    let mut runs = 0;
    for setup in setups() {
        runs += everywhere(&setup, What::Cut);
        runs += everywhere(&Setup { pipe: 7, sinks: [128; 2], ..setup }, What::Abort);
    }
    println!("{runs} runs");
}

#[test]
fn restarted_after_every_byte() {
    let mut runs = 0;
    for setup in setups() {
        for who in [CLIENT, SERVER] {
            runs += everywhere(&setup, What::Restart(who));
            runs += everywhere(&setup, What::Crash(who));
        }
    }
    println!("{runs} runs");
}

/// The pieces of one message fill pipe and sinks many times, while the other side does the same.
#[test]
fn larger_than_everything() {
    for version in VERSIONS {
        for qos in QOS {
            for (pipe, sink) in [(1, 70), (13, 70), (300, 200)] {
                for seed in [0, 7] {
                    let script = [Do::Stream(qos), Do::Publish(qos), Do::Stream(qos)].repeat(3);
                    let totals = run(&Setup {
                        version,
                        scripts: [script.clone(), script],
                        large: 5000,
                        maximum_packet_size: [100_000; 2],
                        stream_above: 64,
                        pipe,
                        sinks: [sink; 2],
                        seed,
                        ..Setup::default()
                    });
                    assert_eq!(totals.pieces, 12);
                }
            }
        }
    }
}

/// More topics than aliases: some messages have only the alias, some both.
#[test]
fn few_aliases_for_many_topics() {
    for aliases in [1, 2, 3, 5] {
        let script = QOS.map(Do::Publish).repeat(20);
        let scripts = [script.clone(), script];
        let totals = run(&Setup { scripts, topics: 5, aliases, ..Setup::default() });
        assert_eq!(totals.aliased, 120);
    }
    let none = Setup { version: Version::V3_1_1, topics: 5, aliases: 3, ..Setup::default() };
    let totals = run(&Setup { scripts: [QOS.map(Do::Publish).to_vec(), vec![]], ..none });
    assert_eq!(totals.aliased, 0);
}
