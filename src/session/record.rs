//! What a session is made of, one small step at a time, and its form in bytes.

use core::fmt;

use crate::error::EncodeError;
use crate::packet::{Message, Packet};
use crate::spec::{PacketId, Qos, Version};
use crate::wire::{Frame, Sink, Split};

/// A step in the life of a session.
///
/// A [`Store`](crate::Store) is told of each before anything that depends on it is written to the sink. Any number of
/// them from the beginning, put back with [`Session::restore`](crate::Session::restore) in the same order, make a
/// session as it was after the last of them. [`Session::export`](crate::Session::export) gives the fewest that make
/// the session as it is.
///
/// # As bytes
///
/// A file or log begins with [`HEADER`](Self::HEADER), and then holds records one behind the other:
///
/// | first byte | what follows | record |
/// |---|---|---|
/// | 0 | | `Begin`, everything sent is lost |
/// | 1 | | `Begin`, what was sent stays |
/// | 2 | a PUBLISH of MQTT 5.0, with its packet identifier and without DUP | `Publish` with its message |
/// | 3 | packet identifier (two bytes, high one first), QoS (one byte) | `Publish` whose message is elsewhere |
/// | 4 | packet identifier | `Release` |
/// | 5 | packet identifier | `Finish` |
/// | 6 | packet identifier | `Take` |
/// | 7 | packet identifier | `Complete` |
///
/// ```
/// use sans_mqtt::{PacketId, Record};
/// let mut log = Record::HEADER.to_vec();
/// Record::Take { id: PacketId::MIN }.encode(&mut log)?;
/// assert_eq!(log, b"MQS\x01\x06\0\x01");
///
/// let records = log.strip_prefix(&Record::HEADER).ok_or("not a log of this version")?;
/// let (record, rest) = Record::decode(records)?;
/// assert_eq!(record, Record::Take { id: PacketId::MIN });
/// assert!(rest.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Record<'a> {
    /// A session begins. What has come so far is forgotten; what was sent is `lost`, or (3.1.1, where a client may
    /// send it in the new session, too) is not.
    Begin {
        /// Whether messages that wait for an acknowledgement were lost with the session before.
        lost: bool,
    },
    /// A message is sent for the first time.
    Publish {
        /// Its packet identifier.
        id: PacketId,
        /// 1 or 2.
        qos: Qos,
        /// What it is, unless the caller keeps it.
        message: Option<Message<'a>>,
    },
    /// PUBREC came for a message of QoS 2.
    Release {
        /// Its packet identifier.
        id: PacketId,
    },
    /// A message is done: acknowledged or dropped.
    Finish {
        /// Its packet identifier.
        id: PacketId,
    },
    /// The application took a message of QoS 2 from the peer. It is not to come again.
    Take {
        /// The peer's packet identifier.
        id: PacketId,
    },
    /// PUBREL came for a message from the peer: the identifier will mean another one.
    Complete {
        /// The peer's packet identifier.
        id: PacketId,
    },
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes end within a record. At the end of a log that is what a crash leaves behind: the record was not
    /// acted upon.
    Truncated,
    /// Something else, or damaged.
    Unknown,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end within a record",
            Self::Unknown => "not a record of a session",
        })
    }
}

impl core::error::Error for RecordError {}

impl<'a> Record<'a> {
    /// What a file of records begins with: three letters and the version of the format.
    pub const HEADER: [u8; 4] = *b"MQS\x01";

    /// Writes the record and gives its length in bytes.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if `out` has no room, or if the message is none that can be sent.
    pub fn encode(&self, out: &mut (impl Sink + ?Sized)) -> Result<usize, EncodeError> {
        let (tag, id) = match *self {
            Self::Begin { lost } => return put(&[u8::from(!lost)], out),
            Self::Publish { id, message: Some(message), .. } => {
                let publish = Packet::Publish(message.publish(id, false));
                let len = publish.encode(Version::NEWEST, &mut Behind { first: Some(2), out })?;
                return Ok(1 + len);
            }
            Self::Publish { id, qos, message: None } => {
                let [high, low] = id.get().to_be_bytes();
                return put(&[3, high, low, qos as u8], out);
            }
            Self::Release { id } => (4, id),
            Self::Finish { id } => (5, id),
            Self::Take { id } => (6, id),
            Self::Complete { id } => (7, id),
        };
        let [high, low] = id.get().to_be_bytes();
        put(&[tag, high, low], out)
    }

    /// Reads a record from the front of `bytes`; gives what is behind it, too.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), RecordError> {
        let (&tag, rest) = bytes.split_first().ok_or(RecordError::Truncated)?;
        if tag < 2 {
            return Ok((Self::Begin { lost: tag == 0 }, rest));
        }
        if tag == 2 {
            return publish(rest);
        }
        let (&id, rest) = rest.split_first_chunk().ok_or(RecordError::Truncated)?;
        let id = PacketId::new(u16::from_be_bytes(id)).ok_or(RecordError::Unknown)?;
        Ok(match tag {
            3 => {
                let (&qos, rest) = rest.split_first().ok_or(RecordError::Truncated)?;
                let qos = Qos::from_number(qos).filter(|qos| *qos != Qos::AtMostOnce);
                (Self::Publish { id, qos: qos.ok_or(RecordError::Unknown)?, message: None }, rest)
            }
            4 => (Self::Release { id }, rest),
            5 => (Self::Finish { id }, rest),
            6 => (Self::Take { id }, rest),
            7 => (Self::Complete { id }, rest),
            _ => return Err(RecordError::Unknown),
        })
    }
}

fn publish(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), RecordError> {
    let (frame, rest) = match Frame::split(bytes, usize::MAX) {
        Ok(Split::Frame(frame, rest)) => (frame, rest),
        Ok(Split::Incomplete(_)) => return Err(RecordError::Truncated),
        Err(_) => return Err(RecordError::Unknown),
    };
    match Packet::decode(Version::NEWEST, frame) {
        Ok(Packet::Publish(publish)) => {
            let id = publish.delivery.packet_id().ok_or(RecordError::Unknown)?;
            let message = Some(Message::from(publish));
            Ok((Record::Publish { id, qos: publish.delivery.qos(), message }, rest))
        }
        _ => Err(RecordError::Unknown),
    }
}

fn put(bytes: &[u8], out: &mut (impl Sink + ?Sized)) -> Result<usize, EncodeError> {
    if !out.reserve(bytes.len()) {
        return Err(EncodeError::NoRoom { needed: bytes.len() });
    }
    out.put(bytes);
    Ok(bytes.len())
}

/// A byte, and behind it what is written.
struct Behind<'s, S: ?Sized> {
    first: Option<u8>,
    out: &'s mut S,
}

impl<S: Sink + ?Sized> Sink for Behind<'_, S> {
    fn reserve(&mut self, n: usize) -> bool {
        self.out.reserve(n + usize::from(self.first.is_some()))
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Some(first) = self.first.take() {
            self.out.put(&[first]);
        }
        self.out.put(bytes);
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { lost: true } => f.write_str("begin, what was before is lost"),
            Self::Begin { lost: false } => f.write_str("begin"),
            Self::Publish { id, qos, .. } => write!(f, "publish {id} at QoS {}", *qos as u8),
            Self::Release { id } => write!(f, "release {id}"),
            Self::Finish { id } => write!(f, "finish {id}"),
            Self::Take { id } => write!(f, "take {id}"),
            Self::Complete { id } => write!(f, "complete {id}"),
        }
    }
}
