//! MQTT over WebSocket and TLS, as clients of other minds speak them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::Shared;
use broker::net::address::Address;
use broker::net::listen::{Doors, Listener};
use broker::net::tls::Tls;
use broker::net::websocket::WebSocket;
use broker::options::{LimitOptions, Options, TlsOptions};
use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sans_mqtt::{Frame as Packets, Split};
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const CONNECT: &[u8] = b"\x10\x0D\0\x04MQTT\x04\x02\0\0\0\x01a";
const CONNACK: &[u8] = b"\x20\x02\0\0";

/// Opens a door, and tells its port.
async fn door(url: &str, limits: LimitOptions, tls: Option<Arc<Tls>>) -> u16 {
    let listener = Listener::bind(&url.parse::<Address>().unwrap()).await.unwrap();
    let port = listener.address().unwrap().port;
    tokio::spawn(Doors::new(Shared::default(), &limits, tls).open(listener));
    port
}

fn limits() -> LimitOptions {
    Options::default().limits
}

async fn tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

type Handshake<T> = Result<(WebSocketStream<T>, Option<String>), Error>;

/// Asks for subprotocols; also gives the one that was chosen.
async fn upgrade<T: AsyncRead + AsyncWrite + Unpin>(transport: T, protocols: Option<&str>) -> Handshake<T> {
    let mut request = "ws://localhost/mqtt".into_client_request().unwrap();
    if let Some(protocols) = protocols {
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
    }
    let (stream, response) = client_async(request, transport).await?;
    let chosen = response.headers().get("Sec-WebSocket-Protocol");
    Ok((stream, chosen.map(|it| it.to_str().unwrap().into())))
}

async fn websocket() -> WebSocketStream<TcpStream> {
    let port = door("ws://127.0.0.1:0", limits(), None).await;
    upgrade(tcp(port).await, Some("mqtt")).await.unwrap().0
}

async fn read<T: AsyncRead + AsyncWrite + Unpin>(from: &mut WebSocketStream<T>, n: usize) -> Vec<u8> {
    let mut came = Vec::new();
    while came.len() < n {
        let message = timeout(Duration::from_secs(10), from.next()).await.unwrap().unwrap().unwrap();
        came.extend_from_slice(&message.into_data());
    }
    came
}

#[tokio::test]
async fn packets_may_begin_and_end_anywhere_in_frames() {
    let mut sent = [CONNECT, b"\x82\x06\0\x01\0\x01#\0", b"\x32\x82\x10\0\x01t\0\x02"].concat();
    sent.extend((0..2045).map(|i| i as u8));
    sent.extend_from_slice(b"\xC0\0");
    let expected_len = CONNACK.len() + 5 + (2 + 1 + 3 + 2045) + 4 + 2;
    let mut first = None;
    for size in [1, 2, 3, 100, 125, 126, 127, sent.len()] {
        let mut stream = websocket().await;
        for part in sent.chunks(size) {
            stream.feed(Message::Binary(part.to_vec().into())).await.unwrap();
        }
        stream.flush().await.unwrap();
        let came = read(&mut stream, expected_len).await;
        let (mut rest, mut packets) = (&came[..], Vec::new());
        while let Split::Frame(frame, behind) = Packets::split(rest, usize::MAX).unwrap() {
            packets.push(frame.bytes().to_vec());
            rest = behind;
        }
        assert_eq!((rest, packets.len()), (&[][..], 5));
        // A message may overtake its acknowledgement.
        packets.sort();
        assert!(*first.get_or_insert_with(|| packets.clone()) == packets, "{size}");
    }
}

/// There are clients that lose what comes behind the first packet of a frame.
#[tokio::test]
async fn no_frame_has_more_than_one_packet() {
    let mut stream = websocket().await;
    let mut sent = [CONNECT, b"\x82\x06\0\x01\0\x01#\0"].concat();
    // A long message is in several frames.
    let long = [&b"\x30\xC3\xB8\x02\0\x01t"[..], &[0; 40_000]].concat();
    for message in [&b"\x30\x04\0\x01t0"[..], &long, b"\x30\x03\0\x01t", b"\xC0\0"] {
        sent.extend_from_slice(message);
    }
    stream.send(Message::Binary(sent.into())).await.unwrap();
    let (mut packet, mut frames) = (Vec::new(), Vec::new());
    while frames.len() < 6 {
        let message = timeout(Duration::from_secs(10), stream.next()).await.unwrap().unwrap().unwrap();
        packet.extend_from_slice(&message.into_data());
        if let Split::Frame(_, behind) = Packets::split(&packet, usize::MAX).unwrap() {
            assert!(behind.is_empty());
            frames.push(packet.len());
            packet.clear();
        }
    }
    frames.sort_unstable();
    assert_eq!(frames, [2, 4, 5, 5, 6, long.len()]);
}

/// Wherever a long write is cut off: 16 KiB are no multiple of 7.
#[tokio::test]
async fn no_frame_has_more_than_one_packet_of_a_long_write() {
    let (ours, theirs) = duplex(1 << 20);
    let (server, client) = tokio::join!(WebSocket::accept(ours), upgrade(theirs, Some("mqtt")));
    let (mut server, mut client) = (server.unwrap(), client.unwrap().0);
    let sent = b"\x30\x05\0\x01tab".repeat(20_000);
    server.write_all(&sent).await.unwrap();
    server.flush().await.unwrap();
    let mut came = Vec::new();
    while came.len() < sent.len() {
        let frame = client.next().await.unwrap().unwrap().into_data();
        assert!(came.len() % 7 + frame.len() <= 7, "{} bytes behind {}", frame.len(), came.len());
        came.extend_from_slice(&frame);
    }
    assert!(came == sent);
}

#[tokio::test]
async fn messages_may_be_fragmented_and_pings_come_between() {
    let mut stream = websocket().await;
    let frame = |bytes: &[u8], kind, is_last| {
        Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(kind), is_last))
    };
    stream.send(frame(&CONNECT[..5], Data::Binary, false)).await.unwrap();
    stream.send(Message::Ping(b"there?"[..].into())).await.unwrap();
    stream.send(frame(&CONNECT[5..9], Data::Continue, false)).await.unwrap();
    stream.send(frame(&CONNECT[9..], Data::Continue, true)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::Pong(b"there?"[..].into()));
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::Binary(CONNACK.into()));
    stream.close(None).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(Message::Close(_)))));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn text_closes_the_connection() {
    let mut stream = websocket().await;
    stream.send(Message::Binary(CONNECT.into())).await.unwrap();
    assert_eq!(read(&mut stream, 4).await, CONNACK);
    stream.send(Message::Text("hello".into())).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = stream.next().await else { panic!("it goes on") };
    assert_eq!(u16::from(close.code), 1003);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_subprotocol_is_asked_for_and_answered() {
    let port = door("ws://127.0.0.1:0", limits(), None).await;
    for (asked, answer) in
        [("mqtt", "mqtt"), ("mqttv3.1", "mqttv3.1"), ("chat, mqtt", "mqtt"), ("mqtt,x", "mqtt")]
    {
        let (_, chosen) = upgrade(tcp(port).await, Some(asked)).await.unwrap();
        assert_eq!(chosen.as_deref(), Some(answer));
    }
    for asked in [None, Some("chat"), Some("mqtt5")] {
        let Err(Error::Http(response)) = upgrade(tcp(port).await, asked).await else { panic!("{asked:?}") };
        assert_eq!(response.status(), 400);
    }
}

/// What is answered before the end.
async fn rest(mut transport: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = timeout(Duration::from_secs(10), transport.read_to_end(&mut rest)).await.expect("it is closed");
    rest
}

#[tokio::test]
async fn garbage_and_silence_are_no_handshake() {
    let patience = LimitOptions { connect_timeout: 1, ..limits() };
    let files = Files::new();
    let tls = Arc::new(Tls::new(&files.options()).unwrap());
    for url in ["ws://127.0.0.1:0", "tls://127.0.0.1:0", "wss://127.0.0.1:0", "127.0.0.1:0"] {
        let port = door(url, patience.clone(), Some(tls.clone())).await;
        // The core has a time limit of its own for CONNECT.
        if url.contains("://") {
            assert_eq!(rest(tcp(port).await).await, b"");
        }
        let mut garbage = tcp(port).await;
        let _ = garbage.write_all(&[0xFF; 100_000]).await;
        assert!(rest(garbage).await.len() < 200);
    }
    let port = door("ws://127.0.0.1:0", limits(), None).await;
    let mut endless = tcp(port).await;
    endless.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let header = [b"x: ", &[b'y'; 8000][..], b"\r\n"].concat();
    let more = async { while endless.write_all(&header).await.is_ok() {} };
    timeout(Duration::from_secs(10), more).await.expect("headers without end are cut off");
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_not_waited_for() {
    let mut stream = websocket().await;
    let header = [&[0x82, 0xFF][..], &(17_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    stream.get_mut().write_all(&header).await.unwrap();
    rest(stream.into_inner()).await;
}

/// A root, a certificate of the broker, and those of clients.
struct Files {
    dir: TempDir,
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let files = Self {
            dir: tempdir().unwrap(),
            root: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        };
        fs::write(files.path("ca.pem"), certificate.pem()).unwrap();
        files.renew();
        files
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.dir.path()).join(name)
    }

    /// A certificate for a name.
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Gives the broker a new certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let (certificate, key) = self.issue("the broker");
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn options(&self) -> TlsOptions {
        let (cert, key) = (Some(self.path("cert.pem")), Some(self.path("key.pem")));
        TlsOptions { cert, key, ..Options::default().tls }
    }

    /// A client, perhaps with a certificate.
    fn client(&self, identity: Option<(rcgen::Certificate, KeyPair)>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        Arc::new(config).into()
    }
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

#[tokio::test]
async fn tls_carries_packets_and_websockets() {
    let files = Files::new();
    let tls = Arc::new(Tls::new(&files.options()).unwrap());
    let port = door("tls://127.0.0.1:0", limits(), Some(tls.clone())).await;
    let mut stream = files.client(None).connect(localhost(), tcp(port).await).await.unwrap();
    stream.write_all(&[CONNECT, b"\x82\x06\0\x01\0\x01#\0"].concat()).await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    // Larger than any buffer in between.
    let mut publish = b"\x30\x83\x80\x20\0\x01t".to_vec();
    publish.resize(publish.len() + (512 << 10), 7);
    stream.write_all(&publish).await.unwrap();
    let mut came = vec![0; publish.len()];
    timeout(Duration::from_secs(10), stream.read_exact(&mut came)).await.unwrap().unwrap();
    assert!(came == publish);

    let port = door("wss://127.0.0.1:0", limits(), Some(tls)).await;
    let stream = files.client(None).connect(localhost(), tcp(port).await).await.unwrap();
    let (mut stream, _) = upgrade(stream, Some("mqtt")).await.unwrap();
    stream.send(Message::Binary(CONNECT.into())).await.unwrap();
    assert_eq!(read(&mut stream, 4).await, CONNACK);
}

/// Who the broker says that is, and the certificate of the broker; or that there is no handshake.
async fn meet(tls: &Tls, client: TlsConnector) -> Result<(Option<String>, CertificateDer<'static>), ()> {
    let (ours, theirs) = duplex(10_000);
    let client = async {
        let mut stream = client.connect(localhost(), ours).await.map_err(drop)?;
        // With TLS 1.3 a client hears later that it was refused.
        stream.read_exact(&mut [0]).await.map_err(drop)?;
        Ok(stream.get_ref().1.peer_certificates().unwrap()[0].clone())
    };
    let server = async {
        let (mut stream, name) = tls.accept(theirs).await.map_err(drop)?;
        stream.write_all(b"!").await.map_err(drop)?;
        stream.flush().await.map_err(drop)?;
        Ok(name)
    };
    let (certificate, name) = tokio::join!(client, server);
    Ok((name?, certificate?))
}

#[tokio::test]
async fn a_certificate_says_who_a_client_is() {
    let (files, strangers) = (Files::new(), Files::new());
    let named = || Some(files.issue("meter 7"));
    let tls = Tls::new(&files.options()).unwrap();
    assert_eq!(meet(&tls, files.client(named())).await.unwrap().0, None, "nobody asked for it");

    let asks = TlsOptions { client_ca: Some(files.path("ca.pem")), ..files.options() };
    let tls = Tls::new(&asks).unwrap();
    assert_eq!(meet(&tls, files.client(named())).await.unwrap().0.as_deref(), Some("meter 7"));
    assert_eq!(meet(&tls, files.client(None)).await.unwrap().0, None);
    assert!(meet(&tls, files.client(Some(strangers.issue("meter 7")))).await.is_err());

    let tls = Tls::new(&TlsOptions { require_client_certificate: true, ..asks }).unwrap();
    assert_eq!(meet(&tls, files.client(named())).await.unwrap().0.as_deref(), Some("meter 7"));
    assert!(meet(&tls, files.client(None)).await.is_err());
}

#[tokio::test]
async fn certificates_are_renewed_while_it_runs() {
    let files = Files::new();
    let tls = Tls::new(&files.options()).unwrap();
    let (_, old) = meet(&tls, files.client(None)).await.unwrap();
    let new = files.renew();
    assert_eq!(meet(&tls, files.client(None)).await.unwrap().1, old);
    tls.reload().unwrap();
    assert_eq!(meet(&tls, files.client(None)).await.unwrap().1, new);
    fs::write(files.path("key.pem"), "nonsense").unwrap();
    assert!(tls.reload().unwrap_err().contains("key.pem"));
    assert_eq!(meet(&tls, files.client(None)).await.unwrap().1, new);
}

#[tokio::test]
async fn a_place_within_the_limits_is_given_back() {
    let limits = LimitOptions { max_connections: 2, max_pending: 1, ..limits() };
    let port = door("127.0.0.1:0", limits, None).await;
    let enter = async |name| {
        let mut socket = tcp(port).await;
        let _ = socket.write_all(&[&CONNECT[..CONNECT.len() - 1], &[name]].concat()).await;
        let mut connack = [0; 4];
        socket.read_exact(&mut connack).await.is_ok().then_some(socket)
    };
    let silent = tcp(port).await;
    assert!(enter(b'a').await.is_none(), "there is one that is not accepted yet");
    drop(silent);
    let come = async |name| loop {
        if let Some(socket) = enter(name).await {
            return socket;
        }
    };
    let come = async |name| timeout(Duration::from_secs(10), come(name)).await.unwrap();
    let (a, _b) = (come(b'a').await, come(b'b').await);
    assert!(enter(b'c').await.is_none());
    drop(a);
    come(b'c').await;
}
