//! One file for each library that is compared.

use std::hint::black_box;

use crate::library::Library;

mod bound;
mod flowsdk;
mod mountain_mqtt;
mod mqtt5_protocol;
mod mqtt_proto;
mod mqtt_protocol_core;
mod mqttbytes;
mod mqttrs;
mod ntex_mqtt;
mod ours;
mod rmqtt_codec;
mod rumqttc;

/// All of them, ours first.
pub fn libraries() -> Vec<Library> {
    let mut all = ours::libraries();
    all.extend([
        bound::library(),
        flowsdk::library(),
        mountain_mqtt::library(),
        mqtt5_protocol::library(),
        mqtt_proto::library(),
        mqtt_protocol_core::library(),
        mqttbytes::library(),
        mqttrs::library(),
        ntex_mqtt::library(),
        rmqtt_codec::library(),
    ]);
    all.extend(rumqttc::libraries());
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
