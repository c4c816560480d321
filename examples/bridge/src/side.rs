//! One side of the bridge: a client of one of the two brokers.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use sans_mqtt::*;

/// How many messages of QoS 0 wait until the other side takes them; those that come then are lost.
const WAITING: usize = 1000;
/// How many bytes wait for the transport, before no more are made.
const OUTPUT: usize = 64 << 10;

pub struct Side {
    pub client: Client<Heap>,
    pub input: Vec<u8>,
    pub output: Bounded<Vec<u8>>,
    /// Of the task that carries the bytes.
    pub waker: Option<Waker>,
    /// What it takes from its broker.
    filter: String,
    /// Messages for the other side, and what acknowledges them once that has them.
    waiting: VecDeque<(PublishBuf, Option<AckToken>)>,
    /// Messages that its broker has to be sent as new ones.
    lost: VecDeque<PublishBuf>,
}

impl Side {
    pub fn new(filter: &str) -> Self {
        let (client, output) = (client(Session::default()), Bounded::new(OUTPUT));
        Self {
            client,
            input: Vec::new(),
            output,
            waker: None,
            filter: filter.into(),
            waiting: VecDeque::new(),
            lost: VecDeque::new(),
        }
    }

    /// Begins a connection, with the session of the one before.
    pub fn connect(&mut self, now: Instant, client_id: &str) -> Result<(), UsageError> {
        let before = mem::replace(&mut self.client, client(Session::default()));
        self.client = client(before.into_session());
        self.input.clear();
        self.output.inner.clear();
        // What came with a packet identifier and is not acknowledged comes again.
        self.waiting.retain(|(_, token)| token.is_none());
        let properties = [Property::SessionExpiryInterval(u32::MAX)];
        let (clean_start, keep_alive) = (self.client.clean_start(), 30);
        let properties = (&properties).into();
        let connect = Connect { clean_start, keep_alive, properties, client_id, ..Connect::default() };
        self.client.connect(now, &connect, &mut self.output)
    }

    /// Has the task take the output.
    pub fn wake(&self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
    }

    /// Deals with the input.
    pub fn handle(&mut self, now: Instant) -> Result<Wait, UsageError> {
        let mut input = mem::take(&mut self.input);
        let mut rest = &input[..];
        let wait = loop {
            match self.client.handle(now, &mut rest, &mut self.output) {
                Step::Event(Event::Connected(_)) => {
                    // Not what this side itself has published; and what is retained only the first time.
                    let (qos, no_local, retain_handling) =
                        (Qos::ExactlyOnce, true, RetainHandling::SendIfNew);
                    let filter = &self.filter[..];
                    let asked =
                        Subscription { filter, qos, no_local, retain_handling, retain_as_published: true };
                    self.client.subscribe(&[asked], Properties::EMPTY, &mut self.output)?;
                }
                Step::Event(Event::Publish(incoming, token)) => {
                    if token.is_some() || self.waiting.len() < WAITING {
                        let message = PublishBuf::try_from(&self.client.message(&incoming))?;
                        self.waiting.push_back((message, token));
                    }
                }
                // The broker has lost the session. What it did not have is sent as a new message.
                Step::Event(Event::Dropped { id, flight }) if flight != Flight::Released => {
                    if let Some(message) = self.client.session().message(id) {
                        self.lost.push_back(PublishBuf::try_from(&message)?);
                    }
                }
                Step::Event(_) => {}
                Step::Wait(wait) => break wait,
            }
        };
        let taken = input.len() - rest.len();
        input.drain(..taken);
        self.input = input;
        Ok(wait)
    }

    /// Passes messages on, as far as the other side takes them.
    pub fn pass(&mut self, to: &mut Self) -> Result<(), UsageError> {
        while let Some(message) = to.lost.front() {
            match to.client.publish(&message.message(), &mut to.output) {
                Err(error) if error.is_temporary() => return Ok(()),
                Ok(_) | Err(_) => drop(to.lost.pop_front()),
            }
        }
        while let Some((message, token)) = self.waiting.pop_front() {
            let reason = match to.client.publish(&message.message(), &mut to.output) {
                Err(error) if error.is_temporary() => {
                    self.waiting.push_front((message, token));
                    break;
                }
                // It is in a session now, which sends it until it is acknowledged.
                Ok(_) => ReasonCode::SUCCESS,
                // That broker will never take it, because it is too large for example.
                Err(_) => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
            };
            if let Some(token) = token {
                self.client.ack(token, reason, &mut self.output)?;
            }
        }
        Ok(())
    }
}

fn client(session: Session<Heap>) -> Client<Heap> {
    let mut client = Client::new(Version::V5_0, &Config::default(), session);
    client.set_acknowledge(Acknowledge::Manual);
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(0);

    /// What the side sends when its broker sends this.
    fn hear(side: &mut Side, bytes: &[u8]) -> Vec<u8> {
        side.input.extend_from_slice(bytes);
        assert!(matches!(side.handle(NOW).unwrap(), Wait::Read(_)));
        mem::take(&mut side.output.inner)
    }

    /// A message is sent, and so many packets of its exchange come back before the broker loses the session. What follows
    /// CONNECT and SUBSCRIBE in the next connection.
    fn lose(answers: &[&[u8]]) -> Vec<u8> {
        let (mut near, mut far) = (Side::new("up/#"), Side::new("down/#"));
        far.connect(NOW, "b").unwrap();
        hear(&mut far, b"\x20\x03\0\0\0");
        let message = Message { qos: Qos::ExactlyOnce, topic: "up/x", payload: b"1", ..Message::default() };
        near.waiting.push_back((PublishBuf::try_from(&message).unwrap(), None));
        near.pass(&mut far).unwrap();
        answers.iter().for_each(|answer| drop(hear(&mut far, answer)));
        far.connect(NOW, "b").unwrap();
        far.output.inner.clear();
        hear(&mut far, b"\x20\x03\0\0\0");
        near.pass(&mut far).unwrap();
        mem::take(&mut far.output.inner)
    }

    #[test]
    fn a_message_that_the_broker_lost_is_sent_again_unless_it_had_arrived() {
        assert!(lose(&[]).windows(4).any(|bytes| bytes == b"up/x"));
        assert_eq!(lose(&[b"\x50\x02\0\x02"]), b"");
    }
}
