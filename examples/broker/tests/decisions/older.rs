//! Clients before 5.0, which are told nothing of limits.

use sans_mqtt::{Config, ReasonCode, Subscribe};

use super::*;

fn with(config: Config) -> World {
    let mut world = World::default();
    replace(&mut world, Settings { config, ..Settings::default() });
    world
}

fn config() -> Config {
    Settings::default().config
}

#[test]
fn what_there_is_not_is_not_for_them_either() {
    let no_retain = Config { retain_available: false, ..config() };
    let no_qos = Config { maximum_qos: Qos::AtMostOnce, ..config() };
    let retained = Publish { retain: true, delivery: Delivery::AtMostOnce, ..to("a", "x") };
    for version in [Version::V3_1, OLD] {
        for (config, message) in [(no_retain, retained), (no_qos, to("a", "x"))] {
            let mut world = with(config);
            let (s, _) = world.enter(version, named("s"));
            world.subscribe(s, all("a"));
            let (p, _) = world.enter(version, named("p"));
            world.send(p, Publish { retain: false, delivery: Delivery::AtMostOnce, ..message });
            assert_eq!(world.heard(s), ["a x"]);
            // Nothing tells them but the end.
            world.send(p, message);
            assert!(world.machine.is_over(p) && world.heard(p).is_empty());
            let (qos, retain) = (message.delivery.qos(), message.retain);
            let will = Will { topic: "a", qos, retain, ..Will::default() };
            let c = world.connect(version, Connect { will: Some(will), ..named("c") });
            assert!(world.machine.is_over(c) && world.heard(c).is_empty());
            world.subscribe(s, all("a"));
            assert_eq!(world.heard(s), [""; 0]);
        }
    }
}

#[test]
fn they_are_told_by_subscription_what_there_is_not() {
    let no_wildcards = Config { wildcard_subscription_available: false, ..config() };
    let no_shares = Config { shared_subscription_available: false, ..config() };
    let (yes, no) = (ReasonCode::GRANTED_QOS_1, ReasonCode::UNSPECIFIED_ERROR);
    for (config, expected) in [(no_wildcards, [yes, no, yes, no]), (no_shares, [yes, yes, no, no])] {
        let mut world = with(config);
        let (s, _) = world.enter(OLD, named("s"));
        let filters = ["a", "b/#", "$share/g/a", "$share/g/+"].map(all);
        world.send(s, Subscribe { filters: filters[..].into(), ..Subscribe::default() });
        let granted = world.next(s, |packet| match packet {
            Packet::Suback(suback) => suback.reasons.iter().collect::<Vec<_>>(),
            packet => panic!("{packet:?}"),
        });
        assert_eq!(granted, expected);
    }
}

#[test]
fn they_may_begin_as_many_exchanges_as_there_are_identifiers() {
    let mut world = World::default();
    let (p, _) = world.enter(OLD, named("p"));
    let ids = || (1..=u16::MAX).filter_map(PacketId::new);
    for packet_id in ids() {
        world.send(p, Publish { delivery: Delivery::ExactlyOnce(packet_id), ..to("a", "x") });
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubrec(it) if it.packet_id == packet_id)));
    }
    for packet_id in ids() {
        world.send(p, Packet::Pubrel(Ack { packet_id, ..Ack::default() }));
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubcomp(it) if it.packet_id == packet_id)));
    }
}
