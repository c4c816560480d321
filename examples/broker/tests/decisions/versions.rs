//! A client that comes back with another version. What was on its way goes on, with what the version has a place for.

use sans_mqtt::Subscribe;

use super::*;

fn with<'a>(property: &'a [Property<'a>], publish: Publish<'a>) -> Publish<'a> {
    Publish { properties: property.into(), ..publish }
}

fn back(world: &mut World, version: Version) -> u64 {
    let properties = if version == NEW { stay("s").properties } else { Properties::EMPTY };
    let (s, present) = world.enter(version, Connect { properties, ..stay("s") });
    assert!(present);
    s
}

#[test]
fn it_comes_in_its_order() {
    let words = [Property::UserProperty("a", "b")];
    for qos in [Qos::AtLeastOnce, Qos::ExactlyOnce] {
        for (is_on_disk, restarts) in [(false, false), (true, false), (true, true)] {
            let mut world = World::default();
            if !is_on_disk {
                world.machine.broker = Broker::new(Settings::default(), Gate::default(), world.now);
            }
            let keep = [Property::SessionExpiryInterval(60), Property::ReceiveMaximum(2)];
            let (s, _) = world.enter(NEW, Connect { properties: (&keep).into(), ..stay("s") });
            world.subscribe(s, Subscription { qos, ..all("#") });
            let (p, _) = world.enter(NEW, named("p"));
            // Two are on their way, two wait.
            for payload in ["1", "2", "3", "4"] {
                let delivery = Delivery::new(qos, PacketId::MIN);
                world.send(p, with(&words, Publish { delivery, ..to("a", payload) }));
                world.send(p, Packet::Pubrel(Ack { packet_id: PacketId::MIN, ..Ack::default() }));
            }
            assert_eq!(world.heard(s), ["a 1", "a 2"]);
            world.cut(s);
            if restarts {
                world.restart();
            }
            let s = back(&mut world, OLD);
            if restarts {
                world.restart();
            }
            let s = if restarts { back(&mut world, OLD) } else { s };
            let mut heard = Vec::new();
            while let Some(message) = world.look(s, |packet| match packet {
                Packet::Publish(Publish { dup, delivery, payload, .. }) => {
                    (dup, delivery.packet_id().unwrap().get(), payload.to_vec())
                }
                packet => panic!("{packet:?}"),
            }) {
                heard.push(message);
            }
            // Those that it may have had are told to be the same, or at QoS 2 it would take them twice.
            let expected = [(true, 1, "1"), (true, 2, "2"), (false, 3, "3"), (false, 4, "4")];
            let expected = expected.map(|(dup, id, payload)| (dup || restarts, id, payload.into()));
            assert_eq!(heard, expected, "{qos:?} {is_on_disk}");
        }
    }
}

#[test]
fn its_time_goes_on() {
    for restarts in [false, true] {
        let mut world = World::default();
        let (s, _) = world.enter(NEW, stay("s"));
        world.subscribe(s, all("#"));
        let (p, _) = world.enter(NEW, named("p"));
        for (payload, seconds) in [("short", 10), ("long", 50)] {
            let expiry = [Property::MessageExpiryInterval(seconds)];
            world.publish(p, with(&expiry, to("a", payload)));
        }
        assert_eq!(world.heard(s), ["a short 10s", "a long 50s"]);
        world.cut(s);
        world.pass(5);
        if restarts {
            world.restart();
        }
        let s = back(&mut world, OLD);
        assert_eq!(world.heard(s), ["a short", "a long"], "{restarts}");
        world.cut(s);
        world.pass(6);
        let s = back(&mut world, NEW);
        assert_eq!(world.heard(s), ["a short 0s", "a long 39s"], "{restarts}");
    }
}

#[test]
fn a_newer_version_is_told_what_the_older_one_was_not() {
    for restarts in [false, true] {
        let mut world = World::default();
        let (s, _) = world.enter(NEW, stay("s"));
        let id = [Property::SubscriptionIdentifier(7)];
        world.send(
            s,
            Subscribe { properties: (&id).into(), filters: [all("#")][..].into(), ..Subscribe::default() },
        );
        world.cut(s);
        let s = back(&mut world, OLD);
        let (p, _) = world.enter(NEW, named("p"));
        let expiry = [Property::MessageExpiryInterval(50)];
        world.publish(p, with(&expiry, to("a", "x")));
        assert_eq!(world.heard(s), ["a x"]);
        world.cut(s);
        world.pass(5);
        if restarts {
            world.restart();
        }
        let s = back(&mut world, NEW);
        let told = world.look(s, |packet| match packet {
            Packet::Publish(Publish { properties, .. }) => {
                (properties.subscription_identifier(), properties.message_expiry_interval())
            }
            packet => panic!("{packet:?}"),
        });
        assert_eq!(told, Some((Some(7), Some(45))), "{restarts}");
    }
}
