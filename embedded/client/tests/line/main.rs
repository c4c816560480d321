//! The client on a line that is cut, dead or narrow, in virtual time.

mod far_end;

use std::collections::BTreeSet;
use std::fmt::Debug;

use far_end::{Cut, FarEnd};
use sans_mqtt::{Connect, Disconnect, Event, Instant, Message, Qos, Version};
use station::link::{self, App, Mqtt, Output};
use station::weather::{Imitation, Station};

/// Leaves at a time.
struct Until<A>(u64, A);

impl<A: App> App for Until<A> {
    fn connect(&self) -> Connect<'_> {
        self.1.connect()
    }

    fn event(&mut self, mqtt: &mut Mqtt, event: Event<'_>, out: &mut Output) {
        self.1.event(mqtt, event, out);
    }

    fn turn(&mut self, mqtt: &mut Mqtt, now: Instant, out: &mut Output) -> Option<Instant> {
        let next = self.1.turn(mqtt, now, out);
        if now.as_millis() >= self.0 && mqtt.session().in_flight() == 0 {
            mqtt.disconnect(&Disconnect::default(), out).unwrap();
        }
        next
    }
}

/// Runs a weather station for so many milliseconds. Gives the numbers of the tips and of the temperatures that arrived.
fn station(far: &mut FarEnd, millis: u64) -> [Vec<u64>; 2] {
    assert_eq!(link::run(Version::V5_0, far, &mut Until(millis, Station::new(Imitation))), Ok(()));
    assert_eq!(far.errors, 0, "{far:?}");
    ["roof/rain", "roof/temperature"].map(|topic| {
        let payloads = far.payloads(topic).into_iter();
        payloads.map(|text| text.split(' ').next().unwrap().parse().unwrap()).collect()
    })
}

/// Whether each of them came, tips once and in order.
fn check([tips, temperatures]: [Vec<u64>; 2], millis: u64, what: impl Debug) {
    assert!(tips.len() as u64 >= millis / 1500 - 1, "{what:?}");
    assert!(tips.iter().copied().eq(1..=tips.len() as u64), "{what:?}: {tips:?}");
    let mut next = 1;
    for number in &temperatures {
        assert!(*number <= next, "{what:?}: {temperatures:?}");
        next = next.max(number + 1);
    }
}

/// The commands that were answered, and how.
fn answers(far: &FarEnd) -> Vec<(u8, &str)> {
    let answers = far.arrived.iter().filter(|(topic, ..)| topic == "answer");
    answers.map(|(_, text, correlation)| (correlation[0], &text[..])).collect()
}

#[test]
fn a_line_that_holds_has_one_connection() {
    let mut far = FarEnd::new(1000, Cut::Never);
    far.order(1200, Qos::AtMostOnce, "status");
    far.order(5000, Qos::AtLeastOnce, "interval 30");
    far.order(6000, Qos::ExactlyOnce, "pause 30");
    far.order(7000, Qos::ExactlyOnce, "interval 0");
    check(station(&mut far, 90_000), 90_000, "");
    assert_eq!(far.connects, 1);
    assert!((4..=6).contains(&far.pings), "{}", far.pings);
    let expected = [
        (1, "2 temperatures, 0 tips, 1 connections"),
        (2, "interval 30"),
        (3, "pause 30"),
        (4, "unknown command"),
    ];
    assert_eq!(answers(&far), expected);
    assert_eq!(far.payloads("roof/state"), ["online"]);
}

/// Whatever byte is the last one to arrive.
#[test]
fn a_cut_loses_and_repeats_nothing() {
    for break_after in [None, Some(0), Some(300)] {
        for cut in (0..700).flat_map(|n| [Cut::Up(n), Cut::Down(n / 2)]) {
            let mut far = FarEnd::new(1000, cut);
            far.break_after = break_after;
            far.order(500, Qos::ExactlyOnce, "interval 2");
            far.order(3000, Qos::ExactlyOnce, "interval 1");
            check(station(&mut far, 12_000), 12_000, (cut, break_after));
            assert_eq!(answers(&far), [(1, "interval 2"), (2, "interval 1")], "{cut:?} {break_after:?}");
        }
    }
}

/// The client gives it up; its connection is still there, and has to end before the next.
#[test]
fn a_server_may_be_slow() {
    for end in (2500..12_000).step_by(100) {
        let mut far = FarEnd::new(1000, Cut::Never);
        far.stalled = 2000..end;
        check(station(&mut far, 20_000), 20_000, end);
        assert!(far.connects <= 5, "{end}: {}", far.connects);
    }
}

/// Then all arrives, but some of it twice.
#[test]
fn a_server_may_forget_the_session() {
    for cut in (0..700).flat_map(|n| [Cut::Up(n), Cut::Down(n / 2)]) {
        let mut far = FarEnd::new(1000, cut);
        far.forgets = true;
        for numbers in station(&mut far, 12_000) {
            let arrived: BTreeSet<_> = numbers.into_iter().collect();
            assert!(arrived.iter().copied().eq(1..=arrived.len() as u64), "{cut:?}: {arrived:?}");
        }
    }
}

#[test]
fn a_line_may_be_narrow() {
    for width in [1, 2, 7] {
        let mut far = FarEnd::new(width, Cut::Never);
        far.order(500, Qos::ExactlyOnce, "status");
        check(station(&mut far, 10_000), 10_000, width);
        assert_eq!(far.connects, 1);
    }
}

#[test]
fn what_is_not_possible_is_said() {
    let mut far = FarEnd::new(1000, Cut::Never);
    let error = link::run(Version::V3_1_1, &mut far, &mut Station::new(Imitation)).unwrap_err();
    assert_eq!(error.to_string(), "CONNECT Session Expiry Interval: this version can't express it");
}

/// Sends ten messages, and leaves when all have arrived.
#[derive(Default)]
struct Ten(u8);

impl App for Ten {
    fn connect(&self) -> Connect<'_> {
        Connect { client_id: "ten", ..Connect::default() }
    }

    fn event(&mut self, _: &mut Mqtt, _: Event<'_>, _: &mut Output) {}

    fn turn(&mut self, mqtt: &mut Mqtt, _: Instant, out: &mut Output) -> Option<Instant> {
        while self.0 < 10 {
            let (qos, payload) = (Qos::ExactlyOnce, &[b'0' + self.0]);
            mqtt.publish(&Message { qos, topic: "t", payload, ..Message::default() }, out).ok()?;
            self.0 += 1;
        }
        if mqtt.session().in_flight() == 0 {
            mqtt.disconnect(&Disconnect::default(), out).unwrap();
        }
        None
    }
}

#[test]
fn every_version_is_spoken() {
    for version in Version::ALL {
        let mut far = FarEnd::new(1000, Cut::Never);
        assert_eq!(link::run(version, &mut far, &mut Ten::default()), Ok(()));
        assert_eq!(far.payloads("t").concat(), "0123456789");
    }
}
