//! A message in pieces: however it is cut, and what is refused.

use sans_mqtt::{
    Acknowledge, Cause, Config, Connection, ErrorKind, Packet, Properties, Property, Publish, Qos,
    ReasonCode, Role, Step, Subscribe, Subscription, Version, Wait,
};

use crate::link::{Memory, QOS, VERSIONS};
use crate::peer::{Seen, ack, at, client, delivery, handle, id, publish, server, take};

/// Pieces are put together again.
fn joined(events: Vec<Seen>) -> Vec<Seen> {
    let mut joined: Vec<Seen> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(Seen::Chunk(bytes)), Seen::Chunk(more)) => {
                assert!(!more.is_empty());
                bytes.extend(more);
            }
            (_, event) => joined.push(event),
        }
    }
    joined
}

/// What `connection` makes of `pieces`, when it is called after each.
fn fed<R: Role>(connection: &mut Connection<R, Memory>, pieces: &[&[u8]]) -> (Vec<Seen>, Vec<u8>) {
    let (mut buffer, mut events, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut input = &buffer[..];
        let (more, wait) = handle(connection, at(0), &mut input, &mut out);
        assert!(matches!(wait, Wait::Read(_)), "{wait:?}");
        assert!(input.len() < 64, "what is kept never grows above the limit");
        events.extend(more);
        buffer = input.to_vec();
    }
    assert!(buffer.is_empty());
    (joined(events), out)
}

/// `run` feeds a new connection.
fn all_cuts(version: Version, run: impl Fn(&[&[u8]]) -> (Vec<Seen>, Vec<u8>)) {
    let payload: Vec<u8> = (0..100).collect();
    for qos in QOS {
        let properties = [Property::ContentType("text"), Property::ResponseTopic("answer")];
        let properties = if version == Version::V5_0 { &properties[..] } else { &[] };
        let topic = "a topic of some length";
        let delivery = delivery(qos, 5);
        let message = Publish {
            delivery,
            topic,
            properties: properties.into(),
            payload: &payload,
            ..Publish::default()
        };
        let mut bytes = Packet::Publish(message).to_vec(version).unwrap();
        bytes.extend(publish(version, Qos::AtLeastOnce, 6, false, b"next"));
        let expected = [
            Seen::Start(100),
            Seen::Chunk(payload.clone()),
            Seen::End(None),
            Seen::Publish(b"next".to_vec()),
        ];
        let acks: &[u8] = match qos {
            Qos::AtMostOnce => b"\x40\x02\0\x06",
            Qos::AtLeastOnce => b"\x40\x02\0\x05\x40\x02\0\x06",
            Qos::ExactlyOnce => b"\x50\x02\0\x05\x40\x02\0\x06",
        };
        let check = |pieces: &[&[u8]]| {
            let (events, mut out) = run(pieces);
            assert_eq!(events, expected, "{qos:?} {pieces:?}");
            // PUBREC and PUBACK have an order each.
            if out.starts_with(b"\x40\x02\0\x06\x50") {
                out.rotate_left(4);
            }
            assert_eq!(out, acks);
        };
        for at in 0..=bytes.len() {
            let (first, rest) = bytes.split_at(at);
            check(&[first, rest]);
            for behind in (0..rest.len()).step_by(7) {
                let (second, third) = rest.split_at(behind);
                check(&[first, second, third]);
            }
        }
        for len in 1..80 {
            check(&bytes.chunks(len).collect::<Vec<_>>());
        }
    }
}

/// A head has up to 64 bytes.
fn config() -> Config {
    Config { stream_above: 64, maximum_packet_size: 10_000, ..Config::default() }
}

#[test]
fn however_it_is_cut() {
    for version in VERSIONS {
        all_cuts(version, |pieces| fed(&mut client(version, &config(), &[]), pieces));
        all_cuts(version, |pieces| fed(&mut server(version, &config()), pieces));
    }
}

/// Nothing of a head is left over for the next one, which is shorter.
#[test]
fn one_behind_the_other() {
    for version in VERSIONS {
        let long = Publish { topic: "a topic of some length", payload: &[7; 200], ..Publish::default() };
        let long = Packet::Publish(long).to_vec(version).unwrap();
        let short = publish(version, Qos::AtMostOnce, 0, false, &[7; 200]);
        let (mut server, mut out) = (server(version, &config()), Vec::new());
        for (packet, head) in [(&long, long.len() - 200), (&short, short.len() - 200)] {
            for len in 0..head {
                let _ = handle(&mut server, at(0), &mut &packet[..len], &mut out);
            }
            let (events, wait) = take(&mut server, &packet[..head], &mut out);
            assert_eq!((events, wait), (vec![Seen::Start(200)], Wait::Read(1)));
            let (events, wait) = take(&mut server, &packet[head..], &mut out);
            assert_eq!((events.len(), wait), (2, Wait::Read(2)));
        }
    }
}

/// Requires that `connection` refuses `input` as soon as the byte `enough` has come, and reads on before.
fn refuses<R: Role>(mut connection: Connection<R, Memory>, input: &[u8], enough: usize) {
    let (before, mut out) = (&input[..enough - 1], Vec::new());
    for len in 0..enough {
        let (events, wait) = handle(&mut connection, at(0), &mut &before[..len], &mut out);
        assert!(matches!(wait, Wait::Read(needed) if needed <= input.len() - len), "{len}: {wait:?}");
        assert_eq!(events, []);
    }
    let (events, wait) = take(&mut connection, &input[..enough], &mut out);
    let Wait::Closed(Cause::Failed(error)) = wait else { panic!("{wait:?}") };
    // The error says which limit it is.
    let (size, limit) = error.exceeded().unwrap();
    let (kind, option, expected) = match size {
        ..=10_000 => (ErrorKind::NotBuffered, "stream_above", 64),
        _ => (ErrorKind::PacketTooLarge, "maximum_packet_size", 10_000),
    };
    assert_eq!((events, error.kind(), error.option(), limit), (vec![], kind, Some(option), expected));
    assert_eq!(error.reason(), ReasonCode::PACKET_TOO_LARGE);
    let told: &[u8] = if connection.version() == Version::V5_0 { &[0xE0, 1, 0x95] } else { &[] };
    assert_eq!(out, told);
}

#[test]
fn a_head_that_is_too_large() {
    for version in VERSIONS {
        let bytes = |topic: usize| {
            let topic = "t".repeat(topic);
            let publish = Publish { topic: &topic, payload: &[7; 200], ..Publish::default() };
            Packet::Publish(publish).to_vec(version).unwrap()
        };
        let most = 64 - 5 - usize::from(version == Version::V5_0);
        let (events, wait) = take(&mut client(version, &config(), &[]), &bytes(most), &mut Vec::new());
        let expected = [Seen::Start(200), Seen::Chunk(vec![7; 200]), Seen::End(None)];
        assert_eq!((&events[..], wait), (&expected[..], Wait::Read(2)));
        // The length of the topic says it, or in 5.0 that of the properties behind it.
        refuses(client(version, &config(), &[]), &bytes(60), 5);
        refuses(server(version, &config()), &bytes(60), 5);
        // What has come already does not help.
        let mut whole = server(version, &config());
        assert!(matches!(take(&mut whole, &bytes(60), &mut Vec::new()).1, Wait::Closed(Cause::Failed(_))));
    }
}

/// The fixed header says it.
#[test]
fn other_packets_that_are_too_large() {
    for version in VERSIONS {
        let topic = "t".repeat(60);
        let filters = [Subscription { filter: &topic, ..Subscription::default() }];
        let (packet_id, filters) = (id(1), (&filters[..]).into());
        let subscribe = Packet::Subscribe(Subscribe { packet_id, properties: Properties::EMPTY, filters });
        refuses(server(version, &config()), &subscribe.to_vec(version).unwrap(), 2);
        let suback = [&[0x90, 63, 0, 1][..], &[0; 61]].concat();
        refuses(client(version, &config(), &[]), &suback, 2);
    }
}

/// The fixed header says it.
#[test]
fn beyond_the_maximum_packet_size() {
    for version in VERSIONS {
        let head = 3 + 7 + usize::from(version == Version::V5_0);
        let sized = |size| publish(version, Qos::AtMostOnce, 0, false, &vec![7; size - head]);
        let (events, wait) = take(&mut server(version, &config()), &sized(10_000), &mut Vec::new());
        assert_eq!((events.len(), wait), (3, Wait::Read(2)));
        refuses(server(version, &config()), &sized(10_001), 3);
        refuses(client(version, &config(), &[]), &sized(10_001), 3);
    }
}

/// Its sender can't know that it was taken.
#[test]
fn a_repeat_is_not_delivered() {
    for version in VERSIONS {
        let mut client = client(version, &config(), &[]);
        let mut out = Vec::new();
        let first = publish(version, Qos::ExactlyOnce, 5, false, &[7; 200]);
        let again = publish(version, Qos::ExactlyOnce, 5, true, &[7; 200]);
        let (events, _) = take(&mut client, &first, &mut out);
        assert_eq!((events.len(), &out[..]), (3, &b"\x50\x02\0\x05"[..]));
        out.clear();
        // Not before its end.
        let mut rest = &again[..150];
        assert_eq!(handle(&mut client, at(0), &mut rest, &mut out), (vec![], Wait::Read(1)));
        assert!(out.is_empty() && rest.is_empty());
        assert_eq!(take(&mut client, &again[150..], &mut out), (vec![], Wait::Read(2)));
        assert_eq!(out, b"\x50\x02\0\x05");
        let pubrel = Packet::Pubrel(ack(5)).to_vec(version).unwrap();
        let _ = take(&mut client, &pubrel, &mut out);
        assert_eq!(out[4..], *b"\x70\x02\0\x05");
        // Now it is another message.
        assert_eq!(take(&mut client, &again, &mut out).0.len(), 3);
    }
}

#[test]
fn an_identifier_in_use_is_refused_with_the_head() {
    let mut client = client(Version::V5_0, &config(), &[]);
    client.set_acknowledge(Acknowledge::Manual);
    let mut out = Vec::new();
    let message = publish(Version::V5_0, Qos::AtLeastOnce, 5, false, &[7; 200]);
    assert_eq!(take(&mut client, &message, &mut out).0.len(), 3);
    let (events, wait) = take(&mut client, &message[..20], &mut out);
    let Wait::Closed(Cause::Failed(error)) = wait else { panic!("{wait:?}") };
    assert_eq!((events, error.kind()), (vec![], ErrorKind::PacketIdInUse));
    assert_eq!(out, [0xE0, 1, 0x82]);
}

#[test]
fn the_token_comes_with_the_end() {
    for version in VERSIONS {
        for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let mut client = client(version, &config(), &[]);
            client.set_acknowledge(Acknowledge::Manual);
            let mut out = Vec::new();
            let message = publish(version, qos, 5, false, &[7; 200]);
            let (before, last) = message.split_at(message.len() - 1);
            let (events, _) = take(&mut client, before, &mut out);
            assert_eq!(events, [Seen::Start(200), Seen::Chunk(vec![7; 199])]);
            assert_eq!(client.session().incoming_in_flight(), 0);
            let (mut events, wait) = take(&mut client, last, &mut out);
            assert_eq!((wait, out.len(), client.session().incoming_in_flight()), (Wait::Read(2), 0, 1));
            let Some(Seen::End(Some(token))) = events.pop() else { panic!("no token") };
            assert_eq!((token.packet_id(), events), (id(5), vec![Seen::Chunk(vec![7])]));
            client.ack(token, ReasonCode::SUCCESS, &mut out).unwrap();
            let first = if qos == Qos::AtLeastOnce { 0x40 } else { 0x50 };
            assert_eq!(out, [first, 2, 0, 5]);
        }
    }
}

/// At QoS 1 and 2 it is acknowledged when the end is taken, not before.
#[test]
fn the_end_is_acknowledged_when_it_is_taken() {
    let mut client = client(Version::V5_0, &config(), &[]);
    let message = publish(Version::V5_0, Qos::AtLeastOnce, 5, false, &[7; 200]);
    let (mut input, mut out) = (&message[..], Vec::new());
    for _ in ["start", "chunk", "end"] {
        assert!(matches!(client.handle(at(0), &mut input, &mut out), Step::Event(_)));
        assert!(out.is_empty());
    }
    assert!(matches!(client.handle(at(0), &mut input, &mut out), Step::Wait(Wait::Read(2))));
    assert_eq!(out, b"\x40\x02\0\x05");
}
