//! The broker without I/O: bytes and time go in, bytes come out.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use sans_mqtt::*;
use slotmap::SlotMap;
use tracing::{debug, info};

use crate::access::{Gate, Peer, Verdict};
use crate::output::Output;
use agenda::{Agenda, Deadline};
use client::{Client, ClientId, Subscribed};
use ledger::Ledger;
use letter::Stored;
use link::{Job, Link, LinkId};
use retained::Retained;
use settings::Settings;
use statistics::Statistics;
use topics::Topics;

mod agenda;
pub mod client;
mod deliver;
mod enter;
pub mod ledger;
pub mod letter;
pub mod link;
mod publish;
mod restore;
pub mod retained;
pub mod settings;
mod statistics;
mod subscribe;
pub mod topics;

/// A broker: its clients, their subscriptions, and what is kept for them.
pub struct Broker {
    now: Instant,
    settings: Settings,
    gate: Gate,
    links: SlotMap<LinkId, Option<Box<Link>>>,
    clients: SlotMap<ClientId, Client>,
    names: HashMap<Arc<str>, ClientId>,
    topics: Topics<ClientId, Subscribed>,
    retained: Retained<Arc<Stored>>,
    /// Of all that is retained.
    retained_bytes: usize,
    agenda: Agenda,
    ledger: Ledger,
    statistics: Statistics,
    /// Of the last letter.
    number: u64,
    /// Whether something came for the client that has its turn.
    has_own_mail: bool,
    /// Whom a message goes to: kept for its memory only.
    targets: Vec<(ClientId, Subscribed)>,
    shared: Vec<(ClientId, Subscribed, Arc<str>)>,
}

/// What a transport is to do.
#[derive(Debug)]
pub struct Turn {
    /// Whether more is to be read.
    pub reads: bool,
    /// When the next turn is, if nothing comes before.
    pub due: Option<Instant>,
    /// Whether it is to be closed once the output is written.
    pub is_over: bool,
    /// How many messages have come in this turn.
    pub messages: u32,
    /// How far its client is.
    pub stage: Stage,
}

/// How far a client is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// At the door.
    Before,
    In,
    /// Turned away.
    Refused,
}

impl Broker {
    pub fn new(settings: Settings, gate: Gate, now: Instant) -> Self {
        let mut broker = Self {
            now,
            settings,
            gate,
            links: SlotMap::with_key(),
            clients: SlotMap::with_key(),
            names: HashMap::new(),
            topics: Topics::default(),
            retained: Retained::default(),
            retained_bytes: 0,
            agenda: Agenda::default(),
            ledger: Ledger::default(),
            statistics: Statistics::new(now),
            number: 0,
            has_own_mail: false,
            targets: Vec::new(),
            shared: Vec::new(),
        };
        if !broker.settings.sys_interval.is_zero() {
            broker.agenda.insert(now, Deadline::Statistics);
        }
        broker
    }

    /// Goes by another gate from now on. Everybody, here or away, may do what that says; who would not be let in any more by
    /// what it had shown is sent away, and its session stays.
    pub fn set_gate(&mut self, gate: Gate, now: Instant) {
        self.gate = gate;
        for client in self.clients.values_mut() {
            client.access = self.gate.access(&client.who, &client.name);
            let link = client.link.and_then(|id| self.links.get_mut(id)).and_then(Option::as_mut);
            if let Some(link) = link.filter(|_| !self.gate.admits(&client.who)) {
                info!(
                    address = link.peer.shown(),
                    client_id = &*client.name,
                    "its login does not count any more"
                );
                link.end(ReasonCode::ADMINISTRATIVE_ACTION, now);
                link.wake();
            }
        }
    }

    /// A transport was opened.
    pub fn open(&mut self, peer: Peer, now: Instant) -> LinkId {
        let link = Link::new(&self.settings, peer, now);
        self.links.insert(Some(Box::new(link)))
    }

    /// A transport was closed, or failed.
    ///
    /// # Errors
    ///
    /// Those of the disk: what was promised can't be kept, and the broker must not go on.
    pub fn close(&mut self, id: LinkId, now: Instant) -> io::Result<()> {
        self.now = now;
        if let Some(Some(mut link)) = self.links.remove(id) {
            link.server.handle_timeout(now, &mut Vec::new());
            self.leave(&mut link);
        }
        self.ledger.commit()
    }

    /// Does what there is to do at a transport: something has come, or all has (`is_eof`), or it is time. What is written is
    /// put into `output`, if that is empty, and has the limit then for what is written next.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close). Nothing of the output may be sent then.
    pub fn turn(
        &mut self,
        id: LinkId,
        now: Instant,
        came: &[u8],
        is_eof: bool,
        output: &mut Output,
        waker: &Waker,
    ) -> io::Result<Turn> {
        self.now = now;
        // It is taken out, so that the others can be dealt with.
        let Some(mut link) = self.links.get_mut(id).and_then(Option::take) else {
            let (due, stage) = (None, Stage::Before);
            return Ok(Turn { reads: false, due, is_over: true, messages: 0, stage });
        };
        link.set_waker(waker);
        if is_eof {
            link.server.handle_eof();
        }
        self.statistics.bytes_received += came.len() as u64;
        let before = self.statistics.received;
        self.handle(id, &mut link, came);
        if link.server.is_open() {
            self.deliver(&mut link);
        }
        self.write_down(&mut link);
        link.stage = match (link.client, link.wait) {
            (Some(_), _) => Stage::In,
            (None, Wait::Closed(cause @ (Cause::Refused(_) | Cause::Failed(_))))
                if link.stage == Stage::Before =>
            {
                debug!(address = link.peer.shown(), %cause, "turned away");
                Stage::Refused
            }
            (None, _) => link.stage,
        };
        if link.is_over() {
            self.leave(&mut link);
        }
        let committed = self.ledger.commit();
        if !output.is_empty() {
            output.refuse();
        } else if committed.is_ok() {
            mem::swap(output, &mut link.output);
            self.statistics.bytes_sent += output.len() as u64;
        }
        let turn = Turn {
            reads: link.reads(),
            due: link.due(),
            is_over: link.is_over() && link.output.is_empty(),
            messages: u32::try_from(self.statistics.received - before).unwrap_or(u32::MAX),
            stage: link.stage,
        };
        if let Some(place) = self.links.get_mut(id) {
            *place = Some(link);
        }
        committed.map(|()| turn)
    }

    fn handle(&mut self, id: LinkId, link: &mut Link, came: &[u8]) {
        if let Some(verdict) = link.entry.as_mut().and_then(|entry| entry.verdict.take())
            && self.judge(id, link, verdict).is_err()
        {
            link.end(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR, self.now);
        }
        if link.until.is_some_and(|until| until <= self.now) {
            link.until = None;
            link.end(ReasonCode::MAXIMUM_CONNECT_TIME, self.now);
        }
        // What came is copied only if it ends within a packet.
        let mut kept = mem::take(&mut link.input);
        let mut rest = if kept.is_empty() {
            came
        } else {
            kept.extend_from_slice(came);
            &kept[..]
        };
        while !link.is_over() {
            match link.server.handle(self.now, &mut rest, &mut link.output) {
                Step::Event(event) => {
                    if self.answer(id, link, event).is_err() {
                        // Who can't take the answer can only be sent away.
                        link.end(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR, self.now);
                    } else if mem::take(&mut self.has_own_mail) && link.server.is_open() {
                        self.deliver_waiting(link);
                    }
                }
                Step::Wait(wait) => {
                    link.wait = wait;
                    break;
                }
            }
        }
        let left = rest.len();
        link.input = if kept.is_empty() {
            rest.to_vec()
        } else {
            let taken = kept.len() - left;
            kept.drain(..taken);
            kept.shrink_to(left.max(4096));
            if left == 0 { Vec::new() } else { kept }
        };
    }

    fn answer(&mut self, id: LinkId, link: &mut Link, event: Event<'_>) -> Result<(), UsageError> {
        match event {
            Event::Connect(connect) => self.knock(id, link, &connect),
            Event::Auth(auth) => self.authenticate(id, link, &auth),
            Event::Publish(incoming, token) => self.receive(link, &incoming, token),
            Event::Subscribe(subscribe) => self.subscribe(link, &subscribe),
            Event::Unsubscribe(unsubscribe) => self.unsubscribe(link, &unsubscribe),
            // It is too large for its client, who has come back with less room.
            Event::Dropped { .. } => {
                self.statistics.dropped += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is to be done elsewhere for a transport, if anything is. Its result goes to [`decide`](Self::decide).
    pub fn job(&mut self, id: LinkId) -> Option<Job> {
        self.links.get_mut(id)?.as_mut()?.entry.as_mut()?.job.take()
    }

    /// The result of a [`job`](Self::job).
    pub fn decide(&mut self, id: LinkId, verdict: Verdict) {
        if let Some(link) = self.links.get_mut(id).and_then(Option::as_mut)
            && let Some(entry) = &mut link.entry
        {
            entry.verdict = Some(verdict);
            link.wake();
        }
    }

    /// Does what is due of that which waits.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn handle_timeout(&mut self, now: Instant) -> io::Result<()> {
        self.now = now;
        while let Some(deadline) = self.agenda.pop(now) {
            match deadline {
                Deadline::Client(id) => self.settle(id),
                Deadline::Retained(topic) => self.forget_retained(&topic),
                Deadline::Statistics => {
                    self.publish_statistics();
                    self.agenda.insert(now + self.settings.sys_interval, Deadline::Statistics);
                }
            }
        }
        self.ledger.commit()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do. If that comes to be earlier, `waker` is woken.
    pub fn poll_timeout(&mut self, waker: &Waker) -> Option<Instant> {
        self.agenda.next(waker)
    }

    /// Says farewell to all, because the broker ends. Their sessions stay.
    pub fn shut_down(&mut self, now: Instant) {
        for link in self.links.values_mut().flatten() {
            link.end(ReasonCode::SERVER_SHUTTING_DOWN, now);
            link.wake();
        }
    }
}
