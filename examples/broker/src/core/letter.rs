//! Messages on their way.

use std::sync::{Arc, OnceLock};

use sans_mqtt::*;

use super::link::Machine;
use crate::output::Output;

/// From how many bytes on a payload is shared by those it goes to, and not copied for each.
const SHARED: usize = 1024;

/// A message that is kept, once for all that wait for it.
#[derive(Debug)]
pub struct Stored {
    frame: PublishBuf,
    payload_len: usize,
    pub received: Instant,
    pub expires: Option<Instant>,
    /// Its row on disk, if it ever had one.
    pub row: OnceLock<u64>,
}

impl Stored {
    pub fn new(message: &Message<'_>, received: Instant) -> Result<Self, EncodeError> {
        let (frame, payload_len) = (message.try_into()?, message.payload.len());
        let expires = message.expires_at(received);
        Ok(Self { frame, payload_len, received, expires, row: OnceLock::new() })
    }

    pub fn from_frame(frame: PublishBuf, received: Instant, expires: Option<Instant>) -> Self {
        let payload_len = frame.message().payload.len();
        Self { frame, payload_len, received, expires, row: OnceLock::new() }
    }

    pub fn message(&self) -> Message<'_> {
        self.frame.message()
    }

    /// The message as a PUBLISH of 5.0.
    pub const fn frame(&self) -> &PublishBuf {
        &self.frame
    }

    fn payload(&self) -> &[u8] {
        let bytes = self.frame.bytes();
        &bytes[bytes.len() - self.payload_len..]
    }

    /// How many bytes its PUBLISH of 5.0 has: by this all limits measure it.
    pub fn size(&self) -> usize {
        self.frame.bytes().len()
    }

    pub fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// A message that is given to its subscribers now. It is kept as soon as one of them can't take it at once, or has to
/// acknowledge it.
pub struct Draft<'a> {
    pub message: Message<'a>,
    now: Instant,
    kept: Option<Arc<Stored>>,
    /// Checked, once the first subscriber is to get it.
    prepared: Option<Prepared<'a>>,
}

impl<'a> Draft<'a> {
    pub const fn new(message: Message<'a>, now: Instant) -> Self {
        Self { message, now, kept: None, prepared: None }
    }

    pub fn of(stored: &'a Arc<Stored>) -> Self {
        let (message, now) = (stored.message(), stored.received);
        Self { message, now, kept: Some(stored.clone()), prepared: None }
    }

    /// The message to be kept.
    pub fn kept(&mut self) -> Result<&Arc<Stored>, EncodeError> {
        let kept = match self.kept.take() {
            Some(kept) => kept,
            None => Arc::new(Stored::new(&self.message, self.now)?),
        };
        Ok(self.kept.insert(kept))
    }

    /// For one subscriber.
    pub fn copy<'c>(&'c mut self, terms: &'c Terms) -> Result<Copy<'c>, EncodeError> {
        if terms.qos > Qos::AtMostOnce || self.message.payload.len() >= SHARED {
            self.kept()?;
        }
        let mut prepared: Prepared<'c> = match self.prepared {
            Some(prepared) => prepared,
            None => *self.prepared.insert(Prepared::new(&self.message)?),
        };
        if let Some(kept) = &self.kept {
            // It can be shared.
            prepared = prepared.with_payload(kept.payload());
        }
        Ok(Copy { prepared, terms, kept: self.kept.as_ref(), received: self.now })
    }
}

/// How a subscriber gets a message.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub qos: Qos,
    pub retain: bool,
    /// Its Subscription Identifiers.
    pub ids: Vec<u32>,
    /// The shared subscription, as it was subscribed to.
    pub shared: Option<Arc<str>>,
}

/// A message that waits for a subscriber.
#[derive(Clone, Debug)]
pub struct Letter {
    pub message: Arc<Stored>,
    pub terms: Terms,
    /// Its place in the order of all letters.
    pub number: u64,
}

impl Letter {
    pub fn copy<'c>(&'c self, message: &Message<'c>) -> Result<Copy<'c>, EncodeError> {
        let Self { message: kept, terms, .. } = self;
        Ok(Copy { prepared: Prepared::new(message)?, terms, kept: Some(kept), received: kept.received })
    }
}

/// A message as one subscriber gets it.
pub struct Copy<'a> {
    prepared: Prepared<'a>,
    terms: &'a Terms,
    kept: Option<&'a Arc<Stored>>,
    received: Instant,
}

impl Copy<'_> {
    /// Sends it.
    pub fn send(
        &self,
        now: Instant,
        server: &mut Machine,
        output: &mut Output,
    ) -> Result<Option<PacketId>, UsageError> {
        let Terms { qos, retain, ref ids, .. } = *self.terms;
        let is_5 = server.version() == Version::V5_0;
        let terms = sans_mqtt::Terms {
            qos,
            retain,
            subscription_identifiers: ids,
            message_expiry_interval: Some(self.left(now)).filter(|_| self.has_aged(now)),
        };
        let keep = match self.kept {
            Some(_) if qos > Qos::AtMostOnce && is_5 && self.is_own(now) => self.own(now)?,
            Some(kept) if qos > Qos::AtMostOnce => Kept::Shared { message: kept.clone(), retain, is_5 },
            _ => Kept::None,
        };
        match self.kept {
            Some(kept) if kept.payload_len >= SHARED => {
                let mut output = output.share(kept.frame.bytes());
                server.publish_prepared(&self.prepared, &terms, keep, &mut output)
            }
            _ => server.publish_prepared(&self.prepared, &terms, keep, output),
        }
    }

    /// To be kept for this subscriber alone.
    pub fn own(&self, now: Instant) -> Result<Kept, EncodeError> {
        let frame = self.with(now, |message| PublishBuf::try_from(message))?;
        Ok(Kept::Own { frame, expires: self.prepared.message().expires_at(self.received) })
    }

    /// Whether its properties are not those of the message for all.
    fn is_own(&self, now: Instant) -> bool {
        !self.terms.ids.is_empty() || self.has_aged(now)
    }

    /// Gives the message as the subscriber gets it: with its identifiers, and with what is left of its time.
    pub fn with<T>(&self, now: Instant, use_it: impl FnOnce(&Message<'_>) -> T) -> T {
        let Terms { qos, retain, ref ids, .. } = *self.terms;
        let message = Message { qos, retain, ..*self.prepared.message() };
        if !self.is_own(now) {
            return use_it(&message);
        }
        let properties = message.properties.iter().map(aged(self.left(now)));
        let ids = ids.iter().map(|id| Property::SubscriptionIdentifier(*id));
        let properties: Vec<_> = properties.chain(ids).collect();
        use_it(&Message { properties: properties[..].into(), ..message })
    }

    fn has_aged(&self, now: Instant) -> bool {
        let asked = self.prepared.message().properties.message_expiry_interval();
        asked.is_some_and(|asked| asked != self.left(now))
    }

    fn left(&self, now: Instant) -> u32 {
        self.prepared.message().expires_at(self.received).and_then(|at| at.seconds_from(now)).unwrap_or(0)
    }
}

/// Gives a property as it is when so many seconds are left of a message.
fn aged<'a>(left: u32) -> impl Fn(Property<'a>) -> Property<'a> {
    move |property| match property {
        Property::MessageExpiryInterval(_) => Property::MessageExpiryInterval(left),
        property => property,
    }
}

/// A message that is in flight.
#[derive(Debug, Default)]
pub enum Kept {
    #[default]
    None,
    /// As it was published, for a client of 5.0 or another.
    Shared { message: Arc<Stored>, retain: bool, is_5: bool },
    /// With properties of its own.
    Own { frame: PublishBuf, expires: Option<Instant> },
}

impl Kept {
    /// When it expires, if its client has to be told.
    fn expires(&self) -> Option<Instant> {
        match self {
            Self::Shared { message, is_5: true, .. } => message.expires,
            Self::Own { expires, .. } => *expires,
            _ => None,
        }
    }

    /// To be sent again now, with what is left of its time `[MQTT-3.3.2-6]`; to a client that speaks 5.0 by now, with its
    /// properties.
    pub fn age(&mut self, version: Version, now: Instant) {
        if let Self::Shared { is_5, .. } = self {
            *is_5 |= version == Version::V5_0;
        }
        let (Some(message), Some(at)) = (self.message(), self.expires()) else { return };
        let properties: Vec<_> =
            message.properties.iter().map(aged(at.seconds_from(now).unwrap_or(0))).collect();
        let frame = PublishBuf::try_from(&Message { properties: properties[..].into(), ..message });
        if let Ok(frame) = frame {
            *self = Self::Own { frame, expires: Some(at) };
        }
    }
}

impl Keep for Kept {
    fn keep(&mut self, message: &Message<'_>) -> Result<(), StoreError> {
        let frame = message.try_into().map_err(|_| StoreError::TooLarge)?;
        *self = Self::Own { frame, expires: None };
        Ok(())
    }

    fn message(&self) -> Option<Message<'_>> {
        match self {
            Self::None => None,
            Self::Shared { message, retain, is_5 } => {
                let Message { topic, properties, payload, .. } = message.message();
                let properties = if *is_5 { properties } else { Properties::EMPTY };
                Some(Message { retain: *retain, topic, properties, payload, ..Message::default() })
            }
            Self::Own { frame, .. } => Some(frame.message()),
        }
    }
}
