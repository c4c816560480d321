//! The broker without I/O: bytes and time go in, bytes come out.

use std::collections::{HashMap, VecDeque};
use std::mem;

use sans_mqtt::*;

use crate::letter::Letter;

/// How many messages wait for a client that is slow or away; those that come then are lost to it.
const QUEUE: usize = 10_000;
/// How many bytes wait for a slow transport, before no more are made.
const OUTPUT: usize = 64 << 10;

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
    pub wait: Wait,
    /// Called when messages have come for its client: it is its turn.
    wake: Box<dyn Fn() + Send>,
    /// Who is there, once CONNECT was accepted.
    client: Option<String>,
}

type TinyServer = Server<Heap, (HeapTopics, HeapTopics)>;

/// A client that is here, or has a session that waits for it.
#[derive(Default)]
struct Client {
    link: Option<u64>,
    session: Option<Session<Heap>>,
    will: Option<PublishBuf>,
    subscriptions: HashMap<String, Subscribed>,
    queue: VecDeque<Letter>,
}

struct Subscribed {
    qos: Qos,
    no_local: bool,
    retain_as_published: bool,
    id: Option<u32>,
}

impl Broker {
    /// A transport was opened.
    pub fn open(&mut self, id: u64, wake: impl Fn() + Send + 'static) {
        let (input, output) = (Vec::new(), Bounded::new(OUTPUT));
        let (server, wait, wake) = (server(self.now), Wait::Read(2), Box::new(wake));
        self.links.insert(id, Link { server, input, output, wait, wake, client: None });
    }

    /// The transport was closed.
    pub fn close(&mut self, id: u64) {
        self.links.remove(&id);
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
                        let reason = ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR;
                        let refused = link.server.reject(reason, Properties::EMPTY, &mut link.output);
                        refused.unwrap_or_else(|_| link.server.handle_eof());
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
        self.deliver(&mut link);
        if matches!(link.wait, Wait::Closed(_)) {
            self.leave(&mut link);
        }
        Some(self.links.entry(id).insert_entry(link).into_mut())
    }

    /// Does what is due of the sessions that wait for their clients. To be called once a second.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for name in self.clients.keys().cloned().collect::<Vec<_>>() {
            self.settle(&name);
        }
    }

    fn answer(&mut self, id: u64, link: &mut Link, event: Event<'_>) -> Result<(), UsageError> {
        if let Event::Connect(connect) = event {
            return self.enter(id, link, &connect);
        }
        let Some(name) = &link.client else { return Ok(()) };
        match event {
            Event::Publish(incoming, _) => self.publish(name, &link.server.message(&incoming))?,
            Event::Subscribe(subscribe) => {
                let id = subscribe.properties.subscription_identifier();
                let reasons: Vec<_> =
                    subscribe.filters.iter().map(|it| self.subscribe(name, it, id)).collect();
                link.server.suback(&reasons, Properties::EMPTY, &mut link.output)?;
            }
            Event::Unsubscribe(unsubscribe) => {
                let subscriptions = &mut self.clients.entry(name.clone()).or_default().subscriptions;
                let reason = |filter| match subscriptions.remove(filter) {
                    Some(_) => ReasonCode::SUCCESS,
                    None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
                };
                let reasons: Vec<_> = unsubscribe.filters.iter().map(reason).collect();
                link.server.unsuback(&reasons, Properties::EMPTY, &mut link.output)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, id: u64, link: &mut Link, connect: &Connect<'_>) -> Result<(), UsageError> {
        let assigned = format!("anonymous-{id}");
        let name = if connect.client_id.is_empty() { &assigned } else { connect.client_id };
        // Another connection of this client makes way.
        let other = self.clients.get(name).and_then(|client| self.links.remove_entry(&client.link?));
        if let Some((other, mut link)) = other {
            let packet = Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, ..Disconnect::default() };
            let _ = link.server.disconnect(&packet, &mut link.output);
            self.leave(&mut link);
            (link.wake)();
            self.links.insert(other, link);
        }
        let before = self.clients.get_mut(name).and_then(|client| client.session.as_mut());
        before.filter(|_| connect.clean_start).into_iter().for_each(|session| session.end(self.now));
        self.settle(name);
        let client = self.clients.entry(name.into()).or_default();
        client.session.take().into_iter().for_each(|session| drop(link.server.resume(session)));
        client.will = connect.will.map(|will| PublishBuf::try_from(&will.message())).transpose()?;
        (client.link, link.client) = (Some(id), Some(name.into()));
        let is_told = connect.client_id.is_empty() && link.server.version() == Version::V5_0;
        let properties = [Property::AssignedClientIdentifier(name)];
        link.server.accept(properties[..usize::from(is_told)].into(), &mut link.output)
    }

    /// The connection is over. The session of its client waits for the next one.
    fn leave(&mut self, link: &mut Link) {
        link.wait = Wait::Closed(Cause::Local);
        let Some(name) = link.client.take() else { return };
        let mut session = mem::replace(&mut link.server, server(self.now)).into_session();
        if !session.exists() {
            session.end(self.now);
        }
        let client = self.clients.entry(name.clone()).or_default();
        (client.link, client.session) = (None, Some(session));
        client.queue.retain(|letter| letter.qos > Qos::AtMostOnce);
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
        let expires = message.expires_at(self.now);
        let letter = Letter { message: message.try_into()?, qos, retain, expires, ids: Vec::new() };
        match retain {
            true if payload.is_empty() => drop(self.retained.remove(topic)),
            true => drop(self.retained.insert(topic.into(), letter.clone())),
            false => {}
        }
        for (name, client) in &mut self.clients {
            let wanted = client.subscriptions.iter().filter(|(filter, _)| matches(filter, topic));
            let wanted: Vec<_> = wanted.map(|(_, it)| it).filter(|it| !it.no_local || name != from).collect();
            if let Some(highest) = wanted.iter().map(|it| it.qos).max() {
                let retain = retain && wanted.iter().any(|it| it.retain_as_published);
                let ids = wanted.iter().filter_map(|it| it.id).collect();
                client.post(Letter { qos: qos.min(highest), retain, ids, ..letter.clone() });
                client.link.and_then(|id| self.links.get(&id)).into_iter().for_each(|link| (link.wake)());
            }
        }
        Ok(())
    }

    /// Sends what waits for a client, as far as that is possible now.
    fn deliver(&mut self, link: &mut Link) {
        let client = link.client.as_ref().and_then(|name| self.clients.get_mut(name));
        let Some(client) = client.filter(|_| link.server.is_open()) else { return };
        while let Some(letter) = client.queue.front() {
            match letter.send(self.now, &mut link.server, &mut link.output) {
                Err(error) if error.is_temporary() => return,
                // This client will never take it, because it is too large for example.
                Ok(()) | Err(_) => drop(client.queue.pop_front()),
            }
        }
    }
}

fn server(now: Instant) -> TinyServer {
    let mut config = Config { topic_alias_maximum: 16, assign_topic_aliases: true, ..Config::default() };
    config.shared_subscription_available = false;
    let topics = || HeapTopics::new(16, 4096);
    Server::with_aliases(now, &config, Session::default(), (topics(), topics()))
}

impl Client {
    fn post(&mut self, letter: Letter) {
        let is_kept = self.link.is_some() || letter.qos > Qos::AtMostOnce;
        if is_kept && self.queue.len() < QUEUE {
            self.queue.push_back(letter);
        }
    }
}
