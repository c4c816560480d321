//! What a run is made of, as data.

use std::sync::LazyLock;

use sans_mqtt::{Config, HeapTopics, Properties, Property, Qos, Version};

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// A step of an application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Do {
    Publish(Qos),
    /// Publishes a message of QoS 1 or 2 that the application keeps.
    Lend(Qos),
    /// Sends the head of a message and then its payload, which is large.
    Stream(Qos),
    Subscribe,
    Unsubscribe,
    /// Lets the client's keep alive run out when nothing else happens.
    Ping,
    Disconnect,
}

impl Do {
    /// The QoS of a message.
    pub(crate) fn qos(self) -> Qos {
        match self {
            Self::Publish(qos) | Self::Lend(qos) | Self::Stream(qos) => qos,
            step => panic!("{step:?} is no message"),
        }
    }

    /// Whether the application keeps the message.
    pub(crate) fn is_lent(self) -> bool {
        matches!(self, Self::Lend(_) | Self::Stream(_))
    }

    pub(crate) fn is_streamed(self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// In which order an application acknowledges the messages that it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Acks {
    Automatic,
    /// The first of more than that many.
    First(usize),
    /// The last of more than that many.
    Last(usize),
}

/// The tables of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) outgoing: u16,
    pub(crate) incoming: u16,
    /// Whether they begin with nothing and double, as long as they are smaller than that.
    pub(crate) grows: bool,
}

/// When a fault comes, counted from the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum At {
    /// A side has read so many bytes.
    Read(usize, u64),
    /// A side has written so many bytes to the connection.
    Written(usize, u64),
    /// A side's store has been given so many bytes of records.
    Logged(usize, u64),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum What {
    /// The connection is gone, and what was on its way. Each side still handles what it has read.
    Cut,
    /// The same, and neither side does.
    Abort,
    /// A side is restarted from its exported session.
    Restart(usize),
    /// A side is gone, and restarted from its log.
    Crash(usize),
    /// The server has forgotten the session.
    Lose,
    /// The client begins a new session.
    Clean,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) at: At,
    pub(crate) what: What,
}

/// Whether every run is logged and happens again, and not only those that chance makes.
static LOGGED: LazyLock<bool> = LazyLock::new(|| std::env::var_os("PAIR_LOG").is_some());

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) version: Version,
    /// The version of the connections behind the first, if it is another. In 5.0 messages have properties then.
    pub(crate) later: Option<Version>,
    /// Of the client and of the server, as all pairs here.
    pub(crate) scripts: [Vec<Do>; 2],
    pub(crate) acks: [Acks; 2],
    /// 5.0: refuse every fifth message (only if acknowledged by hand).
    pub(crate) refuses: bool,
    /// Abandon every fifth message that has to be sent again and was lent.
    pub(crate) abandons: bool,
    pub(crate) shapes: [Shape; 2],
    /// What each side accepts, in the first connection and in later ones.
    pub(crate) receive_maximum: [[u16; 2]; 2],
    pub(crate) maximum_packet_size: [u32; 2],
    pub(crate) headroom: u16,
    /// The bytes that a sink holds.
    pub(crate) sinks: [usize; 2],
    /// The bytes that the network holds, in each direction.
    pub(crate) pipe: usize,
    /// The payload of message `n` has so many bytes, and `n % 4` times the second number more; four at least.
    pub(crate) payload: [usize; 2],
    /// The payload of a streamed message has so many bytes more.
    pub(crate) large: usize,
    /// What is larger comes in pieces.
    pub(crate) stream_above: u32,
    /// Every topic gets one of so many Topic Aliases (5.0), on both sides; and so many topics there are.
    pub(crate) aliases: u16,
    pub(crate) topics: usize,
    pub(crate) faults: Vec<Fault>,
    /// One in so many calls of a store fails; 0: none.
    pub(crate) store_fails: usize,
    /// 0: everything is done at once and as far as possible. Else chance decides what is, and how far.
    pub(crate) seed: u64,
    /// All is logged, and happens again.
    pub(crate) logged: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let shape = Shape { outgoing: 16, incoming: 16, grows: true };
        Self {
            version: Version::V5_0,
            later: None,
            scripts: [Vec::new(), Vec::new()],
            acks: [Acks::Automatic; 2],
            refuses: false,
            abandons: false,
            shapes: [shape; 2],
            receive_maximum: [[2; 2]; 2],
            maximum_packet_size: [1000; 2],
            headroom: 32,
            sinks: [usize::MAX; 2],
            pipe: usize::MAX,
            payload: [4, 0],
            large: 0,
            stream_above: u32::MAX,
            aliases: 0,
            topics: 1,
            faults: Vec::new(),
            store_fails: 0,
            seed: 0,
            logged: *LOGGED,
        }
    }
}

impl Setup {
    /// The version of the `n`th connection.
    pub(crate) fn version(&self, n: usize) -> Version {
        self.later.filter(|_| n > 0).unwrap_or(self.version)
    }

    /// The properties of messages in a connection of this version.
    pub(crate) fn properties(&self, version: Version) -> Properties<'static> {
        const TYPE: Properties<'_> = Properties::from_slice(&[Property::ContentType("text/plain")]);
        if self.later.is_some() && version == Version::V5_0 { TYPE } else { Properties::EMPTY }
    }

    /// The configuration of a side in its `n`th connection.
    pub(crate) fn config(&self, who: usize, n: usize) -> Config {
        Config {
            receive_maximum: self.receive_maximum[n.min(1)][who],
            maximum_packet_size: self.maximum_packet_size[n.min(1)],
            headroom: self.headroom,
            stream_above: self.stream_above,
            topic_alias_maximum: self.aliases,
            assign_topic_aliases: self.aliases > 0,
            ..Config::default()
        }
    }

    /// The payload of a message.
    pub(crate) fn payload(&self, number: u32, streamed: bool) -> Vec<u8> {
        let len = self.payload[0] + number as usize % 4 * self.payload[1];
        let len = len + if streamed { self.large } else { 0 };
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(len.max(4), number as u8);
        payload
    }

    /// Memory for the aliases of both directions.
    pub(crate) fn tables(&self) -> Tables {
        let table = || HeapTopics::new(self.aliases, 100);
        (table(), table())
    }

    pub(crate) fn crashes(&self, who: usize) -> bool {
        self.faults.iter().any(|fault| fault.what == What::Crash(who) || matches!(fault.at, At::Logged(..)))
    }

    /// How the tests print what failed.
    pub(crate) fn print_if_panicking(&self) -> impl Drop + use<> {
        struct Print(Setup);
        impl Drop for Print {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    // A long one has a seed.
                    self.0.scripts.iter_mut().filter(|script| script.len() > 30).for_each(Vec::clear);
                    eprintln!("failed: {:?}", self.0);
                }
            }
        }
        Print(self.clone())
    }
}

pub(crate) type Tables = (HeapTopics, HeapTopics);

const TOPICS: [&str; 5] = ["t", "u", "a/b", "a/topic", "another/topic"];

/// The topic of a message, if there are so many.
pub(crate) fn topic(number: u32, topics: usize) -> &'static str {
    // Some come several times in a row.
    TOPICS[(number as usize / 2 + number as usize % 3) % topics]
}

/// The messages of a script.
pub(crate) fn publishes(qos: Qos, n: usize) -> Vec<Do> {
    vec![Do::Publish(qos); n]
}

pub(crate) const QOS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];
pub(crate) const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5_0];
