//! Time from a timer that interrupts every millisecond.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use sans_mqtt::Instant;

/// What the interrupt counts.
#[derive(Debug, Default)]
pub struct Ticks(AtomicU32);

impl Ticks {
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// One more. Only the interrupt calls it, so that nothing happens between load and store: a Cortex-M0 can't add to
    /// an atomic.
    pub fn tick(&self) {
        self.0.store(self.0.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// The time since the start. Asked at least once in the 49 days in which the ticks begin anew.
#[derive(Debug)]
pub struct Clock {
    ticks: &'static Ticks,
    seen: u32,
    millis: u64,
}

impl Clock {
    pub const fn new(ticks: &'static Ticks) -> Self {
        Self { ticks, seen: 0, millis: 0 }
    }

    pub fn now(&mut self) -> Instant {
        let ticks = self.ticks.0.load(Relaxed);
        self.millis += u64::from(ticks.wrapping_sub(self.seen));
        self.seen = ticks;
        Instant::from_millis(self.millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_ticks_begin_anew() {
        static TICKS: Ticks = Ticks(AtomicU32::new(u32::MAX - 1));
        let mut clock = Clock::new(&TICKS);
        let before = clock.now();
        (0..5).for_each(|_| TICKS.tick());
        assert_eq!(clock.now().as_millis(), before.as_millis() + 5);
    }
}
