//! Who is alive: a peer that takes its time, not one that drips; and a client that sends something else than PINGREQ.

use sans_mqtt::{
    Cause, Client, Config, Message, Packet, Property, Publish, Qos, Timer, UsageError, Version, Wait,
};

use crate::link::{Memory, VERSIONS};
use crate::peer::{at, client, handle, publish, server};

/// One and a half times the Keep Alive.
const PATIENCE: u64 = 15;

fn streams() -> Config {
    Config { stream_above: 5000, ..Config::default() }
}

/// Has a server read a packet in steps of `step` bytes with a pause of so many seconds between them. Gives the time at
/// which it gives up, if it does.
fn read_slowly(config: &Config, version: Version, packet: &[u8], step: usize, pause: u64) -> Option<u64> {
    let mut server = server(version, config);
    let (mut taken, mut out) = (0, Vec::new());
    for (n, end) in (step..packet.len()).step_by(step).enumerate() {
        let now = at(n as u64 * pause);
        if let Some(due) = server.poll_timeout().filter(|due| *due <= now) {
            server.handle_timeout(due, &mut out);
            let (_, wait) = handle(&mut server, due, &mut &[][..], &mut out);
            assert_eq!(wait, Wait::Closed(Cause::Timeout(Timer::KeepAlive)));
            return Some(due.as_millis() / 1000);
        }
        let mut input = &packet[taken..end];
        let len = input.len();
        let (_, wait) = handle(&mut server, now, &mut input, &mut out);
        assert!(matches!(wait, Wait::Read(_)));
        taken += len - input.len();
    }
    None
}

#[test]
fn a_slow_peer_is_alive() {
    for version in VERSIONS {
        let packet = publish(version, Qos::AtLeastOnce, 5, false, &[7; 8000]);
        let survives = |config, step, pause| {
            assert_eq!(read_slowly(config, version, &packet, step, pause), None, "{step} bytes, {pause} s");
        };
        let late = PATIENCE - 1;
        // Into a buffer, a KiB in time.
        let whole = Config::default();
        survives(&whole, 1024, late);
        survives(&whole, 1500, late);
        survives(&whole, 512, late / 2);
        // Each packet begins anew.
        let two = packet.repeat(2);
        assert_eq!(read_slowly(&whole, version, &two, 1024, late), None);
        // In pieces, whatever they are.
        let pieces = Config { stream_above: 16, ..whole };
        survives(&pieces, 1024, late);
        survives(&pieces, 20, late);
    }
}

#[test]
fn a_peer_that_drips_is_not() {
    for version in VERSIONS {
        let packet = publish(version, Qos::AtLeastOnce, 5, false, &[7; 8000]);
        let ends = |config, packet, step, pause, when| {
            assert_eq!(
                read_slowly(config, version, packet, step, pause),
                Some(when),
                "{step} bytes, {pause} s"
            );
        };
        let whole = Config::default();
        ends(&whole, &packet, 1, 1, PATIENCE);
        ends(&whole, &packet, 500, 10, PATIENCE);
        ends(&whole, &packet, 1023, PATIENCE, PATIENCE);
        // Seventy-five bytes a second are enough.
        ends(&whole, &packet, 60, 1, PATIENCE);
        assert_eq!(read_slowly(&whole, version, &packet, 75, 1), None);
        // A head too.
        let topic = "t".repeat(4000);
        let head = Publish { topic: &topic, payload: &[7; 8000], ..Publish::default() };
        let packet = Packet::Publish(head).to_vec(version).unwrap();
        ends(&streams(), &packet, 1, 1, PATIENCE);
        assert_eq!(read_slowly(&streams(), version, &packet, 1024, PATIENCE - 1), None);
    }
}

/// What has counted does not count again.
#[test]
fn a_peer_that_drips_after_a_start_is_not() {
    let mut server = server(Version::V5_0, &Config::default());
    let packet = publish(Version::V5_0, Qos::AtLeastOnce, 5, false, &[7; 8000]);
    for second in 0..PATIENCE {
        let mut input = &packet[..1100 + second as usize];
        let (_, wait) = handle(&mut server, at(second), &mut input, &mut Vec::new());
        assert!(matches!(wait, Wait::Read(_)));
    }
    assert_eq!(server.poll_timeout(), Some(at(PATIENCE)));
}

#[test]
fn silence_within_a_payload_ends_the_connection() {
    let mut server = server(Version::V5_0, &streams());
    let packet = publish(Version::V5_0, Qos::AtLeastOnce, 5, false, &[7; 8000]);
    let mut out = Vec::new();
    let (events, _) = handle(&mut server, at(5), &mut &packet[..6000], &mut out);
    assert_eq!(events.len(), 2);
    assert_eq!(handle(&mut server, at(19), &mut &[][..], &mut out), (vec![], Wait::Read(1)));
    let (_, wait) = handle(&mut server, at(20), &mut &[][..], &mut out);
    assert_eq!(wait, Wait::Closed(Cause::Timeout(Timer::KeepAlive)));
    assert_eq!(out, [0xE0, 1, 0x8D]);
}

/// A client that owes a payload, and has a Keep Alive of 10 seconds and a patience of 10.
fn sending() -> Client<Memory> {
    let mut client = client(Version::V5_0, &streams(), &[Property::ServerKeepAlive(10)]);
    let message = Message { qos: Qos::AtLeastOnce, topic: "t", ..Message::default() };
    client.publish_head(&message, 100, &mut Vec::new()).unwrap();
    client
}

#[test]
fn a_payload_is_as_good_as_a_ping() {
    let (mut client, mut out) = (sending(), Vec::new());
    // Less often than the Keep Alive asks for, but before it is certain that nobody listens.
    for n in 0..10 {
        let now = at(n * 15);
        let mut wait = || handle(&mut client, now, &mut &[][..], &mut out).1;
        assert_eq!(wait(), Wait::Payload(100 - n as u32));
        client.payload_written(1).unwrap();
        let (_, wait) = handle(&mut client, now, &mut &[][..], &mut out);
        assert_eq!((wait, client.poll_timeout()), (Wait::Payload(99 - n as u32), Some(at(n * 15 + 10))));
    }
    assert!(out.is_empty());
    assert_eq!(client.payload_written(90), Ok(0));
    assert_eq!(handle(&mut client, at(140), &mut &[][..], &mut out), (vec![], Wait::Read(2)));
    assert_eq!((client.poll_timeout(), out.len()), (Some(at(145)), 0));
    let _ = handle(&mut client, at(145), &mut &[][..], &mut out);
    assert_eq!(out, [0xC0, 0]);
}

#[test]
fn a_payload_that_stands_still_ends_the_connection() {
    let (mut client, mut out) = (sending(), Vec::new());
    let mut now = at(0);
    for expected in [at(0), at(10), at(20)] {
        assert_eq!(now, expected);
        let (_, wait) = handle(&mut client, now, &mut &[][..], &mut out);
        if wait == Wait::Closed(Cause::Timeout(Timer::Ping)) {
            break;
        }
        assert_eq!(wait, Wait::Payload(100));
        now = client.poll_timeout().unwrap();
    }
    assert_eq!(now, at(20));
    assert_eq!((client.payload_written(1), out.len()), (Err(UsageError::NotConnected), 0));
}

/// PINGRESP is behind what the server is busy sending.
#[test]
fn a_client_that_gets_a_payload_is_patient() {
    let mut client = client(Version::V5_0, &streams(), &[Property::ServerKeepAlive(10)]);
    let packet = publish(Version::V5_0, Qos::AtMostOnce, 0, false, &[7; 8000]);
    let mut out = Vec::new();
    let mut rest = &packet[..100];
    let _ = handle(&mut client, at(0), &mut rest, &mut out);
    for now in 1..20 {
        let mut piece = &packet[100 * now..100 * (now + 1)];
        let (_, wait) = handle(&mut client, at(now as u64 * 9), &mut piece, &mut out);
        assert!(matches!(wait, Wait::Read(_)), "{now}: {wait:?}");
    }
    assert!(out.starts_with(&[0xC0, 0]));
    let silent = at(19 * 9 + 10);
    let (_, wait) = handle(&mut client, silent, &mut &[][..], &mut out);
    assert_eq!(wait, Wait::Closed(Cause::Timeout(Timer::Ping)));
}
