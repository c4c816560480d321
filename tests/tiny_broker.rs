//! What the example `tiny_broker` decides: the same as the larger one.

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/tiny_broker.rs"]
mod tiny_broker;

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/broker/tests/decisions/tests.rs"]
mod tests;

use std::collections::HashMap;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex};

use sans_mqtt::Instant;
use tiny_broker::Broker;

#[derive(Default)]
pub(crate) struct Machine(Broker, HashMap<u64, Wire>);

/// What was written to a client.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

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
        mem::take(&mut self.1[&id].0.lock().unwrap())
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
