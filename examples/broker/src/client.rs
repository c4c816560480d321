//! What a broker knows of a client, and the messages that wait for it.

use std::collections::{HashMap, VecDeque};

use sans_mqtt::*;

/// How many messages wait for a client that is slow or away, and how many bytes of them; what comes then is lost to it.
const WAITING: (usize, usize) = (10_000, 64 << 20);

/// A client that is here, or has a session that waits for it.
#[derive(Default)]
pub struct Client {
    /// Its transport.
    pub link: Option<u64>,
    pub session: Option<Session<Heap>>,
    pub will: Option<PublishBuf>,
    pub subscriptions: HashMap<String, Subscribed>,
    waiting: VecDeque<Letter>,
    bytes: usize,
}

pub struct Subscribed {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub id: Option<u32>,
}

impl Client {
    /// Has a message wait for its turn.
    pub fn post(&mut self, letter: Letter) {
        let (is_kept, size) = (self.link.is_some() || letter.qos > Qos::AtMostOnce, letter.size());
        if is_kept && self.waiting.len() < WAITING.0 && self.bytes + size <= WAITING.1 {
            self.bytes += size;
            self.waiting.push_back(letter);
        }
    }

    /// Sends what waits, as far as that is possible now.
    pub fn deliver<A: Aliases>(
        &mut self,
        now: Instant,
        server: &mut Server<Heap, A>,
        output: &mut impl Sink,
    ) {
        while let Some(letter) = self.waiting.front() {
            match letter.send(now, server, output) {
                Err(error) if error.is_temporary() => return,
                // This client will never take it, because it is too large for example.
                Ok(()) | Err(_) => {}
            }
            self.bytes -= letter.size();
            self.waiting.pop_front();
        }
    }

    /// The connection is over: messages of QoS 0 do not wait for the next one.
    pub fn leave(&mut self, session: Session<Heap>) {
        self.waiting.retain(|letter| letter.qos > Qos::AtMostOnce);
        self.bytes = self.waiting.iter().map(Letter::size).sum();
        (self.link, self.session) = (None, Some(session));
    }
}

/// A message on its way to a subscriber. Copies share its bytes.
#[derive(Clone)]
pub struct Letter {
    pub message: PublishBuf,
    pub expires: Option<Instant>,
    pub qos: Qos,
    pub retain: bool,
    /// The Subscription Identifiers of its subscriber.
    pub ids: Vec<u32>,
}

impl Letter {
    pub fn new(message: &Message<'_>, now: Instant) -> Result<Self, EncodeError> {
        let (qos, retain, expires) = (message.qos, message.retain, message.expires_at(now));
        Ok(Self { message: message.try_into()?, expires, qos, retain, ids: Vec::new() })
    }

    pub fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    fn size(&self) -> usize {
        self.message.bytes().len()
    }

    /// Sends it, with what is left of its time, and without what the version has no place for.
    fn send<A: Aliases>(
        &self,
        now: Instant,
        server: &mut Server<Heap, A>,
        output: &mut impl Sink,
    ) -> Result<(), UsageError> {
        if self.has_expired(now) {
            return Ok(());
        }
        let Message { topic, properties, payload, .. } = self.message.message();
        let kept = properties.iter().filter(|it| it.id() != PropertyId::MessageExpiryInterval);
        let left = self.expires.and_then(|at| at.seconds_from(now));
        let ids = self.ids.iter().map(|id| Property::SubscriptionIdentifier(*id));
        let is_5 = server.version() == Version::V5_0;
        let properties = kept.chain(left.map(Property::MessageExpiryInterval)).chain(ids).filter(|_| is_5);
        let properties: Vec<_> = properties.collect();
        let (qos, retain, properties) = (self.qos, self.retain, properties[..].into());
        server.publish(&Message { qos, retain, topic, properties, payload }, output).map(|_| ())
    }
}
