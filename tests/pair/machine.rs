//! Either machine, its sink, and what it finds.

use std::cell::RefCell;
use std::rc::Rc;

use sans_mqtt::event_log::Recorder;
use sans_mqtt::{AckToken, Event, Instant, PacketId, Qos, ReasonCode, Sink, Step, Wait, role};

use crate::setup::Tables;
use crate::store::Log;

pub(crate) enum Machine {
    Client(Recorder<role::Client, Log, Tape, Tables>),
    Server(Recorder<role::Server, Log, Tape, Tables>),
}

/// Where all connections of a side are logged, if they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape(pub(crate) Option<Rc<RefCell<Vec<u8>>>>);

impl Sink for Tape {
    fn reserve(&mut self, _: usize) -> bool {
        self.0.is_some()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.iter().for_each(|log| log.borrow_mut().extend_from_slice(bytes));
    }
}

/// The same call of either machine.
macro_rules! either {
    ($machine:expr, $name:ident => $call:expr) => {
        match $machine {
            $crate::machine::Machine::Client($name) => $call,
            $crate::machine::Machine::Server($name) => $call,
        }
    };
}
pub(crate) use either;

impl Machine {
    pub(crate) fn handle(&mut self, now: Instant, input: &mut &[u8], out: &mut Bounded) -> Found {
        either!(self, m => {
            match m.handle(now, input, out) {
                Step::Event(Event::Publish(p, token)) => {
                    let topic = m.topic(&p).to_string();
                    Found::Publish { topic, payload: p.payload.to_vec(), qos: p.qos, token }
                }
                Step::Event(Event::PublishStart(p, len)) => {
                    Found::Start { topic: m.topic(&p).to_string(), len, qos: p.qos }
                }
                step => Found::from(step),
            }
        })
    }
}

/// A sink with a limit, which holds the encoders to their word.
#[derive(Debug, Default)]
pub(crate) struct Bounded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) size: usize,
    pub(crate) granted: usize,
}

impl Sink for Bounded {
    fn reserve(&mut self, n: usize) -> bool {
        let granted = n <= self.size - self.bytes.len();
        self.granted = if granted { n } else { 0 };
        granted
    }

    fn put(&mut self, bytes: &[u8]) {
        self.granted = self.granted.checked_sub(bytes.len()).expect("more than was asked for");
        self.bytes.extend_from_slice(bytes);
    }
}

/// What `handle` found, without what it borrows.
pub(crate) enum Found {
    Connect { clean_start: bool },
    Connected,
    Publish { topic: String, payload: Vec<u8>, qos: Qos, token: Option<AckToken> },
    Start { topic: String, len: u32, qos: Qos },
    Chunk(Vec<u8>),
    End(Option<AckToken>),
    Acked(PacketId, ReasonCode),
    Dropped(PacketId),
    Asked { subscribe: bool, filters: usize },
    Answered(PacketId),
    Disconnect,
    Wait(Wait),
}

impl From<Step<'_>> for Found {
    fn from(step: Step<'_>) -> Self {
        match step {
            Step::Wait(wait) => Self::Wait(wait),
            Step::Event(Event::Connect(connect)) => Self::Connect { clean_start: connect.clean_start },
            Step::Event(Event::Connected(_)) => Self::Connected,
            Step::Event(Event::PublishChunk(chunk)) => Self::Chunk(chunk.to_vec()),
            Step::Event(Event::PublishEnd(token)) => Self::End(token),
            Step::Event(Event::Acked { id, reason, .. }) => Self::Acked(id, reason),
            Step::Event(Event::Dropped { id, .. }) => Self::Dropped(id),
            Step::Event(Event::Subscribe(p)) => {
                Self::Asked { subscribe: true, filters: p.filters.iter().count() }
            }
            Step::Event(Event::Unsubscribe(p)) => {
                Self::Asked { subscribe: false, filters: p.filters.iter().count() }
            }
            Step::Event(Event::Suback(p) | Event::Unsuback(p)) => Self::Answered(p.packet_id),
            Step::Event(Event::Disconnect(_)) => Self::Disconnect,
            Step::Event(event) => panic!("{event:?}"),
        }
    }
}
