//! How values are shown: `Display` in words, `Debug` short and without secrets.

use core::fmt;

/// `Display` by the method that gives the text.
macro_rules! display {
    ($($type:ty: $text:ident),+ $(,)?) => {
        $(impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.$text())
            }
        })+
    };
}

pub(crate) use display;

/// Binary data as text with escapes, cut when it is long.
pub(crate) struct Binary<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Binary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(64) {
            Some((begin, [_, ..])) => write!(f, "b\"{}\"… {:?}", begin.escape_ascii(), Hidden(self.0)),
            _ => write!(f, "b\"{}\"", self.0.escape_ascii()),
        }
    }
}

/// The length alone: what is secret, or not looked at yet.
pub(crate) struct Hidden<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}
