//! Bytes to and fro, for a server or a client, over TCP or anything else.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Buf;
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::io::poll_write_buf;

use super::clock::Clock;
use super::rate::{Bucket, Rate};
use crate::output::Output;

/// How many bytes are read at once, and how many move before others have their turn.
const SHARE: usize = 64 << 10;
/// How long a connection may take to close once everything is written.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    /// What is read is dealt with at once, so that all connections of a thread read into the same memory.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How fast bytes are to move.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A peer that for so long reads nothing of what waits for it is given up.
    pub send_timeout: Duration,
    /// Who sends more is read from later.
    pub messages: Rate,
    /// As with messages.
    pub bytes: Rate,
}

impl Default for Pace {
    fn default() -> Self {
        let (messages, bytes) = (Rate::per_second(0), Rate::per_second(0));
        Self { send_timeout: Duration::from_secs(20), messages, bytes }
    }
}

impl Pace {
    /// Not so much that who goes beyond a limit has to pause for long: no PUBLISH has less than 5 bytes.
    fn most_at_once(&self) -> usize {
        let limits = [self.messages.count.saturating_mul(5), self.bytes.count];
        limits.into_iter().filter(|n| *n > 0).fold(SHARE, |least, n| least.min(n as usize))
    }
}

/// What a connection wants after its turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Whether it takes more input.
    pub reads: bool,
    /// When it wants its next turn at the latest.
    pub due: Option<sans_mqtt::Instant>,
    /// How many messages have come. Each counts against the limit.
    pub messages: u32,
    /// Whether it is over: it is closed once the output is written, and has no more turns.
    pub is_over: bool,
}

/// Runs a connection to its end, or to an error of the transport. It is told what came, and whether that was the end; it
/// adds to the output, and says what it wants next. It has its turn when something has come, when it is time, when there is
/// room for what the output had refused, and when it was woken.
pub async fn carry<T: AsyncRead + AsyncWrite>(
    transport: T,
    clock: Clock,
    pace: &Pace,
    turn: impl FnMut(&[u8], bool, &mut Output, &Waker) -> io::Result<Turn>,
) -> io::Result<()> {
    let mut transport = pin!(transport);
    run(transport.as_mut(), clock, pace, turn).await?;
    let close = async {
        poll_fn(|cx| transport.as_mut().poll_shutdown(cx)).await?;
        // If it were closed with input unread, the peer would not get what was written last.
        poll_fn(|cx| with_scratch(|scratch| poll_discard(transport.as_mut(), cx, scratch))).await
    };
    // Everything is written: it is no failure if this takes too long.
    let _: Result<io::Result<()>, _> = timeout(LINGER, close).await;
    Ok(())
}

async fn run<T: AsyncRead + AsyncWrite>(
    mut transport: Pin<&mut T>,
    clock: Clock,
    pace: &Pace,
    mut turn: impl FnMut(&[u8], bool, &mut Output, &Waker) -> io::Result<Turn>,
) -> io::Result<()> {
    let mut alarm = pin!(sleep_until(clock.at(sans_mqtt::Instant::default())));
    let (mut reader, mut writer) = (Reader::default(), Writer::new(pace.send_timeout));
    let share = pace.most_at_once();
    let mut wants = Turn { reads: true, due: None, messages: 0, is_over: false };
    let mut poll = |cx: &mut Context<'_>, scratch: &mut [u8]| {
        // Who has woken the task can't be told.
        let (mut is_its_turn, mut moved) = (true, 0);
        loop {
            let mut came = ReadBuf::new(&mut scratch[..share]);
            let wanted = wants.reads;
            let reads = wanted && !wants.is_over && reader.may_go_on(clock);
            let has_read = reads && reader.poll(transport.as_mut(), cx, &mut came).is_ready();
            if (is_its_turn || has_read) && !wants.is_over {
                wants = turn(came.filled(), reader.is_eof, &mut writer.output, cx.waker())?;
                reader.count(pace, clock, came.filled().len(), wants.messages);
            }
            let before = writer.output.remaining();
            let is_written = writer.poll(transport.as_mut(), cx)?.is_ready();
            let written = before - writer.output.remaining();
            if wants.is_over && is_written {
                return Poll::Ready(Ok(()));
            }
            moved += came.filled().len() + written;
            if moved >= SHARE {
                // Woken by the waker itself, it would be back before the system is asked what has come for others.
                return pin!(yield_now()).poll(cx).map(Ok);
            }
            is_its_turn = written > 0 && writer.output.take_refused();
            // Who did not want to read has to ask the transport, now that it does.
            if has_read || is_its_turn || wants.reads && !wanted {
                continue;
            }
            let due = wants.due.into_iter().chain(reader.pause).filter(|_| !wants.is_over);
            let next = due.map(|at| clock.at(at)).chain(writer.gives_up).min();
            let Some(next) = next else { return Poll::Pending };
            ready!(poll_until(alarm.as_mut(), next, cx));
            if writer.gives_up == Some(next) {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")));
            }
            is_its_turn = true;
        }
    };
    poll_fn(|cx| with_scratch(|scratch| poll(cx, scratch))).await
}

#[derive(Default)]
struct Reader {
    is_eof: bool,
    messages: Bucket,
    bytes: Bucket,
    /// Nothing is read before.
    pause: Option<sans_mqtt::Instant>,
}

impl Reader {
    fn may_go_on(&mut self, clock: Clock) -> bool {
        self.pause = self.pause.filter(|until| *until > clock.now());
        self.pause.is_none() && !self.is_eof
    }

    fn poll<T: AsyncRead>(
        &mut self,
        from: Pin<&mut T>,
        cx: &mut Context<'_>,
        came: &mut ReadBuf<'_>,
    ) -> Poll<()> {
        from.poll_read(cx, came).map(|read| self.is_eof = read.is_err() || came.filled().is_empty())
    }

    fn count(&mut self, pace: &Pace, clock: Clock, bytes: usize, messages: u32) {
        if pace.messages.is_limit() || pace.bytes.is_limit() {
            let messages = self.messages.take(pace.messages, clock.now(), messages);
            self.pause = messages.max(self.bytes.take(pace.bytes, clock.now(), bytes as u32));
        }
    }
}

struct Writer {
    output: Output,
    patience: Duration,
    /// When the peer is given up if it has read nothing by then.
    gives_up: Option<Instant>,
    is_flushed: bool,
}

impl Writer {
    fn new(patience: Duration) -> Self {
        Self { output: Output::default(), patience, gives_up: None, is_flushed: true }
    }

    /// Writes what the transport takes. Ready when nothing is left.
    fn poll<T: AsyncWrite>(&mut self, mut to: Pin<&mut T>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let step = if self.output.has_remaining() {
                self.is_flushed = false;
                match poll_write(to.as_mut(), cx, &mut self.output) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    step => step.map_ok(|_| ()),
                }
            } else if !self.is_flushed {
                let step = to.as_mut().poll_flush(cx);
                self.is_flushed = step.is_ready();
                step
            } else {
                return Poll::Ready(Ok(()));
            };
            if step?.is_pending() {
                self.gives_up.get_or_insert_with(|| Instant::now() + self.patience);
                return Poll::Pending;
            }
            self.gives_up = None;
        }
    }
}

/// Writes once. A single chunk, which small packets are, goes without a list of chunks: that is cheaper for the system, too.
fn poll_write<T: AsyncWrite>(
    to: Pin<&mut T>,
    cx: &mut Context<'_>,
    output: &mut Output,
) -> Poll<io::Result<usize>> {
    if output.chunk().len() < output.remaining() {
        return poll_write_buf(to, cx, output);
    }
    to.poll_write(cx, output.chunk()).map_ok(|n| {
        output.advance(n);
        n
    })
}

/// Ready when that time has come. The alarm is left as it is if it is set to an earlier time, for most are put off before they
/// come, and to set it costs more than to look once too often.
fn poll_until(mut alarm: Pin<&mut Sleep>, time: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if alarm.is_elapsed() || time < alarm.deadline() {
        alarm.as_mut().reset(time);
    }
    loop {
        ready!(alarm.as_mut().poll(cx));
        if alarm.deadline() >= time {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(time);
    }
}

/// Reads to the end.
fn poll_discard<T: AsyncRead>(
    mut from: Pin<&mut T>,
    cx: &mut Context<'_>,
    scratch: &mut [u8],
) -> Poll<io::Result<()>> {
    loop {
        let mut came = ReadBuf::new(scratch);
        ready!(from.as_mut().poll_read(cx, &mut came))?;
        if came.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
    }
}

fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.resize(SHARE, 0);
    let result = work(&mut scratch);
    SCRATCH.set(scratch);
    result
}
