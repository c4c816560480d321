//! The rules for text, topic names and topic filters, for bytes and for strings alike.

use crate::error::ErrorKind;
use crate::version::Version;

/// What is wrong with a text, and at which byte of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Flaw {
    pub(crate) kind: ErrorKind,
    pub(crate) at: usize,
}

impl Flaw {
    #[cold]
    fn new(kind: ErrorKind, at: usize) -> Self {
        Self { kind, at }
    }
}

/// One byte in every lane of a word.
const fn lanes(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Not zero if a lane of `word` is zero.
#[inline(always)]
const fn zero_lane(word: u64) -> u64 {
    word.wrapping_sub(lanes(0x01)) & !word & lanes(0x80)
}

/// U+0000 in a word of text.
#[inline(always)]
fn nul(word: u64) -> u64 {
    zero_lane(word)
}

/// U+0000, `+` or `#` in a word of text. The wildcards are 0x2B and 0x23: alike but for bit 3.
#[inline(always)]
fn nul_or_wildcard(word: u64) -> u64 {
    zero_lane(word) | zero_lane((word & lanes(0xF7)) ^ lanes(0x23))
}

/// Whether `test` finds something in `bytes`, eight of them at a time. Short rests are filled up with `a`.
#[inline(always)]
fn any(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    let mut rest = bytes;
    let mut found = 0;
    while let Some((word, behind)) = rest.split_first_chunk() {
        found |= test(u64::from_ne_bytes(*word));
        rest = behind;
    }
    if rest.is_empty() {
        return found != 0;
    }
    // The last eight bytes overlap the words before them, which does no harm.
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_ne_bytes(*last),
        None => rest.iter().fold(lanes(b'a'), |word, &byte| word << 8 | u64::from(byte)),
    };
    found | test(last) != 0
}

/// Text: well-formed UTF-8 `[MQTT-1.5.3-1]` `[MQTT-1.5.4-1]`.
#[inline(always)]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    core::str::from_utf8(bytes).map_err(|error| Flaw::new(ErrorKind::Utf8, error.valid_up_to()))
}

/// Any text: no U+0000 `[MQTT-1.5.3-2]` `[MQTT-1.5.4-2]`.
#[inline(always)]
pub(crate) fn check_text(text: &str) -> Result<(), Flaw> {
    if any(text.as_bytes(), nul) { Err(find(text, ErrorKind::Nul, |byte| byte == 0)) } else { Ok(()) }
}

/// A byte of a word that is not ASCII.
#[inline(always)]
fn not_ascii(word: u64) -> u64 {
    word & lanes(0x80)
}

/// Whether the bytes are text that needs no closer look: ASCII without U+0000.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    !any(bytes, |word| not_ascii(word) | nul(word))
}

/// Whether the bytes are a topic filter that needs no closer look: plain text without wildcards, of no shared
/// subscription.
#[inline(always)]
pub(crate) fn is_plain_filter(bytes: &[u8], version: Version) -> bool {
    !any(bytes, |word| not_ascii(word) | nul_or_wildcard(word))
        && !bytes.is_empty()
        && !(version.is_5() && bytes.first() == Some(&b'$'))
}

/// A topic name: not empty, no wildcard `[MQTT-4.7.3-1]` `[MQTT-3.3.2-2]`.
#[inline(always)]
pub(crate) fn check_topic(topic: &str) -> Result<(), Flaw> {
    if topic.is_empty() {
        return Err(Flaw::new(ErrorKind::EmptyTopic, 0));
    }
    if any(topic.as_bytes(), nul_or_wildcard) {
        return Err(topic_flaw(topic));
    }
    Ok(())
}

#[cold]
fn topic_flaw(topic: &str) -> Flaw {
    let kind = |byte| if byte == 0 { ErrorKind::Nul } else { ErrorKind::WildcardInTopic };
    let at = topic.bytes().position(|byte| matches!(byte, 0 | b'+' | b'#')).unwrap_or_default();
    Flaw { kind: kind(super::frame::byte(topic.as_bytes(), at)), at }
}

#[cold]
fn find(text: &str, kind: ErrorKind, wanted: impl Fn(u8) -> bool) -> Flaw {
    Flaw { kind, at: text.bytes().position(wanted).unwrap_or_default() }
}

/// A topic filter, in 5.0 of a shared subscription too: not empty, `#` and `+` fill a level, `#` the last one.
#[inline(always)]
pub(crate) fn check_filter(filter: &str, version: Version) -> Result<(), Flaw> {
    let bytes = filter.as_bytes();
    if any(bytes, nul_or_wildcard) || bytes.is_empty() || (version.is_5() && bytes.first() == Some(&b'$')) {
        return check_special_filter(filter, version);
    }
    Ok(())
}

/// The start of the filter part of a shared subscription.
pub(crate) const SHARE: &[u8] = b"$share/";

/// Takes `$share/NAME/FILTER` apart at the slash behind the name. `None`: not a shared subscription.
pub(crate) fn split_share(filter: &str) -> Option<(&str, Option<&str>)> {
    let rest = filter.strip_prefix("$share/")?;
    Some(match rest.bytes().position(|byte| byte == b'/') {
        Some(slash) => (rest.get(..slash)?, rest.get(slash + 1..)),
        None => (rest, None),
    })
}

#[inline(never)]
fn check_special_filter(filter: &str, version: Version) -> Result<(), Flaw> {
    check_text(filter)?;
    let mut levels = filter;
    if let (true, Some((name, shared))) = (version.is_5(), split_share(filter)) {
        if name.is_empty() {
            return Err(Flaw::new(ErrorKind::EmptyShareName, SHARE.len()));
        }
        if let Some(at) = name.bytes().position(|byte| matches!(byte, b'+' | b'#')) {
            return Err(Flaw::new(ErrorKind::ShareName, SHARE.len() + at));
        }
        match shared {
            Some(shared) if !shared.is_empty() => levels = shared,
            _ => return Err(Flaw::new(ErrorKind::ShareFilter, filter.len())),
        }
    }
    if levels.is_empty() {
        return Err(Flaw::new(ErrorKind::EmptyTopic, 0));
    }
    let start = filter.len() - levels.len();
    let mut before = b'/';
    let mut bytes = levels.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        let after = bytes.peek().map(|&(_, byte)| byte);
        let alone = before == b'/' && matches!(after, None | Some(b'/'));
        match byte {
            b'+' if !alone => return Err(Flaw::new(ErrorKind::MisplacedPlus, start + at)),
            b'#' if !alone || after.is_some() => return Err(Flaw::new(ErrorKind::MisplacedHash, start + at)),
            _ => before = byte,
        }
    }
    Ok(())
}
