//! Two loops around a connection, to be copied; the one without an allocator is in `embedded/client`. All of them do the
//! same: handle until the connection waits, write out the sink, do what is waited for, tell the time.

pub mod blocking;
pub mod hub;
pub mod server;
