//! The ways to send one message to one of very many subscribers.

use std::sync::Arc;

use sans_mqtt::*;

use crate::connect::{Kept, Stored, Tables};

/// What all subscribers get.
pub struct Outgoing<'a> {
    pub message: Message<'a>,
    pub stored: &'a Arc<Stored>,
    pub prepared: Prepared<'a>,
}

/// Sends a message to one subscriber.
pub type Send = fn(&mut Link, &Outgoing<'_>, Qos) -> Result<Option<PacketId>, UsageError>;

/// The ways to do so, to be compared.
pub const WAYS: [(&str, Send); 3] = [
    ("`publish_prepared`", publish_prepared),
    ("`publish_kept`", publish_kept),
    ("`publish_head`", publish_head),
];

/// What is the same for all was checked once.
fn publish_prepared(
    link: &mut Link,
    outgoing: &Outgoing<'_>,
    qos: Qos,
) -> Result<Option<PacketId>, UsageError> {
    let keep = Kept((qos > Qos::AtMostOnce).then(|| outgoing.stored.clone()));
    let mut output = link.output.share(outgoing.stored, outgoing.message.payload);
    link.server.publish_prepared(&outgoing.prepared, &Terms { qos, ..Terms::default() }, keep, &mut output)
}

/// The session keeps a reference.
fn publish_kept(link: &mut Link, outgoing: &Outgoing<'_>, qos: Qos) -> Result<Option<PacketId>, UsageError> {
    let keep = Kept((qos > Qos::AtMostOnce).then(|| outgoing.stored.clone()));
    let message = copy_of(&outgoing.message, link.server.version(), qos);
    link.server.publish_kept(&message, keep, &mut link.output.share(outgoing.stored, message.payload))
}

/// The session keeps nothing: the application knows what is behind an identifier.
fn publish_head(link: &mut Link, outgoing: &Outgoing<'_>, qos: Qos) -> Result<Option<PacketId>, UsageError> {
    let message = copy_of(&outgoing.message, link.server.version(), qos);
    let head = Message { payload: &[], ..message };
    let id = link.server.publish_head(&head, message.payload.len() as u32, &mut link.output.copied)?;
    link.output.append(outgoing.stored);
    link.server.payload_written(message.payload.len())?;
    Ok(id)
}

/// A subscriber.
pub struct Link {
    pub server: Server<Tables>,
    pub output: Output,
    /// Its message that waits for an answer.
    pub id: Option<PacketId>,
}

/// The message as a subscriber gets it.
pub fn copy_of<'a>(message: &Message<'a>, version: Version, qos: Qos) -> Message<'a> {
    let properties = if version == Version::V5_0 { message.properties } else { Properties::EMPTY };
    Message { qos, properties, ..*message }
}

/// What waits to be written to a transport, in one call with all pieces.
#[derive(Default)]
pub struct Output {
    pub copied: Vec<u8>,
    /// Payloads that are shared, and how many of the bytes above go before each.
    shared: Vec<(usize, Arc<Stored>)>,
}

impl Output {
    /// The payload goes behind what is there.
    fn append(&mut self, stored: &Arc<Stored>) {
        self.shared.push((self.copied.len(), stored.clone()));
    }

    /// A sink that knows the payload, and does not copy it.
    fn share<'a>(&'a mut self, stored: &'a Arc<Stored>, payload: &'a [u8]) -> Share<'a> {
        Share { output: self, stored, payload }
    }

    /// All bytes, in order.
    pub fn bytes(&self) -> Vec<u8> {
        let (mut bytes, mut from) = (Vec::new(), 0);
        for (at, stored) in &self.shared {
            bytes.extend_from_slice(&self.copied[from..*at]);
            bytes.extend_from_slice(stored.message().payload);
            from = *at;
        }
        bytes.extend_from_slice(&self.copied[from..]);
        bytes
    }

    pub fn clear(&mut self) {
        self.copied.clear();
        self.shared.clear();
    }
}

struct Share<'a> {
    output: &'a mut Output,
    stored: &'a Arc<Stored>,
    payload: &'a [u8],
}

impl Sink for Share<'_> {
    fn reserve(&mut self, _: usize) -> bool {
        true
    }

    fn put(&mut self, bytes: &[u8]) {
        if std::ptr::eq(bytes, self.payload) {
            self.output.append(self.stored);
        } else {
            self.output.copied.extend_from_slice(bytes);
        }
    }
}
