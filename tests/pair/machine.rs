//! Either machine, its sink, and what it finds.

use sans_mqtt::{AckToken, Client, Event, Instant, PacketId, Qos, ReasonCode, Server, Sink, Step, Wait};

use crate::setup::Tables;
use crate::store::Log;

pub(crate) enum Machine {
    Client(Client<Log, Tables>),
    Server(Server<Log, Tables>),
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
            Step::Event(Event::Dropped { id }) => Self::Dropped(id),
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
