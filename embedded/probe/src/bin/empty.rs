//! Does nothing: the size of the runtime alone.
#![no_std]
#![no_main]

use probe as _;

#[unsafe(no_mangle)]
fn run() -> bool {
    true
}
