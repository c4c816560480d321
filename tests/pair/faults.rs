//! What goes wrong in a world.

use sans_mqtt::Version;

use crate::setup::{At, CLIENT, Fault, SERVER, What};
use crate::side::Side;
use crate::world::World;

impl World<'_> {
    /// From now on the next fault is waited for.
    pub(crate) fn arm(&mut self) {
        self.totals.logged = [CLIENT, SERVER].map(|who| self.sides[who].log().written);
        self.base = self.totals;
        if let Some(&Fault { at: At::Logged(who, n), .. }) = self.faults.front() {
            self.sides[who].dies_at(self.base.logged[who] + n);
        }
    }

    pub(crate) fn is_due(&self, fault: Fault) -> bool {
        match fault.at {
            At::Read(who, n) => self.totals.read[who] >= self.base.read[who] + n,
            At::Written(who, n) => self.totals.written[who] >= self.base.written[who] + n,
            At::Logged(who, n) => self.sides[who].log().written >= self.base.logged[who] + n,
        }
    }

    /// The next fault happens.
    pub(crate) fn fire(&mut self) {
        let fault = self.faults.pop_front().expect("a fault");
        self.totals.faults += 1;
        let crashes = matches!(fault.what, What::Crash(_));
        if let What::Crash(who) = fault.what {
            self.sides[who].crash();
        }
        if self.connected && (crashes || fault.what == What::Cut) {
            for who in [CLIENT, SERVER] {
                if fault.what != What::Crash(who) {
                    self.sides[who].drain(self.now);
                }
            }
        }
        self.disconnect();
        let forget = |side: &mut Side<'_>, loose: bool| {
            for number in side.app.live.values() {
                let sent = &mut side.app.sent[*number as usize];
                (sent.lost, sent.loose) = (true, sent.loose | loose);
            }
        };
        match fault.what {
            What::Restart(who) => self.sides[who].restart(),
            What::Lose => {
                self.lost = true;
                let client = &mut self.sides[CLIENT];
                forget(client, self.setup.version(client.connections) != Version::V5_0);
            }
            What::Clean => {
                self.sides[CLIENT].clean = true;
                forget(&mut self.sides[CLIENT], false);
            }
            What::Cut | What::Abort | What::Crash(_) => {}
        }
        self.arm();
    }
}
