//! Identifiers, tables that grow or don't, and tokens, at their limits.

use std::collections::BTreeMap;

use sans_mqtt::{
    AckToken, Acknowledge, Boxed, Client, Config, Connack, Connect, Delivery, Disconnect, Event, Fixed,
    FixedCaller, Flight, Heap, Instant, Message, Packet, PacketId, Properties, Property, Publish, Qos,
    ReasonCode, Record, Server, Session, Step, Store, StoreError, UsageError, Version, Wait,
};

use crate::rng::Rng;

const NOW: Instant = Instant::from_millis(0);

/// A client whose session goes on, or begins, in a new connection that allows everything.
fn client<S: Store>(session: Session<S>) -> Client<S> {
    let session_present = session.exists();
    let mut client = Client::new(Version::V3_1_1, &Config::default(), session);
    let mut out = Vec::new();
    let connect = Connect { clean_start: false, client_id: "c", ..Default::default() };
    client.connect(NOW, &connect, &mut out).unwrap();
    out.clear();
    let connack = Packet::from(Connack { session_present, ..Connack::default() });
    let input = connack.to_vec(Version::V3_1_1).unwrap();
    assert!(matches!(client.handle(NOW, &mut &input[..], &mut out), Step::Event(Event::Connected(_))));
    client
}

const MESSAGE: Message<'_> =
    Message { qos: Qos::AtLeastOnce, retain: false, topic: "t", properties: Properties::EMPTY, payload: b"" };

fn publish<S: Store>(client: &mut Client<S>) -> Result<u16, UsageError> {
    Ok(client.publish(&MESSAGE, &mut Vec::new())?.expect("an identifier").get())
}

/// The peer acknowledges a message of QoS 1.
fn puback<S: Store>(client: &mut Client<S>, id: u16) {
    let [high, low] = id.to_be_bytes();
    let input = [0x40, 2, high, low];
    let step = client.handle(NOW, &mut &input[..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Acked { id: acked, .. }) if acked.get() == id), "{step:?}");
}

#[test]
fn all_identifiers_are_in_use_at_once() {
    let mut client: Client<Heap> = client(Session::default());
    for id in 1..=u16::MAX {
        assert_eq!(publish(&mut client).unwrap(), id);
    }
    assert_eq!(client.session().in_flight(), u16::MAX);
    assert_eq!(publish(&mut client), Err(UsageError::WindowFull(u16::MAX)));
    // The only one that is free is taken, whichever it is.
    for id in [1, 65_535, 4711, 4711, 32_768, 2] {
        puback(&mut client, id);
        assert_eq!(publish(&mut client).unwrap(), id);
        assert_eq!(publish(&mut client), Err(UsageError::WindowFull(u16::MAX)));
    }
    (1..=u16::MAX).rev().for_each(|id| puback(&mut client, id));
    assert_eq!(client.session().in_flight(), 0);
    // Those that became free first come first.
    for id in (1..=u16::MAX).rev() {
        assert_eq!(publish(&mut client).unwrap(), id);
    }
}

/// One message at a time: identifiers come in order, and again as late as they can.
fn come_late_again<S: Store>(store: S, places: u32) {
    let mut client = client(Session::new(store));
    let mut last: BTreeMap<u16, u32> = BTreeMap::new();
    for n in 0..200_000 {
        let id = publish(&mut client).unwrap();
        assert!(n >= 65_535 || u32::from(id) == n + 1, "{id} is number {n}");
        if let Some(before) = last.insert(id, n) {
            assert!(n - before >= 65_535 - places, "{id} came again after {}", n - before);
        }
        puback(&mut client, id);
    }
}

#[test]
fn identifiers_come_in_order_and_late_again() {
    come_late_again(Fixed::<1, 32, 1>::default(), 1);
    come_late_again(Fixed::<2, 32, 1>::default(), 2);
    come_late_again(Fixed::<7, 32, 1>::default(), 7);
    come_late_again(FixedCaller::<64, 1>::default(), 64);
    come_late_again(Heap::<Boxed>::default(), 1);
}

/// Messages are acknowledged in any order: an identifier is never given out while it is in use, a table takes as many as
/// it says, and grown or not it keeps each message.
fn never_twice<S: Store>(store: S, places: usize, steps: u32) {
    let mut client = client(Session::new(store));
    let mut rng = Rng::new(places as u64);
    let mut live: BTreeMap<u16, u32> = BTreeMap::new();
    for n in 0..steps {
        // Mostly full, at times nearly empty.
        if rng.below(100) < if n / 5000 % 2 == 0 { 60 } else { 40 } {
            let message = Message { payload: &n.to_be_bytes(), ..MESSAGE };
            match client.publish(&message, &mut Vec::new()) {
                Ok(id) => assert_eq!(live.insert(id.unwrap().get(), n), None),
                Err(error) => {
                    assert_eq!(error, StoreError::Full.into());
                    assert!(live.len() >= places);
                }
            }
        } else if let Some(&id) = live.keys().nth(rng.below(live.len().max(1))) {
            puback(&mut client, id);
            live.remove(&id);
        }
        assert_eq!(usize::from(client.session().in_flight()), live.len());
        if n % 1000 == 0 {
            for (id, number) in &live {
                let id = PacketId::new(*id).unwrap();
                assert_eq!(client.session().message(id).unwrap().payload, number.to_be_bytes());
                assert_eq!(client.session().flight(id), Some(Flight::AtLeastOnce));
            }
        }
    }
}

#[test]
fn identifiers_in_use_are_not_given_out() {
    never_twice(Fixed::<1, 32, 1>::default(), 1, 20_000);
    never_twice(Fixed::<3, 32, 1>::default(), 3, 20_000);
    never_twice(Fixed::<16, 32, 1>::default(), 16, 100_000);
    never_twice(Heap::<Boxed>::new(1, 1), 1, 20_000);
    never_twice(Heap::<Boxed>::new(1024, 1), 1024, 100_000);
}

/// A server that has accepted a client of 5.0, and acknowledges by hand.
fn server<S: Store>(session: Session<S>, receive_maximum: u16) -> Server<S> {
    let config = Config { receive_maximum, ..Config::default() };
    let mut server = Server::new(NOW, &config, session);
    let expiry = [Property::SessionExpiryInterval(1)];
    let connect = Connect { client_id: "c", properties: (&expiry).into(), ..Default::default() };
    let input = Packet::from(connect).to_vec(Version::V5_0).unwrap();
    let mut out = Vec::new();
    assert!(matches!(server.handle(NOW, &mut &input[..], &mut out), Step::Event(Event::Connect(_))));
    server.set_acknowledge(Acknowledge::Manual);
    server.accept(Properties::EMPTY, &mut out).unwrap();
    server
}

fn message_of_qos_2(id: u16) -> Vec<u8> {
    let delivery = Delivery::ExactlyOnce(PacketId::new(id).unwrap());
    Packet::from(Publish { delivery, topic: "t", ..Publish::default() }).to_vec(Version::V5_0).unwrap()
}

fn pubrel(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![0x62, 2, high, low]
}

/// Handles the input; gives the token of its message.
fn receive<S: Store>(server: &mut Server<S>, input: &[u8], out: &mut Vec<u8>) -> Option<AckToken> {
    let mut rest = input;
    let mut token = None;
    loop {
        match server.handle(NOW, &mut rest, out) {
            Step::Event(Event::Publish(_, found)) => token = found,
            Step::Wait(Wait::Read(_)) => return token,
            step => panic!("{step:?}"),
        }
    }
}

/// Identifiers that all belong into one bucket, in a table that grows below them, and those that are just large.
#[test]
fn incoming_identifiers_may_be_any() {
    let mut rng = Rng::new(7);
    for step in [1, 2, 64, 128, 1024, 4095] {
        let mut server = server(Session::new(Heap::<Boxed>::new(1, 64)), 64);
        let ids: Vec<u16> = (1..=64).map(|n: u32| (n * step % 65_535 + 1) as u16).collect();
        let mut known = Vec::new();
        for round in 0..2000 {
            let id = rng.pick(&ids);
            let mut out = Vec::new();
            if let Some(at) = known.iter().position(|known| *known == id) {
                known.swap_remove(at);
                receive(&mut server, &pubrel(id), &mut out);
                assert_eq!(out[..4], [0x70, 2, (id >> 8) as u8, id as u8]);
            } else if round % 3 == 0 {
                // One that is not known is answered, too.
                receive(&mut server, &pubrel(id), &mut out);
                assert_eq!(out[..], [0x70, 3, (id >> 8) as u8, id as u8, 0x92]);
            } else {
                let token = receive(&mut server, &message_of_qos_2(id), &mut out).expect("a message");
                server.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
                assert_eq!(out[..4], [0x50, 2, (id >> 8) as u8, id as u8]);
                // A repeat is no message.
                assert!(receive(&mut server, &message_of_qos_2(id), &mut out).is_none());
                known.push(id);
            }
            assert_eq!(usize::from(server.session().incoming_in_flight()), known.len());
        }
    }
}

#[test]
fn a_smaller_table_says_that_it_is() {
    let mut large = Session::<Heap>::default();
    for n in 1..=8 {
        let id = PacketId::new(n).unwrap();
        let payload = [0; 40];
        let message = Message { payload: &payload[..if n == 3 { 40 } else { 1 }], ..MESSAGE };
        large.restore(&Record::Publish { id, qos: Qos::AtLeastOnce, message: Some(message) }).unwrap();
        large.restore(&Record::Take { id }).unwrap();
    }
    // Too few places out, too few in, and places too small for the third message.
    let full = |n| Some((n, StoreError::Full));
    assert_eq!(errors(Session::new(Fixed::<4, 64, 8>::default()), &large), [full(4), None]);
    assert_eq!(errors(Session::new(Fixed::<8, 64, 4>::default()), &large), [None, full(4)]);
    assert_eq!(
        errors(Session::new(Fixed::<8, 20, 8>::default()), &large),
        [Some((2, StoreError::TooLarge)), None]
    );
    assert_eq!(errors(Session::new(Fixed::<8, 64, 8>::default()), &large), [None, None]);
}

/// After how many of the messages and of the taken identifiers there is an error, and which. What did not fit leaves no trace.
fn errors<S: Store>(mut session: Session<S>, from: &Session<Heap>) -> [Option<(u16, StoreError)>; 2] {
    let mut errors = [None; 2];
    from.export(|record| {
        let before = (session.in_flight(), session.incoming_in_flight());
        let (list, n) = match record {
            Record::Publish { .. } => (0, before.0),
            _ => (1, before.1),
        };
        if let Err(error) = session.restore(record) {
            assert_eq!((session.in_flight(), session.incoming_in_flight()), before);
            errors[list] = errors[list].or(Some((n, error)));
        }
    });
    errors
}

#[test]
fn a_token_is_good_for_one_connection() {
    let mut out = Vec::new();
    let mut first = server(Session::new(Heap::<Boxed>::new(1, 4)), 4);
    let token = receive(&mut first, &message_of_qos_2(1), &mut out).unwrap();
    let other = receive(&mut first, &message_of_qos_2(2), &mut out).unwrap();
    first.ack(other, ReasonCode::SUCCESS, &mut out).unwrap();

    // The same identifier in the same place.
    let mut second = server(first.into_session(), 4);
    let stale = second.ack(token, ReasonCode::SUCCESS, &mut out).unwrap_err();
    assert_eq!(stale.error, UsageError::StaleToken);
    let again = receive(&mut second, &message_of_qos_2(1), &mut out).unwrap();
    let stale = second.ack(stale.token, ReasonCode::SUCCESS, &mut out).unwrap_err();
    assert_eq!((stale.error, stale.token.packet_id().get()), (UsageError::StaleToken, 1));
    second.ack(again, ReasonCode::SUCCESS, &mut out).unwrap();
    // Used, and the place taken by another message.
    receive(&mut second, &pubrel(1), &mut out);
    let last = receive(&mut second, &message_of_qos_2(1), &mut out).unwrap();
    assert_eq!(
        second.ack(stale.token, ReasonCode::SUCCESS, &mut out).unwrap_err().error,
        UsageError::StaleToken
    );
    second.ack(last, ReasonCode::SUCCESS, &mut out).unwrap();
}

/// A session may be written down while its connection is open.
#[test]
fn what_was_taken_is_exported_before_its_pubrec_goes() {
    let mut client: Client<Heap> = client(Session::default());
    let input = message_of_qos_2(7);
    let (mut rest, mut no_room) = (&input[..], &mut [][..]);
    assert!(matches!(client.handle(NOW, &mut rest, &mut no_room), Step::Event(Event::Publish(..))));
    let exported = |client: &Client<Heap>| {
        let mut taken = 0;
        client.session().export(|record| taken += usize::from(matches!(record, Record::Take { .. })));
        taken
    };
    assert_eq!(exported(&client), 0);
    assert!(matches!(client.handle(NOW, &mut rest, &mut no_room), Step::Wait(Wait::Read(2))));
    assert_eq!(exported(&client), 1);
}

/// What is announced leaves out the places of what was taken and is not released.
#[test]
fn places_that_are_taken_are_not_announced() {
    let mut before = client(Session::new(FixedCaller::<1, 4>::default()));
    let input = [message_of_qos_2(7), message_of_qos_2(8)].concat();
    let (mut rest, mut out) = (&input[..], Vec::new());
    while let Step::Event(_) = before.handle(NOW, &mut rest, &mut out) {}
    assert_eq!(out, b"\x50\x02\0\x07\x50\x02\0\x08");
    assert_eq!(client(before.into_session()).own_limits().receive_maximum, 2);
}

#[test]
fn nothing_is_said_behind_disconnect() {
    let mut client: Client<Heap> = client(Session::default());
    client.set_acknowledge(Acknowledge::Manual);
    let (input, mut out) = (message_of_qos_2(7), Vec::new());
    let step = client.handle(NOW, &mut &input[..], &mut out);
    let Step::Event(Event::Publish(_, Some(token))) = step else { panic!("{step:?}") };
    client.disconnect(&Disconnect::default(), &mut out).unwrap();
    client.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
    assert_eq!(out, [0xE0, 0]);
}
