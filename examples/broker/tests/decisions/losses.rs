//! What must not get lost, and what must not come back.

use broker::access::{AccessOptions, HashKind, entry};
use broker::disk::{Disk, Table};
use sans_mqtt::{Disconnect, ReasonCode, Subscribe, Unsubscribe};

use super::*;

fn ack(world: &mut World, id: u64, n: u16) {
    world.send(id, Packet::Puback(Ack { packet_id: PacketId::new(n).unwrap(), ..Ack::default() }));
}

/// Another broker in the place of the one that there is.
fn replace(world: &mut World, settings: Settings) {
    let directory = world.machine.directory.path();
    world.machine.broker = Broker::new(Settings::default(), Gate::default(), world.now);
    world.machine.broker = Broker::new(settings, Gate::default(), world.now);
    world.machine.broker.restore(Box::new(Sqlite::open(directory, false).unwrap())).unwrap();
    world.machine.links.clear();
    world.input.clear();
}

#[test]
fn a_session_does_not_end_while_its_client_is_silent() {
    let mut world = World::default();
    let (watcher, _) = world.enter(OLD, Connect { clean_start: false, ..named("w") });
    world.subscribe(watcher, all("will"));
    let delay = [Property::WillDelayInterval(5)];
    let will = Will { topic: "will", payload: b"x", properties: (&delay).into(), ..Will::default() };
    world.enter(NEW, Connect { will: Some(will), ..stay("s") });
    world.pass(100);
    // Taken over.
    let (s, present) = world.enter(NEW, Connect { will: Some(will), ..stay("s") });
    assert!(present);
    world.pass(100);
    assert_eq!(world.heard(watcher), [""; 0]);
    // And at the end of the broker.
    world.machine.broker.shut_down(world.now).unwrap();
    world.heard(watcher);
    world.next(s, |packet| assert!(matches!(packet, Packet::Disconnect(_)), "{packet:?}"));
    world.restart();
    let (_, present) = world.enter(NEW, stay("s"));
    assert!(present);
}
