//! What waits to be written to a transport: a sink for packets on one side, a buffer to write from on the other.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;

use bytes::{Buf, Bytes, BytesMut};
use sans_mqtt::Sink;

/// How many bytes wait before no more are made.
const LIMIT: usize = 64 << 10;
/// Copying less than this is cheaper than a chunk of its own.
const WORTH_SHARING: usize = 512;
/// With what the tail begins, so that it need not grow for each of a few small packets.
const FIRST: usize = 512;

/// Chunks that are shared and a tail that grows. It holds no memory when it is empty.
#[derive(Debug)]
pub struct Output {
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    /// Of all chunks and the tail.
    len: usize,
    limit: usize,
    was_refused: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

impl Output {
    /// An empty one. A packet that is larger than the limit goes when nothing else is there.
    pub fn new(limit: usize) -> Self {
        Self { chunks: VecDeque::new(), tail: BytesMut::new(), len: 0, limit, was_refused: false }
    }

    /// A sink in front of this one that knows `bytes`: a large part of them which is put is not copied, but shared.
    ///
    /// ```
    /// use broker::output::Output;
    /// use bytes::{Buf, Bytes};
    /// use sans_mqtt::{Packet, Publish, Version};
    /// let payload = Bytes::from(vec![7; 100_000]);
    /// let publish = Packet::Publish(Publish { topic: "a", payload: &payload, ..Publish::default() });
    /// let mut output = Output::default();
    /// publish.encode(Version::V5_0, &mut output.share(&payload)).unwrap();
    /// output.advance(output.chunk().len()); // the head
    /// assert_eq!(output.chunk().as_ptr(), payload.as_ptr());
    /// ```
    pub const fn share<'a>(&'a mut self, bytes: &'a Bytes) -> Share<'a> {
        Share { output: self, bytes }
    }

    pub const fn len(&self) -> usize {
        self.len
    }

    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// There is more to come as soon as something of this is written.
    pub const fn refuse(&mut self) {
        self.was_refused = true;
    }

    /// Whether something did not fit since this was asked last: who had it waits for bytes to be written.
    pub(crate) fn take_refused(&mut self) -> bool {
        mem::take(&mut self.was_refused)
    }

    fn push(&mut self, chunk: Bytes) {
        if !self.tail.is_empty() {
            self.chunks.push_back(self.tail.split().freeze());
        }
        self.len += chunk.len();
        self.chunks.push_back(chunk);
    }
}

impl Sink for Output {
    fn reserve(&mut self, n: usize) -> bool {
        let fits = self.len == 0 || n <= self.limit.saturating_sub(self.len);
        self.was_refused |= !fits;
        fits
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.tail.capacity() == 0 {
            self.tail.reserve(bytes.len().max(FIRST));
        }
        self.tail.extend_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl Buf for Output {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&self.tail, |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, to: &mut [IoSlice<'a>]) -> usize {
        let tail = Some(&self.tail[..]).filter(|tail| !tail.is_empty());
        let all = self.chunks.iter().map(|chunk| &chunk[..]).chain(tail);
        to.iter_mut().zip(all).map(|(to, chunk)| *to = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, mut n: usize) {
        self.len -= n;
        if self.len == 0 {
            (self.chunks, self.tail) = (VecDeque::new(), BytesMut::new());
            return;
        }
        while let Some(chunk) = self.chunks.front_mut() {
            if n < chunk.len() {
                return chunk.advance(n);
            }
            n -= chunk.len();
            self.chunks.pop_front();
        }
        self.tail.advance(n);
    }
}

/// See [`Output::share`].
#[derive(Debug)]
pub struct Share<'a> {
    output: &'a mut Output,
    bytes: &'a Bytes,
}

impl Sink for Share<'_> {
    fn reserve(&mut self, n: usize) -> bool {
        self.output.reserve(n)
    }

    fn put(&mut self, bytes: &[u8]) {
        let (whole, part) = (self.bytes.as_ptr_range(), bytes.as_ptr_range());
        if bytes.len() >= WORTH_SHARING && whole.start <= part.start && part.end <= whole.end {
            self.output.push(self.bytes.slice_ref(bytes));
        } else {
            self.output.put(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut output: Output, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while output.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 4];
            let n = output.chunks_vectored(&mut slices);
            let some: Vec<u8> =
                slices[..n].iter().flat_map(|slice| slice.iter().copied()).take(step).collect();
            assert!(some.starts_with(&output.chunk()[..step.min(output.chunk().len())]));
            all.extend_from_slice(&some);
            output.advance(some.len());
        }
        assert_eq!((output.chunks.capacity(), output.tail.capacity()), (0, 0));
        all
    }

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came_however_many_at_a_time() {
        let shared = Bytes::from_iter((0..2000).map(|i| i as u8));
        for step in [1, 7, 511, 512, 600, 10_000] {
            let (mut output, mut expected) = (Output::default(), Vec::new());
            for part in [&b"head"[..], &shared[3..1200], b"a", b"b", &shared[..100], &shared[..], b"end"] {
                output.share(&shared).put(part);
                expected.extend_from_slice(part);
            }
            assert_eq!(output.chunks.len(), 4, "the large ones, and what came before each");
            assert_eq!(all(output, step), expected);
        }
    }

    #[test]
    fn it_is_bounded_but_for_a_packet_that_is_alone() {
        let mut output = Output::new(10);
        assert!(output.reserve(1000));
        output.put(b"12345678");
        assert!(output.reserve(2) && !output.take_refused());
        assert!(!output.reserve(3) && output.take_refused() && !output.take_refused());
        output.advance(7);
        assert!(output.reserve(9) && !output.reserve(10));
        output.advance(1);
        assert!(output.reserve(1000));
    }
}
