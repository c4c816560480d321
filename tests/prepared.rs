//! A message that was prepared once gets to each receiver as if it had been written for that one alone.

use sans_mqtt::*;

const NOW: Instant = Instant::from_millis(0);
const TOPIC: &str = "plant/7/line/3/speed";

/// A server with a client that takes `aliases` Topic Aliases.
fn server(version: Version, aliases: u16) -> Server<Heap, (NoTopics, FixedTopics<4, 64>)> {
    let config = Config { assign_topic_aliases: true, ..Config::default() };
    let mut server =
        Server::with_aliases(NOW, &config, Session::default(), (NoTopics, FixedTopics::<4, 64>::default()));
    let properties = [Property::TopicAliasMaximum(aliases)];
    let properties = if aliases > 0 { Properties::from(&properties) } else { Properties::EMPTY };
    let connect = Packet::from(Connect { client_id: "a", properties, ..Connect::default() });
    let mut out = Vec::new();
    let input = connect.to_vec(version).unwrap();
    assert!(matches!(server.handle(NOW, &mut &input[..], &mut out), Step::Event(Event::Connect(_))));
    server.accept(Properties::EMPTY, &mut out).unwrap();
    server
}

#[test]
fn it_is_the_copy_that_forward_makes() {
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(3600),
        Property::ContentType("text/plain"),
        Property::UserProperty("unit", "m/s"),
    ];
    let lists = [&properties[..], &properties[2..], &[]];
    let mut compared = 0;
    for list in lists {
        let publish =
            Publish { topic: TOPIC, properties: list.into(), payload: &[b'x'; 200], ..Publish::default() };
        // As a caller builds it, and as it was received.
        let received = Packet::from(publish).to_vec(Version::V5_0).unwrap();
        let Ok(Split::Frame(frame, _)) = Frame::split(&received, 1000) else { panic!() };
        let Ok(Packet::Publish(received)) = Packet::decode_from(Version::V5_0, Sender::Client, frame) else {
            panic!()
        };
        for publish in [publish, received] {
            let prepared = Prepared::new(&Message::from(publish)).unwrap();
            for version in Version::ALL {
                for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
                    for (ids, expiry) in
                        [(&[][..], None), (&[7, 300, 268_435_455], None), (&[], Some(9)), (&[1], Some(0))]
                    {
                        let retain = compared % 2 == 0;
                        let terms = Terms {
                            qos,
                            retain,
                            subscription_identifiers: ids,
                            message_expiry_interval: expiry,
                        };
                        let (mut out, mut expected) = (Vec::new(), Vec::new());
                        let id = server(version, 0)
                            .publish_prepared(&prepared, &terms, Boxed::default(), &mut out)
                            .unwrap();
                        let delivery = match qos {
                            Qos::AtMostOnce => Delivery::AtMostOnce,
                            Qos::AtLeastOnce => Delivery::AtLeastOnce(id.unwrap()),
                            Qos::ExactlyOnce => Delivery::ExactlyOnce(id.unwrap()),
                        };
                        let copy = Forward {
                            retain,
                            delivery,
                            message_expiry_interval: expiry,
                            subscription_identifiers: ids,
                            ..Forward::default()
                        };
                        publish.forward(&copy, version, &mut expected).unwrap();
                        assert_eq!(out, expected, "{list:?}, {version}, {terms:?}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert_eq!(compared, 3 * 2 * 3 * 3 * 4);
}

#[test]
fn its_topic_is_sent_once_where_there_are_aliases() {
    let properties = [Property::ContentType("a")];
    let message =
        Message { topic: TOPIC, properties: (&properties).into(), payload: b"1", ..Message::default() };
    let prepared = Prepared::new(&message).unwrap();
    let mut server = server(Version::V5_0, 2);
    for known in [false, true] {
        let mut out = Vec::new();
        server.publish_prepared(&prepared, &Terms::default(), Boxed::default(), &mut out).unwrap();
        let Ok(Split::Frame(frame, _)) = Frame::split(&out, 1000) else { panic!() };
        let Ok(Packet::Publish(sent)) = Packet::decode_from(Version::V5_0, Sender::Server, frame) else {
            panic!()
        };
        assert_eq!(sent.topic, if known { "" } else { TOPIC });
        assert_eq!((sent.properties.topic_alias(), sent.properties.content_type()), (Some(1), Some("a")));
    }
}

#[test]
fn what_can_not_be_sent_is_not_prepared() {
    let refused = |message: Message<'_>| Prepared::new(&message).unwrap_err().violation().unwrap().kind();
    assert_eq!(refused(Message::default()), ErrorKind::EmptyTopic);
    assert_eq!(refused(Message { topic: "a/#", ..Message::default() }), ErrorKind::WildcardInTopic);
    let alias = [Property::TopicAlias(1)];
    let message = Message { topic: "a", properties: (&alias).into(), ..Message::default() };
    assert_eq!(refused(message), ErrorKind::PropertyNotAllowed);
    let elsewhere = [Property::ReasonString("a")];
    let message = Message { topic: "a", properties: (&elsewhere).into(), ..Message::default() };
    assert_eq!(refused(message), ErrorKind::PropertyNotAllowed);
}

#[test]
fn nothing_has_changed_when_it_fails() {
    let prepared = Prepared::new(&Message { topic: "a", payload: &[1; 100], ..Message::default() }).unwrap();
    let mut server = server(Version::V5_0, 0);
    let terms = Terms { qos: Qos::AtLeastOnce, ..Terms::default() };
    let mut buffer = [0; 50];
    let failed = server.publish_prepared(&prepared, &terms, Boxed::default(), &mut &mut buffer[..]);
    assert!(matches!(failed, Err(UsageError::NoRoom(_))), "{failed:?}");
    let ids = [0];
    let wrong = Terms { subscription_identifiers: &ids, ..terms };
    let failed = server.publish_prepared(&prepared, &wrong, Boxed::default(), &mut Vec::new());
    assert!(matches!(failed, Err(UsageError::Encode(_))), "{failed:?}");
    assert_eq!((server.session().in_flight(), buffer), (0, [0; 50]));
}

#[test]
fn the_store_is_told_of_a_message_that_is_elsewhere_and_it_is_asked_for() {
    let prepared = Prepared::new(&Message { topic: "a", payload: b"1", ..Message::default() }).unwrap();
    let mut first = server(Version::V3_1_1, 0);
    let terms = Terms { qos: Qos::AtLeastOnce, ..Terms::default() };
    let id = first.publish_prepared(&prepared, &terms, Boxed::default(), &mut Vec::new()).unwrap().unwrap();
    assert_eq!(first.session().flight(id), Some(Flight::AtLeastOnce));
    assert_eq!(first.session().message(id), None);
}
