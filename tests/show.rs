//! What is printed: short, in words, and no secrets.

use sans_mqtt::{
    Connect, ErrorKind, Frame, Packet, PacketBuf, Property, Publish, Qos, Sender, Split, TopicName, Value,
    Version, Will,
};

fn error_of(version: Version, bytes: &[u8]) -> sans_mqtt::DecodeError {
    let Ok(Split::Frame(frame, [])) = Frame::split(bytes, usize::MAX) else { panic!("{bytes:02X?}") };
    Packet::decode(version, frame).unwrap_err()
}

#[test]
fn debug_keeps_secrets() {
    let properties = [Property::AuthenticationMethod("m"), Property::AuthenticationData(b"secret")];
    let connect = Connect {
        user_name: Some("me"),
        password: Some(b"secret"),
        properties: (&properties).into(),
        ..Connect::default()
    };
    let packet = Packet::from(connect);
    let bytes = packet.to_vec(Version::V5_0).unwrap();
    let split = Frame::split(&bytes, usize::MAX).unwrap();
    let Split::Frame(frame, _) = split else { panic!("{split:?}") };
    let owned = PacketBuf::decode(Version::V5_0, bytes.clone().into()).unwrap();
    for shown in [
        format!("{packet:?}"),
        format!("{packet:#?}"),
        format!("{:?}", Packet::decode(Version::V5_0, frame)),
        format!("{owned:?}"),
        format!("{split:?}"),
        format!("{frame:?}"),
        format!("{:?}", Frame::split(&[&[0xC0, 0], &bytes[..]].concat(), usize::MAX)),
    ] {
        assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
    }
    let shown = format!("{packet:?}");
    assert!(shown.contains("password: Some(<6 bytes>)"), "{shown}");
    assert!(shown.contains("AuthenticationData(<6 bytes>)"), "{shown}");
}

#[test]
fn debug_cuts_what_is_long() {
    for (len, end) in [(63, "\\x00\""), (64, "\\x00\""), (65, "\\x00\"… <65 bytes>")] {
        let payload = vec![0; len];
        let will = Will { topic: "a", payload: &payload, ..Will::default() };
        for shown in [
            format!("{:?}", Publish { topic: "a", payload: &payload, ..Publish::default() }),
            format!("{will:?}"),
        ] {
            assert!(shown.ends_with(&format!("{end} }}")), "{shown}");
        }
        let data = Property::CorrelationData(&payload);
        assert!(format!("{data:?}").ends_with(&format!("{end})")), "{data:?}");
        assert!(format!("{:?}", Value::Binary(&payload)).ends_with(&format!("{end})")));
    }
    assert_eq!(format!("{:?}", Property::CorrelationData(b"\x01a")), "CorrelationData(b\"\\x01a\")");
    assert_eq!(format!("{:?}", Property::MaximumQos(Qos::AtMostOnce)), "MaximumQos(AtMostOnce)");
    assert_eq!(format!("{:?}", Property::UserProperty("k", "v")), "UserProperty(\"k\", \"v\")");
}

/// The same property, once in the CONNECT itself and once in its will.
#[test]
fn a_fault_of_the_will_says_so() {
    let connect = error_of(Version::V5_0, b"\x10\x10\0\x04MQTT\x05\x02\0\0\x03\x01\0\0\0\0");
    assert!(!connect.violation().in_will());
    assert!(connect.to_string().starts_with("CONNECT Payload Format Indicator: "), "{connect}");
    assert!(format!("{connect:?}").contains("CONNECT"), "{connect:?}");

    let will = error_of(Version::V5_0, b"\x10\x15\0\x04MQTT\x05\x06\0\0\0\0\0\x02\x01\x02\0\x01a\0\0");
    assert_eq!((will.kind(), will.violation().in_will()), (ErrorKind::PropertyValue, true));
    assert!(will.to_string().starts_with("CONNECT will Payload Format Indicator: "), "{will}");
    assert!(format!("{will:?}").contains("WILL"), "{will:?}");

    let topic = error_of(Version::V3_1_1, b"\x10\x10\0\x04MQTT\x04\x06\0\0\0\0\0\0\0\0");
    assert_eq!((topic.kind(), topic.violation().in_will()), (ErrorKind::EmptyTopic, true));
    assert!(topic.to_string().starts_with("CONNECT will topic: "), "{topic}");
}

#[test]
fn display_is_in_words() {
    assert_eq!(format!("{:>8}|{}", Sender::Client, Qos::AtLeastOnce), "  client|1");
    assert_eq!(ErrorKind::Dup.to_string(), "DUP is not set at QoS 0");
    assert_eq!(TopicName::new("a/b").unwrap().to_string(), "a/b");
    assert_eq!(TopicName::new("a/+").unwrap_err().to_string(), "a topic name has no wildcard, byte 2");
}
