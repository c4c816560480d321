//! The log of a connection: all that goes in and comes out, call by call, to be looked at, and to happen again.
//!
//! A [`Recorder`] is a connection that writes down what is done with it: what it is told, the time, the input, what sink
//! and store answered, what came out and what was returned. That is all that decides what a connection does, so
#![cfg_attr(feature = "alloc", doc = "[`replay`]")]
#![cfg_attr(not(feature = "alloc"), doc = "`replay` (feature `alloc`)")]
//! has another one do the same and says where it differs, if it does. Recording allocates nothing.
//!
//! ```
//! use sans_mqtt::event_log::{Recorder, replay};
//! use sans_mqtt::{Config, Connect, Event, Heap, Instant, NoAliases, Session, Step, Version, Wait};
//!
//! let now = Instant::from_millis(0);
//! let (mut log, mut out) = (Vec::new(), Vec::new());
//! // In place of `Client::new`, with a sink for the log; from here on nothing is different.
//! let mut client =
//!     Recorder::client(Version::V3_1_1, &Config::default(), Session::<Heap>::default(), &mut log);
//! client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out)?;
//! let mut input = &b"\x20\x02\0\0"[..];
//! assert!(matches!(client.handle(now, &mut input, &mut out), Step::Event(Event::Connected(_))));
//! assert!(matches!(client.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
//! let session = client.into_session(); // for the next connection, which may go on in the same log
//!
//! let store = || (<Heap>::default(), NoAliases::default());
//! assert_eq!(replay(&log, store)?, 4); // calls
//! let session_present = log.windows(4).position(|bytes| bytes == b"\x20\x02\0\0").unwrap() + 2;
//! log[session_present] = 1;
//! assert!(replay(&log, store).unwrap_err().to_string().contains("logged Connected"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # As bytes
//!
//! Logs can be appended to each other, and cut off anywhere behind. Each connection is an [`Entry::Begin`]; then comes for
//! each call an [`Entry::Call`], what came out or was refused meanwhile, and an [`Entry::Done`]. Numbers have seven bits a
//! byte, the low ones first and the high bit set in all but the last byte; texts and bytes have their length in front.
//!
//! | first byte | what follows | entry |
//! |---|---|---|
//! | `M` | `QL` and 1, the version of the format; the fields of [`Begin`] | `Begin` |
//! | 1 to 0x3F | what the function is given | `Call` |
//! | 0x80 | bytes | `Out` |
//! | 0x81 | a number | `NoRoom` |
//! | 0x82 | a number, and an error | `NotRecorded` |
//! | 0x83 | kind, number of bytes taken, text with 0xFF behind it, fingerprint | `Done` |
//!
//! The fingerprint is of all that was logged of the connection so far and of what the events held, which is not in the
//! log once more. A log holds what is secret, passwords too.

mod call;
#[cfg(feature = "alloc")]
mod load;
mod outcome;
mod part;
mod recorder;
#[cfg(feature = "alloc")]
mod replay;
mod state;

pub use call::Call;
pub use part::Numbers;
pub(crate) use part::{Bytes, Length, Part, Tape};
pub use recorder::{Recorded, Recorder};
#[cfg(feature = "alloc")]
pub use replay::{Difference, replay};
pub use state::SessionState;

use core::fmt;

use crate::connection::Config;
use crate::session::StoreError;
use crate::spec::{Sender, Version};
use crate::time::Instant;
use crate::wire::Sink;
use part::{END_OF_TEXT, Shown};

/// An entry of a log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Entry<'a> {
    /// A connection begins. The one before, if there is any, is not heard of any more.
    Begin(Begin<'a>),
    /// A function is called.
    Call(Call<'a>),
    /// Bytes are put into the sink.
    Out(&'a [u8]),
    /// The sink has no room, after it had so many times in this call, or since its last `NoRoom`.
    NoRoom {
        /// How many times.
        after: u32,
    },
    /// The store does not record something, after it did so many times in this call, or since its last `NotRecorded`.
    NotRecorded {
        /// How many times.
        after: u32,
        /// What it says.
        error: StoreError,
    },
    /// The function returns.
    Done(Done<'a>),
}

/// How a connection begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Begin<'a> {
    /// Whose side is logged.
    pub side: Sender,
    /// What a client speaks.
    pub version: Version,
    /// When a server begins to wait.
    pub now: Instant,
    /// The configuration.
    pub config: Config,
    /// The capacities of the alias tables, for what comes and for what goes.
    pub aliases: (u16, u16),
    /// The session that it begins with.
    pub session: SessionState<'a>,
    /// The fingerprint of all this; written, it is found anew.
    pub fingerprint: u32,
}

/// What a function returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Done<'a> {
    /// What sort of thing.
    pub kind: DoneKind,
    /// How many bytes of the input it took.
    pub taken: usize,
    /// What it is, in words.
    pub text: &'a str,
    /// The fingerprint of the log so far.
    pub fingerprint: u32,
}

/// What sort of thing a function returns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DoneKind {
    /// It is done.
    Ok,
    /// An event.
    Event,
    /// What to wait for.
    Wait,
    /// An error.
    Error,
}

/// Bytes that are no entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogError {
    /// The bytes end within an entry.
    Truncated,
    /// Something else, or damaged.
    Unknown,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end within an entry",
            Self::Unknown => "not an entry of a log",
        })
    }
}

impl core::error::Error for LogError {}

/// What a log begins with: three letters and the version of the format.
pub const HEADER: [u8; 4] = *b"MQL\x01";

const OUT: u8 = 0x80;
const NO_ROOM: u8 = 0x81;
const NOT_RECORDED: u8 = 0x82;
const DONE: u8 = 0x83;

const KINDS: [DoneKind; 4] = [DoneKind::Ok, DoneKind::Event, DoneKind::Wait, DoneKind::Error];

const STORE_ERRORS: [StoreError; 3] = [StoreError::Full, StoreError::TooLarge, StoreError::Failed];

impl<'a> Entry<'a> {
    /// Reads an entry from the front of `bytes`; gives what is behind it, too.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), LogError> {
        let from = &mut &*bytes;
        let entry = match u8::take(from)? {
            b'M' => Self::Begin(Begin::take(from)?),
            OUT => Self::Out(Part::take(from)?),
            NO_ROOM => Self::NoRoom { after: Part::take(from)? },
            NOT_RECORDED => {
                let (after, error) = <(u32, u8)>::take(from)?;
                let error = STORE_ERRORS.get(usize::from(error)).copied().ok_or(LogError::Unknown)?;
                Self::NotRecorded { after, error }
            }
            DONE => Self::Done(Done::take(from)?),
            tag => Self::Call(Call::take(tag, from)?.ok_or(LogError::Unknown)?),
        };
        Ok((entry, *from))
    }
}

impl<'a> Begin<'a> {
    fn put<L: Sink>(&self, tape: &mut Tape<L>) {
        let Self { side, version, now, config, aliases, session, fingerprint: _ } = self;
        tape.bytes(&HEADER);
        tape.put(&(*side, (*version, *now)));
        tape.put(config);
        tape.put(aliases);
        tape.put(session);
        tape.put_fingerprint();
    }

    /// Behind the first letter.
    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let [_, header @ ..] = HEADER;
        for byte in header {
            if u8::take(from)? != byte {
                return Err(LogError::Unknown);
            }
        }
        let (side, (version, now)) = Part::take(from)?;
        let config = Part::take(from)?;
        let aliases = Part::take(from)?;
        let session = Part::take(from)?;
        let fingerprint = take_fingerprint(from)?;
        Ok(Self { side, version, now, config, aliases, session, fingerprint })
    }
}

impl<'a> Done<'a> {
    fn take(from: &mut &'a [u8]) -> Result<Self, LogError> {
        let kind = KINDS.get(usize::from(u8::take(from)?)).copied().ok_or(LogError::Unknown)?;
        let taken = usize::take(from)?;
        let end = from.iter().position(|byte| *byte == END_OF_TEXT).ok_or(LogError::Truncated)?;
        let (text, rest) = from.split_at_checked(end).ok_or(LogError::Truncated)?;
        let text = core::str::from_utf8(text).map_err(|_| LogError::Unknown)?;
        *from = rest.get(1..).ok_or(LogError::Truncated)?;
        Ok(Self { kind, taken, text, fingerprint: take_fingerprint(from)? })
    }
}

fn take_fingerprint(from: &mut &[u8]) -> Result<u32, LogError> {
    let (fingerprint, rest) = from.split_first_chunk().ok_or(LogError::Truncated)?;
    *from = rest;
    Ok(u32::from_be_bytes(*fingerprint))
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(Begin { side: Sender::Client, version, config, session, .. }) => {
                write!(f, "a client of {version} begins: {session:?}, {}", Shown(config))
            }
            Self::Begin(Begin { now, config, session, .. }) => {
                write!(f, "a server begins: {session:?}, {}, {}", Shown(config), Shown(now))
            }
            Self::Call(call) => call.fmt(f),
            Self::Out(bytes) => write!(f, "{} bytes out", bytes.len()),
            Self::NoRoom { .. } => f.write_str("no room in the sink"),
            Self::NotRecorded { error, .. } => write!(f, "not recorded: {error}"),
            Self::Done(done) => f.write_str(done.text),
        }
    }
}
