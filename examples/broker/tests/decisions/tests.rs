//! What a broker decides, without any transport and in a time of the test's own. The broker is a [`Machine`](super::Machine).

use std::collections::HashMap;

use sans_mqtt::*;

use super::Machine;

/// A broker, and the packets of its clients, which all speak by hand.
#[derive(Default)]
pub struct World {
    pub machine: Machine,
    pub now: Instant,
    last: u64,
    versions: HashMap<u64, Version>,
    pub input: HashMap<u64, Vec<u8>>,
}

impl World {
    pub fn connect(&mut self, version: Version, connect: Connect<'_>) -> u64 {
        self.last += 1;
        self.machine.open(self.last, self.now);
        self.versions.insert(self.last, version);
        self.send(self.last, connect);
        self.last
    }

    /// A client that is accepted, and whether it has a session.
    pub fn enter(&mut self, version: Version, connect: Connect<'_>) -> (u64, bool) {
        let id = self.connect(version, connect);
        let present = self.next(id, |packet| match packet {
            Packet::Connack(connack) if connack.reason == ReasonCode::SUCCESS => connack.session_present,
            packet => panic!("{packet:?}"),
        });
        (id, present)
    }

    pub fn send<'a>(&mut self, id: u64, packet: impl Into<Packet<'a>>) {
        let bytes = packet.into().to_vec(self.versions[&id]).unwrap();
        self.machine.receive(id, self.now, &bytes);
    }

    /// The next packet that a client gets, if there is one.
    pub fn look<T>(&mut self, id: u64, look: impl FnOnce(Packet<'_>) -> T) -> Option<T> {
        let version = self.versions[&id];
        let input = self.input.entry(id).or_default();
        input.extend(self.machine.output(id, self.now));
        let Split::Frame(frame, rest) = Frame::split(input, usize::MAX).unwrap() else { return None };
        let (found, len) = (look(Packet::decode(version, frame).unwrap()), input.len() - rest.len());
        input.drain(..len);
        Some(found)
    }

    pub fn next<T>(&mut self, id: u64, look: impl FnOnce(Packet<'_>) -> T) -> T {
        self.look(id, look).expect("a packet")
    }

    /// The messages that came, as `topic payload`, with an R if they are retained and what is left of their time.
    pub fn heard(&mut self, id: u64) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(message) = self.look(id, |packet| match packet {
            Packet::Publish(it) => {
                let retain = if it.retain { " R" } else { "" };
                let left =
                    it.properties.message_expiry_interval().map_or(String::new(), |it| format!(" {it}s"));
                let payload = String::from_utf8_lossy(it.payload).into_owned();
                format!("{} {payload}{retain}{left}", it.topic)
            }
            packet => panic!("{packet:?}"),
        }) {
            heard.push(message);
        }
        heard
    }

    pub fn subscribe(&mut self, id: u64, subscription: Subscription<'_>) {
        self.send(id, Subscribe { filters: [subscription][..].into(), ..Subscribe::default() });
        self.next(id, |packet| assert!(matches!(packet, Packet::Suback(_)), "{packet:?}"));
    }

    pub fn publish(&mut self, id: u64, publish: Publish<'_>) {
        self.send(id, publish);
        if publish.delivery.qos() == Qos::AtLeastOnce {
            self.next(id, |packet| assert!(matches!(packet, Packet::Puback(_)), "{packet:?}"));
        }
    }

    /// The transport is cut.
    pub fn cut(&mut self, id: u64) {
        self.machine.close(id, self.now);
    }

    pub fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now + std::time::Duration::from_secs(1);
            self.machine.handle_timeout(self.now);
        }
    }
}

pub const OLD: Version = Version::V3_1_1;
pub const NEW: Version = Version::V5_0;
const ONCE: Delivery = Delivery::AtLeastOnce(PacketId::MIN);

pub fn named(client_id: &str) -> Connect<'_> {
    Connect { client_id, keep_alive: 0, ..Connect::default() }
}

/// A client whose session stays for a minute.
pub fn stay(client_id: &str) -> Connect<'_> {
    const KEEP: &[Property<'_>] = &[Property::SessionExpiryInterval(60)];
    Connect { clean_start: false, properties: Properties::from(KEEP), ..named(client_id) }
}

pub fn to<'a>(topic: &'a str, payload: &'a str) -> Publish<'a> {
    Publish { topic, payload: payload.as_bytes(), delivery: ONCE, ..Publish::default() }
}

pub fn all(filter: &str) -> Subscription<'_> {
    Subscription { filter, qos: Qos::AtLeastOnce, ..Subscription::default() }
}

#[test]
fn a_session_keeps_its_messages_until_it_ends() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("#"));
    world.cut(s);
    let (p, _) = world.enter(OLD, named("p"));
    world.publish(p, to("a", "1"));
    world.pass(59);
    let (s, present) = world.enter(NEW, stay("s"));
    assert!(present);
    assert_eq!(world.heard(s), ["a 1"]);
    world.cut(s);
    world.publish(p, to("a", "2"));
    world.pass(60);
    let (s, present) = world.enter(NEW, stay("s"));
    assert!(!present);
    assert_eq!(world.heard(s), [""; 0]);
    world.publish(p, to("a", "3"));
    assert_eq!(world.heard(s), [""; 0], "its subscription is gone, too");
}

#[test]
fn a_will_is_published_when_it_is_due() {
    let mut world = World::default();
    let (watcher, _) = world.enter(OLD, named("w"));
    world.subscribe(watcher, all("will"));
    let (delay, keep) = ([Property::WillDelayInterval(5)], [Property::SessionExpiryInterval(60)]);
    let will = Will { topic: "will", payload: b"x", properties: (&delay).into(), ..Will::default() };
    let with = Connect { will: Some(will), clean_start: false, properties: (&keep).into(), ..named("c") };
    // In time, or with a farewell, it is not.
    let (c, _) = world.enter(NEW, with);
    world.cut(c);
    world.pass(4);
    let (c, _) = world.enter(NEW, with);
    world.pass(10);
    world.send(c, Disconnect::default());
    world.pass(70);
    assert_eq!(world.heard(watcher), [""; 0]);
    // After its delay, or when another session begins.
    let (c, _) = world.enter(NEW, with);
    world.cut(c);
    world.pass(5);
    assert_eq!(world.heard(watcher), ["will x"]);
    let (c, _) = world.enter(NEW, with);
    world.cut(c);
    world.enter(NEW, Connect { clean_start: true, ..named("c") });
    assert_eq!(world.heard(watcher), ["will x"]);
}

#[test]
fn a_connection_that_is_refused_changes_nothing() {
    let mut world = World::default();
    let (watcher, _) = world.enter(OLD, named("w"));
    world.subscribe(watcher, all("will"));
    let keep = [Property::SessionExpiryInterval(60), Property::MaximumPacketSize(8)];
    let delay = [Property::WillDelayInterval(2)];
    let will = Will { topic: "will", payload: b"old", properties: (&delay).into(), ..Will::default() };
    let with = Connect { will: Some(will), clean_start: false, properties: keep[..1].into(), ..named("c") };
    let (c, _) = world.enter(NEW, with);
    // An authentication that nobody knows.
    let method = [Property::AuthenticationMethod("SCRAM")];
    let stranger = world.connect(NEW, Connect { properties: (&method).into(), ..named("c") });
    let reason = world.next(stranger, |packet| match packet {
        Packet::Connack(connack) => connack.reason,
        packet => panic!("{packet:?}"),
    });
    assert_eq!(reason, ReasonCode::BAD_AUTHENTICATION_METHOD);
    assert_eq!(world.look(c, |packet| format!("{packet:?}")), None, "nobody took over");
    // One that takes no CONNACK: the will of before is still due.
    world.cut(c);
    let new = Will { payload: b"new", ..will };
    world.connect(NEW, Connect { will: Some(new), properties: (&keep).into(), ..with });
    world.pass(2);
    assert_eq!(world.heard(watcher), ["will old"]);
}

#[test]
fn options_of_subscriptions_are_kept() {
    let mut world = World::default();
    let (p, _) = world.enter(NEW, named("p"));
    let (s, _) = world.enter(NEW, named("s"));
    world.publish(p, Publish { retain: true, ..to("r", "1") });
    world.subscribe(s, all("r"));
    assert_eq!(world.heard(s), ["r 1 R"]);
    world.subscribe(s, Subscription { retain_handling: RetainHandling::SendIfNew, ..all("r") });
    assert_eq!(world.heard(s), [""; 0]);
    world.publish(p, Publish { retain: true, ..to("r", "2") });
    assert_eq!(world.heard(s), ["r 2"]);
    world.subscribe(
        s,
        Subscription { retain_handling: RetainHandling::DoNotSend, retain_as_published: true, ..all("r") },
    );
    world.publish(p, Publish { retain: true, ..to("r", "") });
    assert_eq!(world.heard(s), ["r  R"]);
    world.subscribe(s, all("+"));
    world.publish(p, to("r", "3"));
    assert_eq!(world.heard(s), ["r 3"], "once, though two subscriptions match");
    world.subscribe(s, Subscription { no_local: true, ..all("own") });
    world.send(s, Unsubscribe { filters: ["+"][..].into(), ..Unsubscribe::default() });
    world.next(s, |packet| assert!(matches!(packet, Packet::Unsuback(_))));
    world.publish(s, to("own", "x"));
    assert_eq!(world.heard(s), [""; 0]);
}

#[test]
fn messages_expire_while_they_wait() {
    let mut world = World::default();
    let (s, _) = world.enter(NEW, stay("s"));
    world.subscribe(s, all("#"));
    world.cut(s);
    let (p, _) = world.enter(NEW, named("p"));
    for (payload, seconds) in [("short", 5), ("long", 50)] {
        let expiry = [Property::MessageExpiryInterval(seconds)];
        world.publish(p, Publish { properties: (&expiry).into(), ..to("a", payload) });
    }
    world.pass(20);
    let (s, _) = world.enter(NEW, stay("s"));
    assert_eq!(world.heard(s), ["a long 30s"]);
}

#[test]
fn who_can_t_take_the_answer_is_sent_away() {
    let mut world = World::default();
    let small = [Property::MaximumPacketSize(20)];
    let (s, _) = world.enter(NEW, Connect { properties: (&small).into(), ..named("s") });
    let many = [all("a"); 30];
    world.send(s, Subscribe { filters: (&many[..]).into(), ..Subscribe::default() });
    world.next(s, |packet| assert!(matches!(packet, Packet::Disconnect(_)), "{packet:?}"));
    assert!(world.machine.is_over(s));
}

#[test]
fn names_are_made_up_for_those_who_have_none() {
    let mut world = World::default();
    let mut names: Vec<_> = (0..3)
        .map(|_| {
            let id = world.connect(NEW, named(""));
            world.next(id, |packet| match packet {
                Packet::Connack(it) => it.properties.assigned_client_identifier().map(str::to_owned).unwrap(),
                packet => panic!("{packet:?}"),
            })
        })
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
    world.enter(OLD, named(""));
}
