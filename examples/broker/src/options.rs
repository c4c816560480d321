//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use sans_mqtt::{Config, Qos, Version};

use crate::access::{AccessOptions, HashKind};
use crate::core::settings::Settings;
use crate::net::address::Address;

/// An MQTT broker for 3.1, 3.1.1 and 5.0.
#[derive(Clone, Debug, Parser)]
#[command(name = "broker", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(subcommand)]
    pub task: Option<Task>,
    /// Where to listen: a port of this machine alone (1883), HOST:PORT, or a URL with tcp://, tls://, ws:// or wss://.
    /// Port 0 takes a free one. With `[::]`, most systems listen for IPv4, too [default: 127.0.0.1:1883]
    #[arg(value_name = "ADDRESS")]
    pub addresses: Vec<Address>,
    /// The same as an ADDRESS of 127.0.0.1:PORT
    #[arg(short, long = "port", value_name = "PORT")]
    pub ports: Vec<u16>,
    /// How many threads serve connections
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    #[command(flatten)]
    pub protocol: ProtocolOptions,
    #[command(flatten)]
    pub queues: QueueOptions,
    #[command(flatten)]
    pub sessions: SessionOptions,
    #[command(flatten)]
    pub access: AccessOptions,
    #[command(flatten)]
    pub tls: TlsOptions,
    #[command(flatten)]
    pub limits: LimitOptions,
    #[command(flatten)]
    pub log: LogOptions,
}

/// What there is to do but to be a broker.
#[derive(Clone, Debug, Subcommand)]
pub enum Task {
    /// Reads a password from standard input, and writes the line for it in a password file
    Passwd {
        user: String,
        /// What is kept of the password
        #[arg(long, value_name = "KIND", default_value = "argon2id")]
        kind: HashKind,
    },
}

/// What is spoken, and what is announced to clients.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Protocol")]
pub struct ProtocolOptions {
    /// The versions that are spoken
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "3.1,3.1.1,5.0",
        value_name = "LIST",
        value_parser = version
    )]
    pub protocol_versions: Vec<Version>,
    /// The longest Keep Alive, in seconds: who asks for more, or for none, is given this one with 5.0, and refused with
    /// older versions, which can't be told [0: no limit]
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub max_keepalive: u16,
    /// The highest QoS of messages that clients publish, 0 to 2: who goes beyond is disconnected
    #[arg(long, default_value = "2", value_name = "QOS", value_parser = qos)]
    pub max_qos: Qos,
    /// Whether messages can be retained: who asks for it if not is disconnected
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    pub retain_available: bool,
    /// Whether filters may have the wildcards + and #
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    pub wildcard_subscriptions: bool,
    /// Whether there are $share/ subscriptions
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    pub shared_subscriptions: bool,
    /// Whether subscriptions may have identifiers (5.0)
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    pub subscription_identifiers: bool,
    /// How many Topic Aliases there are in each direction (5.0); the topic of each can be 65535 bytes long [0: none]
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub topic_alias_maximum: u16,
    /// How many messages of QoS 1 and 2 a client may have under way to the broker, 1 to 65535 (5.0)
    #[arg(long, default_value_t = 20, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub receive_maximum: u16,
    /// The largest packet that is taken, in bytes, which is announced (5.0) [0: what MQTT allows]
    #[arg(long, default_value_t = 2_000_000, value_name = "BYTES")]
    pub max_packet_size: u32,
    /// The largest payload of a message that is taken, in bytes [0: no limit]
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub message_size_limit: u32,
}

/// What waits for a client.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Queues, for each client")]
pub struct QueueOptions {
    /// How many messages of QoS 1 and 2 are under way to it at once, 1 to 65535
    #[arg(long, default_value_t = 20, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_inflight_messages: u16,
    /// How many bytes of them, topics and properties included [0: no limit]
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub max_inflight_bytes: u64,
    /// How many messages wait until they can be sent; what comes then is lost to it [0: no limit]
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    pub max_queued_messages: u32,
    /// How many bytes of them, topics and properties included [0: no limit]
    #[arg(long, default_value_t = 64 << 20, value_name = "BYTES")]
    pub max_queued_bytes: u64,
}

/// What is kept, and how long.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Sessions and what is kept")]
pub struct SessionOptions {
    /// Keeps sessions and retained messages in this directory, which is made if it is not there [default: in memory]
    #[arg(long, value_name = "DIR")]
    pub persistence: Option<PathBuf>,
    /// Whether each change is on the disk before it is acknowledged: then a power failure loses nothing
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_name = "true|false", requires = "persistence")]
    pub sync: bool,
    /// The longest time that a session outlives its connection, in seconds [default: no limit]
    #[arg(long, value_name = "SECONDS")]
    pub max_session_expiry: Option<u32>,
    /// How many messages are retained; what comes then is not [0: no limit]
    #[arg(long, default_value_t = 1_000_000, value_name = "COUNT")]
    pub max_retained_messages: u32,
    /// How many bytes of them, topics and properties included [0: no limit]
    #[arg(long, default_value_t = 1 << 30, value_name = "BYTES")]
    pub max_retained_bytes: u64,
    /// How often the figures below $SYS/ are published, in seconds [0: never]
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    pub sys_interval: u32,
}

/// Certificates of `tls://` and `wss://`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS (the files are read again on SIGHUP)")]
pub struct TlsOptions {
    /// The certificate of the broker and what leads to its root, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The roots of certificates of clients, PEM: the common name of a certificate says who it is
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub client_ca: Option<PathBuf>,
    /// Whether a client has to have a certificate
    #[arg(long, default_value_t = false, action = ArgAction::Set, value_name = "true|false", requires = "client_ca")]
    pub require_client_certificate: bool,
}

/// What connections may take of the broker. What has 0 as its default has no limit.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "Limits (0: no limit; an address of IPv6 is its /64; who is beyond the limit is closed)"
)]
pub struct LimitOptions {
    /// How many connections there are
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub max_connections: u32,
    /// How many from one address
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub max_connections_per_address: u32,
    /// How many connections there are whose client is not accepted yet
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    pub max_pending: u32,
    /// How many of them from one address
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub max_pending_per_address: u32,
    /// How many new connections in a second from one address
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub connection_rate: u32,
    /// How many clients may be refused in a minute from one address; then nobody comes in from there for a while
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub failed_login_rate: u32,
    /// How many messages in a second a client can publish: more are read later
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub message_rate: u32,
    /// How many bytes in a second a client can send: more are read later
    #[arg(long, default_value_t = 0, value_name = "BYTES")]
    pub byte_rate: u32,
    /// How long a connection may take to become a client's: handshakes and CONNECT, 1 to 3600 seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub connect_timeout: u16,
    /// How long a client may read nothing of what waits for it, 1 to 3600 seconds
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub send_timeout: u16,
}

/// What is told on standard error.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogOptions {
    /// What is logged: error, warn, info, debug, trace, off, or one of them for each module (info,broker::net=debug)
    #[arg(long = "log", default_value = "info", value_name = "FILTER")]
    pub filter: String,
    /// In what form
    #[arg(long = "log-format", default_value = "text", value_name = "FORMAT")]
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Options {
    fn default() -> Self {
        Self::parse_from(["broker"])
    }
}

impl Options {
    /// Where to listen.
    pub fn listeners(&self) -> Vec<Address> {
        let all = self.addresses.iter().cloned().chain(self.ports.iter().map(|port| Address::local(*port)));
        let all: Vec<_> = all.collect();
        if all.is_empty() { vec![Address::local(1883)] } else { all }
    }

    /// What the broker allows its clients.
    pub fn settings(&self) -> Settings {
        let Self { protocol, queues, sessions, limits, .. } = self;
        let most = |n: u64| if n == 0 { usize::MAX } else { usize::try_from(n).unwrap_or(usize::MAX) };
        let config = Config {
            receive_maximum: protocol.receive_maximum,
            maximum_packet_size: if protocol.max_packet_size == 0 {
                u32::MAX
            } else {
                protocol.max_packet_size
            },
            topic_alias_maximum: protocol.topic_alias_maximum,
            assign_topic_aliases: protocol.topic_alias_maximum > 0,
            maximum_qos: protocol.max_qos,
            retain_available: protocol.retain_available,
            wildcard_subscription_available: protocol.wildcard_subscriptions,
            subscription_identifier_available: protocol.subscription_identifiers,
            shared_subscription_available: protocol.shared_subscriptions,
            maximum_keep_alive: protocol.max_keepalive,
            maximum_session_expiry: sessions.max_session_expiry.unwrap_or(u32::MAX),
            connect_timeout: Duration::from_secs(limits.connect_timeout.into()),
            ..Settings::default().config
        };
        Settings {
            config,
            versions: protocol.protocol_versions.clone(),
            max_in_flight: queues.max_inflight_messages,
            max_in_flight_bytes: most(queues.max_inflight_bytes),
            max_queued: most(queues.max_queued_messages.into()),
            max_queued_bytes: most(queues.max_queued_bytes),
            max_retained: most(sessions.max_retained_messages.into()),
            max_retained_bytes: most(sessions.max_retained_bytes),
            max_payload: most(protocol.message_size_limit.into()),
            sys_interval: Duration::from_secs(sessions.sys_interval.into()),
            ..Settings::default()
        }
    }

    /// Whether it all goes together, as far as the parser can't tell.
    ///
    /// # Errors
    ///
    /// A sentence that says what does not.
    pub fn check(&self) -> Result<(), String> {
        let Self { tls, access, .. } = self;
        match self.addresses.iter().find(|address| address.scheme.is_tls()) {
            Some(address) if tls.cert.is_none() => Err(format!("{address} needs --cert FILE and --key FILE")),
            address if access.use_identity_as_username && address.and(tls.client_ca.as_ref()).is_none() => {
                Err("--use-identity-as-username needs --client-ca FILE, and an ADDRESS with tls:// or wss://"
                    .into())
            }
            _ => Ok(()),
        }
    }
}

fn version(name: &str) -> Result<Version, String> {
    match name.trim() {
        "3.1" => Ok(Version::V3_1),
        "3.1.1" => Ok(Version::V3_1_1),
        "5" | "5.0" => Ok(Version::V5_0),
        _ => Err("the versions are 3.1, 3.1.1 and 5.0".into()),
    }
}

fn qos(number: &str) -> Result<Qos, String> {
    match number {
        "0" => Ok(Qos::AtMostOnce),
        "1" => Ok(Qos::AtLeastOnce),
        "2" => Ok(Qos::ExactlyOnce),
        _ => Err("it is 0, 1 or 2".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_options_allows_what_a_broker_allows() {
        let [options, own] = [Options::default().settings(), Settings::default()].map(|it| format!("{it:?}"));
        assert_eq!(options, own);
    }
}
