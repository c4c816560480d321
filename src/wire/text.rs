//! The rules for text, topic names and topic filters, for bytes and for strings alike.

use crate::error::ErrorKind;
use crate::spec::Version;

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

/// Whether text is that obviously right that nobody needs to look closer: all bytes are ASCII, and none is below
/// `LOWEST`. As signed numbers, bytes beyond ASCII are below it too.
#[cfg_attr(not(feature = "small"), inline(always))]
fn is_plain<const LOWEST: i8>(bytes: &[u8]) -> bool {
    if cfg!(feature = "small") {
        return bytes.iter().all(|&byte| byte as i8 >= LOWEST);
    }
    // The first and the last ones may overlap, which does no harm.
    let len = bytes.len();
    if len >= 16 {
        are_plain::<LOWEST, 16>(bytes) && (len <= 32 || is_long_plain::<LOWEST>(bytes))
    } else if len >= 8 {
        are_plain::<LOWEST, 8>(bytes)
    } else if len >= 4 {
        are_plain::<LOWEST, 4>(bytes)
    } else {
        bytes.iter().all(|&byte| byte as i8 >= LOWEST)
    }
}

#[inline(never)]
fn is_long_plain<const LOWEST: i8>(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((chunk, behind)) = rest.split_first_chunk::<16>() {
        if !are_plain::<LOWEST, 16>(chunk) {
            return false;
        }
        rest = behind;
    }
    true
}

/// Looks at the first `N` bytes and the last, of at least as many, at a time, for which processors with vectors need a
/// comparison or two.
#[inline(always)]
fn are_plain<const LOWEST: i8, const N: usize>(bytes: &[u8]) -> bool {
    let is_odd = |byte: u8| (byte as i8) < LOWEST;
    let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else { return false };
    !last.iter().zip(first).fold(false, |odd, (&a, &b)| odd | is_odd(a) | is_odd(b))
}

/// The number of bytes that text takes with its length in front, if it is obviously right as text or as a topic.
#[cfg(not(feature = "small"))]
#[inline]
pub(crate) fn plain_text_len(text: &str) -> Option<usize> {
    plain_len::<TEXT>(text.as_bytes())
}

#[cfg(not(feature = "small"))]
#[inline(always)]
pub(crate) fn plain_topic_len(topic: &str) -> Option<usize> {
    if topic.is_empty() { None } else { plain_len::<TOPIC>(topic.as_bytes()) }
}

#[cfg(not(feature = "small"))]
#[inline(always)]
pub(crate) fn plain_filter_len(filter: &str, version: Version) -> Option<usize> {
    (check_filter(filter, version).is_ok() && filter.len() <= 65_535).then_some(2 + filter.len())
}

#[cfg(not(feature = "small"))]
fn plain_len<const LOWEST: i8>(bytes: &[u8]) -> Option<usize> {
    (is_plain::<LOWEST>(bytes) && bytes.len() <= 65_535).then_some(2 + bytes.len())
}

/// Text: well-formed UTF-8 `[MQTT-1.5.3-1]` `[MQTT-1.5.4-1]`.
#[cfg_attr(not(feature = "small"), inline(always))]
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Flaw> {
    core::str::from_utf8(bytes).map_err(|error| Flaw::new(ErrorKind::Utf8, error.valid_up_to()))
}

/// The lowest byte without a meaning of its own in any text: only U+0000 is below.
const TEXT: i8 = 0x01;

/// The same in topics: the wildcards `#` and `+`, and the `$` of `$share/`, are below, besides some rare characters.
const TOPIC: i8 = 0x2C;

/// Any text: no U+0000 `[MQTT-1.5.3-2]` `[MQTT-1.5.4-2]`.
#[cfg_attr(not(feature = "small"), inline(always))]
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn check_text(text: &str) -> Result<(), Flaw> {
    if is_plain::<TEXT>(text.as_bytes()) { Ok(()) } else { check_odd_text(text) }
}

/// The same of any bytes.
#[inline(always)]
pub(crate) fn check_text_bytes(bytes: &[u8]) -> Result<(), Flaw> {
    if is_plain::<TEXT>(bytes) { Ok(()) } else { check_odd_text(utf8(bytes)?) }
}

#[inline(never)]
fn check_odd_text(text: &str) -> Result<(), Flaw> {
    match text.bytes().position(|byte| byte == 0) {
        None => Ok(()),
        Some(at) => Err(Flaw::new(ErrorKind::Nul, at)),
    }
}

/// A topic name: not empty, no wildcard `[MQTT-4.7.3-1]` `[MQTT-3.3.2-2]`.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn check_topic(topic: &str) -> Result<(), Flaw> {
    if is_plain_topic(topic.as_bytes()) { Ok(()) } else { check_odd_topic(topic) }
}

/// The same of any bytes.
#[inline]
pub(crate) fn check_topic_bytes(bytes: &[u8]) -> Result<(), Flaw> {
    if is_plain_topic(bytes) { Ok(()) } else { check_odd_topic(utf8(bytes)?) }
}

/// Whether this is a topic name, and a topic filter, without any doubt.
#[inline(always)]
fn is_plain_topic(bytes: &[u8]) -> bool {
    !bytes.is_empty() && is_plain::<TOPIC>(bytes)
}

#[inline(never)]
fn check_odd_topic(topic: &str) -> Result<(), Flaw> {
    if topic.is_empty() {
        return Err(Flaw::new(ErrorKind::EmptyTopic, 0));
    }
    for (at, byte) in topic.bytes().enumerate() {
        if byte == 0 {
            return Err(Flaw::new(ErrorKind::Nul, at));
        }
        if is_wildcard(byte) {
            return Err(Flaw::new(ErrorKind::WildcardInTopic, at));
        }
    }
    Ok(())
}

/// A topic filter, in 5.0 of a shared subscription too: not empty, `#` and `+` fill a level, `#` the last one.
#[inline(always)]
pub(crate) fn check_filter(filter: &str, version: Version) -> Result<(), Flaw> {
    if is_plain_topic(filter.as_bytes()) { Ok(()) } else { check_odd_filter(filter, version) }
}

/// The same of any bytes.
#[inline(always)]
pub(crate) fn check_filter_bytes(bytes: &[u8], version: Version) -> Result<(), Flaw> {
    if is_plain_topic(bytes) { Ok(()) } else { check_odd_filter_bytes(bytes, version) }
}

#[inline(never)]
fn check_odd_filter(filter: &str, version: Version) -> Result<(), Flaw> {
    check_text(filter)?;
    check_levels(filter.as_bytes(), version)
}

/// Wildcards are usual, so text with them is worth a quick look at what makes it text.
#[inline(never)]
fn check_odd_filter_bytes(bytes: &[u8], version: Version) -> Result<(), Flaw> {
    check_text_bytes(bytes)?;
    check_levels(bytes, version)
}

/// What a filter of a shared subscription begins with.
const SHARE: [u8; 7] = *b"$share/";

/// What is behind `$share/`. `None`: not a shared subscription.
#[cfg_attr(all(feature = "small", feature = "v5"), inline(never))]
pub(crate) fn strip_share(filter: &[u8]) -> Option<&[u8]> {
    filter.strip_prefix(&SHARE)
}

/// Takes `$share/NAME/FILTER` apart; the filter may be missing.
fn split_share(filter: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let rest = strip_share(filter)?;
    Some(match rest.iter().position(|&byte| byte == b'/') {
        Some(slash) => (rest.get(..slash)?, rest.get(slash + 1..)),
        None => (rest, None),
    })
}

/// What makes text a topic filter.
#[cfg_attr(not(feature = "small"), inline(always))]
fn check_levels(filter: &[u8], version: Version) -> Result<(), Flaw> {
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
    while let Some((ahead, wildcard, behind)) = split_wildcard(levels) {
        let alone =
            ahead.last().copied().unwrap_or(before) == b'/' && matches!(behind.first(), None | Some(b'/'));
        let at = filter.len() - behind.len() - 1;
        if wildcard == b'+' && !alone {
            return Err(Flaw::new(ErrorKind::MisplacedPlus, at));
        }
        if wildcard == b'#' {
            if !alone || !behind.is_empty() {
                return Err(Flaw::new(ErrorKind::MisplacedHash, at));
            }
            break;
        }
        (before, levels) = (wildcard, behind);
    }
    Ok(())
}

/// What is ahead of the first wildcard, the wildcard, and what is behind it.
fn split_wildcard(bytes: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (ahead, rest) = bytes.split_at_checked(find_wildcard(bytes)?)?;
    let (&wildcard, behind) = rest.split_first()?;
    Some((ahead, wildcard, behind))
}

/// One byte in every lane of a word.
const fn lanes(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The place of the first wildcard.
#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn find_wildcard(bytes: &[u8]) -> Option<usize> {
    if cfg!(feature = "small") {
        return bytes.iter().position(|&byte| is_wildcard(byte));
    }
    let mut rest = bytes;
    loop {
        // Wildcards become zeros, and the lowest high bit is that of the first of them.
        let others = word(rest) & lanes(0xF7) ^ lanes(0x23);
        let found = others.wrapping_sub(lanes(1)) & !others & lanes(0x80);
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = rest.get(8..)?;
    }
}

/// The first eight bytes, or all and zeros behind them.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    if let Some(word) = bytes.first_chunk() {
        return u64::from_le_bytes(*word);
    }
    // The first and the last ones may overlap, which does no harm.
    let len = bytes.len() as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u16::from_le_bytes(*first)) | u64::from(u16::from_le_bytes(*last)) << (8 * (len - 2))
    } else {
        bytes.first().copied().unwrap_or_default().into()
    }
}

/// `+` is 0x2B and `#` 0x23: alike but for bit 3.
const fn is_wildcard(byte: u8) -> bool {
    byte & 0xF7 == 0x23
}
