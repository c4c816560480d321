//! The load: publishers and subscribers that count what comes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hdrhistogram::Histogram;
use sans_mqtt::*;
use serde::Serialize;
use tokio::sync::Notify;

use crate::account::{Numbers, Place};
use crate::link::{Clock, Task};
use crate::stamp::{self, Stamp};

/// Where all publishers of a scenario publish.
const TOPIC: &str = "plant/line/7/temperature";
/// Payloads have from 16 to 64 bytes.
const PADDING: u32 = 49;

/// Who talks to whom, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Scenario {
    #[serde(serialize_with = "qos_number")]
    pub qos: Qos,
    pub publishers: u32,
    pub subscribers: u32,
}

fn qos_number<S: serde::Serializer>(qos: &Qos, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u8(*qos as u8)
}

impl Scenario {
    /// How many deliveries of one publisher may be on their way at once: enough for the broker never to wait, and few enough
    /// for none to drop them.
    fn window(self) -> u64 {
        u64::from(8 * self.subscribers).max(u64::from((256 / self.publishers).max(4)))
    }

    /// The moderate rate: messages per second of one publisher.
    pub fn rate(self) -> f64 {
        (5000.0 / f64::from(self.subscribers)).min(1000.0) / f64::from(self.publishers)
    }
}

/// When a publisher sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// As soon as what it sent before has come.
    Saturating,
    /// At the moderate rate.
    Moderate,
}

/// What all clients of a run share.
pub struct Run {
    pub scenario: Scenario,
    pub pace: Pace,
    pub clock: Clock,
    /// How many clients have begun.
    pub ready: Cell<u32>,
    /// By publisher.
    traffic: Vec<Traffic>,
    /// Messages that came, to all subscribers together: each once,
    pub deliveries: Cell<u64>,
    /// again,
    pub repeats: Cell<u64>,
    /// and behind a later one.
    pub late: Cell<u64>,
    /// From the publisher to the application of the subscriber, in nanoseconds.
    pub latencies: RefCell<Histogram<u64>>,
    pub stopped: Cell<bool>,
    /// Something has changed for whoever watches the run.
    pub changed: Notify,
    /// Why it can't go on.
    pub failure: RefCell<Option<String>>,
}

#[derive(Default)]
struct Traffic {
    sent: Cell<u32>,
    came: Cell<u64>,
    wake: Notify,
}

impl Run {
    pub fn new(scenario: Scenario, pace: Pace, clock: Clock) -> Rc<Self> {
        let traffic = (0..scenario.publishers).map(|_| Traffic::default()).collect();
        let latencies = Histogram::new_with_max(60_000_000_000, 3).expect("the bounds are in order");
        Rc::new(Self {
            scenario,
            pace,
            clock,
            ready: Cell::new(0),
            traffic,
            deliveries: Cell::new(0),
            repeats: Cell::new(0),
            late: Cell::new(0),
            latencies: RefCell::new(latencies),
            stopped: Cell::new(false),
            changed: Notify::new(),
            failure: RefCell::new(None),
        })
    }

    pub fn wake(&self, publisher: u32) -> &Notify {
        &self.traffic[publisher as usize].wake
    }

    /// How many deliveries there should have been.
    pub fn owed(&self) -> u64 {
        let sent: u64 = self.traffic.iter().map(|it| u64::from(it.sent.get())).sum();
        sent * u64::from(self.scenario.subscribers)
    }

    fn begin(&self) {
        self.ready.set(self.ready.get() + 1);
        self.changed.notify_one();
    }

    fn on_its_way(&self, traffic: &Traffic) -> u64 {
        (u64::from(traffic.sent.get()) * u64::from(self.scenario.subscribers))
            .saturating_sub(traffic.came.get())
    }

    pub fn fail(&self, why: impl ToString) {
        self.failure.borrow_mut().get_or_insert_with(|| why.to_string());
        self.changed.notify_one();
    }
}

pub struct Publisher {
    run: Rc<Run>,
    number: u32,
    /// When its next message is due, at the moderate rate.
    next: u64,
    payload: Vec<u8>,
}

impl Publisher {
    pub fn new(run: Rc<Run>, number: u32) -> Self {
        Self { run, number, next: 0, payload: Vec::new() }
    }

    fn publish(&mut self, client: &mut Client<Heap>, out: &mut Vec<u8>) -> bool {
        let sent = &self.run.traffic[self.number as usize].sent;
        let number = sent.get();
        self.payload.clear();
        Stamp { publisher: self.number, number, sent: self.run.clock.nanos() }.write(&mut self.payload);
        self.payload.resize(stamp::LEN + (number % PADDING) as usize, b'.');
        let qos = self.run.scenario.qos;
        let message = Message { qos, topic: TOPIC, payload: &self.payload, ..Message::default() };
        match client.publish(&message, out) {
            Ok(_) => sent.set(number + 1),
            Err(error) if error.is_temporary() => return false,
            Err(error) => self.run.fail(error),
        }
        true
    }
}

impl Task for Publisher {
    fn event(&mut self, _: &mut Client<Heap>, event: Event<'_>, _: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => {
                // Not all at the same moment.
                let period = 1e9 / self.run.scenario.rate();
                let phase = f64::from(self.number) / f64::from(self.run.scenario.publishers);
                self.next = self.run.clock.nanos() + (phase * period) as u64;
                self.run.begin();
            }
            Event::Acked { reason, .. } if reason.is_error() => self.run.fail(reason),
            _ => {}
        }
    }

    fn act(&mut self, client: &mut Client<Heap>, out: &mut Vec<u8>) -> Option<tokio::time::Instant> {
        let run = self.run.clone();
        if run.pace == Pace::Saturating {
            let traffic = &run.traffic[self.number as usize];
            while !run.stopped.get() && run.on_its_way(traffic) < run.scenario.window() {
                if !self.publish(client, out) {
                    break;
                }
            }
            return None;
        }
        while !run.stopped.get() && self.next <= run.clock.nanos() && self.publish(client, out) {
            self.next += (1e9 / run.scenario.rate()) as u64;
        }
        (!run.stopped.get()).then(|| run.clock.at_nanos(self.next))
    }
}

pub struct Subscriber {
    run: Rc<Run>,
    /// By publisher.
    seen: Vec<Numbers>,
}

impl Subscriber {
    pub fn new(run: Rc<Run>) -> Self {
        let seen = vec![Numbers::default(); run.scenario.publishers as usize];
        Self { run, seen }
    }

    fn take(&mut self, payload: &[u8]) {
        let stamp = Stamp::read(payload);
        let Some((stamp, seen)) = stamp.and_then(|it| Some((it, self.seen.get_mut(it.publisher as usize)?)))
        else {
            return self.run.fail("a message came that nobody sent");
        };
        let run = &self.run;
        match seen.insert(stamp.number) {
            Place::New => {}
            Place::Late => run.late.set(run.late.get() + 1),
            Place::Repeat => return run.repeats.set(run.repeats.get() + 1),
        }
        let took = run.clock.nanos().saturating_sub(stamp.sent);
        run.latencies.borrow_mut().saturating_record(took);
        run.deliveries.set(run.deliveries.get() + 1);
        let traffic = &run.traffic[stamp.publisher as usize];
        traffic.came.set(traffic.came.get() + 1);
        if run.on_its_way(traffic) <= run.scenario.window() / 2 {
            traffic.wake.notify_one();
        }
        if run.stopped.get() {
            run.changed.notify_one();
        }
    }
}

impl Task for Subscriber {
    fn event(&mut self, client: &mut Client<Heap>, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Connected(_) => {
                let filter =
                    Subscription { filter: TOPIC, qos: self.run.scenario.qos, ..Subscription::default() };
                if let Err(error) = client.subscribe(&[filter], Properties::EMPTY, out) {
                    self.run.fail(error);
                }
            }
            Event::Suback(suback) => match suback.reasons.iter().find(|reason| reason.is_error()) {
                Some(reason) => self.run.fail(reason),
                None => self.run.begin(),
            },
            Event::Publish(incoming, _) => self.take(incoming.payload),
            _ => {}
        }
    }

    fn act(&mut self, _: &mut Client<Heap>, _: &mut Vec<u8>) -> Option<tokio::time::Instant> {
        None
    }
}
