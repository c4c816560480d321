//! What a connection leaves to the next one of its session, and what it must not.

use sans_mqtt::*;

const NOW: Instant = Instant::from_millis(0);

const MESSAGE: Message<'_> = Message {
    qos: Qos::ExactlyOnce,
    retain: false,
    topic: "t",
    properties: Properties::EMPTY,
    payload: b"x",
};

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn bytes<'a>(version: Version, packet: impl Into<Packet<'a>>) -> Vec<u8> {
    packet.into().to_vec(version).unwrap()
}

fn publish(version: Version, delivery: Delivery) -> Vec<u8> {
    bytes(version, Publish { delivery, topic: "t", ..Publish::default() })
}

fn ack(packet_id: u16) -> Ack<'static> {
    Ack { packet_id: id(packet_id), ..Ack::default() }
}

/// Handles all of `input`. Gives the messages that came and those that are done, and what it waits for.
fn run<R: Role, S: Store, A: Aliases>(
    connection: &mut Connection<R, S, A>,
    now: Instant,
    input: &[u8],
    out: &mut impl Sink,
) -> (Vec<&'static str>, Wait) {
    let (mut input, mut seen) = (input, Vec::new());
    loop {
        match connection.handle(now, &mut input, out) {
            Step::Event(Event::Publish(..)) => seen.push("publish"),
            Step::Event(Event::Acked { .. }) => seen.push("acked"),
            Step::Event(Event::Dropped { .. }) => seen.push("dropped"),
            Step::Event(_) => {}
            Step::Wait(wait) => return (seen, wait),
        }
    }
}

fn connect(version: Version, clean_start: bool) -> Connect<'static> {
    const KEEP: Properties<'_> = Properties::from_slice(&[Property::SessionExpiryInterval(1000)]);
    let properties = if version == Version::V5_0 { KEEP } else { Properties::EMPTY };
    Connect { client_id: "a", keep_alive: 20, clean_start, properties, ..Connect::default() }
}

fn connack(version: Version, session_present: bool, properties: &[Property<'_>]) -> Vec<u8> {
    bytes(version, Connack { session_present, properties: properties.into(), ..Connack::default() })
}

/// A client that is connected with a session that stays.
fn client<S: Store>(version: Version, session: Session<S>, present: bool) -> Client<S> {
    let (mut client, mut out) = (Client::new(version, &Config::default(), session), Vec::new());
    client.connect(NOW, &connect(version, false), &mut out).unwrap();
    let input = connack(version, present, &[]);
    assert!(matches!(client.handle(NOW, &mut &input[..], &mut out), Step::Event(Event::Connected(_))));
    client
}

/// A server whose client is accepted.
fn server<S: Store>(session: Session<S>, clean_start: bool, out: &mut Vec<u8>) -> Server<S> {
    let mut server = Server::new(NOW, &Config::default(), session);
    let connect = bytes(Version::V5_0, connect(Version::V5_0, clean_start));
    assert_eq!(run(&mut server, NOW, &connect, out).1, Wait::Decide);
    server.accept(Properties::EMPTY, out).unwrap();
    server
}

/// The server may have begun a new session, with identifiers that mean something else [MQTT-3.1.2-4].
#[test]
fn a_clean_start_without_an_answer_ends_the_session() {
    for version in [Version::V3_1_1, Version::V5_0] {
        let mut out = Vec::new();
        let mut before = client(version, Session::<Heap>::default(), false);
        before.publish(&MESSAGE, &mut out).unwrap();
        let _ = run(&mut before, NOW, &publish(version, Delivery::ExactlyOnce(id(5))), &mut out);
        let mut clean = Client::new(version, &Config::default(), before.into_session());
        clean.connect(NOW, &connect(version, true), &mut out).unwrap();
        clean.handle_eof();
        assert_eq!(run(&mut clean, NOW, &[], &mut out).1, Wait::Closed(Cause::Eof));
        let session = clean.into_session();
        assert!(!session.exists());
        let mut next = Client::new(version, &Config::default(), session);
        next.connect(NOW, &connect(version, false), &mut out).unwrap();
        out.clear();
        let present = version == Version::V5_0;
        let (seen, wait) = run(&mut next, NOW, &connack(version, present, &[]), &mut out);
        match wait {
            Wait::Closed(Cause::Failed(error)) if present => {
                assert_eq!(error.violation().kind(), ErrorKind::SessionState);
            }
            wait => assert_eq!((seen, wait, &out[..]), (vec!["dropped"], Wait::Read(2), &[][..])),
        }
    }
}

/// [MQTT-3.2.2-2]
#[test]
fn a_clean_start_ends_the_session_that_a_server_was_born_with() {
    let mut out = Vec::new();
    let mut before = server(Session::<Heap>::default(), false, &mut out);
    before.publish(&MESSAGE, &mut out).unwrap();
    out.clear();
    let mut next = server(before.into_session(), true, &mut out);
    assert!(!next.agreement().unwrap().session_present && out[2] == 0, "{out:?}");
    out.clear();
    let (seen, _) = run(&mut next, NOW, &[], &mut out);
    assert_eq!((seen, &out[..]), (vec!["dropped"], &[][..]));
}

/// PUBREC says that it had arrived, and comes before the application is told that it is dropped.
#[test]
fn a_message_that_was_given_up_and_had_arrived_is_acknowledged() {
    let (version, mut out) = (Version::V5_0, Vec::new());
    let mut before = client(version, Session::new(FixedCaller::<4, 4>::default()), false);
    let given_up = before.publish(&MESSAGE, &mut out).unwrap().unwrap();
    let mut next = client(version, before.into_session(), true);
    assert_eq!(run(&mut next, NOW, &[], &mut out).1, Wait::Resend(given_up));
    next.abandon(given_up).unwrap();
    next.publish_head(&Message { qos: Qos::AtMostOnce, ..MESSAGE }, 10, &mut out).unwrap();
    let mut seen = run(&mut next, NOW, &bytes(version, Packet::Pubrec(ack(1))), &mut out).0;
    next.payload_written(10).unwrap();
    seen.extend(run(&mut next, NOW, &bytes(version, Packet::Pubcomp(ack(1))), &mut out).0);
    assert_eq!((seen, next.session().in_flight()), (vec!["acked"], 0));
}

/// With its topic, which its alias stood for, it would never fit into the same sink.
#[test]
fn what_is_sent_with_an_alias_leaves_room_to_be_sent_again_without() {
    let (version, topic) = (Version::V5_0, "t".repeat(60));
    let config = Config { assign_topic_aliases: true, ..Config::default() };
    let message = Message { topic: &topic, payload: &[b'x'; 10], qos: Qos::AtMostOnce, ..MESSAGE };
    let mut out = Buffer::<128>::new();
    let mut begin = |session: Session<Heap>, present: bool| {
        let aliases = (NoTopics, FixedTopics::<4, 64>::default());
        let mut client = Client::with_aliases(version, &config, session, aliases);
        client.connect(NOW, &connect(version, false), &mut out).unwrap();
        out.advance(128);
        let connack = connack(version, present, &[Property::TopicAliasMaximum(4)]);
        let _ = run(&mut client, NOW, &connack, &mut out);
        out.advance(128);
        client
    };
    let mut before = begin(Session::default(), false);
    let mut out = Buffer::<128>::new();
    before.publish(&message, &mut out).unwrap();
    out.advance(128);
    let largest = (0..128).rev().find(|len| {
        let payload = &vec![b'x'; *len];
        before.publish(&Message { qos: Qos::AtLeastOnce, payload, ..message }, &mut out).is_ok()
    });
    assert!(largest.is_some() && out.bytes().len() < 60, "the alias is used");
    let session = begin(before.into_session(), true).into_session();
    assert_eq!(session.in_flight(), 1);
    let mut next = client(version, session, true);
    out.advance(128);
    let _ = run(&mut next, NOW, &[], &mut out);
    assert_eq!(out.bytes().first(), Some(&0x3A), "it is sent again");
}

/// Those that were not acknowledged come again, and need the same room.
#[test]
fn what_comes_again_is_no_less_room() {
    let (version, mut out) = (Version::V5_0, Vec::new());
    let mut before = client(version, Session::new(FixedCaller::<4, 4>::default()), false);
    before.set_acknowledge(Acknowledge::Manual);
    for n in 1..=4 {
        let _ = run(&mut before, NOW, &publish(version, Delivery::AtLeastOnce(id(n))), &mut out);
    }
    let next = client(version, before.into_session(), true);
    assert_eq!(next.own_limits().receive_maximum, 4);
}

/// [MQTT-3.3.4-6]
#[test]
fn a_client_sends_no_subscription_identifier() {
    let (mut client, mut out) = (client(Version::V5_0, Session::<Heap>::default(), false), Vec::new());
    let properties = [Property::SubscriptionIdentifier(7)];
    let with = Message { properties: (&properties).into(), ..MESSAGE };
    let terms = Terms { subscription_identifiers: &[7], ..Terms::default() };
    for (message, terms) in [(MESSAGE, terms), (with, Terms::default())] {
        let prepared = Prepared::new(&message).unwrap();
        let refused = client.publish_prepared(&prepared, &terms, Boxed::default(), &mut out).unwrap_err();
        assert_eq!(client.publish(&with, &mut out), Err(refused));
    }
    assert!(out.is_empty());
}

/// Its PINGRESP lies there, behind messages for which there is no room.
#[test]
fn nobody_is_silent_whose_input_is_not_looked_at() {
    let (version, mut out) = (Version::V3_1_1, Vec::new());
    let mut client = client(version, Session::new(FixedCaller::<4, 1>::default()), false);
    client.set_acknowledge(Acknowledge::Manual);
    let input = [1, 2].map(|n| publish(version, Delivery::AtLeastOnce(id(n)))).concat();
    assert_eq!(run(&mut client, NOW, &input, &mut out).1, Wait::Acknowledge);
    for _ in 0..9 {
        out.clear();
        client.handle_timeout(client.poll_timeout().unwrap(), &mut out);
        assert_eq!(out, [0xC0, 0]);
    }
    // Nor one that asks for what is not answered.
    let mut server = server(Session::<Heap>::default(), true, &mut out);
    let filters = [Subscription { filter: "t", ..Subscription::default() }];
    let subscribe = bytes(Version::V5_0, Subscribe { filters: (&filters).into(), ..Subscribe::default() });
    assert_eq!(run(&mut server, NOW, &subscribe, &mut out).1, Wait::Decide);
    for seconds in [1, 30, 90] {
        server.handle_timeout(at(seconds), &mut out);
        assert_eq!(server.poll_timeout(), None);
    }
    assert_eq!(run(&mut server, at(100), &[], &mut out).1, Wait::Decide);
}

/// A store that takes no records while it is broken.
#[derive(Default)]
struct Broken {
    tables: Heap,
    is_broken: bool,
}

impl Store for Broken {
    type Keep = Boxed;
    type Tables = Heap;

    fn tables(&self) -> &Heap {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Heap {
        &mut self.tables
    }

    fn record(&mut self, _: &Record<'_>) -> Result<(), StoreError> {
        if self.is_broken { Err(StoreError::Failed) } else { Ok(()) }
    }
}

#[test]
fn nobody_is_silent_while_the_store_is_repaired() {
    let mut out = Vec::new();
    let mut server = server(Session::<Broken>::default(), true, &mut out);
    server.session_mut().store_mut().is_broken = true;
    let input = [publish(Version::V5_0, Delivery::ExactlyOnce(id(1))), bytes(Version::V5_0, Packet::Pingreq)];
    let (input, mut seconds) = (input.concat(), 0);
    let mut rest = &input[..];
    assert!(matches!(server.handle(NOW, &mut rest, &mut out), Step::Event(Event::Publish(..))));
    while seconds < 100 {
        seconds += 10;
        assert_eq!(server.handle(at(seconds), &mut rest, &mut out), Step::Wait(Wait::Store));
    }
    server.session_mut().store_mut().is_broken = false;
    out.clear();
    assert_eq!(server.handle(at(seconds), &mut rest, &mut out), Step::Wait(Wait::Read(2)));
    assert_eq!(out, b"\x50\x02\0\x01\xD0\0");
}
