//! What a side goes through between connections: restarts, crashes, and a look at what it has kept.

use std::collections::BTreeSet;

use sans_mqtt::{PacketId, Record, Session};

use crate::app::{App, End};
use crate::ledger::{Flow, Ledger};
use crate::side::Side;
use crate::store::{Log, export, import};

impl Side<'_> {
    /// What the log says of the session, the session itself, the wire and the application agree.
    pub(crate) fn check(&mut self) {
        let session = self.session.as_ref().expect("between connections");
        let log = Ledger::of(&session.store().bytes);
        let own = Ledger::of(&export(session));
        assert_eq!(own.summary(), log.summary(), "export and log");
        assert!(usize::from(session.in_flight()) >= log.flows.len());
        let App { live, dropped, forgotten, .. } = &mut self.app;
        dropped.retain(|id, _| log.flows.contains_key(&id.get()));
        forgotten.retain(|id, _| log.flows.contains_key(&id.get()));
        let known: BTreeSet<u16> =
            live.keys().chain(dropped.keys()).chain(forgotten.keys()).map(|id| id.get()).collect();
        assert!(log.flows.keys().eq(&known), "{:?} are on their way, not {known:?}", log.flows.keys());
        for (id, number) in &self.app.live {
            let flow = &own.flows[&id.get()];
            assert!(flow.number.is_none_or(|kept| kept == *number), "another message is kept for {id}");
        }
    }

    /// Restarts from the exported session.
    pub(crate) fn restart(&mut self) {
        let session = self.session.take().expect("between connections");
        let bytes = export(&session);
        self.restored(import(session.store(), bytes));
        self.check();
    }

    /// Restarts from the log, whatever was going on.
    pub(crate) fn crash(&mut self) {
        let old = self.log().clone();
        self.packets += self.watch.packets;
        self.machine = None;
        self.sink.bytes.clear();
        self.input.clear();
        self.payload.clear();
        (self.asked, self.due) = (None, true);
        self.app.disconnected();
        let ledger = self.restored(import(&old, old.bytes.clone()));
        self.dies_at(u64::MAX);
        for id in self.app.live.keys().copied().collect::<Vec<_>>() {
            if !ledger.flows.contains_key(&id.get()) {
                self.app.ended(id, End::Finished);
            }
        }
        // A message may have been accepted without the application being told so.
        for (&id, flow) in &ledger.flows {
            let id = PacketId::new(id).expect("not 0");
            if !self.app.live.contains_key(&id) && !self.app.forgotten.contains_key(&id) {
                assert!(flow.number.is_none_or(|number| number as usize == self.app.sent.len()));
                let step = self.app.script[self.app.at];
                assert_eq!(step.qos(), flow.qos);
                self.app.accepted(Some(id), step);
            }
        }
        self.check();
    }

    /// What the log says of a restored session, which the application goes on with.
    fn restored(&mut self, session: Session<Log>) -> Ledger {
        let ledger = Ledger::of(&session.store().bytes);
        let received =
            |(id, flow): (&u16, &Flow)| (PacketId::new(*id).expect("not 0"), flow.received.is_some());
        self.app.restarted(&ledger.flows.iter().map(received).collect());
        self.session = Some(session);
        ledger
    }

    /// Forgets the session.
    pub(crate) fn lose(&mut self) {
        let session = self.session.take().expect("between connections");
        self.session = Some(Session::new(session.store().next(Record::HEADER.to_vec())));
        self.app.thrown();
        self.app.stale.clear();
    }
}
