//! Who sent what, and who got it: the accounting, without I/O.
//!
//! The messages of a publisher to a topic have numbers, from 0 on. Each side notes numbers in the order in which it learns
//! of them: the publisher when a message is acknowledged, each subscriber when one comes.

use std::collections::BTreeSet;

/// A set of numbers that come in order, more or less: everything below `end` but what is `missing`.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    end: u32,
    missing: BTreeSet<u32>,
}

/// How a number fits to those before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// It is higher than all before.
    New,
    /// It was not there yet, but a higher one was.
    Late,
    /// It was there.
    Repeat,
}

impl Numbers {
    pub fn insert(&mut self, number: u32) -> Place {
        if number >= self.end {
            self.missing.extend(self.end..number);
            self.end = number + 1;
            Place::New
        } else if self.missing.remove(&number) {
            Place::Late
        } else {
            Place::Repeat
        }
    }

    pub fn contains(&self, number: u32) -> bool {
        number < self.end && !self.missing.contains(&number)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        u64::from(self.end) - self.missing.len() as u64
    }

    /// How many of these are not among the others.
    fn lacking_in(&self, others: &Self) -> u64 {
        let beyond = (others.end.min(self.end)..self.end).filter(|number| self.contains(*number)).count();
        let gaps = others.missing.iter().filter(|number| self.contains(**number)).count();
        (beyond + gaps) as u64
    }
}

/// What a subscriber has seen of one publisher's messages to one topic.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub numbers: Numbers,
    /// Messages that had come before.
    pub repeats: u64,
    /// Messages that came for the first time after a later one.
    pub late: u64,
}

impl Seen {
    pub fn note(&mut self, number: u32) -> Place {
        let place = self.numbers.insert(number);
        match place {
            Place::New => {}
            Place::Late => self.late += 1,
            Place::Repeat => self.repeats += 1,
        }
        place
    }

    /// How many of the messages that were acknowledged never came.
    pub fn lost(&self, acknowledged: &Numbers) -> u64 {
        acknowledged.lacking_in(&self.numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: impl IntoIterator<Item = u32>) -> Numbers {
        let mut set = Numbers::default();
        for number in numbers {
            set.insert(number);
        }
        set
    }

    fn seen(numbers: impl IntoIterator<Item = u32>) -> Seen {
        let mut seen = Seen::default();
        for number in numbers {
            seen.note(number);
        }
        seen
    }

    #[test]
    fn all_is_well() {
        let seen = seen(0..100);
        assert_eq!((seen.lost(&numbers(0..100)), seen.repeats, seen.late), (0, 0, 0));
        assert_eq!(seen.numbers.len(), 100);
    }

    #[test]
    fn a_lost_message_is_detected_at_the_start_in_the_middle_and_at_the_end() {
        assert_eq!(seen(1..10).lost(&numbers(0..10)), 1);
        assert_eq!(seen((0..5).chain(6..10)).lost(&numbers(0..10)), 1);
        assert_eq!(seen(0..9).lost(&numbers(0..10)), 1);
        assert_eq!(seen([]).lost(&numbers(0..10)), 10);
    }

    #[test]
    fn what_was_not_acknowledged_is_not_lost() {
        assert_eq!(seen(0..9).lost(&numbers(0..9)), 0);
        assert_eq!(seen((0..5).chain(6..10)).lost(&numbers((0..5).chain(6..10))), 0);
        // It may have come all the same.
        assert_eq!(seen(0..10).lost(&numbers(0..9)), 0);
    }

    #[test]
    fn acknowledgements_may_come_in_any_order_and_twice() {
        let acknowledged = numbers([2, 0, 1, 1, 4]);
        assert_eq!(acknowledged.len(), 4);
        assert_eq!(seen([0, 1, 2]).lost(&acknowledged), 1);
        assert_eq!(seen([0, 1, 2, 4]).lost(&acknowledged), 0);
    }

    #[test]
    fn a_repeat_is_detected_and_is_no_disorder() {
        // As a session that is resumed sends them again.
        let seen = seen([0, 1, 2, 1, 2, 3]);
        assert_eq!((seen.repeats, seen.late, seen.lost(&numbers(0..4))), (2, 0, 0));
    }

    #[test]
    fn disorder_is_detected_and_is_no_loss() {
        let seen = seen([0, 2, 1, 3]);
        assert_eq!((seen.repeats, seen.late, seen.lost(&numbers(0..4))), (0, 1, 0));
    }

    #[test]
    fn a_late_message_that_comes_again_is_a_repeat() {
        let seen = seen([0, 2, 1, 1]);
        assert_eq!((seen.repeats, seen.late), (1, 1));
    }
}
