//! The properties of a packet: as they are decoded, and what they say.

use super::raw::row;
use super::set::Came;
#[cfg(not(feature = "small"))]
use super::set::Open;
use super::{Piece, Property, PropertySet, Raw};
use crate::error::{ErrorKind, Field};
use crate::spec::{PropertyId, Scope};
use crate::wire::{Check, Context, Decoded, Element, Failed, Iter, Mode, Reader, Seq, Sink, Unseen, Writer};

/// The properties of a packet, in order. Empty in every version before 5.0; without the feature `v5` nothing is found in a
/// list that is not.
pub type Properties<'a> = Seq<'a, Property<'a>>;

impl<'a> Properties<'a> {
    /// The User Properties, in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.all(PropertyId::UserProperty).filter_map(|raw| match raw {
            Raw::Pair(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The Subscription Identifiers of a PUBLISH, in order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.all(PropertyId::SubscriptionIdentifier).filter_map(|raw| match raw {
            Raw::Number(id) => Some(id),
            _ => None,
        })
    }

    /// The identifiers of the properties.
    pub fn ids(&self) -> PropertySet {
        let mut ids = PropertySet::EMPTY;
        let mut list = self.iter();
        while let Some(piece) = Piece::next(&mut list) {
            ids.insert(piece.id());
        }
        ids
    }

    /// The identifier of the first one that `is` so.
    pub(crate) fn find(&self, is: impl Fn(PropertyId) -> bool) -> Option<PropertyId> {
        Piece::all(*self).map(|piece| piece.id()).find(|id| is(*id))
    }

    /// The value of the first one with this identifier.
    #[cfg_attr(feature = "v5", inline(never))]
    #[cfg_attr(not(feature = "v5"), inline(always))]
    pub(super) fn first(&self, id: PropertyId) -> Option<Raw<'a>> {
        next(&mut self.iter(), id)
    }

    /// The values of this property.
    fn all(&self, id: PropertyId) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        let mut list = self.iter();
        core::iter::from_fn(move || next(&mut list, id))
    }

    /// The values of those that are numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (PropertyId, u32)> + use<'a> {
        Piece::all(*self).filter_map(|piece| match piece.raw()? {
            Raw::Number(number) => Some((piece.id(), number)),
            _ => None,
        })
    }

    /// The same without some more kinds of them.
    pub(crate) fn without(self, more: Unseen) -> Self {
        let (all, rest) = (self.ids(), self.hide(more).ids());
        match rest.is_empty() {
            true => Self::EMPTY,
            false if rest == all => self,
            false => self.hide(more),
        }
    }

    /// Reads the property length and the properties of `scope`; before 5.0 there are none.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn decode<M: Mode>(reader: &mut Reader<'a, '_, M>, scope: Scope) -> Decoded<Self> {
        let bytes = Self::decode_bytes(reader, scope)?;
        Ok(Seq::wire(bytes, Context { scope, ..reader.cx }))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn decode_bytes<M: Mode>(reader: &mut Reader<'a, '_, M>, scope: Scope) -> Decoded<&'a [u8]> {
        if !reader.cx.version.is_5() {
            return Ok(&[]);
        }
        // Most packets have no properties, and the one that must have some finds out below.
        if !M::OBSERVED && scope != Scope::AUTH && reader.skip_zero() {
            return Ok(&[]);
        }
        let packet = reader.cx.scope;
        reader.cx.scope = scope;
        let len = reader.varint(Field::PropertyLength)? as usize;
        reader.cx.scope = packet;
        let mut section = reader.section(len, Field::Properties, scope)?;
        let bytes = section.peek();
        if !M::TRUSTED {
            // Where there is no property, one may be missing.
            if len != 0 || scope == Scope::AUTH {
                section.apart(check_section)?;
            }
        }
        Ok(bytes)
    }

    /// [`decode`](Self::decode) where the property length may be left out at the end of the packet.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn decode_omittable<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let bytes = if reader.is_empty() {
            if reader.cx.scope == Scope::AUTH && reader.cx.version.is_5() && !M::TRUSTED {
                return Err(absent(reader, PropertyId::AuthenticationMethod));
            }
            &[]
        } else {
            Self::decode_bytes(reader, reader.cx.scope)?
        };
        Ok(Seq::wire(bytes, reader.cx))
    }
}

/// The value of the next property with this identifier; those of others are passed over.
#[cfg_attr(feature = "v5", inline(never))]
#[cfg_attr(not(feature = "v5"), inline(always))]
fn next<'a>(list: &mut Iter<'a, Property<'a>>, id: PropertyId) -> Option<Raw<'a>> {
    loop {
        let piece = Piece::next(list)?;
        if piece.id() == id {
            return piece.raw();
        }
    }
}

#[cold]
fn absent<M: Mode>(reader: &mut Reader<'_, '_, M>, id: PropertyId) -> Failed {
    reader.bad(ErrorKind::MissingProperty, Field::Property(id), reader.offset(), 0)
}

#[inline(never)]
fn check_section<M: Mode>(bytes: &[u8], end: usize, cx: Context, mode: &mut M) -> Decoded<()> {
    let section = &mut Reader::part(bytes, end, cx, mode);
    let mut came = Came::nothing(cx);
    while !section.is_empty() {
        let start = section.offset();
        let (id, kind) = row(section)?;
        let field = Field::Property(id);
        if let Err(refusal) = came.add(id, cx) {
            return Err(section.bad(refusal, field, start, id.number()));
        }
        if M::OBSERVED || cfg!(feature = "small") {
            Raw::read(kind, section, field)?;
        } else {
            kind.validate(section, field)?;
        }
    }
    came.missing(cx.scope).map_or(Ok(()), |id| Err(absent(section, id)))
}

impl<'a> Element<'a> for Property<'a> {
    #[inline]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let (id, kind) = row(reader)?;
        let field = Field::Property(id);
        let raw = Raw::read(kind, reader, field)?;
        // Never an error: the value is of the kind that the table says.
        Self::from_raw(id, raw).ok_or_else(|| reader.bad(ErrorKind::PropertyValue, field, reader.offset(), 0))
    }

    #[cfg(not(feature = "small"))]
    #[inline(always)]
    fn again(bytes: &mut &'a [u8], _: Context) -> Option<Self> {
        Self::again(bytes)
    }

    #[inline]
    fn is_shown(&self, hidden: Unseen) -> bool {
        !hidden.meets(self.id().group())
    }

    fn check(&self, cx: Context) -> Check {
        let (kind, raw) = self.raw();
        Ok(1 + raw.check(kind, cx, Field::Property(self.id()))?)
    }

    #[cfg(not(feature = "small"))]
    #[inline]
    fn plain_len(list: &[Self], cx: Context) -> Option<usize> {
        // Where there is no property, one may be missing.
        if cx.scope == Scope::AUTH {
            return None;
        }
        let (mut open, mut len) = (Open::of(cx), 0);
        for property in list {
            let (id, value) = property.plain_len()?;
            if !open.take(id) {
                return None;
            }
            len += 1 + value;
        }
        Some(len)
    }

    fn check_all(list: impl Iterator<Item = Self>, cx: Context) -> Check {
        Piece::check_all(list.map(Piece::given), cx)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        let (kind, raw) = self.raw();
        raw.write(self.id(), kind, out);
    }
}

impl Property<'_> {
    /// Whether it has a form in bytes, be its value right or wrong.
    pub(crate) fn can_be_written(&self) -> bool {
        let (kind, raw) = self.raw();
        raw.fits(kind)
    }
}
