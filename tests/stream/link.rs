//! Two connections with four KiB of memory each way, and applications that make up large payloads and check them.

use sans_mqtt::{
    Buffer, Client, Config, Connect, Connection, Event, Fixed, Incoming, Instant, Message, PacketId,
    Properties, Property, Qos, Role, Server, Session, Step, UsageError, Version, Wait,
};

pub(crate) const SIZE: usize = 4096;
/// The largest packet of all.
pub(crate) const MAXIMUM: u32 = 5 + 268_435_455;
pub(crate) type Memory = Fixed<8, 64, 8>;
pub(crate) const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
pub(crate) const VERSIONS: [Version; 2] = [Version::V3_1_1, Version::V5_0];
const TOPICS: [&str; 5] = ["large/0", "large/1", "large/2", "large/3", "large/4"];
const PERIOD: usize = 4099;

static PATTERN: [u8; PERIOD + SIZE] = {
    let mut bytes = [0; PERIOD + SIZE];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at % PERIOD * 167 / 16) as u8;
        at += 1;
    }
    bytes
};

/// A piece of the payload of message `number`, of at most [`SIZE`] bytes.
pub(crate) fn pattern(number: usize, position: u32, len: usize) -> &'static [u8] {
    let start = (number * 1009 + position as usize) % PERIOD;
    &PATTERN[start..start + len]
}

pub(crate) fn config() -> Config {
    Config { maximum_packet_size: MAXIMUM, stream_above: SIZE as u32, ..Config::default() }
}

/// The bytes of a PUBLISH in front of its payload, where its Remaining Length takes four.
pub(crate) fn head(qos: Qos, version: Version) -> u32 {
    let id = if qos == Qos::AtMostOnce { 0 } else { 2 };
    5 + 2 + TOPICS[0].len() as u32 + id + u32::from(version == Version::V5_0)
}

/// What is under way from one end to the other.
pub(crate) fn carry(from: &mut Buffer<SIZE>, to: &mut Buffer<SIZE>, budget: &mut u64) -> bool {
    let (bytes, space) = (from.bytes(), to.space());
    let n = bytes.len().min(space.len()).min(usize::try_from(*budget).unwrap_or(SIZE));
    space[..n].copy_from_slice(&bytes[..n]);
    to.filled(n);
    from.advance(n);
    *budget -= n as u64;
    n > 0
}

#[derive(Default)]
pub(crate) struct App {
    /// The payload sizes of the messages to send, the number of those that were, and their identifiers.
    pub(crate) sizes: Vec<u32>,
    pub(crate) qos: Qos,
    pub(crate) sent: usize,
    pub(crate) ids: [Option<PacketId>; TOPICS.len()],
    /// The message that is under way, and how far.
    pub(crate) current: (usize, u32),
    pub(crate) acked: u32,
    pub(crate) small_acked: u32,

    /// What came: the message that is, its position and size.
    pub(crate) coming: Option<(usize, u32, u32)>,
    pub(crate) started: u32,
    pub(crate) repeated: u32,
    pub(crate) ended: u32,
    pub(crate) whole: u32,
    pub(crate) received: u64,
    pub(crate) small: u32,
}

impl App {
    fn start(&mut self, topic: &str, incoming: &Incoming<'_>, size: u32) {
        assert_eq!(incoming.payload, b"");
        self.started += 1;
        self.repeated += u32::from(incoming.dup);
        self.coming = Some((number(topic), 0, size));
    }

    fn piece(&mut self, number: usize, position: u32, bytes: &[u8]) {
        assert!(bytes == pattern(number, position, bytes.len()), "message {number} differs at {position}");
        self.received += bytes.len() as u64;
    }

    fn event(&mut self, topic: &str, event: &Event<'_>) {
        match event {
            Event::PublishStart(incoming, size) => self.start(topic, incoming, *size),
            Event::PublishChunk(bytes) => {
                let (number, position, size) = self.coming.expect("a chunk belongs to a message");
                self.piece(number, position, bytes);
                self.coming = Some((number, position + bytes.len() as u32, size));
            }
            Event::PublishEnd(token) => {
                let (_, position, size) = self.coming.take().expect("an end belongs to a message");
                assert!(token.is_none() && position == size);
                self.ended += 1;
            }
            Event::Publish(_, None) if topic == "small" => self.small += 1,
            Event::Publish(incoming, None) => {
                self.piece(number(topic), 0, incoming.payload);
                self.whole += 1;
            }
            Event::Acked { id, reason, .. } => {
                assert!(!reason.is_error());
                let large = self.ids.contains(&Some(*id));
                *if large { &mut self.acked } else { &mut self.small_acked } += 1;
            }
            event => panic!("{event:?}"),
        }
    }
}

fn number(topic: &str) -> usize {
    TOPICS.iter().position(|name| *name == topic).expect("a topic that was sent")
}

/// A connection with its buffers and its application.
pub(crate) struct End<R> {
    pub(crate) connection: Connection<R, Memory>,
    pub(crate) input: Buffer<SIZE>,
    pub(crate) out: Buffer<SIZE>,
    pub(crate) app: App,
    pub(crate) wait: Wait,
}

impl<R: Role> End<R> {
    pub(crate) fn new(connection: Connection<R, Memory>, app: App) -> Self {
        Self { connection, input: Buffer::new(), out: Buffer::new(), app, wait: Wait::Read(2) }
    }

    /// Handles what has come, and sends what there is room for. Gives whether anything was done.
    pub(crate) fn turn(&mut self, now: Instant) -> bool {
        let mut moved = false;
        loop {
            let mut input = self.input.bytes();
            let len = input.len();
            let step = self.connection.handle(now, &mut input, &mut self.out);
            let used = len - input.len();
            match &step {
                Step::Event(event) => {
                    let topic = match event {
                        Event::Publish(incoming, _) | Event::PublishStart(incoming, _) => {
                            self.connection.topic(incoming)
                        }
                        _ => "",
                    };
                    self.app.event(topic, event);
                }
                Step::Wait(wait) => self.wait = *wait,
            }
            let done = matches!(step, Step::Wait(_));
            self.input.advance(used);
            if done {
                return self.send() || moved;
            }
            moved = true;
        }
    }

    fn send(&mut self) -> bool {
        let left = self.connection.payload_left();
        if left > 0 && self.connection.is_open() {
            let room = self.out.space();
            let n = room.len().min(left as usize);
            let (number, position) = self.app.current;
            room[..n].copy_from_slice(pattern(number, position, n));
            self.out.filled(n);
            assert_eq!(self.connection.payload_written(n), Ok(left - n as u32));
            self.app.current.1 += n as u32;
            return n > 0;
        }
        let (qos, app) = (self.app.qos, &mut self.app);
        let message = |number: usize| Message { qos, topic: TOPICS[number], ..Message::default() };
        if let Wait::Resend(id) = self.wait {
            let number = app.ids.iter().position(|sent| *sent == Some(id)).unwrap();
            self.connection.resend_head(id, &message(number), app.sizes[number], &mut self.out).unwrap();
            app.current = (number, 0);
            return true;
        }
        if app.sent == app.sizes.len() {
            return false;
        }
        let number = app.sent;
        match self.connection.publish_head(&message(number), app.sizes[number], &mut self.out) {
            Ok(id) => {
                assert_eq!(id.is_some(), qos != Qos::AtMostOnce);
                (app.ids[number], app.current) = (id, (number, 0));
                app.sent += 1;
                true
            }
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                false
            }
        }
    }

    /// Sends a small message.
    pub(crate) fn small(&mut self, qos: Qos) -> Result<Option<PacketId>, UsageError> {
        self.connection.publish(&Message { qos, topic: "small", ..Message::default() }, &mut self.out)
    }
}

/// Two ends and what is under way between them.
pub(crate) struct Link<A, B> {
    pub(crate) a: End<A>,
    pub(crate) b: End<B>,
    pub(crate) to_b: Buffer<SIZE>,
    pub(crate) to_a: Buffer<SIZE>,
    /// How many bytes pass before the transport breaks.
    pub(crate) budget_b: u64,
    pub(crate) budget_a: u64,
    pub(crate) now: Instant,
}

impl<A: Role, B: Role> Link<A, B> {
    pub(crate) fn new(a: End<A>, b: End<B>) -> Self {
        let (to_b, to_a) = (Buffer::new(), Buffer::new());
        Self { a, b, to_b, to_a, budget_b: u64::MAX, budget_a: u64::MAX, now: Instant::from_millis(0) }
    }

    /// One millisecond. Gives whether anything was done.
    pub(crate) fn turn(&mut self) -> bool {
        let mut moved = self.a.turn(self.now) | self.b.turn(self.now);
        moved |= carry(&mut self.to_b, &mut self.b.input, &mut { u64::MAX });
        moved |= carry(&mut self.to_a, &mut self.a.input, &mut { u64::MAX });
        moved |= carry(&mut self.a.out, &mut self.to_b, &mut self.budget_b);
        moved |= carry(&mut self.b.out, &mut self.to_a, &mut self.budget_a);
        self.now = Instant::from_millis(self.now.as_millis() + 1);
        moved
    }

    pub(crate) fn until_quiet(&mut self) {
        while self.turn() {}
    }
}

/// A client and a server that have just connected, with sessions that outlive this.
pub(crate) fn connected(
    version: Version,
    sessions: (Session<Memory>, Session<Memory>),
) -> (Client<Memory>, Server<Memory>) {
    let now = Instant::from_millis(0);
    let clean_start = !sessions.0.exists();
    let mut client = Client::new(version, &config(), sessions.0);
    let mut server = Server::new(now, &config(), Session::default());
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    let lasting = [Property::SessionExpiryInterval(u32::MAX)];
    let properties = Properties::from(&lasting[..if version == Version::V5_0 { 1 } else { 0 }]);
    let clean_start = clean_start && version == Version::V5_0;
    let connect = Connect { client_id: "a", clean_start, properties, ..Connect::default() };
    client.connect(now, &connect, &mut request).unwrap();
    let mut input = &request[..];
    assert!(matches!(server.handle(now, &mut input, &mut answer), Step::Event(Event::Connect(_))));
    if !clean_start {
        server.resume(sessions.1).unwrap();
    }
    server.accept(Properties::EMPTY, &mut answer).unwrap();
    let mut input = &answer[..];
    assert!(matches!(client.handle(now, &mut input, &mut Vec::new()), Step::Event(Event::Connected(_))));
    assert!(input.is_empty());
    (client, server)
}
