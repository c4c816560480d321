//! Time as a value: the crate reads no clock.

use core::ops::Add;
use core::time::Duration;

/// A point in time, in milliseconds since an epoch of the caller's choice.
///
/// Any clock will do that does not jump ahead: time since the program began, for example. A value before the last one
/// is harmless and changes nothing.
///
/// ```
/// use core::time::Duration;
/// use sans_mqtt::Instant;
/// let start = Instant::from_millis(1000);
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later.as_millis(), 3000);
/// assert_eq!(later.saturating_duration_since(start), Duration::from_secs(2));
///
/// let began = std::time::Instant::now();
/// let now = Instant::from(began.elapsed());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// Later than every other.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The point in time `ms` milliseconds after the epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this; zero if that is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The whole seconds from `now` to this, rounded up; `None` if this is not later.
    pub fn seconds_from(self, now: Self) -> Option<u32> {
        let ms = self.0.checked_sub(now.0).filter(|ms| *ms > 0)?;
        Some(u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// `None` for [`NEVER`](Self::NEVER).
    pub(crate) fn or_never(self) -> Option<Self> {
        Some(self).filter(|at| *at != Self::NEVER)
    }

    pub(crate) const fn plus_millis(self, ms: u32) -> Self {
        self.plus_millis_long(ms as u64)
    }

    #[cfg_attr(feature = "small", inline(never))]
    pub(crate) const fn plus_millis_long(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// That long after the epoch, in whole milliseconds: of time since the program began, the present.
impl From<Duration> for Instant {
    fn from(since_epoch: Duration) -> Self {
        Self(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Rounds up to whole milliseconds; stops at the end of time.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let ms = duration.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(ms).unwrap_or(u64::MAX)))
    }
}
