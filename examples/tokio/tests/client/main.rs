//! The client as a program, with a server in this process: killed again and again, and used wrongly.
#![cfg(unix)] // for its signals

mod broken;
mod killed;
mod mistakes;
mod server;
mod subscriptions;
mod tls;
