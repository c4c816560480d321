//! A client and a server exchange messages.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
fn run() -> bool {
    probe::session::all()
}
