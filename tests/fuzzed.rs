//! States that the fuzzer found, each as the few calls that lead there.

use sans_mqtt::{
    AckToken, Acknowledge, Client, Config, Connack, Connect, Disconnect, Event, Heap, Instant, Message,
    Packet, PacketId, Property, Publish, Qos, ReasonCode, Session, Step, Version, Wait,
};

const NOW: Instant = Instant::from_millis(0);

/// A client of 5.0 that is connected, in a session that goes on if it had begun before.
fn connected(session: Session<Heap>, properties: &[Property<'_>]) -> Client<Heap> {
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

fn incoming(client: &mut Client<Heap>, packet: Packet<'_>) -> Option<AckToken> {
    let bytes = packet.to_vec(Version::V5_0).unwrap();
    match client.handle(NOW, &mut &bytes[..], &mut Vec::new()) {
        Step::Event(Event::Publish(_, token)) => token,
        _ => None,
    }
}

/// A client that sent this message, lost its connection and made another one.
fn resuming(message: &Message<'_>, properties: &[Property<'_>]) -> (Client<Heap>, PacketId) {
    let mut client = connected(Session::default(), &[]);
    let id = client.publish(message, &mut Vec::new()).unwrap().unwrap();
    (connected(client.into_session(), properties), id)
}

#[test]
fn nothing_is_sent_behind_disconnect() {
    let mut client = connected(Session::default(), &[]);
    client.set_acknowledge(Acknowledge::Manual);
    let publish = Publish {
        delivery: sans_mqtt::Delivery::ExactlyOnce(PacketId::MIN),
        topic: "a",
        ..Publish::default()
    };
    let token = incoming(&mut client, Packet::Publish(publish)).unwrap();
    client.disconnect(&Disconnect::default(), &mut Vec::new()).unwrap();
    let mut out = Vec::new();
    client.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
    assert!(out.is_empty(), "{out:02X?}");
    // But it is taken, and does not come again.
    let mut taken = 0;
    client
        .into_session()
        .export(|record| taken += usize::from(matches!(record, sans_mqtt::Record::Take { .. })));
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
        let (mut client, id) = resuming(&message, &[limit]);
        let mut out = Vec::new();
        let step = client.handle(NOW, &mut &[][..], &mut out);
        assert!(matches!(step, Step::Event(Event::Dropped { id: dropped }) if dropped == id), "{step:?}");
        assert_eq!(client.session().message(id), Some(message));
        assert!(matches!(client.handle(NOW, &mut &[][..], &mut out), Step::Wait(Wait::Read(2))));
        assert!(out.is_empty(), "{out:02X?}");
        assert!(client.publish(&small, &mut out).is_ok());
    }
}
