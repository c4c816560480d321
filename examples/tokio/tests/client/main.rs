//! The client as a program, with a server in this process: killed again and again, and used wrongly.
#![cfg(unix)] // for its signals

mod broken;
mod killed;
mod mistakes;
mod scram;
mod script;
mod server;
mod stalled;
mod subscriptions;
mod tls;
