//! What the example `tiny_broker` decides: the same as the larger one.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/tiny_broker.rs"]
mod tiny_broker;

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/broker/tests/decisions/tests.rs"]
mod tests;

#[path = "../examples/support/wire.rs"]
mod wire;

use std::collections::HashMap;

use sans_mqtt::Instant;
use tiny_broker::Broker;
use wire::Wire;

#[derive(Default)]
pub(crate) struct Machine(Broker, HashMap<u64, Wire>);

impl Machine {
    fn open(&mut self, id: u64, now: Instant) {
        let wire = Wire::default();
        self.0.open(id, now, wire.clone());
        self.1.insert(id, wire);
    }

    fn receive(&mut self, id: u64, now: Instant, bytes: &[u8]) {
        self.0.turn(id, now, bytes, false);
    }

    fn output(&mut self, id: u64, now: Instant) -> Vec<u8> {
        self.0.turn(id, now, &[], false);
        self.1[&id].take()
    }

    fn close(&mut self, id: u64, now: Instant) {
        self.0.turn(id, now, &[], true);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn is_over(&mut self, id: u64) -> bool {
        !self.0.turn(id, Instant::default(), &[], false)
    }
}
