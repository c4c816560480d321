//! Decodes and encodes every packet in every version.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
fn run() -> bool {
    #[cfg(feature = "panic-on-purpose")]
    if core::hint::black_box([0_u8; 4])[core::hint::black_box(4)] == 1 {
        return false;
    }
    probe::codec::there_and_back()
}
