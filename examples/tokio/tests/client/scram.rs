//! SCRAM with servers that know the password, and with some that only pretend to.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use sans_mqtt::{
    Auth, Config, Event, Heap, Properties, Property, ReasonCode, Server, Session, Step, UsageError, Version,
    Wait,
};
use sans_mqtt_tokio::endpoint::{Endpoint, TlsFiles};
use sans_mqtt_tokio::journal::Journal;
use sans_mqtt_tokio::{Error, Handle, Options, start};
use scram::{Exchange, Expected, Keys, METHOD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::mistakes::fails;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    None,
    /// It lets the client in without a challenge.
    NoChallenge,
    /// It does not know the password, and lets the client in all the same.
    NoSignature,
    WrongSignature,
    /// It wants an answer that would take minutes.
    ManyIterations,
    /// It sends what is no challenge.
    Garbage,
    /// It refuses to have the client authenticate again; or says nothing more, and hangs up.
    NotAgain,
    HangUp,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys::generate("right").unwrap());

/// How many times somebody has authenticated.
#[derive(Default)]
struct Count(AtomicUsize);

async fn listen(fault: Fault) -> (String, Arc<Count>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://localhost:{}", listener.local_addr().unwrap().port());
    let (count, mut task) = (Arc::new(Count::default()), JoinSet::new());
    let shared = count.clone();
    task.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let count = shared.clone();
            connections.spawn(async move { drop(serve(tcp, fault, &count).await) });
        }
    });
    (url, count, task)
}

async fn serve(mut tcp: TcpStream, fault: Fault, count: &Count) -> io::Result<()> {
    let start = Instant::now();
    let mut server = Server::new(start.elapsed().into(), &Config::default(), Session::<Heap>::default());
    let (mut input, mut output, mut expected) = (Vec::new(), Vec::new(), None);
    loop {
        let mut rest = &input[..];
        let wait = loop {
            let step = server.handle(start.elapsed().into(), &mut rest, &mut output);
            let (properties, is_first) = match &step {
                Step::Event(Event::Connect(connect)) => (connect.properties, true),
                Step::Event(Event::Auth(auth)) => {
                    (auth.properties, auth.reason == ReasonCode::RE_AUTHENTICATE)
                }
                Step::Event(_) => continue,
                Step::Wait(wait) => break *wait,
            };
            let data = properties.authentication_data().unwrap_or_default();
            let again = server.is_open();
            if again && fault == Fault::HangUp {
                return Ok(());
            }
            if again && fault == Fault::NotAgain {
                let reason = ReasonCode::NOT_AUTHORIZED;
                let farewell = sans_mqtt::Disconnect { reason, ..Default::default() };
                server.disconnect(&farewell, &mut output)?;
            } else {
                answer(&mut server, fault, data, is_first, &mut expected, &mut output)?;
                count.0.fetch_add(usize::from(!is_first && expected.is_none()), Ordering::SeqCst);
            }
        };
        input.drain(..input.len() - rest.len());
        tcp.write_all(&output).await?;
        output.clear();
        if matches!(wait, Wait::Closed(_)) {
            return Ok(());
        }
        if tcp.read_buf(&mut input).await? == 0 {
            server.handle_eof();
        }
    }
}

fn answer(
    server: &mut Server<Heap>,
    fault: Fault,
    data: &[u8],
    is_first: bool,
    expected: &mut Option<Expected>,
    output: &mut Vec<u8>,
) -> Result<(), UsageError> {
    let with = |data: &[u8], reason, server: &mut Server<Heap>, output: &mut Vec<u8>| {
        let properties = [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)];
        let properties = Properties::from(&properties);
        match reason {
            ReasonCode::SUCCESS if !server.is_open() => server.accept(properties, output),
            reason => server.auth(&Auth { reason, properties }, output),
        }
    };
    if is_first && fault != Fault::NoChallenge {
        let exchange = Exchange::begin(data).unwrap();
        assert_eq!(exchange.user(), "me");
        let (mut challenge, next) = exchange.challenge(&KEYS).unwrap();
        *expected = Some(next);
        match fault {
            Fault::ManyIterations => {
                challenge = String::from_utf8(challenge).unwrap().replace("i=", "i=99").into()
            }
            Fault::Garbage => challenge = b"\xFF, what?".into(),
            _ => {}
        }
        return with(&challenge, ReasonCode::CONTINUE_AUTHENTICATION, server, output);
    }
    let proven = expected.take().map(|expected| expected.verify(data));
    match (fault, proven) {
        (Fault::NoSignature, _) => with(b"", ReasonCode::SUCCESS, server, output),
        (Fault::WrongSignature | Fault::NoChallenge, _) => {
            with(format!("v={}=", "A".repeat(43)).as_bytes(), ReasonCode::SUCCESS, server, output)
        }
        (_, Some(Ok(signature))) => with(&signature, ReasonCode::SUCCESS, server, output),
        _ => server.reject(ReasonCode::NOT_AUTHORIZED, Properties::EMPTY, output),
    }
}

fn client(url: &str, password: &str) -> (Handle, JoinHandle<Result<(), Error>>) {
    let mut options = Options::new(Endpoint::new(url, &TlsFiles::default()).unwrap());
    (options.user_name, options.password) = (Some("me".into()), Some(password.into()));
    (options.scram, options.version, options.patience) = (true, Version::V5_0, Duration::from_secs(1));
    let (handle, mut events, end) = start(options, Journal::volatile(None));
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    (handle, end)
}

async fn end(end: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    timeout(Duration::from_secs(10), end).await.expect("it ends").unwrap()
}

#[tokio::test]
async fn once_and_again() {
    let (url, count, _server) = listen(Fault::None).await;
    let (handle, ended) = client(&url, "right");
    handle.reauthenticate().await.unwrap(); // once it is connected
    handle.reauthenticate().await.unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 3);
    // One at a time; and the connection is none the worse for it.
    let (one, other) = tokio::join!(handle.reauthenticate(), handle.reauthenticate());
    assert!(one.is_ok() && matches!(other, Err(Error::Usage(UsageError::NotAsked))), "{one:?} {other:?}");
    handle.reauthenticate().await.unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 5);
    handle.disconnect();
    end(ended).await.unwrap();
}

#[tokio::test]
async fn wrong_password() {
    let (url, count, _server) = listen(Fault::None).await;
    let (_handle, ended) = client(&url, "wrong");
    let error = end(ended).await.unwrap_err();
    assert!(matches!(error, Error::Refused(ReasonCode::NOT_AUTHORIZED)), "{error}");
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn servers_that_pretend() {
    let faults = [
        (Fault::NoChallenge, scram::Error::Server),
        (Fault::WrongSignature, scram::Error::Server),
        (Fault::NoSignature, scram::Error::Malformed),
        (Fault::ManyIterations, scram::Error::Iterations),
        (Fault::Garbage, scram::Error::Malformed),
    ];
    for (fault, expected) in faults {
        let (url, _, _server) = listen(fault).await;
        let (_handle, ended) = client(&url, "right");
        let error = end(ended).await.unwrap_err();
        assert!(matches!(error, Error::Scram(error) if error == expected), "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn not_again() {
    for fault in [Fault::NotAgain, Fault::HangUp] {
        let (url, _, _server) = listen(fault).await;
        let (handle, ended) = client(&url, "right");
        let refused = handle.reauthenticate().await;
        assert!(matches!(refused, Err(Error::Interrupted)), "{fault:?}: {refused:?}");
        handle.disconnect();
        end(ended).await.unwrap();
    }
}

#[tokio::test]
async fn program() {
    let (url, _, _server) = listen(Fault::None).await;
    let says = "the server refused the connection: Not authorized";
    fails(&[&url, "pub", "a", "--user", "me", "--scram"], says).await; // with the password `wrong`
    fails(&[&url, "pub", "a", "--scram"], "--scram takes --user, MQTT_PASSWORD, and version 5").await;
    fails(&[&url, "pub", "a", "--user", "me", "--scram", "--mqtt", "3.1.1"], "--scram takes --user").await;
    let (url, _, _server) = listen(Fault::NoChallenge).await;
    let says = "no authentication with the server: the server has not shown that it knows the password";
    fails(&[&url, "pub", "a", "--user", "me", "--scram"], says).await;
}
