//! Where a script comes from, and where bytes go.

use sans_mqtt::{PacketId, Qos, ReasonCode, Sink};

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
