//! From those who publish to those who subscribe.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use sans_mqtt::*;
use tracing::debug;

use super::Broker;
use super::agenda::Deadline;
use super::client::{Client, ClientId, Subscribed};
use super::letter::{Draft, Stored, Terms};
use super::link::Link;
use super::settings::Settings;
use super::subscribe::has_control;
use crate::access::Access;

/// Where mosquitto's bridges say whether they are connected, by their will for example: the one part of `$SYS/` that is not the
/// broker's alone.
const BRIDGES: &str = "$SYS/broker/connection/+/state";

impl Broker {
    /// A client publishes.
    pub(super) fn receive(
        &mut self,
        link: &mut Link,
        incoming: &Incoming<'_>,
        token: Option<AckToken>,
    ) -> Result<(), UsageError> {
        let Some(from) = link.client else { return Ok(()) };
        let message = link.server.message(incoming);
        self.statistics.received += 1;
        if has_control(message.topic) {
            link.end(ReasonCode::MALFORMED_PACKET, self.now);
            return Ok(());
        }
        let Some(client) = self.clients.get(from) else { return Ok(()) };
        let reason = match self.refusal(&client.access, &message) {
            Some(reason) => {
                debug!(address = link.peer.shown(), topic = message.topic, %reason, "message refused");
                reason
            }
            None => {
                let count = self.publish(Some(from), &mut Draft::new(message, self.now))?;
                // It would be as right at QoS 2, where hardly anybody expects it.
                if count == 0 && message.qos == Qos::AtLeastOnce {
                    ReasonCode::NO_MATCHING_SUBSCRIBERS
                } else {
                    ReasonCode::SUCCESS
                }
            }
        };
        if matches!(reason, ReasonCode::QOS_NOT_SUPPORTED | ReasonCode::RETAIN_NOT_SUPPORTED) {
            // A client before 5.0 was not told, and no acknowledgement says it.
            link.end(reason, self.now);
            return Ok(());
        }
        match token {
            Some(token) => Ok(link.server.ack(token, reason, &mut link.output)?),
            None => Ok(()),
        }
    }

    /// Why a message of a client, or its will, goes nowhere, if that is so.
    pub(super) fn refusal(&self, access: &Access, message: &Message<'_>) -> Option<ReasonCode> {
        if message.payload.len() > self.settings.max_payload {
            return Some(ReasonCode::QUOTA_EXCEEDED);
        }
        let Config { maximum_qos, retain_available, .. } = self.settings.config;
        if message.qos > maximum_qos {
            return Some(ReasonCode::QOS_NOT_SUPPORTED);
        }
        if message.retain && !retain_available {
            return Some(ReasonCode::RETAIN_NOT_SUPPORTED);
        }
        let is_ours = ["$SYS/", "$share/"].iter().any(|ours| message.topic.starts_with(ours));
        let may = access.may_publish(message.topic) && (!is_ours || matches(BRIDGES, message.topic));
        (!may).then_some(ReasonCode::NOT_AUTHORIZED)
    }

    /// Gives a message to all who subscribe to it, once to each. Gives how many that are.
    pub(super) fn publish(
        &mut self,
        from: Option<ClientId>,
        draft: &mut Draft<'_>,
    ) -> Result<usize, EncodeError> {
        let Message { topic, qos, retain, .. } = draft.message;
        if retain {
            self.retain(draft)?;
        }
        let Self { topics, clients, targets, shared, settings, .. } = self;
        let mut filters = 0;
        topics.for_each_match(topic, |subscribers| {
            let before = targets.len();
            let wanted = subscribers.plain().iter().filter(|(id, it)| !it.no_local || Some(*id) != from);
            targets.extend(wanted);
            filters += usize::from(targets.len() > before);
            for (name, group) in subscribers.groups() {
                let qos_of = |it: &Subscribed| it.qos.min(qos);
                let may = |id| clients.get(id).filter(|client| client.access.may_read(topic));
                // Who is here and keeps up, or else anybody who will be, if possible with room for it.
                let is_ready = |id, _: &Subscribed| may(id).is_some_and(Client::keeps_up);
                let waits = |id, it: &Subscribed| may(id).is_some_and(|client| client.waits(qos_of(it)));
                let has_room = |id, it: &Subscribed| {
                    // If it waits for anybody, it is kept.
                    let kept = if waits(id, it) { draft.kept().ok() } else { None };
                    kept.zip(may(id)).is_some_and(|(it, client)| client.queue.has_room(it.size(), settings))
                };
                let next = group.next(is_ready).map(|(id, it)| (id, *it));
                let next = next.or_else(|| group.next(has_room).map(|(id, it)| (id, *it)));
                let next = next.or_else(|| group.next(waits).map(|(id, it)| (id, *it)));
                shared.extend(next.map(|(id, it)| (id, it, name.clone())));
            }
        });
        let (mut targets, mut shared) = (mem::take(targets), mem::take(shared));
        // One filter has each client once.
        if filters > 1 {
            targets.sort_by_key(|(id, _)| *id);
        }
        let mut count = 0;
        for same in targets.chunk_by(|(one, _), (other, _)| one == other) {
            let [(to, first), others @ ..] = same else { continue };
            let mut terms = first.terms(qos, retain);
            for (_, other) in others {
                let Terms { qos, retain, ids, .. } = other.terms(qos, retain);
                terms.qos = terms.qos.max(qos);
                terms.retain |= retain;
                terms.ids.extend(ids);
            }
            count += usize::from(self.post(*to, draft, terms)?);
        }
        for (to, it, name) in shared.drain(..) {
            let terms = Terms { shared: Some(name), ..it.terms(qos, retain) };
            count += usize::from(self.post(to, draft, terms)?);
        }
        targets.clear();
        (self.targets, self.shared) = (targets, shared);
        Ok(count)
    }

    /// What a client that is gone got of a shared subscription goes to others who share it.
    pub(super) fn pass_on(&mut self, client: Client) {
        let waiting = client.queue.into_kept().map(|it| (it.message, it.terms.shared, it.terms.qos));
        // Of QoS 2 it may have been taken already [MQTT-4.8.2-5].
        let flying = client.flying.into_values().filter(|it| it.qos == Qos::AtLeastOnce);
        let flying = BTreeMap::from_iter(flying.map(|it| (it.number, it))).into_values();
        let flying = flying.filter_map(|it| Some((it.message?, it.shared, it.qos)));
        for (message, shared, qos) in flying.chain(waiting) {
            let Some(name) = shared else { continue };
            let Some(group) = self.topics.group(&name) else { continue };
            let clients = &self.clients;
            let topic = message.message().topic;
            let may = |id| clients.get(id).filter(|client| client.access.may_read(topic));
            let next = group.next(|id, it| may(id).is_some_and(|client| client.waits(it.qos.min(qos))));
            let Some((id, it)) = next else { continue };
            let terms = Terms { shared: Some(name), ..it.terms(qos, false) };
            let _ = self.post(id, &mut Draft::of(&message), terms);
        }
    }

    /// Keeps a message for those who subscribe later, in place of the one before.
    fn retain(&mut self, draft: &mut Draft<'_>) -> Result<(), EncodeError> {
        let topic = draft.message.topic;
        if draft.message.payload.is_empty() {
            self.forget_retained(topic);
            return Ok(());
        }
        let message = draft.kept()?.clone();
        let (others, bytes) = match self.retained.get(topic) {
            Some(old) => (self.retained.len() - 1, self.retained_bytes - old.size()),
            None => (self.retained.len(), self.retained_bytes),
        };
        let Settings { max_retained, max_retained_bytes, .. } = self.settings;
        if others < max_retained && bytes + message.size() <= max_retained_bytes {
            if !topic.starts_with("$SYS/") {
                self.ledger.put_retained(topic, &message);
            }
            self.keep_retained(topic, message);
        } else {
            debug!(topic, max_retained, max_retained_bytes, "not retained: too many are, or too many bytes");
            // Nobody is to take an old one for the last.
            self.forget_retained(topic);
        }
        Ok(())
    }

    pub(super) fn keep_retained(&mut self, topic: &str, message: Arc<Stored>) {
        let (size, expires) = (message.size(), message.expires);
        if let Some(old) = self.retained.insert(topic, message) {
            self.discount_retained(topic, &old);
        }
        self.retained_bytes += size;
        if let Some(at) = expires {
            self.agenda.insert(at, Deadline::Retained(topic.into()));
        }
    }

    pub(super) fn forget_retained(&mut self, topic: &str) {
        if let Some(old) = self.retained.remove(topic) {
            self.ledger.forget_retained(topic);
            self.discount_retained(topic, &old);
        }
    }

    fn discount_retained(&mut self, topic: &str, old: &Stored) {
        self.retained_bytes -= old.size();
        if let Some(at) = old.expires {
            self.agenda.remove(at, Deadline::Retained(topic.into()));
        }
    }
}

impl Subscribed {
    /// How a message of that QoS comes by this subscription.
    pub(super) fn terms(&self, qos: Qos, retain: bool) -> Terms {
        let retain = retain && self.retain_as_published;
        Terms { qos: qos.min(self.qos), retain, ids: Vec::from_iter(self.id), shared: None }
    }
}
