//! Nobody reads or writes a topic that is not for them, by whatever way.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::task::Waker;

use broker::access::{AccessOptions, Gate, HashKind, Peer, entry};
use broker::core::Broker;
use broker::core::link::LinkId;
use broker::core::settings::Settings;
use broker::disk::Sqlite;
use broker::output::Output;
use bytes::Buf;
use sans_mqtt::*;
use tempfile::TempDir;

mod reload;

const RULES: &str = "
topic read public/#

user anna
topic readwrite house/#
topic deny house/safe

user bert
topic read house/+/light
topic write house/+/light
pattern readwrite own/%u/#
";

fn line(user: &str, password: &str) -> String {
    entry(user, password, HashKind::Scram).unwrap()
}

fn gate(users: &BTreeMap<&str, String>, rules: &str) -> Gate {
    let directory = tempfile::tempdir().unwrap();
    let (password_file, acl_file) = (directory.path().join("users"), directory.path().join("rules"));
    fs::write(&password_file, users.values().cloned().collect::<Vec<_>>().join("\n")).unwrap();
    fs::write(&acl_file, format!("{rules}\nuser root\ntopic readwrite #\n")).unwrap();
    let options = AccessOptions {
        password_file: Some(password_file),
        acl_file: Some(acl_file),
        allow_anonymous: Some(true),
        ..AccessOptions::default()
    };
    Gate::new(&options).unwrap()
}

/// A broker with these rules, and its clients.
struct House {
    broker: Broker,
    gate: Gate,
    /// Of each user, the line in the password file.
    users: BTreeMap<&'static str, String>,
    disk: TempDir,
    links: HashMap<&'static str, LinkId>,
    input: HashMap<&'static str, Vec<u8>>,
    /// What came with the last CONNACK.
    waiting: Vec<String>,
}

impl House {
    fn new() -> Self {
        let users = ["anna", "bert", "root"].map(|user| (user, line(user, "key"))).into();
        let gate = gate(&users, RULES);
        let disk = tempfile::tempdir().unwrap();
        let broker = Broker::new(Settings::default(), gate.clone(), Instant::default());
        let (links, input, waiting) = Default::default();
        let mut house = Self { broker, gate, users, disk, links, input, waiting };
        house.restart(Settings::default());
        house
    }

    /// The files were changed, and are read again.
    fn reload(&mut self, rules: &str) {
        self.gate = gate(&self.users, rules);
        self.broker.set_gate(self.gate.clone(), Instant::default());
    }

    /// Another broker on the same disk.
    fn restart(&mut self, settings: Settings) {
        // The disk is one broker's at a time.
        self.broker = Broker::new(Settings::default(), Gate::default(), Instant::default());
        self.broker = Broker::new(settings, self.gate.clone(), Instant::default());
        let disk = Sqlite::open(self.disk.path(), false).unwrap();
        self.broker.restore(Box::new(disk)).unwrap();
    }

    /// Sends a packet, and has done what is to be done elsewhere.
    fn send<'a>(&mut self, name: &'static str, packet: impl Into<Packet<'a>>) {
        let (id, now) = (self.links[name], Instant::default());
        let mut came = packet.into().to_vec(Version::V5_0).unwrap();
        for _ in 0..2 {
            let mut output = Output::default();
            self.broker.turn(id, now, &came, false, &mut output, Waker::noop()).unwrap();
            self.input.entry(name).or_default().extend(output.copy_to_bytes(output.remaining()));
            came.clear();
            if let Some(job) = self.broker.job(id) {
                let verdict = job();
                self.broker.decide(id, verdict);
            }
        }
    }

    fn enter(&mut self, name: &'static str, connect: Connect<'_>) -> ReasonCode {
        self.links.insert(name, self.broker.open(Peer::default(), Instant::default()));
        self.input.remove(name);
        self.send(name, connect);
        let mut reason = None;
        let mut waiting = Vec::new();
        self.look(name, |packet| match packet {
            Packet::Connack(connack) => reason = Some(connack.reason),
            Packet::Publish(publish) => waiting.push(publish.topic.to_owned()),
            packet => panic!("{packet:?}"),
        });
        self.waiting = waiting;
        reason.expect("CONNACK")
    }

    fn look(&mut self, name: &'static str, mut look: impl FnMut(Packet<'_>)) {
        let mut output = Output::default();
        let id = self.links[name];
        self.broker.turn(id, Instant::default(), &[], false, &mut output, Waker::noop()).unwrap();
        let mut input = self.input.remove(name).unwrap_or_default();
        input.extend(output.copy_to_bytes(output.remaining()));
        let mut rest = &input[..];
        while let Split::Frame(frame, behind) = Frame::split(rest, usize::MAX).unwrap() {
            look(Packet::decode(Version::V5_0, frame).unwrap());
            rest = behind;
        }
        assert!(rest.is_empty());
    }

    /// The topics of the messages that came, and the reason codes of answers.
    fn heard(&mut self, name: &'static str) -> Vec<String> {
        let mut heard = Vec::new();
        self.look(name, |packet| match packet {
            Packet::Publish(publish) => heard.push(publish.topic.to_owned()),
            Packet::Puback(ack) => heard.push(ack.reason.to_string()),
            Packet::Disconnect(disconnect) => heard.push(disconnect.reason.to_string()),
            packet => panic!("{packet:?}"),
        });
        heard
    }

    /// Whether it is granted. What has come already stays to be heard.
    fn subscribe(&mut self, name: &'static str, filter: &str) -> bool {
        let filters = [Subscription { filter, qos: Qos::AtMostOnce, ..Subscription::default() }];
        self.send(name, Subscribe { filters: (&filters).into(), ..Subscribe::default() });
        let Split::Frame(suback, rest) = Frame::split(&self.input[name], usize::MAX).unwrap() else {
            panic!()
        };
        let Packet::Suback(suback) = Packet::decode(Version::V5_0, suback).unwrap() else { panic!() };
        let is_granted = suback.reasons.iter().all(|reason| !reason.is_error());
        let rest = rest.to_vec();
        self.input.insert(name, rest);
        is_granted
    }

    fn publish(&mut self, name: &'static str, topic: &str, retain: bool) {
        self.send(name, Publish { topic, retain, payload: b"x", ..Publish::default() });
    }
}

fn user<'a>(client_id: &'a str, name: &'a str) -> Connect<'a> {
    let password = Some(&b"key"[..]);
    Connect { client_id, user_name: Some(name), password, keep_alive: 0, ..Connect::default() }
}

/// All topics that there are here.
const TOPICS: [&str; 6] =
    ["public/news", "house/safe", "house/attic/light", "house/attic/heat", "own/bert/x", "own/anna/x"];

#[test]
fn only_what_may_be_read_arrives_whatever_the_filter_is() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    for topic in TOPICS {
        house.publish("root", topic, true);
    }
    let readable = |name| match name {
        "anna" => vec!["house/attic/heat", "house/attic/light", "own/anna/x"],
        "bert" => vec!["house/attic/light", "own/bert/x"],
        _ => vec!["public/news"],
    };
    for name in ["anna", "bert", "guest"] {
        for filter in ["#", "+/+/+", "$share/s/#", "$share/s/+/#", "house/#", "own/#"] {
            let connect = match name {
                "guest" => Connect { client_id: "guest", keep_alive: 0, ..Connect::default() },
                name => user(name, name),
            };
            assert_eq!(house.enter(name, connect), ReasonCode::SUCCESS);
            let (_, plain) = filter.rsplit_once("$share/s/").unwrap_or(("", filter));
            let expected: Vec<_> =
                readable(name).into_iter().filter(|topic| matches(plain, topic)).map(String::from).collect();
            let is_granted = house.subscribe(name, filter);
            let mut heard = house.heard(name);
            assert!(is_granted || expected.is_empty(), "{name} {filter}");
            // There is nothing below that a guest may read, whatever is published one day.
            assert!(!is_granted || name != "guest" || !filter.starts_with("house"));
            let retained = if filter.starts_with("$share") { vec![] } else { expected.clone() };
            heard.sort();
            assert_eq!(heard, retained, "{name} {filter}, retained");
            for topic in TOPICS {
                house.publish("root", topic, false);
            }
            let mut heard = house.heard(name);
            heard.sort();
            assert_eq!(heard, expected, "{name} {filter}");
        }
    }
}

#[test]
fn a_shared_message_goes_to_one_who_may_read_it() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    house.enter("anna", user("anna", "anna"));
    house.enter("bert", user("bert", "bert"));
    assert!(house.subscribe("anna", "$share/s/#") && house.subscribe("bert", "$share/s/#"));
    for _ in 0..4 {
        house.publish("root", "house/attic/heat", false);
        house.publish("root", "own/bert/x", false);
        house.publish("root", "house/safe", false);
    }
    assert_eq!(house.heard("anna"), ["house/attic/heat"; 4]);
    assert_eq!(house.heard("bert"), ["own/bert/x"; 4]);
}

#[test]
fn only_what_may_be_written_is_published() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    assert!(house.subscribe("root", "#"));
    house.enter("bert", user("bert", "bert"));
    for topic in TOPICS {
        let delivery = Delivery::AtLeastOnce(PacketId::MIN);
        house.send("bert", Publish { topic, delivery, ..Publish::default() });
    }
    let refused = ReasonCode::NOT_AUTHORIZED.to_string();
    let answers = house.heard("bert");
    let allowed: Vec<_> = TOPICS.iter().zip(answers).filter(|(_, answer)| *answer != refused).collect();
    assert_eq!(
        allowed.iter().map(|(topic, _)| **topic).collect::<Vec<_>>(),
        ["house/attic/light", "own/bert/x"]
    );
    assert_eq!(house.heard("root"), ["house/attic/light", "own/bert/x"]);
    // Nor as a will.
    let will = Some(Will { topic: "house/safe", ..Will::default() });
    assert_eq!(house.enter("bert", Connect { will, ..user("bert", "bert") }), ReasonCode::NOT_AUTHORIZED);
}

#[test]
fn what_waits_for_one_user_is_not_for_another() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    let keep = [Property::SessionExpiryInterval(60)];
    let stay = |name| Connect { clean_start: false, properties: (&keep).into(), ..user("shared", name) };
    house.enter("anna", stay("anna"));
    let filters = [Subscription { filter: "house/#", qos: Qos::AtLeastOnce, ..Subscription::default() }];
    house.send("anna", Subscribe { filters: (&filters).into(), ..Subscribe::default() });
    house.send("anna", Disconnect::default());
    let delivery = Delivery::AtLeastOnce(PacketId::MIN);
    house.send("root", Publish { topic: "house/attic/heat", delivery, ..Publish::default() });
    assert_eq!(house.enter("bert", stay("bert")), ReasonCode::SUCCESS);
    assert_eq!(house.waiting, [""; 0]);
}

#[test]
fn who_is_away_has_its_rights_after_a_restart_too() {
    let mut house = House::new();
    let keep = [Property::SessionExpiryInterval(60)];
    let stay = Connect { clean_start: false, properties: (&keep).into(), ..user("bert", "bert") };
    house.enter("bert", stay);
    let filters = [Subscription { filter: "#", qos: Qos::AtLeastOnce, ..Subscription::default() }];
    house.send("bert", Subscribe { filters: (&filters).into(), ..Subscribe::default() });
    // There is room for one message, which must not be taken up by one that is not for it.
    house.restart(Settings { max_queued: 1, ..Settings::default() });
    house.enter("root", user("root", "root"));
    for topic in ["house/safe", "own/bert/x"] {
        let delivery = Delivery::AtLeastOnce(PacketId::MIN);
        house.send("root", Publish { topic, delivery, ..Publish::default() });
    }
    assert_eq!(house.enter("bert", stay), ReasonCode::SUCCESS);
    assert_eq!(house.waiting, ["own/bert/x"]);
}

#[test]
fn an_authentication_waits_for_room_in_the_output() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    let (id, now) = (house.broker.open(Peer::default(), Instant::default()), Instant::default());
    let turn = |house: &mut House, packet: Packet<'_>| {
        let mut busy = Output::default();
        sans_mqtt::Sink::put(&mut busy, b"something that is still being written");
        let came = packet.to_vec(Version::V5_0).unwrap();
        house.broker.turn(id, now, &came, false, &mut busy, Waker::noop()).unwrap();
    };
    let written = |house: &mut House, wanted: PacketType| {
        let mut input = Vec::new();
        for _ in 0..100 {
            let mut output = Output::new(300);
            house.broker.turn(id, now, &[], false, &mut output, Waker::noop()).unwrap();
            input.extend(output.copy_to_bytes(output.remaining()));
        }
        let mut rest = &input[..];
        loop {
            let Split::Frame(frame, behind) = Frame::split(rest, usize::MAX).unwrap() else {
                panic!("{wanted:?}")
            };
            let packet = Packet::decode(Version::V5_0, frame).unwrap();
            if packet.packet_type() == wanted {
                let data = match packet {
                    Packet::Auth(auth) => auth.properties.authentication_data(),
                    Packet::Connack(connack) => connack.properties.authentication_data(),
                    _ => None,
                };
                return data.unwrap_or_default().to_vec();
            }
            rest = behind;
        }
    };
    let (mut scram, first) = scram::Client::new("anna", "key").unwrap();
    let properties =
        |data| [Property::AuthenticationMethod(scram::METHOD), Property::AuthenticationData(data)];
    let with = properties(&first);
    turn(
        &mut house,
        Connect { client_id: "anna", keep_alive: 0, properties: (&with).into(), ..Connect::default() }.into(),
    );
    let answer = scram.answer(&written(&mut house, PacketType::Auth)).unwrap();
    let auth = |house: &mut House, reason, data| {
        turn(house, Auth { reason, properties: (&properties(data)).into() }.into())
    };
    auth(&mut house, ReasonCode::CONTINUE_AUTHENTICATION, &answer);
    scram.finish(&written(&mut house, PacketType::Connack)).unwrap();
    let filters = [Subscription { filter: "house/#", ..Subscription::default() }];
    turn(&mut house, Subscribe { filters: (&filters).into(), ..Subscribe::default() }.into());
    written(&mut house, PacketType::Suback);
    let fill = |house: &mut House| (0..100).for_each(|_| house.publish("root", "house/attic/light", false));
    // Once more, and each step meets a full output.
    let (mut scram, first) = scram::Client::new("anna", "key").unwrap();
    fill(&mut house);
    auth(&mut house, ReasonCode::RE_AUTHENTICATE, &first);
    let answer = scram.answer(&written(&mut house, PacketType::Auth)).unwrap();
    fill(&mut house);
    auth(&mut house, ReasonCode::CONTINUE_AUTHENTICATION, &answer);
    scram.finish(&written(&mut house, PacketType::Auth)).unwrap();
}
