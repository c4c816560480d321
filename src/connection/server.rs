//! What only a server does.

use super::alias::{Aliases, NoAliases};
use super::auth::Authentication;
use super::config::{announced, asked_expiry, not_yours};
use super::output::fitting;
use super::{
    Cause, Config, Connection, Event, Farewell, Flow, LEAST, Phase, Role, Side, Stop, Timer, UsageError,
};
use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{Connack, Connect, Nearest, Packet, Suback, Subscribe};
use crate::property::{Own, Properties};
use crate::session::{Record, Session, Store};
use crate::spec::{PacketId, PacketType, PropertyId, ReasonCode, Scope, Sender, Version};
use crate::time::Instant;
use crate::wire::{Frame, Seq, Sink, Unseen};

/// The server's side of a connection with one client. What both sides have (`handle`, `publish`, `ack`, `disconnect`,
/// `poll_timeout` and more) is in [`Connection`].
///
/// ```
/// use sans_mqtt::{Config, Event, Heap, Instant, Properties, Server, Session, Step, Wait};
///
/// let now = Instant::from_millis(0);
/// let mut server: Server<Heap> = Server::new(now, &Config::default(), Session::default());
/// let (mut input, mut out) = (&b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a"[..], Vec::new());
/// let Step::Event(Event::Connect(connect)) = server.handle(now, &mut input, &mut out) else { panic!() };
/// assert_eq!(connect.client_id, "a");
/// server.accept(Properties::EMPTY, &mut out)?;
/// assert_eq!(out, b"\x20\x02\0\0");
/// assert!(matches!(server.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
/// # Ok::<(), sans_mqtt::UsageError>(())
/// ```
pub type Server<S, A = NoAliases> = Connection<ServerRole, S, A>;

/// [`Server`].
#[derive(Debug)]
pub struct ServerRole {
    /// Of the CONNECT that the application decides on.
    clean_start: bool,
    /// Whether it has no client identifier.
    nameless: bool,
    /// Whether it has a will, and the delay of that in seconds.
    will: bool,
    will_delay: u32,
    /// The most that is agreed to, in seconds; 0: any Keep Alive.
    maximum_keep_alive: u16,
    maximum_session_expiry: u32,
    /// The packet that the application has to answer, the number of its filters, and what the answer is.
    asked: Option<(PacketId, PacketType, u32)>,
}

impl Role for ServerRole {}

impl<S: Store> Server<S> {
    /// A server that waits for a CONNECT from now on, with an empty session.
    pub fn new(now: Instant, config: &Config, empty: Session<S>) -> Self {
        Self::with_aliases(now, config, empty, NoAliases::default())
    }
}

impl<S: Store, A: Aliases> Server<S, A> {
    /// The same with memory for Topic Aliases; see [`Client::with_aliases`](crate::Client::with_aliases).
    pub fn with_aliases(now: Instant, config: &Config, empty: Session<S>, aliases: A) -> Self {
        let role = ServerRole {
            clean_start: true,
            nameless: false,
            will: false,
            will_delay: 0,
            maximum_keep_alive: config.maximum_keep_alive,
            maximum_session_expiry: config.maximum_session_expiry,
            asked: None,
        };
        let mut server = Self::create(role, Version::OF_STRANGERS, config, empty, aliases);
        server.service = config.service();
        server.whole = server.whole.min(config.maximum_connect_size);
        server.now = now;
        server.deadline = now + config.connect_timeout;
        server.phase = Phase::Opening;
        server
    }

    /// Goes on with the session that the client had, before [`accept`](Self::accept). Gives the empty one back.
    ///
    /// # Errors
    ///
    /// The session, if there is no CONNECT to decide on, or one that asks for a clean start, or if the session is over by
    /// now: [`end`](crate::Session::end) it.
    ///
    /// The times of a session are those of one clock, the same for all its connections.
    pub fn resume(&mut self, session: Session<S>) -> Result<Session<S>, Session<S>> {
        let over = session.timers().end.is_some_and(|end| end <= self.now);
        if self.phase != Phase::Deciding || self.role.clean_start || over {
            return Err(session);
        }
        Ok(core::mem::replace(&mut self.session, session))
    }

    /// Accepts the client: sends CONNACK with these properties and the limits of the [`Config`]. Response Information is
    /// left out if the client did not ask for it, and Reason String and User Properties if they are too much for it.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if there is no CONNECT to decide on; [`UsageError::NotYours`], [`UsageError::AuthenticationMethod`] and
    /// [`UsageError::AssignedClientIdentifier`] if these properties do not go with it; [`UsageError::TooLarge`] if the client
    /// takes no CONNACK of that size: `reject` it; [`UsageError::NoRoom`], [`UsageError::Encode`], [`UsageError::Store`].
    pub fn accept(
        &mut self,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        if self.phase != Phase::Deciding {
            return Err(UsageError::NotAsked);
        }
        if !self.authentication.is_same(properties) {
            return Err(UsageError::AuthenticationMethod);
        }
        let assigned = properties.assigned_client_identifier().is_some();
        if self.version.is_5() && self.role.nameless != assigned {
            return Err(UsageError::AssignedClientIdentifier);
        }
        not_yours(properties)?;
        let resumed = self.session.exists && !self.role.clean_start;
        let (keep_alive, expiry) = self.agree_on_time(properties);
        let mut limits = self.announce();
        if let ([of_keep_alive, of_expiry, ..], true) = (&mut limits, self.version.is_5()) {
            // What is not as the client asked for has to be told, unless the application does.
            if keep_alive != self.keep_alive && properties.server_keep_alive().is_none() {
                *of_keep_alive = Some((PropertyId::ServerKeepAlive, keep_alive.into()));
            }
            if expiry != self.asked_expiry && properties.session_expiry_interval().is_none() {
                *of_expiry = Some((PropertyId::SessionExpiryInterval, expiry));
            }
        }
        let session_present = resumed && !self.version.is_3_1();
        let unwanted = if self.response_information { Unseen::NOTHING } else { Unseen::RESPONSE };
        fitting(properties, unwanted, |properties| {
            let connack = Connack { session_present, reason: ReasonCode::SUCCESS, properties };
            let own = Own { packet: &connack, properties: &limits };
            let lengths = self.prepare(&own, Scope::CONNACK, 0, out)?;
            if !resumed {
                self.session.store.record(&Record::Begin { lost: true })?;
            }
            self.write(&own, Scope::CONNACK, lengths, out);
            Ok(())
        })?;
        if resumed {
            self.session.go_on();
        } else {
            self.session.begin(true);
        }
        self.resumed = resumed;
        self.session.epoch = self.session.epoch.wrapping_add(1);
        (self.keep_alive, self.session.expiry) = (keep_alive, expiry);
        self.authentication.end();
        self.phase = Phase::Open;
        self.accepted = Some(resumed);
        self.session.come_back(self.now);
        self.deadline = Instant::NEVER;
        self.whole = self.own.maximum_packet_size.min(self.stream_above).max(1);
        self.active = self.now;
        self.untimed = true;
        Ok(())
    }

    /// The Keep Alive and Session Expiry Interval in force: what the application says, or else what the client asks for as far
    /// as the limits go. A client that can't be told otherwise keeps its Keep Alive.
    fn agree_on_time(&self, properties: Properties<'_>) -> (u16, u32) {
        let keep_alive = match (self.keep_alive, self.role.maximum_keep_alive) {
            (asked, 0) => asked,
            (asked, _) if !self.version.is_5() => asked,
            (0, maximum) => maximum,
            (asked, maximum) => asked.min(maximum),
        };
        let expiry = self.asked_expiry.min(self.role.maximum_session_expiry);
        (
            properties.server_keep_alive().unwrap_or(keep_alive),
            properties.session_expiry_interval().unwrap_or(expiry),
        )
    }

    /// Refuses the client, with the code nearest to `reason` that its version has, if there is one. The properties, a Server
    /// Reference for example, are for clients of 5.0.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if there is no CONNECT to decide on, or `reason` is no error. With properties also
    /// [`UsageError::NoRoom`], [`UsageError::Encode`] and [`UsageError::TooLarge`].
    pub fn reject(
        &mut self,
        reason: ReasonCode,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        if self.phase != Phase::Deciding || !reason.is_error() {
            return Err(UsageError::NotAsked);
        }
        let farewell = match reason.nearest_in(PacketType::Connack, self.version) {
            Some(reason) if self.version.is_5() && !properties.is_empty() => {
                fitting(properties, Unseen::NOTHING, |properties| {
                    let connack = Connack { session_present: false, reason, properties };
                    self.send(&connack, Scope::CONNACK, out)
                })?;
                Farewell::None
            }
            Some(reason) => Farewell::Connack(reason),
            None => Farewell::None,
        };
        self.close(Cause::Refused(reason), farewell);
        self.untimed = true;
        Ok(())
    }

    /// Answers the SUBSCRIBE of the last event, with one reason code for each topic filter, in order. Before 5.0 each is sent as
    /// the [nearest](ReasonCode::nearest_in) that there is.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`], [`UsageError::ReasonCount`], [`UsageError::Encode`]: of a code that is not SUBACK's, or of any error
    /// in 3.1, which can only grant; [`UsageError::TooLarge`] if the client takes no answer of that size. There is room for it if
    /// it is called at once. A client that gets no answer has to be sent away: `disconnect`.
    pub fn suback(
        &mut self,
        reasons: &[ReasonCode],
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.suback_with(reasons.into(), properties, out)
    }

    pub(crate) fn suback_with(
        &mut self,
        reasons: Seq<'_, ReasonCode>,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.answer(PacketType::Suback, reasons, properties, out)
    }

    /// Answers the UNSUBSCRIBE of the last event, with one reason code for each topic filter, in order; they are only
    /// sent in 5.0.
    ///
    /// # Errors
    ///
    /// As [`suback`](Self::suback).
    pub fn unsuback(
        &mut self,
        reasons: &[ReasonCode],
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.unsuback_with(reasons.into(), properties, out)
    }

    pub(crate) fn unsuback_with(
        &mut self,
        reasons: Seq<'_, ReasonCode>,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.answer(PacketType::Unsuback, reasons, properties, out)
    }

    fn answer(
        &mut self,
        with: PacketType,
        reasons: Seq<'_, ReasonCode>,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.check_open()?;
        let Some((packet_id, _, filters)) = self.role.asked.filter(|(_, asked, _)| *asked == with) else {
            return Err(UsageError::NotAsked);
        };
        let (filters, given) = (filters as usize, reasons.iter().count());
        if filters != given {
            return Err(UsageError::ReasonCount { filters, reasons: given });
        }
        let suback = with == PacketType::Suback;
        let reasons = if suback || self.version.is_5() { reasons } else { Seq::EMPTY };
        fitting(properties, self.unwanted(), |properties| {
            let answer = Suback { packet_id, properties, reasons };
            match self.version.is_5() {
                true => self.send(&answer, Scope::of(with), out),
                false => self.send(&Nearest(answer), Scope::of(with), out),
            }
        })?;
        self.role.asked = None;
        self.asked = false;
        Ok(())
    }

    /// Has the application answer a SUBSCRIBE or UNSUBSCRIBE, if the answer will fit.
    fn ask(
        &mut self,
        id: PacketId,
        with: PacketType,
        filters: usize,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<()> {
        // A fixed header, the identifier, a property length, and a reason code for each filter.
        let size = 5 + 2 + 1 + filters;
        self.can_answer()?;
        if !out.reserve(size) {
            return Err(Stop::Write(size));
        }
        // No packet has more than fit into 32 bits.
        self.role.asked = Some((id, with, u32::try_from(filters).unwrap_or(u32::MAX)));
        self.asked = true;
        Ok(())
    }

    /// CONNECT came.
    fn connected<'i>(&mut self, connect: Connect<'i>) -> Flow<Option<Event<'i>>> {
        let properties = connect.properties;
        // First of all, since whatever else is wrong, what is said of it has to fit.
        (self.peer, _) = announced(properties);
        if self.peer.maximum_packet_size < LEAST {
            let field = Field::Property(PropertyId::MaximumPacketSize);
            return Err(self.violation(ErrorKind::MaximumPacketSize, field, Scope::CONNECT));
        }
        if connect.lacks_client_id(self.version) {
            return Err(self.violation(ErrorKind::ClientId, Field::ClientId, Scope::CONNECT));
        }
        if let Some(will) = connect.will.filter(|_| self.version.is_5()) {
            if will.qos > self.service.maximum_qos {
                return Err(self.violation(ErrorKind::MaximumQos, Field::WillQos, Scope::CONNECT));
            }
            if will.retain && !self.service.retain_available {
                return Err(self.violation(ErrorKind::RetainNotAvailable, Field::WillRetain, Scope::CONNECT));
            }
        }
        self.problem_information = properties.request_problem_information().unwrap_or(true);
        self.response_information = properties.request_response_information().unwrap_or(false);
        self.keep_alive = connect.keep_alive;
        self.role.clean_start = connect.clean_start;
        self.asked_expiry = asked_expiry(self.version, &connect);
        self.role.nameless = connect.client_id.is_empty();
        self.role.will = connect.will.is_some();
        let delay = connect.will.and_then(|will| will.properties.will_delay_interval());
        self.role.will_delay = delay.unwrap_or(0);
        self.authentication = Authentication::begin(properties);
        self.phase = Phase::Deciding;
        Ok(Some(Event::Connect(connect)))
    }

    /// A client may ask only for what it was told that there is.
    fn check_subscribe(&mut self, subscribe: &Subscribe<'_>) -> Flow<()> {
        let (filters, properties) = (subscribe.filters.iter(), subscribe.properties);
        let missing = self.version.is_5().then(|| self.service.not_available(filters, properties)).flatten();
        let (kind, field) = match missing {
            None => return Ok(()),
            Some(PropertyId::WildcardSubscriptionAvailable) => {
                (ErrorKind::WildcardNotAvailable, Field::TopicFilter)
            }
            Some(PropertyId::SharedSubscriptionAvailable) => {
                (ErrorKind::SharedNotAvailable, Field::TopicFilter)
            }
            Some(_) => {
                let field = Field::Property(PropertyId::SubscriptionIdentifier);
                (ErrorKind::SubscriptionIdNotAvailable, field)
            }
        };
        Err(self.violation(kind, field, Scope::SUBSCRIBE))
    }

    /// What the first packet is, if it is a CONNECT.
    fn first<'i>(&mut self, frame: Frame<'i>) -> Result<Packet<'i>, DecodeError> {
        let version = Connect::version(frame);
        self.version = match &version {
            Ok(version) => *version,
            // The return code of 3.1.1 is what old clients know, the reason code what later ones will. The highest bit is set
            // by bridges of the old versions, which try again without it when they are told.
            Err(error) if error.kind() == ErrorKind::ProtocolLevel && (6..0x80).contains(&error.value()) => {
                Version::NEWEST
            }
            Err(_) => Version::OF_STRANGERS,
        };
        Packet::decode_from(version?, Sender::Client, frame)
    }
}

impl Side for ServerRole {
    const SENDER: Sender = Sender::Server;

    fn decode<'i, S: Store, A: Aliases>(
        connection: &mut Server<S, A>,
        frame: Frame<'i>,
    ) -> Result<Packet<'i>, DecodeError> {
        if connection.phase == Phase::Opening {
            return connection.first(frame);
        }
        Packet::decode_from(connection.version, Sender::Client, frame)
    }

    fn packet<'i, S: Store, A: Aliases>(
        connection: &mut Server<S, A>,
        packet: &Packet<'i>,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        match *packet {
            Packet::Connect(connect) => connection.connected(connect),
            Packet::Auth(ref auth) => connection.authenticated(auth),
            // Instead of going on with the authentication, a client may give up [MQTT-3.1.2-30].
            Packet::Disconnect(disconnect) if connection.phase == Phase::Authenticating => {
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            Packet::Subscribe(subscribe) => {
                connection.check_subscribe(&subscribe)?;
                let filters = subscribe.filters.iter().count();
                connection.ask(subscribe.packet_id, PacketType::Suback, filters, out)?;
                Ok(Some(Event::Subscribe(subscribe)))
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filters = unsubscribe.filters.iter().count();
                connection.ask(unsubscribe.packet_id, PacketType::Unsuback, filters, out)?;
                Ok(Some(Event::Unsubscribe(unsubscribe)))
            }
            Packet::Pingreq => {
                let Some(pings) = connection.pings.checked_add(1) else {
                    connection.can_answer()?;
                    return Err(Stop::Write(2));
                };
                connection.pings = pings;
                Ok(None)
            }
            Packet::Disconnect(disconnect) => {
                if let Some(expiry) = disconnect.properties.session_expiry_interval() {
                    if connection.asked_expiry == 0 && expiry != 0 {
                        let field = Field::Property(PropertyId::SessionExpiryInterval);
                        return Err(connection.violation(ErrorKind::SessionExpiry, field, Scope::DISCONNECT));
                    }
                    // Not beyond what this side agrees to, or has agreed to already.
                    let most = connection.role.maximum_session_expiry.max(connection.session.expiry);
                    connection.session.expiry = expiry.min(most);
                }
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            // Not permitted, or dealt with before.
            _ => Ok(None),
        }
    }

    /// A client of another version is told that it is one `[MQTT-3.1.2-2]`, and one of 5.0 what is wrong.
    fn refusal<S: Store, A: Aliases>(connection: &Server<S, A>, error: &super::ProtocolError) -> Farewell {
        let reason = error.reason();
        let connect = error.violation().packet_type() == Some(PacketType::Connect);
        let told = match error.kind() {
            ErrorKind::ProtocolLevel | ErrorKind::ClientId => true,
            _ => connect && connection.version.is_5(),
        };
        if told && reason.is_allowed_in(PacketType::Connack, connection.version) {
            Farewell::Connack(reason)
        } else {
            Farewell::None
        }
    }

    /// Only DISCONNECT with reason code 0x00 takes the will back `[MQTT-3.1.2-10]` `[MQTT-3.14.4-3]`.
    fn will<S, A>(connection: &Server<S, A>) -> Option<u32> {
        let left = connection.role.will && connection.cause() != Cause::Peer(ReasonCode::SUCCESS);
        left.then_some(connection.role.will_delay)
    }

    /// One and a half times the Keep Alive `[MQTT-3.1.2-22]`.
    fn deadline<S, A>(connection: &Server<S, A>) -> Instant {
        match connection.keep_alive {
            0 => Instant::NEVER,
            seconds => connection.active.plus_millis(u32::from(seconds) * 1500),
        }
    }

    fn timeout<S: Store, A: Aliases>(connection: &mut Server<S, A>) {
        let farewell = connection.last_word(ReasonCode::KEEP_ALIVE_TIMEOUT);
        connection.close(Cause::Timeout(Timer::KeepAlive), farewell);
    }
}
