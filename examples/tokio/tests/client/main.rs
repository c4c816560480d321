//! The client as a program, with a server in this process: killed again and again, and used wrongly.

mod broken;
mod killed;
mod mistakes;
mod server;
mod tls;
