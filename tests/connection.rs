//! What a caller may count on: sizes, threads, tokens, and that a refused command changes nothing.

use std::sync::Arc;

use allocation_counter::measure;
use sans_mqtt::{
    AckToken, Acknowledge, Buffer, Cause, Client, Config, Connack, Connect, Delivery, Disconnect, Event,
    Fixed, FixedCaller, Flight, Heap, Instant, Keep, Message, Packet, PacketId, Properties, Property,
    PropertyId, Publish, Qos, ReasonCode, Role, Server, Session, Sink, Step, Store, StoreError, Subscribe,
    Subscription, UsageError, Version, Wait,
};

const NOW: Instant = Instant::from_millis(0);

/// Handles all of `input` and gives what `look` makes of the events.
fn handle<R: Role, S: Store, T>(
    connection: &mut sans_mqtt::Connection<R, S>,
    input: &[u8],
    out: &mut Vec<u8>,
    mut look: impl FnMut(Event<'_>) -> Option<T>,
) -> (Vec<T>, Wait) {
    let (mut input, mut seen) = (input, Vec::new());
    loop {
        match connection.handle(NOW, &mut input, out) {
            Step::Event(event) => seen.extend(look(event)),
            Step::Wait(wait) => return (seen, wait),
        }
    }
}

/// A client that has just been accepted.
fn client<S: Store>(version: Version, store: S, properties: &[Property<'_>]) -> Client<S> {
    let mut client = Client::new(version, &Config::default(), Session::new(store));
    let mut out = Vec::new();
    client.connect(NOW, &Connect { client_id: "a", ..Connect::default() }, &mut out).unwrap();
    let connack = Packet::Connack(Connack { properties: properties.into(), ..Connack::default() });
    let (connected, _) = handle(&mut client, &connack.to_vec(version).unwrap(), &mut out, |event| {
        matches!(event, Event::Connected(_)).then_some(())
    });
    assert_eq!(connected.len(), 1);
    client
}

fn publish(qos: Qos, id: u16) -> Vec<u8> {
    let delivery = Delivery::new(qos, PacketId::new(id).unwrap());
    Packet::Publish(Publish { delivery, topic: "t", ..Publish::default() }).to_vec(Version::V5_0).unwrap()
}

const MESSAGE: Message<'_> = Message {
    qos: Qos::AtLeastOnce,
    retain: false,
    topic: "t",
    properties: Properties::EMPTY,
    payload: b"x",
};

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Server<FixedCaller<0, 0>>>() <= 232, "{}", size_of::<Server<FixedCaller<0, 0>>>());
    assert!(size_of::<Server<Heap>>() <= 288, "{}", size_of::<Server<Heap>>());
    assert!(size_of::<AckToken>() == 8);
}

#[test]
fn connections_go_from_thread_to_thread() {
    fn both<T: Send + Sync>() {}
    both::<Client<Heap>>();
    both::<Server<Fixed<4, 128, 4>>>();
    both::<Session<Heap>>();
    both::<(AckToken, UsageError, Wait, Event<'_>)>();
}

#[test]
fn a_message_allocates_nothing_with_fixed_tables() {
    let mut client = client(Version::V5_0, Fixed::<4, 128, 4>::default(), &[]);
    let mut out = Buffer::<256>::new();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let incoming = publish(qos, 7);
        let allocated = measure(|| {
            for _ in 0..100 {
                let id = client.publish(&Message { qos, ..MESSAGE }, &mut out).unwrap();
                out.advance(256);
                let answers: &[fn(PacketId) -> Packet<'static>] = match qos {
                    Qos::AtMostOnce => &[],
                    Qos::AtLeastOnce => &[|id| Packet::Puback(ack(id))],
                    Qos::ExactlyOnce => &[|id| Packet::Pubrec(ack(id)), |id| Packet::Pubcomp(ack(id))],
                };
                for answer in answers {
                    let mut bytes = [0; 4];
                    answer(id.unwrap()).encode(Version::V5_0, &mut &mut bytes[..]).unwrap();
                    let mut input = &bytes[..];
                    while let Step::Event(_) = client.handle(NOW, &mut input, &mut out) {}
                }
                let mut release = [0; 4];
                Packet::Pubrel(ack(PacketId::new(7).unwrap()))
                    .encode(Version::V5_0, &mut &mut release[..])
                    .unwrap();
                for mut input in [&incoming[..], if qos == Qos::ExactlyOnce { &release } else { &[] }] {
                    while let Step::Event(_) = client.handle(NOW, &mut input, &mut out) {}
                    assert!(input.is_empty());
                }
                out.advance(256);
            }
        });
        assert_eq!(allocated.count_total, 0, "{qos:?}");
        assert_eq!((client.session().in_flight(), client.session().incoming_in_flight()), (0, 0));
    }
}

fn ack(packet_id: PacketId) -> sans_mqtt::Ack<'static> {
    sans_mqtt::Ack { packet_id, ..Default::default() }
}

#[test]
fn a_refused_command_changes_nothing() {
    let limits = [
        Property::ReceiveMaximum(2),
        Property::MaximumPacketSize(30),
        Property::MaximumQos(Qos::AtLeastOnce),
    ];
    let mut client = client(Version::V5_0, Fixed::<3, 20, 4>::default(), &limits);
    let mut out = Vec::new();
    let long = [b'x'; 40];
    let fails = |client: &mut Client<_>, message: Message<'_>, error: UsageError| {
        assert_eq!(client.publish(&message, &mut Vec::new()), Err(error));
        assert_eq!(client.session().in_flight(), 0);
    };
    fails(
        &mut client,
        Message { qos: Qos::ExactlyOnce, ..MESSAGE },
        UsageError::NotAvailable(PropertyId::MaximumQos),
    );
    fails(&mut client, Message { payload: &long, ..MESSAGE }, UsageError::TooLarge { size: 48, limit: 30 });
    fails(&mut client, Message { payload: &long[..18], ..MESSAGE }, UsageError::Store(StoreError::TooLarge));
    let error = client.publish(&Message { topic: "#", ..MESSAGE }, &mut out).unwrap_err();
    assert!(matches!(error, UsageError::Encode(_)));
    let mut small = Buffer::<40>::new();
    assert_eq!(client.publish(&MESSAGE, &mut small), Err(UsageError::NoRoom(9 + 32)));
    assert!(small.is_empty() && out.is_empty());

    // The window, and with it the first identifiers, is as if nothing had happened.
    let ids = [1, 2].map(|_| client.publish(&MESSAGE, &mut out).unwrap().unwrap().get());
    assert_eq!(ids, [1, 2]);
    assert_eq!(client.publish(&MESSAGE, &mut out), Err(UsageError::WindowFull(2)));
    let filters = [Subscription { filter: "t", ..Subscription::default() }];
    assert_eq!(client.subscribe(&filters, Properties::EMPTY, &mut out).map(PacketId::get), Ok(3));
    assert_eq!(client.unsubscribe(&["t"], Properties::EMPTY, &mut out), Err(StoreError::Full.into()));
}

fn token(event: Event<'_>) -> Option<AckToken> {
    match event {
        Event::Publish(_, token) => token,
        _ => None,
    }
}

#[test]
fn a_token_is_good_for_one_message_of_one_connection() {
    let mut out = Vec::new();
    let mut held_by = |mut client: Client<Heap>, id| {
        client.set_acknowledge(Acknowledge::Manual);
        let (mut tokens, _) = handle(&mut client, &publish(Qos::AtLeastOnce, id), &mut out, token);
        (client, tokens.pop().unwrap())
    };
    let (client_a, before) = held_by(client(Version::V5_0, <Heap>::default(), &[]), 5);

    // The next connection of the session gets the same message again, in the same slot.
    let mut next: Client<Heap> = Client::new(Version::V5_0, &Config::default(), client_a.into_session());
    next.connect(NOW, &Connect { client_id: "a", ..Connect::default() }, &mut Vec::new()).unwrap();
    let connack = Packet::Connack(Connack::default()).to_vec(Version::V5_0).unwrap();
    let (_, wait) = handle(&mut next, &connack, &mut Vec::new(), token);
    assert_eq!(wait, Wait::Read(2));
    let (mut next, now) = held_by(next, 5);
    let error = next.ack(before, ReasonCode::SUCCESS, &mut Vec::new()).unwrap_err();
    assert_eq!(error.error, UsageError::StaleToken);

    // Another session has another message there.
    let (mut other, others) = held_by(client(Version::V5_0, <Heap>::default(), &[]), 6);
    let error = other.ack(now, ReasonCode::SUCCESS, &mut Vec::new()).unwrap_err();
    assert_eq!(error.error, UsageError::StaleToken);
    other.ack(others, ReasonCode::SUCCESS, &mut out).unwrap();
    assert_eq!(out, [0x40, 2, 0, 6]);
}

#[test]
fn acknowledgements_keep_the_order_of_the_messages() {
    let mut client = client(Version::V5_0, <Heap>::default(), &[]);
    client.set_acknowledge(Acknowledge::Manual);
    let mut out = Vec::new();
    let input: Vec<u8> = [
        publish(Qos::AtLeastOnce, 9),
        publish(Qos::ExactlyOnce, 8),
        publish(Qos::AtLeastOnce, 3),
        publish(Qos::ExactlyOnce, 2),
    ]
    .concat();
    let (tokens, _) = handle(&mut client, &input, &mut out, token);
    let [a, b, c, d]: [AckToken; 4] = tokens.try_into().unwrap();
    client.ack(d, ReasonCode::NOT_AUTHORIZED, &mut out).unwrap();
    client.ack(c, ReasonCode::SUCCESS, &mut out).unwrap();
    assert!(out.is_empty());
    client.ack(b, ReasonCode::SUCCESS, &mut out).unwrap();
    assert_eq!(out, [0x50, 2, 0, 8, 0x50, 3, 0, 2, 0x87]);
    out.clear();
    client.ack(a, ReasonCode::SUCCESS, &mut out).unwrap();
    assert_eq!(out, [0x40, 2, 0, 9, 0x40, 2, 0, 3]);
    // The refused one is forgotten, the other waits for its PUBREL.
    assert_eq!(client.session().incoming_in_flight(), 1);
}

/// A message that a thousand connections have, and that exists once.
#[derive(Default)]
struct Shared(Option<Arc<Stored>>);

struct Stored {
    topic: String,
    payload: Vec<u8>,
}

impl Keep for Shared {
    fn keep(&mut self, _: &Message<'_>) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    fn message(&self) -> Option<Message<'_>> {
        let stored = self.0.as_deref()?;
        Some(Message { topic: &stored.topic, payload: &stored.payload, ..Message::default() })
    }
}

/// A sink that has no room for a while.
struct Fickle {
    refusals: usize,
    bytes: Vec<u8>,
}

impl Sink for Fickle {
    fn reserve(&mut self, _: usize) -> bool {
        let refused = self.refusals > 0;
        self.refusals = self.refusals.saturating_sub(1);
        !refused
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// Whether there is room for the first or not: [MQTT-4.6.0-4].
#[test]
fn releases_keep_the_order_of_the_pubrecs() {
    for refusals in 0..=6 {
        let mut client = client(Version::V5_0, FixedCaller::<4, 4>::default(), &[]);
        let message = Message { qos: Qos::ExactlyOnce, ..MESSAGE };
        let ids = [(); 3].map(|()| client.publish(&message, &mut Vec::new()).unwrap().unwrap());
        let received = ids.map(|id| Packet::Pubrec(ack(id)).to_vec(Version::V5_0).unwrap()).concat();
        let mut out = Fickle { refusals, bytes: Vec::new() };
        let mut input = &received[..];
        for _ in 0..=refusals {
            let _ = client.handle(NOW, &mut input, &mut out);
        }
        let released = ids.map(|id| Packet::Pubrel(ack(id)).to_vec(Version::V5_0).unwrap()).concat();
        assert_eq!((input, out.bytes), (&[][..], released), "{refusals} refusals");
    }
}

#[test]
fn a_thousand_subscribers_share_a_message() {
    let message = Arc::new(Stored { topic: "t".into(), payload: vec![b'x'; 1000] });
    let mut out = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..1000 {
        let lasting = Property::SessionExpiryInterval(u32::MAX);
        let mut subscriber = client(Version::V5_0, Heap::<Shared>::new(4, 0), &[lasting]);
        let sent = Message { topic: &message.topic, payload: &message.payload, ..MESSAGE };
        subscriber.publish_kept(&sent, Shared(Some(message.clone())), &mut out).unwrap();
        sessions.push(subscriber.into_session());
    }
    assert_eq!(Arc::strong_count(&message), 1001);
    // It is what is sent again, and let go when it is acknowledged.
    for session in sessions {
        let mut next = Client::new(Version::V3_1, &Config::default(), session);
        out.clear();
        next.connect(NOW, &Connect { clean_start: false, client_id: "a", ..Connect::default() }, &mut out)
            .unwrap();
        out.clear();
        let (done, _) = handle(&mut next, &[0x20, 2, 0, 0], &mut out, token);
        assert!(done.is_empty() && out.starts_with(b"\x3A\xED\x07\0\x01t\0\x01xxx"));
        let (done, _) = handle(&mut next, &[0x40, 2, 0, 1], &mut out, |event| match event {
            Event::Acked { id, .. } => Some(id),
            _ => None,
        });
        assert_eq!(done, [PacketId::MIN]);
    }
    assert_eq!(Arc::strong_count(&message), 1);
}

/// Whoever keeps it, and whether its session goes on or is lost.
#[test]
fn a_message_with_properties_outlives_the_change_to_an_older_version() {
    fn next<S: Store>(
        store: S,
        clean_start: bool,
        connack: &[u8],
        then: impl Fn(&mut Client<S>, &Step<'_>, &mut Vec<u8>),
    ) {
        let mut before = client(Version::V5_0, store, &[Property::SessionExpiryInterval(60)]);
        before.publish(&WITH_TYPE, &mut Vec::new()).unwrap();
        let mut next = Client::new(Version::V3_1_1, &Config::default(), before.into_session());
        let mut out = Vec::new();
        let connect = Connect { clean_start, client_id: "a", ..Connect::default() };
        next.connect(NOW, &connect, &mut out).unwrap();
        out.clear();
        let mut input = connack;
        assert!(matches!(next.handle(NOW, &mut input, &mut out), Step::Event(Event::Connected(_))));
        let step = next.handle(NOW, &mut input, &mut out);
        then(&mut next, &step, &mut out);
        assert!(out.ends_with(b"\x06\0\x01t\0\x01x"), "{out:?}");
        assert_eq!(next.session().in_flight(), 1);
    }
    const WITH_TYPE: Message<'_> =
        Message { properties: Properties::from_slice(&[Property::ContentType("text/plain")]), ..MESSAGE };

    next(Fixed::<2, 64, 2>::default(), false, b"\x20\x02\x01\0", |_, step, _| {
        assert_eq!(*step, Step::Wait(Wait::Read(2)));
    });
    next(FixedCaller::<2, 2>::default(), false, b"\x20\x02\x01\0", |client, step, out| {
        assert_eq!(*step, Step::Wait(Wait::Resend(PacketId::MIN)));
        client.resend(PacketId::MIN, &WITH_TYPE, out).unwrap();
    });
    next(Fixed::<2, 64, 2>::default(), true, b"\x20\x02\0\0", |client, step, out| {
        let dropped = Event::Dropped { id: PacketId::MIN, flight: Flight::AtLeastOnce };
        assert_eq!(*step, Step::Event(dropped));
        client.requeue(PacketId::MIN, out).unwrap();
    });
}

#[test]
fn a_lost_message_is_sent_as_a_new_one() {
    let mut before =
        client(Version::V5_0, Fixed::<2, 64, 2>::default(), &[Property::SessionExpiryInterval(60)]);
    let mut out = Vec::new();
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        before.publish(&Message { qos, ..MESSAGE }, &mut out).unwrap();
    }
    // The next server knows nothing of the session, and every place is taken.
    let mut next = Client::new(Version::V5_0, &Config::default(), before.into_session());
    next.connect(NOW, &Connect { clean_start: false, client_id: "a", ..Connect::default() }, &mut out)
        .unwrap();
    let connack = Packet::Connack(Connack::default()).to_vec(Version::V5_0).unwrap();
    let mut input = &connack[..];
    out.clear();
    let mut dropped = Vec::new();
    loop {
        match next.handle(NOW, &mut input, &mut out) {
            Step::Event(Event::Dropped { id, .. }) => {
                assert_eq!(next.publish(&MESSAGE, &mut out), Err(StoreError::Full.into()));
                next.requeue(id, &mut out).unwrap();
                assert!(next.requeue(id, &mut out).is_err());
                dropped.push(id.get());
            }
            Step::Event(_) => {}
            Step::Wait(wait) => break assert_eq!(wait, Wait::Read(2)),
        }
    }
    assert_eq!(dropped, [1, 2]);
    assert_eq!(out, b"\x32\x07\0\x01t\0\x01\0x\x34\x07\0\x01t\0\x02\0x");
    assert_eq!(next.session().in_flight(), 2);
}

/// In words of 5.0, whatever the version.
#[test]
fn a_refused_filter_is_told_as_the_version_can() {
    let filters = [Subscription { filter: "t", ..Subscription::default() }; 3];
    let subscribe = Packet::from(Subscribe { filters: (&filters).into(), ..Subscribe::default() });
    let reasons = [ReasonCode::GRANTED_QOS_1, ReasonCode::NOT_AUTHORIZED, ReasonCode::QUOTA_EXCEEDED];
    for version in Version::ALL {
        let mut server = Server::new(NOW, &Config::default(), Session::<Heap>::default());
        let connect = Packet::from(Connect { client_id: "a", ..Connect::default() }).to_vec(version).unwrap();
        let input = [connect, subscribe.to_vec(version).unwrap()].concat();
        let (mut input, mut out) = (&input[..], Vec::new());
        assert!(matches!(server.handle(NOW, &mut input, &mut out), Step::Event(Event::Connect(_))));
        server.accept(Properties::EMPTY, &mut out).unwrap();
        assert!(matches!(server.handle(NOW, &mut input, &mut out), Step::Event(Event::Subscribe(_))));
        out.clear();
        let answered = server.suback(&reasons, Properties::EMPTY, &mut out);
        match version {
            Version::V5_0 => assert_eq!(out, b"\x90\x06\0\x01\0\x01\x87\x97"),
            Version::V3_1_1 => assert_eq!(out, b"\x90\x05\0\x01\x01\x80\x80"),
            _ => {
                let refused = answered.unwrap_err();
                assert!(matches!(refused, UsageError::Encode(_)) && out.is_empty(), "{refused}");
                server.disconnect(&Disconnect::default(), &mut out).unwrap();
                continue;
            }
        }
        answered.unwrap();
        assert_eq!(server.handle(NOW, &mut input, &mut out), Step::Wait(Wait::Read(2)));
    }
}

#[test]
fn an_answer_speaks_of_each_filter() {
    let filters = [Subscription { filter: "t", ..Subscription::default() }; 2];
    let answer = |reasons: &[ReasonCode]| {
        let mut client = client(Version::V5_0, <Heap>::default(), &[]);
        let packet_id = client.subscribe(&filters, Properties::EMPTY, &mut Vec::new()).unwrap();
        let suback = sans_mqtt::Suback { packet_id, reasons: reasons.into(), ..Default::default() };
        let bytes = Packet::Suback(suback).to_vec(Version::V5_0).unwrap();
        handle(&mut client, &bytes, &mut Vec::new(), |event| matches!(event, Event::Suback(_)).then_some(()))
            .1
    };
    assert_eq!(answer(&[ReasonCode::SUCCESS; 2]), Wait::Read(2));
    let Wait::Closed(Cause::Failed(error)) = answer(&[ReasonCode::SUCCESS]) else { panic!() };
    assert_eq!((error.rule(), error.reason()), ("MQTT-3.8.4-6", ReasonCode::PROTOCOL_ERROR));
}

#[test]
fn a_ping_is_answered_when_there_is_room() {
    let (now, mut out) = (Instant::from_millis(0), Vec::new());
    let mut server = Server::new(now, &Config::default(), Session::<Heap>::default());
    let mut input = &b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a"[..];
    assert!(matches!(server.handle(now, &mut input, &mut out), Step::Event(Event::Connect(_))));
    server.accept(Properties::EMPTY, &mut out).unwrap();
    out.clear();
    let (mut input, mut full) = (&b"\xC0\0\xC0\0"[..], &mut [][..]);
    assert!(matches!(server.handle(now, &mut input, &mut full), Step::Wait(Wait::Read(2))));
    assert!(input.is_empty());
    assert!(matches!(server.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
    assert_eq!(out, b"\xD0\0\xD0\0");
}
