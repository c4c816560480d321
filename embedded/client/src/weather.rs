//! The weather station: what it measures goes to `roof/`, and commands come back.
//!
//! | topic | QoS | |
//! |---|---|---|
//! | `roof/temperature` | 1 | its number, and tenths of a degree, every second while there is a connection |
//! | `roof/rain` | 2 | the number of a tip of the rain gauge: each is sent, and counts once |
//! | `roof/state` | 1 | `online`, or as the will `offline`; retained |
//! | `roof/command` | any | `status`, `interval SECONDS` between temperatures, `pause SECONDS` for all measurements; the answer goes to the Response Topic, with the same QoS |

use core::time::Duration;

use sans_mqtt::{
    AckToken, Acknowledge, Buffer, Connect, Event, Flight, Incoming, Instant, Message, Properties, Property,
    Qos, ReasonCode, Sink, Subscription, UsageError, Will,
};

use crate::link::{App, Mqtt, Output};
use crate::text::Text;

/// In seconds. The server keeps what comes for the station for so long.
const SESSION_EXPIRY: &[Property<'_>] = &[Property::SessionExpiryInterval(3600)];

pub trait Sensors {
    /// In tenths of a degree Celsius.
    fn temperature(&mut self, now: Instant) -> u32;

    /// How often the rain gauge has tipped since the start.
    fn tips(&mut self, now: Instant) -> u32;
}

/// For a board without sensors: a temperature between 20 and 22 degrees, and steady rain.
#[derive(Debug)]
pub struct Imitation;

impl Sensors for Imitation {
    fn temperature(&mut self, now: Instant) -> u32 {
        200 + ((now.as_millis() / 1000 % 40) as u32).abs_diff(20)
    }

    fn tips(&mut self, now: Instant) -> u32 {
        (now.as_millis() / 1500) as u32
    }
}

#[derive(Debug)]
pub struct Station<S> {
    sensors: S,
    interval: Duration,
    /// When the next temperature is due, and when a pause ends.
    due: Instant,
    resume: Instant,
    temperatures: u32,
    tips: u32,
    connections: u32,
    subscribed: bool,
    announced: bool,
    order: Option<Order>,
}

/// A command that waits until its answer can be sent. It is not done before, nor acknowledged: if the connection ends
/// first, it comes again.
#[derive(Debug)]
struct Order {
    command: Command,
    /// Of the command, and of its answer.
    qos: Qos,
    response_topic: Option<Buffer<64>>,
    correlation: Option<Buffer<32>>,
    /// None at QoS 0.
    token: Option<AckToken>,
}

impl Order {
    /// `None` if where to answer is too long.
    fn new(message: &Incoming<'_>) -> Option<Self> {
        Some(Self {
            command: Command::parse(message.payload),
            qos: message.qos,
            response_topic: copy(message.properties.response_topic().map(str::as_bytes))?,
            correlation: copy(message.properties.correlation_data())?,
            token: None,
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Status,
    Interval(u16),
    Pause(u16),
    Unknown,
}

impl Command {
    fn parse(text: &[u8]) -> Self {
        let Ok(text) = core::str::from_utf8(text) else { return Self::Unknown };
        let (name, seconds) = text.split_once(' ').unwrap_or((text, ""));
        match (name, seconds.parse()) {
            ("status", Err(_)) => Self::Status,
            ("interval", Ok(seconds @ 1..)) => Self::Interval(seconds),
            ("pause", Ok(seconds)) => Self::Pause(seconds),
            _ => Self::Unknown,
        }
    }
}

/// There is no room for it now.
struct Later;

impl<S: Sensors> Station<S> {
    pub const fn new(sensors: S) -> Self {
        Self {
            sensors,
            interval: Duration::from_secs(1),
            due: Instant::from_millis(0),
            resume: Instant::from_millis(0),
            temperatures: 0,
            tips: 0,
            connections: 0,
            subscribed: false,
            announced: false,
            order: None,
        }
    }

    /// Sends what there is to send.
    fn work(&mut self, mqtt: &mut Mqtt, now: Instant, out: &mut Output) -> Result<(), Later> {
        // In each connection: that costs less than to know whether the last one lived long enough.
        if !self.subscribed {
            let qos = Qos::ExactlyOnce;
            let commands = Subscription { filter: "roof/command", qos, ..Subscription::default() };
            settle(mqtt.subscribe(&[commands], Properties::EMPTY, out))?;
            self.subscribed = true;
        }
        if !self.announced {
            let retain = true;
            let state = Message { topic: "roof/state", payload: b"online", retain, ..Message::default() };
            publish(mqtt, Qos::AtLeastOnce, &state, out)?;
            self.announced = true;
        }
        self.answer(mqtt, now, out)?;
        if now < self.resume {
            return Ok(());
        }
        while self.tips < self.sensors.tips(now) {
            let text = Text::default().number(self.tips + 1);
            let tip = Message { topic: "roof/rain", payload: text.bytes(), ..Message::default() };
            publish(mqtt, Qos::ExactlyOnce, &tip, out)?;
            self.tips += 1;
        }
        if now >= self.due {
            let tenths = self.sensors.temperature(now);
            let text = Text::default().number(self.temperatures + 1).text(" ").number(tenths);
            let temperature =
                Message { topic: "roof/temperature", payload: text.bytes(), ..Message::default() };
            publish(mqtt, Qos::AtLeastOnce, &temperature, out)?;
            self.temperatures += 1;
            self.due = now + self.interval;
        }
        Ok(())
    }

    /// What a command does, its answer, and its acknowledgement are one step.
    fn answer(&mut self, mqtt: &mut Mqtt, now: Instant, out: &mut Output) -> Result<(), Later> {
        let Some(order) = &self.order else { return Ok(()) };
        let text = Text::default();
        let text = match order.command {
            Command::Status => {
                let text = text.number(self.temperatures).text(" temperatures, ");
                text.number(self.tips).text(" tips, ").number(self.connections).text(" connections")
            }
            Command::Interval(seconds) => text.text("interval ").number(seconds.into()),
            Command::Pause(seconds) => text.text("pause ").number(seconds.into()),
            Command::Unknown => text.text("unknown command"),
        };
        let mut reason = ReasonCode::SUCCESS;
        if let Some(topic) = &order.response_topic {
            let topic = core::str::from_utf8(topic.bytes()).unwrap_or_default();
            let correlation =
                order.correlation.as_ref().map(|data| [Property::CorrelationData(data.bytes())]);
            let properties = correlation.as_ref().map_or(Properties::EMPTY, Properties::from);
            let answer = Message { topic, payload: text.bytes(), properties, ..Message::default() };
            reason = publish(mqtt, order.qos, &answer, out)?;
        }
        match order.command {
            Command::Interval(seconds) => self.interval = Duration::from_secs(seconds.into()),
            Command::Pause(seconds) => self.resume = now + Duration::from_secs(seconds.into()),
            Command::Status | Command::Unknown => {}
        }
        if let Some(token) = self.order.take().and_then(|order| order.token) {
            // The token is of this connection, and the store can't fail.
            let _ = mqtt.ack(token, reason, out);
        }
        Ok(())
    }

    /// Takes note of a command. If the one before is not answered yet, one of the two is of QoS 0, and lost.
    fn order(&mut self, mqtt: &mut Mqtt, message: &Incoming<'_>, token: Option<AckToken>, out: &mut Output) {
        match Order::new(message) {
            Some(order) if self.order.as_ref().is_none_or(|order| order.token.is_none()) => {
                self.order = Some(Order { token, ..order })
            }
            _ => {
                if let Some(token) = token {
                    let _ = mqtt.ack(token, ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR, out);
                }
            }
        }
    }
}

impl<S: Sensors> App for Station<S> {
    fn connect(&self) -> Connect<'_> {
        let will = Will {
            qos: Qos::AtLeastOnce,
            retain: true,
            topic: "roof/state",
            payload: b"offline",
            ..Will::default()
        };
        let properties = SESSION_EXPIRY.into();
        Connect { client_id: "roof", will: Some(will), properties, ..Connect::default() }
    }

    fn event(&mut self, mqtt: &mut Mqtt, event: Event<'_>, out: &mut Output) {
        match event {
            Event::Connected(_) => {
                mqtt.set_acknowledge(Acknowledge::Manual);
                (self.subscribed, self.announced) = (false, false);
                self.order = None;
                self.connections += 1;
            }
            // The server has lost the session. What had not reached it is sent anew, as far as there is room.
            Event::Dropped { id, flight } if flight != Flight::Released => {
                let _ = mqtt.requeue(id, out);
            }
            Event::Publish(command, token) => self.order(mqtt, &command, token, out),
            _ => {}
        }
    }

    fn turn(&mut self, mqtt: &mut Mqtt, now: Instant, out: &mut Output) -> Option<Instant> {
        match self.work(mqtt, now, out) {
            Ok(()) => Some(self.due.max(self.resume)),
            Err(Later) => None, // room comes with an acknowledgement, or as bytes go out
        }
    }
}

/// Publishes as well as the server allows. What it never takes is given up, with a reason.
fn publish(mqtt: &mut Mqtt, qos: Qos, message: &Message<'_>, out: &mut Output) -> Result<ReasonCode, Later> {
    let limits = mqtt.limits();
    let (qos, retain) = (qos.min(limits.maximum_qos), message.retain && limits.retain_available);
    settle(mqtt.publish(&Message { qos, retain, ..*message }, out))
}

fn settle<T>(result: Result<T, UsageError>) -> Result<ReasonCode, Later> {
    match result {
        Ok(_) => Ok(ReasonCode::SUCCESS),
        Err(error) if error.is_temporary() => Err(Later),
        Err(_) => Ok(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR),
    }
}

/// A copy, if there is something to copy; `None` if it is too long.
fn copy<const N: usize>(bytes: Option<&[u8]>) -> Option<Option<Buffer<N>>> {
    let Some(bytes) = bytes else { return Some(None) };
    let mut buffer = Buffer::new();
    buffer.reserve(bytes.len()).then(|| {
        buffer.put(bytes);
        Some(buffer)
    })
}
