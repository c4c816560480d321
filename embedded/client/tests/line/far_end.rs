//! The far end of a serial line and the server behind it, in virtual time.

use std::collections::VecDeque;
use std::ops::Range;

use sans_mqtt::{
    Cause, Config, Event, Heap, Instant, Message, Properties, Property, Qos, ReasonCode, Server, Session,
    Step, Wait,
};
use station::link::{Fault, Port};

/// How long the far end takes to make a connection, in milliseconds.
const RECONNECT: u64 = 1000;

/// When a test gives up.
const TOO_LATE: u64 = 600_000;

/// After how many bytes in one direction the connection is cut, if at all.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    Never,
    Up(usize),
    Down(usize),
}

/// A message as it arrived: topic, payload, Correlation Data.
pub type Arrived = (String, String, Vec<u8>);

#[derive(Debug)]
pub struct FarEnd {
    now: u64,
    /// How many bytes go at once.
    width: usize,
    cut: Cut,
    /// How long after a connection was made the board sees a break, if at all; before that nothing comes.
    pub break_after: Option<u64>,
    made: u64,
    is_new: bool,
    /// From when to when the server does nothing, and its connection stays.
    pub stalled: Range<u64>,
    /// Whether the server loses its sessions.
    pub forgets: bool,
    /// `None` while there is no connection; the next is made at `back`.
    server: Option<Server<Heap>>,
    back: u64,
    session: Session<Heap>,
    input: Vec<u8>,
    output: VecDeque<u8>,
    /// Commands that the server has to send, each with the time from which on.
    commands: VecDeque<(u64, Qos, &'static str)>,
    ordered: u8,
    subscribed: bool,
    pub arrived: Vec<Arrived>,
    /// How many CONNECTs came, how many connections ended by an error of the client, and how many PINGREQs were sent.
    pub connects: usize,
    pub errors: usize,
    pub pings: usize,
}

impl FarEnd {
    pub fn new(width: usize, cut: Cut) -> Self {
        Self {
            now: 0,
            width,
            cut,
            break_after: None,
            made: 0,
            is_new: true,
            stalled: 0..0,
            forgets: false,
            server: Some(Server::new(Instant::default(), &Config::default(), Session::default())),
            back: 0,
            session: Session::default(),
            input: Vec::new(),
            output: VecDeque::new(),
            commands: VecDeque::new(),
            ordered: 0,
            subscribed: false,
            arrived: Vec::new(),
            connects: 0,
            errors: 0,
            pings: 0,
        }
    }

    pub fn order(&mut self, at: u64, qos: Qos, command: &'static str) {
        self.commands.push_back((at, qos, command));
    }

    /// What arrived with a topic.
    pub fn payloads(&self, topic: &str) -> Vec<&str> {
        self.arrived.iter().filter(|(name, ..)| name == topic).map(|(_, payload, _)| &payload[..]).collect()
    }

    /// When the board will see a break.
    fn break_at(&self) -> Option<u64> {
        let after = self.break_after.filter(|_| self.is_new && self.server.is_some())?;
        Some(self.made + after)
    }

    fn close(&mut self) {
        // What never got as far as a CONNECT has no session to give.
        if let Some(server) = self.server.take().filter(|server| server.agreement().is_some()) {
            self.session = if self.forgets { Session::default() } else { server.into_session() };
        }
        self.input.clear();
        if self.break_after.is_some() {
            self.output.clear();
        }
        self.back = self.now + RECONNECT;
    }

    fn live(&mut self) {
        assert!(self.now < TOO_LATE, "it never ends");
        let now = Instant::from_millis(self.now);
        if self.server.is_none() && self.now >= self.back {
            self.server = Some(Server::new(now, &Config::default(), Session::default()));
            (self.made, self.is_new) = (self.now, true);
        }
        let Some(server) = self.server.as_mut().filter(|_| !self.stalled.contains(&self.now)) else { return };
        let (mut rest, mut out) = (&self.input[..], Vec::new());
        let closed = loop {
            match server.handle(now, &mut rest, &mut out) {
                Step::Event(Event::Connect(connect)) => {
                    self.connects += 1;
                    if self.session.exists() && !connect.clean_start {
                        server.resume(std::mem::take(&mut self.session)).unwrap();
                    } else {
                        self.subscribed = false;
                    }
                    server.accept(Properties::EMPTY, &mut out).unwrap();
                }
                Step::Event(Event::Subscribe(_)) => {
                    self.subscribed = true;
                    server.suback(&[ReasonCode::GRANTED_QOS_2], Properties::EMPTY, &mut out).unwrap();
                }
                Step::Event(Event::Publish(incoming, _)) => {
                    let correlation = incoming.properties.correlation_data().unwrap_or_default().to_vec();
                    let payload = String::from_utf8(incoming.payload.to_vec()).unwrap();
                    self.arrived.push((server.topic(&incoming).to_owned(), payload, correlation));
                }
                Step::Event(_) => {}
                Step::Wait(Wait::Closed(cause)) => {
                    // Not counted: what begins with the rest of something that was cut.
                    let wrong = matches!(cause, Cause::Failed(_)) && server.agreement().is_some();
                    self.errors += usize::from(wrong);
                    break true;
                }
                Step::Wait(_) => break false,
            }
        };
        let left = rest.len();
        self.input.drain(..self.input.len() - left);
        while let Some(&(at, qos, payload)) = self.commands.front().filter(|_| server.is_open()) {
            let number = [self.ordered + 1];
            let properties = [Property::ResponseTopic("answer"), Property::CorrelationData(&number)];
            let (payload, properties) = (payload.as_bytes(), (&properties).into());
            let command = Message { qos, topic: "roof/command", payload, properties, ..Message::default() };
            if self.now < at || !self.subscribed || server.publish(&command, &mut out).is_err() {
                break;
            }
            self.ordered += 1;
            self.commands.pop_front();
        }
        self.send(&out);
        if closed {
            self.close();
        }
    }

    /// Towards the board.
    fn send(&mut self, bytes: &[u8]) {
        match self.cut {
            Cut::Down(left) if left < bytes.len() => {
                self.output.extend(&bytes[..left]);
                self.cut = Cut::Never;
                self.close();
            }
            Cut::Down(left) => {
                self.output.extend(bytes);
                self.cut = Cut::Down(left - bytes.len());
            }
            _ => self.output.extend(bytes),
        }
    }
}

impl Port for FarEnd {
    fn now(&mut self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        if self.break_at().is_some_and(|at| self.now >= at) {
            self.is_new = false;
            return Err(Fault::Cut);
        }
        if self.break_at().is_some() {
            return Ok(0);
        }
        let n = into.len().min(self.output.len()).min(self.width);
        into.iter_mut().zip(self.output.drain(..n)).for_each(|(to, byte)| *to = byte);
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        let bytes = &bytes[..bytes.len().min(self.width)];
        self.pings += usize::from(bytes == [0xC0, 0]);
        let mut taken = bytes;
        if let Cut::Up(left) = self.cut {
            taken = &bytes[..bytes.len().min(left)];
            self.cut = Cut::Up(left - taken.len());
        }
        if self.server.is_some() {
            self.input.extend(taken);
        }
        if taken.len() < bytes.len() {
            self.cut = Cut::Never;
            self.live();
            self.close();
        }
        bytes.len()
    }

    /// Only here time passes, and the server acts.
    fn sleep(&mut self, until: Instant) {
        let (until, waiting) = (until.as_millis().max(self.now + 1), self.output.len());
        while self.now < until
            && self.output.len() == waiting
            && self.break_at().is_none_or(|at| self.now < at)
        {
            self.now = until.min(self.now + 10);
            self.live();
        }
    }
}
