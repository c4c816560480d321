//! One file for each library that is compared.

use std::hint::black_box;

use crate::library::Library;

mod mqtt_protocol_core;
mod ours;
mod rumqttc;

/// All of them, ours first.
pub fn libraries() -> Vec<Library> {
    let mut all = ours::libraries();
    all.extend([mqtt_protocol_core::library(), rumqttc::library()]);
    all
}

/// What is not here, and why.
pub const NOT_MEASURED: [(&str, &str); 2] = [
    ("minimq", "its codec is private, and its client does its own I/O"),
    ("rust-mqtt", "its codec is private, and its client does its own I/O"),
];

/// Reads a list, element by element.
fn touch<T>(list: impl IntoIterator<Item = T>) {
    for element in list {
        black_box(&element);
    }
}
