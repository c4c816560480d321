//! Limits of connections, against a model that counts everything anew each time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use broker::net::limits::{Excess, Limits};
use broker::options::{LimitOptions, Options};
use proptest::prelude::*;
use sans_mqtt::Instant;

fn options() -> LimitOptions {
    Options::default().limits
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_network_of_ipv6_is_one_address_and_so_is_ipv4_in_either_form() {
    let mut limits = Limits::new(LimitOptions { max_connections_per_address: 1, ..options() });
    assert_eq!(limits.open(at(0), ip("2001:db8::1")), Ok(()));
    assert_eq!(limits.open(at(0), ip("2001:db8::ffff:2")), Err(Excess::ConnectionsOfAddress));
    assert_eq!(limits.open(at(0), ip("2001:db8:0:1::1")), Ok(()));
    assert_eq!(limits.open(at(0), ip("::ffff:192.0.2.1")), Ok(()));
    assert_eq!(limits.open(at(0), ip("192.0.2.1")), Err(Excess::ConnectionsOfAddress));
    assert_eq!(limits.open(at(0), ip("192.0.2.2")), Ok(()));
}

#[test]
fn new_connections_come_at_a_rate() {
    let mut limits = Limits::new(LimitOptions { connection_rate: 4, ..options() });
    let mut open = |ms| limits.open(Instant::from_millis(ms), ip("192.0.2.1"));
    assert!((0..4).all(|_| open(0).is_ok()));
    assert_eq!((open(0), open(249)), (Err(Excess::Rate), Err(Excess::Rate)));
    assert_eq!((open(250), open(499)), (Ok(()), Err(Excess::Rate)));
    assert!((0..4).all(|_| open(10_000).is_ok()) && open(10_000).is_err());
}

#[test]
fn who_guesses_passwords_is_kept_out_for_a_while() {
    let mut limits = Limits::new(LimitOptions { failed_login_rate: 3, ..options() });
    for _ in 0..3 {
        limits.open(at(0), ip("192.0.2.1")).unwrap();
        limits.refuse(at(0), ip("192.0.2.1"));
        limits.close(ip("192.0.2.1"), false);
    }
    assert_eq!(limits.open(at(19), ip("192.0.2.1")), Err(Excess::FailedLogins));
    assert_eq!(limits.open(at(19), ip("192.0.2.2")), Ok(()));
    assert_eq!(limits.open(at(20), ip("192.0.2.1")), Ok(()));
}

#[test]
fn it_does_not_grow_with_those_who_were_there() {
    let mut limits = Limits::new(LimitOptions { connection_rate: 1, failed_login_rate: 1, ..options() });
    let mut most = 0;
    for i in 0..200_000_u32 {
        let ip = IpAddr::V4(i.into());
        limits.open(at(0), ip).unwrap();
        limits.refuse(at(0), ip);
        limits.close(ip, false);
        most = most.max(limits.addresses());
    }
    assert!((10_000..100_000).contains(&most), "{most}");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open(u8),
    Accept(u8),
    Close(u8),
}

fn step() -> impl Strategy<Value = Step> {
    (0..3, 0..4_u8).prop_map(|(kind, ip)| match kind {
        0 => Step::Open(ip),
        1 => Step::Accept(ip),
        _ => Step::Close(ip),
    })
}

proptest! {
    #[test]
    fn as_many_get_in_as_are_allowed(
        limits in [0..6_u32, 0..4, 0..4, 0..3],
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let [max_connections, max_connections_per_address, max_pending, max_pending_per_address] = limits;
        let options = LimitOptions {
            max_connections, max_connections_per_address, max_pending, max_pending_per_address, ..options()
        };
        let mut limits = Limits::new(options);
        // Of each address, whether each of its connections is accepted.
        let mut model = BTreeMap::<u8, Vec<bool>>::new();
        for step in steps {
            let (Step::Open(n) | Step::Accept(n) | Step::Close(n)) = step;
            let ip = IpAddr::from([192, 0, 2, n]);
            let all: Vec<_> = model.values().flatten().copied().collect();
            let mine = model.entry(n).or_default();
            match step {
                Step::Open(_) => {
                    let below = |count: usize, limit: u32| limit == 0 || count < limit as usize;
                    let pending = |of: &[bool]| of.iter().filter(|is_accepted| !**is_accepted).count();
                    let expected = below(all.len(), max_connections)
                        && below(mine.len(), max_connections_per_address)
                        && below(pending(&all), max_pending)
                        && below(pending(mine), max_pending_per_address);
                    prop_assert_eq!(limits.open(at(0), ip).is_ok(), expected);
                    if expected {
                        mine.push(false);
                    }
                }
                Step::Accept(_) => if let Some(one) = mine.iter_mut().find(|it| !**it) {
                    *one = true;
                    limits.accept(ip);
                },
                Step::Close(_) => if let Some(was_accepted) = mine.pop() {
                    limits.close(ip, was_accepted);
                },
            }
        }
    }

    #[test]
    fn never_more_than_twice_the_rate_in_a_second(rate in 1..20_u32, gaps in prop::collection::vec(0..300_u64, 1..300)) {
        let mut limits = Limits::new(LimitOptions { connection_rate: rate, ..options() });
        let (mut now, mut let_in) = (0, Vec::new());
        for gap in gaps {
            now += gap;
            if limits.open(Instant::from_millis(now), ip("192.0.2.1")).is_ok() {
                let_in.push(now);
            }
            let recent = let_in.iter().filter(|at| **at + 1000 > now).count();
            prop_assert!(recent <= 2 * rate as usize);
        }
        prop_assert!(!let_in.is_empty());
    }
}
