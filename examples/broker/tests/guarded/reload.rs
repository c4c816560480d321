//! The files are read again while clients are there.

use super::*;

#[test]
fn new_rules_count_for_those_who_are_there() {
    let mut house = House::new();
    house.enter("root", user("root", "root"));
    house.enter("anna", user("anna", "anna"));
    house.enter("bert", user("bert", "bert"));
    assert!(house.subscribe("anna", "house/#") && house.subscribe("root", "root/#"));
    assert!(house.subscribe("anna", "$share/s/#") && house.subscribe("bert", "$share/s/own/#"));
    house.publish("anna", "house/attic/old", true);
    // The subscriptions stay, and nothing comes by them that may not be read any more.
    house.reload("user anna\ntopic read house/attic/#\ntopic write root/#\nuser bert\ntopic read own/#");
    house.heard("anna");
    for topic in ["house/cellar", "house/attic/heat"] {
        house.publish("root", topic, false);
    }
    assert_eq!(house.heard("anna"), ["house/attic/heat"; 2], "by both subscriptions");
    for _ in 0..2 {
        house.publish("root", "own/x", false);
    }
    assert_eq!(house.heard("bert"), ["own/x"; 2], "nobody else of those who share may read it");
    let delivery = Delivery::AtLeastOnce(PacketId::MIN);
    for (topic, reason) in [("house/attic/heat", ReasonCode::NOT_AUTHORIZED), ("root/x", ReasonCode::SUCCESS)]
    {
        house.send("anna", Publish { topic, delivery, ..Publish::default() });
        assert_eq!(house.heard("anna"), [reason.to_string()], "{topic}");
    }
    assert_eq!(house.heard("root"), ["root/x"]);
    // What was rightly retained stays, for those who may read it now.
    house.enter("guest", Connect { client_id: "guest", keep_alive: 0, ..Connect::default() });
    assert!(!house.subscribe("guest", "house/#") && house.subscribe("anna", "house/attic/old"));
    assert_eq!(house.heard("anna"), ["house/attic/old"]);
    house.reload(RULES);
    house.publish("root", "house/cellar", false);
    assert_eq!(house.heard("anna"), ["house/cellar"; 2], "as before");
}

#[test]
fn who_could_not_come_in_any_more_is_sent_away() {
    let mut house = House::new();
    let keep = [Property::SessionExpiryInterval(60)];
    let stay = |name, password, topic| Connect {
        clean_start: false,
        properties: (&keep).into(),
        will: Some(Will { topic, ..Will::default() }),
        password: Some(password),
        ..user(name, name)
    };
    let root = Connect { will: None, ..stay("root", b"key", "") };
    house.enter("root", root);
    assert!(house.subscribe("root", "house/#"));
    house.enter("anna", stay("anna", b"key", "house/anna"));
    house.enter("bert", stay("bert", b"key", "house/x/light"));
    for (name, filter) in [("anna", "house/#"), ("bert", "house/+/light")] {
        let filters = [Subscription { filter, qos: Qos::AtLeastOnce, ..Subscription::default() }];
        house.send(name, Subscribe { filters: (&filters).into(), ..Subscribe::default() });
        house.look(name, |packet| assert!(matches!(packet, Packet::Suback(_))));
    }
    // Anna has another password. Bert is gone.
    house.users.insert("anna", line("anna", "new key"));
    house.users.remove("bert");
    house.reload(RULES);
    for name in ["anna", "bert"] {
        assert_eq!(house.heard(name), [ReasonCode::ADMINISTRATIVE_ACTION.to_string()], "{name}");
    }
    let delivery = Delivery::AtLeastOnce(PacketId::MIN);
    house.send("root", Publish { topic: "house/attic/light", delivery, ..Publish::default() });
    let expected = ["house/anna", &ReasonCode::SUCCESS.to_string(), "house/attic/light"];
    assert_eq!(house.heard("root"), expected, "and no will of a user that there is not");
    assert_eq!(house.enter("bert", stay("bert", b"key", "house/x/light")), ReasonCode::NOT_AUTHORIZED);
    assert_eq!(house.enter("anna", stay("anna", b"key", "house/anna")), ReasonCode::NOT_AUTHORIZED);
    assert_eq!(house.enter("anna", stay("anna", b"new key", "house/anna")), ReasonCode::SUCCESS);
    assert_eq!(house.waiting, ["house/attic/light"]);
    // What came while there was no such user, is not for the next one of that name.
    house.users.insert("bert", line("bert", "key"));
    house.reload(RULES);
    assert_eq!(house.enter("bert", stay("bert", b"key", "house/x/light")), ReasonCode::SUCCESS);
    assert_eq!(house.waiting, [""; 0]);
}

#[test]
fn a_login_counts_by_the_files_of_the_moment_in_which_it_is_done() {
    let mut house = House::new();
    let (id, now) = (house.broker.open(Peer::default(), Instant::default()), Instant::default());
    house.links.insert("anna", id);
    let turn = |house: &mut House, came: &[u8]| {
        let mut output = Output::default();
        house.broker.turn(id, now, came, false, &mut output, Waker::noop()).unwrap();
        output.copy_to_bytes(output.remaining())
    };
    turn(&mut house, &Packet::from(user("anna", "anna")).to_vec(Version::V5_0).unwrap());
    let verdict = house.broker.job(id).unwrap()();
    house.users.remove("anna");
    house.reload(RULES);
    house.broker.decide(id, verdict);
    assert_eq!(turn(&mut house, &[])[..4], [0x20, 3, 0, 0x87], "not authorized");
}
