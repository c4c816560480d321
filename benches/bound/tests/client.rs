//! What the client is measured with has to be what a client does.

use std::num::NonZeroU16;

use bound::{Client, Connect, Event, Flags, Invalid, List, Publish, Refused, Version};

const CONNACK: &[u8] = b"\x20\x06\0\0\x03\x21\0\x03"; // with Receive Maximum 3

fn connected() -> Client<4> {
    let mut client = Client::new(Version::V5_0, 1024);
    let connect = Connect {
        clean_start: true,
        keep_alive: 60,
        properties: List::EMPTY,
        client_id: "a",
        will: None,
        user_name: None,
        password: None,
    };
    let mut room = [0; 64];
    let mut out = &mut room[..];
    assert_eq!(send(&mut client, 0), Err(Refused::Invalid), "before CONNACK");
    client.connect(0, &connect, &mut out).unwrap();
    assert!(matches!(client.handle(0, &mut &CONNACK[..], &mut out), Ok(Event::Connected(_))));
    client
}

/// Gives the bytes that were sent.
fn send(client: &mut Client<4>, qos: u8) -> Result<Vec<u8>, Refused> {
    let flags = Flags::new(false, qos, false).unwrap();
    let message = Publish { flags, packet_id: None, topic: "a", properties: List::EMPTY, payload: b"x" };
    let mut room = [0; 64];
    let mut out = &mut room[..];
    client.publish(0, &message, &mut out)?;
    let left = out.len();
    Ok(room[..64 - left].to_vec())
}

/// Identifiers and codes of what is done.
type Done = Vec<(u16, u8)>;

/// Gives what is done, and the answers.
fn receive(client: &mut Client<4>, mut input: &[u8]) -> Result<(Done, Vec<u8>), Invalid> {
    let mut room = [0; 64];
    let (mut out, mut done) = (&mut room[..], Vec::new());
    loop {
        match client.handle(0, &mut input, &mut out)? {
            Event::Acked(id, code) => done.push((NonZeroU16::get(id), code)),
            Event::Read => break,
            Event::Publish(_) => {}
            event => panic!("{event:?}"),
        }
    }
    let left = out.len();
    Ok((done, room[..64 - left].to_vec()))
}

#[test]
fn quota_and_identifiers() {
    let mut client = connected();
    assert_eq!(send(&mut client, 0).unwrap(), b"\x30\x05\0\x01a\0x");
    for id in 1..=3 {
        assert_eq!(send(&mut client, 1).unwrap(), [0x32, 7, 0, 1, b'a', 0, id, 0, b'x']);
    }
    assert_eq!(send(&mut client, 1), Err(Refused::NoQuota));
    assert_eq!(
        receive(&mut client, b"\x40\x02\0\x02\x40\x03\0\x01\x97"),
        Ok((vec![(2, 0), (1, 0x97)], vec![]))
    );
    for id in [4, 2] {
        assert_eq!(send(&mut client, 2).unwrap(), [0x34, 7, 0, 1, b'a', 0, id, 0, b'x']);
    }
    assert_eq!(client.in_flight(), 3);
}

#[test]
fn exactly_once() {
    let mut client = connected();
    send(&mut client, 2).unwrap();
    send(&mut client, 2).unwrap();
    let (pubrec, pubrel) = (b"\x50\x02\0\x01", b"\x62\x02\0\x01".to_vec());
    assert_eq!(receive(&mut client, pubrec), Ok((vec![], pubrel.clone())));
    assert_eq!(receive(&mut client, pubrec), Ok((vec![], pubrel)), "again");
    assert_eq!(receive(&mut client, b"\x70\x02\0\x01"), Ok((vec![(1, 0)], vec![])));
    assert_eq!(receive(&mut client, b"\x50\x03\0\x02\x80"), Ok((vec![(2, 0x80)], vec![])), "refused");
    assert_eq!(
        receive(&mut client, b"\x50\x02\0\x09"),
        Ok((vec![], b"\x62\x03\0\x09\x92".to_vec())),
        "unknown"
    );
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn the_wrong_answer() {
    for (qos, answer) in
        [(1, b"\x50\x02\0\x01"), (1, b"\x70\x02\0\x01"), (2, b"\x40\x02\0\x01"), (2, b"\x70\x02\0\x01")]
    {
        let mut client = connected();
        send(&mut client, qos).unwrap();
        assert_eq!(receive(&mut client, answer), Err(Invalid), "{answer:02X?} at QoS {qos}");
    }
    assert_eq!(
        receive(&mut connected(), b"\x82\x06\0\x01\0\0\x01a"),
        Err(Invalid),
        "what a server does not send"
    );
}

#[test]
fn what_comes() {
    let mut client = connected();
    let received = |client: &mut Client<4>, bytes: &[u8]| receive(client, bytes).unwrap().1;
    assert_eq!(received(&mut client, b"\x30\x05\0\x01a\0x"), b"");
    assert_eq!(received(&mut client, b"\x32\x07\0\x01a\0\x09\0x"), b"\x40\x02\0\x09");
    assert_eq!(received(&mut client, b"\x34\x07\0\x01a\0\x09\0x"), b"\x50\x02\0\x09");
    assert_eq!(received(&mut client, b"\x62\x02\0\x09"), b"\x70\x02\0\x09");
}
