//! What a log says of a session: a second, simple opinion.

use std::collections::{BTreeMap, BTreeSet};

use sans_mqtt::{Qos, Record};

use crate::store::replay;

/// A message that is on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Flow {
    /// The first four bytes of its payload, if they are known.
    pub(crate) number: Option<u32>,
    /// That of a message that waits for PUBCOMP need not be known.
    pub(crate) qos: Qos,
    /// Its place in the order of first sending.
    pub(crate) place: u64,
    /// The place of its PUBREC among all of them, if that came.
    pub(crate) received: Option<u64>,
    /// Its session is gone.
    pub(crate) lost: bool,
    /// PUBLISH and PUBREL were sent in this connection.
    pub(crate) published: bool,
    pub(crate) released: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) flows: BTreeMap<u16, Flow>,
    /// Identifiers of the peer's messages of QoS 2 that were taken.
    pub(crate) taken: BTreeSet<u16>,
    clock: u64,
}

/// The identifiers in their order, with what is known of each.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Summary {
    lost: Vec<u16>,
    published: Vec<(u16, Qos)>,
    released: Vec<u16>,
    taken: Vec<u16>,
}

impl Ledger {
    pub(crate) fn of(log: &[u8]) -> Self {
        let mut ledger = Self::default();
        replay(log, |record| ledger.record(record));
        ledger
    }

    fn record(&mut self, record: &Record<'_>) {
        match *record {
            Record::Begin { lost } => {
                self.flows.values_mut().for_each(|flow| flow.lost |= lost);
                self.taken.clear();
            }
            Record::Publish { id, qos, message } => {
                let number = message.map(|message| number(message.payload));
                assert!(!self.flows.contains_key(&id.get()), "{id} was given out twice");
                self.publish(id.get(), number, qos);
            }
            Record::Release { id } => {
                if !self.flows.contains_key(&id.get()) {
                    self.publish(id.get(), None, Qos::ExactlyOnce);
                }
                self.receive(id.get());
            }
            Record::Finish { id } => assert!(self.flows.remove(&id.get()).is_some(), "{id} was not in use"),
            Record::Take { id } => assert!(self.taken.insert(id.get()), "{id} was taken twice"),
            Record::Complete { id } => assert!(self.taken.remove(&id.get()), "{id} was not taken"),
        }
    }

    pub(crate) fn publish(&mut self, id: u16, number: Option<u32>, qos: Qos) {
        self.clock += 1;
        let flow = Flow {
            number,
            qos,
            place: self.clock,
            received: None,
            lost: false,
            published: false,
            released: false,
        };
        self.flows.insert(id, flow);
    }

    /// PUBREC came.
    pub(crate) fn receive(&mut self, id: u16) {
        self.clock += 1;
        let flow = self.flows.get_mut(&id).expect("a message that is known");
        flow.received.get_or_insert(self.clock);
    }

    pub(crate) fn summary(&self) -> Summary {
        let sorted = |keep: &dyn Fn(&Flow) -> bool, key: &dyn Fn(&Flow) -> Option<u64>| {
            let mut list: Vec<_> = self.flows.iter().filter(|(_, flow)| keep(flow)).collect();
            list.sort_by_key(|(_, flow)| key(flow));
            list
        };
        let ids = |list: Vec<(&u16, &Flow)>| list.into_iter().map(|(id, _)| *id).collect();
        let published = sorted(&|f| !f.lost && f.received.is_none(), &|f| Some(f.place));
        // Lost ones in any order: nothing is sent for them.
        let mut lost: Vec<u16> = ids(sorted(&|f| f.lost, &|f| Some(f.place)));
        lost.sort_unstable();
        Summary {
            lost,
            published: published.into_iter().map(|(id, flow)| (*id, flow.qos)).collect(),
            released: ids(sorted(&|f| !f.lost && f.received.is_some(), &|f| f.received)),
            taken: self.taken.iter().copied().collect(),
        }
    }
}

impl Summary {
    /// Whether all but what was taken is the same.
    pub(crate) fn same_flows(&self, other: &Self) -> bool {
        (&self.lost, &self.published, &self.released) == (&other.lost, &other.published, &other.released)
    }
}

/// The number of a message.
pub(crate) fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(*payload.first_chunk().expect("four bytes"))
}
