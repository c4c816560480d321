//! The driver of this library: a client on tokio that does all that the runner asks for.

mod properties;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, LazyLock};
use std::time;

use properties::{Given, show};
use sans_mqtt::{
    AckToken, Acknowledge, Cause, Config, Connect, Disconnect, Event, Heap, HeapTopics, Incoming, Instant,
    Message, PacketId, Properties, Qos, ReasonCode, RetainHandling, Session, Step, Subscription, UsageError,
    Version, Wait, Will,
};
use sans_mqtt_interop::{Command, answer, bytes, line, run, tell, text};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

type Client = sans_mqtt::Client<Heap, (HeapTopics, HeapTopics)>;

/// How many messages are on their way at a time, before 5.0 where no server says how many it takes.
const WINDOW: u16 = 20;

/// What is larger comes and goes in pieces.
const LARGE: usize = 64 << 10;

/// One for all connections, because sessions go from one to the next.
static CLOCK: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);

fn now() -> Instant {
    CLOCK.elapsed().into()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    run(serve).await
}

/// A client with all its connections, one after the other.
async fn serve(name: String, mut commands: UnboundedReceiver<Command>) {
    let mut user = User { name, ..User::default() };
    while let Some(command) = commands.recv().await {
        match command.text("do") {
            "connect" => {}
            "close" => return command.answer(Ok(json!({}))),
            _ => {
                command.answer(Err("not connected".into()));
                continue;
            }
        }
        if let Err(error) = connect(&mut user, &command, &mut commands).await {
            match user.opening.take() {
                Some(id) => answer(id, Err(error.to_string())),
                None => tell(&user.name, "closed", json!({"why": error.to_string()})),
            }
        }
    }
}

/// One connection, until it is over.
async fn connect(
    user: &mut User,
    command: &Command,
    commands: &mut UnboundedReceiver<Command>,
) -> io::Result<()> {
    user.opening = Some(command.number("id"));
    let properties = command.value("properties");
    let limit = |name: &str, default| properties[name].as_u64().unwrap_or(default);
    let config = Config {
        receive_maximum: limit("receive_maximum", 16) as u16,
        maximum_packet_size: limit("maximum_packet_size", 16 << 20) as u32,
        topic_alias_maximum: limit("topic_alias_maximum", 0) as u16,
        assign_topic_aliases: command.flag("aliases"),
        stream_above: LARGE as u32,
        ..Config::default()
    };
    let version = match command.text("version") {
        "3.1" => Version::V3_1,
        "3.1.1" => Version::V3_1_1,
        _ => Version::V5_0,
    };
    let session = std::mem::take(&mut user.session);
    let aliases = (HeapTopics::new(100, 4096), HeapTopics::new(100, 4096));
    let mut client = Client::with_aliases(version, &config, session, aliases);
    if command.flag("manual_ack") {
        client.set_acknowledge(Acknowledge::Manual);
    }
    let end = talk(user, &mut client, command, commands).await;
    client.handle_timeout(now(), &mut Vec::new());
    user.session = client.into_session();
    user.tokens.clear();
    end
}

async fn talk(
    user: &mut User,
    client: &mut Client,
    command: &Command,
    commands: &mut UnboundedReceiver<Command>,
) -> io::Result<()> {
    let (mut reader, mut writer) = split(dial(command).await?);
    let (mut input, mut output) = (Vec::new(), Vec::new());
    let data = Given::new(command.value("properties"));
    let will = command.value("will");
    let will_data = Given::new(&will["properties"]);
    let (properties, will_properties) = (data.properties(), will_data.properties());
    let payload = bytes(&will["payload"]);
    let password = command.text("password").as_bytes();
    let connect = Connect {
        clean_start: command.flag("clean"),
        keep_alive: command.number("keep_alive") as u16,
        client_id: command.text("client_id"),
        properties: properties.as_slice().into(),
        will: will.is_object().then(|| Will {
            qos: qos(&will["qos"]),
            retain: will["retain"] == true,
            topic: text(&will["topic"]),
            properties: will_properties.as_slice().into(),
            payload: &payload,
        }),
        user_name: command.value("user_name").as_str(),
        password: Some(password).filter(|password| !password.is_empty()),
    };
    client.connect(now(), &connect, &mut output)?;
    loop {
        let mut rest = &input[..];
        let wait = loop {
            match client.handle(now(), &mut rest, &mut output) {
                Step::Event(event) => user.event(client, event),
                Step::Wait(wait) => break wait,
            }
        };
        input.drain(..input.len() - rest.len());
        if let Wait::Resend(id) = wait {
            // A message that went in pieces, which nobody keeps.
            client.abandon(id)?;
            continue;
        }
        user.send(client, &mut output);
        if let Wait::Closed(cause) = wait {
            // The peer may be gone, and not want to hear it.
            let _ = writer.write_all(&output).await;
            let _ = writer.shutdown().await;
            user.closed(cause);
            return Ok(());
        }
        let timeout = client.poll_timeout().map(|at| at.saturating_duration_since(now()));
        tokio::select! {
            read = reader.read_buf(&mut input) => if !matches!(read, Ok(1..)) {
                client.handle_eof();
            },
            written = writer.write(&output), if !output.is_empty() => {
                output.drain(..written?);
                writer.flush().await?;
            }
            () = sleep(timeout.unwrap_or_default()), if timeout.is_some() => {}
            Some(command) = commands.recv() => {
                if command.text("do") == "close" {
                    command.answer(Ok(json!({})));
                    commands.close();
                    return Ok(());
                }
                user.command(client, command, &mut output);
            }
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A TCP connection, with TLS if there is somebody to certify the server.
async fn dial(command: &Command) -> io::Result<Box<dyn Stream>> {
    let (host, port) = (command.text("host"), command.number("port") as u16);
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    let Some(ca) = command.value("ca").as_str() else { return Ok(Box::new(socket)) };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).map_err(io::Error::other)?).map_err(io::Error::other)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let server = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(server, socket).await?))
}

/// The application: what it waits for, and what outlives a connection.
#[derive(Default)]
struct User {
    name: String,
    session: Session<Heap>,
    /// The command that waits for CONNACK.
    opening: Option<u64>,
    /// The command that waits for the end.
    closing: Option<u64>,
    /// Messages on their way to the connection, each with the command that it is a part of.
    unsent: VecDeque<(u64, Value)>,
    /// What waits for an acknowledgement.
    unacked: HashMap<PacketId, u64>,
    /// Of each command that publishes, how many messages are not done, and the reason codes of the others.
    batches: HashMap<u64, (usize, Vec<u8>)>,
    tokens: VecDeque<AckToken>,
    /// The message that comes in pieces.
    partial: Value,
    payload: Vec<u8>,
}

impl User {
    fn event(&mut self, client: &mut Client, event: Event<'_>) {
        match event {
            Event::Connected(connack) => self.opened(
                json!({"session_present": connack.session_present, "reason": 0, "properties": show(connack.properties)}),
            ),
            Event::Refused(connack) => {
                self.opened(json!({"reason": connack.reason.get(), "properties": show(connack.properties)}));
            }
            Event::Publish(incoming, token) => {
                let mut message = received(client, &incoming);
                message["payload"] = line(incoming.payload);
                tell(&self.name, "message", message);
                self.tokens.extend(token);
            }
            Event::PublishStart(incoming, _) => self.partial = received(client, &incoming),
            Event::PublishChunk(bytes) => self.payload.extend_from_slice(bytes),
            Event::PublishEnd(token) => {
                self.partial["payload"] = line(&std::mem::take(&mut self.payload));
                tell(&self.name, "message", self.partial.take());
                self.tokens.extend(token);
            }
            Event::Acked { id, reason, .. } => {
                if let Some(command) = self.unacked.remove(&id) {
                    self.done(command, reason.get());
                }
            }
            Event::Dropped { id } => {
                if let Some(command) = self.unacked.remove(&id) {
                    answer(command, Err("dropped".into()));
                }
            }
            Event::Suback(ack) | Event::Unsuback(ack) => {
                let reasons: Vec<_> = ack.reasons.iter().map(ReasonCode::get).collect();
                if let Some(command) = self.unacked.remove(&ack.packet_id) {
                    answer(command, Ok(json!({"reasons": reasons, "properties": show(ack.properties)})));
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, client: &mut Client, command: Command, output: &mut Vec<u8>) {
        let id = command.number("id");
        let data = Given::new(command.value("properties"));
        let properties = data.properties();
        let properties = Properties::from(properties.as_slice());
        let result = match command.text("do") {
            "subscribe" => {
                let filters: Vec<_> = command.list("filters").iter().map(subscription).collect();
                client.subscribe(&filters, properties, output).map(Some)
            }
            "unsubscribe" => {
                let filters: Vec<_> = command.list("filters").iter().map(text).collect();
                client.unsubscribe(&filters, properties, output).map(Some)
            }
            "publish" => {
                let messages = command.list("messages");
                self.batches.insert(id, (messages.len(), Vec::new()));
                self.unsent.extend(messages.iter().map(|message| (id, message.clone())));
                self.send(client, output);
                return;
            }
            "ack" => match self.tokens.pop_front() {
                Some(token) => {
                    client.ack(token, ReasonCode::SUCCESS, output).map(|()| None).map_err(Into::into)
                }
                None => Err(UsageError::NotAsked),
            },
            "disconnect" => {
                self.closing = Some(id);
                let reason = ReasonCode::new(command.number("reason") as u8);
                match client.disconnect(&Disconnect { reason, properties }, output) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            other => return answer(id, Err(format!("no such command: {other}"))),
        };
        match result {
            Ok(Some(packet_id)) => drop(self.unacked.insert(packet_id, id)),
            Ok(None) => answer(id, Ok(json!({}))),
            Err(error) => answer(id, Err(error.to_string())),
        }
    }

    /// Sends what waits, as far as the server allows.
    fn send(&mut self, client: &mut Client, output: &mut Vec<u8>) {
        while client.is_open() && (client.version() == Version::V5_0 || client.session().in_flight() < WINDOW)
        {
            let Some((command, message)) = self.unsent.pop_front() else { return };
            let data = Given::new(&message["properties"]);
            let (properties, payload) = (data.properties(), bytes(&message["payload"]));
            let head = Message {
                qos: qos(&message["qos"]),
                retain: message["retain"] == true,
                topic: text(&message["topic"]),
                properties: properties.as_slice().into(),
                payload: &[],
            };
            let sent = if payload.len() > LARGE {
                publish_in_pieces(client, &head, &payload, output)
            } else {
                client.publish(&Message { payload: &payload, ..head }, output)
            };
            match sent {
                Ok(Some(id)) => drop(self.unacked.insert(id, command)),
                Ok(None) => self.done(command, 0),
                Err(error) if error.is_temporary() => return self.unsent.push_front((command, message)),
                Err(error) => answer(command, Err(error.to_string())),
            }
        }
    }

    /// One message more of a command is done.
    fn done(&mut self, command: u64, reason: u8) {
        let Some((left, reasons)) = self.batches.get_mut(&command) else { return };
        reasons.push(reason);
        *left -= 1;
        if *left == 0 {
            answer(command, Ok(json!({"reasons": reasons})));
            self.batches.remove(&command);
        }
    }

    fn opened(&mut self, connack: Value) {
        if let Some(id) = self.opening.take() {
            answer(id, Ok(connack));
        }
    }

    fn closed(&mut self, cause: Cause) {
        let reason = match cause {
            Cause::Peer(reason) => Some(reason.get()),
            _ => None,
        };
        tell(&self.name, "closed", json!({"reason": reason, "why": cause.to_string()}));
        self.opening.take().into_iter().for_each(|id| answer(id, Err(cause.to_string())));
        self.closing.take().into_iter().for_each(|id| answer(id, Ok(json!({}))));
    }
}

fn publish_in_pieces(
    client: &mut Client,
    head: &Message<'_>,
    payload: &[u8],
    output: &mut Vec<u8>,
) -> Result<Option<PacketId>, UsageError> {
    let id = client.publish_head(head, payload.len() as u32, output)?;
    for piece in payload.chunks(4096) {
        output.extend_from_slice(piece);
        client.payload_written(piece.len())?;
    }
    Ok(id)
}

fn qos(value: &Value) -> Qos {
    Qos::from_number(value.as_u64().unwrap_or_default() as u8).unwrap_or_default()
}

fn subscription(value: &Value) -> Subscription<'_> {
    Subscription {
        filter: text(&value["filter"]),
        qos: qos(&value["qos"]),
        no_local: value["no_local"] == true,
        retain_as_published: value["retain_as_published"] == true,
        retain_handling: match value["retain_handling"].as_u64() {
            Some(1) => RetainHandling::SendIfNew,
            Some(2) => RetainHandling::DoNotSend,
            _ => RetainHandling::Send,
        },
    }
}

fn received(client: &Client, incoming: &Incoming<'_>) -> Value {
    json!({
        "topic": client.topic(incoming),
        "qos": incoming.qos.number(),
        "retain": incoming.retain,
        "dup": incoming.dup,
        "properties": show(incoming.properties),
    })
}
