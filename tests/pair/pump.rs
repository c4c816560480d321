//! What an application does by itself: publishes, subscribes, acknowledges, sends again.

use sans_mqtt::{
    AckError, AckToken, Boxed, Disconnect, Instant, Message, PacketId, Prepared, Properties, ReasonCode,
    StoreError, Subscription, Terms, UsageError, Version, Wait,
};

use crate::app::is_refused;
use crate::machine::{Machine, either};
use crate::setup::{Acks, Do, topic};
use crate::side::{Died, Side};

impl Side<'_> {
    /// Does what the script says next and what can be done now. Whether it was anything.
    pub(crate) fn pump(&mut self) -> Result<bool, Died> {
        let before = self.state();
        match self.wait {
            Wait::Decide => self.answer()?,
            Wait::Resend(id) => self.resend(id)?,
            Wait::Write(n) => {
                assert!(n <= self.sink.size, "a sink of {} bytes, and {n} are asked for", self.sink.size);
                assert!(!self.sink.bytes.is_empty(), "{n} bytes are asked for, and there is room");
            }
            Wait::Payload(left) => assert!(left as usize >= self.payload.len()),
            Wait::Read(_) | Wait::Acknowledge | Wait::Store | Wait::Closed(_) => {}
        }
        if self.is_open() {
            self.write_payload()?;
            for token in std::mem::take(&mut self.app.stale) {
                let result = self.ack(token, None)?;
                assert_eq!(result.map_err(|error| error.error), Err(UsageError::StaleToken));
            }
            self.acknowledge()?;
            while self.is_open() && self.command()? {}
        }
        Ok(before != self.state())
    }

    /// What a step of the application changes.
    fn state(&self) -> ([usize; 4], Option<(bool, usize)>) {
        let sizes = [self.app.at, self.app.tokens.len(), self.sink.bytes.len(), self.payload.len()];
        (sizes, self.asked)
    }

    /// Goes on with the payload of a message whose head was sent, as far as there is room.
    fn write_payload(&mut self) -> Result<(), Died> {
        let n = self.payload.len().min(self.sink.size - self.sink.bytes.len());
        let n = if n == 0 || self.setup.seed == 0 || self.rng.once_in(2) { n } else { self.rng.below(n + 1) };
        if n == 0 {
            return Ok(());
        }
        self.sink.bytes.extend(self.payload.drain(..n));
        self.watch.wrote_payload(n);
        let left = either!(self.machine.as_mut().expect("a connection"), m => m.payload_written(n));
        assert_eq!(left, Ok(self.payload.len() as u32));
        self.due |= self.payload.is_empty();
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| either!(machine, m => m.is_open()))
    }

    /// The next step of the script. Whether it is done.
    fn command(&mut self) -> Result<bool, Died> {
        let Some(&step) = self.app.script.get(self.app.at) else { return Ok(false) };
        match step {
            Do::Publish(_) | Do::Lend(_) | Do::Stream(_) => self.publish(step),
            Do::Subscribe | Do::Unsubscribe => self.ask(step),
            Do::Ping => Ok(false),
            Do::Disconnect => {
                let done = self.call(|machine, out| {
                    either!(machine, m => m.disconnect(&Disconnect::default(), out)).map(|()| true)
                })?;
                self.app.at += usize::from(done.is_ok());
                self.due |= done.is_ok();
                Ok(done.or_else(wait_for_room).expect("DISCONNECT"))
            }
        }
    }

    fn publish(&mut self, step: Do) -> Result<bool, Died> {
        let number = self.app.sent.len() as u32;
        let payload = self.setup.payload(number, step.is_streamed());
        let topic = topic(number, self.setup.topics);
        let properties = self.setup.properties(self.watch.version);
        let message = Message { qos: step.qos(), topic, properties, payload: &payload, ..Message::default() };
        // The number is in front.
        let (here, later) = payload.split_at(4);
        let head = Message { payload: here, ..message };
        self.store_mut().lent = step.is_lent();
        let published = self.call(|machine, out| {
            either!(machine, m => match step {
                Do::Stream(_) => m.publish_head(&head, later.len() as u32, out),
                Do::Lend(qos) if number % 2 == 0 => {
                    let prepared = Prepared::new(&message).expect("a message");
                    m.publish_prepared(&prepared, &Terms { qos, ..Terms::default() }, Boxed::default(), out)
                }
                Do::Lend(_) => m.publish_kept(&message, Boxed::default(), out),
                _ => m.publish(&message, out),
            })
        })?;
        self.store_mut().lent = false;
        match published {
            Ok(id) => {
                self.app.accepted(id, step);
                if step.is_streamed() {
                    self.payload.extend(later);
                    self.write_payload()?;
                }
            }
            Err(UsageError::TooLarge { .. }) => self.app.refused(step),
            Err(error) => return Ok(wait_for_room(error).expect("PUBLISH")),
        }
        Ok(true)
    }

    fn ask(&mut self, step: Do) -> Result<bool, Died> {
        let filter = |filter| Subscription { filter, ..Subscription::default() };
        let result = self.call(|machine, out| {
            let Machine::Client(client) = machine else { unreachable!("a client") };
            match step {
                Do::Subscribe => client.subscribe(&[filter("a"), filter("b")], Properties::EMPTY, out),
                _ => client.unsubscribe(&["a"], Properties::EMPTY, out),
            }
        })?;
        match result {
            Ok(id) => {
                assert!(
                    !self.app.live.contains_key(&id) && self.app.asks.insert(id, step).is_none(),
                    "{id} in use"
                );
                self.app.at += 1;
                Ok(true)
            }
            Err(error) => Ok(wait_for_room(error).expect("SUBSCRIBE")),
        }
    }

    /// Sends a lent message again, or gives it up.
    fn resend(&mut self, id: PacketId) -> Result<(), Died> {
        let number = self.app.live[&id];
        let sent = &self.app.sent[number as usize];
        assert!(sent.lent, "a message that the store keeps");
        let (qos, payload) = (sent.qos, self.setup.payload(number, sent.streamed));
        // What was streamed is so again, or not, if the sink is large enough.
        let fits = payload.len() + 64 <= self.sink.size;
        let streamed = sent.streamed && !(number % 7 == 0 && fits);
        let (here, later) = payload.split_at(if streamed { 4 } else { payload.len() });
        // Whatever the version: what it has no place for is left out.
        let properties = self.setup.properties(Version::V5_0);
        let topic = topic(number, self.setup.topics);
        let message = Message { qos, topic, properties, payload: here, ..Message::default() };
        let abandon = self.setup.abandons && number % 5 == 3;
        let result = self.call(|machine, out| {
            either!(machine, m => match (abandon, streamed) {
                (true, _) => m.abandon(id),
                (false, true) => m.resend_head(id, &message, later.len() as u32, out),
                (false, false) => m.resend(id, &message, out),
            })
        })?;
        match result {
            Err(UsageError::TooLarge { .. }) => {
                self.call(|machine, _| either!(machine, m => m.abandon(id)))?.expect("it is asked for");
                self.app.abandoned.insert(id);
                self.watch.dropped(id.get());
                self.due = true;
            }
            Ok(()) => {
                self.due = true;
                if abandon {
                    self.app.abandoned.insert(id);
                    self.watch.dropped(id.get());
                } else {
                    self.payload.extend(later);
                }
            }
            Err(error) => {
                wait_for_room(error).expect("a message sent again");
            }
        }
        Ok(())
    }

    /// Acknowledges, in the order of the setup, all but those that the application holds.
    fn acknowledge(&mut self) -> Result<(), Died> {
        let (first, held) = match self.setup.acks[self.who] {
            Acks::Automatic => return Ok(()),
            Acks::First(held) => (true, held),
            Acks::Last(held) => (false, held),
        };
        while self.app.tokens.len() > held {
            self.acknowledge_one(first)?;
        }
        Ok(())
    }

    /// Acknowledges one message, if there is any. Whether there was.
    pub(crate) fn acknowledge_one(&mut self, first: bool) -> Result<bool, Died> {
        let tokens = &mut self.app.tokens;
        let Some((token, number)) = (if first { tokens.pop_front() } else { tokens.pop_back() }) else {
            return Ok(false);
        };
        match self.ack(token, Some(number))? {
            Ok(()) => {}
            Err(AckError { token, error: UsageError::Store(_) }) => {
                self.app.tokens.push_front((token, number));
            }
            Err(AckError { error, .. }) => panic!("{error}"),
        }
        Ok(true)
    }

    fn ack(&mut self, token: AckToken, number: Option<u32>) -> Result<Result<(), AckError>, Died> {
        let v5 = self.watch.version == Version::V5_0;
        let refused = v5 && number.is_some_and(|number| is_refused(self.setup, number));
        let reason = if refused { ReasonCode::QUOTA_EXCEEDED } else { ReasonCode::SUCCESS };
        self.store_mut().taking = number;
        let result = self.call(|machine, out| either!(machine, m => m.ack(token, reason, out)))?;
        self.store_mut().taking = None;
        Ok(result)
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        either!(self.machine.as_ref()?, m => m.poll_timeout())
    }

    pub(crate) fn timeout(&mut self, now: Instant) {
        let done = self.call(|machine, out| either!(machine, m => m.handle_timeout(now, out)));
        done.expect("no record");
        self.due = true;
    }

    /// The transport has no more input.
    pub(crate) fn eof(&mut self) {
        either!(self.machine.as_mut().expect("a connection"), m => m.handle_eof());
        self.due = true;
    }

    /// Handles what was read before the connection was lost, as far as that is possible.
    pub(crate) fn drain(&mut self, now: Instant) {
        self.eof();
        while !matches!(self.wait, Wait::Closed(_) | Wait::Decide | Wait::Resend(_) | Wait::Payload(_)) {
            self.handle(now).expect("a store that works");
            // Writing fails, which is no reason not to handle the rest.
            self.sink.bytes.clear();
        }
    }
}

/// What passes: `false`. What doesn't is the error.
fn wait_for_room(error: UsageError) -> Result<bool, UsageError> {
    match error {
        UsageError::NoRoom(_)
        | UsageError::PayloadPending(_)
        | UsageError::WindowFull(_)
        | UsageError::Resuming
        | UsageError::Store(StoreError::Full | StoreError::Failed) => Ok(false),
        error => Err(error),
    }
}
