//! Packets that own their bytes (feature `bytes`): the frame as it was received, and the version it is in.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::{DecodeError, EncodeError, ErrorKind, Field, Violation};
use crate::packet::decode::ANY;
use crate::packet::{Message, Packet, Publish};
use crate::session::{Keep, StoreError};
use crate::spec::{PacketId, PacketType, Version};
use crate::wire::{Frame, Sink, Split};

/// A valid packet that owns its bytes (feature `bytes`). Cloning it counts a reference; it can go to another thread.
///
/// ```
/// use bytes::Bytes;
/// use sans_mqtt::{Packet, PacketBuf, Publish, Version};
/// let received = Bytes::from_static(b"\x30\x04\0\x01ax");
/// let packet = PacketBuf::decode(Version::V3_1_1, received)?;
/// let other = packet.clone();
/// std::thread::spawn(move || assert_eq!(other.get().packet_type().name(), "PUBLISH")).join().unwrap();
/// assert!(matches!(packet.get(), Packet::Publish(Publish { topic: "a", payload: b"x", .. })));
/// # Ok::<(), sans_mqtt::DecodeError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PacketBuf {
    frame: Bytes,
    version: Version,
}

impl PacketBuf {
    /// Decodes `frame`, which is exactly one packet: slice it out of a larger buffer by [`Frame::split`].
    ///
    /// # Errors
    ///
    /// As [`Packet::decode`]; and [`ErrorKind::Truncated`] or [`ErrorKind::Trailing`] of [`Field::Packet`] for less or
    /// more than one packet.
    pub fn decode(version: Version, frame: Bytes) -> Result<Self, DecodeError> {
        let (kind, offset) =
            match Frame::split(&frame, usize::MAX).map_err(|error| error.in_version(version))? {
                Split::Frame(whole, []) => {
                    Packet::decode(version, whole)?;
                    return Ok(Self { frame, version });
                }
                Split::Frame(whole, _) => (ErrorKind::Trailing, whole.bytes().len()),
                Split::Incomplete(_) => (ErrorKind::Truncated, frame.len()),
            };
        let violation = Violation { kind, field: Field::Packet, scope: None, version: Some(version) };
        Err(DecodeError { violation, value: 0, offset: offset as u32 })
    }

    /// A copy of `packet`.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`].
    pub fn new(version: Version, packet: &Packet<'_>) -> Result<Self, EncodeError> {
        let mut frame = BytesMut::with_capacity(packet.encoded_len(version)?);
        packet.encode(version, &mut frame)?;
        Ok(Self { frame: frame.freeze(), version })
    }

    /// The packet. Lists and payload are not looked at again.
    pub fn get(&self) -> Packet<'_> {
        match Frame::split(&self.frame, usize::MAX) {
            // Decoding has succeeded before, so it does again.
            Ok(Split::Frame(frame, _)) => {
                Packet::decode_trusted::<ANY>(self.version, frame).unwrap_or(Packet::Pingreq)
            }
            _ => Packet::Pingreq,
        }
    }

    /// The version that the packet is encoded in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The encoded packet.
    pub const fn bytes(&self) -> &Bytes {
        &self.frame
    }
}

impl fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBuf").field("version", &self.version).field("packet", &self.get()).finish()
    }
}

/// A [`PacketBuf`] that is a PUBLISH: what a broker keeps of a message (feature `bytes`).
///
/// ```
/// use sans_mqtt::{Forward, Publish, PublishBuf, Version};
/// let message = PublishBuf::new(Version::V5_0, &Publish { topic: "a", payload: b"x", ..Publish::default() })?;
/// let mut out = Vec::new();
/// message.get().forward(&Forward::default(), Version::V3_1_1, &mut out)?;
/// assert_eq!(out, b"\x30\x04\0\x01ax");
/// assert_eq!(message.payload(), "x");
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PublishBuf(PacketBuf);

impl PublishBuf {
    /// A copy of `publish`. Fill in the topic if it came with an alias in place of it.
    ///
    /// # Errors
    ///
    /// As [`Packet::encode`].
    pub fn new(version: Version, publish: &Publish<'_>) -> Result<Self, EncodeError> {
        PacketBuf::new(version, &Packet::Publish(*publish)).map(Self)
    }

    /// The packet. Properties and payload are not looked at again.
    pub fn get(&self) -> Publish<'_> {
        match self.0.get() {
            Packet::Publish(publish) => publish,
            _ => Publish::default(),
        }
    }

    /// The message in the packet.
    pub fn message(&self) -> Message<'_> {
        self.get().into()
    }

    /// The payload, sharing the bytes of the packet.
    pub fn payload(&self) -> Bytes {
        let payload = self.get().payload.len();
        self.0.frame.slice(self.0.frame.len().saturating_sub(payload)..)
    }

    /// The packet as one of any type.
    pub fn into_packet(self) -> PacketBuf {
        self.0
    }

    /// The version that the packet is encoded in.
    pub const fn version(&self) -> Version {
        self.0.version
    }

    /// The encoded packet.
    pub const fn bytes(&self) -> &Bytes {
        &self.0.frame
    }
}

/// A copy of a message, as a packet of 5.0.
///
/// ```
/// use sans_mqtt::{Message, PublishBuf, Qos};
/// let message = Message { qos: Qos::AtLeastOnce, topic: "a", payload: b"x", ..Message::default() };
/// assert_eq!(PublishBuf::try_from(&message)?.message(), message);
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
impl TryFrom<&Message<'_>> for PublishBuf {
    type Error = EncodeError;

    fn try_from(message: &Message<'_>) -> Result<Self, EncodeError> {
        Self::new(Version::NEWEST, &message.publish(PacketId::MIN, false))
    }
}

impl TryFrom<PacketBuf> for PublishBuf {
    type Error = PacketBuf;

    /// The packet, if it is a PUBLISH; else it is given back.
    fn try_from(packet: PacketBuf) -> Result<Self, PacketBuf> {
        match Frame::split(&packet.frame, usize::MAX) {
            Ok(Split::Frame(frame, _)) if frame.packet_type() == PacketType::Publish => Ok(Self(packet)),
            _ => Err(packet),
        }
    }
}

/// A message that exists once, however many sessions keep it: each of them keeps a clone.
///
/// It is sent again as it is here, with its own RETAIN and properties (before 5.0 without these), whatever the
/// [`Terms`](crate::Terms) were.
///
/// ```
/// use sans_mqtt::{Config, Heap, Message, PublishBuf, Qos, Server, Session, UsageError};
/// # use sans_mqtt::{Instant, Properties, Step};
/// let message = Message { qos: Qos::AtLeastOnce, topic: "a", payload: b"x", ..Message::default() };
/// let shared = PublishBuf::try_from(&message)?;
/// let session = Session::<Heap<Option<PublishBuf>>>::default();
/// # let (now, mut out) = (Instant::from_millis(0), Vec::new());
/// let mut subscriber = Server::new(now, &Config::default(), session);
/// # let mut input = &b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a"[..];
/// # while let Step::Event(_) = subscriber.handle(now, &mut input, &mut out) {}
/// # subscriber.accept(Properties::EMPTY, &mut out)?;
/// let id = subscriber.publish_kept(&shared.message(), Some(shared.clone()), &mut out)?.expect("it is of QoS 1");
/// assert_eq!(subscriber.session().message(id), Some(message));
/// # Ok::<(), UsageError>(())
/// ```
impl Keep for Option<PublishBuf> {
    fn keep(&mut self, message: &Message<'_>) -> Result<(), StoreError> {
        *self = Some(message.try_into().map_err(|_| StoreError::TooLarge)?);
        Ok(())
    }

    fn message(&self) -> Option<Message<'_>> {
        self.as_ref().map(PublishBuf::message)
    }
}

impl Sink for BytesMut {
    #[inline]
    fn reserve(&mut self, n: usize) -> bool {
        self.reserve(n);
        true
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Any `bytes::BufMut` as a [`Sink`], as long as it has room.
///
/// ```
/// use bytes::{BufMut, BytesMut};
/// use sans_mqtt::{BufSink, Packet, Version};
/// let mut out = BytesMut::new().limit(3);
/// assert!(Packet::Pingreq.encode(Version::V5_0, &mut BufSink(&mut out)).is_ok());
/// assert!(Packet::Pingreq.encode(Version::V5_0, &mut BufSink(&mut out)).is_err());
/// assert_eq!(out.get_ref()[..], [0xC0, 0]);
/// ```
#[derive(Debug)]
pub struct BufSink<B>(pub B);

impl<B: BufMut> Sink for BufSink<B> {
    #[inline]
    fn reserve(&mut self, n: usize) -> bool {
        n <= self.0.remaining_mut()
    }

    fn put(&mut self, bytes: &[u8]) {
        // `put_slice` would panic where there is no room; there is, once `reserve` has said so.
        if bytes.len() <= self.0.remaining_mut() {
            self.0.put_slice(bytes);
        }
    }
}
