//! Time: what is due, and when.

use super::{Aliases, Cause, Connection, Farewell, Phase, Role, Timer};
use crate::session::Store;
use crate::spec::Sender;
use crate::time::Instant;
use crate::wire::Sink;

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// The peer is there.
    pub(super) fn progress(&mut self) {
        match R::SENDER {
            Sender::Server => self.active = self.now,
            Sender::Client if self.is_open() && self.deadline != Instant::NEVER => {
                self.deadline = self.now.plus_millis(self.ping_timeout);
            }
            Sender::Client => {}
        }
    }

    /// What a command has begun, ended or shown counts from the time that is told only now; and so does a wait for input that was
    /// not looked at.
    #[cold]
    fn begin_again(&mut self) {
        match self.phase {
            Phase::Open => self.progress(),
            Phase::Authenticating => self.deadline = self.now.plus_millis(self.connect_timeout),
            Phase::Closing => {
                self.active = self.now;
                self.deadline = self.now.plus_millis(self.ping_timeout);
            }
            _ => {}
        }
    }

    /// Makes `now` the present, and the time before it that at which what was sent since was sent.
    pub(super) fn tell(&mut self, now: Instant) {
        // What was sent since may have gone at once.
        if matches!(R::SENDER, Sender::Client) && core::mem::take(&mut self.sent) {
            self.active = self.active.max(self.now);
        }
        self.now = self.now.max(now);
        if self.held | core::mem::take(&mut self.untimed) {
            self.begin_again();
        }
    }

    /// When [`handle`](Self::handle) has to be called again at the latest. `None`: not for the sake of time. It changes with
    /// each call of any other function.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadline = match self.phase {
            Phase::Open if self.held && matches!(R::SENDER, Sender::Server) => Instant::NEVER,
            Phase::Open if self.held => R::deadline(self),
            Phase::Open => R::deadline(self).min(self.deadline),
            Phase::Opening | Phase::Authenticating | Phase::Closing => self.deadline,
            Phase::Idle | Phase::Deciding | Phase::Closed => Instant::NEVER,
        };
        Some(deadline).filter(|deadline| *deadline != Instant::NEVER)
    }

    /// Does what the time asks for, if anything, and nothing else: sends PINGREQ, or ends a connection whose peer is silent.
    /// [`handle`](Self::handle) does that as well, once it has taken all of its input.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut (impl Sink + ?Sized)) {
        self.tell(now);
        if self.is_due() {
            self.time_out(out);
        }
    }

    /// Whether it is time to do something.
    pub(super) fn is_due(&self) -> bool {
        self.poll_timeout().is_some_and(|due| self.now >= due)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn time_out(&mut self, out: &mut (impl Sink + ?Sized)) {
        match self.phase {
            Phase::Opening | Phase::Authenticating => {
                self.close(Cause::Timeout(Timer::Connect), Farewell::None);
            }
            Phase::Open if self.now >= self.deadline && !self.held => {
                self.close(Cause::Timeout(Timer::Ping), Farewell::None);
            }
            Phase::Open => {
                R::timeout(self);
                self.send_pings(out);
            }
            // Nobody takes the farewell.
            _ => {
                self.farewell = Farewell::None;
                self.deadline = Instant::NEVER;
            }
        }
    }
}
