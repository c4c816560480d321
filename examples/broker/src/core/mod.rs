//! The broker without I/O.

pub mod retained;
pub mod topics;
