//! The operations whose cost is measured: one table for the timed benches and for the instruction counts.

use std::hint::black_box;

use sans_mqtt::{Alias, Buffer, Delivery, Forward, Packet, PacketId, Publish, Subscribe, Version};

use samples::{ID, PUBLISH, PUBLISH_WITH_PROPERTIES, SAMPLES, SUBSCRIBE, Sample};

mod counted;
mod exchanges;
mod samples;

/// Something to measure.
pub struct Operation {
    pub name: String,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
    pub bound: Option<Bound>,
}

/// What an operation is compared with.
pub struct Bound {
    /// The same by hand, with the least work.
    pub run: Box<dyn FnMut()>,
    /// How many times its instructions the operation should take at most, in percent.
    pub limit: u32,
}

/// Every operation, packet by packet.
pub fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = SAMPLES.iter().flat_map(of_sample).collect();
    all.extend(literals());
    all.push(into_buffer());
    all.extend(lists());
    all.extend(forwards());
    all.extend(MATCHES.iter().map(of_match));
    all.push(stream());
    all.extend(exchanges::exchanges());
    all
}

impl Operation {
    fn new(name: impl Into<String>, run: impl FnMut() + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run), bound: None }
    }

    fn bounded(self, limit: u32, run: impl FnMut() + 'static) -> Self {
        Self { bound: Some(Bound { run: Box::new(run), limit }), ..self }
    }
}

/// Decode, encode, and encode again what was received.
fn of_sample(sample: &Sample) -> Vec<Operation> {
    let Sample { name, version, packet } = *sample;
    let (bytes, limit) = (bytes(packet, version), limit(&packet));
    let received = counted::decode(version, bytes).unwrap();
    assert_eq!(received, packet);
    let v = by_hand(version);
    let received_by_hand = counted::bound::decode(v, bytes).unwrap();
    let decode = Operation::new(format!("decode {name}"), move || {
        black_box(&counted::decode(black_box(version), black_box(bytes)));
    });
    let mut operations = vec![
        decode.bounded(limit, move || {
            black_box(&counted::bound::decode(black_box(v), black_box(bytes)));
        }),
        encode(format!("encode {name}"), bytes, version, packet)
            .bounded(limit, encode_by_hand(bytes, v, received_by_hand.given())),
    ];
    if has_list(&packet) {
        operations.push(
            encode(format!("encode {name} as received"), bytes, version, received)
                .bounded(limit, encode_by_hand(bytes, v, received_by_hand)),
        );
    }
    operations
}

/// The most frequent packets have to be nearer to the bound.
fn limit(packet: &Packet<'_>) -> u32 {
    match packet {
        Packet::Publish(_)
        | Packet::Puback(_)
        | Packet::Pubrec(_)
        | Packet::Pubrel(_)
        | Packet::Pubcomp(_)
        | Packet::Pingreq
        | Packet::Pingresp => 130,
        _ => 150,
    }
}

fn by_hand(version: Version) -> bound::Version {
    if version == Version::V5_0 { bound::Version::V5_0 } else { bound::Version::V3_1_1 }
}

/// `bytes` is what has to be written.
fn encode(name: String, bytes: &'static [u8], version: Version, packet: Packet<'static>) -> Operation {
    let mut buffer = vec![0; bytes.len()];
    Operation::new(name, move || {
        black_box(&counted::encode(black_box(&packet), black_box(version), black_box(&mut buffer)));
        assert_eq!(buffer, bytes);
    })
}

fn encode_by_hand(
    bytes: &'static [u8],
    version: bound::Version,
    packet: bound::Packet<'static>,
) -> impl FnMut() {
    let mut buffer = vec![0; bytes.len()];
    move || {
        black_box(&counted::bound::encode(black_box(&packet), black_box(version), black_box(&mut buffer)));
        assert_eq!(buffer, bytes);
    }
}

fn has_list(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Subscribe(_) | Packet::Suback(_) => true,
        Packet::Publish(publish) => !publish.properties.is_empty(),
        Packet::Connect(connect) => !connect.properties.is_empty(),
        Packet::Connack(connack) => !connack.properties.is_empty(),
        _ => false,
    }
}

/// Encodes to what a firmware has between a connection and its transport.
fn into_buffer() -> Operation {
    let (version, v) = (Version::V5_0, bound::Version::V5_0);
    let packet = Packet::Publish(PUBLISH);
    let bytes = bytes(packet, version);
    let by_hand = counted::bound::decode(v, bytes).unwrap();
    let (mut ours, mut bounds) = (Buffer::<128>::new(), Buffer::<128>::new());
    Operation::new("encode publish-qos0 into a buffer", move || {
        ours.advance(bytes.len());
        black_box(&counted::encode_to_buffer(black_box(&packet), black_box(version), black_box(&mut ours)));
        assert_eq!(ours.bytes(), bytes);
    })
    .bounded(130, move || {
        bounds.advance(bytes.len());
        black_box(&counted::bound::encode_to_buffer(
            black_box(&by_hand),
            black_box(v),
            black_box(&mut bounds),
        ));
        assert_eq!(bounds.bytes(), bytes);
    })
}

/// Encodes packets whose type the compiler sees.
fn literals() -> [Operation; 2] {
    let (version, v) = (Version::V5_0, bound::Version::V5_0);
    let mut publish = bytes(Packet::Publish(PUBLISH), version).to_vec();
    let (mut publish_by_hand, mut puback, mut puback_by_hand) = (publish.clone(), vec![0; 4], vec![0; 4]);
    let (publish, puback) = (
        Operation::new("encode publish-qos0 as literal", move || {
            let Publish { topic, payload, .. } = black_box(PUBLISH);
            black_box(&counted::encode_publish(topic, payload, black_box(version), black_box(&mut publish)));
        }),
        Operation::new("encode puback-short as literal", move || {
            black_box(&counted::encode_puback(black_box(ID), black_box(version), black_box(&mut puback)));
        }),
    );
    [
        publish.bounded(130, move || {
            let Publish { topic, payload, .. } = black_box(PUBLISH);
            let buffer = black_box(&mut publish_by_hand);
            black_box(&counted::bound::encode_publish(topic, payload, black_box(v), buffer));
        }),
        puback.bounded(130, move || {
            let (id, buffer) = (black_box(ID.into()), black_box(&mut puback_by_hand));
            black_box(&counted::bound::encode_puback(id, black_box(v), buffer));
        }),
    ]
}

/// Walks through received lists, which are read from their bytes again.
fn lists() -> [Operation; 3] {
    let publish = bytes(Packet::Publish(PUBLISH_WITH_PROPERTIES), Version::V5_0);
    let subscribe = bytes(Packet::Subscribe(SUBSCRIBE), Version::V5_0);
    let Ok(Packet::Publish(Publish { properties, .. })) = counted::decode(Version::V5_0, publish) else {
        unreachable!("it was just encoded")
    };
    let Ok(Packet::Subscribe(Subscribe { filters, .. })) = counted::decode(Version::V5_0, subscribe) else {
        unreachable!("it was just encoded")
    };
    [
        Operation::new("walk 6 properties", move || counted::walk_properties(black_box(properties))),
        Operation::new("walk 8 filters", move || counted::walk_filters(black_box(filters))),
        Operation::new("find the user property of 6", move || {
            black_box(&counted::user_property(black_box(properties)));
        }),
    ]
}

/// A message that came with properties goes on to a receiver of either version: its head, the payload stays where it
/// lies.
fn forwards() -> impl Iterator<Item = Operation> {
    let received = bytes(Packet::Publish(PUBLISH_WITH_PROPERTIES), Version::V5_0);
    let Ok(Packet::Publish(publish)) = counted::decode(Version::V5_0, received) else {
        unreachable!("it was just encoded")
    };
    let plain = Forward { delivery: Delivery::AtLeastOnce(PacketId::MAX), ..Forward::default() };
    let edited = Forward {
        message_expiry_interval: Some(1800),
        subscription_identifiers: &[7],
        alias: Alias::Define(3),
        ..plain
    };
    let copies = [
        ("forward to 5.0", Version::V5_0, plain),
        ("forward to 5.0 with expiry, identifier, alias", Version::V5_0, edited),
        ("forward to 3.1.1", Version::V3_1_1, plain),
    ];
    copies.into_iter().map(move |(name, version, copy)| {
        let len = publish.forwarded_len(&copy, version).unwrap() - publish.payload.len();
        let mut buffer = vec![0; len];
        Operation::new(name, move || {
            let (publish, copy) = (black_box(&publish), black_box(&copy));
            black_box(&counted::forward(publish, copy, black_box(version), black_box(&mut buffer)));
        })
    })
}

/// A topic filter, a topic name, and whether they match.
const MATCHES: [(&str, &str, &str, bool); 4] = [
    ("match without wildcard", "plant/7/line/3/speed", "plant/7/line/3/speed", true),
    ("match two +", "plant/+/line/+/speed", "plant/7/line/3/speed", true),
    ("match #", "plant/7/#", "plant/7/line/3/speed", true),
    ("match not", "plant/7/line/4/#", "plant/7/line/3/speed", false),
];

fn of_match(&(name, filter, topic, expected): &'static (&str, &str, &str, bool)) -> Operation {
    Operation::new(name, move || {
        assert_eq!(counted::matches(black_box(filter), black_box(topic)), expected);
    })
}

/// The packets of 5.0, over and over, until they fill a mebibyte.
fn stream() -> Operation {
    let (mut bytes, mut packets) = (Vec::new(), 0);
    for sample in SAMPLES.iter().filter(|sample| sample.version == Version::V5_0).cycle() {
        if bytes.len() >= 1 << 20 {
            break;
        }
        bytes.extend(sample.packet.to_vec(sample.version).unwrap());
        packets += 1;
    }
    Operation::new(format!("decode 1 MiB of {packets} packets"), move || {
        assert_eq!(counted::decode_stream(black_box(Version::V5_0), black_box(&bytes)), Ok(packets));
    })
}

/// The encoded packet, for as long as the program runs, where words begin: `core` looks at text word by word, so how
/// long it takes depends on that.
fn bytes(packet: Packet<'_>, version: Version) -> &'static [u8] {
    #[repr(align(16))]
    struct Aligned([u8; 256]);
    let aligned = Box::leak(Box::new(Aligned([0; 256])));
    let len = packet.encode(version, &mut &mut aligned.0[..]).unwrap();
    &aligned.0[..len]
}
