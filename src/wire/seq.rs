//! Repeated elements of a packet: properties, topic filters, reason codes.

use core::fmt;
use core::marker::PhantomData;

use super::frame::Context;
use super::observe::{Mode, Trusted};
use super::reader::{Decoded, Reader};
use super::sink::{Check, Sink, Writer, invalid};
use super::varint;
use crate::error::{ErrorKind, Field};
use crate::spec::{ReasonCode, Scope, Sender, Version};

/// A list in a packet: received bytes that `decode` has validated, or a slice that the caller built.
///
/// Both read alike, compare alike and can be encoded. Elements of a received list are read from its bytes as the
/// iterator comes to them, so nothing is allocated, and the list is written again by copying its bytes.
///
/// ```
/// use sans_mqtt::{Properties, Property, Seq};
/// let list = [Property::MessageExpiryInterval(60), Property::UserProperty("unit", "°C")];
/// let properties = Properties::from(&list);
/// assert_eq!(properties.iter().count(), 2);
/// assert_eq!(properties.message_expiry_interval(), Some(60));
/// assert_eq!(properties, Seq::from(&list[..]));
/// ```
pub struct Seq<'a, T> {
    inner: Inner<'a, T>,
    /// What received bytes were validated for.
    cx: Context,
    hidden: Unseen,
}

enum Inner<'a, T> {
    Wire(&'a [u8]),
    List(&'a [T]),
}

/// Kinds of elements that a list has and does not show: a set.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Unseen(u8);

impl Unseen {
    pub(crate) const NOTHING: Self = Self(0);
    /// What belongs to the connection that a message came by: Topic Alias and Subscription Identifiers.
    pub(crate) const OF_CONNECTION: Self = Self(1);
    /// Reason String.
    pub(crate) const REASON: Self = Self(2);
    /// Reason String and User Properties.
    pub(crate) const PROBLEM: Self = Self(2 | 4);

    /// Whether anything of `other` is in this.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// User Properties.
    pub(crate) const USER: Self = Self(4);
    /// Response Information.
    pub(crate) const RESPONSE: Self = Self(8);
    /// Will Delay Interval.
    pub(crate) const DELAY: Self = Self(16);

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a [`Seq`] can hold.
pub(crate) trait Element<'a>: Copy + PartialEq + fmt::Debug {
    /// Reads one element; the reader holds nothing but elements.
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self>;

    /// Takes one element off the front of bytes that were validated when they came.
    #[inline]
    fn again(bytes: &mut &'a [u8], cx: Context) -> Option<Self> {
        let mut trusted = Trusted;
        let mut reader = Reader::part(bytes, bytes.len(), cx, &mut trusted);
        let element = Self::read(&mut reader).ok()?;
        *bytes = reader.rest();
        Some(element)
    }

    /// Reads one element of which only the validity counts.
    #[inline]
    fn validate<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<()> {
        Self::read(reader).map(|_| ())
    }

    /// Whether a list that does not show these shows this one.
    fn is_shown(&self, _: Unseen) -> bool {
        true
    }

    /// Checks one element of the caller's; gives the number of bytes it takes.
    fn check(&self, cx: Context) -> Check;

    /// The number of bytes that a list of the caller's takes, if a quick look finds it right.
    #[cfg(not(feature = "small"))]
    fn plain_len(_: &[Self], _: Context) -> Option<usize> {
        None
    }

    /// Checks a list of the caller's; gives the number of bytes it takes.
    fn check_all(list: impl Iterator<Item = Self>, cx: Context) -> Check {
        sum(cx, list, |element| element.check(cx))
    }

    /// What is left to be read, one by one, of a list that has just come: nothing, if a quick look finds it right.
    fn unsure(bytes: &'a [u8], _: Context) -> &'a [u8] {
        bytes
    }

    /// Writes one element.
    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>);

    /// Writes a list of the caller's.
    #[inline(always)]
    fn write_all<S: Sink + ?Sized>(list: &[Self], out: &mut Writer<'_, S>) {
        list.iter().for_each(|element| element.write(out));
    }
}

impl<'a, T> Seq<'a, T> {
    /// The empty list.
    pub const EMPTY: Self = Self::from_slice(&[]);

    /// The list of the elements of `slice`.
    pub const fn from_slice(slice: &'a [T]) -> Self {
        let cx = Context { version: Version::NEWEST, sender: None, scope: Scope::LOG };
        Self { inner: Inner::List(slice), cx, hidden: Unseen::NOTHING }
    }

    pub(crate) const fn wire(bytes: &'a [u8], cx: Context) -> Self {
        Self { inner: Inner::Wire(bytes), cx, hidden: Unseen::NOTHING }
    }

    /// Whether there is no element.
    pub const fn is_empty(&self) -> bool {
        match self.inner {
            Inner::Wire(bytes) => bytes.is_empty(),
            // A list that does not show all it has shows something.
            Inner::List(list) => list.is_empty(),
        }
    }
}

#[expect(private_bounds, reason = "what a list can hold is settled by the protocol")]
impl<'a, T: Element<'a>> Seq<'a, T> {
    /// The elements, in order.
    // Without 5.0 the compiler has to see that there are no properties.
    #[cfg_attr(not(all(feature = "small", feature = "v5")), inline)]
    #[cfg_attr(all(feature = "small", feature = "v5"), inline(never))]
    pub fn iter(&self) -> Iter<'a, T> {
        let Self { inner, cx, hidden } = *self;
        match inner {
            Inner::Wire(rest) => Iter { source: Source::Wire { rest, cx, element: PhantomData }, hidden },
            Inner::List(list) => Iter { source: Source::List(list.iter()), hidden },
        }
    }

    /// The same list without some more kinds of its elements.
    pub(crate) fn hide(self, more: Unseen) -> Self {
        Self { hidden: self.hidden.with(more), ..self }
    }

    /// Reads elements, at least one, to the end of `reader`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>, field: Field) -> Decoded<Self> {
        let (bytes, cx) = (reader.peek(), reader.cx);
        reader.require(!bytes.is_empty(), ErrorKind::EmptyList, field, reader.offset(), 0)?;
        if !M::TRUSTED {
            reader.apart(Self::check_received)?;
        }
        Ok(Self::wire(bytes, cx))
    }

    #[inline(never)]
    fn check_received<M: Mode>(bytes: &'a [u8], end: usize, cx: Context, mode: &mut M) -> Decoded<()> {
        let bytes = if M::OBSERVED { bytes } else { T::unsure(bytes, cx) };
        let reader = &mut Reader::part(bytes, end, cx, mode);
        while !reader.is_empty() {
            if M::OBSERVED || cfg!(feature = "small") {
                T::read(reader)?;
            } else {
                T::validate(reader)?;
            }
        }
        Ok(())
    }

    /// The bytes of a list that was received in the place where it is sent now, from the side that sends it if that
    /// counts.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn known_good(&self, cx: Context) -> Option<&'a [u8]> {
        let from = self.cx;
        match (self.inner, self.hidden) {
            (Inner::Wire(bytes), Unseen::NOTHING)
                if from.version == cx.version
                    && from.scope == cx.scope
                    && (cx.sender.is_none()
                        || cx.sender == from.sender
                        // A server may send whatever stands in a message.
                        || cx.scope == Scope::PUBLISH && cx.sender == Some(Sender::Server)) =>
            {
                Some(bytes)
            }
            _ => None,
        }
    }

    /// All of its bytes, if there are any and none is hidden.
    pub(crate) fn whole(&self) -> Option<&'a [u8]> {
        match (self.inner, self.hidden) {
            (Inner::Wire(bytes), Unseen::NOTHING) => Some(bytes),
            (Inner::List(&[]), _) => Some(&[]),
            _ => None,
        }
    }

    /// Checks the list for a packet, and gives its length in bytes.
    #[inline(always)]
    pub(crate) fn check(&self, cx: Context) -> Check {
        match (self.inner, self.hidden) {
            // The usual list is the caller's, and a slice is walked more easily than either.
            (Inner::List(list), Unseen::NOTHING) => {
                #[cfg(not(feature = "small"))]
                if let Some(len) = Self::plain_len(list, cx) {
                    return Ok(len);
                }
                Self::check_list(list, cx)
            }
            _ => match self.known_good(cx) {
                Some(bytes) => Ok(bytes.len()),
                None => Self::check_iter(self.iter(), cx),
            },
        }
    }

    #[cfg(not(feature = "small"))]
    #[inline(never)]
    fn plain_len(list: &[T], cx: Context) -> Option<usize> {
        // So few don't make a sum overflow.
        if list.len() <= SHORT { T::plain_len(list, cx) } else { None }
    }

    #[inline(never)]
    fn check_list(list: &[T], cx: Context) -> Check {
        T::check_all(list.iter().copied(), cx)
    }

    #[inline(never)]
    fn check_iter(list: Iter<'a, T>, cx: Context) -> Check {
        T::check_all(list, cx)
    }

    /// [`check`](Self::check) of a list that must not be empty.
    #[inline(always)]
    pub(crate) fn check_some(&self, cx: Context, field: Field) -> Check {
        if self.is_empty() { Err(invalid(cx, ErrorKind::EmptyList, field)) } else { self.check(cx) }
    }

    /// Writes the list, which was checked for `cx` and takes `len` bytes.
    #[inline(always)]
    pub(crate) fn write<S: Sink + ?Sized>(&self, cx: Context, len: usize, out: &mut Writer<'_, S>) {
        if len == 0 {
            return;
        }
        match (self.inner, self.hidden) {
            (Inner::List(list), Unseen::NOTHING) => match out.lend(len) {
                Some(room) => Self::fill(list, room),
                None => Self::write_list(list, out),
            },
            _ => match self.known_good(cx) {
                Some(bytes) => out.bytes(bytes),
                None => match out.lend(len) {
                    Some(mut room) => Self::write_iter(self.iter(), &mut Writer(&mut room)),
                    None => Self::write_iter(self.iter(), out),
                },
            },
        }
    }

    /// Takes what is left of the room by value, so that it lives in registers.
    #[inline(never)]
    fn fill(list: &[T], mut room: &mut [u8]) {
        T::write_all(list, &mut Writer(&mut room));
    }

    #[inline(never)]
    fn write_list<S: Sink + ?Sized>(list: &[T], out: &mut Writer<'_, S>) {
        T::write_all(list, out);
    }

    #[inline(never)]
    fn write_iter<S: Sink + ?Sized>(list: Iter<'a, T>, out: &mut Writer<'_, S>) {
        list.for_each(|element| element.write(out));
    }
}

/// How many elements a list has at most that is worth a quick look.
#[cfg(not(feature = "small"))]
const SHORT: usize = 1024;

/// Each of them is a byte.
impl Seq<'_, ReasonCode> {
    pub(crate) const fn len(&self) -> usize {
        match self.inner {
            Inner::Wire(bytes) => bytes.len(),
            Inner::List(list) => list.len(),
        }
    }
}

/// The sum of what `check` gives for each element. It stays far from overflow: a list too long for any packet is an
/// error as soon as that is known.
pub(crate) fn sum<T>(
    cx: Context,
    list: impl Iterator<Item = T>,
    mut check: impl FnMut(&T) -> Check,
) -> Check {
    let mut len = 0;
    for element in list {
        len += check(&element)?;
        if len > varint::MAX {
            return Err(invalid(cx, ErrorKind::TooLong, Field::Packet));
        }
    }
    Ok(len)
}

impl<T> Clone for Seq<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seq<'_, T> {}

impl<T> Clone for Inner<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Inner<'_, T> {}

impl<T> Default for Seq<'_, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T> From<&'a [T]> for Seq<'a, T> {
    #[inline(always)]
    fn from(slice: &'a [T]) -> Self {
        Self::from_slice(slice)
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Seq<'a, T> {
    fn from(array: &'a [T; N]) -> Self {
        Self::from_slice(array)
    }
}

impl<'a, T: Element<'a>> fmt::Debug for Seq<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Element<'a>> PartialEq for Seq<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Element<'a> + Eq> Eq for Seq<'a, T> {}

impl<'a, T: Element<'a>> IntoIterator for Seq<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Element<'a>> IntoIterator for &Seq<'a, T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// The elements of a [`Seq`], in order.
pub struct Iter<'a, T> {
    source: Source<'a, T>,
    hidden: Unseen,
}

enum Source<'a, T> {
    Wire { rest: &'a [u8], cx: Context, element: PhantomData<T> },
    List(core::slice::Iter<'a, T>),
}

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        let source = match &self.source {
            Source::Wire { rest, cx, element } => Source::Wire { rest, cx: *cx, element: *element },
            Source::List(list) => Source::List(list.clone()),
        };
        Self { source, hidden: self.hidden }
    }
}

impl<'a, T> Iter<'a, T> {
    /// Passes over one element: gives what `received` sees in its bytes, ahead of those behind it, or what `given` makes
    /// of the caller's.
    #[inline]
    pub(crate) fn pass<R>(
        &mut self,
        received: impl FnOnce(&'a [u8]) -> Option<(R, &'a [u8])>,
        given: impl FnOnce(&'a T) -> R,
    ) -> Option<R> {
        match &mut self.source {
            Source::Wire { rest, .. } => {
                let (element, behind) = received(rest)?;
                *rest = behind;
                Some(element)
            }
            Source::List(list) => list.next().map(given),
        }
    }

    /// What it does not show, though [`pass`](Self::pass) does.
    pub(crate) const fn hidden(&self) -> Unseen {
        self.hidden
    }
}

impl<'a, T: Element<'a>> Iterator for Iter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        loop {
            let element = match &mut self.source {
                Source::Wire { rest: [], .. } => None,
                Source::Wire { rest, cx, .. } => {
                    let mut behind = *rest;
                    let element = T::again(&mut behind, *cx);
                    *rest = if element.is_some() { behind } else { &[] };
                    element
                }
                Source::List(list) => list.next().copied(),
            };
            if element.is_none_or(|element| element.is_shown(self.hidden)) {
                return element;
            }
        }
    }
}

impl<'a, T: Element<'a>> core::iter::FusedIterator for Iter<'a, T> {}

impl<'a, T: Element<'a>> fmt::Debug for Iter<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
