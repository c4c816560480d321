//! The packets that the operations read and write: the usual ones of a machine that reports its state.

use sans_mqtt::{
    Ack, Connack, Connect, Delivery, Disconnect, Packet, PacketId, Property, Publish, Qos, ReasonCode,
    RetainHandling, Seq, Suback, Subscribe, Subscription, Version, Will,
};

/// A packet and the version that it is sent in.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) packet: Packet<'static>,
}

pub(crate) const SAMPLES: [Sample; 12] = [
    Sample { name: "publish-qos0", version: Version::V5_0, packet: Packet::Publish(PUBLISH) },
    Sample {
        name: "publish-qos1-properties",
        version: Version::V5_0,
        packet: Packet::Publish(PUBLISH_WITH_PROPERTIES),
    },
    Sample {
        name: "puback-short",
        version: Version::V5_0,
        packet: Packet::Puback(Ack { packet_id: ID, reason: ReasonCode::SUCCESS, properties: Seq::EMPTY }),
    },
    Sample { name: "subscribe-8", version: Version::V5_0, packet: Packet::Subscribe(SUBSCRIBE) },
    Sample {
        name: "suback-8",
        version: Version::V5_0,
        packet: Packet::Suback(Suback {
            packet_id: ID,
            properties: Seq::EMPTY,
            reasons: Seq::from_slice(&[ReasonCode::GRANTED_QOS_1; 8]),
        }),
    },
    Sample { name: "connect-3.1.1", version: Version::V3_1_1, packet: Packet::Connect(CONNECT) },
    Sample {
        name: "connect-5.0",
        version: Version::V5_0,
        packet: Packet::Connect(Connect {
            properties: Seq::from_slice(&[
                Property::SessionExpiryInterval(3600),
                Property::ReceiveMaximum(100),
                Property::MaximumPacketSize(65_536),
            ]),
            will: Some(Will {
                properties: Seq::from_slice(&[
                    Property::WillDelayInterval(30),
                    Property::ContentType("text/plain"),
                ]),
                ..WILL
            }),
            ..CONNECT
        }),
    },
    Sample {
        name: "connack-3.1.1",
        version: Version::V3_1_1,
        packet: Packet::Connack(Connack {
            session_present: true,
            reason: ReasonCode::SUCCESS,
            properties: Seq::EMPTY,
        }),
    },
    Sample {
        name: "connack-5.0",
        version: Version::V5_0,
        packet: Packet::Connack(Connack {
            session_present: true,
            reason: ReasonCode::SUCCESS,
            properties: Seq::from_slice(&[
                Property::ReceiveMaximum(100),
                Property::MaximumPacketSize(1_048_576),
                Property::TopicAliasMaximum(16),
                Property::AssignedClientIdentifier("auto-7f3a91"),
                Property::ServerKeepAlive(60),
            ]),
        }),
    },
    Sample { name: "pingreq", version: Version::V5_0, packet: Packet::Pingreq },
    Sample {
        name: "disconnect-short",
        version: Version::V5_0,
        packet: Packet::Disconnect(Disconnect { reason: ReasonCode::SUCCESS, properties: Seq::EMPTY }),
    },
    Sample { name: "publish-qos0-3.1.1", version: Version::V3_1_1, packet: Packet::Publish(PUBLISH) },
];

pub(crate) const ID: PacketId = PacketId::MIN;

/// A topic of 20 bytes, a payload of 64.
pub(crate) const PUBLISH: Publish<'_> = Publish {
    dup: false,
    retain: false,
    delivery: Delivery::AtMostOnce,
    topic: "plant/7/line/3/speed",
    properties: Seq::EMPTY,
    payload: &[b'x'; 64],
};

pub(crate) const PUBLISH_WITH_PROPERTIES: Publish<'_> = Publish {
    delivery: Delivery::AtLeastOnce(ID),
    properties: Seq::from_slice(&[
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(3600),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("plant/7/replies"),
        Property::CorrelationData(&[1, 2, 3, 4, 5, 6, 7, 8]),
        Property::UserProperty("unit", "m/s"),
    ]),
    ..PUBLISH
};

pub(crate) const SUBSCRIBE: Subscribe<'_> =
    Subscribe { packet_id: ID, properties: Seq::EMPTY, filters: Seq::from_slice(&SUBSCRIPTIONS) };

const fn subscription(filter: &str) -> Subscription<'_> {
    Subscription {
        filter,
        qos: Qos::AtLeastOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    }
}

/// Of about 16 bytes each; two have wildcards.
const SUBSCRIPTIONS: [Subscription<'_>; 8] = [
    subscription("plant/7/line/3/a"),
    subscription("plant/7/line/4/b"),
    subscription("plant/7/line/+/c"),
    subscription("plant/7/line/5/d"),
    subscription("plant/7/line/6/e"),
    subscription("plant/7/alarm/#"),
    subscription("plant/8/line/7/f"),
    subscription("plant/8/line/8/g"),
];

const CONNECT: Connect<'_> = Connect {
    clean_start: true,
    keep_alive: 60,
    properties: Seq::EMPTY,
    client_id: "sensor-7-3",
    will: Some(WILL),
    user_name: Some("plant"),
    password: Some(b"correct horse"),
};

const WILL: Will<'_> = Will {
    qos: Qos::AtLeastOnce,
    retain: true,
    properties: Seq::EMPTY,
    topic: "plant/7/line/3/state",
    payload: b"offline",
};
