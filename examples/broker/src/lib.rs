//! A broker for 3.1, 3.1.1 and 5.0 side by side.
//!
//! [`core`] is what it decides, without I/O; [`net`] is where it meets transports, on tokio; [`access`] is who may come in;
//! [`disk`] is what survives a restart.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use sans_mqtt::ReasonCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;
use tracing::error;

use access::{Gate, Verdict};
use core::link::LinkId;
use core::settings::Settings;
use core::{Broker, Stage};
use net::carry::{Pace, Turn, carry};
use net::clock::Clock;
use net::listen::Doors;
use net::peer::Peer;
use net::rate::Rate;
use options::{LimitOptions, Options};
use output::Output;

pub mod access;
pub mod core;
pub mod disk;
pub mod net;
pub mod options;
pub mod output;

/// How long what is due waits for others that are due soon: with a disk, all are one transaction.
const TICK: Duration = Duration::from_millis(200);

/// How many logins are looked at at a time.
const JOBS: usize = 4;

/// A broker for all tasks.
#[derive(Clone)]
pub struct Shared {
    broker: Arc<Mutex<Broker>>,
    pub clock: Clock,
    pace: Pace,
    /// Password hashes take memory: not all who come at once are looked at at once.
    jobs: Arc<Semaphore>,
    failed: Arc<Notify>,
}

impl Default for Shared {
    fn default() -> Self {
        let clock = Clock::default();
        let broker = Broker::new(Settings::default(), Gate::default(), clock.now());
        Self::new(broker, clock, &Options::default().limits)
    }
}

impl Shared {
    /// A broker whose times are those of `clock`.
    pub fn new(broker: Broker, clock: Clock, limits: &LimitOptions) -> Self {
        let pace = Pace {
            send_timeout: Duration::from_secs(limits.send_timeout.into()),
            messages: Rate::per_second(limits.message_rate),
            bytes: Rate::per_second(limits.byte_rate),
        };
        Self {
            broker: Arc::new(Mutex::new(broker)),
            clock,
            pace,
            jobs: Arc::new(Semaphore::new(JOBS)),
            failed: Arc::default(),
        }
    }

    /// Serves whoever connects, with the limits that there are by default.
    pub async fn listen(self, listener: TcpListener) {
        tokio::spawn(self.clone().tick());
        Doors::new(self, &Options::default().limits, None).open(listener.into()).await;
    }

    /// Does what is due, for ever.
    pub async fn tick(self) {
        loop {
            let done = self.lock().handle_timeout(self.clock.now());
            self.check(done);
            sleep(TICK).await;
            self.is_due().await;
        }
    }

    /// Comes back when there is something to do for [`tick`](Self::tick).
    async fn is_due(&self) {
        let mut alarm = pin!(sleep(Duration::ZERO));
        poll_fn(|cx| match self.lock().poll_timeout(cx.waker()) {
            Some(at) if at <= self.clock.now() => Poll::Ready(()),
            Some(at) => {
                alarm.as_mut().reset(self.clock.at(at));
                alarm.as_mut().poll(cx)
            }
            None => Poll::Pending,
        })
        .await;
    }

    /// Comes back when the broker can't keep what it promises, because of its disk: it must not go on.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Tells all clients that the broker stops.
    pub fn shut_down(&self) {
        self.lock().shut_down(self.clock.now());
    }

    /// Goes by another gate from now on, see [`Broker::set_gate`].
    pub fn set_gate(&self, gate: Gate) {
        self.lock().set_gate(gate, self.clock.now());
    }

    /// Serves one client to the end of its connection.
    pub async fn serve(self, mut peer: Peer, transport: impl AsyncRead + AsyncWrite) {
        let known = access::Peer { address: peer.address, certificate: peer.certificate.take() };
        let id = self.lock().open(known, self.clock.now());
        let mut open = Open { shared: &self, id, peer, stage: Stage::Before };
        let turn =
            |came: &[u8], is_eof, output: &mut Output, waker: &Waker| open.turn(came, is_eof, output, waker);
        // How it ended is in the log of the broker.
        let _ = carry(transport, self.clock, &self.pace, turn).await;
    }

    fn check(&self, done: io::Result<()>) {
        let _ = done.inspect_err(|error| self.fail(error));
    }

    fn fail(&self, error: &io::Error) {
        error!(%error, "the disk fails");
        self.failed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Broker> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the broker has to forget, however its task ends.
struct Open<'a> {
    shared: &'a Shared,
    id: LinkId,
    peer: Peer,
    stage: Stage,
}

impl Open<'_> {
    fn turn(&mut self, came: &[u8], is_eof: bool, output: &mut Output, waker: &Waker) -> io::Result<Turn> {
        let (id, shared) = (self.id, self.shared);
        let mut broker = shared.lock();
        let done = broker.turn(id, shared.clock.now(), came, is_eof, output, waker);
        let turn = done.inspect_err(|error| shared.fail(error))?;
        if let Some(job) = broker.job(id) {
            let shared = shared.clone();
            tokio::spawn(async move {
                let _permit = shared.jobs.clone().acquire_owned().await;
                let verdict = tokio::task::spawn_blocking(job).await;
                let failed = |_| Verdict::Reject(ReasonCode::UNSPECIFIED_ERROR);
                shared.lock().decide(id, verdict.unwrap_or_else(failed));
            });
        }
        drop(broker);
        if turn.stage != self.stage {
            self.stage = turn.stage;
            match turn.stage {
                Stage::Before => {}
                Stage::In => self.peer.accept(),
                Stage::Refused => self.peer.refuse(shared.clock),
            }
        }
        Ok(Turn { reads: turn.reads, due: turn.due, messages: turn.messages, is_over: turn.is_over })
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let done = self.shared.lock().close(self.id, self.shared.clock.now());
        self.shared.check(done);
    }
}
