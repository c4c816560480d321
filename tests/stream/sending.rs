//! Commands while a payload is pending, and what the peer sends meanwhile.

use sans_mqtt::{
    Acknowledge, Auth, Buffer, Cause, Client, Config, Connection, Disconnect, ErrorKind, Event, Message,
    Packet, Properties, Property, Publish, Qos, ReasonCode, RetainHandling, Role, Step, Subscribe,
    Subscription, UsageError, Version, Wait,
};

use crate::link::{Memory, QOS, VERSIONS};
use crate::peer::{Seen, ack, at, client, delivery, handle, id, publish, server, take};

const PENDING: UsageError = UsageError::PayloadPending(100);
const METHOD: Property<'_> = Property::AuthenticationMethod("M");
const FILTER: Subscription<'_> = Subscription {
    filter: "t",
    qos: Qos::AtMostOnce,
    no_local: false,
    retain_as_published: false,
    retain_handling: RetainHandling::Send,
};

fn message(qos: Qos) -> Message<'static> {
    Message { qos, topic: "t", ..Message::default() }
}

/// Has `connection` owe a hundred bytes of payload.
fn begin<R: Role>(connection: &mut Connection<R, Memory>, qos: Qos) {
    connection.publish_head(&message(qos), 100, &mut Vec::new()).unwrap();
    assert_eq!(connection.payload_left(), 100);
}

/// A client of 5.0 or another version that owes a hundred bytes.
fn streaming(version: Version, qos: Qos) -> Client<Memory> {
    let mut client = client(version, &Config::default(), &[]);
    begin(&mut client, qos);
    client
}

fn commands<R: Role>(connection: &mut Connection<R, Memory>, out: &mut Vec<u8>) {
    for qos in QOS {
        assert_eq!(connection.publish(&message(qos), out), Err(PENDING));
        assert_eq!(connection.publish_kept(&message(qos), Default::default(), out), Err(PENDING));
        assert_eq!(connection.publish_head(&message(qos), 7, out), Err(PENDING));
        assert_eq!(connection.publish_head(&message(qos), 0, out), Err(PENDING));
        assert_eq!(connection.resend(id(1), &message(qos), out), Err(PENDING));
        assert_eq!(connection.resend_head(id(1), &message(qos), 7, out), Err(PENDING));
    }
    assert_eq!(connection.requeue(id(1), out), Err(PENDING));
    assert_eq!(connection.abandon(id(1)), Err(UsageError::NotAsked));
    assert_eq!(connection.disconnect(&Disconnect::default(), out), Err(PENDING));
}

#[test]
fn no_command_gets_into_a_payload() {
    let mut out = Vec::new();
    let mut client = client(Version::V5_0, &Config::default(), &[METHOD]);
    begin(&mut client, Qos::AtLeastOnce);
    commands(&mut client, &mut out);
    assert_eq!(client.subscribe(&[FILTER], Properties::EMPTY, &mut out), Err(PENDING));
    assert_eq!(client.unsubscribe(&["t"], Properties::EMPTY, &mut out), Err(PENDING));
    let properties = [METHOD];
    let again = Auth { reason: ReasonCode::RE_AUTHENTICATE, properties: (&properties[..]).into() };
    assert_eq!(client.auth(&again, &mut out), Err(PENDING));
    assert_eq!((client.payload_left(), client.session().in_flight(), out.len()), (100, 1, 0));
    assert_eq!(client.payload_written(100), Ok(0));
    client.auth(&again, &mut out).unwrap();

    let mut server = server(Version::V5_0, &Config::default());
    let filters = [FILTER];
    let subscribe =
        Subscribe { packet_id: id(1), properties: Properties::EMPTY, filters: (&filters[..]).into() };
    let subscribe = Packet::Subscribe(subscribe).to_vec(Version::V5_0).unwrap();
    out.clear();
    assert_eq!(take(&mut server, &subscribe, &mut out), (vec![Seen::Ask], Wait::Decide));
    begin(&mut server, Qos::AtLeastOnce);
    commands(&mut server, &mut out);
    assert_eq!(server.suback(&[ReasonCode::SUCCESS], Properties::EMPTY, &mut out), Err(PENDING));
    assert_eq!((server.payload_left(), server.session().in_flight(), out.len()), (100, 1, 0));
    assert_eq!(server.payload_written(100), Ok(0));
    server.suback(&[ReasonCode::SUCCESS], Properties::EMPTY, &mut out).unwrap();

    // While the payload is pending, the question itself waits.
    begin(&mut server, Qos::AtLeastOnce);
    let mut input = &subscribe[..];
    let waits = handle(&mut server, at(0), &mut input, &mut out);
    assert_eq!((waits, input.len()), ((vec![], Wait::Payload(100)), subscribe.len()));
    server.payload_written(100).unwrap();
    assert_eq!(take(&mut server, input, &mut out), (vec![Seen::Ask], Wait::Decide));
}

#[test]
fn no_more_is_written_than_is_left() {
    let mut client = streaming(Version::V5_0, Qos::AtMostOnce);
    for n in [101, u32::MAX as usize, usize::MAX] {
        assert_eq!(client.payload_written(n), Err(UsageError::PayloadOverrun(100)));
    }
    assert_eq!((client.payload_written(0), client.payload_written(99)), (Ok(100), Ok(1)));
    assert_eq!(client.payload_written(2), Err(UsageError::PayloadOverrun(1)));
    assert_eq!((client.payload_written(1), client.payload_written(0)), (Ok(0), Ok(0)));
    assert_eq!(client.payload_written(1), Err(UsageError::PayloadOverrun(0)));
    client.handle_eof();
    assert_eq!(take(&mut client, &[], &mut Vec::new()).1, Wait::Closed(Cause::Eof));
    assert_eq!(client.payload_written(0), Err(UsageError::NotConnected));
}

/// Messages of all kinds, and what was owed before.
#[test]
fn acknowledgements_come_behind_the_payload() {
    for version in VERSIONS {
        let mut client = client(version, &Config::default(), &[]);
        let mut out = Vec::new();
        let ours = client.publish(&message(Qos::ExactlyOnce), &mut out).unwrap().unwrap();
        let before = publish(version, Qos::ExactlyOnce, 9, false, b"x");
        let _ = take(&mut client, &before, &mut out);
        begin(&mut client, Qos::AtLeastOnce);
        out.clear();
        let input = [
            publish(version, Qos::AtLeastOnce, 5, false, b"1"),
            Packet::Pubrel(ack(9)).to_vec(version).unwrap(),
            publish(version, Qos::ExactlyOnce, 6, false, b"2"),
            Packet::Pubrec(ack(ours.get())).to_vec(version).unwrap(),
            publish(version, Qos::AtLeastOnce, 3, false, b"3"),
            publish(version, Qos::ExactlyOnce, 4, false, b"4"),
            publish(version, Qos::AtMostOnce, 0, false, b"5"),
            Packet::Pubrel(ack(6)).to_vec(version).unwrap(),
        ];
        let (events, wait) = take(&mut client, &input.concat(), &mut out);
        assert_eq!(events, [b"1", b"2", b"3", b"4", b"5"].map(|payload| Seen::Publish(payload.to_vec())));
        assert_eq!((wait, &out[..]), (Wait::Payload(100), &[][..]));
        client.payload_written(99).unwrap();
        assert_eq!(take(&mut client, &[], &mut out), (vec![], Wait::Payload(1)));
        assert!(out.is_empty());
        client.payload_written(1).unwrap();
        assert_eq!(take(&mut client, &[], &mut out), (vec![], Wait::Read(2)));
        // PUBACKs, PUBRECs and PUBCOMPs, each in the order in which they fell due, and PUBREL.
        let of =
            |packet: u8| out.chunks(4).filter(|ack| ack[0] == packet).map(|ack| ack[3]).collect::<Vec<_>>();
        assert_eq!((of(0x40), of(0x70), of(0x62)), (vec![5, 3], vec![9, 6], vec![ours.get() as u8]));
        // The peer did not wait for a PUBREC of 6.
        assert_eq!((of(0x50), out.len()), (vec![4], 6 * 4));
    }
}

#[test]
fn the_application_may_acknowledge_meanwhile() {
    let mut client = streaming(Version::V5_0, Qos::AtMostOnce);
    client.set_acknowledge(Acknowledge::Manual);
    let mut out = Vec::new();
    let mut tokens = Vec::new();
    for id in [7, 8] {
        let message = publish(Version::V5_0, Qos::AtLeastOnce, id, false, &[]);
        let step = client.handle(at(0), &mut &message[..], &mut out);
        let Step::Event(Event::Publish(_, Some(token))) = step else { panic!("{step:?}") };
        tokens.push(token);
    }
    for token in tokens.into_iter().rev() {
        client.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
    }
    assert_eq!((take(&mut client, &[], &mut out).1, out.len()), (Wait::Payload(100), 0));
    client.payload_written(100).unwrap();
    assert_eq!(take(&mut client, &[], &mut out).1, Wait::Read(2));
    assert_eq!(out, b"\x40\x02\0\x07\x40\x02\0\x08");
}

#[test]
fn pings_are_answered_behind_the_payload() {
    for version in VERSIONS {
        let mut server = server(version, &Config::default());
        begin(&mut server, Qos::AtMostOnce);
        let (pings, mut out) = ([0xC0, 0].repeat(1000), Vec::new());
        let mut input = &pings[..];
        // It counts no further than 255. Room in the sink would not help.
        let (_, wait) = handle(&mut server, at(0), &mut input, &mut out);
        assert_eq!((wait, input.len(), out.len()), (Wait::Payload(100), 2 * (1000 - 255), 0));
        server.payload_written(100).unwrap();
        while let (_, Wait::Write(_)) = handle(&mut server, at(0), &mut input, &mut out) {}
        assert_eq!(out, [0xD0, 0].repeat(1000));
    }
}

/// The table of what is owed is full, and only the end of the payload makes room in it.
#[test]
fn more_messages_than_there_is_room_for_wait() {
    let mut client = streaming(Version::V3_1_1, Qos::AtMostOnce);
    let messages: Vec<u8> =
        (1..=9).flat_map(|id| publish(Version::V3_1_1, Qos::AtLeastOnce, id, false, b"x")).collect();
    let (mut input, mut out) = (&messages[..], Vec::new());
    let (events, wait) = handle(&mut client, at(0), &mut input, &mut out);
    assert_eq!((events.len(), wait, out.len()), (8, Wait::Payload(100), 0));
    client.payload_written(100).unwrap();
    let (events, wait) = handle(&mut client, at(0), &mut input, &mut out);
    assert_eq!((events.len(), wait, out.len()), (1, Wait::Read(2), 9 * 4));
}

#[test]
fn a_peer_that_goes_gets_no_answer() {
    let mut client = streaming(Version::V5_0, Qos::AtLeastOnce);
    let (disconnect, mut out) = ([0xE0, 1, 0x8B], Vec::new());
    let closed = Wait::Closed(Cause::Peer(ReasonCode::SERVER_SHUTTING_DOWN));
    assert_eq!(take(&mut client, &disconnect, &mut out), (vec![Seen::Disconnect], closed));
    assert_eq!((client.payload_written(1), out.len()), (Err(UsageError::NotConnected), 0));
    assert_eq!(client.into_session().in_flight(), 1);

    let mut server = server(Version::V3_1_1, &Config::default());
    begin(&mut server, Qos::AtLeastOnce);
    let closed = Wait::Closed(Cause::Peer(ReasonCode::SUCCESS));
    assert_eq!(take(&mut server, &[0xE0, 0], &mut out), (vec![Seen::Disconnect], closed));
    assert_eq!((server.payload_written(1), out.len()), (Err(UsageError::NotConnected), 0));
}

fn fails(client: &mut Client<Memory>, input: &[u8], kind: ErrorKind) {
    let mut out = Vec::new();
    let (events, wait) = take(client, input, &mut out);
    let Wait::Closed(Cause::Failed(error)) = wait else { panic!("{wait:?}") };
    assert_eq!((events, error.kind(), out), (vec![], kind, vec![]));
}

#[test]
fn an_error_gets_no_farewell_within_a_payload() {
    // PINGREQ is for clients.
    fails(&mut streaming(Version::V5_0, Qos::AtLeastOnce), &[0xC0, 0], ErrorKind::Sender);
    // Behind the payload the connection has as much to say as ever.
    let mut client = streaming(Version::V5_0, Qos::AtLeastOnce);
    client.payload_written(100).unwrap();
    let mut out = Vec::new();
    let (_, wait) = take(&mut client, &[0xC0, 0], &mut out);
    assert!(matches!(wait, Wait::Closed(Cause::Failed(_))));
    assert_eq!(out, [0xE0, 1, 0x82]);
}

#[test]
fn nobody_acknowledges_what_is_not_complete() {
    for version in VERSIONS {
        let puback = Packet::Puback(ack(1)).to_vec(version).unwrap();
        let pubrec = Packet::Pubrec(ack(1)).to_vec(version).unwrap();
        fails(&mut streaming(version, Qos::AtLeastOnce), &puback, ErrorKind::WrongAck);
        fails(&mut streaming(version, Qos::ExactlyOnce), &pubrec, ErrorKind::WrongAck);
        // With the last byte it may.
        let mut client = streaming(version, Qos::AtLeastOnce);
        client.payload_written(100).unwrap();
        assert_eq!(take(&mut client, &puback, &mut Vec::new()).0, [Seen::Acked(1)]);
    }
    let refused = [0x50, 3, 0, 1, 0x97];
    fails(&mut streaming(Version::V5_0, Qos::ExactlyOnce), &refused, ErrorKind::WrongAck);
}

/// Nothing, or a beginning, or all of a payload with the head.
#[test]
fn the_bytes_are_those_of_the_whole_message() {
    let payload: Vec<u8> = (0..=255).collect();
    for version in VERSIONS {
        for qos in QOS {
            for len in [0, 1, 256] {
                for first in 0..=len {
                    let (now, later) = payload[..len].split_at(first);
                    let mut client = client(version, &Config::default(), &[]);
                    let mut out = Vec::new();
                    let message = Message { payload: now, ..message(qos) };
                    client.publish_head(&message, later.len() as u32, &mut out).unwrap();
                    assert_eq!(client.payload_left() as usize, later.len());
                    out.extend_from_slice(later);
                    client.payload_written(later.len()).unwrap();
                    let delivery = delivery(qos, 1);
                    let whole =
                        Publish { delivery, topic: "t", payload: &payload[..len], ..Publish::default() };
                    assert_eq!(out, Packet::Publish(whole).to_vec(version).unwrap());
                    client.publish(&Message { payload: &[], ..message }, &mut out).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_head_that_is_refused_changes_nothing() {
    let limits = [Property::MaximumPacketSize(1000)];
    let mut limited = client(Version::V5_0, &Config::default(), &limits);
    let mut any = client(Version::V3_1_1, &Config::default(), &[]);
    let (head, mut out) = (message(Qos::AtLeastOnce), Vec::new());
    let too_large = UsageError::TooLarge { size: 1001, limit: 1000 };
    assert_eq!(limited.publish_head(&head, 1001 - 9, &mut out), Err(too_large));
    for more in [268_435_456 - 5, u32::MAX] {
        assert!(matches!(any.publish_head(&head, more, &mut out), Err(UsageError::Encode(_))), "{more}");
    }
    let mut small = Buffer::<38>::new();
    assert_eq!(any.publish_head(&head, 100, &mut small), Err(UsageError::NoRoom(7 + 32)));
    assert!(small.is_empty());
    for client in [&mut limited, &mut any] {
        assert_eq!((client.payload_left(), client.session().in_flight(), out.len()), (0, 0, 0));
        assert!(client.publish_head(&head, 1000 - 9, &mut out).is_ok());
        out.clear();
    }
}
