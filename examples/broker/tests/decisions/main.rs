//! What the broker decides.

use std::collections::HashMap;
use std::task::Waker;

use broker::access::{Gate, Peer};
use broker::core::link::LinkId;
use broker::core::settings::Settings;
use broker::core::{Broker, Turn};
use broker::output::Output;
use bytes::Buf;
use sans_mqtt::{Connect, Instant, Properties, Property, Publish};

mod tests;

use tests::{NEW, OLD, World, all, named, to};

pub struct Machine {
    broker: Broker,
    links: HashMap<u64, LinkId>,
    output: HashMap<u64, Vec<u8>>,
}

impl Default for Machine {
    fn default() -> Self {
        let mut settings = Settings::default();
        settings.config.assign_topic_aliases = false;
        settings.config.topic_alias_maximum = 0;
        let broker = Broker::new(settings, Gate::default(), Instant::default());
        Self { broker, links: HashMap::new(), output: HashMap::new() }
    }
}

impl Machine {
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
        self.turn(id, now, &[]);
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

#[test]
fn a_client_may_come_back_with_an_older_version() {
    let mut world = World::default();
    let keep = [Property::SessionExpiryInterval(60)];
    let stay = Connect { clean_start: false, properties: (&keep).into(), ..named("s") };
    let (s, _) = world.enter(NEW, stay);
    world.subscribe(s, all("#"));
    let (p, _) = world.enter(NEW, named("p"));
    let words = [Property::UserProperty("a", "b")];
    world.publish(p, Publish { properties: (&words).into(), ..to("a", "1") });
    assert_eq!(world.heard(s), ["a 1"]); // and it is not acknowledged
    world.cut(s);
    let (s, present) = world.enter(OLD, Connect { properties: Properties::EMPTY, ..stay });
    assert!(present);
    assert_eq!(world.heard(s), ["a 1"]);
}
