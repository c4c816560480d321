//! Short scripts; the connection is cut after every byte that either side reads, and goes on.

use sans_mqtt::{Qos, Version};

use crate::setup::{Acks, At, CLIENT, Do, Fault, QOS, SERVER, Setup, VERSIONS, What, publishes};
use crate::world::run;

/// Runs a setup once for every position of the fault. Gives the number of runs.
pub(crate) fn everywhere(setup: &Setup, what: What) -> u64 {
    let whole = run(setup);
    let mut runs = 1;
    for who in [CLIENT, SERVER] {
        for at in 0..=whole.read[who] {
            let mut setup = setup.clone();
            setup.faults.push(Fault { at: At::Read(who, at), what });
            run(&setup);
            runs += 1;
        }
    }
    runs
}

/// Every QoS, direction, version, way to acknowledge and number of messages.
fn short() -> Vec<Setup> {
    let mut setups = Vec::new();
    for version in VERSIONS {
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

/// What else a client and a server do, each thing in the middle of messages both ways.
fn mixed() -> Vec<Setup> {
    let [q0, q1, q2] = QOS.map(Do::Publish);
    let client = [
        vec![Do::Subscribe, q1, Do::Unsubscribe, q2],
        vec![q2, Do::Subscribe, q1, q0, q2],
        vec![q1, Do::Ping, q2, Do::Ping],
        vec![q2, q1, Do::Disconnect, q2],
        vec![Do::Lend(Qos::AtLeastOnce), Do::Lend(Qos::ExactlyOnce), q2, Do::Lend(Qos::ExactlyOnce), q2],
        vec![q2, q2, q2, q2, q2],
    ];
    let server = [
        vec![],
        vec![q2, q1],
        vec![Do::Lend(Qos::ExactlyOnce), q1, q1],
        vec![q1, q0, q2, Do::Lend(Qos::AtLeastOnce), q1],
    ];
    let mut setups = Vec::new();
    for version in VERSIONS {
        for client in &client {
            for server in &server {
                for acks in [Acks::Automatic, Acks::Last(1)] {
                    let scripts = [client.clone(), server.clone()];
                    let refuses = version == Version::V5_0 && acks != Acks::Automatic;
                    setups.push(Setup { version, scripts, acks: [acks; 2], refuses, ..Setup::default() });
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
    for setup in mixed() {
        runs += everywhere(&setup, What::Cut);
        runs += everywhere(&Setup { pipe: 7, sinks: [64; 2], abandons: true, ..setup }, What::Cut);
    }
    println!("{runs} runs");
}

#[test]
fn restarted_after_every_byte() {
    let mut runs = 0;
    for setup in short().into_iter().chain(mixed()) {
        for who in [CLIENT, SERVER] {
            runs += everywhere(&setup, What::Restart(who));
        }
    }
    println!("{runs} runs");
}

/// 3.1 does not tell a client that its session is lost.
#[test]
fn lost_after_every_byte() {
    let mut runs = 0;
    for setup in short().into_iter().chain(mixed()).filter(|setup| setup.version != Version::V3_1) {
        runs += everywhere(&setup, What::Lose);
        runs += everywhere(&setup, What::Clean);
    }
    println!("{runs} runs");
}

/// Cut once and again.
#[test]
fn cut_twice_after_every_byte() {
    let mut runs = 0;
    for version in [Version::V3_1_1, Version::V5_0] {
        for script in [publishes(Qos::AtLeastOnce, 2), publishes(Qos::ExactlyOnce, 2)] {
            for scripts in [[script.clone(), vec![]], [vec![], script]] {
                for (who, what) in [(CLIENT, What::Cut), (SERVER, What::Abort)] {
                    let setup = Setup { version, scripts: scripts.clone(), ..Setup::default() };
                    for at in 0..=run(&setup).read[who] {
                        let at = At::Read(who, at);
                        runs += everywhere(
                            &Setup { faults: vec![Fault { at, what }], ..setup.clone() },
                            What::Cut,
                        );
                    }
                }
            }
        }
    }
    println!("{runs} runs");
}

/// The client comes back with another version: what was on its way goes on as far as that has a place for it.
#[test]
fn another_version_after_every_byte() {
    let mut runs = 0;
    let setups = short().into_iter().chain(mixed());
    for setup in setups.filter(|setup| setup.version != Version::V3_1 && !setup.refuses) {
        let other = if setup.version == Version::V5_0 { Version::V3_1_1 } else { Version::V5_0 };
        let setup = Setup { later: Some(other), ..setup };
        runs += everywhere(&setup, What::Cut);
        runs += everywhere(&setup, What::Restart(SERVER));
        runs += everywhere(&setup, What::Lose);
    }
    println!("{runs} runs");
}

/// The peer takes smaller packets in later connections, or fewer at a time.
#[test]
fn narrower_after_every_byte() {
    let mut runs = 0;
    for acks in [Acks::Automatic, Acks::Last(1)] {
        for script in [publishes(Qos::AtLeastOnce, 5), publishes(Qos::ExactlyOnce, 5)] {
            let scripts = [script.clone(), script];
            let setup = Setup { scripts, acks: [acks; 2], payload: [4, 20], ..Setup::default() };
            runs += everywhere(&Setup { maximum_packet_size: [1000, 40], ..setup.clone() }, What::Cut);
            runs += everywhere(&Setup { receive_maximum: [[4; 2], [1; 2]], ..setup.clone() }, What::Cut);
            runs += everywhere(&Setup { receive_maximum: [[1; 2], [3; 2]], ..setup }, What::Cut);
        }
    }
    println!("{runs} runs");
}
