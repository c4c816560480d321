//! When to look at which of very many connections.
//!
//! A deadline that moves to later, as that of a client does with each packet, is left where it is: when that time comes, the
//! connection is looked at, says when it is due by now, and is put there. So a packet costs nothing here, and a connection that
//! is busy is looked at as rarely as one that is idle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use sans_mqtt::Instant;

/// One structure for the deadlines of all connections, which are known by number.
pub trait Deadlines: Default {
    /// The name of the structure.
    const NAME: &'static str;

    /// `who` has to be looked at when it is `due`: to be called after each call of one of its functions. `None`: never; it may be
    /// gone, and its number given to another.
    fn set(&mut self, who: u32, due: Option<Instant>);

    /// Looks at those whose time has come, and asks when to look again.
    fn advance(&mut self, now: Instant, look: impl FnMut(u32) -> Option<Instant>);
}

/// The milliseconds of a tick: how late a look may be.
pub const TICK: u64 = 256;

/// How many ticks lie ahead. What is due behind them is looked at once in so many ticks.
const SLOTS: u32 = 1024;

const NEVER: u32 = u32::MAX;

/// A timing wheel.
pub struct Wheel {
    /// Who is to be looked at in each of the next ticks: that with number `n` has slot `n % SLOTS`.
    slots: Vec<Vec<u32>>,
    /// In which tick each is looked at. What is in another slot is out of date.
    noted: Vec<u32>,
    /// The first tick that has not come.
    next: u32,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { slots: vec![Vec::new(); SLOTS as usize], noted: Vec::new(), next: 0 }
    }
}

impl Deadlines for Wheel {
    const NAME: &'static str = "timing wheel";

    fn set(&mut self, who: u32, due: Option<Instant>) {
        let at = who as usize;
        if at >= self.noted.len() {
            self.noted.resize(at + 1, NEVER);
        }
        let Some(due) = due else {
            self.noted[at] = NEVER;
            return;
        };
        let tick = u32::try_from(due.as_millis().div_ceil(TICK)).unwrap_or(NEVER);
        let tick = tick.clamp(self.next, self.next + SLOTS - 1);
        if tick < self.noted[at] {
            self.noted[at] = tick;
            self.slots[(tick % SLOTS) as usize].push(who);
        }
    }

    fn advance(&mut self, now: Instant, mut look: impl FnMut(u32) -> Option<Instant>) {
        while u64::from(self.next) * TICK <= now.as_millis() {
            let tick = self.next;
            self.next += 1;
            for who in mem::take(&mut self.slots[(tick % SLOTS) as usize]) {
                if self.noted[who as usize] == tick {
                    self.noted[who as usize] = NEVER;
                    self.set(who, look(who));
                }
            }
        }
    }
}

/// A binary heap, for comparison: exact to the millisecond, and slower.
#[derive(Default)]
pub struct Queue {
    queue: BinaryHeap<Reverse<(Instant, u32)>>,
    /// When each is looked at. What the queue has beside is out of date.
    noted: Vec<Option<Instant>>,
}

impl Deadlines for Queue {
    const NAME: &'static str = "binary heap";

    fn set(&mut self, who: u32, due: Option<Instant>) {
        let at = who as usize;
        if at >= self.noted.len() {
            self.noted.resize(at + 1, None);
        }
        let Some(due) = due else {
            self.noted[at] = None;
            return;
        };
        if self.noted[at].is_none_or(|noted| due < noted) {
            self.noted[at] = Some(due);
            self.queue.push(Reverse((due, who)));
        }
    }

    fn advance(&mut self, now: Instant, mut look: impl FnMut(u32) -> Option<Instant>) {
        while let Some(Reverse((due, who))) =
            self.queue.peek().copied().filter(|Reverse((due, _))| *due <= now)
        {
            self.queue.pop();
            if self.noted[who as usize] == Some(due) {
                self.noted[who as usize] = None;
                self.set(who, look(who));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deadlines that move to and fro, beside a plain list of them. Nobody who is gone is looked at, and nobody more than
    /// `late` milliseconds late.
    fn agrees_with_a_list<D: Deadlines>(late: u64) {
        let mut random = fastrand::Rng::with_seed(1);
        let (mut deadlines, mut list) = (D::default(), vec![None; 500]);
        let mut looks = 0;
        for now in (0..2_000_000).step_by(64) {
            let now = Instant::from_millis(now);
            // Often near, at times behind what lies ahead, and never in the past.
            for who in random.choose_multiple(0..500_u32, 5) {
                let span = if random.bool() { 10_000 } else { 600_000 };
                let due = Some(now.as_millis() + 1 + random.u64(..span)).filter(|_| random.u8(..) > 0);
                list[who as usize] = due;
                deadlines.set(who, due.map(Instant::from_millis));
            }
            deadlines.advance(now, |who| {
                let due = &mut list[who as usize];
                assert!(due.is_some(), "{who} is gone");
                if due.is_some_and(|due| due <= now.as_millis()) {
                    looks += 1;
                    *due = None;
                }
                due.map(Instant::from_millis)
            });
            let missed = |due: &&Option<u64>| due.is_some_and(|due| due + late < now.as_millis());
            assert_eq!(list.iter().find(missed), None);
        }
        assert!(looks > 1000);
    }

    #[test]
    fn a_wheel_agrees_with_a_list() {
        agrees_with_a_list::<Wheel>(TICK);
    }

    #[test]
    fn a_queue_agrees_with_a_list() {
        agrees_with_a_list::<Queue>(0);
    }
}
