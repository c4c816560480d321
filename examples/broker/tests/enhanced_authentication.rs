//! SCRAM over AUTH, with both sides of the crate and a gate between them: at first, and again.

use broker::access::{AccessOptions, Admitted, Exchange, Gate, HashKind, Peer, Verdict, entry};
use sans_mqtt::{
    Auth, Cause, Client, Config, Connect, Disconnect, Event, Heap, Instant, Properties, Property, ReasonCode,
    Server, Session, Step, UsageError, Version, Wait,
};
use scram::METHOD;

const NOW: Instant = Instant::from_millis(0);

struct Guarded {
    server: Server<Heap>,
    gate: Gate,
    exchange: Option<Exchange>,
    admitted: Option<Admitted>,
}

impl Guarded {
    fn answer(&mut self, event: Event<'_>, output: &mut Vec<u8>) -> Result<(), UsageError> {
        let verdict = match event {
            Event::Connect(connect) => self.gate.connect(&connect, &Peer::default()),
            Event::Auth(auth) => {
                let data = auth.properties.authentication_data().unwrap_or_default();
                match (self.exchange.take(), &self.admitted) {
                    (Some(exchange), _) => exchange(data),
                    (None, Some(admitted)) => self.gate.reauthenticate(METHOD, data, &admitted.who),
                    (None, None) => panic!("nothing was asked"),
                }
            }
            _ => return Ok(()),
        };
        let is_open = self.server.is_open();
        match verdict {
            Verdict::Accept(admitted) => {
                let data = self.admitted.insert(admitted).data.as_deref().unwrap_or_default();
                let properties = [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)];
                let (reason, properties) = (ReasonCode::SUCCESS, Properties::from(&properties));
                if is_open {
                    self.server.auth(&Auth { reason, properties }, output)
                } else {
                    self.server.accept(properties, output)
                }
            }
            Verdict::Reject(reason) if is_open => {
                self.server.disconnect(&Disconnect { reason, ..Disconnect::default() }, output)
            }
            Verdict::Reject(reason) => self.server.reject(reason, Properties::EMPTY, output),
            Verdict::Continue(data, exchange) => {
                self.exchange = Some(exchange);
                let properties =
                    [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(&data)];
                let (reason, properties) =
                    (ReasonCode::CONTINUE_AUTHENTICATION, Properties::from(&properties));
                self.server.auth(&Auth { reason, properties }, output)
            }
            Verdict::Later(_) => panic!("SCRAM takes no time"),
        }
    }
}

struct Pair {
    client: Client<Heap>,
    scram: scram::Client,
    guarded: Guarded,
    /// From the client to the server.
    sent: Vec<u8>,
    /// How many times the server has shown that it knows the password.
    shown: usize,
}

impl Pair {
    /// A client that says CONNECT, and a server in which anna has the password `pencil`.
    fn new(password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwords");
        std::fs::write(&file, entry("anna", "pencil", HashKind::Scram).unwrap()).unwrap();
        let options = AccessOptions { password_file: Some(file), ..AccessOptions::default() };
        let (gate, config) = (Gate::new(&options).unwrap(), Config::default());
        let server = Server::new(NOW, &config, Session::default());
        let mut client = Client::new(Version::V5_0, &config, Session::default());
        let (scram, first) = scram::Client::new("anna", password).unwrap();
        let properties = [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(&first)];
        let connect = Connect { client_id: "c", properties: (&properties).into(), ..Connect::default() };
        let mut sent = Vec::new();
        client.connect(NOW, &connect, &mut sent).unwrap();
        let guarded = Guarded { server, gate, exchange: None, admitted: None };
        Self { client, scram, guarded, sent, shown: 0 }
    }

    fn again(&mut self, user: &str, password: &str) {
        let (scram, first) = scram::Client::new(user, password).unwrap();
        self.scram = scram;
        self.auth(ReasonCode::RE_AUTHENTICATE, &first);
    }

    fn auth(&mut self, reason: ReasonCode, data: &[u8]) {
        let properties = [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)];
        self.client.auth(&Auth { reason, properties: (&properties).into() }, &mut self.sent).unwrap();
    }

    /// Lets them talk until they have nothing more to say; gives what the client waits for.
    fn run(&mut self) -> Wait {
        loop {
            let sent = std::mem::take(&mut self.sent);
            let (mut input, mut back) = (&sent[..], Vec::new());
            while let Step::Event(event) = self.guarded.server.handle(NOW, &mut input, &mut back) {
                self.guarded.answer(event, &mut back).unwrap();
            }
            let mut input = &back[..];
            let wait = loop {
                let (properties, is_end) = match self.client.handle(NOW, &mut input, &mut self.sent) {
                    Step::Event(Event::Connected(connack)) => (connack.properties, true),
                    Step::Event(Event::Auth(auth)) => (auth.properties, auth.reason == ReasonCode::SUCCESS),
                    Step::Event(_) => continue,
                    Step::Wait(wait) => break wait,
                };
                let data = properties.authentication_data().unwrap();
                if is_end {
                    self.scram.finish(data).unwrap();
                    self.shown += 1;
                } else {
                    let answer = self.scram.answer(data).unwrap();
                    self.auth(ReasonCode::CONTINUE_AUTHENTICATION, &answer);
                }
            };
            if self.sent.is_empty() {
                return wait;
            }
        }
    }
}

#[test]
fn once_and_again() {
    let mut pair = Pair::new("pencil");
    assert!(matches!(pair.run(), Wait::Read(_)));
    assert_eq!((pair.client.is_open(), pair.shown), (true, 1));
    assert_eq!(pair.guarded.admitted.as_ref().unwrap().who.user.as_deref(), Some("anna"));
    for shown in 2..4 {
        pair.again("anna", "pencil");
        assert!(matches!(pair.run(), Wait::Read(_)));
        assert_eq!((pair.client.is_open(), pair.shown), (true, shown));
    }
}

#[test]
fn refused() {
    let mut pair = Pair::new("pen");
    assert!(matches!(pair.run(), Wait::Closed(Cause::Refused(ReasonCode::NOT_AUTHORIZED))));
    assert!(pair.guarded.admitted.is_none());

    for (user, password) in [("anna", "pen"), ("bert", "pencil")] {
        let mut pair = Pair::new("pencil");
        assert!(matches!(pair.run(), Wait::Read(_)));
        pair.again(user, password);
        assert!(matches!(pair.run(), Wait::Closed(Cause::Peer(ReasonCode::NOT_AUTHORIZED))), "{user}");
    }
}
