//! Topics, and tables for those that Topic Aliases stand for.

use sans_mqtt::{FixedTopics, HeapTopics, NoTopics, TopicSlot, TopicTable};

/// What the application publishes to. The last ones are not to be.
pub(crate) const TOPICS: [&str; 8] = ["t", "u", "a/b", "a/c", "a/long/topic", "another/long/topic", "+", ""];

/// A table of one kind or another.
#[derive(Debug)]
pub(crate) enum Topics {
    None(NoTopics),
    Small(FixedTopics<2, 4>),
    Large(FixedTopics<5, 30>),
    Tight(HeapTopics),
    Wide(HeapTopics),
}

impl Topics {
    /// A new one, in which something is left of an earlier connection.
    pub(crate) fn new(kind: u8) -> Self {
        let mut topics = match kind % 5 {
            0 => Self::None(NoTopics),
            1 => Self::Small(FixedTopics::default()),
            2 => Self::Large(FixedTopics::default()),
            3 => Self::Tight(HeapTopics::new(3, 8)),
            _ => Self::Wide(HeapTopics::new(20, 1000)),
        };
        topics.set(1, "t");
        topics
    }
}

macro_rules! each {
    ($topics:expr, $it:ident => $call:expr) => {
        match $topics {
            Topics::None($it) => $call,
            Topics::Small($it) => $call,
            Topics::Large($it) => $call,
            Topics::Tight($it) => $call,
            Topics::Wide($it) => $call,
        }
    };
}

impl TopicTable for Topics {
    fn capacity(&self) -> u16 {
        each!(self, it => it.capacity())
    }

    fn get(&self, alias: u16) -> Option<&str> {
        each!(self, it => it.get(alias))
    }

    fn set(&mut self, alias: u16, topic: &str) -> bool {
        each!(self, it => it.set(alias, topic))
    }

    fn fits(&self, topic: &str) -> bool {
        each!(self, it => it.fits(topic))
    }

    fn clear(&mut self) {
        each!(self, it => it.clear());
    }

    fn slots(&self) -> &[TopicSlot] {
        each!(self, it => it.slots())
    }

    fn slots_mut(&mut self) -> &mut [TopicSlot] {
        each!(self, it => it.slots_mut())
    }
}
