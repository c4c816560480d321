//! What is between the operating system and the broker.

pub mod address;
pub mod carry;
pub mod clock;
pub mod limits;
pub mod listen;
pub mod log;
pub mod peer;
pub mod rate;
pub mod signal;
pub mod tls;
pub mod websocket;
