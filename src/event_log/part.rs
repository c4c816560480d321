//! What entries are made of, in bytes, and the log that they are written to.

use core::fmt;
use core::time::Duration;

use super::LogError;
use crate::connection::{Acknowledge, Config};
use crate::packet::{Auth, Connack, Connect, Disconnect, Message, Subscription, Will};
use crate::property::Property;
use crate::spec::{PacketId, Qos, ReasonCode, Scope, Sender, Version};
use crate::time::Instant;
use crate::wire::{Context, Element, Reader, Seq, Sink, Trusted, Writer};

/// A log that is written, and the fingerprint of all that was: FNV-1a.
#[derive(Clone, Debug)]
pub(crate) struct Tape<L> {
    pub(crate) log: L,
    hash: u32,
    mode: Mode,
    /// The sink had no room once: there is a gap behind what it has.
    full: bool,
}

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Write,
    /// They only count for the fingerprint.
    Count,
    Drop,
}

impl<L: Sink> Tape<L> {
    pub(crate) fn new(log: L) -> Self {
        Self { log, hash: 0x811C_9DC5, mode: Mode::Write, full: false }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if self.mode == Mode::Drop || self.full {
            return;
        }
        let hash = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        self.hash = bytes.iter().fold(self.hash, hash);
        if self.mode == Mode::Count {
            return;
        }
        self.full = !self.log.reserve(bytes.len());
        if !self.full {
            self.log.put(bytes);
        }
    }

    pub(crate) fn put<'a>(&mut self, part: &impl Part<'a>) {
        part.put(self);
    }

    /// That of all before.
    pub(crate) fn put_fingerprint(&mut self) {
        self.bytes(&self.hash.to_be_bytes());
    }

    pub(crate) fn set(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The log ends here, though the connection goes on.
    pub(crate) fn stop(&mut self) {
        self.full = true;
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.full
    }
}

/// Text is written piece by piece, and ends with a byte that is in no text.
impl<L: Sink> fmt::Write for Tape<L> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

pub(crate) const END_OF_TEXT: u8 = 0xFF;

/// Counts.
pub(crate) struct Length(pub(crate) usize);

impl Sink for Length {
    fn reserve(&mut self, _: usize) -> bool {
        true
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// A part of an entry.
pub(crate) trait Part<'a>: Sized {
    /// Whether [`put`](Self::put) can express it.
    fn fits(&self) -> bool {
        true
    }

    fn put<L: Sink>(&self, tape: &mut Tape<L>);

    /// Takes it from the front of `from`.
    fn take(from: &mut &'a [u8]) -> Result<Self, LogError>;

    /// Whether there is anything to show.
    fn is_shown(&self) -> bool {
        true
    }

    /// Shows it to a person, shortly.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl<'a> Part<'a> for u8 {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        tape.bytes(&[*self]);
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let (&byte, rest) = from.split_first().ok_or(LogError::Truncated)?;
        *from = rest;
        Ok(byte)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Seven bits a byte, low group first.
impl<'a> Part<'a> for u64 {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        let mut left = *self;
        while left >= 0x80 {
            tape.bytes(&[left as u8 | 0x80]);
            left >>= 7;
        }
        tape.bytes(&[left as u8]);
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = u8::take(from)?;
            let bits = Self::from(byte & 0x7F);
            value |= bits << shift;
            if value >> shift != bits {
                return Err(LogError::Unknown);
            }
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(LogError::Unknown)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Parts that are written as something else: how, and back.
macro_rules! parts {
    ($(
        $type:ty as $other:ty: |$this:ident| $to:expr, |$value:ident| $from:expr, $show:literal $(, $shown:expr)*;
    )+) => {
        $(impl<'a> Part<'a> for $type {
            fn put<L: Sink>(&self, tape: &mut Tape<L>) {
                let $this = *self;
                <$other>::put(&$to, tape);
            }

            fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
                let $value = <$other>::take(from)?;
                $from.ok_or(LogError::Unknown)
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $this = *self;
                write!(f, $show, $($shown),*)
            }
        })+
    };
}

parts! {
    bool as u8: |b| u8::from(b), |n| [false, true].get(usize::from(n)).copied(), "{}", b;
    u16 as u64: |n| u64::from(n), |n| Self::try_from(n).ok(), "{}", n;
    u32 as u64: |n| u64::from(n), |n| Self::try_from(n).ok(), "{}", n;
    usize as u64: |n| n as u64, |n| Self::try_from(n).ok(), "{}", n;
    Qos as u8: |qos| qos.number(), |n| Self::from_number(n), "QoS {}", qos;
    Version as u8: |version| version.level(), |n| Self::from_level(n), "{}", version;
    ReasonCode as u8: |code| code.get(), |n| Some(Self::new(n)), "{}", code;
    PacketId as u64: |id| u64::from(id.get()), |n| u16::try_from(n).ok().and_then(Self::new), "{}", id;
    Instant as u64: |at| at.as_millis(), |n| Some(Self::from_millis(n)), "{} ms", at.as_millis();
    Duration as (u64, u32): |time| (time.as_secs(), time.subsec_nanos()),
        |parts| Some(parts).filter(|(_, nanos)| *nanos < 1_000_000_000).map(|(s, nanos)| Self::new(s, nanos)),
        "{:?}", time;
    Sender as u8: |side| u8::from(side == Self::Server),
        |n| [Self::Client, Self::Server].get(usize::from(n)).copied(), "{}", side;
    Acknowledge as u8: |when| u8::from(when == Self::Manual),
        |n| [Self::Automatic, Self::Manual].get(usize::from(n)).copied(), "{:?}", when;
    &'a str as &'a [u8]: |text| text.as_bytes(), |bytes| core::str::from_utf8(bytes).ok(), "{:?}", text;
}

impl<'a, A: Part<'a>, B: Part<'a>> Part<'a> for (A, B) {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        self.0.put(tape);
        self.1.put(tape);
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        Ok((A::take(from)?, B::take(from)?))
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)?;
        f.write_str(" ")?;
        self.1.show(f)
    }
}

impl<'a, T: Part<'a>> Part<'a> for Option<T> {
    fn fits(&self) -> bool {
        self.as_ref().is_none_or(T::fits)
    }

    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        self.is_some().put(tape);
        self.iter().for_each(|part| part.put(tape));
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(part) => part.show(f),
            None => f.write_str("none"),
        }
    }
}

/// Numbers of a caller's, or of a log.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(Digits<'a>);

#[derive(Clone, Copy)]
enum Digits<'a> {
    Given(&'a [u32]),
    /// Four bytes each.
    Logged(&'a [u8]),
}

impl<'a> Numbers<'a> {
    pub(super) const fn new(numbers: &'a [u32]) -> Self {
        Self(Digits::Given(numbers))
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (given, logged) = match self.0 {
            Digits::Given(numbers) => (numbers, &[][..]),
            Digits::Logged(bytes) => (&[][..], bytes),
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        given.iter().copied().chain(logged.chunks_exact(4).map(number))
    }
}

impl fmt::Debug for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Part<'a> for Numbers<'a> {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        (4 * self.iter().count()).put(tape);
        self.iter().for_each(|number| tape.bytes(&number.to_be_bytes()));
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let bytes = <&[u8]>::take(from)?;
        if bytes.len() % 4 == 0 { Ok(Self(Digits::Logged(bytes))) } else { Err(LogError::Unknown) }
    }

    fn is_shown(&self) -> bool {
        self.iter().next().is_some()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The length, and then the bytes.
impl<'a> Part<'a> for &'a [u8] {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        self.len().put(tape);
        tape.bytes(self);
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let len = usize::take(from)?;
        let (bytes, rest) = from.split_at_checked(len).ok_or(LogError::Truncated)?;
        *from = rest;
        Ok(bytes)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.len(), if self.len() == 1 { "" } else { "s" })
    }
}

/// Parts that are structs: their fields, one behind the other. One that gets a field is not complete without it here.
macro_rules! structs {
    ($($type:ident $(<$life:lifetime>)? { $($field:ident)+ } $show:literal $(, $shown:ident)*;)+) => {
        $(impl<'a> Part<'a> for $type $(<$life>)? {
            fn fits(&self) -> bool {
                let Self { $($field),+ } = self;
                $($field.fits())&&+
            }

            fn put<L: Sink>(&self, tape: &mut Tape<L>) {
                let Self { $($field),+ } = self;
                $($field.put(tape);)+
            }

            fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
                Ok(Self { $($field: Part::take(from)?),+ })
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $show, $(Shown(&self.$shown)),*)
            }
        })+
    };
}

structs! {
    Config {
        receive_maximum maximum_packet_size stream_above skip_oversize topic_alias_maximum assign_topic_aliases maximum_qos
        retain_available wildcard_subscription_available subscription_identifier_available shared_subscription_available
        maximum_keep_alive maximum_session_expiry maximum_connect_size connect_timeout ping_timeout headroom
    } "receive maximum {}, packets of at most {} bytes", receive_maximum, maximum_packet_size;
    Message<'a> { qos retain topic properties payload } "{}, {}, {}", topic, qos, payload;
    Connect<'a> { clean_start keep_alive properties client_id will user_name password } "{}", client_id;
    Will<'a> { qos retain properties topic payload } "{}", topic;
    Connack<'a> { session_present reason properties } "{}", reason;
    Disconnect<'a> { reason properties } "{}", reason;
    Auth<'a> { reason properties } "{}", reason;
}

/// A part as [`Part::show`] shows it.
pub(crate) struct Shown<'p, P>(pub(crate) &'p P);

impl<'a, P: Part<'a>> fmt::Display for Shown<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

/// Elements of a list, which are written as in a packet, but not validated: a caller may give what is wrong.
pub(crate) trait Listed<'a>: Element<'a> {
    /// Whether it can be written at all.
    fn can_be_written(&self) -> bool;
}

fn is_short(bytes: impl AsRef<[u8]>) -> bool {
    bytes.as_ref().len() <= usize::from(u16::MAX)
}

impl<'a> Listed<'a> for Property<'a> {
    fn can_be_written(&self) -> bool {
        Property::can_be_written(self)
    }
}

impl<'a> Listed<'a> for Subscription<'a> {
    fn can_be_written(&self) -> bool {
        is_short(self.filter)
    }
}

impl<'a> Listed<'a> for &'a str {
    fn can_be_written(&self) -> bool {
        is_short(self)
    }
}

impl<'a> Listed<'a> for ReasonCode {
    fn can_be_written(&self) -> bool {
        true
    }
}

/// Lists in a log are in no packet: whoever sends them validates them.
const IN_LOG: Context = Context { version: Version::NEWEST, sender: None, scope: Scope::LOG };

impl<'a, T: Listed<'a>> Part<'a> for Seq<'a, T> {
    fn fits(&self) -> bool {
        self.iter().all(|element| element.can_be_written())
    }

    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        let mut length = Length(0);
        self.iter().for_each(|element| element.write(&mut Writer(&mut length)));
        length.0.put(tape);
        self.iter().for_each(|element| element.write(&mut Writer(&mut Bytes(tape))));
    }

    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let bytes = <&[u8]>::take(from)?;
        let mut trusted = Trusted;
        let mut reader = Reader::part(bytes, bytes.len(), IN_LOG, &mut trusted);
        while !reader.is_empty() {
            T::read(&mut reader).map_err(|_| LogError::Unknown)?;
        }
        Ok(Self::wire(bytes, IN_LOG))
    }

    fn is_shown(&self) -> bool {
        !self.is_empty()
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A tape as a sink.
pub(crate) struct Bytes<'t, L>(pub(crate) &'t mut Tape<L>);

impl<L: Sink> Sink for Bytes<'_, L> {
    fn reserve(&mut self, _: usize) -> bool {
        true
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }
}
