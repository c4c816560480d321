//! Nothing is allocated but what the caller asks for.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::hint::black_box;

use allocation_counter::measure;
use common::{Vector, frame, vectors};
use sans_mqtt::event_log::{Entry, Recorder};
use sans_mqtt::{
    Alias, Config, Connect, Field, Fixed, Forward, Frame, Instant, Message, Observer, Packet, PublishHead,
    Qos, Sender, Session, Split, TopicFilter, TopicName, Value, Version, matches,
};

/// Requires that `work` allocates nothing.
fn no_allocation<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let mut result = None;
    let allocated = measure(|| result = Some(work())).count_total;
    assert_eq!(allocated, 0, "{what} allocates");
    result.unwrap()
}

struct Last(usize);

impl Observer for Last {
    fn field(&mut self, _: Field, span: std::ops::Range<usize>, _: Value<'_>) {
        self.0 = span.end;
    }
}

#[test]
fn decoding_allocates_nothing() {
    for Vector { id, version, bytes, .. } in &vectors() {
        let sender = Sender::Client;
        no_allocation(id, || {
            let Ok(Split::Frame(frame, _)) = Frame::split(bytes, usize::MAX) else { return };
            for version in Version::ALL {
                let _ = black_box(Packet::decode(version, frame));
                let _ = black_box(Packet::decode_from(version, sender, frame));
                let _ = black_box(Packet::observe(version, None, frame, &mut Last(0)));
                let _ = black_box(PublishHead::split(version, None, &bytes[..bytes.len() / 2]));
            }
            if let Err(error) = Packet::decode(*version, frame) {
                black_box((error.rules(), error.reason(), error.answer(*version, sender).packet()));
            }
        });
    }
}

#[test]
fn encoding_allocates_nothing() {
    let mut room = vec![0; 300_000];
    let mut written = 0;
    for Vector { id, version, bytes, .. } in vectors().iter().filter(|vector| vector.accepted) {
        let packet = Packet::decode(*version, frame(bytes)).unwrap();
        for version in Version::ALL {
            let encoded = no_allocation(id, || packet.encode(version, &mut &mut room[..]));
            let len = no_allocation(id, || packet.encoded_len(version));
            if let Packet::Publish(publish) = packet {
                no_allocation(id, || publish.head().encode(version, &mut &mut room[..]).is_ok());
            }
            if let Ok(written) = encoded {
                assert_eq!(len, encoded);
                let in_vec = measure(|| drop(black_box(packet.to_vec(version)))).count_total;
                assert_eq!(in_vec, 1, "{id}: {written} bytes");
            }
            written += usize::from(encoded.is_ok());
        }
    }
    assert!(written > 1000, "only {written} packets were written");
}

#[test]
fn forwarding_allocates_nothing() {
    let mut room = vec![0; 300_000];
    let mut written = 0;
    for Vector { id, version, bytes, .. } in vectors().iter().filter(|vector| vector.accepted) {
        let Ok(Packet::Publish(publish)) = Packet::decode(*version, frame(bytes)) else { continue };
        let copy = Forward {
            message_expiry_interval: Some(7),
            subscription_identifiers: &[1, 2],
            alias: Alias::Define(3),
            ..Forward::default()
        };
        for version in Version::ALL {
            for copy in [copy, Forward::default()] {
                let forwarded = no_allocation(id, || publish.forward(&copy, version, &mut &mut room[..]));
                no_allocation(id, || publish.forward_head(&copy, version, &mut &mut room[..]).is_ok());
                no_allocation(id, || publish.forwarded_len(&copy, version).is_ok());
                written += usize::from(forwarded.is_ok());
            }
        }
    }
    assert!(written > 1000, "only {written} messages were forwarded");
}

#[test]
fn topics_allocate_nothing() {
    let texts = ["", "a", "a/b/c", "$share/g/a/+/c", "$share/g", "+/b/#", "#", "a#", "$SYS/a", "a\0"];
    for filter in texts {
        for name in texts {
            for version in Version::ALL {
                no_allocation(filter, || {
                    let _ = black_box(TopicName::new(name));
                    black_box(matches(filter, name));
                    TopicFilter::new(filter, version).is_ok_and(|filter| black_box(filter.matches(name)))
                });
            }
        }
    }
}

/// Else the other tests would show nothing.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(measure(|| drop(black_box(vec![1_u8]))).count_total, 1);
}

#[test]
fn recording_allocates_nothing() {
    let (mut log, mut out) = ([0; 600], [0; 100]);
    let now = Instant::from_millis(0);
    let left = no_allocation("a recorder", || {
        let (mut log, mut out) = (&mut log[..], &mut out[..]);
        let session = Session::new(Fixed::<4, 64, 4>::default());
        let mut client = Recorder::client(Version::V5_0, &Config::default(), session, &mut log);
        client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out).unwrap();
        let _ = client.handle(now, &mut &b"\x20\x03\0\0\0"[..], &mut out);
        let message = Message { qos: Qos::AtLeastOnce, topic: "t", ..Message::default() };
        client.publish(&message, &mut out).unwrap();
        client.into_session();
        log.len()
    });
    let mut rest = &log[..log.len() - left];
    no_allocation("its log", || {
        while !rest.is_empty() {
            rest = Entry::decode(rest).unwrap().1;
        }
    });
}
