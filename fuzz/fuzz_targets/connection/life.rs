//! The account of a session.

use std::collections::{BTreeMap, BTreeSet};

use sans_mqtt::{Flight, Properties, Property, Publish, Qos, Version};

/// A packet of the watched side that waits for an answer, or a message of QoS 0.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    pub(crate) flight: Flight,
    /// The place in the order of first sending.
    pub(crate) seq: u64,
    pub(crate) message: Sent,
    /// The number of topic filters.
    pub(crate) filters: usize,
    /// Whether its PUBLISH was sent in this connection, and its PUBREL.
    pub(crate) published: bool,
    pub(crate) released: bool,
    /// Its session is over, or its connection, for which it was.
    pub(crate) lost: bool,
    /// The caller or the limits of the peer have given it up, and then the application was told.
    pub(crate) given_up: bool,
    pub(crate) told: bool,
}

impl Out {
    /// Whether it is still to be sent.
    pub(crate) fn waits(&self) -> bool {
        let message = matches!(self.flight, Flight::AtLeastOnce | Flight::ExactlyOnce);
        message && !self.published && !self.lost && !self.given_up
    }

    pub(crate) fn qos(&self) -> Qos {
        if self.flight == Flight::AtLeastOnce { Qos::AtLeastOnce } else { Qos::ExactlyOnce }
    }
}

/// A message that the application has sent. The bytes of its payload are all the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    pub(crate) topic: &'static str,
    pub(crate) fill: u8,
    pub(crate) len: u32,
    pub(crate) retain: bool,
    pub(crate) expires: bool,
}

const EXPIRY: [Property<'_>; 1] = [Property::MessageExpiryInterval(9)];

impl Sent {
    pub(crate) fn properties(&self) -> Properties<'static> {
        if self.expires { (&EXPIRY).into() } else { Properties::EMPTY }
    }

    /// The first `n` bytes of its payload.
    pub(crate) fn payload(&self, n: u32) -> Vec<u8> {
        vec![self.fill; self.len.min(n) as usize]
    }

    /// Whether this is what is sent with that topic, of which `more` bytes are to come.
    pub(crate) fn is(&self, publish: &Publish<'_>, topic: &str, more: u32) -> bool {
        let payload = publish.payload;
        (self.topic, self.retain, self.len as usize) == (topic, publish.retain, payload.len() + more as usize)
            && payload.iter().all(|byte| *byte == self.fill)
    }

    /// The size of its PUBLISH without a Topic Alias; `None` if that is none of this version.
    pub(crate) fn size(&self, qos: Qos, version: Version) -> Option<usize> {
        let five = version == Version::V5_0;
        if self.expires && !five {
            return None;
        }
        let properties = if five { 1 + if self.expires { 5 } else { 0 } } else { 0 };
        let id = if qos == Qos::AtMostOnce { 0 } else { 2 };
        let body = 2 + self.topic.len() + id + properties + self.len as usize;
        let header = match body {
            0..0x80 => 2,
            0x80..0x4000 => 3,
            0x4000..0x20_0000 => 4,
            0x20_0000..0x1000_0000 => 5,
            _ => return None,
        };
        Some(header + body)
    }
}

/// A session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) out: BTreeMap<u16, Out>,
    pub(crate) seq: u64,
    /// What was sent first before this connection has a lower or the same number.
    pub(crate) begun_at: u64,
    /// The PUBRELs that are to be sent, in the order in which PUBREC came.
    pub(crate) releases: Vec<u16>,
    /// Messages of QoS 2 that must not come again.
    pub(crate) taken: BTreeSet<u16>,
}

impl Life {
    pub(crate) fn add(&mut self, id: u16, flight: Flight, message: Sent) -> &mut Out {
        self.seq += 1;
        let out = Out {
            flight,
            seq: self.seq,
            message,
            filters: 0,
            published: false,
            released: false,
            lost: false,
            given_up: false,
            told: false,
        };
        let before = self.out.insert(id, out);
        assert!(before.is_none(), "identifier {id} is in use: {before:?}");
        self.out.get_mut(&id).unwrap()
    }

    pub(crate) fn end(&mut self, id: u16) {
        assert!(self.out.remove(&id).is_some(), "identifier {id} ended twice");
        self.releases.retain(|release| *release != id);
    }

    /// The application has been told that a message is dropped. One of QoS 2 that the peer may have is released.
    pub(crate) fn drop(&mut self, id: u16, flight: Option<Flight>) {
        match (flight, self.out.get_mut(&id)) {
            (Some(Flight::Released), Some(out)) if out.flight == Flight::ExactlyOnce && !out.lost => {
                out.flight = Flight::Released;
                (out.given_up, out.told) = (true, true);
                self.releases.push(id);
            }
            (flight, _) => {
                assert_eq!(flight, None);
                self.end(id);
            }
        }
    }

    /// Marks that no record has are gone.
    pub(crate) fn restore(&mut self, releases: Vec<u16>) {
        self.releases = releases;
        self.out.retain(|_, out| !matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe));
        self.out.values_mut().for_each(|out| (out.given_up, out.told) = (false, false));
    }

    /// A connection begins.
    pub(crate) fn begin(&mut self, resumed: bool, lost: bool) {
        self.begun_at = self.seq;
        if !resumed {
            self.taken.clear();
        }
        for out in self.out.values_mut() {
            (out.published, out.released) = (false, false);
            out.lost |= lost || matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe);
        }
    }

    /// What counts against the Receive Maximum of the peer.
    pub(crate) fn charged(&self) -> usize {
        self.out
            .values()
            .filter(|out| out.published && !matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe))
            .count()
    }
}
