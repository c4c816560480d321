//! Reads fields from the front of one packet and can never leave it.

use super::frame::{Context, Header, byte};
use super::observe::{Failed, Mode, Value};
use super::text::{self, Flaw};
use super::varint::VarInt;
use crate::error::{DecodeError, ErrorKind, Field};
use crate::spec::{PacketId, ReasonCode, Scope, Sender, Version};

/// A result of the decoder.
pub(crate) type Decoded<T> = Result<T, Failed>;

/// Reads the fields of a packet, or of a section of it.
///
/// Small enough to live in registers: what is not inlined gets values, never a reference to the reader.
pub(crate) struct Reader<'a, 'm, M> {
    /// What is left of the packet, or of the section that is being read.
    rest: &'a [u8],
    /// The offset in the packet of the end of `rest`.
    end: usize,
    /// Bytes of the packet behind `rest` that have not arrived; 0 for a whole packet.
    missing: usize,
    pub(crate) cx: Context,
    mode: &'m mut M,
}

impl<'a, 'm, M: Mode> Reader<'a, 'm, M> {
    /// Reads the packet behind `header`, of which `body` is there and `missing` bytes more are to come.
    pub(crate) fn new(
        header: Header,
        body: &'a [u8],
        missing: usize,
        version: Version,
        sender: Option<Sender>,
        mode: &'m mut M,
    ) -> Self {
        let cx = Context { version, sender, scope: Scope::of(header.packet_type) };
        Self { rest: body, end: header.len + body.len(), missing, cx, mode }
    }

    /// A reader of a part of a packet that ends at the offset `end` of it.
    pub(crate) fn part(bytes: &'a [u8], end: usize, cx: Context, mode: &'m mut M) -> Self {
        Self { rest: bytes, end, missing: 0, cx, mode }
    }

    /// Calls what makes a [`part`](Self::part) of it again: a reader that is handed to a function stays in memory.
    #[inline(always)]
    pub(crate) fn apart<T>(&mut self, read: impl FnOnce(&'a [u8], usize, Context, &mut M) -> T) -> T {
        read(self.rest, self.end, self.cx, self.mode)
    }

    /// The bytes that have not arrived.
    pub(crate) fn missing(&self) -> usize {
        self.missing
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number of bytes left.
    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The offset in the packet of the next byte.
    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// What is left, without taking it.
    pub(crate) fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next byte if it is 0.
    pub(crate) fn skip_zero(&mut self) -> bool {
        match self.rest {
            [0, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes these bytes if they are the next ones.
    #[cfg(not(feature = "small"))]
    pub(crate) fn skip<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        match self.rest.split_first_chunk() {
            Some((next, rest)) if next == bytes => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes all that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// An error at `offset`, where the packet has `value`.
    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) fn bad(&mut self, kind: ErrorKind, field: Field, offset: usize, value: u8) -> Failed {
        bad(self.mode, self.cx, kind, field, offset, value)
    }

    /// Requires `ok` of the byte `value` that was read at `start`.
    #[inline(always)]
    pub(crate) fn require(
        &mut self,
        ok: bool,
        kind: ErrorKind,
        field: Field,
        start: usize,
        value: u8,
    ) -> Decoded<()> {
        if ok { Ok(()) } else { Err(self.bad(kind, field, start, value)) }
    }

    /// Requires that no byte is left, or blames `field`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn finish(&mut self, field: Field) -> Decoded<()> {
        self.require(self.rest.is_empty(), ErrorKind::Trailing, field, self.offset(), byte(self.rest, 0))
    }

    /// `field`, which began at `start`, needs `n` bytes from here and does not get them.
    #[cfg_attr(feature = "small", inline(never))]
    fn short(&mut self, n: usize, field: Field, start: usize) -> Failed {
        short(self.mode, self.cx, n, self.rest.len(), self.missing, field, start)
    }

    fn take(&mut self, n: usize, field: Field, start: usize) -> Decoded<&'a [u8]> {
        match self.rest.split_at_checked(n) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.short(n, field, start)),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn array<const N: usize>(&mut self, field: Field) -> Decoded<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((&taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.short(N, field, self.offset())),
        }
    }

    /// Shows the observer what lies between `start` and the next byte.
    pub(crate) fn show(&mut self, field: Field, start: usize, value: Value<'_>) {
        if M::OBSERVED {
            let end = self.offset();
            self.mode.field(field, start..end, value);
        }
    }

    /// Shows the observer a field of the fixed header.
    pub(crate) fn show_at(&mut self, field: Field, span: core::ops::Range<usize>, value: Value<'_>) {
        self.mode.field(field, span, value);
    }

    /// A byte, not shown to the observer: the caller knows what it means.
    pub(crate) fn byte(&mut self, field: Field) -> Decoded<u8> {
        let [byte] = self.array(field)?;
        Ok(byte)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn flags(&mut self, field: Field) -> Decoded<u8> {
        let flags = self.byte(field)?;
        self.show(field, self.offset() - 1, Value::Flags(flags));
        Ok(flags)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn u8(&mut self, field: Field) -> Decoded<u8> {
        let value = self.byte(field)?;
        self.show(field, self.offset() - 1, Value::Number(u32::from(value)));
        Ok(value)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn u16(&mut self, field: Field) -> Decoded<u16> {
        let value = u16::from_be_bytes(self.array(field)?);
        self.show(field, self.offset() - 2, Value::Number(u32::from(value)));
        Ok(value)
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: Field) -> Decoded<u32> {
        let value = u32::from_be_bytes(self.array(field)?);
        self.show(field, self.offset() - 4, Value::Number(value));
        Ok(value)
    }

    /// A variable byte integer in its shortest form `[MQTT-1.5.5-1]`.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn varint(&mut self, field: Field) -> Decoded<u32> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 && !cfg!(feature = "small") => {
                self.rest = rest;
                self.show(field, self.offset() - 1, Value::Number(u32::from(byte)));
                Ok(u32::from(byte))
            }
            _ => self.long_varint(field),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn long_varint(&mut self, field: Field) -> Decoded<u32> {
        let start = self.offset();
        match VarInt::read(self.rest) {
            VarInt::Value(value, rest) => {
                let shortest = self.rest.len() - rest.len() == super::varint_len(value as usize);
                self.rest = rest;
                self.require(shortest, ErrorKind::LengthNotShortest, field, start, value as u8)?;
                self.show(field, start, Value::Number(value));
                Ok(value)
            }
            VarInt::Incomplete => Err(self.short(self.rest.len() + 1, field, start)),
            VarInt::TooLong => Err(self.bad(ErrorKind::LengthTooLong, field, start, byte(self.rest, 0))),
        }
    }

    /// Two length bytes and that many bytes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn prefixed(&mut self, field: Field) -> Decoded<&'a [u8]> {
        let start = self.offset();
        let len = u16::from_be_bytes(self.array(field)?);
        self.take(usize::from(len), field, start)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn binary(&mut self, field: Field) -> Decoded<&'a [u8]> {
        let start = self.offset();
        let bytes = self.prefixed(field)?;
        self.show(field, start, Value::Binary(bytes));
        Ok(bytes)
    }

    /// Well-formed text that keeps `rule`, not shown to the observer.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn text(&mut self, field: Field, rule: Rule) -> Decoded<&'a str> {
        let bytes = self.prefixed(field)?;
        let checked = match text::utf8(bytes) {
            Ok(text) if M::TRUSTED => return Ok(text),
            Ok(text) => rule.check(text, self.cx.version).map(|()| text),
            Err(flaw) => Err(flaw),
        };
        checked.map_err(|flaw| self.flawed(flaw, bytes, field))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn checked(&mut self, field: Field, rule: Rule) -> Decoded<&'a str> {
        let start = self.offset();
        let text = self.text(field, rule)?;
        self.show(field, start, Value::Text(text));
        Ok(text)
    }

    /// Two texts `[MQTT-1.5.7-1]`.
    pub(crate) fn pair(&mut self, field: Field) -> Decoded<(&'a str, &'a str)> {
        let start = self.offset();
        let name = self.text(field, Rule::Text)?;
        let value = self.text(field, Rule::Text)?;
        self.show(field, start, Value::Pair(name, value));
        Ok((name, value))
    }

    /// Text without U+0000.
    pub(crate) fn str(&mut self, field: Field) -> Decoded<&'a str> {
        self.checked(field, Rule::Text)
    }

    /// A topic name.
    pub(crate) fn topic(&mut self, field: Field) -> Decoded<&'a str> {
        self.checked(field, Rule::Topic)
    }

    /// A topic name, or the empty text that a topic alias stands for.
    pub(crate) fn topic_or_empty(&mut self, field: Field) -> Decoded<&'a str> {
        self.checked(field, Rule::TopicOrEmpty)
    }

    /// A topic filter.
    pub(crate) fn filter(&mut self, field: Field) -> Decoded<&'a str> {
        self.checked(field, Rule::Filter)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn packet_id(&mut self) -> Decoded<PacketId> {
        let id = u16::from_be_bytes(self.array(Field::PacketId)?);
        self.show(Field::PacketId, self.offset() - 2, Value::Number(u32::from(id)));
        match PacketId::new(id) {
            Some(id) => Ok(id),
            None => Err(self.bad(ErrorKind::PacketId, Field::PacketId, self.offset() - 2, 0)),
        }
    }

    /// A reason code that this packet, and its sender if that is known, may carry.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn reason(&mut self) -> Decoded<ReasonCode> {
        let byte = self.byte(Field::ReasonCode)?;
        let start = self.offset() - 1;
        if M::TRUSTED && self.cx.scope == Scope::LOG {
            return Ok(ReasonCode::new(byte));
        }
        match ReasonCode::received(byte, self.cx) {
            Ok(code) => {
                self.show(Field::ReasonCode, start, Value::Reason(code));
                Ok(code)
            }
            Err(kind) => Err(self.bad(kind, Field::ReasonCode, start, byte)),
        }
    }

    /// A reader of the next `n` bytes, which are `field`, in a scope of their own.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn section(&mut self, n: usize, field: Field, scope: Scope) -> Decoded<Reader<'a, '_, M>> {
        let start = self.offset();
        let rest = self.take(n, field, start)?;
        let cx = Context { scope, ..self.cx };
        Ok(Reader { rest, end: start + n, missing: 0, cx, mode: &mut *self.mode })
    }

    /// Any text, of which only the validity counts.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn validate_str(&mut self, field: Field) -> Decoded<()> {
        let bytes = self.prefixed(field)?;
        text::check_text_bytes(bytes).map_err(|flaw| self.flawed(flaw, bytes, field))
    }

    /// A topic name, of which only the validity counts.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn validate_topic(&mut self, field: Field) -> Decoded<()> {
        let bytes = self.prefixed(field)?;
        text::check_topic_bytes(bytes).map_err(|flaw| self.flawed(flaw, bytes, field))
    }

    /// A topic filter, of which only the validity counts. Gives its bytes.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn validate_filter(&mut self, field: Field) -> Decoded<&'a [u8]> {
        let bytes = self.prefixed(field)?;
        let checked = text::check_filter_bytes(bytes, self.cx.version);
        checked.map(|()| bytes).map_err(|flaw| self.flawed(flaw, bytes, field))
    }

    /// The error of a text that has just been read.
    fn flawed(&mut self, flaw: Flaw, bytes: &[u8], field: Field) -> Failed {
        self.bad(flaw.kind, field, self.offset() - bytes.len() + flaw.at, byte(bytes, flaw.at))
    }
}

/// What a text has to be.
#[derive(Clone, Copy)]
enum Rule {
    Text,
    Topic,
    TopicOrEmpty,
    Filter,
}

impl Rule {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(self, text: &str, version: Version) -> Result<(), Flaw> {
        match self {
            Self::Text => text::check_text(text),
            Self::TopicOrEmpty if text.is_empty() => Ok(()),
            Self::Topic | Self::TopicOrEmpty => text::check_topic(text),
            Self::Filter => text::check_filter(text, version),
        }
    }
}

#[cold]
#[inline(never)]
fn bad<M: Mode>(
    mode: &mut M,
    cx: Context,
    kind: ErrorKind,
    field: Field,
    offset: usize,
    value: u8,
) -> Failed {
    mode.fail(DecodeError { violation: cx.violation(kind, field), value, offset: offset as u32 });
    Failed
}

/// A field needs `n` bytes, and `len` are there and `missing` ones to come.
#[cold]
#[inline(never)]
fn short<M: Mode>(
    mode: &mut M,
    cx: Context,
    n: usize,
    len: usize,
    missing: usize,
    field: Field,
    start: usize,
) -> Failed {
    if n <= len + missing {
        mode.fail(DecodeError::incomplete(n - len));
        return Failed;
    }
    bad(mode, cx, ErrorKind::Truncated, field, start, 0)
}
