//! A broker as it was before.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::*;

use super::Broker;
use super::client::{Client, Flying, Subscribed, Testament};
use super::ledger::Ledger;
use super::letter::{Letter, Stored, Terms};
use super::link::Tables;
use crate::access::Who;
use crate::disk::Disk;
use crate::disk::load::{self, load};
use crate::disk::rows::{LetterState, MessageRow, SubscriptionRow};

impl Broker {
    /// Takes over what is on a disk, and keeps it up to date from now on. The clock of the connections has to be one that all
    /// brokers have which use the disk: milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// Those of the disk, and damaged rows.
    pub fn restore(&mut self, disk: Box<dyn Disk>) -> io::Result<()> {
        let image = load(&*disk)?;
        self.ledger = Ledger::new(disk, image.last_session, image.last_message, image.orphans);
        let stored = image.messages.into_iter().map(|(row, message)| {
            let stored = Stored::from(message);
            let _ = stored.row.set(row);
            (row, Arc::new(stored))
        });
        let messages = stored.collect();
        for (row, session) in image.sessions {
            self.restore_session(row, session, &messages);
        }
        for (topic, message) in image.retained {
            // More than there may be now, if need be: the limit was another.
            self.keep_retained(&topic, Arc::new(message.into()));
        }
        // Wills that are due are for all.
        for id in self.clients.keys().collect::<Vec<_>>() {
            self.settle(id);
        }
        self.ledger.commit()
    }

    fn restore_session(&mut self, row: u64, stored: load::Stored, messages: &HashMap<u64, Arc<Stored>>) {
        let mut client = Client::new(&stored.session.client_id);
        client.row = Some(row);
        client.who = Who::of_earlier(stored.session.user.map(Into::into));
        client.access = self.gate.access(&client.who, &client.name);
        client.expiry = stored.session.expiry_interval;
        let delay = stored.session.will_delay;
        client.will = stored.session.will.map(|frame| Testament { frame, delay });
        let mut session = Session::new(Tables::default());
        let _ = session.restore(&Record::Begin { lost: true });
        let mut kept = HashMap::new();
        for (number, letter) in stored.letters {
            self.number = self.number.max(number);
            let qos = letter.qos;
            if let LetterState::Released(id) = letter.state {
                let _ = session.restore(&Record::Release { id });
                client.take_off(id, Flying::released(number));
                continue;
            }
            let Some(message) = messages.get(&letter.message) else { continue };
            *self.ledger.references.entry(letter.message).or_default() += 1;
            let (retain, ids) = (letter.retain, letter.ids.into());
            let terms = Terms { qos, retain, ids, shared: letter.shared.map(|name| name.as_ref().into()) };
            let letter = (Letter { message: message.clone(), terms, number }, letter.state);
            match letter {
                (letter, LetterState::Sent(id)) => {
                    let _ = session.restore(&Record::Publish { id, qos, message: None });
                    kept.extend(letter.terms.keep(message).map(|keep| (id, keep)));
                    client.take_off(id, Flying::from(letter));
                }
                (letter, _) => client.queue.push(letter),
            }
        }
        for (id, it) in session.kept_mut() {
            kept.remove(&id).into_iter().for_each(|kept| *it = kept);
        }
        for id in stored.incoming {
            let _ = session.restore(&Record::Take { id });
        }
        let at = |millis: Option<u64>| millis.map(Instant::from_millis);
        let (mut will, mut end) = (at(stored.session.will_at), at(stored.session.end_at));
        // It had a connection to the last, which is lost.
        if end.is_none() && client.expiry != u32::MAX {
            end = Some(self.now + Duration::from_secs(client.expiry.into()));
        }
        if let (None, Some(testament)) = (will, &client.will) {
            let due = self.now + Duration::from_secs(testament.delay.into());
            will = Some(end.map_or(due, |end| end.min(due)));
        }
        session.set_timers(Timers { will, end });
        client.session = Some(session);
        let name = client.name.clone();
        self.ledger.put_session(&client);
        let id = self.clients.insert(client);
        self.names.insert(name, id);
        for (text, row) in stored.subscriptions {
            let SubscriptionRow { qos, no_local, retain_as_published, id: of_subscription } = row;
            let subscribed = Subscribed { qos, no_local, retain_as_published, id: of_subscription };
            self.clients[id].subscribe(&text, subscribed);
            self.topics.insert(&text, id, subscribed);
        }
    }
}

impl From<MessageRow> for Stored {
    fn from(row: MessageRow) -> Self {
        let (received, expires) = (Instant::from_millis(row.received), row.expires.map(Instant::from_millis));
        Self::from_frame(row.publish, received, expires)
    }
}
