//! What is measured: the lines of the tables.

use std::sync::LazyLock;

use sans_mqtt::{Packet, Qos, Version};

use crate::samples::{SAMPLES, Sample};

/// What a library is asked to do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Row {
    /// A packet from its bytes, as the library gives it.
    Decode(usize),
    /// And every element of its lists.
    Read(usize),
    /// The bytes of a packet that the application made.
    Encode(usize),
    /// The bytes of a packet that was decoded.
    Forward(usize),
    /// A message of a client, of so many at once, and its answers.
    Send(Qos, usize),
}

/// The samples of the other benches, and those of them that are worth it in 3.1.1, too. A row names one by its place.
pub static PACKETS: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let older = [
        ("puback-3.1.1", "puback-short"),
        ("subscribe-8-3.1.1", "subscribe-8"),
        ("suback-8-3.1.1", "suback-8"),
        ("pingreq-3.1.1", "pingreq"),
        ("disconnect-3.1.1", "disconnect-short"),
    ];
    let older = older.map(|(name, model)| {
        let model = SAMPLES.iter().find(|sample| sample.name == model);
        Sample { name, version: Version::V3_1_1, packet: model.expect("it is a sample").packet }
    });
    SAMPLES.into_iter().chain(older).collect()
});

const WINDOWS: [usize; 2] = [1, 16];

impl Row {
    /// All, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let packets = 0..PACKETS.len();
        let mut rows: Vec<Self> = packets.clone().map(Self::Decode).collect();
        rows.extend(packets.clone().filter(|at| has_list(*at)).map(Self::Read));
        rows.extend(packets.clone().map(Self::Encode));
        rows.extend(packets.filter(|at| has_list(*at)).map(Self::Forward));
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            rows.extend(WINDOWS.map(|window| Self::Send(qos, window)));
        }
        rows
    }

    pub fn name(self) -> String {
        match self {
            Self::Decode(at) => format!("decode {}", PACKETS[at].name),
            Self::Read(at) => format!("decode and read {}", PACKETS[at].name),
            Self::Encode(at) => format!("encode {}", PACKETS[at].name),
            Self::Forward(at) => format!("encode {} as received", PACKETS[at].name),
            Self::Send(qos, window) => format!("send at QoS {}, {window} at a time", qos as u8),
        }
    }

    /// How many messages one run sends: figures are for one of them.
    pub fn messages(self) -> usize {
        match self {
            Self::Send(_, window) => window,
            _ => 1,
        }
    }

    /// How many times the instructions of the bound are good enough for us.
    pub fn allowance(self) -> f64 {
        match self {
            Self::Send(..) => 1.5,
            Self::Decode(at) | Self::Read(at) | Self::Encode(at) | Self::Forward(at) => {
                match PACKETS[at].packet {
                    Packet::Publish(_) | Packet::Puback(_) | Packet::Pingreq => 1.3,
                    _ => 1.5,
                }
            }
        }
    }
}

/// Whether the packet has elements that a library may leave for later.
fn has_list(at: usize) -> bool {
    match PACKETS[at].packet {
        Packet::Subscribe(_) | Packet::Suback(_) => true,
        Packet::Publish(publish) => !publish.properties.is_empty(),
        Packet::Connect(connect) => !connect.properties.is_empty(),
        Packet::Connack(connack) => !connack.properties.is_empty(),
        _ => false,
    }
}
