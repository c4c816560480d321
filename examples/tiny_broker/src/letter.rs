//! A message on its way.

use sans_mqtt::*;

/// A message on its way to a subscriber. Copies share its bytes.
#[derive(Clone)]
pub struct Letter {
    pub message: PublishBuf,
    pub qos: Qos,
    pub retain: bool,
    pub expires: Option<Instant>,
    /// The Subscription Identifiers of its subscriber.
    pub ids: Vec<u32>,
}

impl Letter {
    /// Sends it, with what is left of its time, and without what the version has no place for.
    pub fn send<S: Store, A: Aliases>(
        &self,
        now: Instant,
        to: &mut Server<S, A>,
        output: &mut impl Sink,
    ) -> Result<(), UsageError> {
        let Message { topic, properties, payload, .. } = self.message.message();
        let left = self.expires.map(|at| at.seconds_from(now));
        if left == Some(None) {
            return Ok(()); // it has expired
        }
        let kept = properties.iter().filter(|it| it.id() != PropertyId::MessageExpiryInterval);
        let expiry = left.flatten().map(Property::MessageExpiryInterval);
        let ids = self.ids.iter().map(|id| Property::SubscriptionIdentifier(*id));
        let is_5 = to.version() == Version::V5_0;
        let properties: Vec<_> = kept.chain(expiry).chain(ids).filter(|_| is_5).collect();
        let (qos, retain, properties) = (self.qos, self.retain, properties[..].into());
        to.publish(&Message { qos, retain, topic, properties, payload }, output).map(|_| ())
    }
}
