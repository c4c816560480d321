//! The rules for text, topic names and topic filters.

use crate::{Checked, Invalid, Version};

/// The lowest byte without a meaning of its own in any text: only U+0000 is below.
const TEXT: i8 = 0x01;

/// The same in topics: `#`, `+` and the `$` of `$share/` are below.
const TOPIC: i8 = 0x2C;

/// Whether all bytes are ASCII and none is below `LOWEST`: as signed numbers, bytes beyond ASCII are negative.
#[inline(always)]
fn is_plain<const LOWEST: i8>(bytes: &[u8]) -> bool {
    // The first and the last ones may overlap, which does no harm.
    if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk()) {
        are_plain::<LOWEST, 16>(first, last) && (bytes.len() <= 32 || is_long_plain::<LOWEST>(bytes))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk()) {
        are_plain::<LOWEST, 8>(first, last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk()) {
        are_plain::<LOWEST, 4>(first, last)
    } else {
        bytes.iter().all(|&byte| byte as i8 >= LOWEST)
    }
}

#[inline(never)]
fn is_long_plain<const LOWEST: i8>(bytes: &[u8]) -> bool {
    bytes.as_chunks().0.iter().all(|chunk| are_plain::<LOWEST, 16>(chunk, chunk))
}

/// Looks at all of them at a time: with vectors, two comparisons and a branch.
#[inline(always)]
fn are_plain<const LOWEST: i8, const N: usize>(one: &[u8; N], other: &[u8; N]) -> bool {
    let is_odd = |byte: u8| (byte as i8) < LOWEST;
    !one.iter().zip(other).fold(false, |odd, (&a, &b)| odd | is_odd(a) | is_odd(b))
}

/// Any text: well-formed UTF-8 without U+0000.
#[inline(always)]
pub(crate) fn check_text(bytes: &[u8]) -> Checked<()> {
    if is_plain::<TEXT>(bytes) { Ok(()) } else { check_odd_text(bytes) }
}

#[cold]
#[inline(never)]
fn check_odd_text(bytes: &[u8]) -> Checked<()> {
    core::str::from_utf8(bytes).map_err(|_| Invalid)?;
    if bytes.contains(&0) { Err(Invalid) } else { Ok(()) }
}

/// Whether this is text without any doubt.
#[inline(always)]
pub(crate) fn is_plain_text(bytes: &[u8]) -> bool {
    is_plain::<TEXT>(bytes)
}

/// Whether this is a topic name, and a topic filter, without any doubt.
#[inline(always)]
pub(crate) fn is_plain_topic(bytes: &[u8]) -> bool {
    is_plain::<TOPIC>(bytes) && !bytes.is_empty()
}

/// A topic name: not empty, no wildcard.
#[inline(always)]
pub(crate) fn check_topic(bytes: &[u8]) -> Checked<()> {
    if bytes.is_empty() { Err(Invalid) } else { check_topic_or_empty(bytes) }
}

#[inline(always)]
pub(crate) fn check_topic_or_empty(bytes: &[u8]) -> Checked<()> {
    if is_plain::<TOPIC>(bytes) { Ok(()) } else { check_odd_topic(bytes) }
}

#[cold]
#[inline(never)]
fn check_odd_topic(bytes: &[u8]) -> Checked<()> {
    check_text(bytes)?;
    if bytes.iter().any(|&byte| is_wildcard(byte)) { Err(Invalid) } else { Ok(()) }
}

/// A topic filter, in 5.0 of a shared subscription too.
#[inline(always)]
pub(crate) fn check_filter(bytes: &[u8], version: Version) -> Checked<()> {
    if is_plain_topic(bytes) { Ok(()) } else { check_odd_filter(bytes, version) }
}

#[inline(never)]
fn check_odd_filter(bytes: &[u8], version: Version) -> Checked<()> {
    check_text(bytes)?;
    let filter = match strip_share(bytes) {
        Some(shared) if version == Version::V5_0 => {
            let slash = shared.iter().position(|&byte| byte == b'/').ok_or(Invalid)?;
            let (name, filter) = shared.split_at_checked(slash).ok_or(Invalid)?;
            if name.is_empty() || name.iter().any(|&byte| is_wildcard(byte)) {
                return Err(Invalid);
            }
            filter.get(1..).unwrap_or_default()
        }
        _ => bytes,
    };
    if filter.is_empty() { Err(Invalid) } else { check_wildcards(filter) }
}

/// `#` and `+` fill a level, `#` the last one.
#[inline(always)]
fn check_wildcards(filter: &[u8]) -> Checked<()> {
    let Some(last) = filter.last_chunk() else {
        return (0..filter.len()).try_for_each(|at| match filter.get(at) {
            Some(&byte) if is_wildcard(byte) => check_wildcard(filter, at),
            _ => Ok(()),
        });
    };
    for (n, word) in filter.as_chunks().0.iter().enumerate() {
        check_word(filter, n * 8, word)?;
    }
    check_word(filter, filter.len() - 8, last)
}

/// Looks for wildcards eight bytes at a time.
#[inline(always)]
fn check_word(filter: &[u8], start: usize, word: &[u8; 8]) -> Checked<()> {
    const SEVEN: u64 = u64::from_ne_bytes([0x7F; 8]);
    // `+` is 0x2B and `#` 0x23: alike but for bit 3, so both become zero, and the high bit tells zeros from all else.
    let others = u64::from_le_bytes(*word) & u64::from_ne_bytes([0xF7; 8]) ^ u64::from_ne_bytes([0x23; 8]);
    let mut found = !(((others & SEVEN) + SEVEN) | others | SEVEN);
    while found != 0 {
        check_wildcard(filter, start + found.trailing_zeros() as usize / 8)?;
        found &= found - 1;
    }
    Ok(())
}

#[inline(always)]
fn check_wildcard(filter: &[u8], at: usize) -> Checked<()> {
    let ahead = at.checked_sub(1).and_then(|at| filter.get(at));
    match (ahead, filter.get(at), filter.get(at + 1)) {
        (None | Some(b'/'), _, None) | (None | Some(b'/'), Some(b'+'), Some(b'/')) => Ok(()),
        _ => Err(Invalid),
    }
}

/// What is behind `$share/`.
#[inline(always)]
pub(crate) fn strip_share(filter: &[u8]) -> Option<&[u8]> {
    filter.strip_prefix(b"$share/")
}

#[inline(always)]
const fn is_wildcard(byte: u8) -> bool {
    byte & 0xF7 == 0x23
}
