//! What only a server does.

use super::auth::Authentication;
use super::output::Output;
use super::{
    Cause, Config, Connection, Event, Farewell, Flow, Limits, Phase, Role, Side, Timer, UsageError, Wait,
};
use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{Connack, Connect, Packet, PacketId, Suback, Subscribe};
use crate::property::{Properties, PropertyId};
use crate::reason::ReasonCode;
use crate::session::{Record, Session, Store};
use crate::time::Instant;
use crate::version::{Sender, Version};
use crate::wire::{Frame, PacketType, Scope, Seq, Sink};

/// The server's side of a connection with one client.
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
pub type Server<S> = Connection<ServerRole, S>;

/// [`Server`].
#[derive(Debug)]
pub struct ServerRole {
    /// Of the CONNECT that the application decides on.
    clean_start: bool,
    /// Whether it has no client identifier.
    nameless: bool,
    /// The packet that the application has to answer, the number of its filters, and what the answer is.
    asked: Option<(PacketId, PacketType, usize)>,
}

impl Role for ServerRole {}

impl<S: Store> Server<S> {
    /// A server that waits for a CONNECT from now on, with an empty session.
    pub fn new(now: Instant, config: &Config, empty: Session<S>) -> Self {
        let role = ServerRole { clean_start: true, nameless: false, asked: None };
        let mut server = Self::create(role, Version::V5_0, config, empty);
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
    /// The session, if there is no CONNECT to decide on, or one that asks for a clean start.
    pub fn resume(&mut self, session: Session<S>) -> Result<Session<S>, Session<S>> {
        if self.phase != Phase::Deciding || self.role.clean_start {
            return Err(session);
        }
        Ok(core::mem::replace(&mut self.session, session))
    }

    /// Accepts the client: sends CONNACK with these properties and the limits of the [`Config`].
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if there is no CONNECT to decide on; [`UsageError::Encode`], [`UsageError::Store`].
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
        let resumed = self.session.exists;
        let limits = self.announce();
        let session_present = resumed && self.version != Version::V3_1;
        let store = &mut self.session.store;
        let record = || {
            if !resumed {
                store.record(&Record::Begin { lost: true })?;
            }
            Ok(())
        };
        let mut output = Output::new(out, self.limits.maximum_packet_size, 0, record);
        let connack = Connack { session_present, reason: ReasonCode::SUCCESS, properties };
        let written = connack.encode_with(self.version, &limits, &mut output);
        output.done(written)?;
        if resumed {
            self.session.go_on();
        } else {
            self.session.begin(true);
        }
        self.resumed = resumed;
        self.session.epoch = self.session.epoch.wrapping_add(1);
        self.session.expiry = properties.session_expiry_interval().unwrap_or(self.expiry);
        if let Some(keep_alive) = properties.server_keep_alive() {
            self.keep_alive = keep_alive;
        }
        self.authentication.end();
        self.phase = Phase::Open;
        self.deadline = Instant::NEVER;
        self.whole = self.own_limits.maximum_packet_size.min(self.stream_above).max(1);
        self.active = self.now;
        self.answered = true;
        Ok(())
    }

    /// Refuses the client, with the code nearest to `reason` that its version has, if there is one.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if there is no CONNECT to decide on, or `reason` is no error.
    pub fn reject(&mut self, reason: ReasonCode) -> Result<(), UsageError> {
        if self.phase != Phase::Deciding || !reason.is_error() {
            return Err(UsageError::NotAsked);
        }
        let farewell = match reason.nearest_in(PacketType::Connack, self.version) {
            Some(reason) => Farewell::Connack(reason),
            None => Farewell::None,
        };
        self.close(Cause::Refused(reason), farewell);
        Ok(())
    }

    /// Answers the SUBSCRIBE of the last event, with one reason code for each topic filter, in order.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`], [`UsageError::ReasonCount`], [`UsageError::Encode`]. There is room for it if it is called
    /// at once.
    pub fn suback(
        &mut self,
        reasons: &[ReasonCode],
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
        self.answer(PacketType::Unsuback, reasons, properties, out)
    }

    fn answer(
        &mut self,
        with: PacketType,
        reasons: &[ReasonCode],
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        self.check_open()?;
        let Some((packet_id, _, filters)) = self.role.asked.filter(|(_, asked, _)| *asked == with) else {
            return Err(UsageError::NotAsked);
        };
        if filters != reasons.len() {
            return Err(UsageError::ReasonCount { filters, reasons: reasons.len() });
        }
        let suback = with == PacketType::Suback;
        let reasons = if suback || self.version.is_5() { Seq::from(reasons) } else { Seq::EMPTY };
        let answer = Suback { packet_id, properties, reasons };
        let packet = if suback { Packet::Suback(answer) } else { Packet::Unsuback(answer) };
        let mut output = Output::new(out, self.limits.maximum_packet_size, 0, || Ok(()));
        let written = packet.encode_from(self.version, Sender::Server, &mut output);
        output.done(written)?;
        self.role.asked = None;
        self.asked = false;
        self.answered = true;
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
            return Err(Wait::Write(size).into());
        }
        self.role.asked = Some((id, with, filters));
        self.asked = true;
        Ok(())
    }

    /// CONNECT came.
    fn connected<'i>(&mut self, connect: Connect<'i>) -> Flow<Option<Event<'i>>> {
        // An empty client identifier is for the server to replace, in a session that nobody can ask for again, or in 5.0.
        let nameless = connect.client_id.is_empty();
        if nameless
            && (self.version == Version::V3_1 || self.version == Version::V3_1_1 && !connect.clean_start)
        {
            return Err(self.violation(ErrorKind::ClientId, Field::ClientId, Scope::CONNECT));
        }
        if let Some(will) = connect.will.filter(|_| self.version.is_5()) {
            if will.qos > self.own_limits.maximum_qos {
                return Err(self.violation(ErrorKind::MaximumQos, Field::WillQos, Scope::CONNECT));
            }
            if will.retain && !self.own_limits.retain_available {
                return Err(self.violation(ErrorKind::RetainNotAvailable, Field::WillRetain, Scope::CONNECT));
            }
        }
        let properties = connect.properties;
        self.limits = Limits::announced(properties);
        self.keep_alive = connect.keep_alive;
        self.role.clean_start = connect.clean_start;
        self.expiry = match self.version {
            Version::V5_0 => properties.session_expiry_interval().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        self.role.nameless = nameless;
        self.authentication = Authentication::begin(properties);
        self.phase = Phase::Deciding;
        Ok(Some(Event::Connect(connect)))
    }

    /// A client may ask only for what it was told that there is.
    fn check_subscribe(&self, subscribe: &Subscribe<'_>) -> Flow<()> {
        let (filters, properties) = (subscribe.filters.iter(), subscribe.properties);
        let missing =
            self.version.is_5().then(|| self.own_limits.not_available(filters, properties)).flatten();
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
            // The return code of 3.1.1 is what old clients know, the reason code what later ones will.
            Err(error) if error.kind() == ErrorKind::ProtocolLevel && error.value() > 5 => Version::V5_0,
            Err(_) => Version::V3_1_1,
        };
        Packet::decode_from(version?, Sender::Client, frame)
    }
}

impl Side for ServerRole {
    const SENDER: Sender = Sender::Server;

    #[inline(always)]
    fn decode<'i, S: Store>(connection: &mut Server<S>, frame: Frame<'i>) -> Result<Packet<'i>, DecodeError> {
        if connection.phase == Phase::Opening {
            return connection.first(frame);
        }
        Packet::decode_from(connection.version, Sender::Client, frame)
    }

    fn packet<'i, S: Store>(
        connection: &mut Server<S>,
        packet: &Packet<'i>,
        out: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        let opening = connection.phase != Phase::Open;
        match *packet {
            Packet::Connect(connect) if connection.phase == Phase::Opening => connection.connected(connect),
            Packet::Auth(ref auth) if connection.phase != Phase::Opening => connection.authenticated(auth),
            // Instead of going on with the authentication, a client may give up [MQTT-3.1.2-30].
            Packet::Disconnect(disconnect) if connection.phase == Phase::Authenticating => {
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            packet if opening => Err(connection.unexpected(&packet)),
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
                let Some(pongs) = connection.pongs.checked_add(1) else {
                    connection.can_answer()?;
                    return Err(Wait::Write(2).into());
                };
                connection.pongs = pongs;
                Ok(None)
            }
            Packet::Disconnect(disconnect) => {
                if let Some(expiry) = disconnect.properties.session_expiry_interval() {
                    if connection.session.expiry == 0 && expiry != 0 {
                        let field = Field::Property(PropertyId::SessionExpiryInterval);
                        return Err(connection.violation(ErrorKind::SessionExpiry, field, Scope::DISCONNECT));
                    }
                    connection.session.expiry = expiry;
                }
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            packet => Err(connection.unexpected(&packet)),
        }
    }

    /// A client of another version is told that it is one `[MQTT-3.1.2-2]`, and one of 5.0 what is wrong.
    fn refusal<S: Store>(connection: &Server<S>, error: &super::ProtocolError) -> Farewell {
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

    /// One and a half times the Keep Alive `[MQTT-3.1.2-22]`.
    fn deadline<S>(connection: &Server<S>) -> Instant {
        match connection.keep_alive {
            0 => Instant::NEVER,
            // What the client sends meanwhile is not looked at.
            _ if connection.asked => Instant::NEVER,
            seconds => connection.active.plus_millis(u32::from(seconds) * 1500),
        }
    }

    fn timeout<S: Store>(connection: &mut Server<S>) {
        let farewell = connection.last_word(ReasonCode::KEEP_ALIVE_TIMEOUT);
        connection.close(Cause::Timeout(Timer::KeepAlive), farewell);
    }
}
