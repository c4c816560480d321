//! Logs of connections: every call is in them, happens again, and comes to the same; what is wrong with a log is noticed.

use proptest::prelude::*;
use sans_mqtt::event_log::{Call, DoneKind, Entry, HEADER, LogError, Recorder, replay};
use sans_mqtt::{
    AckToken, Acknowledge, Auth, Boxed, Config, Connack, Connect, Delivery, Disconnect, Event, Fixed,
    FixedTopics, Heap, Instant, Keep, Message, NoAliases, Packet, PacketId, Prepared, Properties, Property,
    Publish, Qos, ReasonCode, Record, Session, Sink, Step, Store, StoreError, Suback, Subscribe,
    Subscription, Terms, Unsubscribe, UsageError, Version, Wait, Will, role,
};

type Client<S, L> = Recorder<role::Client, S, L>;

fn at(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// All entries of a log that is whole.
fn entries(mut log: &[u8]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    while !log.is_empty() {
        let (entry, rest) = Entry::decode(log).unwrap();
        entries.push(entry);
        log = rest;
    }
    entries
}

fn calls(log: &[u8]) -> Vec<&'static str> {
    let name = |entry: &Entry<'_>| if let Entry::Call(call) = entry { Some(call.name()) } else { None };
    entries(log).iter().filter_map(name).collect()
}

/// What the functions returned, in words.
fn returned(log: &[u8]) -> Vec<&str> {
    let entries = entries(log).into_iter();
    entries.filter_map(|entry| if let Entry::Done(done) = entry { Some(done.text) } else { None }).collect()
}

fn heap() -> (Heap, NoAliases) {
    (Heap::default(), NoAliases::default())
}

/// Has a connection handle a packet that comes, and the rest of what it does about it.
macro_rules! comes {
    ($connection:expr, $version:expr, $packet:expr) => {{
        let bytes = $packet.to_vec($version).unwrap();
        let mut input = &bytes[..];
        loop {
            match $connection.handle(at(0), &mut input, &mut Vec::new()) {
                Step::Event(Event::Publish(_, Some(token))) => break Some(token),
                Step::Event(_) => {}
                Step::Wait(_) => break None::<AckToken>,
            }
        }
    }};
}

#[test]
fn every_call_of_a_client() {
    let mut log = Vec::new();
    let config = Config { topic_alias_maximum: 4, stream_above: 200, ..Config::default() };
    let tables = || (FixedTopics::<4, 16>::default(), FixedTopics::<2, 16>::default());
    let session = Session::new(Fixed::<8, 64, 8>::default());
    let mut client = Recorder::client_with_aliases(Version::V5_0, &config, session, tables(), &mut log);
    let out = &mut Vec::new();
    let user = [Property::UserProperty("name", "value")];
    let method = [Property::AuthenticationMethod("m"), Property::SessionExpiryInterval(60)];
    let will = Will { topic: "gone", payload: b"x", properties: (&user).into(), ..Will::default() };
    let connect = Connect {
        client_id: "a",
        clean_start: false,
        will: Some(will),
        user_name: Some("u"),
        password: Some(b"secret"),
        properties: (&method).into(),
        ..Connect::default()
    };
    client.connect(at(1), &connect, out).unwrap();
    let auth = Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&method[..1]).into() };
    comes!(client, Version::V5_0, Packet::from(auth));
    client.auth(&auth, out).unwrap();
    let limits = [Property::AuthenticationMethod("m"), Property::TopicAliasMaximum(2)];
    comes!(
        client,
        Version::V5_0,
        Packet::from(Connack { properties: (&limits).into(), ..Connack::default() })
    );

    client.set_acknowledge(Acknowledge::Manual);
    assert_eq!(client.alias("t"), Ok(Some(1)));
    let message =
        Message { qos: Qos::AtLeastOnce, topic: "t", properties: (&user).into(), ..Message::default() };
    client.publish(&message, out).unwrap();
    client.publish(&Message { topic: "", ..message }, out).unwrap_err();
    client.publish(&Message { payload: &[0; 65], ..message }, out).unwrap_err();
    client.publish_head(&message, 100, out).unwrap();
    client.publish(&message, out).unwrap_err();
    assert_eq!(client.payload_written(100), Ok(0));
    let filters =
        ["a/#", "b"].map(|filter| Subscription { filter, no_local: true, ..Subscription::default() });
    let id = client.subscribe(&filters, Properties::EMPTY, out).unwrap();
    client.unsubscribe(&["b", "$share/x"], Properties::EMPTY, out).unwrap_err();
    client.unsubscribe(&["b"], (&user).into(), out).unwrap();
    let reasons = [ReasonCode::SUCCESS, ReasonCode::NOT_AUTHORIZED];
    let suback = Suback { packet_id: id, reasons: (&reasons).into(), ..Suback::default() };
    comes!(client, Version::V5_0, Packet::Suback(suback));
    let aliased = [Property::TopicAlias(3)];
    let incoming = Publish {
        delivery: Delivery::ExactlyOnce(PacketId::MIN),
        topic: "in",
        properties: (&aliased).into(),
        ..Publish::default()
    };
    let token = comes!(client, Version::V5_0, Packet::from(incoming)).unwrap();
    client.ack_with(token, ReasonCode::QUOTA_EXCEEDED, (&user).into(), out).unwrap();
    let large = Publish { topic: "", payload: &[7; 300], ..incoming };
    comes!(client, Version::V5_0, Packet::from(large));
    client.handle_timeout(at(60_001), out);
    client.requeue(PacketId::MIN, out).unwrap_err();
    client.resend(PacketId::MIN, &message, out).unwrap_err();
    client.resend_head(PacketId::MIN, &message, 5, out).unwrap_err();
    client.abandon(PacketId::MIN).unwrap_err();
    let disconnect =
        Disconnect { reason: ReasonCode::DISCONNECT_WITH_WILL_MESSAGE, properties: (&user).into() };
    client.disconnect(&disconnect, out).unwrap();
    client.handle_eof();
    let (session, _) = client.into_parts();
    assert_eq!(session.in_flight(), 3);
    assert_eq!(replay(&log, || (Fixed::<8, 64, 8>::default(), tables())), Ok(calls(&log).len()));
    let small = replay(&log, || (Fixed::<4, 64, 8>::default(), tables())).unwrap_err();
    assert_eq!((small.offset, &*small.replayed), (0, "a store of another size"));

    // What an incoming message needs to be forwarded is known again: its topic is that of the alias.
    let all = returned(&log);
    assert!(all.contains(&"PublishStart, 300 bytes to come"), "{all:?}");
    assert!(
        all.contains(&"Publish, with token 1") && all.contains(&"alias 1") && all.contains(&"id 3"),
        "{all:?}"
    );
    let Some(Entry::Call(Call::Connect { connect: logged, now })) = entries(&log).get(1).copied() else {
        panic!()
    };
    assert_eq!((logged, now), (connect, at(1)));
}

#[test]
fn every_call_of_a_server() {
    let (mut log, out) = (Vec::new(), &mut Vec::new());
    let mut before = None;
    for version in Version::ALL {
        let mut server = Recorder::server(at(5), &Config::default(), Session::<Heap>::default(), &mut log);
        let expiry = [Property::SessionExpiryInterval(60)];
        let properties = if version == Version::V5_0 { Properties::from(&expiry) } else { Properties::EMPTY };
        let connect = Connect { client_id: "a", clean_start: false, properties, ..Connect::default() };
        assert_eq!(server.accept(Properties::EMPTY, out), Err(UsageError::NotAsked));
        comes!(server, version, Packet::from(connect));
        if let Some(session) = before.take() {
            server.resume(session).unwrap();
        }
        server.accept(Properties::EMPTY, out).unwrap();
        server.resume(Session::default()).unwrap_err();
        let message = Message { qos: Qos::ExactlyOnce, topic: "t", payload: b"1", ..Message::default() };
        while let Step::Wait(Wait::Resend(id)) = server.handle(at(7), &mut &b""[..], out) {
            server.resend(id, &message, out).unwrap();
        }
        // One is kept by the caller and one by the store.
        server.publish_kept(&message, Boxed::default(), out).unwrap();
        let mut kept = Boxed::default();
        kept.keep(&message).unwrap();
        server.publish_kept(&message, kept, out).unwrap();
        let prepared = Prepared::new(&message).unwrap();
        let terms = Terms {
            qos: Qos::AtLeastOnce,
            subscription_identifiers: &[7, 300],
            message_expiry_interval: Some(9),
            ..Terms::default()
        };
        server.publish_prepared(&prepared, &terms, Boxed::default(), out).unwrap();
        let filters = [Subscription { filter: "a", ..Subscription::default() }];
        let subscribe = Subscribe { filters: (&filters).into(), ..Subscribe::default() };
        comes!(server, version, Packet::from(subscribe));
        server.suback(&[], Properties::EMPTY, out).unwrap_err();
        server.suback(&[ReasonCode::GRANTED_QOS_1], Properties::EMPTY, out).unwrap();
        let unsubscribe = Unsubscribe { filters: (&["a"]).into(), ..Unsubscribe::default() };
        comes!(server, version, Packet::from(unsubscribe));
        // Before 5.0 codes are counted, and not looked at.
        let odd = if version == Version::V5_0 { ReasonCode::SUCCESS } else { ReasonCode::new(0x42) };
        server.unsuback(&[odd], Properties::EMPTY, out).unwrap();
        before = Some(server.into_session());
    }
    let mut server = Recorder::server(at(9), &Config::default(), Session::<Heap>::default(), &mut log);
    comes!(server, Version::V5_0, Packet::from(Connect { client_id: "b", ..Connect::default() }));
    let elsewhere = [Property::ServerReference("c")];
    server.reject(ReasonCode::SUCCESS, Properties::EMPTY, out).unwrap_err();
    server.reject(ReasonCode::USE_ANOTHER_SERVER, (&elsewhere).into(), out).unwrap();
    drop(server);
    assert_eq!(replay(&log, heap), Ok(calls(&log).len()));
}

/// A client of 3.1.1 that is connected.
fn connected<S: Store, L: Sink>(store: S, log: L) -> Client<S, L> {
    let mut client = Recorder::client(Version::V3_1_1, &Config::default(), Session::new(store), log);
    client.connect(at(0), &Connect { client_id: "a", ..Connect::default() }, &mut Vec::new()).unwrap();
    comes!(client, Version::V3_1_1, Packet::from(Connack::default()));
    client
}

const MESSAGE: Message<'_> =
    Message { qos: Qos::AtLeastOnce, retain: false, topic: "t", properties: Properties::EMPTY, payload: b"" };

#[test]
fn what_no_packet_can_have_is_left_out() {
    let mut log = Vec::new();
    let mut client = connected(Heap::<Boxed>::default(), &mut log);
    let long = "x".repeat(65_536);
    let filter = Subscription { filter: &long, ..Subscription::default() };
    client.subscribe(&[filter], Properties::EMPTY, &mut Vec::new()).unwrap_err();
    client.unsubscribe(&[&long], Properties::EMPTY, &mut Vec::new()).unwrap_err();
    client.publish(&Message { topic: &long, ..MESSAGE }, &mut Vec::new()).unwrap_err();
    client.publish(&MESSAGE, &mut Vec::new()).unwrap();
    drop(client);
    assert_eq!(calls(&log), ["connect", "handle", "handle", "publish", "publish"]);
    assert_eq!(replay(&log, heap), Ok(5));
}

/// A sink of so many bytes.
#[derive(Debug, Default)]
struct Bounded(usize, Vec<u8>);

impl Sink for Bounded {
    fn reserve(&mut self, n: usize) -> bool {
        n <= self.0 - self.1.len()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.1.extend_from_slice(bytes);
    }
}

#[test]
fn a_log_without_room_ends_and_the_connection_goes_on() {
    let whole = {
        let mut log = Vec::new();
        connected(Heap::<Boxed>::default(), &mut log).publish(&MESSAGE, &mut Vec::new()).unwrap();
        log
    };
    for room in 0..=whole.len() {
        let mut client = connected(Heap::<Boxed>::default(), Bounded(room, Vec::new()));
        client.publish(&MESSAGE, &mut Vec::new()).unwrap();
        assert_eq!(client.is_cut_off(), room < whole.len());
        let log = &client.log().1;
        assert_eq!(log[..], whole[..log.len()]);
        assert!(replay(log, heap).unwrap() <= 4);
    }
}

#[test]
fn input_is_logged_once() {
    let mut log = Vec::new();
    let mut client = connected(Heap::<Boxed>::default(), &mut log);
    let publish = Publish { topic: "t", payload: b"0123456789", ..Publish::default() };
    let bytes = Packet::from(publish).to_vec(Version::V3_1_1).unwrap();
    for n in 0..bytes.len() {
        let mut input = &bytes[..n];
        assert!(matches!(client.handle(at(1), &mut input, &mut Vec::new()), Step::Wait(Wait::Read(_))));
    }
    // Some of it is forgotten, and comes again.
    assert!(matches!(client.handle(at(1), &mut &bytes[..3], &mut Vec::new()), Step::Wait(Wait::Read(_))));
    let mut input = &bytes[..];
    assert!(matches!(client.handle(at(1), &mut input, &mut Vec::new()), Step::Event(Event::Publish(..))));
    drop(client);
    let input = |entry: &Entry<'_>| match entry {
        Entry::Call(Call::Handle { input, .. }) => input.len(),
        _ => 0,
    };
    let logged: usize = entries(&log).iter().map(input).sum();
    assert_eq!(logged, 4 + bytes.len() + bytes.len() - 1 - 3);
    assert_eq!(replay(&log, heap), Ok(calls(&log).len()));
}

/// A store that fails so often, after it recorded something so often.
struct Failing(Heap, Vec<bool>);

impl Store for Failing {
    type Keep = Boxed;
    type Tables = Heap;
    fn tables(&self) -> &Heap {
        &self.0
    }
    fn tables_mut(&mut self) -> &mut Heap {
        &mut self.0
    }
    fn record(&mut self, _: &Record<'_>) -> Result<(), StoreError> {
        if self.1.pop().unwrap_or(true) { Ok(()) } else { Err(StoreError::Failed) }
    }
}

#[test]
fn a_store_that_fails_fails_again() {
    let mut log = Vec::new();
    let store = Failing(Heap::default(), vec![true, false, true, false, false, true]);
    let mut client = connected(store, &mut log);
    let failed = Err(UsageError::Store(StoreError::Failed));
    assert_eq!(
        [(); 3].map(|()| client.publish(&MESSAGE, &mut Vec::new())),
        [failed, failed, Ok(PacketId::new(1))]
    );
    drop(client);
    assert_eq!(replay(&log, heap), Ok(6));
    assert!(entries(&log).iter().any(|entry| matches!(entry, Entry::NotRecorded { after: 0, .. })));
}

/// A log with a bit of everything: two connections of a session, a small sink.
fn sample() -> Vec<u8> {
    let mut log = Vec::new();
    let mut client = connected(Heap::<Boxed>::default(), &mut log);
    client.publish(&Message { qos: Qos::ExactlyOnce, payload: b"1", ..MESSAGE }, &mut Vec::new()).unwrap();
    client.publish(&MESSAGE, &mut Bounded(20, Vec::new())).unwrap_err();
    comes!(client, Version::V3_1_1, Packet::from(Publish { topic: "in", ..Publish::default() }));
    let session = client.into_session();
    let mut client = Recorder::client(Version::V3_1_1, &Config::default(), session, &mut log);
    client.connect(at(9), &Connect { client_id: "a", ..Connect::default() }, &mut Vec::new()).unwrap();
    comes!(client, Version::V3_1_1, Packet::from(Connack::default()));
    client.into_session();
    log
}

#[test]
fn a_part_of_a_log_is_a_log() {
    let log = sample();
    let ends = entries(&log).len();
    let mut counts: Vec<usize> = (0..=log.len()).map(|len| replay(&log[..len], heap).unwrap()).collect();
    assert!(counts.is_sorted());
    counts.dedup();
    assert_eq!(counts.len(), calls(&log).len() + 1, "of {ends} entries");
    // Another program goes on where one had ended in the middle.
    for len in 0..log.len() {
        let cut = entries_end(&log, len);
        let both = [&log[..cut], &log[..]].concat();
        assert!(replay(&both, heap).unwrap() >= calls(&log).len());
    }
}

/// The end of the last entry that is whole in the first `len` bytes.
fn entries_end(log: &[u8], len: usize) -> usize {
    let mut rest = &log[..len];
    while let Ok((_, behind)) = Entry::decode(rest) {
        rest = behind;
    }
    len - rest.len()
}

#[test]
fn every_wrong_bit_is_noticed() {
    let log = sample();
    let calls = replay(&log, heap).unwrap();
    for at in 0..log.len() {
        for bit in 0..8 {
            let mut log = log.clone();
            log[at] ^= 1 << bit;
            // An entry that says that it is longer than the log is the end of it.
            assert!(replay(&log, heap).unwrap_or_default() < calls, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_difference_says_what_and_where() {
    let mut log = sample();
    let place = |log: &[u8], bytes: &[u8]| log.windows(bytes.len()).position(|part| part == bytes).unwrap();
    let at = place(&log, b"\0\x02in");
    log[at + 2] = b'I';
    let difference = replay(&log, heap).unwrap_err().to_string();
    assert!(
        difference.contains("logged Done(Done { kind: Event, taken: 6, text: \"Publish\", fingerprint"),
        "{difference}"
    );
    log = sample();
    let at = place(&log, b"MQTT");
    log[at] = b'm';
    assert!(replay(&log, heap).unwrap_err().to_string().contains("logged Out([16, 13, 0, 4, 109, "));
}

#[test]
fn the_format_stays() {
    let mut log = Vec::new();
    let mut client = Recorder::client(
        Version::V3_1_1,
        &Config::default(),
        Session::new(Fixed::<2, 64, 1>::default()),
        &mut log,
    );
    client.handle_timeout(at(300), &mut Vec::new());
    let begin = b"MQL\x01\0\x04\0\x10\x80\x80\x40\xFF\xFF\xFF\xFF\x0F\0\0\0\x02\x01\x01\x01\x01\0\xFF\xFF\xFF\xFF\x0F\x80\x80\x01\x0A\0\x0A\0\x20\0\0";
    assert_eq!(log[..begin.len()], begin[..]);
    assert_eq!(log[..4], HEADER);
    let done = b"\x17\xAC\x02\x83\0\0ok\xFF";
    assert_eq!(log[log.len() - 4 - done.len()..log.len() - 4], done[..]);
    let [Entry::Begin(begin), Entry::Call(call), Entry::Done(done)] = entries(&log)[..] else { panic!() };
    assert_eq!((begin.config, call.now(), done.kind), (Config::default(), Some(at(300)), DoneKind::Ok));
    assert_eq!(Entry::decode(b"\x3F").unwrap_err(), LogError::Unknown);
    assert_eq!(Entry::decode(b"").unwrap_err(), LogError::Truncated);
}

proptest! {
    /// Neither reading nor replaying arbitrary bytes does any harm, nor what is nearly a log.
    #[test]
    fn arbitrary_bytes_do_no_harm(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        n in 0_usize..9,
    ) {
        if let Ok((entry, rest)) = Entry::decode(&bytes) {
            let _ = format!("{entry} {entry:?}");
            prop_assert!(rest.len() < bytes.len());
        }
        let _ = replay(&bytes, heap);
        let mut log = sample();
        let at = at.index(log.len());
        let end = log.len().min(at + n);
        log.splice(at..end, bytes.iter().take(n).copied());
        let _ = replay(&log, heap);
    }
}
