//! The task that owns the connection, and all those that follow on it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use sans_mqtt::{Cause, Event as Mqtt, Flight, Instant, PublishBuf, ReasonCode, Session, Step, Wait};
use tokio::io::AsyncReadExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::{self, sleep, sleep_until, timeout};

use crate::Error;
use crate::connection::{Connection, hang_up, write};
use crate::endpoint::Stream;
use crate::handle::{Ack, Command, Event, Filter, Options, Received, Reply, Standing};
use crate::journal::{self, Journal};

/// How many bytes wait to be written, before nothing more is made of commands and of input.
const OUTPUT: usize = 64 << 10;
/// How long the server may read nothing of them.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take to read the last of them.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Task {
    options: Options,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    stop: Arc<Notify>,
    began: time::Instant,
    /// A command that can't be carried out yet. Those behind it wait.
    next: Option<Command>,
    filters: Vec<Filter>,
    flushes: Vec<Reply<()>>,
}

impl Task {
    pub(crate) fn new(
        options: Options,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        stop: Arc<Notify>,
    ) -> Self {
        let began = time::Instant::now();
        Self { options, commands, events, stop, began, next: None, filters: Vec::new(), flushes: Vec::new() }
    }

    /// Connects, and connects again, with a pause in between that doubles as long as there is no success, and is not the same
    /// for all clients of a server.
    pub(crate) async fn run(mut self, mut session: Session<Journal>) -> Result<(), Error> {
        let stop = self.stop.clone();
        let (mut pause, mut last_seen) = (self.options.first_pause, time::Instant::now());
        loop {
            let began = time::Instant::now();
            let stream = tokio::select! {
                stream = self.options.endpoint.connect() => stream,
                () = stop.notified() => return Ok(()),
            };
            let error = match stream {
                Err(error) => error,
                Ok(stream) => {
                    let (mut connection, acks) = Connection::new(&self.options, session);
                    let end = self.converse(&mut connection, acks, stream).await;
                    connection.abandon();
                    if connection.mqtt.agreement().is_some() {
                        last_seen = time::Instant::now();
                        if began.elapsed() > pause {
                            pause = self.options.first_pause;
                        }
                    }
                    session = connection.mqtt.into_session();
                    match end {
                        Ok(()) => return Ok(()),
                        Err(error) if connection.is_leaving && error.is_temporary() => return Ok(()),
                        Err(error) => error,
                    }
                }
            };
            let retry_in = pause.mul_f64(0.5 + 0.5 * fastrand::f64());
            if !error.is_temporary() || last_seen.elapsed() + retry_in > self.options.patience {
                return Err(error);
            }
            pause = self.options.longest_pause.min(2 * pause);
            let wait = async {
                let told = self.events.send(Event::Disconnected { error, retry_in }).await;
                sleep(retry_in).await;
                told
            };
            tokio::select! {
                told = wait => if told.is_err() {
                    return Ok(()); // nobody listens any more
                },
                () = stop.notified() => return Ok(()),
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from(self.began.elapsed())
    }

    /// Goes through one connection. It is in order only if it ends because it is told to.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        mut acks: mpsc::UnboundedReceiver<Ack>,
        stream: impl Stream,
    ) -> Result<(), Error> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (stop, events) = (self.stop.clone(), self.events.clone());
        let mut input = BytesMut::new();
        // Whether bytes may be on this side of the transport still, and when the last of them went on.
        let (mut is_unflushed, mut moved) = (false, time::Instant::now());
        connection.connect(self.now(), &self.options)?;
        loop {
            let wait = self.handle(connection, &events, &mut input)?;
            self.obey(connection)?;
            // Nothing is sent, and nobody told, before it is written down.
            journal::commit(connection.mqtt.session_mut()).await?;
            connection.replies.drain(..).for_each(|reply| drop(reply.send(Ok(()))));

            let is_written = connection.output.is_empty() && !is_unflushed;
            if is_written {
                moved = time::Instant::now();
            }
            match wait {
                Some(Wait::Closed(_)) if is_written && connection.is_leaving => {
                    let _ = timeout(FAREWELL, hang_up(reader, writer)).await;
                    return Ok(());
                }
                Some(Wait::Closed(cause)) if is_written => return Err(self.why(connection, cause)),
                _ => {}
            }
            let due =
                connection.mqtt.poll_timeout().map(|at| self.began + Duration::from_millis(at.as_millis()));
            let has_room = connection.output.len() < OUTPUT;
            // When one of these is done, the others have done nothing: no byte, no command and no event is lost.
            tokio::select! {
                n = reader.read_buf(&mut input), if has_room && matches!(wait, Some(Wait::Read(_))) => match n {
                    Ok(1..) => {}
                    Ok(0) => connection.mqtt.handle_eof(),
                    // TLS that is not closed in good order: MQTT knows itself where it ends.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => connection.mqtt.handle_eof(),
                    Err(error) => return Err(self.options.endpoint.error(error, |_, error| Error::Lost(error))),
                },
                written = write(&mut writer, &mut connection.output), if !is_written => {
                    is_unflushed = written.map_err(Error::Lost)?;
                    moved = time::Instant::now();
                }
                command = self.commands.recv(), if self.next.is_none() && has_room && connection.mqtt.is_open() => {
                    match command {
                        Some(command) => self.next = Some(command),
                        None => connection.leave(),
                    }
                }
                Some(ack) = acks.recv() => connection.ack(ack),
                place = events.reserve(), if wait.is_none() => if place.is_err() {
                    connection.leave();
                },
                () = stop.notified() => connection.leave(),
                () = sleep_until(due.unwrap_or(moved)), if due.is_some() => {} // `handle` knows what it is time for
                () = sleep_until(moved + PATIENCE), if !is_written => {
                    return Err(Error::Lost(io::ErrorKind::TimedOut.into()));
                }
            }
        }
    }

    fn why(&self, connection: &Connection, cause: Cause) -> Error {
        match cause {
            Cause::Refused(reason) => Error::Refused(reason),
            Cause::Peer(ReasonCode::SESSION_TAKEN_OVER) => Error::TakenOver,
            Cause::Failed(error) if connection.mqtt.agreement().is_none() => {
                Error::NotMqtt(self.options.endpoint.name(), error)
            }
            cause => Error::Over(cause),
        }
    }

    /// Takes what has come, as long as there is room for one more event. `None`: there is not.
    fn handle(
        &mut self,
        connection: &mut Connection,
        events: &mpsc::Sender<Event>,
        input: &mut BytesMut,
    ) -> Result<Option<Wait>, Error> {
        loop {
            let place = events.try_reserve();
            // Nobody need hear any more from a connection that ends.
            if place.is_err() && !connection.is_leaving {
                connection.mqtt.handle_timeout(self.now(), &mut connection.output);
                return Ok(None);
            }
            let mut rest = &input[..];
            let step = connection.mqtt.handle(self.now(), &mut rest, &mut connection.output);
            let taken = input.len() - rest.len();
            let event = match step {
                Step::Event(event) => self.event(connection, event)?,
                Step::Wait(wait) => {
                    input.advance(taken);
                    return Ok(Some(wait));
                }
            };
            input.advance(taken);
            if let (Some(event), Ok(place)) = (event, place) {
                place.send(event);
            }
        }
    }

    /// Deals with an event; gives what the application is to know of it.
    fn event(&mut self, connection: &mut Connection, event: Mqtt<'_>) -> Result<Option<Event>, Error> {
        let mqtt = &mut connection.mqtt;
        Ok(match event {
            Mqtt::Connected(connack) => {
                let session_present = connack.session_present;
                connection.authenticated(connack.properties)?;
                for filter in &mut self.filters {
                    // What it has not answered may not be in the session.
                    if !(session_present && filter.standing == Standing::Granted) {
                        filter.standing = Standing::Due;
                    }
                }
                Some(Event::Connected { session_present })
            }
            Mqtt::Auth(auth) => {
                connection.challenged(&auth)?;
                None
            }
            Mqtt::Publish(incoming, token) => {
                let message = PublishBuf::try_from(&mqtt.message(&incoming))?;
                Some(Event::Message(Received::new(message, token, &connection.acks)))
            }
            Mqtt::Acked { reason, .. } if reason.is_error() => Some(Event::Refused(reason)),
            Mqtt::Suback(suback) => {
                let asked = Standing::Asked(suback.packet_id);
                let number = self.filters.iter().position(|filter| filter.standing == asked);
                let (Some(number), Some(reason)) = (number, suback.reasons.iter().next()) else {
                    return Ok(None);
                };
                let filter = &mut self.filters[number];
                filter.standing = Standing::Granted;
                let reply = filter.reply.take();
                let refused = reason.is_error().then(|| self.filters.remove(number).filter);
                match reply {
                    Some(reply) => {
                        let _ = reply.send(Ok(reason));
                        None
                    }
                    None => refused.map(|filter| Event::Unsubscribed { filter, reason }),
                }
            }
            // The server has lost the session. It may have had the message; but better twice than never.
            Mqtt::Dropped { id, flight: Flight::AtLeastOnce | Flight::ExactlyOnce } => {
                let lost = mqtt.session().message(id).as_ref().map(PublishBuf::try_from).transpose()?;
                let again = mqtt.requeue(id, &mut connection.output);
                lost.filter(|_| again.is_err()).map(Event::Lost)
            }
            // It had the message for sure; and what was not subscribed to is asked for again anyway.
            _ => None,
        })
    }

    /// Subscribes and carries out commands, as long as there is room for what that sends.
    fn obey(&mut self, connection: &mut Connection) -> Result<(), Error> {
        while connection.mqtt.is_open() && connection.output.len() < OUTPUT {
            if let Some(number) = self.filters.iter().position(|filter| filter.standing == Standing::Due) {
                match connection.subscribe(&self.filters[number]) {
                    Ok(id) => self.filters[number].standing = Standing::Asked(id),
                    Err(error) if error.is_temporary() => break,
                    Err(error) => match self.filters.remove(number).reply {
                        Some(reply) => drop(reply.send(Err(error.into()))),
                        // The server took it in an earlier connection.
                        None => return Err(error.into()),
                    },
                }
                continue;
            }
            let Some(command) = self.next.take().or_else(|| self.commands.try_recv().ok()) else { break };
            match command {
                Command::Publish { message, position, reply } => match connection.publish(&message, position)
                {
                    Err(error) if error.is_temporary() => {
                        self.next = Some(Command::Publish { message, position, reply });
                        break;
                    }
                    Err(error) => drop(reply.send(Err(error.into()))),
                    Ok(()) => connection.replies.push(reply),
                },
                Command::Subscribe(filter) => self.filters.push(filter),
                Command::Flush(reply) => self.flushes.push(reply),
                Command::Reauthenticate(reply) => connection.reauthenticate(&self.options, reply),
            }
        }
        if connection.mqtt.session().in_flight() == 0 && self.next.is_none() {
            connection.replies.append(&mut self.flushes);
        }
        Ok(())
    }
}
