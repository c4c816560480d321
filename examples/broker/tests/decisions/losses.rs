//! What must not get lost, and what must not come back.

use std::time::Duration;

use broker::access::{AccessOptions, HashKind, entry};
use broker::disk::{Disk, Table};
use sans_mqtt::{Disconnect, ReasonCode, RetainHandling, Subscribe, Unsubscribe};

use super::*;

fn ack(world: &mut World, id: u64, n: u16) {
    world.send(id, Packet::Puback(Ack { packet_id: PacketId::new(n).unwrap(), ..Ack::default() }));
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
    world.machine.broker.shut_down(world.now);
    world.heard(watcher);
    world.next(s, |packet| assert!(matches!(packet, Packet::Disconnect(_)), "{packet:?}"));
    world.restart();
    let (_, present) = world.enter(NEW, stay("s"));
    assert!(present);
}

#[test]
fn a_login_that_is_decided_too_late_changes_nothing() {
    let mut world = World::default();
    let file = world.machine.directory.path().join("passwords");
    std::fs::write(&file, entry("u", "p", HashKind::Argon2id).unwrap()).unwrap();
    let options = AccessOptions { password_file: Some(file), ..AccessOptions::default() };
    world.machine.broker.set_gate(Gate::new(&options).unwrap(), world.now);
    let connect = Connect { user_name: Some("u"), password: Some(b"p"), ..stay("s") };
    let log_in = |world: &mut World| {
        let id = world.connect(NEW, connect);
        let link = world.machine.links[&id];
        let job = world.machine.broker.job(link).expect("a job");
        (id, link, job())
    };
    let (s, link, verdict) = log_in(&mut world);
    world.machine.broker.decide(link, verdict);
    world.next(s, |packet| assert!(matches!(packet, Packet::Connack(_)), "{packet:?}"));
    world.cut(s);
    let (late, link, verdict) = log_in(&mut world);
    world.machine.broker.shut_down(world.now);
    world.machine.broker.decide(link, verdict);
    assert!(world.machine.is_over(late));
    replace(&mut world, Settings::default());
    world.machine.broker.set_gate(Gate::new(&options).unwrap(), world.now);
    let (s, link, verdict) = log_in(&mut world);
    world.machine.broker.decide(link, verdict);
    let present = world.next(s, |packet| match packet {
        Packet::Connack(connack) => connack.session_present,
        packet => panic!("{packet:?}"),
    });
    assert!(present);
}

#[test]
fn a_will_that_was_taken_back_does_not_come_after_a_restart() {
    let mut world = World::default();
    let lasting = Connect { clean_start: false, ..named("w") };
    let (watcher, _) = world.enter(OLD, lasting);
    world.subscribe(watcher, all("will"));
    let will = Will { topic: "will", payload: b"x", qos: Qos::AtLeastOnce, ..Will::default() };
    let (s, _) = world.enter(OLD, Connect { clean_start: false, will: Some(will), ..named("s") });
    let (t, _) = world.enter(NEW, Connect { will: Some(will), ..stay("t") });
    world.send(s, Disconnect::default());
    world.send(t, Disconnect::default());
    assert_eq!(world.heard(watcher), [""; 0]);
    world.restart();
    let (watcher, _) = world.enter(OLD, lasting);
    world.pass(1);
    assert_eq!(world.heard(watcher), [""; 0]);
}

#[test]
fn who_may_not_read_a_message_does_not_get_it_after_a_restart_either() {
    let mut world = World::default();
    let acl = world.machine.directory.path().join("acl");
    std::fs::write(&acl, "topic read a/#\n").unwrap();
    let options = AccessOptions { acl_file: Some(acl), ..AccessOptions::default() };
    let gate = Gate::new(&options).unwrap();
    world.machine.broker.set_gate(gate.clone(), world.now);
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("#"));
    world.cut(s);
    world.restart();
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, to("b", "secret"));
    world.publish(p, to("a/b", "for all"));
    world.machine.broker.set_gate(gate, world.now);
    let (s, present) = world.enter(NEW, stay("s"));
    assert!(present);
    assert_eq!(world.heard(s), ["a/b for all"]);
}

#[test]
fn a_will_may_go_where_a_message_may() {
    let mut world = World::default();
    replace(&mut world, Settings { max_payload: 3, ..Settings::default() });
    let levels = "a/".repeat(300);
    for (topic, payload, expected) in [
        ("a", "123", ReasonCode::SUCCESS),
        ("a", "1234", ReasonCode::QUOTA_EXCEEDED),
        ("$SYS/broker/version", "", ReasonCode::NOT_AUTHORIZED),
        ("$SYS/broker/connection/bridge/state", "0", ReasonCode::SUCCESS),
        (&levels, "", ReasonCode::SUCCESS),
    ] {
        let will = Will { topic, payload: payload.as_bytes(), ..Will::default() };
        let id = world.connect(NEW, Connect { will: Some(will), ..named("c") });
        let reason = world.next(id, |packet| match packet {
            Packet::Connack(connack) => connack.reason,
            packet => panic!("{packet:?}"),
        });
        assert_eq!(reason, expected, "{topic}");
    }
}

#[test]
fn what_waits_is_kept_when_its_client_says_farewell() {
    let mut world = World::default();
    let keep = [Property::SessionExpiryInterval(60), Property::ReceiveMaximum(1)];
    let (s, _) = world.enter(NEW, Connect { properties: (&keep).into(), ..stay("s") });
    world.subscribe(s, all("a"));
    let (p, _) = world.enter(NEW, named("p"));
    for payload in ["1", "2", "3"] {
        world.publish(p, to("a", payload));
    }
    world.publish(p, Publish { retain: true, ..to("r", "") });
    world.publish(p, Publish { retain: true, ..to("r", "x") });
    assert_eq!(world.heard(s), ["a 1"]);
    let (other, _) = world.enter(NEW, named("other"));
    world.send(other, Subscribe { filters: [all("r")][..].into(), ..Subscribe::default() });
    world.send(s, Disconnect::default());
    let (s, _) = world.enter(NEW, stay("s"));
    assert_eq!(world.heard(s), ["a 1", "a 2", "a 3"]);
}

#[test]
fn a_shared_message_that_was_acknowledged_is_not_for_another() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("$share/g/a"));
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, to("a", "1"));
    world.cut(s);
    let (s, present) = world.enter(NEW, Connect { clean_start: false, ..named("s") });
    assert!(present);
    assert_eq!(world.heard(s), ["a 1"]);
    ack(&mut world, s, 1);
    let (other, _) = world.enter(NEW, named("other"));
    world.subscribe(other, all("$share/g/a"));
    world.send(s, Disconnect::default());
    assert_eq!(world.heard(other), [""; 0]);
}

#[test]
fn who_shared_before_a_restart_shares_after_it() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("$share/g/a"));
    world.restart();
    // From now on its session is in memory only, and ends with its connection.
    let (s, present) = world.enter(NEW, Connect { clean_start: false, ..named("s") });
    assert!(present);
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, to("a", "1"));
    assert_eq!(world.heard(s), ["a 1"]);
    let (other, _) = world.enter(NEW, named("other"));
    world.subscribe(other, all("$share/g/a"));
    world.cut(s);
    assert_eq!(world.heard(other), ["a 1"]);
}

#[test]
fn nothing_of_a_session_stays_on_disk_that_will_not_last() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("a"));
    let delivery = Delivery::ExactlyOnce(PacketId::MIN);
    world.send(s, Publish { delivery, ..to("a", "1") });
    world.cut(s);
    world.enter(NEW, Connect { clean_start: false, ..named("s") });
    world.machine.broker = Broker::new(Settings::default(), Gate::default(), world.now);
    let disk = Sqlite::open(world.machine.directory.path(), false).unwrap();
    for table in Table::ALL {
        disk.scan(table, &mut |key, _| panic!("{table:?}: {key:?}")).unwrap();
    }
}

#[test]
fn many_subscriptions_at_once_take_no_time() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, named("s"));
    let filters: Vec<_> = (100_000..130_000).map(|n| n.to_string()).collect();
    let filters: Vec<_> = filters.iter().map(|filter| all(filter)).collect();
    let start = std::time::Instant::now();
    world.send(s, Subscribe { filters: filters[..].into(), ..Subscribe::default() });
    // A look at all the others for each takes many times as long.
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_unsubscription_stops_retained_messages() {
    let mut world = World::default();
    let (p, _) = world.enter(NEW, named("p"));
    for n in 0..30 {
        world.publish(p, Publish { retain: true, ..to(&format!("r/{n}"), "") });
        world.publish(p, Publish { retain: true, ..to(&format!("r/{n}"), "x") });
    }
    let (s, _) = world.enter(NEW, named("s"));
    world.send(s, Subscribe { filters: [all("r/+"), all("r/1")][..].into(), ..Subscribe::default() });
    world.next(s, |packet| assert!(matches!(packet, Packet::Suback(_)), "{packet:?}"));
    // 20 are on their way, 10 wait, and the other search has not begun.
    world.send(s, Unsubscribe { filters: ["r/+", "r/1"][..].into(), ..Unsubscribe::default() });
    let mut n = 0;
    for id in 1..=40 {
        ack(&mut world, s, id);
    }
    let heard = |packet: Packet<'_>| matches!(packet, Packet::Publish(_));
    for _ in 0..31 {
        n += u32::from(world.next(s, heard));
    }
    assert_eq!(n, 30);
}

#[test]
fn all_of_the_output_is_written_before_the_transport_is_closed() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, named("s"));
    let link = world.machine.links[&s];
    // Something is still being written when the client does what it may not.
    let mut output = Output::default();
    sans_mqtt::Sink::put(&mut output, b"before");
    let connect = Packet::from(named("s")).to_vec(NEW).unwrap();
    let mut turn = |came: &[u8], output: &mut Output| {
        world.machine.broker.turn(link, world.now, came, false, output, Waker::noop()).unwrap()
    };
    let first = turn(&connect, &mut output);
    assert!(!first.is_over && !first.reads && first.due.is_none());
    output.advance(output.remaining());
    let last = turn(&[], &mut output);
    assert!(last.is_over);
    assert_eq!(last.stage, broker::core::Stage::In, "it had been let in");
    assert_eq!(output.chunk()[0] >> 4, 14, "DISCONNECT");
}

#[test]
fn a_large_payload_is_in_memory_once() {
    let mut world = World::default();
    let links: Vec<_> = ["s", "t"]
        .map(|name| {
            let (id, _) = world.enter(NEW, named(name));
            world.subscribe(id, all("a"));
            world.machine.links[&id]
        })
        .into();
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, to("a", &"x".repeat(10_000)));
    let payloads: Vec<_> = links
        .iter()
        .map(|link| {
            let mut output = Output::default();
            let _ = world.machine.broker.turn(*link, world.now, &[], false, &mut output, Waker::noop());
            output.advance(output.chunk().len() % 10_000);
            (output.chunk().as_ptr(), output)
        })
        .collect();
    assert_eq!(payloads[0].0, payloads[1].0);
}

#[test]
fn what_was_shared_and_not_acknowledged_goes_to_another_in_its_order() {
    let mut world = World::default();
    for (name, lasts) in [("lasting", stay("s")), ("not", named("s"))] {
        let (s, _) = world.enter(NEW, lasts);
        world.subscribe(s, all("$share/g/all"));
        let (p, _) = world.enter(NEW, named("p"));
        let sent: Vec<_> = (10..30).map(|n| n.to_string()).collect();
        sent.iter().for_each(|payload| world.publish(p, to("all", payload)));
        assert_eq!(world.heard(s).len(), 20);
        let (other, _) = world.enter(NEW, named("other"));
        world.subscribe(other, all("$share/g/all"));
        let at_once = [Property::SessionExpiryInterval(0)];
        world.send(s, Disconnect { properties: (&at_once).into(), ..Disconnect::default() });
        let expected: Vec<_> = sent.iter().map(|payload| format!("all {payload}")).collect();
        assert_eq!(world.heard(other), expected, "{name}");
        world.cut(other);
    }
}

#[test]
fn a_will_that_is_due_at_a_restart_goes_to_all_and_is_retained() {
    let mut world = World::default();
    let (p, _) = world.enter(NEW, named("p"));
    world.publish(p, Publish { retain: true, ..to("will", "old") });
    let will = Will { topic: "will", payload: b"x", qos: Qos::AtLeastOnce, retain: true, ..Will::default() };
    world.enter(NEW, Connect { will: Some(will), ..stay("c") });
    let (watcher, _) = world.enter(NEW, stay("w"));
    let new_ones = Subscription { retain_handling: RetainHandling::DoNotSend, ..all("will") };
    world.subscribe(watcher, new_ones);
    world.restart();
    let (watcher, _) = world.enter(NEW, stay("w"));
    assert_eq!(world.heard(watcher), ["will x"]);
    let (late, _) = world.enter(NEW, named("late"));
    world.subscribe(late, all("will"));
    assert_eq!(world.heard(late), ["will x R"]);
}

#[test]
fn what_is_sent_again_says_what_is_left_of_its_time() {
    for restarts in [false, true] {
        let mut world = World::default();
        let (mut s, _) = world.enter(NEW, stay("s"));
        world.subscribe(s, all("#"));
        let (p, _) = world.enter(NEW, named("p"));
        for (payload, seconds) in [("short", 10), ("long", 50)] {
            let expiry = [Property::MessageExpiryInterval(seconds)];
            world.publish(p, Publish { properties: (&expiry).into(), ..to("a", payload) });
        }
        assert_eq!(world.heard(s), ["a short 10s", "a long 50s"]);
        for left in [35, 20] {
            world.cut(s);
            world.pass(15);
            if restarts {
                world.restart();
            }
            s = world.enter(NEW, stay("s")).0;
            // What has begun goes on, even if there is no time left.
            assert_eq!(world.heard(s), ["a short 0s".into(), format!("a long {left}s")], "{restarts}");
        }
    }
}
