//! Where a script comes from, and where bytes go.

use sans_mqtt::{PacketId, Properties, Property, Qos, ReasonCode, Sink};

/// The input, which is zeros behind its end.
pub(crate) struct Tape<'a>(pub(crate) &'a [u8]);

impl<'a> Tape<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub(crate) fn take(&mut self, n: usize) -> &'a [u8] {
        self.0.split_off(..n.min(self.0.len())).unwrap_or_default()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    /// Some of `from`, a bit for each.
    pub(crate) fn some<T: Copy>(&mut self, from: &[T]) -> Vec<T> {
        let mut some = Vec::new();
        for eight in from.chunks(8) {
            let bits = self.byte();
            some.extend(eight.iter().enumerate().filter(|(n, _)| bits >> n & 1 != 0).map(|(_, it)| it));
        }
        some
    }

    /// Few identifiers, so that they meet.
    pub(crate) fn id(&mut self) -> PacketId {
        PacketId::new(u16::from(self.byte() % 9) + 1).unwrap()
    }

    pub(crate) fn qos(&mut self) -> Qos {
        self.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::AtMostOnce])
    }

    pub(crate) fn reason(&mut self) -> ReasonCode {
        self.pick(&[
            ReasonCode::SUCCESS,
            ReasonCode::NO_MATCHING_SUBSCRIBERS,
            ReasonCode::QUOTA_EXCEEDED,
            ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            ReasonCode::UNSPECIFIED_ERROR,
        ])
    }

    /// Words for a log.
    pub(crate) fn words(&mut self) -> Words {
        self.pick(&[
            Words::NONE,
            Words { reason: Some("why"), ..Words::NONE },
            Words { user: Some("v"), ..Words::NONE },
            Words { reason: Some("because"), user: Some("v") },
            Words { reason: Some("because"), user: Some("a value that does not fit into small packets") },
        ])
    }
}

/// A Reason String and a User Property, which may be left out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    pub(crate) reason: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
}

impl Words {
    pub(crate) const NONE: Self = Self { reason: None, user: None };

    /// The properties, behind others.
    pub(crate) fn behind(self, others: &[Property<'static>]) -> Vec<Property<'static>> {
        let own = [
            self.reason.map(Property::ReasonString),
            self.user.map(|user| Property::UserProperty("k", user)),
        ];
        others.iter().copied().chain(own.into_iter().flatten()).collect()
    }

    /// Whether these properties have the one, and the other.
    pub(crate) fn of(properties: Properties<'_>) -> [bool; 2] {
        let has = |what: fn(&Property<'_>) -> bool| properties.iter().any(|property| what(&property));
        [
            has(|property| matches!(property, Property::ReasonString(_))),
            has(|property| matches!(property, Property::UserProperty(..))),
        ]
    }
}

/// A transport that takes what it is given now and then, and takes no packet that it was not asked about.
#[derive(Default)]
pub(crate) struct Pipe {
    pub(crate) bytes: Vec<u8>,
    pub(crate) room: usize,
    pub(crate) reserved: usize,
}

impl Sink for Pipe {
    fn reserve(&mut self, n: usize) -> bool {
        let fits = n <= self.room;
        self.reserved = if fits { n } else { 0 };
        fits
    }

    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.reserved, "written without room");
        self.reserved -= bytes.len();
        self.room -= bytes.len();
        self.bytes.extend_from_slice(bytes);
    }
}
