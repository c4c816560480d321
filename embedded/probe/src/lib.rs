//! A runtime just large enough for qemu, and what there is to run: every packet and a pair of connections, in every version.
#![no_std]

#[cfg(all(feature = "v3", feature = "v5"))]
pub mod codec;
#[cfg(all(feature = "v3", feature = "v5"))]
pub mod rest;
pub mod runtime;
#[cfg(all(feature = "v3", feature = "v5"))]
pub mod session;
#[cfg(all(feature = "v3", feature = "v5"))]
mod tape;

/// The door for a program that is not Rust: what a static library must export for the linker to keep it.
#[cfg(all(feature = "v3", feature = "v5", not(target_os = "none")))]
#[unsafe(no_mangle)]
pub extern "C" fn probe() -> bool {
    codec::there_and_back() && rest::all() && session::all()
}
