//! Sets of properties: which may stand somewhere, and which of these may still come.

use core::fmt;

use crate::error::ErrorKind;
use crate::spec::{PropertyId, Scope, Sender};
use crate::wire::Context;

/// A set of property identifiers.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct PropertySet(u64);

impl PropertySet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    #[cfg(not(feature = "small"))]
    const fn of(id: PropertyId) -> Self {
        Self(1 << id as u8)
    }

    /// Whether `id` is in the set.
    pub const fn contains(self, id: PropertyId) -> bool {
        self.0 >> id as u8 & 1 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = PropertyId> {
        PropertyId::ALL.iter().copied().filter(move |id| self.contains(*id))
    }

    pub(crate) fn insert(&mut self, id: PropertyId) {
        self.0 |= 1 << id as u8;
    }
}

impl FromIterator<PropertyId> for PropertySet {
    fn from_iter<I: IntoIterator<Item = PropertyId>>(ids: I) -> Self {
        let mut set = Self::EMPTY;
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

impl fmt::Debug for PropertySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The properties that came in a section.
pub(super) struct Came {
    set: PropertySet,
    #[cfg(not(feature = "small"))]
    usual: Usual,
}

impl Came {
    pub(super) fn nothing(cx: Context) -> Self {
        #[cfg(feature = "small")]
        let _ = cx;
        Self {
            set: PropertySet::EMPTY,
            #[cfg(not(feature = "small"))]
            usual: Usual::of(cx),
        }
    }

    /// Adds one, unless it may not stand there besides those that came.
    #[inline(always)]
    pub(super) fn add(&mut self, id: PropertyId, cx: Context) -> Result<(), ErrorKind> {
        if !self.may_come(id) {
            check(id, cx, self.set)?;
        }
        self.set.insert(id);
        Ok(())
    }

    /// Whether nobody needs to look closer.
    #[cfg(not(feature = "small"))]
    fn may_come(&self, id: PropertyId) -> bool {
        PropertySet(self.usual.once.0 & !self.set.0 | self.usual.often.0).contains(id)
    }

    #[cfg(feature = "small")]
    fn may_come(&self, _: PropertyId) -> bool {
        false
    }

    /// The property that the section needs and that has not come.
    #[inline(always)]
    pub(super) fn missing(&self, scope: Scope) -> Option<PropertyId> {
        let needs_method = scope == Scope::AUTH || self.set.contains(PropertyId::AuthenticationData);
        (needs_method && !self.set.contains(PropertyId::AuthenticationMethod))
            .then_some(PropertyId::AuthenticationMethod)
    }
}

#[cfg_attr(not(feature = "small"), cold, inline(never))]
fn check(id: PropertyId, cx: Context, came: PropertySet) -> Result<(), ErrorKind> {
    let here = cx.scope.bit();
    if id.scopes() & here == 0 {
        return Err(ErrorKind::PropertyNotAllowed);
    }
    if came.contains(id) && id.repeatable() & here == 0 {
        return Err(ErrorKind::DuplicateProperty);
    }
    let forbidden = match cx.sender {
        None => 0,
        Some(Sender::Client) => id.server_only(),
        Some(Sender::Server) => id.client_only(),
    };
    if forbidden & here != 0 { Err(ErrorKind::Sender) } else { Ok(()) }
}

/// What may stand in a section, whoever sends it: nearly all that may.
#[cfg(not(feature = "small"))]
#[derive(Clone, Copy)]
struct Usual {
    once: PropertySet,
    often: PropertySet,
}

#[cfg(not(feature = "small"))]
impl Usual {
    const NOTHING: Self = Self { once: PropertySet::EMPTY, often: PropertySet::EMPTY };

    fn of(cx: Context) -> Self {
        USUAL.get(cx.scope.index()).copied().unwrap_or(Self::NOTHING)
    }
}

/// What may still come in a section, as far as nobody needs to look closer: Authentication Data may need a method with it.
#[cfg(not(feature = "small"))]
pub(super) struct Open {
    set: PropertySet,
    often: PropertySet,
}

#[cfg(not(feature = "small"))]
impl Open {
    pub(super) fn of(cx: Context) -> Self {
        const DATA: PropertySet = PropertySet::of(PropertyId::AuthenticationData);
        let Usual { once, often } = Usual::of(cx);
        Self { set: PropertySet(once.0 & !DATA.0), often }
    }

    /// Takes one, if it may come.
    pub(super) fn take(&mut self, id: PropertyId) -> bool {
        let may_come = self.set.contains(id);
        self.set.0 &= !PropertySet::of(id).0 | self.often.0;
        may_come
    }
}

/// For each scope.
#[cfg(not(feature = "small"))]
#[expect(clippy::indexing_slicing, reason = "the compiler does it")]
static USUAL: [Usual; 16] = {
    let mut table = [Usual::NOTHING; 16];
    let mut i = 0;
    while i < PropertyId::ALL.len() {
        let id = PropertyId::ALL[i];
        let once = id.scopes() & !id.client_only() & !id.server_only();
        let often = once & id.repeatable();
        let mut scope = 0;
        while scope < 16 {
            table[scope].once.0 |= ((once >> scope & 1) as u64) << id as u8;
            table[scope].often.0 |= ((often >> scope & 1) as u64) << id as u8;
            scope += 1;
        }
        i += 1;
    }
    table
};
