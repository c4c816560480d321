//! The packets.

use core::num::NonZeroU16;

use crate::reader::Reader;
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

impl Packet<'static> {
    /// The packet with lists of the caller's, made of those that came and never freed: for tests.
    pub fn given(self) -> Self {
        let ack = |p: Ack<'static>| Ack { properties: p.properties.given(), ..p };
        let suback =
            |p: Suback<'static>| Suback { properties: p.properties.given(), codes: p.codes.given(), ..p };
        let outcome = |p: Outcome<'static>| Outcome { properties: p.properties.given(), ..p };
        match self {
            Self::Connect(p) => Self::Connect(Connect {
                properties: p.properties.given(),
                will: p.will.map(|will| Will { properties: will.properties.given(), ..will }),
                ..p
            }),
            Self::Connack(p) => Self::Connack(Connack { properties: p.properties.given(), ..p }),
            Self::Publish(p) => Self::Publish(Publish { properties: p.properties.given(), ..p }),
            Self::Puback(p) => Self::Puback(ack(p)),
            Self::Pubrec(p) => Self::Pubrec(ack(p)),
            Self::Pubrel(p) => Self::Pubrel(ack(p)),
            Self::Pubcomp(p) => Self::Pubcomp(ack(p)),
            Self::Subscribe(p) => Self::Subscribe(Subscribe {
                properties: p.properties.given(),
                filters: p.filters.given(),
                ..p
            }),
            Self::Suback(p) => Self::Suback(suback(p)),
            Self::Unsubscribe(p) => Self::Unsubscribe(Unsubscribe {
                properties: p.properties.given(),
                filters: p.filters.given(),
                ..p
            }),
            Self::Unsuback(p) => Self::Unsuback(suback(p)),
            Self::Pingreq | Self::Pingresp => self,
            Self::Disconnect(p) => Self::Disconnect(outcome(p)),
            Self::Auth(p) => Self::Auth(outcome(p)),
        }
    }
}

impl<T: Element<'static>> List<'static, T> {
    fn given(self) -> Self {
        Self::new(self.iter().collect::<Vec<_>>().leak())
    }
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
    pub flags: Flags,
    /// None at QoS 0.
    pub packet_id: Option<NonZeroU16>,
    pub topic: &'a str,
    pub properties: Properties<'a>,
    pub payload: &'a [u8],
}

/// DUP, QoS and RETAIN as they stand in the first byte of a PUBLISH.
#[derive(Clone, Copy, Debug)]
pub struct Flags(pub(crate) u8);

impl Flags {
    /// None for QoS 3, and for DUP at QoS 0.
    pub const fn new(dup: bool, qos: u8, retain: bool) -> Option<Self> {
        if qos > 2 || dup && qos == 0 {
            return None;
        }
        Some(Self((dup as u8) << 3 | qos << 1 | retain as u8))
    }

    #[inline(always)]
    pub const fn dup(self) -> bool {
        self.0 & 8 != 0
    }

    #[inline(always)]
    pub const fn qos(self) -> u8 {
        self.0 >> 1 & 3
    }

    #[inline(always)]
    pub const fn retain(self) -> bool {
        self.0 & 1 != 0
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Ack<'a> {
    pub packet_id: NonZeroU16,
    pub code: u8,
    pub properties: Properties<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct Subscribe<'a> {
    pub packet_id: NonZeroU16,
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
    pub packet_id: NonZeroU16,
    pub properties: Properties<'a>,
    pub codes: List<'a, u8>,
}

#[derive(Clone, Copy, Debug)]
pub struct Unsubscribe<'a> {
    pub packet_id: NonZeroU16,
    pub properties: Properties<'a>,
    pub filters: List<'a, &'a str>,
}

/// DISCONNECT or AUTH.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub code: u8,
    pub properties: Properties<'a>,
}
