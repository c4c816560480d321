//! Subscriptions.

use sans_mqtt::*;
use tracing::debug;

use super::Broker;
use super::client::{ClientId, Search, Subscribed};
use super::link::Link;
use super::topics::split;

/// Whether a text has control characters, which nobody should use (sections 1.5.3 and 1.5.4): logs and terminals suffer.
pub fn has_control(text: &str) -> bool {
    // Most have none of which this is to be asked.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
}

/// How many levels a topic filter has.
fn levels(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'/').count() + 1
}

impl Broker {
    pub(super) fn subscribe(&mut self, link: &mut Link, subscribe: &Subscribe<'_>) -> Result<(), UsageError> {
        let Some(client) = link.client else { return Ok(()) };
        let version = link.server.version();
        if subscribe.filters.iter().any(|asked| has_control(asked.filter)) {
            link.end(ReasonCode::MALFORMED_PACKET, self.now);
            return Ok(());
        }
        let id = subscribe.properties.subscription_identifier();
        let reasons: Vec<_> = subscribe
            .filters
            .iter()
            .map(|asked| {
                let reason = self.subscribe_to(client, asked, id);
                debug!(address = link.peer.shown(), filter = asked.filter, %reason, "subscribes");
                // There is no such code in 3.1.
                if version == Version::V3_1 && reason.is_error() { ReasonCode::SUCCESS } else { reason }
            })
            .collect();
        if self.clients.get(client).is_some_and(|client| client.shares) {
            link.server.session_mut().store_mut().notes.get_or_insert_default();
        }
        link.server.suback(&reasons, Properties::EMPTY, &mut link.output)
    }

    fn subscribe_to(&mut self, id: ClientId, asked: Subscription<'_>, sub_id: Option<u32>) -> ReasonCode {
        let Subscription { filter: text, qos, no_local, retain_as_published, retain_handling } = asked;
        let (filter, is_shared) = split(text);
        let Some(client) = self.clients.get_mut(id) else { return ReasonCode::UNSPECIFIED_ERROR };
        if levels(filter) > self.settings.max_levels {
            return ReasonCode::TOPIC_FILTER_INVALID;
        }
        // A client before 5.0 was not told.
        let Config { wildcard_subscription_available, shared_subscription_available, .. } =
            self.settings.config;
        if !wildcard_subscription_available && filter.contains(['+', '#']) {
            return ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED;
        }
        if !shared_subscription_available && is_shared {
            return ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
        }
        if !client.access.may_subscribe(filter) {
            return ReasonCode::NOT_AUTHORIZED;
        }
        let known = client.subscriptions.contains_key(text);
        if !known && client.subscriptions.len() >= self.settings.max_subscriptions {
            return ReasonCode::QUOTA_EXCEEDED;
        }
        let subscribed = Subscribed { qos, no_local, retain_as_published, id: sub_id };
        client.subscribe(text, subscribed);
        self.ledger.put_subscription(client, text, &subscribed);
        self.topics.insert(text, id, subscribed);
        let wants =
            retain_handling == RetainHandling::Send || retain_handling == RetainHandling::SendIfNew && !known;
        if wants && !is_shared {
            // The same asked for once more begins anew, so that there are never more searches than subscriptions.
            client.searches.insert(filter.into(), Search { qos, id: sub_id, after: None });
        }
        ReasonCode::granted(qos)
    }

    pub(super) fn unsubscribe(
        &mut self,
        link: &mut Link,
        unsubscribe: &Unsubscribe<'_>,
    ) -> Result<(), UsageError> {
        let Some(id) = link.client else { return Ok(()) };
        if unsubscribe.filters.iter().any(has_control) {
            link.end(ReasonCode::MALFORMED_PACKET, self.now);
            return Ok(());
        }
        let reasons: Vec<_> =
            unsubscribe.filters.iter().map(|text| self.unsubscribe_from(id, text)).collect();
        link.server.unsuback(&reasons, Properties::EMPTY, &mut link.output)
    }

    fn unsubscribe_from(&mut self, id: ClientId, text: &str) -> ReasonCode {
        let Some(client) = self.clients.get_mut(id) else { return ReasonCode::UNSPECIFIED_ERROR };
        if client.subscriptions.remove(text).is_none() {
            return ReasonCode::NO_SUBSCRIPTION_EXISTED;
        }
        self.ledger.forget_subscription(client, text);
        client.searches.remove(text);
        self.topics.remove(text, id);
        ReasonCode::SUCCESS
    }
}
