//! Does with every packet what else the library can do.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
fn run() -> bool {
    probe::rest::all()
}
