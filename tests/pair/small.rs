//! Small sinks and small pipes: both sides do as much as they can, and it has to come to its end.

use sans_mqtt::{Qos, Version};

use crate::setup::{Acks, At, CLIENT, Do, Fault, QOS, SERVER, Setup, Shape, VERSIONS, What, publishes};
use crate::world::run;

/// The smallest sink that can do: the largest of CONNECT, SUBSCRIBE (whose SUBACK gets as much), CONNACK and PUBLISH,
/// with the headroom for what is a command.
pub(crate) fn smallest(version: Version, headroom: u16, publish: usize, aliases: u16) -> [usize; 2] {
    let v5 = version == Version::V5_0;
    let alias = if v5 && aliases > 0 { 3 } else { 0 };
    let connect = if v5 { 29 } else { 15 } + if version == Version::V3_1 { 2 } else { 0 } + alias;
    let connack = if v5 { 13 } else { 4 } + alias;
    let subscribe = if v5 { 13 } else { 12 };
    let publish = publish + usize::from(v5) + usize::from(headroom) + alias;
    [publish.max(connect).max(subscribe + usize::from(headroom)), publish.max(connack).max(subscribe)]
}

const PIPES: [usize; 8] = [1, 2, 3, 5, 8, 13, 32, 64];

/// PUBLISH with a payload of four bytes.
const PUBLISH: usize = 11;

/// `size`: above the smallest.
fn setup(version: Version, headroom: u16, size: usize, pipe: usize) -> Setup {
    let sinks = smallest(version, headroom, PUBLISH, 0).map(|smallest| smallest + size);
    Setup { version, headroom, sinks, pipe, ..Setup::default() }
}

#[test]
fn messages_both_ways() {
    let mut runs = 0;
    for version in VERSIONS {
        for qos in QOS {
            for (headroom, window) in [(0, 1), (0, 4), (5, 2), (32, 16)] {
                for size in (0..12).chain([17, 29, 53, 90]) {
                    for pipe in PIPES {
                        let script = publishes(qos, 24);
                        let setup = setup(version, headroom, size, pipe);
                        let receive_maximum = [[window; 2]; 2];
                        run(&Setup { scripts: [script.clone(), script], receive_maximum, ..setup });
                        runs += 1;
                    }
                }
            }
        }
    }
    println!("{runs} runs");
}

#[test]
fn everything_at_once() {
    let [q0, q1, q2] = QOS.map(Do::Publish);
    let client = [Do::Subscribe, q2, q1, Do::Unsubscribe, q0, Do::Subscribe, q2, Do::Lend(Qos::ExactlyOnce)];
    let server = [q2, q1, q0, Do::Lend(Qos::AtLeastOnce), q2];
    let mut runs = 0;
    for version in VERSIONS {
        for (headroom, acks) in [(0, Acks::Automatic), (0, Acks::Last(3)), (32, Acks::First(1))] {
            for size in (0..12).chain([17, 29, 53, 90]) {
                for pipe in PIPES {
                    let setup = setup(version, headroom, size, pipe);
                    let scripts = [client.repeat(4), server.repeat(5)];
                    let receive_maximum = [[4; 2]; 2];
                    run(&Setup { scripts, receive_maximum, acks: [acks; 2], ..setup });
                    runs += 1;
                }
            }
        }
    }
    println!("{runs} runs");
}

/// Tables of a fixed size: for incoming messages as large as Receive Maximum, which is as small as can be. Before 5.0
/// only the sender's own table keeps it from sending more.
fn fixed(version: Version, n: u16) -> [Shape; 2] {
    let outgoing = if version == Version::V5_0 { 4 * n } else { n };
    [Shape { outgoing, incoming: n, grows: false }; 2]
}

/// Both sides have as much to send again as they can have. What the first connection leaves is the worst that a cut can
/// leave: it is tried at many of them.
#[test]
fn resuming_both_ways() {
    let mut runs = 0;
    for version in [Version::V3_1_1, Version::V5_0] {
        for script in [
            publishes(Qos::AtLeastOnce, 20),
            publishes(Qos::ExactlyOnce, 20),
            [Do::Publish(Qos::ExactlyOnce), Do::Lend(Qos::ExactlyOnce), Do::Publish(Qos::AtLeastOnce)]
                .repeat(7),
        ] {
            for (headroom, size, pipe) in [(0, 0, 1), (0, 0, 8), (0, 3, 64), (32, 0, 3), (32, 20, 32)] {
                for window in [1, 4, 8] {
                    let scripts = [script.clone(), script.clone()];
                    let setup = Setup {
                        scripts,
                        receive_maximum: [[window; 2]; 2],
                        shapes: fixed(version, window),
                        ..setup(version, headroom, size, pipe)
                    };
                    let totals = run(&setup);
                    for who in [CLIENT, SERVER] {
                        for at in (20..totals.read[who]).step_by(13) {
                            let what = if at % 2 == 0 { What::Cut } else { What::Abort };
                            let faults = vec![Fault { at: At::Read(who, at), what }];
                            run(&Setup { faults, ..setup.clone() });
                            runs += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{runs} runs");
}
