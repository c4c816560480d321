//! One connection: bytes and time in, events and bytes out. What both sides do is here, what one of them does in
//! `client` and `server`.

mod alias;
mod auth;
mod client;
mod clock;
mod config;
mod end;
mod event;
mod incoming;
mod outgoing;
mod output;
#[cfg(feature = "stream")]
mod payload;
mod permitted;
mod resend;
mod server;
mod stream;
mod usage;
mod view;

#[cfg(feature = "alloc")]
pub use alias::HeapTopics;
pub use alias::{Aliases, FixedTopics, NoAliases, NoTopics, TopicSlot, TopicTable};
pub use client::Client;
pub use config::{Agreement, Config, Limits};
pub use event::{AckToken, Acknowledge, Cause, Event, Incoming, ProtocolError, Step, Timer, Wait};
pub use server::Server;
pub use usage::{AckError, UsageError};

/// The two roles of a [`Connection`].
pub mod role {
    pub use super::client::ClientRole as Client;
    pub use super::server::ServerRole as Server;
}

use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{Ack, Packet, PlainAck};
use crate::session::{Answer, Handle, Session, Store, Tables};
use crate::spec::{PacketId, PacketType, ReasonCode, Scope, Sender, Version};
use crate::time::Instant;
use crate::wire::{Context, Frame, Sink, Split, Unseen};
use alias::Assigned;
use auth::Authentication;
use config::{Room, Service};
use permitted::{is_in, permitted};
use stream::Stream;

/// So many bytes of an unfinished packet show that the peer is alive. A peer that holds a packet back has to send at least
/// these in the time of a Keep Alive.
const SIGN_OF_LIFE: u32 = 1024;

/// The largest packet that has to be sent whatever happens: CONNACK, and an acknowledgement with a reason code.
const LEAST: u32 = 5;

/// How far a connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd)]
enum Phase {
    /// A client before `connect`.
    Idle,
    /// Between CONNECT and CONNACK; a server waits for CONNECT.
    Opening,
    /// The application has to answer CONNECT, or AUTH.
    Deciding,
    /// A server has answered CONNECT with AUTH and waits for the client's.
    Authenticating,
    Open,
    /// The farewell is owed.
    Closing,
    Closed,
}

/// The last packet that this side owes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Farewell {
    None,
    Disconnect(ReasonCode),
    Connack(ReasonCode),
}

/// What is at the front of the input.
#[derive(Debug)]
enum Front {
    /// A packet, and how many bytes of it are needed before it is looked at.
    Packet { awaited: u32 },
    /// The payload of a message that comes in pieces.
    Payload(Stream),
    /// Nothing any more: the connection is over.
    Over(Cause),
}

impl Front {
    const PACKET: Self = Self::Packet { awaited: 0 };
}

/// Why nothing more can be done now; [`Connection::wait`] tells the caller. It fits into two registers, as what the caller is
/// told does not, and is handed from call to call.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// So many bytes more of the input are needed, or of room.
    Read(usize),
    Write(usize),
    Payload,
    Acknowledge,
    Decide,
    Store,
    /// The connection is over; it may have its farewell to say first.
    Closed,
}

/// Or why nothing more can be done.
type Flow<T> = Result<T, Stop>;

/// A side of a connection: [`role::Client`] or [`role::Server`].
#[expect(private_bounds, reason = "there are two")]
pub trait Role: Side {}

/// What the two sides do differently.
trait Side: Sized {
    const SENDER: Sender;

    /// Reads a packet of the other side.
    fn decode<'i, S: Store, A: Aliases>(
        connection: &mut Connection<Self, S, A>,
        frame: Frame<'i>,
    ) -> Result<Packet<'i>, DecodeError>;

    /// Does what only this side has to do about a packet, and refuses one that has no place now.
    fn packet<'i, S: Store, A: Aliases>(
        connection: &mut Connection<Self, S, A>,
        packet: &Packet<'i>,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>>;

    /// What is said to a peer that is wrong before the connection is open.
    fn refusal<S: Store, A: Aliases>(connection: &Connection<Self, S, A>, error: &ProtocolError) -> Farewell;

    /// The will that is left when the connection is over: its delay in seconds.
    fn will<S, A>(connection: &Connection<Self, S, A>) -> Option<u32>;

    /// When the silence of an open connection ends.
    fn deadline<S, A>(connection: &Connection<Self, S, A>) -> Instant;

    /// What happens then.
    fn timeout<S: Store, A: Aliases>(connection: &mut Connection<Self, S, A>);
}

/// One side of a connection; [`Client`] and [`Server`] are its two forms.
///
/// It holds a session and what was agreed, and neither buffers nor a socket nor a clock: the caller gives input and a
/// [`Sink`] to each call. A caller does the same for all transports: [`handle`](Self::handle) until it waits, write out
/// the sink, do what it waits for, and call `handle` again, not later than [`poll_timeout`](Self::poll_timeout) says.
///
/// # What it guarantees
///
/// - A message of QoS 1 or 2 is kept as soon as `publish` gives its identifier, and ends in exactly one
///   [`Acked`](Event::Acked) or [`Dropped`](Event::Dropped), in this connection or a later one of the session. (Only a
///   `Dropped` that the store could not write down is said again, and one that is restored of QoS 2 may be acknowledged
///   after all.) At QoS 0 it is in the sink, and no more is known of it.
/// - A message that comes is taken when `handle` is called again after its event, or with
///   [`Manual`](Acknowledge::Manual) acknowledgement when [`ack`](Self::ack) says so. Only then the peer is told, and only
///   then, at QoS 2, it does not come again. What has to survive a crash is to be written down before that; where both must
///   happen together, make `ack` a part of the same transaction as the store's [`record`](Store::record).
/// - Messages of a QoS keep their order; after a resumed session those come first that were not acknowledged.
/// - A command happens as a whole, or gives an error and has changed nothing. An error of the peer ends the connection and
///   leaves the session as it was.
/// - The peer makes it hold no more than the [`Config`] and the store allow.
///
/// Signs of life of the peer are whole packets, each piece of a message that comes in pieces, and each KiB of a packet
/// that is not complete.
#[derive(Debug)]
pub struct Connection<R, S, A = NoAliases> {
    pub(crate) session: Session<S>,
    aliases: A,
    assigned: Assigned,
    assign_aliases: bool,
    role: R,
    version: Version,
    phase: Phase,
    farewell: Farewell,
    front: Front,
    acknowledge: Acknowledge,
    /// What the peer takes, and what this side does.
    peer: Room,
    own: Room,
    /// What there is to be asked of the server, whichever side that is.
    service: Service,
    /// In seconds; 0: off.
    keep_alive: u16,
    /// How long the session is to outlive the connection, as CONNECT asked for it, in seconds.
    asked_expiry: u32,
    /// The largest packet to accept as a whole, now and once the connection is open.
    whole: u32,
    stream_above: u32,
    skip_oversize: bool,
    headroom: u16,
    authentication: Authentication,
    /// In milliseconds.
    connect_timeout: u32,
    ping_timeout: u32,
    /// The latest time that the caller told.
    now: Instant,
    /// When the client last sent, and the server last received a packet; and when the connection ended.
    active: Instant,
    /// When the other side's next packet has to have come; `NEVER` while nothing special is waited for.
    deadline: Instant,
    /// The message that the application takes by calling `handle` again, and what is said of it; 0: none.
    taken: Handle,
    taken_reason: ReasonCode,
    /// The packet of which the application is told that it is dropped: settled when it calls `handle` again.
    dropped: Option<PacketId>,
    /// The number of PINGREQs or PINGRESPs owed.
    pings: u8,
    /// Whether the application has to answer an event before any other.
    asked: bool,
    /// Whether input is not looked at because the application, or its store, has to do something first.
    held: bool,
    /// Whether a command began or ended something, or showed that the peer is there, at a time that is not known yet.
    untimed: bool,
    /// Whether something was sent since the caller last told the time.
    sent: bool,
    eof: bool,
    /// If it was ever open, whether the server said that there is a session.
    accepted: Option<bool>,
    /// The bytes of an unfinished packet that have counted as a sign of life.
    seen: u32,
    /// The bytes of a payload that the caller has to write, and the identifier of its message; 0: none.
    payload_left: u32,
    payload_of: Handle,
    /// Whether the session is older than the connection.
    resumed: bool,
    /// What the client's CONNECT asked for.
    problem_information: bool,
    response_information: bool,
}

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    fn create(role: R, version: Version, config: &Config, session: Session<S>, mut aliases: A) -> Self {
        aliases.incoming_mut().clear();
        aliases.outgoing_mut().clear();
        let mut own = config.room();
        own.topic_alias_maximum = own.topic_alias_maximum.min(aliases.incoming().capacity());
        let millis = |duration: core::time::Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Self {
            session,
            aliases,
            assigned: Assigned::default(),
            assign_aliases: config.assign_topic_aliases,
            role,
            version,
            phase: Phase::Idle,
            farewell: Farewell::None,
            front: Front::PACKET,
            acknowledge: Acknowledge::Automatic,
            peer: Room::UNSAID,
            own,
            service: Service::UNSAID,
            keep_alive: 0,
            asked_expiry: 0,
            whole: config.maximum_packet_size.min(config.stream_above).max(1),
            stream_above: config.stream_above,
            skip_oversize: config.skip_oversize,
            headroom: config.headroom,
            authentication: Authentication::default(),
            connect_timeout: millis(config.connect_timeout),
            ping_timeout: millis(config.ping_timeout),
            now: Instant::default(),
            active: Instant::default(),
            deadline: Instant::NEVER,
            taken: 0,
            taken_reason: ReasonCode::SUCCESS,
            dropped: None,
            pings: 0,
            asked: false,
            held: false,
            untimed: false,
            sent: false,
            eof: false,
            accepted: None,
            seen: 0,
            payload_left: 0,
            payload_of: 0,
            resumed: false,
            problem_information: true,
            response_information: false,
        }
    }

    /// Does what can be done: sends what is owed, then takes packets from the front of `input` until one of them is an
    /// event or nothing more is possible.
    ///
    /// What was taken is gone from `input`; keep the rest for the next call. An event borrows `input` only, so the
    /// connection can be used while it is looked at. Calling again says that the application has taken the event: its
    /// message is acknowledged then, if that is automatic.
    pub fn handle<'i>(
        &mut self,
        now: Instant,
        input: &mut &'i [u8],
        out: &mut (impl Sink + ?Sized),
    ) -> Step<'i> {
        self.tell(now);
        self.held = false;
        loop {
            let happened = match self.do_owed(input, out) {
                Ok(None) => match self.plain_ack(input) {
                    Some((scope, id, rest)) => {
                        let told = self.acknowledged(scope, id, ReasonCode::SUCCESS, false, out);
                        if told.is_ok() {
                            *input = rest;
                            self.progress();
                        }
                        match told {
                            Ok(true) => return Step::Event(Event::acked(id)),
                            Ok(false) => continue,
                            Err(stop) => Err(stop),
                        }
                    }
                    None => self.receive(input, out),
                },
                happened => happened,
            };
            match happened {
                Ok(Some(event)) => return Step::Event(event),
                Ok(None) => {}
                // The farewell comes next.
                Err(Stop::Closed) if self.phase != Phase::Closed => {}
                Err(stop) => {
                    // Nobody can be blamed for silence whose input is not looked at. A store may never be repaired, though.
                    self.held = match stop {
                        Stop::Decide | Stop::Acknowledge => true,
                        Stop::Store => !input.is_empty(),
                        _ => false,
                    };
                    // Time counts only when nothing else is left to do: what has come has come in time.
                    if !self.is_due() {
                        return Step::Wait(self.wait(stop));
                    }
                    self.time_out(out);
                }
            }
        }
    }

    /// What the caller has to do about it.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn wait(&self, stop: Stop) -> Wait {
        match stop {
            Stop::Read(needed) if self.payload_left() == 0 => {
                self.asks_for().map_or(Wait::Read(needed), Wait::Resend)
            }
            Stop::Read(_) | Stop::Payload => Wait::Payload(self.payload_left()),
            Stop::Write(needed) => Wait::Write(needed),
            Stop::Acknowledge => Wait::Acknowledge,
            Stop::Decide => Wait::Decide,
            Stop::Store => Wait::Store,
            Stop::Closed => Wait::Closed(self.cause()),
        }
    }

    /// Whether there is nothing to do but to take a packet.
    fn is_idle(&self) -> bool {
        let dropped = self.dropped.map_or(0, PacketId::get);
        let owed = self.session.outbox.first_owed() | self.session.inbox.first_queued();
        self.taken | dropped | owed == 0 && self.pings == 0 && !self.asked && self.phase == Phase::Open
    }

    /// Does what needs no packet, and looks whether one may be taken.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn do_owed<'i>(&mut self, input: &[u8], out: &mut (impl Sink + ?Sized)) -> Flow<Option<Event<'i>>> {
        if self.is_idle() {
            return Ok(None);
        }
        let settled = self.settle();
        // A store that fails must not keep a connection from its end.
        if self.phase < Phase::Closing {
            settled?;
        }
        match self.phase {
            Phase::Open => {
                self.send_owed(out);
                if let Some(id) = self.resend_next(out) {
                    return Ok(self.untold(id).map(|flight| Event::Dropped { id, flight }));
                }
                if self.asked {
                    // Nothing can be answered within a payload.
                    self.can_answer()?;
                    return Err(Stop::Decide);
                }
            }
            Phase::Opening | Phase::Authenticating => {}
            Phase::Deciding if self.authentication.is_wanted() => {
                input.first().map_or(Ok(()), |first| self.check_permitted(*first))?;
                return Err(Stop::Decide);
            }
            Phase::Idle | Phase::Deciding => return Err(Stop::Decide),
            Phase::Closing | Phase::Closed => return Err(self.say_farewell(out)),
        }
        Ok(None)
    }

    /// An acknowledgement that says only "success", as nearly every one does, at the front of the input: its type and
    /// identifier, and what is behind it. It need not be made a packet. Where code has to be small, it goes the way of the others.
    fn plain_ack<'i>(&self, input: &'i [u8]) -> Option<(Scope, PacketId, &'i [u8])> {
        if cfg!(feature = "small") {
            return None;
        }
        let (&[first, 2, high, low], rest) = input.split_first_chunk()? else { return None };
        if self.phase != Phase::Open || self.is_in_payload() || self.whole < 4 {
            return None;
        }
        PlainAck::read(first, [high, low]).map(|(scope, PlainAck(id))| (scope, id, rest))
    }

    /// Takes a packet from the front of the input.
    #[cfg_attr(not(feature = "small"), inline(always))]
    #[cfg_attr(feature = "small", inline(never))]
    fn receive<'i>(
        &mut self,
        input: &mut &'i [u8],
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        if self.is_in_payload() {
            return self.next_piece(input);
        }
        if let Some(&first) = input.first() {
            self.check_permitted(first)?;
        }
        let (frame, rest) = match Frame::split(input, self.whole as usize) {
            Ok(Split::Frame(frame, rest)) => (frame, rest),
            Ok(Split::Incomplete(needed)) => return Err(self.want(input.len(), needed)),
            Err(error) => return self.oversize(input, error.in_version(self.version)),
        };
        // Nothing is moved that need not be: a packet is large.
        let decoded = R::decode(self, frame);
        if Version::HAS_5 && !self.problem_information {
            decoded.as_ref().map_or(Ok(()), |packet| self.check_problem(packet))?;
        }
        let event = match &decoded {
            Err(error) => Err(self.fail((*error).into())),
            Ok(packet) if self.phase != Phase::Open => R::packet(self, packet, out),
            Ok(Packet::Publish(publish)) => self.published(publish),
            Ok(Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack)) => {
                self.explained(Scope::of(frame.packet_type()), ack, out)
            }
            Ok(packet) => R::packet(self, packet, out),
        };
        if event.is_ok() {
            *input = rest;
            self.progress();
        }
        event
    }

    /// An acknowledgement came that says more than "success", perhaps.
    #[inline(never)]
    fn explained<'i>(
        &mut self,
        packet: Scope,
        ack: &Ack<'i>,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        let Ack { packet_id: id, reason, properties } = *ack;
        let explains = Version::HAS_5 && (reason != ReasonCode::SUCCESS || !properties.is_empty());
        if !self.acknowledged(packet, id, reason, explains, out)? {
            return Ok(None);
        }
        // The peer had finished, but its PUBCOMP was lost with the connection before.
        let finished = packet == Scope::PUBCOMP && self.resumed;
        Ok(Some(match packet {
            Scope::PUBREC if !reason.is_error() => Event::Received { id, reason, properties },
            _ => Event::Acked { id, reason: if finished { ReasonCode::SUCCESS } else { reason }, properties },
        }))
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP came. Gives whether the application is told.
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn acknowledged(
        &mut self,
        packet: Scope,
        id: PacketId,
        reason: ReasonCode,
        explains: bool,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<bool> {
        match packet {
            Scope::PUBREL => self.pubrel(id, out).map(|()| false),
            Scope::PUBREC if reason.is_error() => self.acked(packet, id, Answer::PubrecError, explains, out),
            Scope::PUBREC => self.acked(packet, id, Answer::Pubrec, explains, out),
            Scope::PUBACK => self.acked(packet, id, Answer::Puback, explains, out),
            _ => self.acked(packet, id, Answer::Pubcomp, explains, out),
        }
    }

    /// A packet is beyond one of the limits of this side.
    #[cold]
    fn beyond(&mut self, kind: ErrorKind, field: Field, packet: Scope, value: u32, limit: u32) -> Stop {
        let cx = Context { version: self.version, sender: None, scope: packet };
        self.fail(ProtocolError::new(cx.violation(kind, field)).exceeds(value, limit))
    }

    /// The first byte of a packet says whether it has a place now.
    fn check_permitted(&mut self, first: u8) -> Flow<()> {
        let sender = R::SENDER.other();
        // Most packets are messages, and what belongs to them.
        if self.phase == Phase::Open && matches!(first >> 4, 3..=7) {
            return Ok(());
        }
        match PacketType::from_number(first >> 4) {
            Some(packet) if !is_in(permitted(sender, self.version, self.phase), packet) => {
                Err(self.misplaced(packet))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn misplaced(&mut self, packet: PacketType) -> Stop {
        let kind = match (packet, self.phase) {
            (_, Phase::Opening) if matches!(R::SENDER, Sender::Server) => ErrorKind::NotConnect,
            (PacketType::Auth, _) if !self.version.is_5() => ErrorKind::PacketType,
            _ if !packet.may_be_sent_by(R::SENDER.other(), self.version) => ErrorKind::Sender,
            (_, Phase::Deciding | Phase::Authenticating) => ErrorKind::AuthenticationPending,
            _ => ErrorKind::UnexpectedPacket,
        };
        self.violation(kind, Field::PacketType, Scope::of(packet))
    }

    /// A server tells of problems only where it may.
    #[cold]
    fn check_problem(&mut self, packet: &Packet<'_>) -> Flow<()> {
        let properties = match packet {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
                ack.properties
            }
            Packet::Suback(ack) | Packet::Unsuback(ack) => ack.properties,
            Packet::Auth(auth) => auth.properties,
            _ => return Ok(()),
        };
        let problem = properties.find(|id| id.group().meets(Unseen::PROBLEM));
        match problem {
            Some(id) if matches!(R::SENDER, Sender::Client) => {
                let scope = Scope::of(packet.packet_type());
                Err(self.violation(ErrorKind::ProblemInformation, Field::Property(id), scope))
            }
            _ => Ok(()),
        }
    }

    /// What to wait for when the input holds no whole packet, only `len` bytes of one.
    fn want(&mut self, len: usize, needed: usize) -> Stop {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.seen = self.seen.min(len);
        if len - self.seen >= SIGN_OF_LIFE {
            self.progress();
            self.seen = len;
        }
        if self.eof {
            self.close(Cause::Eof, Farewell::None);
            self.phase = Phase::Closed;
            return Stop::Closed;
        }
        Stop::Read(needed)
    }

    /// What the peer does not want to hear with most packets: the server's peer may say so.
    fn unwanted(&self) -> Unseen {
        match R::SENDER {
            Sender::Server if !self.problem_information => Unseen::PROBLEM,
            _ => Unseen::NOTHING,
        }
    }

    /// What is announced now: no more messages than the store has room for beside those of earlier connections.
    fn announce(&mut self) -> config::Announcement {
        let room = self.session.store.tables().incoming_capacity().saturating_sub(self.session.inbox.len());
        self.own.receive_maximum = self.own.receive_maximum.min(room).max(1);
        self.own_limits().announcement(self.version)
    }

    /// Whether a packet can be sent at all.
    fn check_open(&self) -> Result<(), UsageError> {
        if !self.is_open() {
            return Err(UsageError::NotConnected);
        }
        self.check_payload()
    }

    /// Nothing can be sent within a PUBLISH.
    fn check_payload(&self) -> Result<(), UsageError> {
        if self.payload_left() != 0 { Err(UsageError::PayloadPending(self.payload_left())) } else { Ok(()) }
    }

    /// A packet breaks a rule of the state that the connection is in.
    fn violation(&mut self, kind: ErrorKind, field: Field, packet: Scope) -> Stop {
        let cx = Context { version: self.version, sender: None, scope: packet };
        self.fail(ProtocolError::new(cx.violation(kind, field)))
    }
}
