//! Loops around a connection, to be copied. All of them do the same: handle until the connection waits, write out
//! the sink, do what is waited for, tell the time. The one for a client on `std` is the example `blocking` of the library.

pub mod firmware;
pub mod hub;
pub mod server;
