//! A server to try the client with: it takes note of what it gets, sends what it is given, and can stop in the middle.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sans_mqtt::{
    Acknowledge, Cause, Config, Connect, Event, Heap, Instant, Message, Properties, Qos, ReasonCode, Server,
    Session, Step, Wait,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

type Place = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// What is kept of a client that is away.
pub struct Kept {
    session: Session<Heap>,
    is_subscribed: bool,
}

/// The place of a client that is here.
struct Guest {
    place: OwnedMutexGuard<Option<Kept>>,
    is_subscribed: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blow {
    Drop,
    Halt,
}

/// What all connections share.
pub struct Broker {
    pub began: std::time::Instant,
    /// The sessions, by client identifier; locked while there is a connection.
    pub sessions: Mutex<HashMap<String, Place>>,
    /// The payloads that came, and those that are to go to whoever subscribes.
    pub received: Mutex<Vec<String>>,
    pub queue: Mutex<VecDeque<(Qos, String)>>,
    pub news: Notify,
    /// Who may connect, if not everybody; and what messages are answered with.
    pub login: Option<(&'static str, &'static [u8])>,
    pub answer: ReasonCode,
    /// After so many more pieces of input, the answer is cut off somewhere, and the connection is dropped or stands still.
    pub fuse: Mutex<Option<(usize, Blow)>>,
    pub blown: Notify,
    /// The filters that were subscribed to.
    pub filters: Mutex<Vec<String>>,
    /// How connections ended that did so in good order.
    pub causes: Mutex<Vec<Cause>>,
}

impl Default for Broker {
    fn default() -> Self {
        Self {
            began: std::time::Instant::now(),
            sessions: Mutex::default(),
            received: Mutex::default(),
            queue: Mutex::default(),
            news: Notify::default(),
            login: None,
            answer: ReasonCode::SUCCESS,
            fuse: Mutex::default(),
            blown: Notify::default(),
            filters: Mutex::default(),
            causes: Mutex::default(),
        }
    }
}

impl Broker {
    /// Listens on a port of its own. Ends, with all connections, when what is given is dropped.
    pub async fn listen(self: &Arc<Self>, tls: Option<TlsAcceptor>) -> (u16, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (broker, mut task) = (self.clone(), JoinSet::new());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                connections.spawn(broker.clone().welcome(tcp, tls.clone()));
            }
        });
        (port, task)
    }

    async fn welcome(self: Arc<Self>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
        tcp.set_nodelay(true).unwrap();
        match tls {
            None => self.serve(tcp).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(tcp).await {
                    self.serve(stream).await;
                }
            }
        }
    }

    pub fn send(&self, qos: Qos, payload: String) {
        self.queue.lock().unwrap().push_back((qos, payload));
        self.news.notify_one();
    }

    /// Loses all sessions that have no connection now.
    pub fn forget(&self) {
        self.sessions.lock().unwrap().values().for_each(|place| {
            let _ = place.try_lock().map(|mut session| *session = None);
        });
    }

    /// Whether everything that was to be sent is sent and acknowledged.
    pub fn is_done(&self, client_id: &str) -> bool {
        let place = self.sessions.lock().unwrap().get(client_id).cloned();
        let idle = place.is_some_and(|place| {
            place.try_lock().is_ok_and(|kept| kept.as_ref().is_some_and(|kept| kept.session.in_flight() == 0))
        });
        idle && self.queue.lock().unwrap().is_empty()
    }

    pub fn light(&self, fuse: Option<(usize, Blow)>) {
        *self.fuse.lock().unwrap() = fuse;
    }

    fn burn(&self) -> Option<Blow> {
        let mut fuse = self.fuse.lock().unwrap();
        let (left, blow) = (*fuse)?;
        *fuse = (left > 0).then(|| (left - 1, blow));
        (left == 0).then_some(blow)
    }

    fn now(&self) -> Instant {
        Instant::from(self.began.elapsed())
    }

    async fn serve<S: AsyncRead + AsyncWrite>(&self, stream: S) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let config = Config { receive_maximum: 3, ..Config::default() };
        let mut server = Server::new(self.now(), &config, Session::default());
        server.set_acknowledge(Acknowledge::Manual);
        let mut guest = None;
        let end = self.talk(&mut reader, &mut writer, &mut server, &mut guest).await;
        self.causes.lock().unwrap().extend(end);
        server.handle_timeout(self.now(), &mut Vec::new());
        if let Some(Guest { mut place, is_subscribed }) = guest {
            let session = server.into_session();
            *place = session.exists().then_some(Kept { session, is_subscribed });
        }
        // The client may still read what was said last.
        let rest = async {
            writer.shutdown().await?;
            while reader.read_u8().await.is_ok() {}
            io::Result::Ok(())
        };
        let _ = timeout(Duration::from_millis(200), rest).await;
    }

    async fn talk(
        &self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        server: &mut Server<Heap>,
        guest: &mut Option<Guest>,
    ) -> io::Result<Cause> {
        let (mut input, mut output) = (Vec::new(), Vec::new());
        loop {
            let mut rest = &input[..];
            let wait = loop {
                match server.handle(self.now(), &mut rest, &mut output) {
                    Step::Event(Event::Connect(connect)) => {
                        self.admit(server, guest, &connect, &mut output).await?
                    }
                    Step::Event(Event::Publish(message, token)) => {
                        if !self.answer.is_error() {
                            self.received
                                .lock()
                                .unwrap()
                                .push(String::from_utf8_lossy(message.payload).into());
                        }
                        if let Some(token) = token {
                            server.ack(token, self.answer, &mut output)?;
                        }
                    }
                    Step::Event(Event::Subscribe(subscribe)) => {
                        let reason =
                            |qos: Qos| if self.answer.is_error() { self.answer } else { (qos as u8).into() };
                        let reasons: Vec<_> =
                            subscribe.filters.iter().map(|filter| reason(filter.qos)).collect();
                        let filters = subscribe.filters.iter().map(|filter| filter.filter.to_owned());
                        self.filters.lock().unwrap().extend(filters);
                        server.suback(&reasons, Properties::EMPTY, &mut output)?;
                        guest.iter_mut().for_each(|guest| guest.is_subscribed |= !self.answer.is_error());
                    }
                    Step::Event(_) => {}
                    Step::Wait(wait) => break wait,
                }
            };
            input.drain(..input.len() - rest.len());
            if server.is_open() && guest.as_ref().is_some_and(|guest| guest.is_subscribed) {
                self.send_queue(server, &mut output);
            }
            if let Some(blow) = self.burn() {
                // A part of the answer is on its way.
                output.truncate(fastrand::usize(..=output.len()));
                writer.write_all(&output).await?;
                writer.flush().await?;
                self.blown.notify_one();
                while blow == Blow::Halt && reader.read_u8().await.is_ok() {}
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            writer.write_all(&output).await?;
            writer.flush().await?;
            output.clear();
            if let Wait::Closed(cause) = wait {
                return Ok(cause);
            }
            let mut piece = [0; 24];
            tokio::select! {
                n = reader.read(&mut piece) => match n? {
                    0 => server.handle_eof(),
                    n => input.extend(&piece[..n]),
                },
                () = self.news.notified() => {}
                () = sleep(Duration::from_secs(5)) => {}
            }
        }
    }

    async fn admit(
        &self,
        server: &mut Server<Heap>,
        guest: &mut Option<Guest>,
        connect: &Connect<'_>,
        output: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.login.is_some_and(|(user, password)| {
            (connect.user_name, connect.password) != (Some(user), Some(password))
        }) {
            return Ok(server.reject(ReasonCode::BAD_USER_NAME_OR_PASSWORD, Properties::EMPTY, output)?);
        }
        let place = self.sessions.lock().unwrap().entry(connect.client_id.into()).or_default().clone();
        let mut place = place.lock_owned().await;
        let is_subscribed = match place.take() {
            // Unless a new one is wanted.
            Some(kept) => server.resume(kept.session).is_ok() && kept.is_subscribed,
            None => false,
        };
        *guest = Some(Guest { place, is_subscribed });
        Ok(server.accept(Properties::EMPTY, output)?)
    }

    fn send_queue(&self, server: &mut Server<Heap>, output: &mut Vec<u8>) {
        let mut queue = self.queue.lock().unwrap();
        while let Some((qos, payload)) = queue.front() {
            let message =
                Message { qos: *qos, topic: "down", payload: payload.as_bytes(), ..Message::default() };
            if server.publish(&message, output).is_err() {
                break;
            }
            queue.pop_front();
        }
    }
}
