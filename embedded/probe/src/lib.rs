//! A runtime just large enough for qemu, and what there is to run: every packet and a pair of connections, in every version.
#![no_std]

pub mod codec;
pub mod rest;
pub mod runtime;
pub mod session;
mod tape;

/// The door for a program that is not Rust: what a static library must export for the linker to keep it.
#[cfg(not(target_os = "none"))]
#[unsafe(no_mangle)]
pub extern "C" fn probe() -> bool {
    codec::there_and_back() && rest::all() && session::all()
}
