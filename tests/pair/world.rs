//! Both sides, the network between them, time, and faults.

use std::collections::VecDeque;

use sans_mqtt::{Cause, Instant, Message, Qos, ReasonCode, UsageError, Version, Wait};

use crate::app::compare;
use crate::machine::either;
use crate::rng::Rng;
use crate::setup::{Acks, At, CLIENT, Do, Fault, SERVER, Setup};
use crate::side::{Died, Side, session};

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) read: [u64; 2],
    pub(crate) written: [u64; 2],
    pub(crate) logged: [u64; 2],
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
    pub(crate) connections: u64,
    pub(crate) packets: u64,
    pub(crate) aliased: u64,
    pub(crate) pieces: u64,
    pub(crate) faults: u64,
}

pub(crate) struct World<'s> {
    pub(crate) setup: &'s Setup,
    pub(crate) now: Instant,
    pub(crate) sides: [Side<'s>; 2],
    /// What each side has written and the other not read.
    pipes: [VecDeque<u8>; 2],
    /// A side has closed its transport.
    closed: [bool; 2],
    pub(crate) connected: bool,
    /// The client does not know yet that its session is lost. A server that told it so in vain has to tell it again: a
    /// new session must not pass for the one that the client knows.
    pub(crate) lost: bool,
    pub(crate) faults: VecDeque<Fault>,
    /// The totals at the fault before.
    pub(crate) base: Totals,
    rng: Rng,
    pub(crate) totals: Totals,
}

/// Runs a setup to its end.
pub(crate) fn run(setup: &Setup) -> Totals {
    let _print = setup.print_if_panicking();
    let mut world = World {
        setup,
        now: Instant::from_millis(0),
        sides: [Side::new(setup, CLIENT), Side::new(setup, SERVER)],
        pipes: Default::default(),
        closed: [false; 2],
        connected: false,
        lost: false,
        faults: setup.faults.iter().copied().collect(),
        base: Totals::default(),
        rng: Rng::new(setup.seed),
        totals: Totals::default(),
    };
    world.arm();
    world.run();
    world.check();
    world.totals
}

impl World<'_> {
    fn run(&mut self) {
        let patience = if self.setup.seed == 0 && self.setup.store_fails == 0 { 4 } else { 100 };
        let mut idle = 0;
        while idle < patience {
            if !self.connected {
                self.connect();
            }
            let mut progress = false;
            for who in [CLIENT, SERVER] {
                if self.setup.seed != 0 && self.rng.once_in(4) {
                    continue;
                }
                match self.turn(who) {
                    Ok(happened) => progress |= happened,
                    Err(Died) => self.fire(),
                }
                while self.faults.front().is_some_and(|fault| self.is_due(*fault)) {
                    self.fire();
                }
                if !self.connected {
                    break;
                }
            }
            self.lost &= !self.sides[CLIENT].watch.was_open();
            if self.connected && self.closed == [true, true] {
                self.disconnect();
            }
            if self.is_done() {
                return;
            }
            progress = progress || !self.connected || self.wait();
            idle = if progress { 0 } else { idle + 1 };
        }
        for side in &self.sides {
            eprintln!("{:?} {:?} {:?} {:?}", side.wait, side.sink, side.input, side.watch);
        }
        panic!("a deadlock");
    }

    fn connect(&mut self) {
        self.connected = true;
        self.closed = [false; 2];
        self.totals.connections += 1;
        self.pipes.iter_mut().for_each(VecDeque::clear);
        if self.lost {
            self.sides[SERVER].lose();
        }
        let now = self.now;
        self.sides.iter_mut().for_each(|side| side.connect(now));
    }

    pub(crate) fn disconnect(&mut self) {
        self.connected = false;
        self.sides.iter_mut().for_each(Side::disconnect);
    }

    /// How many of `n` bytes are moved, not beyond the next fault.
    fn some_of(&mut self, n: usize, at: At) -> usize {
        let base = &self.base;
        let left = match (self.faults.front().map(|fault| fault.at), at) {
            (Some(At::Read(who, n)), At::Read(me, so_far)) if who == me => base.read[who] + n - so_far,
            (Some(At::Written(who, n)), At::Written(me, so_far)) if who == me => {
                base.written[who] + n - so_far
            }
            _ => u64::MAX,
        };
        let n = n.min(usize::try_from(left).unwrap_or(usize::MAX));
        if n == 0 || self.setup.seed == 0 || self.rng.once_in(2) { n } else { self.rng.below(n + 1) }
    }

    /// A side does what it can. Whether that was anything.
    fn turn(&mut self, who: usize) -> Result<bool, Died> {
        let mut progress = false;
        let side = &mut self.sides[who];
        if side.due {
            progress |= side.handle(self.now)?;
        }
        if let Wait::Closed(cause) = side.wait {
            assert!(
                matches!(cause, Cause::Local | Cause::Peer(ReasonCode::SUCCESS) | Cause::Eof),
                "{cause:?}"
            );
        } else {
            progress |= side.pump()?;
        }
        progress |= self.write(who);
        progress |= self.read(who);
        if matches!(self.sides[who].wait, Wait::Closed(_)) && self.sides[who].sink.bytes.is_empty() {
            progress |= !self.closed[who];
            self.closed[who] = true;
            self.pipes[1 - who].clear();
        }
        Ok(progress)
    }

    fn write(&mut self, who: usize) -> bool {
        let room = self.setup.pipe.saturating_sub(self.pipes[who].len());
        let n = self.sides[who].sink.bytes.len().min(room);
        let n = self.some_of(n, At::Written(who, self.totals.written[who]));
        let bytes = &mut self.sides[who].sink.bytes;
        if !self.closed[1 - who] {
            self.pipes[who].extend(&bytes[..n]);
        }
        bytes.drain(..n);
        self.totals.written[who] += n as u64;
        let empty = bytes.is_empty();
        let free = self.sides[who].sink.size - bytes.len();
        let enough = matches!(self.sides[who].wait, Wait::Write(n) if n <= free);
        self.sides[who].due |= n > 0 && (empty || enough);
        n > 0
    }

    fn read(&mut self, who: usize) -> bool {
        if matches!(self.sides[who].wait, Wait::Closed(_)) {
            // Who still has something to write reads and throws away, or the peer may wait for room, too.
            return !std::mem::take(&mut self.pipes[1 - who]).is_empty();
        }
        let reads = matches!(self.sides[who].wait, Wait::Read(_) | Wait::Resend(_) | Wait::Payload(_));
        if !reads || self.sides[who].due {
            return false;
        }
        let n = self.some_of(self.pipes[1 - who].len(), At::Read(who, self.totals.read[who]));
        self.sides[who].input.extend(self.pipes[1 - who].drain(..n));
        self.totals.read[who] += n as u64;
        self.sides[who].due |= n > 0;
        let ended = self.closed[1 - who] && self.pipes[1 - who].is_empty() && !self.closed[who];
        if ended {
            self.sides[who].eof();
        }
        n > 0 || ended
    }

    /// Nothing happens any more: time goes on. Whether that changes anything.
    fn wait(&mut self) -> bool {
        for who in [CLIENT, SERVER] {
            match self.sides[who].acknowledge_one(true) {
                Ok(false) => {}
                Ok(true) => return true,
                Err(Died) => {
                    self.fire();
                    return true;
                }
            }
        }
        let client = &self.sides[CLIENT].app;
        let quiet = self.sides.iter().all(|side| side.payload.is_empty())
            && self.pipes.iter().all(VecDeque::is_empty)
            && self.sides.iter().all(|side| !side.due && side.sink.bytes.is_empty() && side.watch.is_open());
        if client.script.get(client.at) != Some(&Do::Ping) || !quiet {
            return false;
        }
        self.sides[CLIENT].app.at += 1;
        self.now = self.sides[CLIENT].next_timeout().expect("keep alive");
        let now = self.now;
        self.sides.iter_mut().for_each(|side| side.timeout(now));
        assert_eq!(self.sides[CLIENT].watch.pings, 1);
        true
    }

    fn is_done(&self) -> bool {
        self.connected
            && self.pipes.iter().all(VecDeque::is_empty)
            && self.sides.iter().all(|side| {
                let in_flight =
                    session!(side, session => (session.in_flight(), session.incoming_in_flight()));
                side.app.is_done()
                    && side.is_open()
                    && side.watch.is_at_rest()
                    && side.sink.bytes.is_empty()
                    && side.input.is_empty()
                    && in_flight == (0, 0)
            })
    }

    /// What is in flight has come to its end, and nothing was lost or came too often.
    fn check(&mut self) {
        for who in [CLIENT, SERVER] {
            let receiver = &self.sides[1 - who];
            let by_hand = self.setup.acks[1 - who] != Acks::Automatic;
            let taken = by_hand.then_some(&receiver.log().taken[..]);
            compare(self.setup, &self.sides[who].app, &receiver.app, taken, self.setup.crashes(1 - who));
            self.totals.messages += self.sides[who].app.sent.len() as u64;
            self.totals.deliveries += receiver.app.seen.iter().map(|n| u64::from(*n)).sum::<u64>();
            self.totals.logged[who] = self.sides[who].log().written;
            self.totals.packets += self.sides[who].packets + self.sides[who].watch.packets;
            self.totals.aliased += self.sides[who].aliased + self.sides[who].watch.aliased;
            self.totals.pieces += self.sides[who].pieces + self.sides[who].watch.pieces;
        }
        if self.sides[CLIENT].watch.version == Version::V5_0 && self.setup.store_fails == 0 {
            self.sides.iter_mut().for_each(probe_quota);
        }
        self.sides.iter_mut().for_each(Side::replay);
    }
}

/// No more and no fewer messages can be sent than the peer allows, so none that is done counts.
fn probe_quota(side: &mut Side<'_>) {
    let machine = side.machine.as_mut().expect("a connection");
    let room = usize::from(side.setup.shapes[side.who].outgoing);
    let message = Message { qos: Qos::AtLeastOnce, topic: "t", payload: &[0; 4], ..Message::default() };
    let (limit, error, sent) = either!(machine, m => {
        let mut sent = 0;
        loop {
            match m.publish(&message, &mut Vec::new()) {
                Ok(_) => sent += 1,
                Err(error) => break (m.limits().receive_maximum, error, sent),
            }
        }
    });
    match error {
        UsageError::WindowFull(_) => assert_eq!(sent, limit),
        UsageError::Store(_) => assert!(usize::from(sent) >= room, "{sent} of {room}"),
        error => panic!("{error}"),
    }
}
