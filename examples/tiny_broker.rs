//! A broker for 3.1, 3.1.1 and 5.0 side by side, in 250 lines of code: retained messages, wills, sessions, wildcards. It has a
//! thread for each client, and waits for one that reads nothing, but not longer than a second; `examples/broker/` waits for nobody.
//!
//! `tiny_broker [ADDRESS]`: an address with a port, or a port alone; 127.0.0.1:1883 if nothing is said.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::{env, mem, process::ExitCode, sync::Mutex, thread, time};

use sans_mqtt::*;

const SECOND: time::Duration = time::Duration::from_secs(1);

/// What is decided, apart from the transports.
#[derive(Default)]
pub struct Broker {
    now: Instant,
    links: HashMap<u64, Link>,
    clients: HashMap<String, Client>,
    retained: HashMap<String, Letter>,
}

/// A transport, and what is spoken over it.
struct Link {
    server: Server<Heap, (HeapTopics, HeapTopics)>,
    input: Vec<u8>,
    output: Vec<u8>,
    transport: Box<dyn Write + Send>,
    client: Option<String>,
}

/// A client that is here, or has a session that waits for it.
#[derive(Default)]
struct Client {
    link: Option<u64>,
    session: Option<Session<Heap>>,
    will: Option<PublishBuf>,
    /// What it subscribes to: QoS, No Local, Retain As Published.
    subscriptions: HashMap<String, (Qos, bool, bool)>,
    queue: VecDeque<Letter>,
}

/// A message on its way. Copies share its bytes.
#[derive(Clone)]
struct Letter {
    message: PublishBuf,
    expires: Option<Instant>,
    qos: Qos,
    retain: bool,
}

impl Broker {
    /// A transport was opened.
    pub fn open(&mut self, id: u64, now: Instant, transport: impl Write + Send + 'static) {
        let mut config = Config { topic_alias_maximum: 16, assign_topic_aliases: true, ..Config::default() };
        (config.shared_subscription_available, config.subscription_identifier_available) = (false, false);
        let topics = || HeapTopics::new(16, 4096);
        let server = Server::with_aliases(now, &config, Session::default(), (topics(), topics()));
        let (input, output, transport) = (Vec::new(), Vec::new(), Box::new(transport));
        self.links.insert(id, Link { server, input, output, transport, client: None });
    }

    /// Something came over a transport, or it is at its end, or a second has passed. Whether the link goes on.
    pub fn turn(&mut self, id: u64, now: Instant, came: &[u8], is_eof: bool) -> bool {
        self.now = now;
        // It is taken out, so that the others can be dealt with.
        let Some(mut link) = self.links.remove(&id) else { return false };
        is_eof.then(|| link.server.handle_eof());
        let mut input = mem::take(&mut link.input);
        input.extend_from_slice(came);
        let mut rest = &input[..];
        let wait = loop {
            match link.server.handle(now, &mut rest, &mut link.output) {
                Step::Event(event) => {
                    if self.answer(id, &mut link, event).is_err() {
                        // It can't take the answer.
                        link.send_away(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR);
                    }
                }
                Step::Wait(wait) => break wait,
            }
        };
        let taken = input.len() - rest.len();
        input.drain(..taken);
        link.input = input;
        if let Some(client) = link.client.as_ref().and_then(|name| self.clients.get_mut(name)) {
            client.deliver(now, &mut link);
        }
        if link.flush() && !matches!(wait, Wait::Closed(_)) {
            return self.links.insert(id, link).is_none();
        }
        self.leave(link);
        false
    }

    /// Does what is due of the sessions that wait. To be called once a second.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let names: Vec<_> = self.clients.keys().cloned().collect();
        names.iter().for_each(|name| self.settle(name));
    }

    fn answer(&mut self, id: u64, link: &mut Link, event: Event<'_>) -> Result<(), UsageError> {
        let (server, output) = (&mut link.server, &mut link.output);
        match (event, &link.client) {
            (Event::Connect(connect), _) => self.enter(id, link, &connect)?,
            (Event::Publish(incoming, _), Some(name)) => self.publish(name, &server.message(&incoming))?,
            (Event::Subscribe(subscribe), Some(name)) => {
                let reasons = subscribe.filters.iter().map(|asked| self.subscribe(name, asked));
                server.suback(&reasons.collect::<Vec<_>>(), Properties::EMPTY, output)?;
            }
            (Event::Unsubscribe(unsubscribe), Some(name)) => {
                let subscriptions = &mut self.clients.entry(name.into()).or_default().subscriptions;
                let none = ReasonCode::NO_SUBSCRIPTION_EXISTED;
                let remove = |filter| subscriptions.remove(filter).map_or(none, |_| ReasonCode::SUCCESS);
                let reasons = unsubscribe.filters.iter().map(remove);
                server.unsuback(&reasons.collect::<Vec<_>>(), Properties::EMPTY, output)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn enter(&mut self, id: u64, link: &mut Link, connect: &Connect<'_>) -> Result<(), UsageError> {
        let (server, output) = (&mut link.server, &mut link.output);
        if connect.properties.authentication_method().is_some() {
            return server.reject(ReasonCode::BAD_AUTHENTICATION_METHOD, Properties::EMPTY, output);
        }
        let guest = format!("guest-{:x}", RandomState::new().build_hasher().finish());
        let name = if connect.client_id.is_empty() { &guest } else { connect.client_id };
        let is_told = connect.client_id.is_empty() && server.version() == Version::V5_0;
        // Another connection of this client makes way.
        let other = self.clients.get(name).and_then(|client| self.links.remove(&client.link?));
        if let Some(mut link) = other {
            link.send_away(ReasonCode::SESSION_TAKEN_OVER);
            self.leave(link);
        }
        if let (now, Some(session), true) =
            (self.now, &mut self.clients.entry(name.into()).or_default().session, connect.clean_start)
        {
            session.end(now);
        }
        self.settle(name);
        let client = self.clients.entry(name.into()).or_default();
        if let Some(session) = client.session.take() {
            let _empty = server.resume(session);
        }
        (client.link, link.client) = (Some(id), Some(name.into()));
        let assigned = [Property::AssignedClientIdentifier(name)];
        server.accept(assigned[..usize::from(is_told)].into(), output)?;
        client.will = connect.will.and_then(|will| PublishBuf::try_from(&will.message()).ok());
        Ok(())
    }

    /// The connection is over. The session of its client waits for the next one.
    fn leave(&mut self, mut link: Link) {
        let Some(name) = link.client else { return };
        link.server.handle_timeout(self.now, &mut Vec::new());
        let mut session = link.server.into_session();
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
                Some(Due::Will) => drop(client.will.take().map(|will| self.publish(name, &will.message()))),
                Some(Due::End) => drop(self.clients.remove(name)),
                None => return,
            }
        }
    }

    fn subscribe(&mut self, name: &str, asked: Subscription<'_>) -> ReasonCode {
        let client = self.clients.entry(name.into()).or_default();
        let options = (asked.qos, asked.no_local, asked.retain_as_published);
        let is_new = client.subscriptions.insert(asked.filter.into(), options).is_none();
        // Always, if the subscription is new, never.
        let is_wanted = [true, is_new, false][asked.retain_handling as usize];
        for (_, letter) in self.retained.iter().filter(|(topic, _)| is_wanted && matches(asked.filter, topic))
        {
            client.queue.push_back(Letter { qos: asked.qos.min(letter.qos), ..letter.clone() });
        }
        ReasonCode::granted(asked.qos)
    }

    /// Gives a message to all who subscribe to it, once to each.
    fn publish(&mut self, from: &str, message: &Message<'_>) -> Result<(), EncodeError> {
        let (topic, expires, now) = (message.topic, message.expires_at(self.now), self.now);
        let letter =
            Letter { message: message.try_into()?, expires, qos: message.qos, retain: message.retain };
        match message.payload {
            [] if message.retain => drop(self.retained.remove(topic)),
            _ if message.retain => drop(self.retained.insert(topic.into(), letter.clone())),
            _ => {}
        }
        for (name, client) in &mut self.clients {
            let wanted = client.subscriptions.iter().filter(|(filter, _)| matches(filter, topic));
            let wanted = wanted.map(|(_, it)| *it).filter(|(_, no_local, _)| !no_local || name != from);
            let Some((qos, _, retain)) = wanted.max() else { continue };
            let copy = Letter { qos: qos.min(letter.qos), retain: retain && letter.retain, ..letter.clone() };
            // For a client that is slow or away not everything is kept.
            if client.queue.len() < 10_000 && (client.link.is_some() || copy.qos > Qos::AtMostOnce) {
                client.queue.push_back(copy);
            }
            let link = client.link.and_then(|id| self.links.get_mut(&id));
            link.into_iter().for_each(|link| client.deliver(now, link));
        }
        Ok(())
    }
}

impl Client {
    /// Sends what waits, as far as that is possible now.
    fn deliver(&mut self, now: Instant, link: &mut Link) {
        while let Some(letter) = self.queue.front() {
            let Message { topic, properties, payload, .. } = letter.message.message();
            // What is left of its time; and no properties where the version has no place for them.
            let left = letter.expires.map_or(Some(None), |at| at.seconds_from(now).map(Some));
            let kept = properties.iter().filter(|it| it.id() != PropertyId::MessageExpiryInterval);
            let properties = kept.chain(left.flatten().map(Property::MessageExpiryInterval));
            let properties: Vec<_> = properties.filter(|_| link.server.version() == Version::V5_0).collect();
            let (qos, retain, properties) = (letter.qos, letter.retain, properties[..].into());
            let message = Message { qos, retain, topic, properties, payload };
            match left.map(|_| link.server.publish(&message, &mut link.output)) {
                Some(Err(error)) if error.is_temporary() => break,
                // It is on its way, has expired, or is too large for this client.
                _ => drop(self.queue.pop_front()),
            }
        }
        link.flush();
    }
}

impl Link {
    fn send_away(&mut self, reason: ReasonCode) {
        let farewell = Disconnect { reason, ..Disconnect::default() };
        let refused = self.server.reject(reason, Properties::EMPTY, &mut self.output);
        let _ = refused.or_else(|_| self.server.disconnect(&farewell, &mut self.output));
        self.flush();
    }

    /// Whether the transport took it all.
    fn flush(&mut self) -> bool {
        let written = self.transport.write_all(&mem::take(&mut self.output));
        written.inspect_err(|_| self.server.handle_eof()).is_ok()
    }
}

fn main() -> ExitCode {
    let address = env::args().nth(1).unwrap_or_else(|| "1883".into());
    let address = if address.contains(':') { address } else { format!("127.0.0.1:{address}") };
    let complain = |error: &Error| eprintln!("tiny_broker: can't listen on {address}: {error}");
    let Ok(listener) = TcpListener::bind(&address).inspect_err(complain) else { return ExitCode::FAILURE };
    listener.local_addr().into_iter().for_each(|address| println!("listening on {address}"));
    let (broker, start) = (&*Box::leak(Box::<Mutex<Broker>>::default()), time::Instant::now());
    thread::spawn(move || {
        loop {
            thread::sleep(SECOND);
            broker.lock().unwrap().handle_timeout(start.elapsed().into());
        }
    });
    for (id, socket) in (0..).zip(listener.incoming().flatten()) {
        thread::spawn(move || serve(id, socket, broker, start));
    }
    ExitCode::SUCCESS
}

fn serve(id: u64, mut socket: TcpStream, broker: &Mutex<Broker>, start: time::Instant) -> IoResult<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(SECOND))?;
    socket.set_write_timeout(Some(SECOND))?;
    broker.lock().unwrap().open(id, start.elapsed().into(), socket.try_clone()?);
    let mut chunk = [0; 4096];
    loop {
        let (n, is_eof) = match socket.read(&mut chunk) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => (0, false),
            Ok(0) | Err(_) => (0, true),
            Ok(n) => (n, false),
        };
        if !broker.lock().unwrap().turn(id, start.elapsed().into(), &chunk[..n], is_eof) {
            // If it were closed with input unread, the peer would not get what was written last.
            socket.shutdown(Shutdown::Write)?;
            while matches!(socket.read(&mut chunk), Ok(1..)) {}
            return Ok(());
        }
    }
}
