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

impl Terms {
    /// What is kept of a message until this subscriber has acknowledged it.
    pub fn keep(&self, message: &Arc<Stored>) -> Result<Kept, EncodeError> {
        let Self { retain, ref ids, .. } = *self;
        if ids.is_empty() {
            return Ok(Kept::Shared { message: message.clone(), retain });
        }
        let (expires, message) = (message.expires, message.message());
        let ids = ids.iter().map(|id| Property::SubscriptionIdentifier(*id));
        let properties: Vec<_> = message.properties.iter().chain(ids).collect();
        let frame = PublishBuf::try_from(&Message { retain, properties: properties[..].into(), ..message })?;
        Ok(Kept::Own { frame, expires })
    }
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
        let terms = sans_mqtt::Terms {
            qos,
            retain,
            subscription_identifiers: ids,
            message_expiry_interval: self.left(now),
        };
        let keep = match self.kept {
            Some(kept) if qos > Qos::AtMostOnce => self.terms.keep(kept)?,
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

    /// What is left of its time, if that is less than it says.
    fn left(&self, now: Instant) -> Option<u32> {
        let message = self.prepared.message();
        let left = message.expires_at(self.received)?.seconds_from(now).unwrap_or(0);
        (message.properties.message_expiry_interval() != Some(left)).then_some(left)
    }
}

/// A message that is in flight.
#[derive(Debug, Default)]
pub enum Kept {
    #[default]
    None,
    /// As it was published.
    Shared { message: Arc<Stored>, retain: bool },
    /// With properties of its own.
    Own { frame: PublishBuf, expires: Option<Instant> },
}

impl Kept {
    fn expires(&self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Shared { message, .. } => message.expires,
            Self::Own { expires, .. } => *expires,
        }
    }

    /// To be sent again now, with what is left of its time `[MQTT-3.3.2-6]`.
    pub fn age(&mut self, now: Instant) {
        let (Some(message), Some(at)) = (self.message(), self.expires()) else { return };
        let left = at.seconds_from(now).unwrap_or(0);
        let aged = message.properties.iter().map(|property| match property {
            Property::MessageExpiryInterval(_) => Property::MessageExpiryInterval(left),
            property => property,
        });
        let properties: Vec<_> = aged.collect();
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
            Self::Shared { message, retain } => Some(Message { retain: *retain, ..message.message() }),
            Self::Own { frame, .. } => Some(frame.message()),
        }
    }
}
