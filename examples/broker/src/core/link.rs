//! A transport, and what is spoken over it.

use std::mem;
use std::task::Waker;

use sans_mqtt::*;

use super::Stage;
use super::client::{ClientId, Testament};
use super::letter::Kept;
use super::settings::Settings;
use crate::access::{Exchange, Peer, Verdict};
use crate::output::Output;

slotmap::new_key_type! {
    /// A transport.
    pub struct LinkId;
}

/// The server's side of a connection.
pub type Machine = Server<Tables, (HeapTopics, HeapTopics)>;

/// What takes long and is done elsewhere: its result goes to [`Broker::decide`](super::Broker::decide).
pub type Job = Box<dyn FnOnce() -> Verdict + Send>;

pub struct Link {
    pub server: Machine,
    /// The beginning of a packet.
    pub input: Vec<u8>,
    pub output: Output,
    /// With `Closed`, the transport is to be closed once the output is written.
    pub wait: Wait,
    /// Whose turn it is when messages have come for its client.
    waker: Option<Waker>,
    pub peer: Peer,
    pub entry: Option<Box<Entry>>,
    /// Who is there, once CONNECT was accepted.
    pub client: Option<ClientId>,
    /// When the right to be here ends.
    pub until: Option<Instant>,
    pub stage: Stage,
}

/// Somebody at the door, or who shows a new key.
#[derive(Default)]
pub struct Entry {
    pub name: String,
    /// What it says: nobody has vouched for it yet.
    pub user: Option<String>,
    pub clean_start: bool,
    pub will: Option<Testament>,
    /// How it authenticates.
    pub method: Option<String>,
    /// What its next AUTH is for.
    pub exchange: Option<Exchange>,
    pub job: Option<Job>,
    /// What the job has found.
    pub verdict: Option<Verdict>,
}

impl Link {
    pub fn new(settings: &Settings, peer: Peer, now: Instant) -> Self {
        let mut server = settings.server(now);
        server.set_acknowledge(Acknowledge::Manual);
        Self {
            server,
            input: Vec::new(),
            output: Output::default(),
            wait: Wait::Read(2),
            waker: None,
            peer,
            entry: None,
            client: None,
            until: None,
            stage: Stage::Before,
        }
    }

    /// Has `waker` woken when there is something to do.
    pub fn set_waker(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    pub fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Ends it with a reason, which a client that is let in, or of 5.0, is told.
    pub fn end(&mut self, reason: ReasonCode, now: Instant) {
        let Self { server, output, .. } = self;
        // Its session goes on from now, and not from when it was last heard of.
        server.handle_timeout(now, output);
        // What is still to be decided of it does not matter any more.
        self.entry = None;
        let refused = server.reject(reason, Properties::EMPTY, output);
        let farewell = Disconnect { reason, ..Disconnect::default() };
        let _ = refused.or_else(|_| server.disconnect(&farewell, output));
    }

    /// Sends a step of an authentication.
    pub fn auth(&mut self, reason: ReasonCode, data: Option<&[u8]>) -> Result<(), UsageError> {
        let Self { server, output, entry, .. } = self;
        let method = entry.as_ref().and_then(|entry| entry.method.as_deref()).unwrap_or_default();
        let data = data.map(Property::AuthenticationData);
        let properties: Vec<_> = [Property::AuthenticationMethod(method)].into_iter().chain(data).collect();
        server.auth(&Auth { reason, properties: properties[..].into() }, output)
    }

    /// Whether more input is wanted.
    pub const fn reads(&self) -> bool {
        matches!(self.wait, Wait::Read(_))
    }

    pub const fn is_over(&self) -> bool {
        matches!(self.wait, Wait::Closed(_))
    }

    pub fn due(&self) -> Option<Instant> {
        [self.server.poll_timeout(), self.until].into_iter().flatten().min().filter(|_| !self.is_over())
    }

    /// The steps of its session that are to be written down.
    pub fn notes(&mut self) -> Vec<Note> {
        self.server.session_mut().store_mut().notes.as_mut().map(mem::take).unwrap_or_default()
    }
}

/// A step of a session.
#[derive(Clone, Copy, Debug)]
pub enum Note {
    Released(PacketId),
    Finished(PacketId),
    Taken(PacketId),
    Completed(PacketId),
}

/// The tables of a session.
pub struct Tables {
    heap: Heap<Kept>,
    /// What has happened in it, if anybody has to know.
    pub notes: Option<Vec<Note>>,
}

impl Default for Tables {
    fn default() -> Self {
        // Clients before 5.0 are not told how many messages they may leave unfinished. More may be on its way to a client than
        // is sent now: the limit was another when the session began.
        Self { heap: Heap::new(u16::MAX, u16::MAX), notes: None }
    }
}

impl Store for Tables {
    type Keep = Kept;
    type Tables = Heap<Kept>;

    fn tables(&self) -> &Heap<Kept> {
        &self.heap
    }

    fn tables_mut(&mut self) -> &mut Heap<Kept> {
        &mut self.heap
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        let Some(notes) = &mut self.notes else { return Ok(()) };
        match *record {
            Record::Release { id } => notes.push(Note::Released(id)),
            Record::Finish { id } => notes.push(Note::Finished(id)),
            Record::Take { id } => notes.push(Note::Taken(id)),
            Record::Complete { id } => notes.push(Note::Completed(id)),
            // The broker itself knows of these.
            Record::Begin { .. } | Record::Publish { .. } => {}
        }
        Ok(())
    }
}
