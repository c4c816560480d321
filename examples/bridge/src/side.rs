//! One side of the bridge: a client of one of the two brokers.

use std::collections::VecDeque;
use std::mem;

use sans_mqtt::*;

/// How many messages of QoS 0 wait until the other side takes them; those that come then are lost.
const WAITING: usize = 1000;

pub struct Side {
    pub client: Client<Heap>,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
    /// What it takes from its broker.
    filter: String,
    /// Messages for the other side, and what acknowledges them once that has them.
    waiting: VecDeque<(PublishBuf, Option<AckToken>)>,
}

impl Side {
    pub fn new(filter: &str) -> Self {
        let (input, output, waiting) = Default::default();
        Self { client: client(Session::default()), input, output, filter: filter.into(), waiting }
    }

    /// Begins a connection, with the session of the one before.
    pub fn connect(&mut self, now: Instant, client_id: &str) -> Result<(), UsageError> {
        let before = mem::replace(&mut self.client, client(Session::default()));
        self.client = client(before.into_session());
        self.input.clear();
        self.output.clear();
        // What came with a packet identifier and is not acknowledged comes again.
        self.waiting.retain(|(_, token)| token.is_none());
        let properties = [Property::SessionExpiryInterval(u32::MAX)];
        let (clean_start, keep_alive, properties) = (false, 30, (&properties).into());
        let connect = Connect { clean_start, keep_alive, properties, client_id, ..Connect::default() };
        self.client.connect(now, &connect, &mut self.output)
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
                // The broker has lost the session, and perhaps the message, which is sent as a new one.
                Step::Event(Event::Dropped { id }) => drop(self.client.requeue(id, &mut self.output)),
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
        while let Some((message, token)) = self.waiting.pop_front() {
            let reason = match to.client.publish(&message.message(), &mut to.output) {
                Err(error) if error.is_temporary() || error == UsageError::NotConnected => {
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
