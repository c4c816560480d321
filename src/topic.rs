//! Topic names and topic filters: validation, shared subscriptions, matching.

use core::fmt;

use crate::error::ErrorKind;
use crate::show::display;
use crate::spec::Version;
use crate::wire::{Flaw, check_filter, check_topic};

/// A text is not a topic name or not a topic filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TopicError {
    kind: ErrorKind,
    at: usize,
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}", self.kind, self.at)
    }
}

impl core::error::Error for TopicError {}

impl TopicError {
    /// What is wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The offset of the offending byte in the text.
    pub const fn offset(&self) -> usize {
        self.at
    }
}

/// Any of the checks, with the limit of 65,535 bytes `[MQTT-4.7.3-3]`.
fn checked(text: &str, check: Result<(), Flaw>) -> Result<(), TopicError> {
    check.map_err(|flaw| TopicError { kind: flaw.kind, at: flaw.at })?;
    if text.len() > 65_535 { Err(TopicError { kind: ErrorKind::TooLong, at: 65_535 }) } else { Ok(()) }
}

/// A valid topic name: 1 to 65,535 bytes, no U+0000, no wildcard.
///
/// ```
/// use sans_mqtt::{ErrorKind, TopicName};
/// assert_eq!(TopicName::new("home/attic/temperature")?.as_str(), "home/attic/temperature");
/// let error = TopicName::new("home/+/temperature").unwrap_err();
/// assert_eq!((error.kind(), error.offset()), (ErrorKind::WildcardInTopic, 5));
/// # Ok::<(), sans_mqtt::TopicError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TopicName<'a>(&'a str);

impl<'a> TopicName<'a> {
    /// Validates a topic name.
    ///
    /// # Errors
    ///
    /// Empty `[MQTT-4.7.3-1]`, with U+0000 `[MQTT-4.7.3-2]`, too long `[MQTT-4.7.3-3]`, or with a wildcard
    /// `[MQTT-3.3.2-2]`.
    pub fn new(name: &'a str) -> Result<Self, TopicError> {
        checked(name, check_topic(name))?;
        Ok(Self(name))
    }

    /// The text.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// A valid topic filter, in 5.0 perhaps of a shared subscription.
///
/// ```
/// use sans_mqtt::{TopicFilter, Version};
/// let filter = TopicFilter::new("home/+/temperature", Version::V5_0)?;
/// assert!(filter.matches("home/attic/temperature"));
/// assert!(!filter.matches("home/attic/humidity"));
/// # Ok::<(), sans_mqtt::TopicError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TopicFilter<'a> {
    text: &'a str,
    share_name: Option<&'a str>,
    filter: &'a str,
}

impl<'a> TopicFilter<'a> {
    /// Validates a topic filter. `version` decides whether `$share/NAME/FILTER` is a shared subscription: it is in
    /// 5.0, and an ordinary filter before.
    ///
    /// # Errors
    ///
    /// Empty, with U+0000, too long; `#` or `+` that do not fill a level, `#` before the last level
    /// (3.1.1: `[MQTT-4.7.1-2]` `[MQTT-4.7.1-3]`, 5.0: `[MQTT-4.7.1-1]` `[MQTT-4.7.1-2]`); a shared subscription
    /// without a share name `[MQTT-4.8.2-1]`, or with a wildcard in it or no filter behind it `[MQTT-4.8.2-2]`.
    pub fn new(text: &'a str, version: Version) -> Result<Self, TopicError> {
        checked(text, check_filter(text, version))?;
        Ok(Self::of_valid(text, version))
    }

    pub(crate) fn of_valid(text: &'a str, version: Version) -> Self {
        let shared = text.strip_prefix("$share/").filter(|_| version.is_5());
        match shared.and_then(|shared| shared.split_once('/')) {
            Some((name, filter)) => Self { text, share_name: Some(name), filter },
            None => Self { text, share_name: None, filter: text },
        }
    }

    /// The whole text, share name included: what SUBSCRIBE and UNSUBSCRIBE carry.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The share name of a shared subscription.
    ///
    /// ```
    /// use sans_mqtt::{TopicFilter, Version};
    /// let shared = TopicFilter::new("$share/workers/jobs/#", Version::V5_0)?;
    /// assert_eq!((shared.share_name(), shared.filter()), (Some("workers"), "jobs/#"));
    /// assert_eq!(TopicFilter::new("$share/workers/jobs/#", Version::V3_1_1)?.share_name(), None);
    /// # Ok::<(), sans_mqtt::TopicError>(())
    /// ```
    pub const fn share_name(&self) -> Option<&'a str> {
        self.share_name
    }

    /// What is matched against topic names: the text without `$share/NAME/`.
    pub const fn filter(&self) -> &'a str {
        self.filter
    }

    /// Whether there is a `+` or `#`.
    pub fn has_wildcard(&self) -> bool {
        self.filter.bytes().any(|byte| matches!(byte, b'+' | b'#'))
    }

    /// Whether a message with this topic name is for a subscription with this filter.
    pub fn matches(&self, topic_name: &str) -> bool {
        matches(self.filter, topic_name)
    }
}

macro_rules! text {
    ($($topic:ident)+) => {
        $(impl AsRef<str> for $topic<'_> {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        })+
    };
}

text! { TopicName TopicFilter }
display! { TopicName<'_>: as_str, TopicFilter<'_>: as_str }

/// Whether a valid topic filter, without `$share/NAME/`, matches a valid topic name.
///
/// `+` stands for one level, empty ones included, and `#` for any number of levels, none included. A filter that
/// begins with either does not match a name that begins with `$` `[MQTT-4.7.2-1]`. Takes time linear in the length of
/// both texts.
///
/// ```
/// use sans_mqtt::matches;
/// assert!(matches("sport/#", "sport") && matches("+/+", "/finance") && !matches("+", "/finance"));
/// assert!(!matches("#", "$SYS/uptime") && matches("$SYS/#", "$SYS/uptime"));
/// ```
pub fn matches(filter: &str, topic_name: &str) -> bool {
    let (mut filter, mut name) = (filter.as_bytes(), topic_name.as_bytes());
    if name.first() == Some(&b'$') && matches!(filter.first(), Some(b'+' | b'#')) {
        return false;
    }
    loop {
        match (filter, name) {
            ([b'#'], _) | ([], []) | ([b'/', b'#'], []) => return true,
            ([b'+', filter_rest @ ..], _) => {
                let level = name.iter().position(|&byte| byte == b'/').unwrap_or(name.len());
                (filter, name) = (filter_rest, name.get(level..).unwrap_or_default());
            }
            ([a, filter_rest @ ..], [b, name_rest @ ..]) if a == b => {
                (filter, name) = (filter_rest, name_rest);
            }
            _ => return false,
        }
    }
}
