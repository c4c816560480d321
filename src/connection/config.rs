//! What this side allows, and what the peer does.

use core::time::Duration;

use crate::packet::Qos;

/// What this side allows. Nothing here is exceeded, whatever the peer sends.
///
/// | option | default | what happens when it is exceeded |
/// |---|---|---|
/// | `receive_maximum` | 16 | 5.0: DISCONNECT with 0x93 |
/// | `maximum_packet_size` | 1 MiB | 5.0: DISCONNECT with 0x95 |
/// | `maximum_connect_size` | 16 KiB | the connection is closed |
/// | `connect_timeout` | 10 s | the connection is closed |
/// | `ping_timeout` | 10 s | the connection is closed |
/// | `headroom` | 32 bytes | `publish` leaves that much room in the sink |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// How many messages of QoS 1 and 2 the peer may have unacknowledged, from 1. Announced in 5.0; if the store has room
    /// for fewer, that is announced. Older versions have no such limit, there the store's is the only one.
    pub receive_maximum: u16,
    /// The largest packet to accept in bytes, with its fixed header; announced in 5.0.
    pub maximum_packet_size: u32,
    /// The largest CONNECT that a server accepts, in bytes.
    pub maximum_connect_size: u32,
    /// How long a server waits for CONNECT, and a client for CONNACK.
    pub connect_timeout: Duration,
    /// How long a client waits for PINGRESP, and how long either side waits for room to say farewell.
    pub ping_timeout: Duration,
    /// How many bytes of room messages leave in the sink, so that acknowledgements are not held up by them.
    pub headroom: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_maximum: 16,
            maximum_packet_size: 1 << 20,
            maximum_connect_size: 16 << 10,
            connect_timeout: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            headroom: 32,
        }
    }
}

/// What the peer allows, as agreed when the connection was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// How many messages of QoS 1 and 2 may be unacknowledged.
    pub receive_maximum: u16,
    /// The largest packet in bytes, with its fixed header.
    pub maximum_packet_size: u32,
    /// The highest QoS of a message.
    pub maximum_qos: Qos,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// The longest silence in seconds; 0: any.
    pub keep_alive: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            keep_alive: 0,
        }
    }
}
