//! One time for all connections.

use std::time::Duration;

use tokio::time::Instant;

/// Counts from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock {
    pub fn now(&self) -> sans_mqtt::Instant {
        self.start.elapsed().into()
    }

    /// When that is by the clock of tokio.
    pub fn at(&self, time: sans_mqtt::Instant) -> Instant {
        self.start + Duration::from_millis(time.as_millis())
    }
}
