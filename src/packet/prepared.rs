//! A message for many receivers, checked once.

use super::Message;
use crate::error::{EncodeError, ErrorKind, Field};
use crate::property::{Piece, Property, Section};
use crate::spec::{PropertyId, Qos, Scope, Sender, Version};
use crate::wire::{
    Check, Context, Element, Sink, VARINT_MAX, Writer, check_str, check_topic, invalid, varint_len,
};

/// A message that was checked once and is sent to many: for each receiver, whatever its version, its head is copied and its
/// payload not looked at; see [`publish_prepared`](crate::Connection::publish_prepared).
///
/// It is quickest with properties that were received, those of a [`PublishBuf`](crate::PublishBuf) for example.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'a> {
    pub(crate) message: Message<'a>,
    property_len: usize,
    expires: bool,
}

/// How one receiver gets a [`Prepared`] message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Terms<'a> {
    /// The QoS.
    pub qos: Qos,
    /// RETAIN, as the subscription wants it.
    pub retain: bool,
    /// The identifiers of the subscriptions that matched. Before 5.0 they are left out.
    pub subscription_identifiers: &'a [u32],
    /// What is left of the lifetime of the message, in seconds, whether it says one or not. `None`: as the message says. Before
    /// 5.0 it is left out.
    pub message_expiry_interval: Option<u32>,
}

impl<'a> Prepared<'a> {
    /// Checks a message; its QoS and RETAIN do not count.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Invalid`] if it is none that can be sent; a Topic Alias is none of its properties.
    pub fn new(message: &Message<'a>) -> Result<Self, EncodeError> {
        let cx = Context { version: Version::NEWEST, sender: None, scope: Scope::PUBLISH };
        let ids = message.properties.ids();
        if ids.contains(PropertyId::TopicAlias) {
            let field = Field::Property(PropertyId::TopicAlias);
            return Err(invalid(cx, ErrorKind::PropertyNotAllowed, field));
        }
        check_str(cx, Field::TopicName, message.topic, check_topic(message.topic))?;
        let property_len = message.properties.property_len(cx)?;
        let expires = ids.contains(PropertyId::MessageExpiryInterval);
        Ok(Self { message: *message, property_len, expires })
    }

    /// The same with a payload that lies elsewhere.
    #[must_use]
    pub const fn with_payload(mut self, payload: &'a [u8]) -> Self {
        self.message.payload = payload;
        self
    }

    /// The message.
    pub const fn message(&self) -> &Message<'a> {
        &self.message
    }
}

/// The properties of a message for one receiver, with the alias of its topic if there is one.
pub(crate) struct OnTerms<'p, 'a> {
    pub(crate) prepared: &'p Prepared<'a>,
    pub(crate) terms: &'p Terms<'p>,
    pub(crate) alias: Option<u16>,
}

/// A Message Expiry Interval, and a Topic Alias.
const EXPIRY_LEN: usize = 5;
const ALIAS_LEN: usize = 3;

impl Section for OnTerms<'_, '_> {
    const CHECKED: bool = true;

    fn property_len(&self, cx: Context) -> Check {
        if !cx.version.is_5() {
            return Ok(0);
        }
        let Self { prepared, terms, alias } = self;
        // A server's alone [MQTT-3.3.4-6].
        if cx.sender == Some(Sender::Client)
            && (!terms.subscription_identifiers.is_empty()
                || prepared.message.properties.subscription_identifier().is_some())
        {
            let field = Field::Property(PropertyId::SubscriptionIdentifier);
            return Err(invalid(cx, ErrorKind::Sender, field));
        }
        let mut len = prepared.property_len;
        for &id in terms.subscription_identifiers {
            if !(1..=VARINT_MAX).contains(&(id as usize)) {
                let field = Field::Property(PropertyId::SubscriptionIdentifier);
                return Err(invalid(cx, ErrorKind::PropertyValue, field));
            }
            len += 1 + varint_len(id as usize);
        }
        if terms.message_expiry_interval.is_some() && !prepared.expires {
            len += EXPIRY_LEN;
        }
        Ok(if alias.is_some() { len + ALIAS_LEN } else { len })
    }

    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if !cx.version.is_5() {
            return;
        }
        let Self { prepared, terms, alias } = self;
        let properties = prepared.message.properties;
        out.varint(property_len);
        if let Some(alias) = *alias {
            Property::TopicAlias(alias).write(out);
        }
        match (terms.message_expiry_interval, properties.whole()) {
            (None, Some(bytes)) => out.bytes(bytes),
            (expiry, _) => self.write_changed(expiry, out),
        }
        for &id in terms.subscription_identifiers {
            Property::SubscriptionIdentifier(id).write(out);
        }
    }

    fn has_topic_alias(&self, _: Version) -> bool {
        self.alias.is_some()
    }
}

impl OnTerms<'_, '_> {
    /// Writes the properties of the message one by one, with another Message Expiry Interval.
    #[inline(never)]
    fn write_changed<S: Sink + ?Sized>(&self, expiry: Option<u32>, out: &mut Writer<'_, S>) {
        let own = expiry.map(Property::MessageExpiryInterval);
        for piece in Piece::all(self.prepared.message.properties) {
            match own {
                Some(own) if piece.id() == PropertyId::MessageExpiryInterval => own.write(out),
                _ => piece.write(out),
            }
        }
        if let Some(own) = own.filter(|_| !self.prepared.expires) {
            own.write(out);
        }
    }
}
