//! Clients come and go.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sans_mqtt::*;
use tracing::{debug, info};

use super::Broker;
use super::agenda::Deadline;
use super::client::{Client, ClientId, Testament};
use super::letter::{Draft, Stored};
use super::link::{Entry, Link, LinkId};
use super::subscribe::has_control;
use crate::access::{Admitted, Verdict, Who};

impl Broker {
    /// Somebody is at the door.
    pub(super) fn knock(
        &mut self,
        id: LinkId,
        link: &mut Link,
        connect: &Connect<'_>,
    ) -> Result<(), UsageError> {
        let version = link.server.version();
        let texts = [Some(connect.client_id), connect.user_name, connect.will.map(|will| will.topic)];
        let (maximum, asked) = (self.settings.config.maximum_keep_alive, connect.keep_alive);
        let is_too_long = maximum != 0 && (asked == 0 || asked > maximum);
        let verdict = if !self.settings.versions.contains(&version) {
            Verdict::Reject(ReasonCode::UNSUPPORTED_PROTOCOL_VERSION)
        } else if texts.into_iter().flatten().any(has_control) {
            Verdict::Reject(ReasonCode::MALFORMED_PACKET)
        } else if is_too_long && version != Version::V5_0 {
            // Who can't be told of another Keep Alive has to ask for a better one.
            Verdict::Reject(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID)
        } else {
            self.gate.connect(connect, &link.peer)
        };
        let will = connect.will.map(|will| Testament::new(&will)).transpose()?;
        link.entry = Some(Box::new(Entry {
            name: connect.client_id.into(),
            user: connect.user_name.map(Into::into),
            clean_start: connect.clean_start,
            will,
            method: connect.properties.authentication_method().map(Into::into),
            ..Entry::default()
        }));
        self.judge(id, link, verdict)
    }

    /// The next step of an authentication, or the first of another.
    pub(super) fn authenticate(
        &mut self,
        id: LinkId,
        link: &mut Link,
        auth: &Auth<'_>,
    ) -> Result<(), UsageError> {
        let data = auth.properties.authentication_data().unwrap_or_default();
        let method = auth.properties.authentication_method().unwrap_or_default();
        let (entry, refused) =
            (link.entry.get_or_insert_default(), Verdict::Reject(ReasonCode::NOT_AUTHORIZED));
        let verdict = if auth.reason == ReasonCode::RE_AUTHENTICATE {
            entry.method = Some(method.into());
            let who = link.client.and_then(|id| self.clients.get(id)).map(|client| &client.who);
            who.map_or(refused, |who| self.gate.reauthenticate(method, data, who))
        } else {
            entry.exchange.take().map_or(refused, |exchange| exchange(data))
        };
        self.judge(id, link, verdict)
    }

    /// Does what was decided about who is at the door, or is in and has shown a new key.
    pub(super) fn judge(&mut self, id: LinkId, link: &mut Link, verdict: Verdict) -> Result<(), UsageError> {
        let verdict = match verdict {
            // Files were read again while it was decided.
            Verdict::Accept(it) if !self.gate.admits(&it.who) => Verdict::Reject(ReasonCode::NOT_AUTHORIZED),
            verdict => verdict,
        };
        let is_open = link.server.is_open();
        let auth = match &verdict {
            Verdict::Continue(data, _) => link.auth(ReasonCode::CONTINUE_AUTHENTICATION, Some(data)),
            Verdict::Accept(admitted) if is_open => link.auth(ReasonCode::SUCCESS, admitted.data.as_deref()),
            _ => Ok(()),
        };
        let entry = link.entry.get_or_insert_default();
        match verdict {
            // It is for a turn in which there is room for AUTH.
            verdict if auth.is_err_and(|error| error.is_temporary()) => entry.verdict = Some(verdict),
            _ if auth.is_err() => return auth,
            Verdict::Accept(admitted) if is_open => self.admit_again(link, admitted),
            Verdict::Accept(admitted) => return self.enter(id, link, admitted),
            Verdict::Reject(reason) => {
                let (address, user) = (link.peer.shown(), entry.user.as_deref());
                info!(address, client_id = entry.name, user, %reason, "refused");
                link.end(reason, self.now);
            }
            Verdict::Continue(_, exchange) => entry.exchange = Some(exchange),
            Verdict::Later(job) => entry.job = Some(job),
        }
        Ok(())
    }

    fn admit_again(&mut self, link: &mut Link, admitted: Admitted) {
        link.entry = None;
        link.until = admitted.until.map(|until| self.instant(until));
        if let Some(client) = link.client.and_then(|id| self.clients.get_mut(id)) {
            client.access = self.gate.access(&admitted.who, &client.name);
            client.who = admitted.who;
        }
    }

    /// Lets a client in.
    fn enter(&mut self, id: LinkId, link: &mut Link, admitted: Admitted) -> Result<(), UsageError> {
        let mut entry = link.entry.take().unwrap_or_default();
        let is_assigned = entry.name.is_empty();
        if let Some(client_id) = &admitted.client_id {
            entry.name.clone_from(client_id);
        }
        let access = self.gate.access(&admitted.who, &entry.name);
        let will = entry.will.as_ref();
        if let Some(reason) = will.and_then(|will| self.refusal(&access, &will.frame.message())) {
            let (address, user) = (link.peer.shown(), admitted.who.user.as_deref());
            info!(address, client_id = entry.name, user, %reason, "refused because of its will");
            link.end(reason, self.now);
            return Ok(());
        }
        let client = self.session_of(&entry, &admitted.who, link);
        // If it does not take the answer, it leaves as others do, and its session is as it was.
        link.client = Some(client);
        self.clients[client].link = Some(id);
        self.statistics.connected(1);
        let (server, output) = (&mut link.server, &mut link.output);
        let is_5 = server.version() == Version::V5_0;
        let properties: Vec<_> = [
            Some(Property::AssignedClientIdentifier(&entry.name)).filter(|_| is_assigned && is_5),
            entry.method.as_deref().map(Property::AuthenticationMethod),
            admitted.data.as_deref().map(Property::AuthenticationData),
        ]
        .into_iter()
        .flatten()
        .collect();
        server.accept(properties[..].into(), output)?;
        let known = &mut self.clients[client];
        (known.who, known.access) = (admitted.who, access);
        known.will = entry.will;
        info!(
            address = link.peer.shown(),
            client_id = &*known.name,
            user = known.who.user.as_deref(),
            version = %server.version(),
            keep_alive = server.keep_alive(),
            resumed = server.agreement().is_some_and(|it| it.session_present),
            "connected"
        );
        link.until = admitted.until.map(|until| self.instant(until));
        self.remember(client, link);
        Ok(())
    }

    /// Finds what there is of a client, and gives its session to a connection. Another connection of this client makes way.
    fn session_of(&mut self, entry: &Entry, who: &Who, link: &mut Link) -> ClientId {
        let known = self.names.get(&*entry.name).copied();
        let other = known.and_then(|id| self.clients.get(id)).and_then(|client| client.link);
        if let Some(other) = other
            && let Some(mut link) = self.links.get_mut(other).and_then(Option::take)
        {
            debug!(address = link.peer.shown(), client_id = entry.name, "taken over");
            link.end(ReasonCode::SESSION_TAKEN_OVER, self.now);
            self.leave(&mut link);
            link.wake();
            self.links[other] = Some(link);
        }
        // The other's session may have ended with its connection.
        if let Some(client) = self.names.get(&*entry.name).copied() {
            // What waits for one user is not for another.
            if entry.clean_start || self.clients[client].who.user != who.user {
                let now = self.now;
                self.clients[client].session.iter_mut().for_each(|session| session.end(now));
            }
            self.settle(client);
        }
        let client = self.names.get(&*entry.name).copied().unwrap_or_else(|| {
            let client = Client::new(&entry.name);
            let name = client.name.clone();
            let id = self.clients.insert(client);
            self.names.insert(name, id);
            id
        });
        if let Some(mut session) = self.clients[client].session.take() {
            if link.server.version() == Version::V5_0 {
                session.kept_mut().for_each(|(_, kept)| kept.age(self.now));
            }
            let _empty = link.server.resume(session);
        }
        self.set_deadline(client, None);
        client
    }

    /// The connection is over. The session of its client waits for the next one.
    pub(super) fn leave(&mut self, link: &mut Link) {
        let cause = match link.wait {
            Wait::Closed(cause) => cause,
            _ => Cause::Local,
        };
        link.wait = Wait::Closed(cause);
        let Some(id) = link.client else { return };
        self.write_down(link);
        link.client = None;
        self.statistics.connected(-1);
        let name = self.clients.get(id).map(|client| client.name.clone()).unwrap_or_default();
        info!(address = link.peer.shown(), client_id = &*name, %cause, "disconnected");
        let server = mem::replace(&mut link.server, self.settings.server(self.now));
        let was_accepted = server.agreement().is_some();
        let mut session = server.into_session();
        if !session.exists() {
            session.end(self.now);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.link = None;
            if was_accepted {
                client.expiry = session.expiry_interval();
            }
            if session.timers().will.is_none() {
                client.will = None;
            }
            client.queue.leave();
            client.session = Some(session);
            self.ledger.put_session(client);
        }
        self.settle(id);
    }

    /// Does what is due of a session that waits.
    pub(super) fn settle(&mut self, id: ClientId) {
        while let Some(client) = self.clients.get_mut(id) {
            match client.session.as_mut().and_then(|session| session.handle_timeout(self.now)) {
                Some(Due::Will) => {
                    let (will, access) = (client.will.take(), client.access.clone());
                    self.ledger.put_session(client);
                    let Some(will) = will else { continue };
                    let message = will.frame.message();
                    if self.refusal(&access, &message).is_none() {
                        let stored = Stored::new(&message, self.now).map(Arc::new);
                        let _ = stored.map(|stored| self.publish(Some(id), &mut Draft::of(&stored)));
                    }
                }
                Some(Due::End) => self.forget(id),
                None => break,
            }
        }
        let due = self.clients.get(id).and_then(|client| client.session.as_ref()?.poll_timeout());
        self.set_deadline(id, due);
    }

    fn set_deadline(&mut self, id: ClientId, due: Option<Instant>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if let Some(old) = mem::replace(&mut client.due, due) {
            self.agenda.remove(old, Deadline::Client(id));
        }
        if let Some(due) = due {
            self.agenda.insert(due, Deadline::Client(id));
        }
    }

    /// A session is over, and all that was kept for it. What it got of a shared subscription and did not acknowledge goes to
    /// somebody else.
    fn forget(&mut self, id: ClientId) {
        self.set_deadline(id, None);
        let Some(mut client) = self.clients.remove(id) else { return };
        self.names.remove(&client.name);
        for filter in client.subscriptions.keys() {
            self.topics.remove(filter, id);
        }
        let session = client.session.take();
        self.ledger.forget(&mut client, session.as_ref());
        self.pass_on(client);
    }

    /// The time of the clock on the wall, by the clock of the connections.
    fn instant(&self, at: SystemTime) -> Instant {
        let left = at.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
        self.now + left
    }

    /// Has a session that will outlive its connection survive a restart, too.
    fn remember(&mut self, id: ClientId, link: &mut Link) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.expiry = link.server.session().expiry_interval();
        self.ledger.keep(client, link.server.session(), client.expiry > 0);
        // What was on its way when its session still lasted is acknowledged now.
        let watched = client.is_watched(&self.settings) || !client.flying.is_empty();
        link.server.session_mut().store_mut().notes = watched.then(Vec::new);
    }
}

impl Testament {
    fn new(will: &Will<'_>) -> Result<Self, EncodeError> {
        let delay = will.properties.will_delay_interval().unwrap_or(0);
        Ok(Self { frame: PublishBuf::try_from(&will.message())?, delay })
    }
}
