//! A message that owns its bytes.

use sans_mqtt::{Delivery, EncodeError, Message, PacketId, Publish, PublishBuf, Qos, Version};

/// A [`Message`] that owns its bytes, to be sent from task to task.
#[derive(Clone, Debug)]
pub struct MessageBuf(PublishBuf);

impl MessageBuf {
    /// A copy, if it is a message that can be sent.
    pub fn new(message: &Message<'_>) -> Result<Self, EncodeError> {
        let Message { qos, retain, topic, properties, payload } = *message;
        let delivery = match qos {
            Qos::AtMostOnce => Delivery::AtMostOnce,
            Qos::AtLeastOnce => Delivery::AtLeastOnce(PacketId::MIN),
            Qos::ExactlyOnce => Delivery::ExactlyOnce(PacketId::MIN),
        };
        let publish = Publish { dup: false, retain, delivery, topic, properties, payload };
        PublishBuf::new(Version::V5_0, &publish).map(Self)
    }

    /// The message.
    pub fn get(&self) -> Message<'_> {
        self.0.get().into()
    }
}
