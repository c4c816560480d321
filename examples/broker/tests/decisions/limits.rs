//! How much may be on its way, wait, and be retained.

use std::time::Duration;

use sans_mqtt::{ReasonCode, Subscribe};

use super::*;

#[test]
fn what_is_on_its_way_survives_a_lower_limit() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("a"));
    let (p, _) = world.enter(NEW, named("p"));
    let sent: Vec<_> = (10..30).map(|n| n.to_string()).collect();
    sent.iter().for_each(|payload| world.publish(p, to("a", payload)));
    replace(&mut world, Settings { max_in_flight: 2, ..Settings::default() });
    let (s, _) = world.enter(NEW, stay("s"));
    let expected: Vec<_> = sent.iter().map(|payload| format!("a {payload}")).collect();
    assert_eq!(world.heard(s), expected);
}

#[test]
fn bytes_on_their_way_are_those_of_packets_until_the_client_has_them() {
    let mut world = World::default();
    replace(&mut world, Settings { max_in_flight_bytes: 100, ..Settings::default() });
    let (s, _) = world.enter(NEW, named("s"));
    world.subscribe(s, Subscription { qos: Qos::ExactlyOnce, ..all("#") });
    let (p, _) = world.enter(NEW, named("p"));
    let topic = "t".repeat(60);
    for payload in ["1", "2", "3"] {
        let delivery = Delivery::ExactlyOnce(PacketId::MIN);
        world.send(p, Publish { delivery, ..to(&topic, payload) });
        world.send(p, Packet::Pubrel(Ack { packet_id: PacketId::MIN, ..Ack::default() }));
    }
    for (n, payload) in [(1, "1"), (2, "2"), (3, "3")] {
        assert_eq!(world.heard(s), [format!("{topic} {payload}")]);
        world.send(s, Packet::Pubrec(Ack { packet_id: PacketId::new(n).unwrap(), ..Ack::default() }));
        world.next(s, |packet| assert!(matches!(packet, Packet::Pubrel(_)), "{packet:?}"));
    }
}

#[test]
fn a_shared_message_goes_to_who_has_room_for_its_packet() {
    let mut world = World::default();
    replace(&mut world, Settings { max_queued_bytes: 100, ..Settings::default() });
    let (p, _) = world.enter(NEW, named("p"));
    let topic = "t".repeat(60);
    let own = "o".repeat(60);
    for (name, filter) in [("one", &*own), ("two", "other")] {
        let (id, _) = world.enter(NEW, stay(name));
        world.send(
            id,
            Subscribe {
                filters: [all(&format!("$share/g/{topic}")), all(filter)][..].into(),
                ..Subscribe::default()
            },
        );
        world.cut(id);
    }
    world.publish(p, to(&own, "for one"));
    world.publish(p, to(&topic, "for two, who has room"));
    let (two, _) = world.enter(NEW, stay("two"));
    assert_eq!(world.heard(two), [format!("{topic} for two, who has room")]);
}

#[test]
fn retained_messages_wait_until_there_is_room_for_them() {
    let mut world = World::default();
    replace(&mut world, Settings { max_queued_bytes: 5000, ..Settings::default() });
    let (p, _) = world.enter(NEW, named("p"));
    let payload = "x".repeat(900);
    for n in 0..20 {
        world.publish(p, Publish { retain: true, ..to(&format!("r/{n}"), &payload) });
    }
    let (s, _) = world.enter(NEW, named("s"));
    world.subscribe(s, all("r/+"));
    assert_eq!(world.heard(s).len(), 20);
}

#[test]
fn what_is_retained_is_bounded_in_bytes() {
    let mut world = World::default();
    let settings = Settings { max_retained_bytes: 100, sys_interval: Duration::ZERO, ..Settings::default() };
    replace(&mut world, settings.clone());
    let (p, _) = world.enter(NEW, named("p"));
    let retained = |world: &mut World| {
        let (id, _) = world.enter(NEW, named("s"));
        world.subscribe(id, all("#"));
        let heard = world.heard(id);
        heard.iter().map(|message| message.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>().concat()
    };
    let expiry = [Property::MessageExpiryInterval(5)];
    let keep = |world: &mut World, topic, len: usize, properties| {
        world.publish(p, Publish { retain: true, properties, ..to(topic, &"x".repeat(len)) });
        retained(world)
    };
    assert_eq!(keep(&mut world, "a", 30, Properties::EMPTY), "a");
    assert_eq!(keep(&mut world, "b", 30, (&expiry).into()), "ab");
    assert_eq!(keep(&mut world, "c", 30, Properties::EMPTY), "ab", "there is no room");
    assert_eq!(keep(&mut world, "b", 35, (&expiry).into()), "ab", "there is, in place of the old one");
    assert_eq!(keep(&mut world, "b", 90, (&expiry).into()), "a", "an old one is not taken for the last");
    assert_eq!(keep(&mut world, "b", 30, (&expiry).into()), "ab");
    world.pass(6);
    assert_eq!(keep(&mut world, "c", 30, Properties::EMPTY), "ac", "b has expired");
    assert_eq!(keep(&mut world, "a", 0, Properties::EMPTY), "c");
    assert_eq!(keep(&mut world, "d", 30, Properties::EMPTY), "cd");
    replace(&mut world, settings);
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, Publish { retain: true, ..to("e", &"x".repeat(30)) });
    assert_eq!(retained(&mut world), "cd", "they count after a restart, too");
}

#[test]
fn a_shared_message_goes_to_who_has_room_for_it() {
    let mut world = World::default();
    replace(&mut world, Settings { max_queued: 2, ..Settings::default() });
    let (p, _) = world.enter(NEW, named("p"));
    let share = |world: &mut World, name| {
        let (id, _) = world.enter(NEW, stay(name));
        world.subscribe(id, all("$share/g/a"));
        world.cut(id);
    };
    share(&mut world, "one");
    world.publish(p, to("a", "1"));
    world.publish(p, to("a", "2"));
    share(&mut world, "two");
    world.publish(p, to("a", "3"));
    world.publish(p, to("a", "4"));
    let (two, _) = world.enter(NEW, stay("two"));
    assert_eq!(world.heard(two), ["a 3", "a 4"]);
}

#[test]
fn a_topic_name_has_any_number_of_levels() {
    let mut world = World::default();
    let (s, _) = world.enter(OLD, named("s"));
    world.subscribe(s, all("a/#"));
    let (p, _) = world.enter(OLD, named("p"));
    let topic = "a/".repeat(32_767);
    world.publish(p, Publish { retain: true, ..to(&topic, "x") });
    assert_eq!(world.heard(s), [format!("{topic} x")]);
    world.subscribe(s, all("a/+/a/#"));
    assert_eq!(world.heard(s), [format!("{topic} x R")]);
    // Each level of a filter takes memory.
    for (levels, expected) in [(256, ReasonCode::GRANTED_QOS_1), (257, ReasonCode::UNSPECIFIED_ERROR)] {
        let filter = vec!["a"; levels].join("/");
        world.send(s, Subscribe { filters: [all(&filter)][..].into(), ..Subscribe::default() });
        let granted = world.next(s, |packet| match packet {
            Packet::Suback(suback) => suback.reasons.iter().collect::<Vec<_>>(),
            packet => panic!("{packet:?}"),
        });
        assert_eq!(granted, [expected], "{levels}");
    }
}

#[test]
fn a_will_may_be_as_long_as_there_are() {
    let mut world = World::default();
    let payload = [b'x'; 65_535];
    for version in [OLD, NEW] {
        let will = Will { topic: "will", payload: &payload, ..Will::default() };
        world.enter(version, Connect { will: Some(will), ..named("c") });
    }
}

#[test]
fn every_topic_alias_may_stand_for_the_longest_topic() {
    let mut world = World::default();
    replace(&mut world, Settings::default());
    let (p, _) = world.enter(NEW, named("p"));
    let topic = "t".repeat(65_535);
    for topic in [&topic, ""] {
        for alias in 1..=Settings::default().config.topic_alias_maximum {
            let alias = [Property::TopicAlias(alias)];
            world.publish(p, Publish { properties: (&alias).into(), ..to(topic, "x") });
        }
    }
}
