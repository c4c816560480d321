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

/// The tests below leave their answer in the high bits of the lanes; [`any`] looks at these alone. A borrow may set
/// bits above a lane that is found, never without one.
///
/// U+0000 in a word of text.
#[inline(always)]
const fn nul(word: u64) -> u64 {
    word.wrapping_sub(lanes(0x01)) & !word
}

/// U+0000, `+` or `#` in a word of text. The wildcards are 0x2B and 0x23: alike but for bit 3.
#[inline(always)]
const fn nul_or_wildcard(word: u64) -> u64 {
    let wildcard = (word & lanes(0xF7)) ^ lanes(0x23);
    (word.wrapping_sub(lanes(0x01)) | wildcard.wrapping_sub(lanes(0x01))) & !word
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
    if !rest.is_empty() {
        // The last eight bytes overlap the words before them, which does no harm.
        found |= test(match last_chunk::<8>(bytes) {
            Some(last) => u64::from_ne_bytes(*last),
            None => short_word(rest),
        });
    }
    found & lanes(0x80) != 0
}

/// `bytes.last_chunk()` without its panic, which the compiler can't always rule out.
#[inline(always)]
fn last_chunk<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.get(bytes.len().checked_sub(N)?..)?.first_chunk()
}

/// A word with nothing but the bytes of a text of one to seven bytes.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), last_chunk::<4>(bytes)) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_ne_bytes(*first)) << 32 | u64::from(u32::from_ne_bytes(*last))
        }
        _ => bytes.iter().fold(lanes(b'a'), |word, &byte| word << 8 | u64::from(byte)),
    }
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

/// Whether the bytes are text that needs no closer look: ASCII without U+0000.
#[inline(always)]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // A byte that is not ASCII has the high bit itself.
    !any(bytes, |word| word | nul(word))
}

/// Whether the bytes are a topic name that needs no closer look: ASCII, and what [`check_topic`] asks for.
#[inline(always)]
pub(crate) fn is_plain_topic(bytes: &[u8]) -> bool {
    !bytes.is_empty() && !any(bytes, |word| word | nul_or_wildcard(word))
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
    check_text(filter)?;
    check_levels(filter.as_bytes(), version)
}

/// The same of any bytes.
#[inline(always)]
pub(crate) fn check_filter_bytes(bytes: &[u8], version: Version) -> Result<(), Flaw> {
    let special = any(bytes, |word| word | nul_or_wildcard(word));
    if special || needs_look(bytes, version) { check_special_filter(bytes, version) } else { Ok(()) }
}

#[inline(never)]
fn check_special_filter(bytes: &[u8], version: Version) -> Result<(), Flaw> {
    if !is_plain(bytes) {
        check_text(utf8(bytes)?)?;
    }
    check_special_levels(bytes, version)
}

/// Whether a filter without wildcard may be wrong all the same.
#[inline(always)]
fn needs_look(filter: &[u8], version: Version) -> bool {
    match filter.first() {
        None => true,
        Some(b'$') => version.is_5(),
        Some(_) => false,
    }
}

/// What makes text a topic filter.
#[inline(always)]
fn check_levels(filter: &[u8], version: Version) -> Result<(), Flaw> {
    if any(filter, nul_or_wildcard) || needs_look(filter, version) {
        return check_special_levels(filter, version);
    }
    Ok(())
}

/// What a filter of a shared subscription begins with.
const SHARE: [u8; 7] = *b"$share/";

/// What is behind `$share/`. `None`: not a shared subscription.
pub(crate) fn strip_share(filter: &[u8]) -> Option<&[u8]> {
    filter.split_first_chunk().filter(|(start, _)| **start == SHARE).map(|(_, rest)| rest)
}

/// Takes `$share/NAME/FILTER` apart; the filter may be missing.
fn split_share(filter: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let rest = strip_share(filter)?;
    Some(match rest.iter().position(|&byte| byte == b'/') {
        Some(slash) => (rest.get(..slash)?, rest.get(slash + 1..)),
        None => (rest, None),
    })
}

#[inline(never)]
fn check_special_levels(filter: &[u8], version: Version) -> Result<(), Flaw> {
    let mut levels = filter;
    if let (true, Some((name, shared))) = (version.is_5(), split_share(filter)) {
        if name.is_empty() {
            return Err(Flaw::new(ErrorKind::EmptyShareName, SHARE.len()));
        }
        if let Some(at) = name.iter().position(|&byte| is_wildcard(byte)) {
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
    let mut before = b'/';
    for (at, &byte) in levels.iter().enumerate() {
        if is_wildcard(byte) {
            let after = levels.get(at + 1);
            let alone = before == b'/' && matches!(after, None | Some(b'/'));
            let at = filter.len() - levels.len() + at;
            if byte == b'+' && !alone {
                return Err(Flaw::new(ErrorKind::MisplacedPlus, at));
            }
            if byte == b'#' && (!alone || after.is_some()) {
                return Err(Flaw::new(ErrorKind::MisplacedHash, at));
            }
        }
        before = byte;
    }
    Ok(())
}

#[inline(always)]
const fn is_wildcard(byte: u8) -> bool {
    byte & 0xF7 == 0x23
}
