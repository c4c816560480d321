//! What the broker decides.

use std::collections::HashMap;
use std::task::Waker;

use broker::access::{Gate, Peer};
use broker::core::link::LinkId;
use broker::core::settings::Settings;
use broker::core::{Broker, Turn};
use broker::disk::Sqlite;
use broker::output::Output;
use bytes::Buf;
use sans_mqtt::{
    Ack, Connect, Delivery, Instant, Packet, PacketId, Properties, Property, Publish, Qos, Subscription,
    Version, Will,
};
use tempfile::TempDir;

mod limits;
mod losses;
mod older;
mod tests;
mod versions;

use tests::{NEW, OLD, World, all, named, stay, to};

pub struct Machine {
    broker: Broker,
    links: HashMap<u64, LinkId>,
    output: HashMap<u64, Vec<u8>>,
    directory: TempDir,
}

fn broker(directory: &TempDir, now: Instant) -> Broker {
    let mut settings = Settings::default();
    settings.config.assign_topic_aliases = false;
    settings.config.topic_alias_maximum = 0;
    let mut broker = Broker::new(settings, Gate::default(), now);
    broker.restore(Box::new(Sqlite::open(directory.path(), false).unwrap())).unwrap();
    broker
}

impl Default for Machine {
    fn default() -> Self {
        let directory = TempDir::new().unwrap();
        let broker = broker(&directory, Instant::default());
        Self { broker, links: HashMap::new(), output: HashMap::new(), directory }
    }
}

impl Machine {
    /// The end of the process, without a word, and another one.
    fn restart(&mut self, now: Instant) {
        self.broker = Broker::new(Settings::default(), Gate::default(), now);
        self.broker = broker(&self.directory, now);
        self.links.clear();
    }

    fn open(&mut self, id: u64, now: Instant) {
        self.links.insert(id, self.broker.open(Peer::default(), now));
    }

    fn turn(&mut self, id: u64, now: Instant, came: &[u8]) -> Turn {
        let mut output = Output::default();
        let turn = self.broker.turn(self.links[&id], now, came, false, &mut output, Waker::noop()).unwrap();
        self.output.entry(id).or_default().extend_from_slice(&output.copy_to_bytes(output.remaining()));
        turn
    }

    fn receive(&mut self, id: u64, now: Instant, bytes: &[u8]) {
        self.turn(id, now, bytes);
    }

    fn output(&mut self, id: u64, now: Instant) -> Vec<u8> {
        if self.links.contains_key(&id) {
            self.turn(id, now, &[]);
        }
        self.output.remove(&id).unwrap_or_default()
    }

    fn close(&mut self, id: u64, now: Instant) {
        self.broker.close(self.links[&id], now).unwrap();
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.broker.handle_timeout(now).unwrap();
    }

    fn is_over(&mut self, id: u64) -> bool {
        self.turn(id, Instant::default(), &[]).is_over
    }
}

impl World {
    /// The broker ends without a word, and another one begins.
    fn restart(&mut self) {
        let now = self.now;
        self.machine.restart(now);
        self.input.clear();
    }
}

/// Another broker in the place of the one that there is.
fn replace(world: &mut World, settings: Settings) {
    let directory = world.machine.directory.path();
    world.machine.broker = Broker::new(Settings::default(), Gate::default(), world.now);
    world.machine.broker = Broker::new(settings, Gate::default(), world.now);
    world.machine.broker.restore(Box::new(Sqlite::open(directory, false).unwrap())).unwrap();
    world.machine.links.clear();
    world.input.clear();
}

#[test]
fn what_was_acknowledged_survives_a_restart() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, Subscription { qos: Qos::ExactlyOnce, ..all("#") });
    let (other, _) = world.enter(OLD, Connect { clean_start: false, ..named("other") });
    world.subscribe(other, all("a"));
    let (p, _) = world.enter(OLD, named("p"));
    // One is on its way, one waits.
    world.publish(p, to("a", "1"));
    world.publish(p, Publish { retain: true, ..to("r", "kept") });
    world.cut(s);
    world.publish(p, to("a", "2"));
    assert_eq!(world.heard(other), ["a 1", "a 2"]);
    world.restart();
    let (s, present) = world.enter(NEW, stay("s"));
    assert!(present);
    assert_eq!(world.heard(s), ["a 1", "r kept", "a 2"]);
    let (other, present) = world.enter(OLD, Connect { clean_start: false, ..named("other") });
    assert!(present);
    assert_eq!(world.heard(other), ["a 1", "a 2"], "nobody acknowledged them");
    let (late, _) = world.enter(NEW, named("late"));
    world.subscribe(late, all("r"));
    assert_eq!(world.heard(late), ["r kept R"]);
    // And the subscriptions.
    let (p, _) = world.enter(OLD, named("p"));
    world.publish(p, to("a", "3"));
    assert_eq!((world.heard(s), world.heard(other)), (vec!["a 3".into()], vec!["a 3".into()]));
}

#[test]
fn an_exchange_of_qos_2_goes_on_after_a_restart() {
    let (one, two) = (PacketId::MIN, PacketId::new(2).unwrap());
    for restarts in 0..8 {
        let mut world = World::default();
        let (s, _) = world.enter(NEW, stay("s"));
        world.subscribe(s, Subscription { qos: Qos::ExactlyOnce, ..all("#") });
        let (mut s, mut heard) = (s, Vec::new());
        let (mut p, _) = world.enter(NEW, stay("p"));
        let delivery = Delivery::ExactlyOnce(two);
        let message = Publish { delivery, ..to("a", "once") };
        world.send(p, message);
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubrec(_)), "{packet:?}"));
        if restarts & 1 != 0 {
            world.restart();
            p = world.enter(NEW, stay("p")).0;
            // The client can't know.
            world.send(p, Publish { delivery, dup: true, ..message });
            world.next(p, |packet| assert!(matches!(packet, Packet::Pubrec(_)), "{packet:?}"));
        }
        world.send(p, Packet::Pubrel(Ack { packet_id: two, ..Ack::default() }));
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubcomp(_)), "{packet:?}"));
        if restarts & 1 != 0 {
            s = world.enter(NEW, stay("s")).0;
        }
        heard.extend(world.heard(s));
        if restarts & 2 != 0 {
            world.restart();
            s = world.enter(NEW, stay("s")).0;
            world.next(s, |packet| assert!(matches!(packet, Packet::Publish(it) if it.dup), "{packet:?}"));
        }
        world.send(s, Packet::Pubrec(Ack { packet_id: one, ..Ack::default() }));
        world.next(s, |packet| assert!(matches!(packet, Packet::Pubrel(_)), "{packet:?}"));
        if restarts & 4 != 0 {
            world.restart();
            s = world.enter(NEW, stay("s")).0;
            world.next(s, |packet| assert!(matches!(packet, Packet::Pubrel(_)), "{packet:?}"));
        }
        world.send(s, Packet::Pubcomp(Ack { packet_id: one, ..Ack::default() }));
        assert_eq!(heard, ["a once"]);
        world.restart();
        let (s, present) = world.enter(NEW, stay("s"));
        assert_eq!((present, world.heard(s)), (true, vec![]), "{restarts}");
    }
}

#[test]
fn a_session_survives_restarts_between_which_its_client_did_not_come() {
    let mut world = World::default();
    world.enter(OLD, Connect { clean_start: false, ..named("for ever") });
    world.enter(NEW, stay("for a minute"));
    world.restart();
    world.restart();
    let (_, present) = world.enter(OLD, Connect { clean_start: false, ..named("for ever") });
    assert!(present);
    let (_, present) = world.enter(NEW, stay("for a minute"));
    assert!(present);
}

#[test]
fn times_go_on_during_a_restart() {
    let mut world = World::default();
    let (watcher, _) = world.enter(NEW, stay("w"));
    world.subscribe(watcher, all("will"));
    let delay = [Property::WillDelayInterval(5)];
    let will = Will { topic: "will", payload: b"x", properties: (&delay).into(), ..Will::default() };
    let (_c, _) = world.enter(NEW, Connect { will: Some(will), ..stay("c") });
    world.restart();
    let (watcher, _) = world.enter(NEW, stay("w"));
    world.pass(4);
    assert_eq!(world.heard(watcher), [""; 0]);
    world.pass(2);
    assert_eq!(world.heard(watcher), ["will x"]);
    world.cut(watcher);
    world.pass(50);
    world.restart();
    world.pass(11);
    let (_, present) = world.enter(NEW, stay("w"));
    assert!(!present);
}
