//! The broker without I/O: bytes and time go in, bytes come out.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::task::Waker;

use sans_mqtt::*;

use crate::client::{Client, Letter, Subscribed};

/// How many bytes wait for a slow transport, before no more are made.
const OUTPUT: usize = 64 << 10;
/// How many messages are retained; what comes then is not.
const RETAINED: usize = 10_000;

#[derive(Default)]
pub struct Broker {
    now: Instant,
    links: HashMap<u64, Link>,
    clients: HashMap<String, Client>,
    retained: HashMap<String, Letter>,
}

/// A transport, and what is spoken over it.
pub struct Link {
    pub server: TinyServer,
    pub input: Vec<u8>,
    pub output: Bounded<Vec<u8>>,
    /// With `Closed`, it is to be closed once the output is written.
    pub wait: Wait,
    /// Woken when messages have come for its client: it is its turn.
    pub waker: Option<Waker>,
    /// Who is there, once CONNECT was accepted.
    client: Option<String>,
}

impl Link {
    /// Who is there, once CONNECT was accepted.
    pub fn client_id(&self) -> Option<&str> {
        self.client.as_deref()
    }

    fn wake(&self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
    }
}

type TinyServer = Server<Heap, (HeapTopics, HeapTopics)>;

impl Broker {
    /// A transport was opened.
    pub fn open(&mut self, id: u64, now: Instant) {
        let (server, wait, waker) = (server(now), Wait::Read(2), None);
        let (input, output) = (Vec::new(), Bounded::new(OUTPUT));
        self.links.insert(id, Link { server, input, output, wait, waker, client: None });
    }

    /// The transport was closed, or failed.
    pub fn close(&mut self, id: u64, now: Instant) {
        self.now = now;
        if let Some(mut link) = self.links.remove(&id) {
            link.server.handle_timeout(now, &mut Vec::new());
            self.leave(&mut link);
        }
    }

    /// Does what there is to do at a link: something has come, was written, or it is time.
    pub fn turn(&mut self, id: u64, now: Instant, what: impl FnOnce(&mut Link)) -> Option<&mut Link> {
        self.now = now;
        // It is taken out, so that the others can be dealt with.
        let mut link = self.links.remove(&id)?;
        what(&mut link);
        let mut input = mem::take(&mut link.input);
        let mut rest = &input[..];
        while !matches!(link.wait, Wait::Closed(_)) {
            match link.server.handle(now, &mut rest, &mut link.output) {
                Step::Event(event) => {
                    if self.answer(id, &mut link, event).is_err() {
                        // Who can't take the answer can only be sent away.
                        let Link { server, output, .. } = &mut link;
                        let reason = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
                        let farewell = Disconnect { reason, ..Disconnect::default() };
                        let refused = server.reject(reason, Properties::EMPTY, output);
                        let _ = refused.or_else(|_| server.disconnect(&farewell, output));
                    }
                }
                Step::Wait(wait) => {
                    link.wait = wait;
                    break;
                }
            }
        }
        let taken = input.len() - rest.len();
        input.drain(..taken);
        link.input = input;
        let client = link.client.as_ref().and_then(|name| self.clients.get_mut(name));
        if let Some(client) = client.filter(|_| link.server.is_open()) {
            client.deliver(now, &mut link.server, &mut link.output);
        }
        if matches!(link.wait, Wait::Closed(_)) {
            self.leave(&mut link);
        }
        Some(self.links.entry(id).insert_entry(link).into_mut())
    }

    /// Does what is due of that which waits. To be called once a second.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.retained.retain(|_, letter| !letter.has_expired(now));
        for name in self.clients.keys().cloned().collect::<Vec<_>>() {
            self.settle(&name);
        }
    }

    /// Ends all connections.
    pub fn shut_down(&mut self, now: Instant) {
        self.now = now;
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.dismiss(id, ReasonCode::SERVER_SHUTTING_DOWN);
        }
    }

    fn dismiss(&mut self, id: u64, reason: ReasonCode) {
        if let Some(mut link) = self.links.remove(&id) {
            let farewell = Disconnect { reason, ..Disconnect::default() };
            let _ = link.server.disconnect(&farewell, &mut link.output);
            self.leave(&mut link);
            link.wake();
            self.links.insert(id, link);
        }
    }

    fn answer(&mut self, id: u64, link: &mut Link, event: Event<'_>) -> Result<(), UsageError> {
        if let Event::Connect(connect) = event {
            return self.enter(id, link, &connect);
        }
        let Some(name) = &link.client else { return Ok(()) };
        let (server, output) = (&mut link.server, &mut link.output);
        match event {
            Event::Publish(incoming, _) => self.publish(name, &server.message(&incoming))?,
            Event::Subscribe(subscribe) => {
                let id = subscribe.properties.subscription_identifier();
                let reasons = subscribe.filters.iter().map(|asked| self.subscribe(name, asked, id));
                server.suback(&reasons.collect::<Vec<_>>(), Properties::EMPTY, output)?;
            }
            Event::Unsubscribe(unsubscribe) => {
                let subscriptions = &mut self.client(name).subscriptions;
                let reasons = unsubscribe.filters.iter().map(|filter| match subscriptions.remove(filter) {
                    Some(_) => ReasonCode::SUCCESS,
                    None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
                });
                server.unsuback(&reasons.collect::<Vec<_>>(), Properties::EMPTY, output)?;
            }
            // It can't be sent again as it is: the client has come back with another version, for example.
            Event::Dropped { id } if server.session().flight(id) != Some(Flight::Released) => {
                if let Some(message) = server.session().message(id) {
                    let letter = Letter::new(&message, self.now)?;
                    self.client(name).post(letter);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets a client in.
    fn enter(&mut self, id: u64, link: &mut Link, connect: &Connect<'_>) -> Result<(), UsageError> {
        let (server, output) = (&mut link.server, &mut link.output);
        if connect.properties.authentication_method().is_some() {
            return server.reject(ReasonCode::BAD_AUTHENTICATION_METHOD, Properties::EMPTY, output);
        }
        // Nobody is to guess a name that was made up.
        let assigned = format!("guest-{:016x}", RandomState::new().build_hasher().finish());
        let name = if connect.client_id.is_empty() { &assigned } else { connect.client_id };
        let is_told = connect.client_id.is_empty() && server.version() == Version::V5_0;
        let properties = [Property::AssignedClientIdentifier(name)];
        let will = connect.will.map(|will| PublishBuf::try_from(&will.message())).transpose()?;

        if let Some(other) = self.clients.get(name).and_then(|client| client.link) {
            // Another connection of this client makes way.
            self.dismiss(other, ReasonCode::SESSION_TAKEN_OVER);
        }
        if connect.clean_start {
            let now = self.now;
            self.client(name).session.iter_mut().for_each(|session| session.end(now));
        }
        self.settle(name);
        let client = self.clients.entry(name.into()).or_default();
        if let Some(session) = client.session.take() {
            let _empty = server.resume(session);
        }
        (client.link, link.client) = (Some(id), Some(name.into()));
        server.accept(properties[..usize::from(is_told)].into(), output)?;
        client.will = will;
        Ok(())
    }

    /// The connection is over. The session of its client waits for the next one.
    fn leave(&mut self, link: &mut Link) {
        link.wait = Wait::Closed(Cause::Local);
        let Some(name) = link.client.take() else { return };
        let mut session = mem::replace(&mut link.server, server(self.now)).into_session();
        if !session.exists() {
            session.end(self.now);
        }
        self.client(&name).leave(session);
        self.settle(&name);
    }

    /// Does what is due of a session that waits.
    fn settle(&mut self, name: &str) {
        while let Some(client) = self.clients.get_mut(name) {
            match client.session.as_mut().and_then(|session| session.handle_timeout(self.now)) {
                Some(Due::Will) => {
                    if let Some(will) = client.will.take() {
                        let _ = self.publish(name, &will.message());
                    }
                }
                Some(Due::End) => drop(self.clients.remove(name)),
                None => return,
            }
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.into()).or_default()
    }

    fn subscribe(&mut self, name: &str, asked: Subscription<'_>, id: Option<u32>) -> ReasonCode {
        let Subscription { filter, qos, no_local, retain_as_published, retain_handling } = asked;
        let client = self.clients.entry(name.into()).or_default();
        let subscribed = Subscribed { qos, no_local, retain_as_published, id };
        let is_new = client.subscriptions.insert(filter.into(), subscribed).is_none();
        if retain_handling == RetainHandling::Send || retain_handling == RetainHandling::SendIfNew && is_new {
            for (_, letter) in self.retained.iter().filter(|(topic, _)| matches(filter, topic)) {
                client.post(Letter { qos: qos.min(letter.qos), ids: Vec::from_iter(id), ..letter.clone() });
            }
        }
        ReasonCode::new(qos as u8)
    }

    /// Gives a message to all who subscribe to it, once to each.
    fn publish(&mut self, from: &str, message: &Message<'_>) -> Result<(), EncodeError> {
        let Message { topic, qos, retain, payload, .. } = *message;
        let letter = Letter::new(message, self.now)?;
        if retain && payload.is_empty() {
            self.retained.remove(topic);
        } else if retain && (self.retained.len() < RETAINED || self.retained.contains_key(topic)) {
            self.retained.insert(topic.into(), letter.clone());
        }
        for (name, client) in &mut self.clients {
            let wanted = client.subscriptions.iter().filter(|(filter, _)| matches(filter, topic));
            let wanted: Vec<_> = wanted.map(|(_, it)| it).filter(|it| !it.no_local || name != from).collect();
            let Some(highest) = wanted.iter().map(|it| it.qos).max() else { continue };
            let retain = retain && wanted.iter().any(|it| it.retain_as_published);
            let ids = wanted.iter().filter_map(|it| it.id).collect();
            client.post(Letter { qos: qos.min(highest), retain, ids, ..letter.clone() });
            if let Some(link) = client.link.and_then(|id| self.links.get(&id)) {
                link.wake();
            }
        }
        Ok(())
    }
}

fn server(now: Instant) -> TinyServer {
    let mut config = Config { topic_alias_maximum: 16, assign_topic_aliases: true, ..Config::default() };
    config.shared_subscription_available = false;
    let topics = || HeapTopics::new(16, 4096);
    Server::with_aliases(now, &config, Session::default(), (topics(), topics()))
}
