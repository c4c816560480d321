//! A client that comes back with another version. What was on its way can't be sent again as it was if that is older, and
//! waits anew.

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
                let delivery = match qos {
                    Qos::ExactlyOnce => Delivery::ExactlyOnce(PacketId::MIN),
                    _ => Delivery::AtLeastOnce(PacketId::MIN),
                };
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
            while let Some(packet) = world.look(s, |packet| match packet {
                Packet::Publish(it) => Some(String::from_utf8_lossy(it.payload).into_owned()),
                // The client may have had it.
                Packet::Pubrel(_) => None,
                packet => panic!("{packet:?}"),
            }) {
                heard.extend(packet);
            }
            assert_eq!(heard, ["1", "2", "3", "4"], "{qos:?} {is_on_disk} {restarts}");
        }
    }
}

#[test]
fn its_time_goes_on() {
    let exactly_once = Delivery::ExactlyOnce(PacketId::MIN);
    for restarts in [false, true] {
        let mut world = World::default();
        let settings = Settings { max_in_flight: 2, ..Settings::default() };
        replace(&mut world, settings.clone());
        let (s, _) = world.enter(NEW, stay("s"));
        world.subscribe(s, Subscription { qos: Qos::ExactlyOnce, ..all("#") });
        let (p, _) = world.enter(NEW, named("p"));
        for (payload, seconds) in [("short", 10), ("long", 50)] {
            let expiry = [Property::MessageExpiryInterval(seconds)];
            world.send(p, with(&expiry, Publish { delivery: exactly_once, ..to("a", payload) }));
            world.send(p, Packet::Pubrel(Ack { packet_id: PacketId::MIN, ..Ack::default() }));
        }
        assert_eq!(world.heard(s), ["a short 10s", "a long 50s"]);
        world.cut(s);
        world.pass(5);
        if restarts {
            replace(&mut world, settings);
        }
        // As long as it does not say what it had of the first exchanges, there are no others.
        let s = back(&mut world, OLD);
        let is_release = |packet: Packet<'_>| assert!(matches!(packet, Packet::Pubrel(_)), "{packet:?}");
        (0..2).for_each(|_| world.next(s, is_release));
        world.cut(s);
        world.pass(6);
        let s = back(&mut world, NEW);
        (0..2).for_each(|_| world.next(s, is_release));
        for id in [1, 2] {
            let packet_id = PacketId::new(id).unwrap();
            world.send(s, Packet::Pubcomp(Ack { packet_id, ..Ack::default() }));
        }
        assert_eq!(world.heard(s), ["a long 39s"], "{restarts}");
    }
}

#[test]
fn a_newer_version_is_told_what_is_left() {
    for restarts in [false, true] {
        let mut world = World::default();
        let s = world.enter(OLD, Connect { properties: Properties::EMPTY, ..stay("s") }).0;
        world.subscribe(s, all("#"));
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
        assert_eq!(world.heard(s), ["a x 45s"], "{restarts}");
    }
}
