//! What a broker tells of itself, below `$SYS`.

use sans_mqtt::*;

use super::Broker;
use super::letter::Draft;

/// What is counted.
#[derive(Debug)]
pub struct Statistics {
    start: Instant,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Messages that were published, went to somebody, or were lost to somebody.
    pub received: u64,
    pub sent: u64,
    pub dropped: u64,
    connected: usize,
    most_connected: usize,
    /// As it was last published.
    told: Vec<String>,
}

impl Statistics {
    pub const fn new(start: Instant) -> Self {
        Self {
            start,
            bytes_received: 0,
            bytes_sent: 0,
            received: 0,
            sent: 0,
            dropped: 0,
            connected: 0,
            most_connected: 0,
            told: Vec::new(),
        }
    }

    pub fn connected(&mut self, change: isize) {
        self.connected = self.connected.saturating_add_signed(change);
        self.most_connected = self.most_connected.max(self.connected);
    }
}

impl Broker {
    /// The topics below `$SYS/broker/` that people are used to.
    fn figures(&self) -> [(&'static str, String); 14] {
        let Self { statistics: it, clients, retained, topics, .. } = self;
        let uptime = self.now.saturating_duration_since(it.start).as_secs();
        [
            ("version", concat!("sans-mqtt broker ", env!("CARGO_PKG_VERSION")).into()),
            ("uptime", format!("{uptime} seconds")),
            ("clients/total", clients.len().to_string()),
            ("clients/connected", it.connected.to_string()),
            ("clients/disconnected", clients.len().saturating_sub(it.connected).to_string()),
            ("clients/maximum", it.most_connected.to_string()),
            ("subscriptions/count", topics.len().to_string()),
            ("retained messages/count", retained.len().to_string()),
            ("store/messages/count", self.waiting().to_string()),
            ("bytes/received", it.bytes_received.to_string()),
            ("bytes/sent", it.bytes_sent.to_string()),
            ("publish/messages/received", it.received.to_string()),
            ("publish/messages/sent", it.sent.to_string()),
            ("publish/messages/dropped", it.dropped.to_string()),
        ]
    }

    fn waiting(&self) -> usize {
        self.clients.values().map(|client| client.queue.len()).sum()
    }

    /// Publishes the numbers that have changed.
    pub(super) fn publish_statistics(&mut self) {
        let figures = self.figures();
        self.statistics.told.resize(figures.len(), String::new());
        for (n, (name, value)) in figures.into_iter().enumerate() {
            if self.statistics.told[n] == value {
                continue;
            }
            let topic = format!("$SYS/broker/{name}");
            let payload = value.as_bytes();
            let message =
                Message { qos: Qos::ExactlyOnce, retain: true, topic: &topic, payload, ..Message::default() };
            let _ = self.publish(None, &mut Draft::new(message, self.now));
            self.statistics.told[n] = value;
        }
    }
}
