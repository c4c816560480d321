//! An application: what it publishes, what becomes of that, and what it gets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sans_mqtt::{AckToken, PacketId, Qos, ReasonCode};

use crate::setup::{Do, Setup, What};

/// The end of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    Acked(ReasonCode),
    /// Dropped; whether it is known that the peer has it.
    Dropped(bool),
    /// It was too large for the peer.
    Refused,
    /// Done before a crash; how is not known any more.
    Finished,
    /// Thrown away with its session.
    Thrown,
}

#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) qos: Qos,
    pub(crate) lent: bool,
    pub(crate) streamed: bool,
    pub(crate) end: Option<End>,
    /// A session in which it was on its way was lost: the peer may never get it,
    pub(crate) lost: bool,
    /// or once more.
    pub(crate) loose: bool,
}

/// A message that comes in pieces.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) qos: Qos,
    pub(crate) topic: String,
    pub(crate) len: usize,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) script: Vec<Do>,
    /// The next step.
    pub(crate) at: usize,
    pub(crate) sent: Vec<Sent>,
    /// The messages that have no end yet.
    pub(crate) live: BTreeMap<PacketId, u32>,
    /// Those that were abandoned.
    pub(crate) abandoned: BTreeSet<PacketId>,
    /// Those that were dropped, and of which something may be left; and those of them of which the machine has forgotten
    /// that it told so.
    pub(crate) dropped: BTreeMap<PacketId, u32>,
    pub(crate) forgotten: BTreeMap<PacketId, u32>,
    /// SUBSCRIBE and UNSUBSCRIBE that wait.
    pub(crate) asks: BTreeMap<PacketId, Do>,
    /// How many times each of the peer's messages came.
    pub(crate) seen: Vec<u32>,
    /// The one that comes in pieces.
    pub(crate) coming: Option<Coming>,
    /// The last one of each QoS that came for the first time.
    newest: [Option<u32>; 3],
    pub(crate) tokens: VecDeque<(AckToken, u32)>,
    /// Those of the connection before.
    pub(crate) stale: Vec<AckToken>,
}

impl App {
    pub(crate) fn new(script: &[Do]) -> Self {
        Self { script: script.to_vec(), ..Self::default() }
    }

    /// A message has been accepted.
    pub(crate) fn accepted(&mut self, id: Option<PacketId>, step: Do) {
        let number = self.sent.len() as u32;
        let qos = step.qos();
        assert_eq!(id.is_some(), qos != Qos::AtMostOnce);
        let (lent, streamed) = (step.is_lent(), step.is_streamed());
        self.sent.push(Sent { qos, lent, streamed, end: None, lost: false, loose: false });
        if let Some(id) = id {
            self.dropped.remove(&id);
            self.forgotten.remove(&id);
            assert!(!self.asks.contains_key(&id) && self.live.insert(id, number).is_none(), "{id} is in use");
        }
        self.at += 1;
    }

    /// The next message will never be sent.
    pub(crate) fn refused(&mut self, step: Do) {
        let (qos, lent, streamed) = (step.qos(), false, step.is_streamed());
        self.sent.push(Sent { qos, lent, streamed, end: Some(End::Refused), lost: true, loose: false });
        self.at += 1;
    }

    /// A message is done.
    pub(crate) fn ended(&mut self, id: PacketId, end: End) {
        let number = self.live.remove(&id).expect("a message that is on its way");
        self.abandoned.remove(&id);
        assert_eq!(self.sent[number as usize].end.replace(end), None);
        if matches!(end, End::Dropped(_)) {
            self.dropped.insert(id, number);
        }
    }

    /// The machine was restarted from records that say of each identifier in use whether PUBREC has come.
    pub(crate) fn restarted(&mut self, in_use: &BTreeMap<PacketId, bool>) {
        self.stale.clear();
        self.abandoned.clear();
        self.forgotten.append(&mut self.dropped);
        self.forgotten.retain(|id, _| in_use.contains_key(id));
        // Before it was written down that a message is dropped: it will be dropped once more.
        for (id, number) in self.forgotten.clone() {
            if !in_use[&id] {
                self.forgotten.remove(&id);
                self.sent[number as usize].end = None;
                self.live.insert(id, number);
            }
        }
    }

    /// All that is on its way is gone with its session.
    pub(crate) fn thrown(&mut self) {
        for id in self.live.keys().copied().collect::<Vec<_>>() {
            self.ended(id, End::Thrown);
        }
        self.dropped.clear();
        self.forgotten.clear();
    }

    /// A message came.
    pub(crate) fn came(&mut self, number: u32, qos: Qos) {
        let at = number as usize;
        self.seen.resize(self.seen.len().max(at + 1), 0);
        self.seen[at] += 1;
        if self.seen[at] == 1 {
            let before = self.newest[qos as usize].replace(number);
            assert!(before.is_none_or(|before| before < number), "{number} came after {before:?}");
        }
    }

    /// The connection is over.
    pub(crate) fn disconnected(&mut self) {
        self.asks.clear();
        self.coming = None;
        self.stale = std::mem::take(&mut self.tokens).into_iter().map(|(token, _)| token).collect();
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at == self.script.len() && self.live.is_empty() && self.asks.is_empty() && self.tokens.is_empty()
    }
}

/// Whether the receiver of a message refuses it.
pub(crate) fn is_refused(setup: &Setup, number: u32) -> bool {
    setup.refuses && number % 5 == 4
}

/// Compares what was sent with what came. `crashed`: the receiver was restarted from its log; `taken`: what it took for
/// good by hand.
pub(crate) fn compare(setup: &Setup, sender: &App, receiver: &App, taken: Option<&[u32]>, crashed: bool) {
    let taken = taken.map(|taken| {
        let mut times = vec![0; sender.sent.len()];
        taken.iter().for_each(|number| times[*number as usize] += 1);
        times
    });
    for (number, sent) in sender.sent.iter().enumerate() {
        let number = number as u32;
        let seen = receiver.seen.get(number as usize).copied().unwrap_or(0);
        let what = format!("message {number} of {:?}, {:?}, came {seen} times", sent.qos, sent.end);
        if sent.qos == Qos::AtMostOnce {
            assert!(seen <= 1 && sent.end.is_none_or(|end| end == End::Refused), "{what}");
            continue;
        }
        let end = sent.end.unwrap_or_else(|| panic!("{what}"));
        let refused = taken.is_some() && is_refused(setup, number);
        let arrived = match end {
            End::Acked(reason) => {
                let expected = if refused { ReasonCode::QUOTA_EXCEEDED } else { ReasonCode::SUCCESS };
                assert_eq!(reason, expected, "{what}");
                true
            }
            End::Dropped(received) => {
                let [before, later] = setup.maximum_packet_size;
                let given_up = setup.abandons && sent.lent;
                let lost = setup.faults.iter().any(|fault| !matches!(fault.what, What::Cut | What::Abort));
                assert!(given_up || lost || later < before, "{what}, for no reason");
                received
            }
            End::Finished => !sent.lost,
            End::Refused | End::Thrown => false,
        };
        assert!(!arrived || seen > 0, "{what}");
        if sent.qos == Qos::AtLeastOnce || sent.loose {
            continue;
        }
        match &taken {
            Some(taken) => {
                let taken = taken[number as usize];
                let most = u32::from(!refused);
                assert!(taken <= most && (!arrived || taken == most), "{what}, was taken {taken} times");
            }
            None => assert!(seen <= 1 || crashed, "{what}"),
        }
    }
    assert!(receiver.seen.len() <= sender.sent.len(), "a message that was never sent");
}
