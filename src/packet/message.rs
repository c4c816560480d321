//! A message apart from the packet that carries it.

use super::{Publish, Will};
use crate::property::Properties;
use crate::spec::{Delivery, PacketId, Qos};
use crate::time::Instant;
use crate::wire::Unseen;

/// What an application sends or receives. Packet identifier and DUP are the connection's business.
///
/// ```
/// use sans_mqtt::{Message, Qos};
/// let message = Message { qos: Qos::AtLeastOnce, topic: "attic/temperature", payload: b"24", ..Message::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Message<'a> {
    /// The quality of service.
    pub qos: Qos,
    /// Whether the server keeps it for later subscribers, or (to a subscriber) had kept it.
    pub retain: bool,
    /// The topic name, never empty.
    pub topic: &'a str,
    /// 5.0 only; without a Topic Alias, which belongs to a connection.
    pub properties: Properties<'a>,
    /// The application's data, perhaps none.
    pub payload: &'a [u8],
}

impl Message<'_> {
    /// When the message expires that came, or was made, at `received`; `None` if it does not.
    ///
    /// A server that keeps messages forgets them then, unless they are on their way already, and sends on what is left of the
    /// interval.
    ///
    /// ```
    /// use sans_mqtt::{Instant, Message, Property};
    /// let properties = [Property::MessageExpiryInterval(60)];
    /// let message = Message { topic: "a", properties: (&properties).into(), ..Message::default() };
    /// let expires = message.expires_at(Instant::from_millis(1000)).expect("it has an interval");
    /// assert_eq!(expires, Instant::from_millis(61_000));
    /// // Kept for 2.5 seconds:
    /// assert_eq!(expires.seconds_from(Instant::from_millis(3500)), Some(58));
    /// assert_eq!(expires.seconds_from(expires), None); // forget it
    /// ```
    pub fn expires_at(&self, received: Instant) -> Option<Instant> {
        let seconds = self.properties.message_expiry_interval()?;
        Some(received.plus_millis_long(u64::from(seconds) * 1000))
    }

    /// The message as a packet of QoS 1 or 2.
    pub(crate) fn publish(&self, id: PacketId, dup: bool) -> Publish<'_> {
        let Self { qos, retain, topic, properties, payload } = *self;
        Publish { dup, retain, delivery: Delivery::new(qos, id), topic, properties, payload }
    }
}

impl<'a> From<Publish<'a>> for Message<'a> {
    fn from(publish: Publish<'a>) -> Self {
        let Publish { retain, delivery, topic, properties, payload, .. } = publish;
        Self { qos: delivery.qos(), retain, topic, properties, payload }
    }
}

impl<'a> Will<'a> {
    /// The message that it is about: without Will Delay Interval.
    ///
    /// ```
    /// use sans_mqtt::{Property, Will};
    /// let properties = [Property::WillDelayInterval(5), Property::ContentType("text/plain")];
    /// let will = Will { topic: "attic", properties: (&properties).into(), ..Will::default() };
    /// assert!(will.message().properties.iter().eq([Property::ContentType("text/plain")]));
    /// ```
    pub fn message(&self) -> Message<'a> {
        let Self { qos, retain, properties, topic, payload } = *self;
        Message { qos, retain, topic, properties: properties.without(Unseen::DELAY), payload }
    }
}
