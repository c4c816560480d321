//! The driver of this library: a client on tokio that does all that the runner asks for.

mod properties;
mod user;

use std::io;
use std::sync::{Arc, LazyLock};
use std::time;

use properties::Given;
use sans_mqtt::{Acknowledge, Config, Connect, Heap, HeapTopics, Instant, Step, Version, Wait, Will};
use sans_mqtt_interop::{Command, bytes, run, text};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use user::{User, qos};

type Client = sans_mqtt::Client<Heap, (HeapTopics, HeapTopics)>;

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
    let mut user = User::new(name);
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
            user.closed(None, &error.to_string());
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
        ..Connect::default()
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
            user.closed(Some(cause), &cause.to_string());
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
