//! To one client.

use std::sync::Arc;

use sans_mqtt::*;
use tracing::debug;

use super::Broker;
use super::client::{Client, ClientId, Flying, Search};
use super::letter::{Draft, Letter, Terms};
use super::link::Link;
use super::settings::Settings;

/// How many retained topics are looked at before what was found is sent, and how often that is done in one turn.
const PART: usize = 256;
const PARTS: usize = 16;

impl Broker {
    /// Gives a message to a client: at once, or it waits. `false`: it is none of its business, or lost to it.
    pub(super) fn post(
        &mut self,
        to: ClientId,
        draft: &mut Draft<'_>,
        terms: Terms,
    ) -> Result<bool, EncodeError> {
        let Self { clients, links, settings, ledger, statistics, now, number, has_own_mail, .. } = self;
        let Some(client) = clients.get_mut(to) else { return Ok(false) };
        if !client.access.may_read(draft.message.topic) {
            return Ok(false);
        }
        *number += 1;
        let qos = terms.qos;
        // Its place is empty while it has its own turn: then it waits, for a moment.
        let link = client.link.and_then(|id| links.get_mut(id)).and_then(Option::as_mut);
        *has_own_mail |= client.link.is_some() && link.is_none();
        if let Some(link) = link.filter(|link| client.queue.is_clear(qos) && link.server.is_open()) {
            let in_flight = link.server.session().in_flight();
            if qos == Qos::AtMostOnce || client.may_fly(in_flight, draft.kept()?.size(), settings) {
                let copy = draft.copy(&terms)?;
                match copy.send(*now, &mut link.server, &mut link.output) {
                    Ok(id) => {
                        statistics.sent += 1;
                        if let (Some(id), true) = (id, client.is_watched(settings)) {
                            let letter = Letter { message: draft.kept()?.clone(), terms, number: *number };
                            ledger.put_sent(client, letter, id, false);
                        }
                        link.wake();
                        return Ok(true);
                    }
                    Err(error) if error.is_temporary() => {}
                    Err(error) => {
                        debug!(client_id = &*client.name, %error, "message dropped");
                        statistics.dropped += 1;
                        return Ok(false);
                    }
                }
            }
        }
        if !client.waits(qos) {
            return Ok(false);
        }
        let message = draft.kept()?;
        if !client.queue.has_room(message.size(), settings) {
            for letter in client.queue.expire(*now) {
                ledger.delete_letter(client, letter.number, letter.terms.qos, Some(&letter.message));
            }
        }
        if !client.queue.has_room(message.size(), settings) {
            debug!(client_id = &*client.name, "message dropped: too many wait");
            statistics.dropped += 1;
            return Ok(false);
        }
        let letter = Letter { message: message.clone(), terms, number: *number };
        ledger.put_waiting(client, &letter);
        client.queue.push(letter);
        if let Some(link) = client.link.and_then(|id| links.get(id)).and_then(Option::as_ref) {
            link.wake();
        }
        Ok(true)
    }

    /// Sends what waits for the client, and retained messages that it has asked for, as far as that is possible now.
    pub(super) fn deliver(&mut self, link: &mut Link) {
        self.has_own_mail = false;
        for _ in 0..PARTS {
            self.deliver_waiting(link);
            if !self.search(link) {
                return;
            }
        }
        // The others have their turn before.
        link.wake();
    }

    /// Has the next few retained messages wait for the client. `false`: there are none, or it has enough.
    fn search(&mut self, link: &Link) -> bool {
        let Some(id) = link.client else { return false };
        let Some(client) = self.clients.get_mut(id).filter(|client| client.queue.is_empty()) else {
            return false;
        };
        let Some((filter, mut search)) = client.searches.pop_first() else { return false };
        let matching = self.retained.matching(&filter).at_most(PART.min(self.settings.max_queued));
        let mut matching = match &search.after {
            Some(after) => matching.after(after),
            None => matching,
        };
        let (mut messages, mut bytes, mut last) = (Vec::new(), 0, None);
        let all = loop {
            let Some((topic, message)) = matching.next() else { break true };
            bytes += message.size();
            // The first is lost if it is too large for the queue: it will never have room.
            if bytes > self.settings.max_queued_bytes && !messages.is_empty() {
                break false;
            }
            messages.push(Arc::clone(message));
            last = Some(topic);
        };
        search.after = if all { matching.rest() } else { last }.map(Into::into);
        let Search { qos, id: of_subscription, .. } = search;
        if search.after.is_some() {
            client.searches.insert(filter, search);
        }
        for message in &messages {
            if message.has_expired(self.now) {
                continue;
            }
            let mut draft = Draft::of(message);
            let (qos, ids) = (qos.min(draft.message.qos), Vec::from_iter(of_subscription));
            let _ = self.post(id, &mut draft, Terms { qos, retain: true, ids, shared: None });
        }
        true
    }

    /// Sends what waits for the client, whose connection is open: nothing goes to another.
    pub(super) fn deliver_waiting(&mut self, link: &mut Link) {
        let Self { clients, settings, ledger, statistics, now, .. } = self;
        let Some(client) = link.client.and_then(|id| clients.get_mut(id)) else { return };
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            while let Some(letter) = client.queue.front(qos) {
                let size = letter.message.size();
                let message = letter.message.message();
                let in_flight = link.server.session().in_flight();
                // What it may read can have changed while it was away.
                let is_for_nobody =
                    letter.message.has_expired(*now) || !client.access.may_read(message.topic);
                let sent = if is_for_nobody {
                    Ok(None)
                } else if qos > Qos::AtMostOnce && !client.may_fly(in_flight, size, settings) {
                    break;
                } else {
                    let copy = letter.copy(&message).map_err(UsageError::from);
                    copy.and_then(|copy| copy.send(*now, &mut link.server, &mut link.output))
                };
                match sent {
                    Err(error) if error.is_temporary() => break,
                    Err(error) => {
                        // It will never take it, because it is too large for example.
                        debug!(client_id = &*client.name, %error, "message dropped");
                        statistics.dropped += 1;
                    }
                    Ok(_) => statistics.sent += u64::from(!is_for_nobody),
                }
                let Some(letter) = client.queue.pop(qos) else { break };
                match sent {
                    Ok(Some(id)) if client.is_watched(settings) => {
                        ledger.put_sent(client, letter, id, true);
                    }
                    _ => ledger.delete_letter(client, letter.number, letter.terms.qos, Some(&letter.message)),
                }
            }
        }
    }

    /// Writes down the steps of a session.
    pub(super) fn write_down(&mut self, link: &mut Link) {
        let notes = link.notes();
        let Some(client) = link.client.and_then(|id| self.clients.get_mut(id)) else { return };
        for note in notes {
            self.ledger.note(client, note);
        }
    }
}

impl Client {
    /// Whether something has to be known of what is on its way to it.
    pub(super) fn is_watched(&self, settings: &Settings) -> bool {
        self.row.is_some() || self.shares || settings.max_in_flight_bytes != usize::MAX
    }
}

impl From<Letter> for Flying {
    fn from(letter: Letter) -> Self {
        let Letter { message, terms, number } = letter;
        let size = message.size();
        Self { number, message: Some(message), size, qos: terms.qos, shared: terms.shared }
    }
}
