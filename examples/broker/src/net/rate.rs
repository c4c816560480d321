//! How much there may be of something in a time.

use std::time::Duration;

use sans_mqtt::Instant;

/// So many in each period: that many at once, and then as they are replaced one by one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Zero: no limit.
    pub count: u32,
    pub period: Duration,
}

impl Rate {
    pub const fn per_second(count: u32) -> Self {
        Self { count, period: Duration::from_secs(1) }
    }

    pub const fn per_minute(count: u32) -> Self {
        Self { count, period: Duration::from_secs(60) }
    }

    pub const fn is_limit(self) -> bool {
        self.count > 0
    }

    const fn micros(self) -> u64 {
        self.period.as_micros() as u64
    }
}

/// What was taken at a rate: a bucket that fills up by itself. All it remembers is when it is full.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// In microseconds.
    full_at: u64,
}

impl Bucket {
    /// Takes `n`, more than there are if need be. Nothing more is to be taken before the time that it gives, if any.
    pub fn take(&mut self, rate: Rate, now: Instant, n: u32) -> Option<Instant> {
        if !rate.is_limit() {
            return None;
        }
        let now = now.as_millis().saturating_mul(1000);
        let cost = u64::from(n).saturating_mul(rate.micros()) / u64::from(rate.count);
        self.full_at = self.full_at.max(now).saturating_add(cost);
        // As long as it is not in debt, it is full within one period.
        let ready = self.full_at.saturating_sub(rate.micros());
        (ready > now).then(|| Instant::from_millis(ready.div_ceil(1000)))
    }

    /// Whether there is one to be taken.
    pub fn has_one(mut self, rate: Rate, now: Instant) -> bool {
        self.take(rate, now, 1).is_none()
    }

    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now.as_millis().saturating_mul(1000)
    }
}
