//! States that the fuzzer found, each as the few calls that lead there.

use sans_mqtt::{
    Ack, AckToken, Acknowledge, Aliases, Cause, Client, Config, Connack, Connect, Delivery, Disconnect,
    Event, Fixed, FixedCaller, FixedTopics, Heap, Inline, Instant, Message, NoTopics, Packet, PacketId,
    Properties, Property, Publish, Qos, ReasonCode, Record, Server, Session, Step, Store, StoreError, Timer,
    UsageError, Version, Wait, Will,
};

const NOW: Instant = Instant::from_millis(0);

/// A client of 5.0 that is connected, in a session that goes on if it had begun before.
fn connected<S: Store>(session: Session<S>, properties: &[Property<'_>]) -> Client<S> {
    let mut client = Client::new(Version::V5_0, &Config::default(), session);
    let session_present = client.session().exists();
    let expiry = [Property::SessionExpiryInterval(60)];
    let connect =
        Connect { clean_start: false, client_id: "a", properties: (&expiry).into(), ..Connect::default() };
    client.connect(NOW, &connect, &mut Vec::new()).unwrap();
    let connack = Connack { session_present, properties: properties.into(), ..Connack::default() };
    let connack = Packet::Connack(connack).to_vec(Version::V5_0).unwrap();
    let step = client.handle(NOW, &mut &connack[..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Connected(_))));
    client
}

fn incoming<S: Store, A: Aliases>(client: &mut Client<S, A>, packet: Packet<'_>) -> Option<AckToken> {
    let bytes = packet.to_vec(Version::V5_0).unwrap();
    match client.handle(NOW, &mut &bytes[..], &mut Vec::new()) {
        Step::Event(Event::Publish(_, token)) => token,
        _ => None,
    }
}

/// A client that sent this message, lost its connection and made another one.
fn resuming<S: Store + Default>(message: &Message<'_>, properties: &[Property<'_>]) -> (Client<S>, PacketId) {
    let mut client = connected(Session::<S>::default(), &[]);
    let id = client.publish(message, &mut Vec::new()).unwrap().unwrap();
    (connected(client.into_session(), properties), id)
}

#[test]
fn nothing_is_sent_behind_disconnect() {
    let mut client = connected(Session::<Heap>::default(), &[]);
    client.set_acknowledge(Acknowledge::Manual);
    let publish =
        Publish { delivery: Delivery::ExactlyOnce(PacketId::MIN), topic: "a", ..Publish::default() };
    let token = incoming(&mut client, Packet::Publish(publish)).unwrap();
    client.disconnect(&Disconnect::default(), &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    client.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
    assert!(out.is_empty(), "{out:02X?}");
    // But it is taken, and does not come again.
    let mut taken = 0;
    client.into_session().export(|record| taken += usize::from(matches!(record, Record::Take { .. })));
    assert_eq!(taken, 1);
}

#[test]
fn what_the_next_server_does_not_take_is_dropped_and_then_all_goes_on() {
    let small = Message { qos: Qos::AtLeastOnce, topic: "a", ..Message::default() };
    let cases = [
        (Message { payload: &[0; 100], ..small }, Property::MaximumPacketSize(50)),
        (Message { qos: Qos::ExactlyOnce, ..small }, Property::MaximumQos(Qos::AtLeastOnce)),
        (Message { retain: true, ..small }, Property::RetainAvailable(false)),
    ];
    for (message, limit) in cases {
        let (mut client, id) = resuming::<Heap>(&message, &[limit]);
        let mut out = Vec::new();
        let step = client.handle(NOW, &mut &[][..], &mut out);
        assert!(matches!(step, Step::Event(Event::Dropped { id: dropped, .. }) if dropped == id), "{step:?}");
        assert_eq!(client.session().message(id), Some(message));
        assert!(matches!(client.handle(NOW, &mut &[][..], &mut out), Step::Wait(Wait::Read(2))));
        // The peer may have a message of QoS 2 from before, and wait for its PUBREL.
        let release: &[u8] = if message.qos == Qos::ExactlyOnce { &[0x62, 2, 0, 1] } else { &[] };
        assert_eq!(out, release);
        assert!(client.publish(&small, &mut out).is_ok());
    }
}

/// Tables that take what they are given, and a journal that may not.
struct Judged(Fixed<1, 64, 1>, fn(&Record<'_>) -> Result<(), StoreError>);

impl Store for Judged {
    type Keep = Inline<64>;
    type Tables = Fixed<1, 64, 1>;

    fn tables(&self) -> &Fixed<1, 64, 1> {
        &self.0
    }

    fn tables_mut(&mut self) -> &mut Fixed<1, 64, 1> {
        &mut self.0
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        self.1(record)
    }
}

#[test]
fn a_store_that_fails_does_not_hold_up_the_end() {
    fn broken(record: &Record<'_>) -> Result<(), StoreError> {
        if matches!(record, Record::Begin { .. }) { Ok(()) } else { Err(StoreError::Failed) }
    }
    let mut client = connected(Session::new(Judged(Fixed::default(), broken)), &[]);
    let publish =
        Publish { delivery: Delivery::ExactlyOnce(PacketId::MIN), topic: "a", ..Publish::default() };
    incoming(&mut client, Packet::Publish(publish));
    let mut out = Vec::new();
    assert!(matches!(client.handle(NOW, &mut &[][..], &mut out), Step::Wait(Wait::Store)));
    // Neither PINGRESP nor anything else comes.
    let mut times = 0;
    while let Some(due) = client.poll_timeout() {
        client.handle_timeout(due, &mut out);
        times += 1;
        match client.handle(due, &mut &[][..], &mut out) {
            Step::Wait(Wait::Store) => assert!(times < 3, "{due:?}"),
            step => {
                assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Timeout(Timer::Ping)))), "{step:?}");
            }
        }
    }
    assert_eq!(out, [0xC0, 0]);
}

#[test]
fn nothing_is_asked_for_when_the_transport_has_ended() {
    let message = Message { qos: Qos::AtLeastOnce, topic: "a", ..Message::default() };
    let (mut client, id) = resuming::<FixedCaller<1, 1>>(&message, &[]);
    let mut out = Vec::new();
    let step = client.handle(NOW, &mut &[][..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Resend(asked)) if asked == id), "{step:?}");
    client.handle_eof();
    let step = client.handle(NOW, &mut &[][..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Eof))), "{step:?}");
}

#[test]
fn what_was_given_up_stays_so() {
    let message = Message { qos: Qos::AtLeastOnce, topic: "a", ..Message::default() };
    let (mut client, id) = resuming::<FixedCaller<1, 1>>(&message, &[]);
    let mut out = Vec::new();
    let step = client.handle(NOW, &mut &[][..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Resend(_))), "{step:?}");
    client.abandon(id).unwrap();
    assert_eq!(client.resend(id, &message, &mut out), Err(UsageError::NotAsked));
    assert_eq!(client.abandon(id), Err(UsageError::NotAsked));
    // This ends the session with the connection.
    let expiry = [Property::SessionExpiryInterval(0)];
    client
        .disconnect(&Disconnect { properties: (&expiry).into(), ..Disconnect::default() }, &mut out)
        .unwrap();
    let session = client.into_session();
    assert!(!session.exists());
    let mut records = Vec::new();
    session.export(|record| records.push(record.to_string()));
    assert_eq!(records, ["publish 1 at QoS 1"]);
}

#[test]
fn a_pingresp_is_no_answer_to_a_pingreq_that_waits_for_room() {
    let mut client = connected(Session::<Heap>::default(), &[]);
    let due = client.poll_timeout().unwrap();
    client.handle_timeout(due, &mut &mut [][..]);
    let pingresp = Packet::Pingresp.to_vec(Version::V5_0).unwrap();
    assert!(matches!(client.handle(due, &mut &pingresp[..], &mut &mut [][..]), Step::Wait(Wait::Read(2))));
    assert!(client.poll_timeout().unwrap() > due);
}

/// A message that fits has no alias if it does not fit with one.
#[test]
fn an_alias_does_not_make_a_message_too_large() {
    // What the server takes: two aliases, and 40 bytes.
    let connack = [0x20, 11, 0, 0, 8, 0x22, 0, 2, 0x27, 0, 0, 0, 40];
    let config = Config { assign_topic_aliases: true, ..Config::default() };
    let aliases = (NoTopics, FixedTopics::<2, 20>::default());
    let session = Session::new(Fixed::<4, 64, 4>::default());
    let mut client = Client::with_aliases(Version::V5_0, &config, session, aliases);
    let mut out = Vec::new();
    client.connect(NOW, &Connect { client_id: "a", ..Connect::default() }, &mut out).unwrap();
    let step = client.handle(NOW, &mut &connack[..], &mut out);
    assert!(matches!(step, Step::Event(Event::Connected(_))), "{step:?}");
    for (topic, len, short) in [
        // With topic and alias 43 bytes; the alias is not known by that.
        ("attic/temperature", 16, false),
        ("attic/temperature", 13, true),
        // Shorter than an alias.
        ("t", 32, false),
        ("t", 29, true),
        ("t", 32, false),
    ] {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            let len = if qos == Qos::AtMostOnce { len + 2 } else { len };
            let payload = vec![7; len];
            let message = Message { qos, topic, payload: &payload, ..Message::default() };
            out.clear();
            let sent = client.publish(&message, &mut out);
            assert!(sent.is_ok() && out.len() <= 40, "{topic}: {len} bytes: {sent:?}");
            assert_eq!(out.contains(&0x23), short, "{topic}: {len} bytes: {out:02X?}");
            if let Some(id) = sent.unwrap() {
                incoming(&mut client, Packet::Puback(Ack { packet_id: id, ..Ack::default() }));
            }
        }
    }
    let message = Message { topic: "t", payload: &[7; 40], ..Message::default() };
    assert_eq!(client.publish(&message, &mut out), Err(UsageError::TooLarge { size: 46, limit: 40 }));
}

/// A server of 5.0 that skips messages above 40 bytes, and its client.
#[test]
fn a_message_behind_one_that_was_skipped_is_not_refused() {
    let config = Config { maximum_packet_size: 40, skip_oversize: true, ..Config::default() };
    for acknowledge in [Acknowledge::Automatic, Acknowledge::Manual] {
        let mut server: Server<Heap> = Server::new(NOW, &config, Session::default());
        server.set_acknowledge(acknowledge);
        let mut out = Vec::new();
        let connect = Packet::Connect(Connect { client_id: "a", ..Connect::default() });
        let connect = connect.to_vec(Version::V5_0).unwrap();
        let step = server.handle(NOW, &mut &connect[..], &mut out);
        assert!(matches!(step, Step::Event(Event::Connect(_))), "{step:?}");
        server.accept(Properties::EMPTY, &mut out).unwrap();
        let large = Publish { topic: "a", payload: &[7; 50], ..Publish::default() };
        let small =
            Publish { delivery: Delivery::AtLeastOnce(PacketId::MIN), topic: "a", ..Publish::default() };
        let mut bytes = Packet::Publish(large).to_vec(Version::V5_0).unwrap();
        bytes.extend(Packet::Publish(small).to_vec(Version::V5_0).unwrap());
        let mut input = &bytes[..];
        out.clear();
        let step = server.handle(NOW, &mut input, &mut out);
        assert!(matches!(step, Step::Event(Event::Skipped(_, 50))), "{step:?}");
        let Step::Event(Event::Publish(_, token)) = server.handle(NOW, &mut input, &mut out) else {
            panic!("no message");
        };
        if let Some(token) = token {
            server.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
        }
        let _ = server.handle(NOW, &mut input, &mut out);
        assert_eq!(out, [0x40, 2, 0, 1]);
    }
}

/// What a peer says that it takes counts for the refusal of the packet that says so, whatever that is refused for.
#[test]
fn nothing_is_said_to_who_takes_nothing() {
    // A session for a client without one, and a Maximum Packet Size of 2.
    let connack = [0x20, 8, 1, 0, 5, 0x27, 0, 0, 0, 2];
    let mut client = Client::new(Version::V5_0, &Config::default(), Session::<Heap>::default());
    client.connect(NOW, &Connect { client_id: "a", ..Connect::default() }, &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    let step = client.handle(NOW, &mut &connack[..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), "{step:?}");
    assert!(out.is_empty(), "{out:02X?}");

    // A will of a QoS that the server does not have, and the same.
    let config = Config { maximum_qos: Qos::AtLeastOnce, ..Config::default() };
    let mut server: Server<Heap> = Server::new(NOW, &config, Session::default());
    let properties = [Property::MaximumPacketSize(2)];
    let will = Will { qos: Qos::ExactlyOnce, topic: "w", ..Will::default() };
    let connect =
        Connect { client_id: "a", properties: (&properties).into(), will: Some(will), ..Connect::default() };
    let connect = Packet::Connect(connect).to_vec(Version::V5_0).unwrap();
    let step = server.handle(NOW, &mut &connect[..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), "{step:?}");
    assert!(out.is_empty(), "{out:02X?}");
}

/// A CONNACK that is refused leaves the session as it was.
#[test]
fn a_server_that_takes_nothing_ends_no_session() {
    let message = Message { qos: Qos::AtLeastOnce, topic: "a", ..Message::default() };
    let mut client = connected(Session::<Heap>::default(), &[]);
    client.publish(&message, &mut Vec::new()).unwrap();
    let mut client = Client::new(Version::V5_0, &Config::default(), client.into_session());
    let connect = Connect { clean_start: false, client_id: "a", ..Connect::default() };
    client.connect(NOW, &connect, &mut Vec::new()).unwrap();
    let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, 2];
    let step = client.handle(NOW, &mut &connack[..], &mut Vec::new());
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), "{step:?}");
    let session = client.into_session();
    assert!(session.exists());
    let mut records = Vec::new();
    session.export(|record| records.push(record.to_string()));
    assert_eq!(records.last().map(|record| &record[..]), Some("publish 1 at QoS 1"));
}

/// Nothing is kept of a message of which the head was sent, though there is nothing behind it: its record must not be too
/// large for the store that it comes back to.
#[test]
fn the_record_of_a_head_has_no_message() {
    let store = Judged(Fixed::default(), |record| {
        assert!(!matches!(record, Record::Publish { message: Some(_), .. }), "{record}");
        Ok(())
    });
    let mut client = connected(Session::new(store), &[]);
    let message = Message { qos: Qos::AtLeastOnce, topic: "a", payload: &[7; 100], ..Message::default() };
    for more in [0, 1] {
        let id = client.publish_head(&message, more, &mut Vec::new()).unwrap().unwrap();
        assert_eq!(client.session().message(id), None);
        client.payload_written(more as usize).unwrap();
        incoming(&mut client, Packet::Puback(Ack { packet_id: id, ..Ack::default() }));
    }
}
