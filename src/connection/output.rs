//! What stands between an encoder and the caller's sink.

use super::UsageError;
use crate::EncodeError;
use crate::property::Properties;
use crate::wire::{Sink, Unseen};

/// A sink for one packet of a command.
///
/// An encoder asks for room once, when it has found nothing wrong and knows the size. So this is where the peer's
/// limit is checked, and the last moment to take note of what the packet does before its bytes are written.
pub(super) struct Output<'s, S: ?Sized, F> {
    out: &'s mut S,
    limit: u32,
    /// The bytes that are needed or counted but not written here.
    headroom: u16,
    later: u32,
    before: F,
    error: Option<UsageError>,
}

impl<'s, S: Sink + ?Sized, F: FnMut() -> Result<(), UsageError>> Output<'s, S, F> {
    #[inline(always)]
    pub(super) fn new(out: &'s mut S, limit: u32, headroom: u16, before: F) -> Self {
        Self { out, limit, headroom, later: 0, before, error: None }
    }

    /// So many bytes of the packet are written elsewhere.
    #[inline(always)]
    pub(super) fn without(self, later: u32) -> Self {
        Self { later, ..self }
    }

    #[inline(always)]
    fn check(&mut self, here: usize) -> Result<(), UsageError> {
        let size = here.saturating_add(self.later as usize);
        if size > self.limit as usize {
            return Err(UsageError::TooLarge { size, limit: self.limit });
        }
        let needed = here.saturating_add(self.headroom as usize);
        if !self.out.reserve(needed) {
            return Err(UsageError::NoRoom(needed));
        }
        (self.before)()
    }

    /// Whether the packet was too much for the peer.
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self.error, Some(UsageError::TooLarge { .. }))
    }

    /// The result of the command, given that of the encoder.
    #[inline(always)]
    pub(super) fn done(self, written: Result<usize, EncodeError>) -> Result<(), UsageError> {
        match (written, self.error) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => Err(error.into()),
        }
    }
}

impl<S: Sink + ?Sized, F: FnMut() -> Result<(), UsageError>> Sink for Output<'_, S, F> {
    #[inline(always)]
    fn reserve(&mut self, n: usize) -> bool {
        self.error = self.check(n).err();
        self.error.is_none()
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
    }
}

/// Writes a packet without the properties that the peer does not want, and if it is too large for the peer without Reason
/// String, and then without User Properties.
pub(super) fn fitting<'p>(
    properties: Properties<'p>,
    unwanted: Unseen,
    mut write: impl FnMut(Properties<'p>) -> Result<(), UsageError>,
) -> Result<(), UsageError> {
    if properties.is_empty() {
        return write(properties);
    }
    let properties = properties.without(unwanted);
    let whole = write(properties);
    let Err(UsageError::TooLarge { .. }) = whole else { return whole };
    let shorter = write(properties.without(Unseen::REASON));
    let Err(UsageError::TooLarge { .. }) = shorter else { return shorter };
    write(properties.without(Unseen::PROBLEM))
}
