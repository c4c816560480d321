//! One time for all connections.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Counts milliseconds since 1970, so that a broker that is started later can go on with times of this one, but is not
/// disturbed when somebody sets the clock on the wall.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    /// What it shows then.
    time: sans_mqtt::Instant,
}

impl Default for Clock {
    fn default() -> Self {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), time: time.into() }
    }
}

impl Clock {
    pub fn now(&self) -> sans_mqtt::Instant {
        self.time + self.start.elapsed()
    }

    /// When that is, or was, by the clock of tokio.
    pub fn at(&self, time: sans_mqtt::Instant) -> Instant {
        self.start + Duration::from_millis(time.as_millis().saturating_sub(self.time.as_millis()))
    }
}
