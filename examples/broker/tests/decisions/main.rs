//! What the broker decides.

use std::mem;

use broker::broker::Broker;
use sans_mqtt::{Connect, Instant, Properties, Property, Publish, Wait};

mod tests;

use tests::{NEW, OLD, World, all, named, to};

#[derive(Default)]
pub struct Machine(Broker);

impl Machine {
    fn open(&mut self, id: u64, now: Instant) {
        self.0.open(id, now);
    }

    fn receive(&mut self, id: u64, now: Instant, bytes: &[u8]) {
        self.0.turn(id, now, |link| link.input.extend_from_slice(bytes));
    }

    fn output(&mut self, id: u64, now: Instant) -> Vec<u8> {
        self.0.turn(id, now, |_| {}).map_or(Vec::new(), |link| mem::take(&mut link.output.inner))
    }

    fn close(&mut self, id: u64, now: Instant) {
        self.0.close(id, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn is_over(&mut self, id: u64) -> bool {
        let link = self.0.turn(id, Instant::default(), |_| {});
        link.is_none_or(|link| matches!(link.wait, Wait::Closed(_)))
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
