//! What is between the operating system and the broker.

pub mod carry;
pub mod clock;
pub mod rate;
