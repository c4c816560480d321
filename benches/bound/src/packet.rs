//! The packets.

use crate::read::Reader;
use crate::table::Place;
use crate::{Checked, Property};

/// A list in a packet: bytes that were checked when they came, or the caller's own.
#[derive(Clone, Copy, Debug)]
pub struct List<'a, T>(pub(crate) Source<'a, T>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a, T> {
    Received(&'a [u8], Place),
    Given(&'a [T]),
}

impl<'a, T> List<'a, T> {
    pub const EMPTY: Self = Self(Source::Given(&[]));

    pub const fn new(list: &'a [T]) -> Self {
        Self(Source::Given(list))
    }

    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        match self.0 {
            Source::Received(bytes, _) => bytes.is_empty(),
            Source::Given(list) => list.is_empty(),
        }
    }
}

/// What stands in a list.
pub trait Element<'a>: Copy {
    /// Reads one that was checked.
    fn read(reader: &mut Reader<'a>) -> Checked<Self>;
}

impl<'a, T: Element<'a>> List<'a, T> {
    pub fn iter(self) -> impl Iterator<Item = T> {
        let (received, given) = match self.0 {
            Source::Received(bytes, _) => (bytes, &[][..]),
            Source::Given(list) => (&[][..], list),
        };
        let mut reader = Reader(received);
        core::iter::from_fn(move || T::read(&mut reader).ok()).chain(given.iter().copied())
    }
}

impl Element<'_> for u8 {
    fn read(reader: &mut Reader<'_>) -> Checked<Self> {
        reader.u8()
    }
}

impl<'a> Element<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Checked<Self> {
        reader.utf8()
    }
}

impl<'a> Element<'a> for Subscription<'a> {
    fn read(reader: &mut Reader<'a>) -> Checked<Self> {
        Ok(Self { filter: reader.utf8()?, options: reader.u8()? })
    }
}

pub type Properties<'a> = List<'a, Property<'a>>;

#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    Connack(Connack<'a>),
    Publish(Publish<'a>),
    Puback(Ack<'a>),
    Pubrec(Ack<'a>),
    Pubrel(Ack<'a>),
    Pubcomp(Ack<'a>),
    Subscribe(Subscribe<'a>),
    Suback(Suback<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Unsuback(Suback<'a>),
    Pingreq,
    Pingresp,
    Disconnect(Outcome<'a>),
    Auth(Outcome<'a>),
}

#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    pub clean_start: bool,
    pub keep_alive: u16,
    pub properties: Properties<'a>,
    pub client_id: &'a str,
    pub will: Option<Will<'a>>,
    pub user_name: Option<&'a str>,
    pub password: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub struct Will<'a> {
    pub qos: u8,
    pub retain: bool,
    pub properties: Properties<'a>,
    pub topic: &'a str,
    pub payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
pub struct Connack<'a> {
    pub session_present: bool,
    /// A reason code, or a return code of 3.1.1.
    pub code: u8,
    pub properties: Properties<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// DUP, QoS and RETAIN as they stand in the first byte.
    pub flags: u8,
    /// 0 at QoS 0.
    pub packet_id: u16,
    pub topic: &'a str,
    pub properties: Properties<'a>,
    pub payload: &'a [u8],
}

impl Publish<'_> {
    #[inline(always)]
    pub const fn qos(&self) -> u8 {
        self.flags >> 1 & 3
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Ack<'a> {
    pub packet_id: u16,
    pub code: u8,
    pub properties: Properties<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub filters: List<'a, Subscription<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub struct Subscription<'a> {
    pub filter: &'a str,
    /// The options as they stand behind the filter.
    pub options: u8,
}

#[derive(Clone, Copy, Debug)]
pub struct Suback<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub codes: List<'a, u8>,
}

#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    pub packet_id: u16,
    pub properties: Properties<'a>,
    pub filters: List<'a, &'a str>,
}

/// DISCONNECT or AUTH.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub code: u8,
    pub properties: Properties<'a>,
}
