//! Takes again from the front of bytes what was validated when they came: nothing but where it ends is looked at.

use super::text::utf8;

#[inline(always)]
pub(crate) fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, behind) = bytes.split_first_chunk()?;
    *bytes = behind;
    Some(*array)
}

/// What is behind two length bytes, and what is behind that.
pub(crate) fn split_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn prefixed<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (taken, behind) = split_prefixed(bytes)?;
    *bytes = behind;
    Some(taken)
}

#[cfg_attr(not(feature = "small"), inline(always))]
pub(crate) fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    utf8(prefixed(bytes)?).ok()
}
