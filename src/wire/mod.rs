//! Bytes only: framing, fields and lists, without any state.

mod again;
mod frame;
mod observe;
mod reader;
mod reason;
mod seq;
mod sink;
mod text;
mod varint;

pub use frame::{Frame, Split};
pub use observe::{Observer, Value};
pub use seq::{Iter, Seq};
pub use sink::Sink;

#[cfg(not(feature = "small"))]
pub(crate) use again::split_prefixed;
pub(crate) use again::{array, prefixed, text};
pub(crate) use frame::{Context, Header};
pub(crate) use observe::Trusted;
pub(crate) use observe::{Failed, Mode, Observed, Plain};
pub(crate) use reader::{Decoded, Reader};
pub(crate) use seq::{Element, Unseen, sum};
pub(crate) use sink::{Check, Encode, Lengths, Writer, check_binary, check_str, check_text, encode, invalid};
pub(crate) use text::{Flaw, check_filter, check_topic, find_wildcard, strip_share};
#[cfg(not(feature = "small"))]
pub(crate) use text::{plain_filter_len, plain_text_len, plain_topic_len};
pub(crate) use varint::{MAX as VARINT_MAX, VarInt, varint_len};
