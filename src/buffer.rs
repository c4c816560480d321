//! Buffers between a connection and its transport.

use core::ops::Deref;

use crate::wire::Sink;

/// `N` bytes between a connection and its transport: bytes are added behind and taken in front.
///
/// For output it is a [`Sink`]: write [`bytes`](Self::bytes) to the transport and [`advance`](Self::advance) by what it
/// took. For input, read into [`space`](Self::space), tell how much with [`filled`](Self::filled), have
/// [`handle`](crate::Connection::handle) look at [`bytes`](Self::bytes), and advance by what it took.
///
/// ```
/// use sans_mqtt::{Buffer, Packet, Sink, Version};
/// let mut buffer = Buffer::<4>::new();
/// Packet::Pingreq.encode(Version::V5_0, &mut buffer)?;
/// assert_eq!(buffer.bytes(), [0xC0, 0]);
/// buffer.advance(1); // all that the transport took
/// buffer.space()[..2].copy_from_slice(&[1, 2]);
/// buffer.filled(2);
/// assert_eq!(buffer.bytes(), [0, 1, 2]);
/// assert!(!buffer.reserve(2));
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Buffer<const N: usize> {
    bytes: [u8; N],
    start: usize,
    end: usize,
}

impl<const N: usize> Buffer<N> {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; N], start: 0, end: 0 }
    }

    /// What is in it.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether nothing is in it.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `n` bytes, or all if there are less.
    pub fn advance(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }

    /// The room for more, all of it.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            // `copy_within` without its panic, which the compiler can't rule out.
            for (to, from) in (self.start..self.end).enumerate() {
                let byte = self.bytes.get(from).copied().unwrap_or_default();
                self.bytes.get_mut(to).into_iter().for_each(|to| *to = byte);
            }
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Adds the first `n` bytes of [`space`](Self::space), or all of it.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(N);
    }
}

impl<const N: usize> Default for Buffer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Sink for Buffer<N> {
    #[inline]
    fn reserve(&mut self, n: usize) -> bool {
        n <= N - self.end || n <= self.space().len()
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let mut room = self.bytes.get_mut(self.end..).unwrap_or_default();
        (&mut room).put(bytes);
        self.filled(bytes.len());
    }

    #[inline]
    fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        let start = self.end;
        self.filled(n);
        self.bytes.get_mut(start..self.end)
    }
}

/// A [`Sink`] that grows, a `Vec<u8>` for example, with a limit: a peer that does not read holds up its own connection, and
/// takes no more memory. A packet that is larger than the limit goes when nothing else is there.
///
/// ```
/// use sans_mqtt::{Bounded, Sink};
/// let mut output = Bounded::<Vec<u8>>::new(1000);
/// assert!(output.reserve(1000));
/// output.put(b"abc");
/// assert!(output.reserve(997) && !output.reserve(998));
/// output.inner.clear(); // it was written to the transport
/// assert!(output.reserve(2000));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Bounded<S> {
    /// Where the bytes are.
    pub inner: S,
    limit: usize,
}

impl<S: Default> Bounded<S> {
    /// An empty one, with a limit in bytes.
    pub fn new(limit: usize) -> Self {
        Self { inner: S::default(), limit }
    }
}

impl<S: Sink + Deref<Target = [u8]>> Sink for Bounded<S> {
    fn reserve(&mut self, n: usize) -> bool {
        let len = self.inner.len();
        (len == 0 || n <= self.limit.saturating_sub(len)) && self.inner.reserve(n)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.inner.put(bytes);
    }

    #[inline]
    fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        self.inner.lend(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Packet, Publish};
    use crate::spec::Version;

    #[test]
    fn packets_follow_each_other_and_none_is_cut() {
        let packet = Packet::from(Publish { topic: "a/b", payload: b"hello", ..Publish::default() });
        let mut bytes = [0; 32];
        let len = packet.encode(Version::NEWEST, &mut &mut bytes[..]).unwrap();
        let mut buffer = Buffer::<32>::new();
        for _ in 0..2 {
            packet.encode(Version::NEWEST, &mut buffer).unwrap();
        }
        assert!(packet.encode(Version::NEWEST, &mut buffer).is_err());
        assert!(buffer.bytes().chunks(len).all(|packet| packet == &bytes[..len]));
        buffer.advance(1); // not all of a packet makes room for another
        assert!(packet.encode(Version::NEWEST, &mut buffer).is_err());
        buffer.advance(len - 1);
        packet.encode(Version::NEWEST, &mut buffer).unwrap();
        assert_eq!(buffer.bytes().len(), 2 * len);
        assert!(buffer.bytes().chunks(len).all(|packet| packet == &bytes[..len]));
    }
}
