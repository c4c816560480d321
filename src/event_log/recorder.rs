//! A connection that writes down what is done with it.

use core::ops::Deref;

use super::outcome::{Outcome, count, put_done};
use super::part::{Mode, Numbers, Tape};
use super::{Begin, Call, NO_ROOM, NOT_RECORDED, OUT, STORE_ERRORS, SessionState};
use crate::buffer::Buffer;
use crate::connection::{
    AckError, AckToken, Acknowledge, Aliases, Client, Config, Connection, NoAliases, Role, Server, Step,
    UsageError, role,
};
use crate::packet::{Auth, Connect, Disconnect, Message, Nowhere, Prepared, Subscription, Terms};
use crate::property::Properties;
use crate::session::{Keep, Record, Session, Store, StoreError};
use crate::spec::{PacketId, ReasonCode, Sender, Version};
use crate::time::Instant;
use crate::wire::Sink;

/// A [`Connection`] with a log of all that is done with it, a [`Sink`] of any kind.
///
/// It has the same functions; those that only look are the connection's own. Where the log has no room, it ends, and the
/// connection goes on. A store that fails more than eight times in a call ends it, too.
#[derive(Debug)]
pub struct Recorder<R, S, L, A = NoAliases> {
    connection: Connection<R, Recorded<S>, A>,
    tape: Tape<L>,
    /// How many bytes of input the last call left.
    left: usize,
}

/// The store of a connection that is recorded, with notes of what it did not record.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    store: S,
    /// What happened in the call that goes on.
    notes: Notes,
    /// What is to happen instead of what the store says.
    script: Option<Notes>,
}

/// So often can a store fail in one call.
const FAILURES: usize = 8;

/// How often a store failed, each time after how many records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Notes {
    failures: [(u32, Option<StoreError>); FAILURES],
    len: usize,
    recorded: u32,
}

impl Notes {
    /// Takes note of a failure. `false`: there are too many.
    pub(super) fn fail(&mut self, after: u32, error: StoreError) -> bool {
        let Some(place) = self.failures.get_mut(self.len) else { return false };
        *place = (after, Some(error));
        self.len += 1;
        true
    }
}

impl<S> Recorded<S> {
    fn new(store: S) -> Self {
        Self { store, notes: Notes::default(), script: None }
    }
}

impl<S> Deref for Recorded<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S: Store> Store for Recorded<S> {
    type Keep = S::Keep;
    type Tables = S::Tables;

    fn tables(&self) -> &S::Tables {
        self.store.tables()
    }

    fn tables_mut(&mut self) -> &mut S::Tables {
        self.store.tables_mut()
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        let answer = match &self.script {
            None => self.store.record(record),
            Some(script) => match script.failures.get(self.notes.len) {
                Some((after, Some(error))) if *after == self.notes.recorded => Err(*error),
                _ => Ok(()),
            },
        };
        match answer {
            Ok(()) => self.notes.recorded = self.notes.recorded.saturating_add(1),
            Err(error) => {
                let after = core::mem::take(&mut self.notes.recorded);
                if !self.notes.fail(after, error) {
                    self.notes.len = FAILURES + 1;
                }
            }
        }
        answer
    }
}

/// A sink on its way to the caller's.
pub(super) struct Tee<'t, O: ?Sized, L> {
    out: &'t mut O,
    tape: &'t mut Tape<L>,
    granted: u32,
    /// What comes in small pieces is logged in larger ones.
    pieces: Buffer<64>,
}

impl<O: ?Sized, L: Sink> Tee<'_, O, L> {
    fn flush(&mut self) {
        let pieces = self.pieces.bytes();
        if !pieces.is_empty() {
            self.tape.bytes(&[OUT]);
            self.tape.put(&pieces);
        }
        self.pieces.advance(pieces.len());
    }
}

impl<O: Sink + ?Sized, L: Sink> Sink for Tee<'_, O, L> {
    fn reserve(&mut self, n: usize) -> bool {
        let granted = self.out.reserve(n);
        if granted {
            self.granted = self.granted.saturating_add(1);
        } else {
            self.flush();
            self.tape.bytes(&[NO_ROOM]);
            self.tape.put(&core::mem::take(&mut self.granted));
        }
        granted
    }

    fn put(&mut self, bytes: &[u8]) {
        self.out.put(bytes);
        if !self.pieces.reserve(bytes.len()) {
            self.flush();
        }
        if self.pieces.reserve(bytes.len()) {
            self.pieces.put(bytes);
        } else {
            self.tape.bytes(&[OUT]);
            self.tape.put(&bytes);
        }
    }
}

/// Functions of the connection, as they are and logged: how a call is made of what they are given. Behind `;` are those
/// that write nothing.
macro_rules! recorded {
    (
        $(
            $(#[$meta:meta])*
            $vis:vis $variant:ident $name:ident ($($arg:ident: $type:ty = $value:expr),*) -> $result:ty,
        )*
        $(; $(
            $(#[$meta2:meta])*
            $variant2:ident $name2:ident ($($arg2:ident: $type2:ty = $value2:expr),*) -> $result2:ty,
        )*)?
    ) => {
        $(
            $(#[$meta])*
            $vis fn $name(&mut self, $($arg: $type,)* out: &mut (impl Sink + ?Sized)) -> $result {
                self.call(&Call::$variant { $($arg: $value),* }, out, |c, out| c.$name($($arg,)* out))
            }
        )*
        $($(
            $(#[$meta2])*
            pub fn $name2(&mut self, $($arg2: $type2),*) -> $result2 {
                self.call(&Call::$variant2 { $($arg2: $value2),* }, &mut Nowhere, |c, _| c.$name2($($arg2),*))
            }
        )*)?
    };
}

impl<S: Store, L: Sink> Recorder<role::Client, S, L> {
    /// [`Client::new`], with a log.
    pub fn client(version: Version, config: &Config, session: Session<S>, log: L) -> Self {
        Self::client_with_aliases(version, config, session, NoAliases::default(), log)
    }
}

impl<S: Store, L: Sink, A: Aliases> Recorder<role::Client, S, L, A> {
    /// [`Client::with_aliases`], with a log.
    pub fn client_with_aliases(
        version: Version,
        config: &Config,
        session: Session<S>,
        aliases: A,
        log: L,
    ) -> Self {
        let session = session.with_store(Recorded::new);
        let client = Client::with_aliases(version, config, session, aliases);
        Self::begin(Sender::Client, Instant::default(), config, client, log)
    }

    recorded! {
        /// [`Client::connect`]
        pub Connect connect(now: Instant = now, connect: &Connect<'_> = *connect) -> Result<(), UsageError>,
        /// [`Client::subscribe`]
        pub Subscribe subscribe(filters: &[Subscription<'_>] = filters.into(), properties: Properties<'_> = properties)
            -> Result<PacketId, UsageError>,
        /// [`Client::unsubscribe`]
        pub Unsubscribe unsubscribe(filters: &[&str] = filters.into(), properties: Properties<'_> = properties)
            -> Result<PacketId, UsageError>,
        #[cfg(feature = "alloc")]
        pub(super) Subscribe subscribe_to(
            filters: crate::wire::Seq<'_, Subscription<'_>> = filters, properties: Properties<'_> = properties
        ) -> Result<PacketId, UsageError>,
        #[cfg(feature = "alloc")]
        pub(super) Unsubscribe unsubscribe_from(
            filters: crate::wire::Seq<'_, &str> = filters, properties: Properties<'_> = properties
        ) -> Result<PacketId, UsageError>,
    }
}

impl<S: Store, L: Sink> Recorder<role::Server, S, L> {
    /// [`Server::new`], with a log.
    pub fn server(now: Instant, config: &Config, empty: Session<S>, log: L) -> Self {
        Self::server_with_aliases(now, config, empty, NoAliases::default(), log)
    }
}

impl<S: Store, L: Sink, A: Aliases> Recorder<role::Server, S, L, A> {
    /// [`Server::with_aliases`], with a log.
    pub fn server_with_aliases(now: Instant, config: &Config, empty: Session<S>, aliases: A, log: L) -> Self {
        let session = empty.with_store(Recorded::new);
        let server = Server::with_aliases(now, config, session, aliases);
        Self::begin(Sender::Server, now, config, server, log)
    }

    /// [`Server::resume`]
    ///
    /// # Errors
    ///
    /// The session, as there.
    pub fn resume(&mut self, session: Session<S>) -> Result<Session<S>, Session<S>> {
        self.tape.put_call(&Call::Resume { session: SessionState::of(&session) });
        let resumed = self.connection.resume(session.with_store(Recorded::new));
        self.done(&resumed.as_ref().map(drop).map_err(|_| UsageError::NotAsked), 0);
        let unwrap = |session: Session<Recorded<S>>| session.with_store(|recorded| recorded.store);
        resumed.map(unwrap).map_err(unwrap)
    }

    recorded! {
        /// [`Server::accept`]
        pub Accept accept(properties: Properties<'_> = properties) -> Result<(), UsageError>,
        /// [`Server::reject`]
        pub Reject reject(reason: ReasonCode = reason, properties: Properties<'_> = properties)
            -> Result<(), UsageError>,
        /// [`Server::suback`]
        pub Suback suback(reasons: &[ReasonCode] = reasons.into(), properties: Properties<'_> = properties)
            -> Result<(), UsageError>,
        /// [`Server::unsuback`]
        pub Unsuback unsuback(reasons: &[ReasonCode] = reasons.into(), properties: Properties<'_> = properties)
            -> Result<(), UsageError>,
        #[cfg(feature = "alloc")]
        pub(super) Suback suback_with(
            reasons: crate::wire::Seq<'_, ReasonCode> = reasons, properties: Properties<'_> = properties
        ) -> Result<(), UsageError>,
        #[cfg(feature = "alloc")]
        pub(super) Unsuback unsuback_with(
            reasons: crate::wire::Seq<'_, ReasonCode> = reasons, properties: Properties<'_> = properties
        ) -> Result<(), UsageError>,
    }
}

impl<R: Role, S: Store, L: Sink, A: Aliases> Recorder<R, S, L, A> {
    fn begin(
        side: Sender,
        now: Instant,
        config: &Config,
        mut connection: Connection<R, Recorded<S>, A>,
        log: L,
    ) -> Self {
        let mut tape = Tape::new(log);
        let (version, aliases) = (connection.version(), connection.alias_capacities());
        let session = SessionState::of(connection.session());
        Begin { side, version, now, config: *config, aliases, session, fingerprint: 0 }.put(&mut tape);
        Self { connection, tape, left: 0 }
    }

    recorded! {
        /// [`Connection::publish`]
        pub Publish publish(message: &Message<'_> = *message) -> Result<Option<PacketId>, UsageError>,
        /// [`Connection::publish_head`]
        #[cfg(feature = "stream")]
        pub PublishHead publish_head(message: &Message<'_> = *message, more: u32 = more)
            -> Result<Option<PacketId>, UsageError>,
        /// [`Connection::resend`]
        pub Resend resend(id: PacketId = id, message: &Message<'_> = *message) -> Result<(), UsageError>,
        /// [`Connection::resend_head`]
        #[cfg(feature = "stream")]
        pub ResendHead resend_head(id: PacketId = id, message: &Message<'_> = *message, more: u32 = more)
            -> Result<(), UsageError>,
        /// [`Connection::requeue`]
        pub Requeue requeue(id: PacketId = id) -> Result<(), UsageError>,
        /// [`Connection::auth`]
        pub Auth auth(auth: &Auth<'_> = *auth) -> Result<(), UsageError>,
        /// [`Connection::disconnect`]
        pub Disconnect disconnect(disconnect: &Disconnect<'_> = *disconnect) -> Result<(), UsageError>,
        /// [`Connection::handle_timeout`]
        pub HandleTimeout handle_timeout(now: Instant = now) -> (),
        ;
        /// [`Connection::payload_written`]
        #[cfg(feature = "stream")]
        PayloadWritten payload_written(n: usize = n) -> Result<u32, UsageError>,
        /// [`Connection::abandon`]
        Abandon abandon(id: PacketId = id) -> Result<(), UsageError>,
        /// [`Connection::alias`]
        Alias alias(topic: &str = topic) -> Result<Option<u16>, UsageError>,
        /// [`Connection::set_acknowledge`]
        SetAcknowledge set_acknowledge(acknowledge: Acknowledge = acknowledge) -> (),
        /// [`Connection::handle_eof`]
        HandleEof handle_eof() -> (),
    }

    /// [`Connection::publish_kept`]
    ///
    /// # Errors
    ///
    /// As there.
    pub fn publish_kept(
        &mut self,
        message: &Message<'_>,
        keep: S::Keep,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        self.tape.put_call(&Call::PublishKept { message: *message, kept: keep.message() });
        self.go_on(out, |connection, out| connection.publish_kept(message, keep, out))
    }

    /// [`Connection::publish_prepared`]
    ///
    /// # Errors
    ///
    /// As there.
    pub fn publish_prepared(
        &mut self,
        prepared: &Prepared<'_>,
        terms: &Terms<'_>,
        keep: S::Keep,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<Option<PacketId>, UsageError> {
        let Terms { qos, retain, subscription_identifiers, message_expiry_interval: expiry } = *terms;
        let message = Message { qos, retain, ..*prepared.message() };
        let ids = Numbers::new(subscription_identifiers);
        self.tape.put_call(&Call::PublishPrepared { message, ids, expiry, kept: keep.message() });
        self.go_on(out, |connection, out| connection.publish_prepared(prepared, terms, keep, out))
    }

    /// [`Connection::ack`]
    ///
    /// # Errors
    ///
    /// As there.
    pub fn ack(
        &mut self,
        token: AckToken,
        reason: ReasonCode,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), AckError> {
        self.ack_with(token, reason, Properties::EMPTY, out)
    }

    /// [`Connection::ack_with`]
    ///
    /// # Errors
    ///
    /// As there.
    pub fn ack_with(
        &mut self,
        token: AckToken,
        reason: ReasonCode,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), AckError> {
        let call = Call::Ack { id: token.packet_id(), number: token.number(), reason, properties };
        self.call(&call, out, |connection, out| connection.ack_with(token, reason, properties, out))
    }

    /// [`Connection::handle`]
    ///
    /// What the last call left has to be in front of `input` again; if the caller forgets some, from the end.
    pub fn handle<'i>(
        &mut self,
        now: Instant,
        input: &mut &'i [u8],
        out: &mut (impl Sink + ?Sized),
    ) -> Step<'i> {
        let len = input.len();
        let left = self.left.min(len);
        self.tape.put_call(&Call::Handle { now, left, input: input.get(left..).unwrap_or_default() });
        let step = self.observed(out, |connection, out| connection.handle(now, input, out));
        self.left = input.len();
        self.tape.set(Mode::Count);
        if let Step::Event(event) = &step {
            count(event, &self.connection, &mut self.tape);
        }
        self.tape.set(Mode::Write);
        self.done(&step, len - input.len());
        step
    }

    /// [`Connection::into_session`]. A log of its own is lost with it: see [`into_parts`](Self::into_parts).
    pub fn into_session(self) -> Session<S> {
        self.into_parts().0
    }

    /// The session and the log.
    pub fn into_parts(self) -> (Session<S>, L) {
        let Self { connection, mut tape, .. } = self;
        tape.put_call(&Call::IntoSession {});
        let mut session = connection.into_session();
        put_notes(&mut session.store.notes, &mut tape);
        tape.set(Mode::Count);
        tape.put(&SessionState::of(&session));
        tape.set(Mode::Write);
        put_done(&(), 0, &mut tape);
        (session.with_store(|recorded| recorded.store), tape.log)
    }

    /// The store. What is done to it is not logged.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.connection.session.store.store
    }

    /// The log.
    pub const fn log(&self) -> &L {
        &self.tape.log
    }

    /// The log, to be taken away from in the front. It is written behind what is there.
    pub const fn log_mut(&mut self) -> &mut L {
        &mut self.tape.log
    }

    /// Whether the log ends before the connection, because it had no room.
    pub const fn is_cut_off(&self) -> bool {
        self.tape.is_full()
    }

    /// Has the store fail as it did before.
    #[cfg(feature = "alloc")]
    pub(super) fn follow(&mut self, script: Notes) {
        self.connection.session.store.script = Some(script);
    }

    fn call<O: Sink + ?Sized, T: Outcome>(
        &mut self,
        call: &Call<'_>,
        out: &mut O,
        act: impl FnOnce(&mut Connection<R, Recorded<S>, A>, &mut Tee<'_, O, L>) -> T,
    ) -> T {
        self.tape.put_call(call);
        self.go_on(out, act)
    }

    fn go_on<O: Sink + ?Sized, T: Outcome>(
        &mut self,
        out: &mut O,
        act: impl FnOnce(&mut Connection<R, Recorded<S>, A>, &mut Tee<'_, O, L>) -> T,
    ) -> T {
        let result = self.observed(out, act);
        self.done(&result, 0);
        result
    }

    /// Lets the connection act, and takes note of what comes out meanwhile.
    fn observed<O: Sink + ?Sized, T>(
        &mut self,
        out: &mut O,
        act: impl FnOnce(&mut Connection<R, Recorded<S>, A>, &mut Tee<'_, O, L>) -> T,
    ) -> T {
        let mut tee = Tee { out, tape: &mut self.tape, granted: 0, pieces: Buffer::new() };
        let result = act(&mut self.connection, &mut tee);
        tee.flush();
        put_notes(&mut self.connection.session.store.notes, &mut self.tape);
        result
    }

    fn done(&mut self, result: &impl Outcome, taken: usize) {
        put_done(result, taken, &mut self.tape);
    }
}

impl<R, S, L, A> Deref for Recorder<R, S, L, A> {
    type Target = Connection<R, Recorded<S>, A>;

    fn deref(&self) -> &Self::Target {
        &self.connection
    }
}

impl<L: Sink> Tape<L> {
    /// A call begins. One that has no form is left out, with all that belongs to it.
    fn put_call(&mut self, call: &Call<'_>) {
        if call.fits() {
            call.put(self);
        } else {
            self.set(Mode::Drop);
        }
    }
}

fn put_notes<L: Sink>(notes: &mut Notes, tape: &mut Tape<L>) {
    let Notes { failures, len, .. } = core::mem::take(notes);
    for (after, error) in failures.iter().take(len).filter_map(|(after, error)| Some((after, (*error)?))) {
        let number = STORE_ERRORS.iter().position(|known| *known == error).unwrap_or_default();
        tape.bytes(&[NOT_RECORDED]);
        tape.put(&(*after, number as u8));
    }
    if len > FAILURES {
        tape.stop();
    }
}
