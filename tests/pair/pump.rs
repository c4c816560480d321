//! What an application does by itself: publishes, subscribes, acknowledges, sends again.

use sans_mqtt::{
    AckError, AckToken, Boxed, Disconnect, Instant, Message, PacketId, Properties, Qos, ReasonCode,
    StoreError, Subscription, UsageError, Version, Wait,
};

use crate::app::is_refused;
use crate::machine::{Machine, either};
use crate::setup::{Acks, Do};
use crate::side::{Died, Side};

impl Side<'_> {
    /// Does what the script says next and what can be done now. Whether it was anything.
    pub(crate) fn pump(&mut self) -> Result<bool, Died> {
        let before = (self.app.at, self.app.tokens.len(), self.sink.bytes.len(), self.asked);
        match self.wait {
            Wait::Decide => self.answer()?,
            Wait::Resend(id) => self.resend(id)?,
            Wait::Write(n) => {
                assert!(n <= self.sink.size, "a sink of {} bytes, and {n} are asked for", self.sink.size);
                assert!(!self.sink.bytes.is_empty(), "{n} bytes are asked for, and there is room");
            }
            Wait::Payload(_) => unreachable!("no payload is sent in pieces"),
            Wait::Read(_) | Wait::Acknowledge | Wait::Store | Wait::Closed(_) => {}
        }
        if self.is_open() {
            for token in std::mem::take(&mut self.app.stale) {
                let result = self.ack(token, None)?;
                assert_eq!(result.map_err(|error| error.error), Err(UsageError::StaleToken));
            }
            self.acknowledge()?;
            while self.is_open() && self.command()? {}
        }
        Ok(before != (self.app.at, self.app.tokens.len(), self.sink.bytes.len(), self.asked))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| either!(machine, m => m.is_open()))
    }

    /// The next step of the script. Whether it is done.
    fn command(&mut self) -> Result<bool, Died> {
        let Some(&step) = self.app.script.get(self.app.at) else { return Ok(false) };
        match step {
            Do::Publish(qos) => self.publish(qos, false),
            Do::Lend(qos) => self.publish(qos, true),
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

    fn publish(&mut self, qos: Qos, lent: bool) -> Result<bool, Died> {
        let payload = self.setup.payload(self.app.sent.len() as u32);
        let message = Message { qos, topic: "t", payload: &payload, ..Message::default() };
        self.store_mut().lent = lent;
        let published = self.call(|machine, out| {
            either!(machine, m => match lent {
                true => m.publish_kept(&message, Boxed::default(), out),
                false => m.publish(&message, out),
            })
        })?;
        self.store_mut().lent = false;
        match published {
            Ok(id) => self.app.accepted(id, qos, lent),
            Err(UsageError::TooLarge { .. }) => self.app.refused(qos),
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
        let (qos, payload) = (sent.qos, self.setup.payload(number));
        let message = Message { qos, topic: "t", payload: &payload, ..Message::default() };
        let abandon = self.setup.abandons && number % 5 == 3;
        let result = self.call(|machine, out| {
            either!(machine, m => if abandon { m.abandon(id) } else { m.resend(id, &message, out) })
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
        let v5 = self.setup.version == Version::V5_0;
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
        while !matches!(self.wait, Wait::Closed(_) | Wait::Decide | Wait::Resend(_)) {
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
        | UsageError::WindowFull(_)
        | UsageError::Resuming
        | UsageError::Store(StoreError::Full | StoreError::Failed) => Ok(false),
        error => Err(error),
    }
}
