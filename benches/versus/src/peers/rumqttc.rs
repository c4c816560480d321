//! rumqttc, and rumqttc-next, which is a fork of it: their codecs, and the state of the client for 5.0.

use crate::library::Library;

pub fn libraries() -> [Library; 2] {
    [original::library(), next::library()]
}

/// What both have in common, for a module that names their parts.
macro_rules! adapter {
    ($name:literal, $state:expr) => {
        use bytes::BytesMut;
        use sans_mqtt::{Qos, Version};

        use crate::library::Library;
        use crate::peer::{Client, Codec};
        use crate::peers::touch;

        pub(super) fn library() -> Library {
            let library = Library::new($name).codec::<V3>().codec::<V5>();
            library.client::<State>().idle("client", State::connected)
        }

        struct V3;

        impl Codec for V3 {
            const VERSION: Version = Version::V3_1_1;
            type Input = BytesMut;
            type Packet = v4::Packet;
            type Decoded = Result<v4::Packet, Error4>;
            type Given = &'static v4::Packet;
            type Output = BytesMut;

            fn decode(input: &mut BytesMut) -> Self::Decoded {
                v4::Packet::read(input, usize::MAX)
            }

            fn read(packet: &v4::Packet) {
                match packet {
                    v4::Packet::Subscribe(subscribe) => touch(&subscribe.filters),
                    v4::Packet::SubAck(suback) => touch(&suback.return_codes),
                    _ => {}
                }
            }

            fn encode(packet: &v4::Packet, out: &mut BytesMut) -> bool {
                packet.write(out, usize::MAX).is_ok()
            }
        }

        struct V5;

        impl Codec for V5 {
            const VERSION: Version = Version::V5_0;
            type Input = BytesMut;
            type Packet = Packet;
            type Decoded = Result<Packet, Error5>;
            type Given = &'static Packet;
            type Output = BytesMut;

            fn decode(input: &mut BytesMut) -> Self::Decoded {
                Packet::read(input, None)
            }

            fn read(packet: &Packet) {
                match packet {
                    Packet::Publish(publish) => {
                        publish.properties.iter().for_each(|properties| touch(&properties.user_properties));
                    }
                    Packet::Subscribe(subscribe) => touch(&subscribe.filters),
                    Packet::SubAck(suback) => touch(&suback.return_codes),
                    _ => {}
                }
            }

            fn encode(packet: &Packet, out: &mut BytesMut) -> bool {
                packet.write(out, None).is_ok()
            }
        }

        /// What the event loop does around it is left out.
        struct State {
            state: MqttState,
            input: BytesMut,
            output: BytesMut,
        }

        impl Client for State {
            type Output = BytesMut;

            fn connected() -> Self {
                let mut state = $state;
                let connack = v5::ConnAck {
                    session_present: false,
                    code: v5::ConnectReturnCode::Success,
                    properties: None,
                };
                state.handle_incoming_packet(Packet::ConnAck(connack)).expect("it is a CONNACK");
                state.events.clear();
                Self { state, input: BytesMut::new(), output: BytesMut::new() }
            }

            fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]) {
                let qos = match qos {
                    Qos::AtMostOnce => QoS::AtMostOnce,
                    Qos::AtLeastOnce => QoS::AtLeastOnce,
                    Qos::ExactlyOnce => QoS::ExactlyOnce,
                };
                let publish = v5::Publish::new(topic, qos, payload, None);
                let packet =
                    self.state.handle_outgoing_packet(Request::Publish(publish)).expect("it is connected");
                packet.expect("it is sent at once").write(&mut self.output, None).expect("there is room");
                self.state.events.clear();
            }

            fn feed(&mut self, bytes: &[u8]) {
                self.input.extend_from_slice(bytes);
            }

            fn handle(&mut self) -> usize {
                while !self.input.is_empty() {
                    let packet = Packet::read(&mut self.input, None).expect("it is whole");
                    if let Some(answer) = self.state.handle_incoming_packet(packet).expect("it is expected") {
                        answer.write(&mut self.output, None).expect("there is room");
                    }
                }
                let events = self.state.events.drain(..);
                events
                    .filter(|it| matches!(it, Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))))
                    .count()
            }

            fn output(&mut self) -> &mut BytesMut {
                &mut self.output
            }
        }
    };
}

mod original {
    use rumqttc::mqttbytes::{Error as Error4, v4};
    use rumqttc::v5::mqttbytes::v5::{self, Packet};
    use rumqttc::v5::mqttbytes::{Error as Error5, QoS};
    use rumqttc::v5::{Event, MqttState, Request};

    adapter!("rumqttc", MqttState::new(16, false));
}

/// It has a crate for each version.
mod next {
    use rumqttc_next::mqttbytes::v5::{self, Packet};
    use rumqttc_next::mqttbytes::{Error as Error5, QoS};
    use rumqttc_next::{Event, MqttState, Request};
    use rumqttc_next_v4::mqttbytes::{Error as Error4, v4};

    adapter!("rumqttc-next", MqttState::builder(16).build());
}
