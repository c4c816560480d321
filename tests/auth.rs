//! Enhanced authentication, both sides: who may say what when.

use sans_mqtt::{
    Auth, Cause, Client, Config, Connect, Event, Heap, Instant, Property, ReasonCode, Server, Session, Step,
    UsageError, Version, Wait,
};

const NOW: Instant = Instant::from_millis(0);
const METHOD: Property<'_> = Property::AuthenticationMethod("M");
const CONTINUE: ReasonCode = ReasonCode::CONTINUE_AUTHENTICATION;

struct Pair {
    client: Client<Heap>,
    server: Server<Heap>,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
}

/// What an event of an authentication says.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    Connect,
    Connected,
    Auth(ReasonCode),
    Closed(Option<ReasonCode>),
}

fn seen(step: Step<'_>) -> Option<Seen> {
    match step {
        Step::Event(Event::Connect(_)) => Some(Seen::Connect),
        Step::Event(Event::Connected(_)) => Some(Seen::Connected),
        Step::Event(Event::Auth(auth)) => Some(Seen::Auth(auth.reason)),
        Step::Wait(Wait::Closed(Cause::Failed(error))) => Some(Seen::Closed(Some(error.reason()))),
        Step::Wait(Wait::Closed(_)) => Some(Seen::Closed(None)),
        Step::Wait(_) | Step::Event(_) => None,
    }
}

impl Pair {
    fn new(properties: &[Property<'_>]) -> Self {
        let config = Config::default();
        let mut client = Client::new(Version::V5_0, &config, Session::default());
        let server = Server::new(NOW, &config, Session::default());
        let mut to_server = Vec::new();
        let connect = Connect { client_id: "c", properties: properties.into(), ..Connect::default() };
        client.connect(NOW, &connect, &mut to_server).unwrap();
        Self { client, server, to_server, to_client: Vec::new() }
    }

    fn server(&mut self) -> Option<Seen> {
        let bytes = std::mem::take(&mut self.to_server);
        seen(self.server.handle(NOW, &mut &bytes[..], &mut self.to_client))
    }

    fn client(&mut self) -> Option<Seen> {
        let bytes = std::mem::take(&mut self.to_client);
        seen(self.client.handle(NOW, &mut &bytes[..], &mut self.to_server))
    }

    fn server_says(&mut self, reason: ReasonCode) -> Result<(), UsageError> {
        self.server.auth(&auth(reason), &mut self.to_client)
    }

    fn client_says(&mut self, reason: ReasonCode) -> Result<(), UsageError> {
        self.client.auth(&auth(reason), &mut self.to_server)
    }

    fn accept(&mut self) -> Result<(), UsageError> {
        self.server.accept((&[METHOD]).into(), &mut self.to_client)
    }
}

fn auth(reason: ReasonCode) -> Auth<'static> {
    Auth { reason, properties: (&[METHOD]).into() }
}

/// A pair that is connected, after one challenge.
fn connected() -> Pair {
    let mut pair = Pair::new(&[METHOD]);
    assert_eq!(pair.server(), Some(Seen::Connect));
    pair.server_says(CONTINUE).unwrap();
    assert_eq!(pair.client(), Some(Seen::Auth(CONTINUE)));
    pair.client_says(CONTINUE).unwrap();
    assert_eq!(pair.server(), Some(Seen::Auth(CONTINUE)));
    pair.accept().unwrap();
    assert_eq!(pair.client(), Some(Seen::Connected));
    pair
}

#[test]
fn a_challenge_is_answered_and_the_client_begins_again() {
    let mut pair = connected();
    assert_eq!(pair.server_says(CONTINUE), Err(UsageError::NotAsked));
    pair.client_says(ReasonCode::RE_AUTHENTICATE).unwrap();
    assert_eq!(pair.server(), Some(Seen::Auth(ReasonCode::RE_AUTHENTICATE)));
    assert_eq!(pair.client_says(CONTINUE), Err(UsageError::NotAsked));
    pair.server_says(CONTINUE).unwrap();
    assert_eq!(pair.client(), Some(Seen::Auth(CONTINUE)));
    pair.client_says(CONTINUE).unwrap();
    assert_eq!(pair.server(), Some(Seen::Auth(CONTINUE)));
    pair.server_says(ReasonCode::SUCCESS).unwrap();
    assert_eq!(pair.client(), Some(Seen::Auth(ReasonCode::SUCCESS)));
    pair.client_says(ReasonCode::RE_AUTHENTICATE).unwrap();
}

#[test]
fn nobody_speaks_out_of_turn() {
    // Each sends bytes that its machine would not.
    let bytes = |reason: ReasonCode| sans_mqtt::Packet::Auth(auth(reason)).to_vec(Version::V5_0).unwrap();
    let violation = Some(Seen::Closed(Some(ReasonCode::PROTOCOL_ERROR)));

    let mut pair = connected();
    pair.to_server = bytes(CONTINUE);
    assert_eq!(pair.server(), violation);
    let mut pair = connected();
    pair.to_client = bytes(CONTINUE);
    assert_eq!(pair.client(), violation);
    let mut pair = connected();
    pair.to_client = bytes(ReasonCode::SUCCESS);
    assert_eq!(pair.client(), violation);

    let mut pair = Pair::new(&[METHOD]);
    pair.to_client = bytes(ReasonCode::SUCCESS);
    assert_eq!(pair.client(), violation);
    let mut pair = Pair::new(&[METHOD]);
    pair.server();
    pair.server_says(CONTINUE).unwrap();
    pair.to_server = vec![0xC0, 0];
    assert_eq!(pair.server(), violation);
    let mut pair = Pair::new(&[METHOD]);
    pair.server();
    pair.server_says(CONTINUE).unwrap();
    pair.to_server = vec![0xE0, 0];
    pair.server();
    assert_eq!(pair.server(), Some(Seen::Closed(None)));

    // No AUTH without a method.
    let mut pair = Pair::new(&[]);
    pair.server();
    assert_eq!(pair.server_says(CONTINUE), Err(UsageError::NotAsked));
    assert_eq!(pair.accept(), Err(UsageError::AuthenticationMethod));
    pair.to_client = bytes(CONTINUE);
    assert_eq!(pair.client(), violation);
}

#[test]
fn the_method_stays_the_same() {
    let mut pair = Pair::new(&[METHOD]);
    pair.server();
    let other = [Property::AuthenticationMethod("N")];
    let auth = Auth { reason: CONTINUE, properties: (&other).into() };
    assert_eq!(pair.server.auth(&auth, &mut pair.to_client), Err(UsageError::AuthenticationMethod));
    let empty = pair.server.accept((&[]).into(), &mut pair.to_client);
    assert_eq!(empty, Err(UsageError::AuthenticationMethod));
    pair.to_client = sans_mqtt::Packet::Auth(auth).to_vec(Version::V5_0).unwrap();
    assert_eq!(pair.client(), Some(Seen::Closed(Some(ReasonCode::PROTOCOL_ERROR))));
}
