//! Property sections to be written.

use core::slice;

use super::set::Came;
use super::{Properties, Property, Raw};
use crate::error::{ErrorKind, Field};
use crate::spec::{Kind, PropertyId, Row, Scope, Version};
use crate::wire::{Check, Context, Iter, Sink, Writer, invalid, sum, varint_len};

/// A property section to be written: its length first, as the fixed header needs it, then its bytes.
pub(crate) trait Section {
    /// Whether the topic that goes with them was checked with them.
    const CHECKED: bool = false;

    /// Checks the properties for `cx` and gives the property length.
    fn property_len(&self, cx: Context) -> Check;

    /// Writes the property length and the properties; before 5.0 there is neither.
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>);

    /// Whether a Topic Alias is among them, as they are written.
    fn has_topic_alias(&self, version: Version) -> bool;
}

/// A property of the machine's own, if it has to be sent. All of them are numbers.
pub(crate) type OwnProperty = Option<(PropertyId, u32)>;

/// A packet that the machine sends with properties of its own besides the caller's.
pub(crate) struct Own<'a, P> {
    pub(crate) packet: &'a P,
    pub(crate) properties: &'a [OwnProperty],
}

/// Properties of the machine's own before and behind the caller's.
pub(crate) struct Joined<'a> {
    pub(crate) before: &'a [OwnProperty],
    pub(crate) callers: Properties<'a>,
    pub(crate) behind: &'a [OwnProperty],
}

impl<'a> Joined<'a> {
    /// The caller's alone.
    pub(crate) fn of(callers: Properties<'a>) -> Self {
        Self { before: &[], callers, behind: &[] }
    }

    fn pieces(&self) -> Pieces<'a> {
        Pieces { before: self.before.iter(), callers: self.callers.iter(), behind: self.behind.iter() }
    }

    /// Whether there is nothing but the caller's: before 5.0 there is nothing at all.
    fn is_callers(&self, cx: Context) -> bool {
        !cx.version.is_5() || self.before.is_empty() && self.behind.is_empty()
    }

    #[inline(never)]
    fn check_all(&self, cx: Context) -> Check {
        Piece::check_all(self.pieces(), cx)
    }

    #[inline(never)]
    fn write_all<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        self.pieces().for_each(|piece| piece.write(out));
    }
}

/// All of them, in order.
struct Pieces<'a> {
    before: slice::Iter<'a, OwnProperty>,
    callers: Iter<'a, Property<'a>>,
    behind: slice::Iter<'a, OwnProperty>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'a>> {
        let own = |own: &mut slice::Iter<'a, OwnProperty>| own.find_map(|own| Piece::number(*own));
        own(&mut self.before).or_else(|| Piece::next(&mut self.callers)).or_else(|| own(&mut self.behind))
    }
}

impl Section for Joined<'_> {
    #[inline(always)]
    fn property_len(&self, cx: Context) -> Check {
        // A copy, so that where the compiler sees which way this goes the whole need not be in memory.
        let callers = self.callers;
        if self.is_callers(cx) { callers.property_len(cx) } else { self.check_all(cx) }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if self.is_callers(cx) {
            let callers = self.callers;
            return callers.write_section(cx, property_len, out);
        }
        out.varint(property_len);
        match out.lend(property_len) {
            Some(mut room) => self.write_all(&mut Writer(&mut room)),
            None => self.write_all(out),
        }
    }

    fn has_topic_alias(&self, version: Version) -> bool {
        let is_alias = |(id, _): &(PropertyId, u32)| *id == PropertyId::TopicAlias;
        version.is_5() && self.before.iter().flatten().any(is_alias)
    }
}

impl Properties<'_> {
    /// Before 5.0 there are none.
    #[cold]
    #[cfg_attr(not(feature = "small"), inline(never))]
    fn refuse(&self, cx: Context) -> Check {
        // Without the feature `v5` it is not known which one it is.
        let first = Piece::all(*self).next();
        let field = first.map_or(Field::Properties, |piece| Field::Property(piece.id()));
        Err(invalid(cx, ErrorKind::NotInVersion, field))
    }
}

impl Section for Properties<'_> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn property_len(&self, cx: Context) -> Check {
        if self.is_empty() && cx.scope != Scope::AUTH {
            Ok(0)
        } else if !cx.version.is_5() {
            self.refuse(cx)
        } else if cfg!(feature = "small") {
            Joined::of(*self).check_all(cx)
        } else {
            self.check(cx)
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write_section<S: Sink + ?Sized>(&self, cx: Context, property_len: usize, out: &mut Writer<'_, S>) {
        if cx.version.is_5() {
            out.varint(property_len);
            if property_len > 0 {
                if cfg!(feature = "small") {
                    Joined::of(*self).write_all(out);
                } else {
                    self.write(cx, property_len, out);
                }
            }
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn has_topic_alias(&self, _: Version) -> bool {
        !self.is_empty() && self.topic_alias().is_some()
    }
}

/// The number of bytes that a section takes, its length included.
#[cfg_attr(feature = "small", inline(never))]
pub(crate) fn section_len(cx: Context, property_len: usize) -> usize {
    if cx.version.is_5() { varint_len(property_len) + property_len } else { 0 }
}

/// A property to be written: one that was received is not looked at but copied. Where code has to be small, there is one way
/// for both.
#[derive(Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// The identifier, and the bytes with it.
    #[cfg(not(feature = "small"))]
    Received(PropertyId, &'a [u8]),
    Given(PropertyId, Raw<'a>),
}

impl<'a> Piece<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn given(property: Property<'a>) -> Self {
        let (_, raw) = property.raw();
        Self::Given(property.id(), raw)
    }

    fn number(own: OwnProperty) -> Option<Self> {
        own.map(|(id, number)| Self::Given(id, Raw::Number(number)))
    }

    /// The next one of `list`.
    pub(crate) fn next(list: &mut Iter<'a, Property<'a>>) -> Option<Self> {
        if cfg!(not(feature = "v5")) {
            return None;
        }
        loop {
            let piece = list.pass(Self::split, |property| Self::given(*property))?;
            if !list.hidden().meets(piece.id().group()) {
                return Some(piece);
            }
        }
    }

    /// Cuts the first one off a received section.
    #[inline]
    fn split(section: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut value = section;
        let (id, kind) = Self::row(&mut value)?;
        #[cfg(not(feature = "small"))]
        {
            let behind = kind.skip(value)?;
            let bytes = section.get(..section.len() - behind.len())?;
            Some((Self::Received(id, bytes), behind))
        }
        #[cfg(feature = "small")]
        {
            let raw = Raw::again(kind, &mut value)?;
            Some((Self::Given(id, raw), value))
        }
    }

    /// Takes an identifier off the front.
    pub(super) fn row(bytes: &mut &[u8]) -> Option<(PropertyId, Kind)> {
        let (&number, behind) = bytes.split_first()?;
        *bytes = behind;
        Row::of(number)
    }

    /// Its value.
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn raw(self) -> Option<Raw<'a>> {
        match self {
            #[cfg(not(feature = "small"))]
            Self::Received(_, mut bytes) => {
                let (_, kind) = Self::row(&mut bytes)?;
                Raw::again(kind, &mut bytes)
            }
            Self::Given(_, raw) => Some(raw),
        }
    }

    /// All of `list`.
    pub(crate) fn all(list: Properties<'a>) -> impl Iterator<Item = Self> + use<'a> {
        let mut list = list.iter();
        core::iter::from_fn(move || Self::next(&mut list))
    }

    pub(crate) fn id(&self) -> PropertyId {
        match self {
            #[cfg(not(feature = "small"))]
            Self::Received(id, _) => *id,
            Self::Given(id, ..) => *id,
        }
    }

    /// Checks a list for the packet `cx`; gives the number of bytes it takes. The value of a received property is right
    /// wherever it may stand.
    pub(crate) fn check_all(list: impl Iterator<Item = Self>, cx: Context) -> Check {
        let mut came = Came::nothing(cx);
        let len = sum(cx, list, |piece| {
            let id = piece.id();
            came.add(id, cx).map_err(|kind| invalid(cx, kind, Field::Property(id)))?;
            match piece {
                #[cfg(not(feature = "small"))]
                Self::Received(_, bytes) => Ok(bytes.len()),
                Self::Given(_, raw) => Ok(1 + raw.check(id.kind(), cx, Field::Property(id))?),
            }
        })?;
        match came.missing(cx.scope) {
            Some(id) => Err(invalid(cx, ErrorKind::MissingProperty, Field::Property(id))),
            None => Ok(len),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(crate) fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        match self {
            #[cfg(not(feature = "small"))]
            Self::Received(_, bytes) => out.bytes(bytes),
            Self::Given(id, raw) => raw.write(*id, id.kind(), out),
        }
    }
}

#[cfg(all(test, feature = "v3"))]
mod tests {
    use super::*;

    /// With the feature `v5` and without.
    #[test]
    fn an_older_version_has_no_properties() {
        let list = [Property::ContentType("text/plain")];
        for version in [Version::V3_1, Version::V3_1_1] {
            let cx = Context { version, sender: None, scope: Scope::PUBLISH };
            let field =
                if Version::HAS_5 { Field::Property(PropertyId::ContentType) } else { Field::Properties };
            let refused = invalid(cx, ErrorKind::NotInVersion, field);
            assert_eq!(Properties::from(&list).property_len(cx), Err(refused));
            assert_eq!(Properties::EMPTY.property_len(cx), Ok(0));
        }
    }
}
