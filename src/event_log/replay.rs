//! A log that happens again.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::load::StateError;
use super::recorder::{Notes, Recorder};
use super::{Begin, Call, Entry, LogError};
use crate::connection::{AckToken, Aliases, Role};
use crate::packet::{Message, Prepared, Terms};
use crate::session::{Keep, Session, Store};
use crate::spec::Sender;
use crate::wire::Sink;

/// Where a connection did something else than its log says, or the log is damaged.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The place of the entry in the log, in bytes.
    pub offset: usize,
    /// What the log has there, in words.
    pub logged: String,
    /// What came instead.
    pub replayed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, logged, replayed } = self;
        write!(f, "at byte {offset}: logged {logged}; replayed {replayed}")
    }
}

impl core::error::Error for Difference {}

/// Has new connections do what a log says, and compares all that comes out and is returned. Gives the number of calls. A
/// log that ends in the middle of a call is replayed up to it.
///
/// `memory` makes for each session an empty store that is as large as that of the log was, and keeps messages as that did,
/// and alias tables. The store is not asked to record anything.
///
/// # Errors
///
/// The first [`Difference`].
pub fn replay<S: Store, A: Aliases>(log: &[u8], memory: impl FnMut() -> (S, A)) -> Result<usize, Difference> {
    let mut replay = Replay { log, at: 0, calls: 0, memory };
    loop {
        match replay.next()? {
            None => return Ok(replay.calls),
            Some((at, Entry::Begin(begin))) => replay.connection(at, &begin)?,
            Some((at, entry)) => return Err(wrong(at, entry, "nothing: no connection has begun")),
        }
    }
}

struct Replay<'l, F> {
    log: &'l [u8],
    /// Where the next entry is.
    at: usize,
    calls: usize,
    memory: F,
}

/// A call to be made again.
struct Again<'l> {
    call: Call<'l>,
    /// What sink and store answered.
    refusals: VecDeque<u32>,
    notes: Notes,
}

fn wrong(offset: usize, logged: impl ToString, replayed: impl ToString) -> Difference {
    Difference { offset, logged: logged.to_string(), replayed: replayed.to_string() }
}

/// What the store got of a message. If it can't keep it, that shows when the message has to be sent again.
fn keep<K: Keep>(kept: Option<Message<'_>>) -> K {
    let mut keep = K::default();
    let _ = kept.map(|kept| keep.keep(&kept));
    keep
}

impl<'l, S: Store, A: Aliases, F: FnMut() -> (S, A)> Replay<'l, F> {
    /// The next entry, and where it is; `None` at the end of the log.
    fn next(&mut self) -> Result<Option<(usize, Entry<'l>)>, Difference> {
        let at = self.at;
        match Entry::decode(self.log.get(at..).unwrap_or_default()) {
            Ok((entry, rest)) => {
                self.at = self.log.len() - rest.len();
                Ok(Some((at, entry)))
            }
            Err(LogError::Truncated) => Ok(None),
            Err(error) => Err(wrong(at, error, "nothing")),
        }
    }

    /// The next call of the connection, with all that belongs to it.
    fn next_call(&mut self) -> Result<Option<Again<'l>>, Difference> {
        let call = match self.next()? {
            Some((_, Entry::Call(call))) => call,
            Some((at, Entry::Begin(_))) => {
                self.at = at;
                return Ok(None);
            }
            Some((at, entry)) => return Err(wrong(at, entry, "nothing: no function is called")),
            None => return Ok(None),
        };
        let (mut refusals, mut notes) = (VecDeque::new(), Notes::default());
        loop {
            match self.next()? {
                Some((_, Entry::Out(_))) => {}
                Some((_, Entry::NoRoom { after })) => refusals.push_back(after),
                Some((at, Entry::NotRecorded { after, error })) => {
                    if !notes.fail(after, error) {
                        return Err(wrong(at, error, "not so many failures"));
                    }
                }
                Some((_, Entry::Done(_))) => return Ok(Some(Again { call, refusals, notes })),
                // It did not return: its program had ended, and another one has begun.
                Some((at, Entry::Begin(_))) => {
                    self.at = at;
                    return Ok(None);
                }
                Some((at, entry @ Entry::Call(_))) => {
                    return Err(wrong(at, entry, "nothing: the call before has not returned"));
                }
                None => return Ok(None),
            }
        }
    }

    fn connection(&mut self, at: usize, begin: &Begin<'_>) -> Result<(), Difference> {
        let Begin { side, version, now, config, session: state, .. } = begin;
        let (store, aliases) = (self.memory)();
        let mut session = Session::new(store);
        session.load(*state).map_err(|error| wrong(at, Entry::Begin(*begin), error))?;
        match side {
            Sender::Client => {
                let log = Vec::new();
                let recorder = Recorder::client_with_aliases(*version, config, session, aliases, log);
                self.calls(at, recorder, |recorder, call, _, out| {
                    match call {
                        Call::Connect { now, connect } => _ = recorder.connect(now, &connect, out),
                        Call::Subscribe { filters, properties } => {
                            _ = recorder.subscribe_to(filters, properties, out);
                        }
                        Call::Unsubscribe { filters, properties } => {
                            _ = recorder.unsubscribe_from(filters, properties, out);
                        }
                        _ => return Err(LogError::Unknown.into()),
                    }
                    Ok(())
                })
            }
            Sender::Server => {
                let recorder = Recorder::server_with_aliases(*now, config, session, aliases, Vec::new());
                self.calls(at, recorder, |recorder, call, memory, out| {
                    match call {
                        Call::Accept { properties } => _ = recorder.accept(properties, out),
                        Call::Reject { reason, properties } => _ = recorder.reject(reason, properties, out),
                        Call::Suback { reasons, properties } => {
                            _ = recorder.suback_with(reasons, properties, out);
                        }
                        Call::Unsuback { reasons, properties } => {
                            _ = recorder.unsuback_with(reasons, properties, out);
                        }
                        Call::Resume { session: state } => {
                            let mut session = Session::new(memory().0);
                            session.load(state)?;
                            _ = recorder.resume(session);
                        }
                        _ => return Err(LogError::Unknown.into()),
                    }
                    Ok(())
                })
            }
        }
    }

    /// Makes the calls of a connection that has begun `at` there. `own` makes those that only its role has.
    fn calls<R: Role>(
        &mut self,
        mut at: usize,
        mut recorder: Recorder<R, S, Vec<u8>, A>,
        own: impl Fn(&mut Recorder<R, S, Vec<u8>, A>, Call<'_>, &mut F, &mut Played) -> Result<(), StateError>,
    ) -> Result<(), Difference> {
        self.compare(at, recorder.log())?;
        let mut input = Vec::new();
        loop {
            at = self.at;
            let Some(Again { call, refusals, notes }) = self.next_call()? else { return Ok(()) };
            recorder.log_mut().clear();
            recorder.follow(notes);
            let out = &mut Played { refusals, granted: 0 };
            match call {
                Call::Publish { message } => _ = recorder.publish(&message, out),
                Call::PublishKept { message, kept } => {
                    _ = recorder.publish_kept(&message, keep(kept), out);
                }
                Call::PublishPrepared { message, ids, expiry, kept } => {
                    let ids: Vec<u32> = ids.iter().collect();
                    let Message { qos, retain, .. } = message;
                    let terms = Terms {
                        qos,
                        retain,
                        subscription_identifiers: &ids,
                        message_expiry_interval: expiry,
                    };
                    let prepared = Prepared::new(&message).map_err(|error| wrong(at, call, error))?;
                    _ = recorder.publish_prepared(&prepared, &terms, keep(kept), out);
                }
                Call::PublishHead { message, more } => _ = recorder.publish_head(&message, more, out),
                Call::PayloadWritten { n } => _ = recorder.payload_written(n),
                Call::Resend { id, message } => _ = recorder.resend(id, &message, out),
                Call::ResendHead { id, message, more } => _ = recorder.resend_head(id, &message, more, out),
                Call::Abandon { id } => _ = recorder.abandon(id),
                Call::Requeue { id } => _ = recorder.requeue(id, out),
                Call::Ack { id, number, reason, properties } => {
                    let token = AckToken::from_number(id, number);
                    _ = recorder.ack_with(token, reason, properties, out);
                }
                Call::Alias { topic } => _ = recorder.alias(topic),
                Call::Auth { auth } => _ = recorder.auth(&auth, out),
                Call::Disconnect { disconnect } => _ = recorder.disconnect(&disconnect, out),
                Call::SetAcknowledge { acknowledge } => recorder.set_acknowledge(acknowledge),
                Call::Handle { now, left, input: new } => {
                    input.truncate(left);
                    input.extend_from_slice(new);
                    let mut rest = &input[..];
                    _ = recorder.handle(now, &mut rest, out);
                    let taken = input.len() - rest.len();
                    input.drain(..taken);
                }
                Call::HandleTimeout { now } => recorder.handle_timeout(now, out),
                Call::HandleEof {} => recorder.handle_eof(),
                Call::IntoSession {} => {
                    self.calls += 1;
                    return self.compare(at, &recorder.into_parts().1);
                }
                call => {
                    own(&mut recorder, call, &mut self.memory, out)
                        .map_err(|error| wrong(at, call, error))?;
                }
            }
            self.calls += 1;
            self.compare(at, recorder.log())?;
        }
    }

    /// Compares the entries from `at` to here with those that there are now.
    fn compare(&self, mut at: usize, mut replayed: &[u8]) -> Result<(), Difference> {
        let mut logged = self.log.get(at..self.at).unwrap_or_default();
        while logged != replayed {
            let (was, was_behind) = first(logged);
            let (is, is_behind) = first(replayed);
            let was_len = logged.len() - was_behind.len();
            if logged.get(..was_len) != replayed.get(..replayed.len() - is_behind.len()) {
                let (short, long) = (words(was, false), words(was, true));
                let (was, is) = match words(is, false) {
                    same if same == short => (long, words(is, true)),
                    other => (short, other),
                };
                return Err(wrong(at, was, is));
            }
            at += was_len;
            (logged, replayed) = (was_behind, is_behind);
        }
        Ok(())
    }
}

/// The first entry, and what is behind it.
fn first(bytes: &[u8]) -> (Option<Entry<'_>>, &[u8]) {
    Entry::decode(bytes).map_or((None, &[]), |(entry, behind)| (Some(entry), behind))
}

/// An entry for a person, or in full if words do not tell two of them apart.
fn words(entry: Option<Entry<'_>>, full: bool) -> String {
    match entry {
        None => "nothing".to_string(),
        Some(entry) if full => alloc::format!("{entry:?}"),
        Some(entry) => entry.to_string(),
    }
}

/// A sink that has room when the one that was logged had.
struct Played {
    refusals: VecDeque<u32>,
    granted: u32,
}

impl Sink for Played {
    fn reserve(&mut self, _: usize) -> bool {
        let refused = self.refusals.front() == Some(&self.granted);
        if refused {
            self.refusals.pop_front();
            self.granted = 0;
        } else {
            self.granted = self.granted.saturating_add(1);
        }
        !refused
    }

    fn put(&mut self, _: &[u8]) {}
}
