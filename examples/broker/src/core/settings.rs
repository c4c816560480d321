//! What a broker allows.

use std::time::Duration;

use sans_mqtt::{Config, HeapTopics, Instant, Server, Session, Version};

use super::link::{Machine, Tables};

/// What a broker allows its clients.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For each connection.
    pub config: Config,
    /// The versions that are spoken.
    pub versions: Vec<Version>,
    /// How many messages may be on their way to a client without its acknowledgement, and how many bytes of packets.
    pub max_in_flight: u16,
    pub max_in_flight_bytes: usize,
    /// How many messages wait for a client that is slow or away, and how many bytes of packets; what comes then is lost to it.
    pub max_queued: usize,
    pub max_queued_bytes: usize,
    /// The longest payload of a message in bytes.
    pub max_payload: usize,
    /// How many levels a topic filter may have.
    pub max_levels: usize,
    /// How many subscriptions a client may have.
    pub max_subscriptions: usize,
    /// How many messages are retained, and how many bytes of packets; what comes then is not.
    pub max_retained: usize,
    pub max_retained_bytes: usize,
    /// How often the numbers below `$SYS` are published; zero: never.
    pub sys_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let config = Config {
            receive_maximum: 20,
            maximum_packet_size: 2_000_000,
            // A will with the longest payload fits.
            maximum_connect_size: 100_000,
            topic_alias_maximum: 10,
            assign_topic_aliases: true,
            ..Config::default()
        };
        Self {
            config,
            versions: vec![Version::V3_1, Version::V3_1_1, Version::V5_0],
            max_in_flight: 20,
            max_in_flight_bytes: usize::MAX,
            max_queued: 1000,
            max_queued_bytes: 64 << 20,
            max_payload: usize::MAX,
            max_levels: 256,
            max_subscriptions: 100_000,
            max_retained: 1_000_000,
            max_retained_bytes: 1 << 30,
            sys_interval: Duration::from_secs(10),
        }
    }
}

impl Settings {
    /// A connection that begins.
    pub(super) fn server(&self, now: Instant) -> Machine {
        let session = Session::new(Tables::default());
        // A client's aliases: as many as it may have, of topics of any length [MQTT-3.3.2-12].
        let (theirs, ours) = (self.config.topic_alias_maximum, 64);
        let longest = usize::from(theirs) * usize::from(u16::MAX);
        let aliases = (HeapTopics::new(theirs, longest), HeapTopics::new(ours, 4 << 10));
        Server::with_aliases(now, &self.config, session, aliases)
    }
}
