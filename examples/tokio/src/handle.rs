//! What an application has of a client: a handle to call, and a channel of events.
//!
//! ```no_run
//! use sans_mqtt::{Message, Qos};
//! use sans_mqtt_tokio::{Event, Options, endpoint::{Endpoint, TlsFiles}, journal::{Durability, Journal}, start};
//!
//! # async fn run() -> Result<(), sans_mqtt_tokio::Error> {
//! let session = Journal::open("attic.session".as_ref(), None, "thermometer", Durability::Power).await?;
//! let options = Options::new(Endpoint::new("mqtts://localhost", &TlsFiles::default())?);
//! let (client, mut events, end) = start(options, session);
//! tokio::spawn(async move {
//!     while let Some(event) = events.recv().await {
//!         if let Event::Message(received) = event {
//!             println!("{}", received.get().topic);
//!             let _ = received.ack().await; // if it could not be, the message comes again
//!         }
//!     }
//! });
//! client.subscribe("attic/orders/#", Qos::ExactlyOnce).await?;
//! client.publish(&Message { qos: Qos::AtLeastOnce, topic: "attic/temperature", payload: b"24", ..Message::default() }).await?;
//! client.flush().await?;
//! client.disconnect();
//! end.await.expect("no panic")
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use sans_mqtt::{AckToken, Config, Message, PacketId, PublishBuf, Qos, ReasonCode, Session, Version};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::Error;
use crate::endpoint::Endpoint;
use crate::journal::Journal;
use crate::task::Task;

/// How many commands wait for the connection. Whoever has more to say waits, too.
const COMMANDS: usize = 16;

/// How a client connects.
#[derive(Clone)]
pub struct Options {
    pub endpoint: Endpoint,
    pub version: Version,
    pub user_name: Option<String>,
    pub password: Option<String>,
    /// Whether to show by SCRAM-SHA-256 that the password is known, instead of sending it: 5.0 only, and with a user name.
    pub scram: bool,
    /// The longest silence on the connection, in seconds.
    pub keep_alive: u16,
    /// How long the server is to keep the session while this client is away.
    pub session_expiry: Duration,
    /// The pause before it is tried again to connect: the first one, and the longest of those that follow, each twice as long
    /// as the one before.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// How long it is tried before that is given up.
    pub patience: Duration,
    pub config: Config,
}

impl Options {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            version: Version::V5_0,
            user_name: None,
            password: None,
            scram: false,
            keep_alive: 60,
            session_expiry: Duration::from_secs(24 * 60 * 60),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
            patience: Duration::from_secs(60),
            config: Config::default(),
        }
    }
}

/// What happens.
///
/// Take events at all times, in a task of their own if need be: the connection stands still while nobody does, and is lost if
/// that is longer than its Keep Alive.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// There is a connection.
    Connected {
        /// Whether the server still had the session; if not, messages may be missing, and the subscriptions are made again.
        session_present: bool,
    },
    /// There is no connection.
    Disconnected {
        error: Error,
        /// It is tried again then.
        retry_in: Duration,
    },
    /// A message came.
    Message(Received),
    /// The server did not want a message of this client.
    Refused(ReasonCode),
    /// A message of this client can't be sent again, because the server does not take it any more.
    Lost(PublishBuf),
    /// The server has lost the session, and does not want a subscription that it had before. It is not asked again.
    /// (If it has announced that it can't have it, the client ends instead.)
    Unsubscribed { filter: String, reason: ReasonCode },
}

/// A message that came. One that is dropped without `ack` comes again in the next connection.
#[derive(Debug)]
#[must_use = "the server waits for the acknowledgement"]
pub struct Received {
    message: PublishBuf,
    /// `None` at QoS 0.
    right: Option<(AckToken, mpsc::UnboundedSender<Ack>)>,
}

/// A message could not be acknowledged, because the connection that it came by is over. It comes again; what was done with it
/// has to be undone, if it is to be done once only.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the connection that the message came by is over")]
pub struct Stale;

impl Received {
    pub(crate) fn new(
        message: PublishBuf,
        token: Option<AckToken>,
        acks: &mpsc::UnboundedSender<Ack>,
    ) -> Self {
        Self { message, right: token.map(|token| (token, acks.clone())) }
    }

    /// The message.
    pub fn get(&self) -> Message<'_> {
        self.message.message()
    }

    /// Whether it is too late to acknowledge the message, so that nothing need be done with it.
    pub fn is_stale(&self) -> bool {
        self.right.as_ref().is_some_and(|(_, acks)| acks.is_closed())
    }

    /// Says that the message is processed. At QoS 2 it does not come again once this has returned.
    pub async fn ack(self) -> Result<(), Stale> {
        self.take(None).await
    }

    /// The same, and how far the application is: both are in the journal, or none of them. After a crash the application goes
    /// on from [`Journal::position`], and undoes what it did after that.
    pub async fn ack_at(self, position: u64) -> Result<(), Stale> {
        self.take(Some(position)).await
    }

    async fn take(self, position: Option<u64>) -> Result<(), Stale> {
        let Some((token, acks)) = self.right else { return Ok(()) };
        let (reply, done) = oneshot::channel();
        acks.send(Ack { token, position, reply }).map_err(|_| Stale)?;
        done.await.map_err(|_| Stale)?.map_err(|_| Stale)
    }
}

/// Says what the client is to do. Can be cloned; when the last one is gone, the client disconnects.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    stop: Arc<Notify>,
}

/// Starts a client. It ends when it is told to, or when it can't go on.
pub fn start(
    options: Options,
    session: Session<Journal>,
) -> (Handle, mpsc::Receiver<Event>, JoinHandle<Result<(), Error>>) {
    let (commands, orders) = mpsc::channel(COMMANDS);
    // As many as may come without being acknowledged: an application that is slow with them does not hold up the rest.
    let (tell, events) = mpsc::channel(usize::from(options.config.receive_maximum) + COMMANDS);
    let stop = Arc::new(Notify::new());
    let task = tokio::spawn(Task::new(options, orders, tell, stop.clone()).run(session));
    (Handle { commands, stop }, events, task)
}

impl Handle {
    /// Sends a message. At QoS 1 and 2 it is safe when this returns: it is in the journal, and is sent until the server has it.
    /// Waits while there is no connection, and while the server has enough to do.
    ///
    /// If this is cancelled, the message is sent or not.
    pub async fn publish(&self, message: &Message<'_>) -> Result<(), Error> {
        self.send(message, None).await
    }

    /// The same, and how far the application is with its input: both are in the journal, or none of them.
    pub async fn publish_at(&self, message: &Message<'_>, position: u64) -> Result<(), Error> {
        self.send(message, Some(position)).await
    }

    async fn send(&self, message: &Message<'_>, position: Option<u64>) -> Result<(), Error> {
        let message = PublishBuf::try_from(message)?;
        self.command(|reply| Command::Publish { message, position, reply }).await
    }

    /// Subscribes, now and whenever the server has forgotten the session. Gives what the server says of it; if that is a
    /// refusal, it is not asked again.
    ///
    /// The journal has no subscriptions: a program that begins anew makes them again, and so does one that has lost its
    /// connection before the answer. A server of 3.1.1 sends its retained messages again then; one of 5.0 is told not to.
    pub async fn subscribe(&self, filter: &str, qos: Qos) -> Result<ReasonCode, Error> {
        self.command(|reply| Command::Subscribe(Filter::new(filter, qos, reply))).await
    }

    /// Waits until the server has all messages of QoS 1 and 2.
    pub async fn flush(&self) -> Result<(), Error> {
        self.command(Command::Flush).await
    }

    /// Authenticates again, by SCRAM as at first, in the same connection. A server that refuses ends it.
    pub async fn reauthenticate(&self) -> Result<(), Error> {
        self.command(Command::Reauthenticate).await
    }

    /// Ends the client in good order, wherever it is. What is in the journal goes on the next time.
    pub fn disconnect(&self) {
        self.stop.notify_one();
    }

    async fn command<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, done) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Error::Closed)?;
        done.await.map_err(|_| Error::Closed)?
    }
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

#[derive(Debug)]
pub(crate) enum Command {
    Publish { message: PublishBuf, position: Option<u64>, reply: Reply<()> },
    Subscribe(Filter),
    Flush(Reply<()>),
    Reauthenticate(Reply<()>),
}

#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    pub(crate) standing: Standing,
    /// Until the server has answered once.
    pub(crate) reply: Option<Reply<ReasonCode>>,
}

/// What the server knows of a filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Nothing: it is to be asked.
    Due,
    /// It has not answered this SUBSCRIBE.
    Asked(PacketId),
    /// The subscription is in its session.
    Granted,
}

impl Filter {
    fn new(filter: &str, qos: Qos, reply: Reply<ReasonCode>) -> Self {
        Self { filter: filter.into(), qos, standing: Standing::Due, reply: Some(reply) }
    }
}

#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) token: AckToken,
    pub(crate) position: Option<u64>,
    pub(crate) reply: Reply<()>,
}
