//! Bytes between an interrupt and the program: one of them pushes, the other pops.

use core::sync::atomic::{
    AtomicU8, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// At most `N` bytes, a power of two. A load and a store of a word is all that it asks of the processor.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [AtomicU8; N],
    /// How many were ever pushed, and popped, modulo 2^32.
    pushed: AtomicUsize,
    popped: AtomicUsize,
}

impl<const N: usize> Ring<N> {
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two()) };
        Self {
            bytes: [const { AtomicU8::new(0) }; N],
            pushed: AtomicUsize::new(0),
            popped: AtomicUsize::new(0),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_full(&self) -> bool {
        self.len() >= N
    }

    fn len(&self) -> usize {
        self.pushed.load(Acquire).wrapping_sub(self.popped.load(Acquire))
    }

    /// Adds a byte if there is room.
    pub fn push(&self, byte: u8) -> bool {
        let pushed = self.pushed.load(Relaxed);
        let Some(place) = self.bytes.get(pushed % N).filter(|_| !self.is_full()) else { return false };
        place.store(byte, Relaxed);
        self.pushed.store(pushed.wrapping_add(1), Release);
        true
    }

    /// Takes the oldest byte.
    pub fn pop(&self) -> Option<u8> {
        let popped = self.popped.load(Relaxed);
        let byte = self.bytes.get(popped % N).filter(|_| !self.is_empty())?.load(Relaxed);
        self.popped.store(popped.wrapping_add(1), Release);
        Some(byte)
    }

    /// Pushes as many as there is room for.
    pub fn write(&self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| self.push(**byte)).count()
    }

    /// Pops as many as there are.
    pub fn read(&self, into: &mut [u8]) -> usize {
        let pop = |to: &mut u8| self.pop().map(|byte| *to = byte);
        into.iter_mut().map_while(pop).count()
    }

    /// Forgets what is in it. Only for the side that pops.
    pub fn clear(&self) {
        self.popped.store(self.pushed.load(Acquire), Release);
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn takes_no_more_than_it_holds() {
        let ring = Ring::<4>::new();
        assert_eq!(ring.write(b"abcdef"), 4);
        assert!(ring.is_full());
        let mut bytes = [0; 3];
        assert_eq!(ring.read(&mut bytes), 3);
        assert_eq!(&bytes, b"abc");
        assert_eq!(ring.write(b"xy"), 2);
        assert_eq!(core::iter::from_fn(|| ring.pop()).collect::<std::vec::Vec<_>>(), b"dxy");
        assert_eq!(ring.write(b"z"), 1);
        ring.clear();
        assert!(ring.is_empty());
    }

    #[test]
    fn two_threads_lose_nothing() {
        static RING: Ring<8> = Ring::new();
        let bytes = || (0..20_000_u32).map(|n| n as u8);
        let writer = std::thread::spawn(move || {
            for byte in bytes() {
                while !RING.push(byte) {
                    std::thread::yield_now();
                }
            }
        });
        for byte in bytes() {
            while RING.is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(RING.pop(), Some(byte));
        }
        writer.join().unwrap();
    }
}
