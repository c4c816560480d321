//! What a broker knows of a client, and the messages that wait for it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;

use sans_mqtt::*;

use super::letter::{Letter, Stored};
use super::link::{LinkId, Tables};
use super::settings::Settings;
use super::topics::split;
use crate::access::{Access, Who};

slotmap::new_key_type! {
    /// A client that is here, or has a session that waits for it.
    pub struct ClientId;
}

pub struct Client {
    pub name: Arc<str>,
    /// As whom it came in, and what it may do.
    pub who: Who,
    pub access: Access,
    /// Its transport.
    pub link: Option<LinkId>,
    /// Its session, while there is no transport.
    pub session: Option<Session<Tables>>,
    /// How long that will last, in seconds.
    pub expiry: u32,
    pub will: Option<Testament>,
    /// By topic filter, as it was subscribed to.
    pub subscriptions: HashMap<Box<str>, Subscribed>,
    /// Whether it has ever shared a subscription.
    pub shares: bool,
    /// Retained messages that it still has to get, by topic filter.
    pub searches: BTreeMap<Box<str>, Search>,
    pub queue: Queue,
    /// What is on its way, if anything has to be known of that.
    pub flying: HashMap<PacketId, Flying>,
    pub flying_bytes: usize,
    /// Its rows on disk, if its session is to survive a restart.
    pub row: Option<u64>,
    /// When its session has to be looked at.
    pub due: Option<Instant>,
}

/// A will, and after how many seconds it is published.
#[derive(Clone)]
pub struct Testament {
    pub frame: PublishBuf,
    pub delay: u32,
}

/// A subscription of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscribed {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub id: Option<u32>,
}

/// A search for retained messages, which goes on as fast as its client takes them.
pub struct Search {
    pub qos: Qos,
    pub id: Option<u32>,
    /// The topic that it has come to.
    pub after: Option<Box<str>>,
}

/// A message that waits for its acknowledgement.
pub struct Flying {
    pub number: u64,
    /// What it is, until the client has it, and its size until then.
    pub message: Option<Arc<Stored>>,
    pub size: usize,
    pub qos: Qos,
    pub shared: Option<Arc<str>>,
}

impl Flying {
    /// Of a message of QoS 2 that the client has: the end of the exchange is missing.
    pub const fn released(number: u64) -> Self {
        Self { number, message: None, size: 0, qos: Qos::ExactlyOnce, shared: None }
    }
}

impl Client {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            who: Who::default(),
            access: Access::default(),
            link: None,
            session: None,
            expiry: 0,
            will: None,
            subscriptions: HashMap::new(),
            shares: false,
            searches: BTreeMap::new(),
            queue: Queue::default(),
            flying: HashMap::new(),
            flying_bytes: 0,
            row: None,
            due: None,
        }
    }

    /// Adds a subscription, or gives it other options.
    pub fn subscribe(&mut self, text: &str, it: Subscribed) {
        self.shares |= split(text).1;
        self.subscriptions.insert(text.into(), it);
    }

    /// Whether a message can wait for it.
    pub fn waits(&self, qos: Qos) -> bool {
        self.link.is_some() || qos > Qos::AtMostOnce
    }

    /// Whether it is here, and nothing waits for it.
    pub fn keeps_up(&self) -> bool {
        self.link.is_some() && self.queue.is_empty()
    }

    /// Whether so many bytes more may be on their way to it.
    pub fn may_fly(&self, in_flight: u16, size: usize, settings: &Settings) -> bool {
        in_flight < settings.max_in_flight
            && (in_flight == 0 || self.flying_bytes + size <= settings.max_in_flight_bytes)
    }

    pub fn take_off(&mut self, id: PacketId, flying: Flying) {
        self.flying_bytes += flying.size;
        self.flying.insert(id, flying);
    }

    pub fn land(&mut self, id: PacketId) -> Option<Flying> {
        let flying = self.flying.remove(&id)?;
        self.flying_bytes -= flying.size;
        Some(flying)
    }
}

/// Messages that wait for a client that is slow or away. Those of QoS 0 do not wait behind the others, which wait for
/// acknowledgements.
#[derive(Default)]
pub struct Queue {
    once: VecDeque<Letter>,
    acknowledged: VecDeque<Letter>,
    bytes: usize,
    /// Nothing expires before.
    next_expiry: Option<Instant>,
}

impl Queue {
    fn of(&mut self, qos: Qos) -> &mut VecDeque<Letter> {
        if qos == Qos::AtMostOnce { &mut self.once } else { &mut self.acknowledged }
    }

    /// Whether a message of that QoS would be the first.
    pub fn is_clear(&self, qos: Qos) -> bool {
        if qos == Qos::AtMostOnce { self.once.is_empty() } else { self.acknowledged.is_empty() }
    }

    pub fn is_empty(&self) -> bool {
        self.once.is_empty() && self.acknowledged.is_empty()
    }

    pub fn len(&self) -> usize {
        self.once.len() + self.acknowledged.len()
    }

    pub fn has_room(&self, size: usize, settings: &Settings) -> bool {
        self.len() < settings.max_queued && self.bytes + size <= settings.max_queued_bytes
    }

    /// In the order of their numbers.
    pub fn push(&mut self, letter: Letter) {
        self.bytes += letter.message.size();
        let expiries = [self.next_expiry, letter.message.expires];
        self.next_expiry = expiries.into_iter().flatten().min();
        // It is the last, unless it was on its way before.
        let queue = self.of(letter.terms.qos);
        let later = queue.iter().rev().take_while(|it| it.number > letter.number).count();
        queue.insert(queue.len() - later, letter);
    }

    /// The oldest, of the one kind or the other.
    pub fn front(&self, qos: Qos) -> Option<&Letter> {
        if qos == Qos::AtMostOnce { self.once.front() } else { self.acknowledged.front() }
    }

    pub fn pop(&mut self, qos: Qos) -> Option<Letter> {
        let letter = self.of(qos).pop_front()?;
        self.bytes -= letter.message.size();
        Some(letter)
    }

    /// Forgets the messages that have expired, and gives them. Looks for them only if there can be any.
    pub fn expire(&mut self, now: Instant) -> Vec<Letter> {
        if self.next_expiry.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let expired = |letter: &Letter| letter.message.has_expired(now);
        let mut gone = Vec::new();
        for queue in [&mut self.once, &mut self.acknowledged] {
            let (old, rest) = mem::take(queue).into_iter().partition::<VecDeque<_>, _>(expired);
            *queue = rest;
            gone.extend(old);
        }
        self.bytes -= gone.iter().map(|letter| letter.message.size()).sum::<usize>();
        let left = self.once.iter().chain(&self.acknowledged);
        self.next_expiry = left.filter_map(|letter| letter.message.expires).min();
        gone
    }

    /// Messages of QoS 0 do not wait for another connection.
    pub fn leave(&mut self) {
        self.bytes -= self.once.drain(..).map(|letter| letter.message.size()).sum::<usize>();
        self.once.shrink_to_fit();
    }

    /// Those that wait for another connection, too.
    pub fn into_kept(self) -> impl Iterator<Item = Letter> {
        self.acknowledged.into_iter()
    }

    pub fn kept(&self) -> impl Iterator<Item = &Letter> {
        self.acknowledged.iter()
    }
}
