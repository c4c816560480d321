//! What all clients of an endurance run share: who is there, what was sent, and what came.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use hdrhistogram::Histogram;
use sans_mqtt::{Qos, Version};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore};

use crate::account::{Numbers, Seen};
use crate::link::Clock;

/// A group has a publisher of QoS 1, one of QoS 2, and subscribers to both.
pub const GROUP: usize = 10;
const PUBLISHERS: usize = 2;
/// How many clients connect at once.
const CROWD: usize = 64;

#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
pub enum Stage {
    Connecting,
    Running,
    /// Nothing new is sent, and nobody misbehaves any more.
    Draining,
    Over,
}

pub struct World {
    pub address: SocketAddr,
    pub clock: Clock,
    pub stage: Cell<Stage>,
    /// Of one publisher, in nanoseconds.
    pub period: u64,
    /// Woken at the end of the run.
    pub leave: Notify,
    /// Who connects at the moment.
    pub crowd: Semaphore,
    pub connected: Cell<usize>,
    pub subscribed: Cell<usize>,
    /// Since when everybody is there; not, if the broker was just killed.
    pub calm_since: Cell<Option<u64>>,
    pub counts: Counts,
    /// In nanoseconds.
    pub latencies: Latencies,
    pub publishers: Vec<RefCell<Sent>>,
    pub subscribers: Vec<RefCell<[Seen; PUBLISHERS]>>,
}

#[derive(Default)]
pub struct Counts {
    pub deliveries: Cell<u64>,
    /// Connections of healthy clients that ended.
    pub broken: Cell<u64>,
    /// Sessions that the broker did not have any more.
    pub forgotten: Cell<u64>,
    /// Messages that the broker refused, or sent and nobody has published.
    pub wrong: Cell<u64>,
    /// What bad clients did, by kind.
    pub misdeeds: RefCell<BTreeMap<String, u64>>,
}

pub fn add(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

pub struct Latencies {
    pub all: RefCell<Histogram<u64>>,
    /// Of messages that were sent when everybody was there, and came before the broker was killed again.
    pub calm: RefCell<Histogram<u64>>,
    /// Of this second.
    pub second: RefCell<Histogram<u64>>,
}

/// What a publisher knows of its messages.
#[derive(Default)]
pub struct Sent {
    pub next: u32,
    pub in_flight: usize,
    pub acknowledged: Numbers,
}

/// What became of all messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Account {
    pub published: u64,
    pub acknowledged: u64,
    /// Messages for which the publisher still waits.
    pub unacknowledged: u64,
    pub delivered: u64,
    /// Deliveries that were owed, for the message was acknowledged, and did not happen.
    pub lost: u64,
    /// As it may be.
    pub repeated_qos_1: u64,
    pub repeated_qos_2: u64,
    pub out_of_order: u64,
    /// Sessions that the broker did not have any more, and messages that it should not have refused or sent.
    pub sessions_forgotten: u64,
    pub wrong: u64,
}

/// One of the healthy clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    Publisher { index: usize, qos: Qos },
    Subscriber { index: usize },
}

impl World {
    pub fn new(address: SocketAddr, connections: usize, rate: f64) -> Rc<Self> {
        let groups = connections.div_ceil(GROUP).max(1);
        let histogram = || {
            let histogram = Histogram::new_with_max(600_000_000_000, 3).expect("the bounds are in order");
            RefCell::new(histogram)
        };
        let publishers = groups * PUBLISHERS;
        Rc::new(Self {
            address,
            clock: Clock::start(),
            stage: Cell::new(Stage::Connecting),
            period: (1e9 * publishers as f64 / rate) as u64,
            leave: Notify::new(),
            crowd: Semaphore::new(CROWD),
            connected: Cell::new(0),
            subscribed: Cell::new(0),
            calm_since: Cell::new(None),
            counts: Counts::default(),
            latencies: Latencies { all: histogram(), calm: histogram(), second: histogram() },
            publishers: (0..publishers).map(|_| RefCell::default()).collect(),
            subscribers: (0..groups * (GROUP - PUBLISHERS)).map(|_| RefCell::default()).collect(),
        })
    }

    /// How many healthy clients there are.
    pub fn population(&self) -> usize {
        self.publishers.len() + self.subscribers.len()
    }

    /// Whether everybody is connected, but for those who were thrown out just now and come back.
    pub fn all_here(&self) -> bool {
        self.connected.get() >= self.population() * 99 / 100
    }

    /// Who the client with this number is. The first of a group are its publishers.
    pub fn role(number: usize) -> Role {
        let (group, place) = (number / GROUP, number % GROUP);
        match place {
            0 => Role::Publisher { index: group * PUBLISHERS, qos: Qos::AtLeastOnce },
            1 => Role::Publisher { index: group * PUBLISHERS + 1, qos: Qos::ExactlyOnce },
            _ => Role::Subscriber { index: group * (GROUP - PUBLISHERS) + place - PUBLISHERS },
        }
    }

    /// Half of each kind speak 5.0.
    pub fn version(number: usize) -> Version {
        if (number / GROUP + number) % 2 == 0 { Version::V5_0 } else { Version::V3_1_1 }
    }

    pub fn client_id(number: usize) -> String {
        format!("healthy-{number}")
    }

    /// The topic of a publisher, of the messages with its index.
    pub fn topic(index: usize) -> String {
        format!("endure/{}/{}", index / PUBLISHERS, index % PUBLISHERS)
    }

    /// What a subscriber wants: all of its group.
    pub fn filter(index: usize) -> String {
        format!("endure/{}/+", index / (GROUP - PUBLISHERS))
    }

    /// A message came to a subscriber.
    pub fn take(&self, index: usize, stamp: Option<crate::stamp::Stamp>) {
        let group = index / (GROUP - PUBLISHERS);
        let mut seen = self.subscribers[index].borrow_mut();
        let publisher = stamp.and_then(|it| (it.publisher as usize).checked_sub(group * PUBLISHERS));
        let Some((stamp, seen)) = stamp.zip(publisher.and_then(|it| seen.get_mut(it))) else {
            return add(&self.counts.wrong);
        };
        add(&self.counts.deliveries);
        if seen.note(stamp.number) == crate::account::Place::Repeat {
            return;
        }
        let took = self.clock.nanos().saturating_sub(stamp.sent);
        let Latencies { all, calm, second } = &self.latencies;
        all.borrow_mut().saturating_record(took);
        second.borrow_mut().saturating_record(took);
        if self.calm_since.get().is_some_and(|since| stamp.sent >= since) {
            calm.borrow_mut().saturating_record(took);
        }
    }

    pub fn account(&self) -> Account {
        let mut account = Account {
            sessions_forgotten: self.counts.forgotten.get(),
            wrong: self.counts.wrong.get(),
            ..Account::default()
        };
        for sent in &self.publishers {
            let sent = sent.borrow();
            account.published += u64::from(sent.next);
            account.acknowledged += sent.acknowledged.len();
            account.unacknowledged += sent.in_flight as u64;
        }
        for (index, seen) in self.subscribers.iter().enumerate() {
            let first = index / (GROUP - PUBLISHERS) * PUBLISHERS;
            let seen = seen.borrow();
            for (seen, sent) in seen.iter().zip(&self.publishers[first..]) {
                account.delivered += seen.numbers.len();
                account.lost += seen.lost(&sent.borrow().acknowledged);
                account.out_of_order += seen.late;
            }
            account.repeated_qos_1 += seen[0].repeats;
            account.repeated_qos_2 += seen[1].repeats;
        }
        account
    }
}
