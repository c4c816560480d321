//! Where encoded bytes go, and the primitives that write them.

use super::frame::Context;
use super::text::{self, Flaw};
use super::varint::{self, varint_len};
use crate::error::{EncodeError, ErrorKind, Field};

/// Takes encoded bytes: a slice, a `Vec<u8>`, or something of the caller's.
///
/// An encoder asks once for the room that it needs and then writes exactly that much, in several pieces.
///
/// ```
/// use sans_mqtt::{Packet, Sink, Version};
/// # fn main() -> Result<(), sans_mqtt::EncodeError> {
/// let mut buffer = [0; 16];
/// let mut room = &mut buffer[..]; // a slice is a sink: what is written is cut off its front
/// let written = Packet::Pingreq.encode(Version::V5_0, &mut room)?;
/// assert_eq!((written, room.len()), (2, 14));
/// assert_eq!(buffer[..written], [0xC0, 0]);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes no encoded bytes",
    note = "to write into an array or a slice, lend a slice of it that is cut as it fills up: `&mut &mut buffer[..]`",
    note = "a `Vec<u8>` is a sink with the feature `alloc`, any `bytes::BufMut` in a `BufSink` with `bytes`"
)]
pub trait Sink {
    /// Whether `n` more bytes can be taken. After `true`, that many bytes of [`put`](Self::put) must not fail.
    fn reserve(&mut self, n: usize) -> bool;

    /// Takes `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Lends the room of the next `n` bytes, all of which are written there instead of being [`put`](Self::put).
    ///
    /// Encoders ask for it once `reserve` has granted as much. `None`, as in a sink that does not say otherwise: it has
    /// to be given its bytes.
    fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        let _ = n;
        None
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    #[inline(always)]
    fn reserve(&mut self, n: usize) -> bool {
        (**self).reserve(n)
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        (**self).put(bytes);
    }

    fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        (**self).lend(n)
    }
}

/// Writes to the front of the slice and leaves what is behind. Bytes for which there is no room are dropped, which
/// does not happen after [`reserve`](Sink::reserve).
impl Sink for &mut [u8] {
    #[inline(always)]
    fn reserve(&mut self, n: usize) -> bool {
        n <= self.len()
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    #[cfg_attr(feature = "small", inline(never))]
    fn put(&mut self, bytes: &[u8]) {
        *self = match core::mem::take(self).split_at_mut_checked(bytes.len()) {
            Some((to, rest)) => {
                copy(bytes, to);
                rest
            }
            None => &mut [],
        };
    }

    #[inline(always)]
    fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        let (lent, rest) = core::mem::take(self).split_at_mut_checked(n).unwrap_or_default();
        *self = rest;
        Some(lent)
    }
}

/// Copies to a slice of the same length. Where code has to be small, the compiler does not look into `copy_from_slice`, and
/// would keep its panic.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    if cfg!(feature = "small") {
        return to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    // What is short takes less time to copy than to have it copied: its first and its last bytes, which may overlap.
    let len = from.len();
    let copied = if len >= 16 {
        len <= 32 && copy_ends::<16>(from, to) || len <= 64 && copy_ends::<32>(from, to)
    } else {
        copy_ends::<8>(from, to)
            || copy_ends::<4>(from, to)
            || copy_ends::<2>(from, to)
            || copy_ends::<1>(from, to)
    };
    if !copied {
        to.copy_from_slice(from);
    }
}

/// Copies the first `N` bytes and the last, if there are as many.
#[inline]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return false };
    to.first_chunk_mut().into_iter().for_each(|to| *to = *first);
    to.last_chunk_mut().into_iter().for_each(|to| *to = *last);
    true
}

#[cfg(feature = "alloc")]
impl Sink for alloc::vec::Vec<u8> {
    #[inline]
    fn reserve(&mut self, n: usize) -> bool {
        self.reserve(n);
        true
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Whether there is a way of its own for what is usual.
const FAST: bool = !cfg!(feature = "small");

/// Writes the wire types to a sink that has room.
pub(crate) struct Writer<'s, S: ?Sized>(pub(crate) &'s mut S);

impl<S: Sink + ?Sized> Writer<'_, S> {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.put(bytes);
    }

    /// The room of the next `n` bytes, if the sink lends any: bytes that are written there need no call to be copied.
    pub(crate) fn lend(&mut self, n: usize) -> Option<&mut [u8]> {
        if FAST { self.0.lend(n) } else { None }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        match self.lend(N).and_then(|room| room.first_chunk_mut()) {
            Some(room) => *room = bytes,
            None => self.bytes(&bytes),
        }
    }

    /// A byte, and so many behind it.
    #[cfg_attr(not(feature = "small"), inline)]
    pub(crate) fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        match self.lend(1 + N).and_then(|room| room.split_first_mut()) {
            Some((first, behind)) => {
                *first = tag;
                behind.first_chunk_mut().into_iter().for_each(|room| *room = bytes);
            }
            None => {
                self.u8(tag);
                self.bytes(&bytes);
            }
        }
    }

    /// A byte, and behind it what [`binary`](Self::binary) writes.
    #[cfg_attr(not(feature = "small"), inline)]
    pub(crate) fn tagged_binary(&mut self, tag: u8, bytes: &[u8]) {
        match self.lend(3 + bytes.len()).and_then(|room| room.split_first_mut()) {
            Some((first, mut behind)) => {
                *first = tag;
                Writer(&mut behind).binary(bytes);
            }
            None => {
                self.u8(tag);
                self.binary(bytes);
            }
        }
    }

    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn u8(&mut self, value: u8) {
        self.array([value]);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.array(value.to_be_bytes());
    }

    /// Two length bytes and `bytes`, of which there are at most 65,535.
    #[cfg_attr(not(feature = "small"), inline)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        let len = (bytes.len() as u16).to_be_bytes();
        match self.lend(2 + bytes.len()).and_then(|room| room.split_first_chunk_mut()) {
            Some((room, behind)) => {
                *room = len;
                copy(bytes, behind);
            }
            None => {
                self.bytes(&len);
                self.bytes(bytes);
            }
        }
    }

    /// The same, and a byte behind it.
    #[cfg_attr(not(feature = "small"), inline)]
    pub(crate) fn binary_and(&mut self, bytes: &[u8], last: u8) {
        match self.lend(3 + bytes.len()).and_then(|room| room.split_last_mut()) {
            Some((room, mut ahead)) => {
                *room = last;
                Writer(&mut ahead).binary(bytes);
            }
            None => {
                self.binary(bytes);
                self.u8(last);
            }
        }
    }

    #[inline]
    pub(crate) fn str(&mut self, text: &str) {
        self.binary(text.as_bytes());
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn varint(&mut self, value: usize) {
        let mut rest = value;
        while rest >= 0x80 {
            self.u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.u8(rest as u8);
    }

    /// A fixed header, and the two bytes that nearly every body begins with.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn start(&mut self, first: u8, body: usize, [a, b]: [u8; 2]) {
        match body {
            0..=127 if FAST => self.array([first, body as u8, a, b]),
            128..=16_383 if FAST => self.array([first, body as u8 | 0x80, (body >> 7) as u8, a, b]),
            _ => {
                self.u8(first);
                self.varint(body);
                self.array([a, b]);
            }
        }
    }
}

/// Checks of a caller's data give the number of bytes that it will take.
pub(crate) type Check = Result<usize, EncodeError>;

#[cold]
pub(crate) fn invalid(cx: Context, kind: ErrorKind, field: Field) -> EncodeError {
    EncodeError::Invalid(cx.violation(kind, field))
}

/// Text or a topic of any sort, with what was found to be wrong with it.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn check_str(cx: Context, field: Field, text: &str, checked: Result<(), Flaw>) -> Check {
    match checked {
        Ok(()) => check_binary(cx, field, text.as_bytes()),
        Err(flaw) => Err(invalid(cx, flaw.kind, field)),
    }
}

#[inline(always)]
pub(crate) fn check_text(cx: Context, field: Field, text: &str) -> Check {
    check_str(cx, field, text, text::check_text(text))
}

#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn check_binary(cx: Context, field: Field, bytes: &[u8]) -> Check {
    if bytes.len() > 65_535 {
        return Err(invalid(cx, ErrorKind::TooLong, field));
    }
    Ok(2 + bytes.len())
}

/// What the check of a packet finds out and writing it needs.
#[derive(Clone, Copy)]
pub(crate) struct Lengths {
    /// Of all that is behind the fixed header.
    pub(crate) body: usize,
    /// Of the properties, and of those of the will.
    pub(crate) properties: usize,
    pub(crate) will: usize,
    /// Of the list behind them.
    pub(crate) list: usize,
}

impl Lengths {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn new(cx: Context, body: usize, properties: usize) -> Result<Self, EncodeError> {
        if body > varint::MAX {
            return Err(invalid(cx, ErrorKind::TooLong, Field::Packet));
        }
        Ok(Self { body, properties, will: 0, list: 0 })
    }

    /// Of the whole packet.
    #[inline(always)]
    pub(crate) fn packet(self) -> usize {
        1 + varint_len(self.body) + self.body
    }
}

/// A packet that can be written, in two steps: what stands between them (is it too large for the peer, is there room, is
/// it written down?) differs.
pub(crate) trait Encode {
    /// Checks it.
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError>;

    /// Writes it, which was checked, to a sink that has room.
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>);

    /// How many bytes at its end the caller writes elsewhere.
    fn later(&self) -> usize {
        0
    }
}

/// Checks and writes a packet; gives the number of bytes that are written.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn encode(packet: &impl Encode, cx: Context, out: &mut (impl Sink + ?Sized)) -> Check {
    let lengths = packet.check(cx)?;
    let needed = lengths.packet() - packet.later();
    if !out.reserve(needed) {
        return Err(EncodeError::NoRoom { needed });
    }
    write(packet, cx, lengths, needed, out);
    Ok(needed)
}

/// Writes a packet that was checked and takes `needed` bytes, for which there is room.
#[inline(always)]
fn write(packet: &impl Encode, cx: Context, lengths: Lengths, needed: usize, out: &mut (impl Sink + ?Sized)) {
    let out = &mut Writer(out);
    match out.lend(needed) {
        Some(mut room) => packet.write(cx, lengths, &mut Writer(&mut room)),
        None => packet.write(cx, lengths, out),
    }
}
