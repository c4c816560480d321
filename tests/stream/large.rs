//! A GiB each way, as messages of the largest size that there is.

use allocation_counter::measure;
use sans_mqtt::{Qos, Session, Version};

use crate::link::{App, End, Link, MAXIMUM, QOS, SIZE, VERSIONS, connected, head};

/// As few messages as make up `total` bytes.
fn sizes(total: u64, qos: Qos, version: Version) -> Vec<u32> {
    let (most, mut left) = (MAXIMUM - head(qos, version), total);
    let mut sizes = Vec::new();
    while left > 0 {
        let size = left.min(u64::from(most));
        sizes.push(size as u32);
        left -= size;
    }
    sizes
}

/// Sends `total` bytes each way at once.
fn both_ways(total: u64, qos: Qos, version: Version) {
    let (client, server) = connected(version, Default::default());
    let app = || App { sizes: sizes(total, qos, version), qos, ..App::default() };
    let messages = app().sizes.len() as u32;
    let streamed = app().sizes.iter().filter(|size| **size > SIZE as u32).count() as u32;
    let mut link = Link::new(End::new(client, app()), End::new(server, app()));
    let allocated = measure(|| link.until_quiet()).count_total;
    assert_eq!(allocated, 0);
    let acked = if qos == Qos::AtMostOnce { 0 } else { messages };
    let in_flight = [link.a.connection.session(), link.b.connection.session()];
    for session in in_flight {
        assert_eq!((session.in_flight(), session.incoming_in_flight()), (0, 0));
    }
    for app in [&link.a.app, &link.b.app] {
        assert_eq!((app.started, app.ended, app.repeated), (streamed, streamed, 0), "{qos:?} {version:?}");
        assert_eq!((app.received, app.whole, app.acked), (total, messages - streamed, acked));
    }
}

fn gibibyte(qos: Qos) {
    for version in VERSIONS {
        both_ways(1 << 30, qos, version);
    }
}

#[test]
fn a_gibibyte_both_ways_at_qos_0() {
    gibibyte(Qos::AtMostOnce);
}

#[test]
fn a_gibibyte_both_ways_at_qos_1() {
    gibibyte(Qos::AtLeastOnce);
}

#[test]
fn a_gibibyte_both_ways_at_qos_2() {
    gibibyte(Qos::ExactlyOnce);
}

/// From what just does not come whole, in all positions to the buffers.
#[test]
fn smaller_ones_both_ways() {
    for version in VERSIONS {
        for qos in QOS {
            for total in (SIZE as u64 - 20..SIZE as u64 + 20).chain([3 * 4096, 8 << 20, (8 << 20) + 1]) {
                let (client, server) = connected(version, Default::default());
                let app = |total: u64| App { sizes: vec![total as u32], qos, ..App::default() };
                let mut link = Link::new(End::new(client, app(total)), End::new(server, app(total + 7)));
                link.until_quiet();
                assert_eq!((link.b.app.received, link.a.app.received), (total, total + 7));
                assert_eq!(link.a.app.ended + link.a.app.whole, 1);
                let acked = u32::from(qos != Qos::AtMostOnce);
                assert_eq!((link.a.app.acked, link.b.app.acked), (acked, acked));
            }
        }
    }
}

/// The other way is free meanwhile, but for acknowledgements: those come behind the payload.
#[test]
fn small_messages_pass_the_other_way() {
    for version in VERSIONS {
        let (client, server) = connected(version, (Session::default(), Session::default()));
        let size = MAXIMUM - head(Qos::ExactlyOnce, version);
        let app = App { sizes: vec![size], qos: Qos::ExactlyOnce, ..App::default() };
        let mut link = Link::new(End::new(client, app), End::new(server, App::default()));
        link.turn();
        assert!(link.a.connection.payload_left() > 0);
        let (mut passed, mut turns) = (0, 0);
        while link.a.connection.payload_left() > 0 {
            // As many as the table of the sender has room for at QoS 1, then at QoS 0.
            let qos = if passed < 8 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            link.b.small(qos).unwrap();
            passed += 1;
            for _ in 0..3 {
                link.turn();
            }
            assert_eq!(link.a.app.small, passed);
            assert_eq!(link.b.app.small_acked, 0);
            turns += 1;
        }
        assert!(turns > 10_000);
        link.until_quiet();
        assert_eq!((link.b.app.small_acked, link.b.app.received), (8, u64::from(size)));
        assert_eq!((link.a.app.acked, link.b.app.ended), (1, 1));
    }
}
