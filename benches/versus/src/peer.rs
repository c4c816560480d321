//! What a peer has to bring.

use bytes::BytesMut;
use sans_mqtt::{Qos, Version};

use crate::samples::Sample;

/// A decoder and encoder of one version.
pub trait Codec: 'static {
    const VERSION: Version;
    /// What it decodes from.
    type Input: Input;
    type Packet: 'static;
    /// What its decoder returns: to make something else of a large packet costs what is no work of the library's.
    type Decoded: Decoded<Self::Packet>;
    /// How it takes a packet to be encoded: `&Packet`, or a [`Copied`] one.
    type Given: From<&'static Self::Packet>;
    /// What it encodes to: of those that it can, the one that costs it least.
    type Output: Output;

    /// The first packet of the input.
    fn decode(input: &mut Self::Input) -> Self::Decoded;

    /// Reads every element of the packet's lists.
    fn read(packet: &Self::Packet);

    /// Whether it could be encoded.
    fn encode(packet: Self::Given, out: &mut Self::Output) -> bool;

    /// The packet as an application makes it: for most it is like one that was decoded.
    fn make(_: &'static Sample, bytes: &'static [u8]) -> Option<Self::Packet> {
        Self::decode(&mut Input::new(bytes, 1)).into_packet()
    }
}

/// The version of a level in CONNECT, for codecs that are alike but for that.
pub const fn version(level: u8) -> Version {
    match level {
        4 => Version::V3_1_1,
        _ => Version::V5_0,
    }
}

/// The client's side of a connection with 5.0.
pub trait Client: 'static {
    type Output: Output;

    /// After CONNECT and CONNACK.
    fn connected() -> Self;

    /// Sends a message.
    fn publish(&mut self, qos: Qos, topic: &'static str, payload: &'static [u8]);

    /// These bytes came from the transport, to where the library wants them. That is not measured.
    fn feed(&mut self, bytes: &[u8]);

    /// Handles them; and tells how many messages are done.
    fn handle(&mut self) -> usize;

    /// What is to be sent.
    fn output(&mut self) -> &mut Self::Output;
}

/// Bytes to be decoded.
pub trait Input {
    /// The same packet so many times; or once, if it is not taken out.
    fn new(packet: &'static [u8], times: usize) -> Self;
}

impl Input for &'static [u8] {
    fn new(packet: &'static [u8], _: usize) -> Self {
        packet
    }
}

impl Input for BytesMut {
    fn new(packet: &'static [u8], times: usize) -> Self {
        let mut stream = Self::with_capacity(packet.len() * times);
        (0..times).for_each(|_| stream.extend_from_slice(packet));
        stream
    }
}

/// A packet, or what is none.
pub trait Decoded<P> {
    fn packet(&self) -> Option<&P>;
    fn into_packet(self) -> Option<P>;
}

impl<P, E> Decoded<P> for Result<P, E> {
    fn packet(&self) -> Option<&P> {
        self.as_ref().ok()
    }

    fn into_packet(self) -> Option<P> {
        self.ok()
    }
}

/// `Ok(None)` asks for more bytes.
impl<P, E> Decoded<P> for Result<Option<P>, E> {
    fn packet(&self) -> Option<&P> {
        self.as_ref().ok()?.as_ref()
    }

    fn into_packet(self) -> Option<P> {
        self.ok()?
    }
}

/// Where encoded bytes go to.
pub trait Output: Default {
    fn clear(&mut self);
    fn written(&mut self) -> &[u8];
}

impl Output for BytesMut {
    fn clear(&mut self) {
        self.clear();
    }

    fn written(&mut self) -> &[u8] {
        self
    }
}

impl Output for Vec<u8> {
    fn clear(&mut self) {
        self.clear();
    }

    fn written(&mut self) -> &[u8] {
        self
    }
}

/// For those that write to a slice.
pub struct Buffer {
    pub bytes: [u8; Self::SIZE],
    pub len: usize,
}

impl Buffer {
    pub const SIZE: usize = 4096;
}

impl Default for Buffer {
    fn default() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }
}

impl Output for Buffer {
    fn clear(&mut self) {
        self.len = 0;
    }

    fn written(&mut self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// A packet for those that want it for themselves; the copy is not measured.
pub struct Copied<T>(pub T);

impl<T: Clone> From<&T> for Copied<T> {
    fn from(packet: &T) -> Self {
        Self(packet.clone())
    }
}
