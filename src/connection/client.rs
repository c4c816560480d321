//! What only a client does.

use core::borrow::Borrow;

use super::alias::{Aliases, NoAliases};
use super::auth::Authentication;
use super::config::{announced, asked_expiry, not_yours};
use super::{Cause, Config, Connection, Event, Farewell, Flow, LEAST, Phase, Role, Side, UsageError};
use crate::error::{DecodeError, ErrorKind, Field};
use crate::packet::{Connack, Connect, Packet, Suback, Subscribe, Subscription, Unsubscribe};
use crate::property::{Own, Properties};
use crate::session::{Answer, Flight, Record, Session, Store, StoreError, Tables};
use crate::spec::{PacketId, PropertyId, ReasonCode, Scope, Sender, Version};
use crate::time::Instant;
use crate::wire::{Encode, Frame, Seq, Sink};

/// The client's side of a connection. What both sides have (`handle`, `publish`, `ack`, `disconnect`, `poll_timeout` and
/// more) is in [`Connection`].
///
/// ```
/// use sans_mqtt::{Client, Config, Connect, Event, Fixed, Instant, Session, Step, Version, Wait};
///
/// let session = Session::new(Fixed::<4, 128, 4>::default());
/// let mut client = Client::new(Version::V3_1_1, &Config::default(), session);
/// let now = Instant::from_millis(0);
/// let mut out = Vec::new();
/// client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut out)?;
/// assert_eq!(out, b"\x10\x0D\0\x04MQTT\x04\x02\0\x3C\0\x01a"); // write it, and read the answer:
///
/// let mut input = &b"\x20\x02\0\0"[..];
/// assert!(matches!(client.handle(now, &mut input, &mut out), Step::Event(Event::Connected(_))));
/// assert!(matches!(client.handle(now, &mut input, &mut out), Step::Wait(Wait::Read(2))));
/// # Ok::<(), sans_mqtt::UsageError>(())
/// ```
pub type Client<S, A = NoAliases> = Connection<ClientRole, S, A>;

/// [`Client`].
#[derive(Debug)]
pub struct ClientRole {
    clean_start: bool,
    /// Whether the server has to choose the client identifier.
    nameless: bool,
}

impl Role for ClientRole {}

impl<S: Store> Client<S> {
    /// A client that speaks `version`, with a session of its own or one that it had before. A new one is
    /// `Session::<Heap>::default()`, for example: the store has to be named.
    pub fn new(version: Version, config: &Config, session: Session<S>) -> Self {
        Self::with_aliases(version, config, session, NoAliases::default())
    }
}

impl<S: Store, A: Aliases> Client<S, A> {
    /// The same with memory for Topic Aliases: a pair of tables, of which one may be [`NoTopics`](crate::NoTopics).
    ///
    /// ```
    /// use sans_mqtt::{Client, Config, FixedTopics, Heap, NoTopics, Session, Version};
    /// let config = Config { topic_alias_maximum: 10, ..Config::default() };
    /// let aliases = (FixedTopics::<10, 64>::default(), NoTopics); // incoming ones only
    /// let client = Client::with_aliases(Version::V5_0, &config, Session::<Heap>::default(), aliases);
    /// assert_eq!(client.own_limits().topic_alias_maximum, 10);
    /// ```
    pub fn with_aliases(version: Version, config: &Config, session: Session<S>, aliases: A) -> Self {
        Self::create(ClientRole { clean_start: true, nameless: false }, version, config, session, aliases)
    }

    /// What Clean Start has to be in the CONNECT of a client whose session is to stay: `true` in 5.0 as long as there is none to
    /// go on with, since the server may have one that the client knows nothing of `[MQTT-3.2.2-4]`; otherwise `false`, since
    /// before 5.0 the session would end with this connection.
    ///
    /// ```
    /// use sans_mqtt::{Client, Config, Heap, Session, Version};
    /// let client = |version| Client::new(version, &Config::default(), Session::<Heap>::default());
    /// assert!(client(Version::V5_0).clean_start());
    /// assert!(!client(Version::V3_1_1).clean_start());
    /// ```
    pub const fn clean_start(&self) -> bool {
        self.version.is_5() && !self.session.exists()
    }

    /// Sends CONNECT, once. The limits of the [`Config`] are added to its properties, where they must not be.
    ///
    /// Without Clean Start the connection ends if the server of 5.0 has a session and this client's does not
    /// [exist](Session::exists) `[MQTT-3.2.2-4]`.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] the second time, [`UsageError::NotYours`], [`UsageError::NoRoom`], [`UsageError::Encode`].
    pub fn connect(
        &mut self,
        now: Instant,
        connect: &Connect<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        if self.phase != Phase::Idle {
            return Err(UsageError::NotAsked);
        }
        not_yours(connect.properties)?;
        let limits = self.announce();
        self.send(&Own { packet: connect, properties: &limits }, Scope::CONNECT, out)?;
        self.tell(now);
        self.sent = true;
        self.phase = Phase::Opening;
        self.authentication = Authentication::begin(connect.properties);
        self.role.clean_start = connect.clean_start;
        // The server may have forgotten it from now on, whether CONNACK comes or not [MQTT-3.1.2-4].
        self.session.exists &= !connect.clean_start;
        self.role.nameless = connect.client_id.is_empty();
        self.deadline = self.now.plus_millis(self.connect_timeout);
        self.keep_alive = connect.keep_alive;
        self.problem_information = connect.properties.request_problem_information().unwrap_or(true);
        self.response_information = connect.properties.request_response_information().unwrap_or(false);
        self.asked_expiry = asked_expiry(self.version, connect);
        Ok(())
    }

    /// Subscribes. Gives the packet identifier that the [`Event::Suback`] will have.
    ///
    /// # Errors
    ///
    /// [`UsageError`]; nothing has changed then.
    pub fn subscribe(
        &mut self,
        filters: &[Subscription<'_>],
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        self.subscribe_to(filters, properties, out)
    }

    /// The filters are a slice, or a list that was recorded.
    pub(crate) fn subscribe_to<'f>(
        &mut self,
        filters: impl Copy + Into<Seq<'f, Subscription<'f>>> + IntoIterator<Item: Borrow<Subscription<'f>>>,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        if let Some(id) = self.service().not_available(filters, properties) {
            return Err(UsageError::NotAvailable(id));
        }
        let packet_id = self.free_id()?;
        let packet = Subscribe { packet_id, properties, filters: filters.into() };
        self.ask(Flight::Subscribe, packet_id, filters.into_iter().count(), &packet, out)
    }

    /// Unsubscribes. Gives the packet identifier that the [`Event::Unsuback`] will have.
    ///
    /// # Errors
    ///
    /// [`UsageError`]; nothing has changed then.
    pub fn unsubscribe(
        &mut self,
        filters: &[&str],
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        self.unsubscribe_from(filters, properties, out)
    }

    pub(crate) fn unsubscribe_from<'f>(
        &mut self,
        filters: impl Copy + Into<Seq<'f, &'f str>> + IntoIterator,
        properties: Properties<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        let packet_id = self.free_id()?;
        let packet = Unsubscribe { packet_id, properties, filters: filters.into() };
        self.ask(Flight::Unsubscribe, packet_id, filters.into_iter().count(), &packet, out)
    }

    fn free_id(&mut self) -> Result<PacketId, UsageError> {
        self.check_open()?;
        Ok(self.session.vacant().ok_or(StoreError::Full)?)
    }

    fn ask(
        &mut self,
        flight: Flight,
        id: PacketId,
        filters: usize,
        packet: &impl Encode,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        let scope = if flight == Flight::Subscribe { Scope::SUBSCRIBE } else { Scope::UNSUBSCRIBE };
        let lengths = self.prepare(packet, scope, self.headroom.into(), out)?;
        self.write(packet, scope, lengths, out);
        let slots = self.session.store.tables_mut().outgoing_mut();
        self.session.outbox.insert(slots, id, flight);
        self.session.outbox.set_filters(slots, id, filters);
        self.sent = true;
        Ok(id)
    }

    /// CONNACK came.
    fn connack<'i>(&mut self, connack: &Connack<'i>) -> Flow<Option<Event<'i>>> {
        if connack.reason != ReasonCode::SUCCESS {
            self.close(Cause::Refused(connack.reason), Farewell::None);
            return Ok(Some(Event::Refused(*connack)));
        }
        let properties = connack.properties;
        // First of all, since whatever else is wrong, what is said of it has to fit.
        (self.peer, self.service) = announced(properties);
        if self.peer.maximum_packet_size < LEAST {
            let field = Field::Property(PropertyId::MaximumPacketSize);
            return Err(self.violation(ErrorKind::MaximumPacketSize, field, Scope::CONNACK));
        }
        let assigned = properties.assigned_client_identifier();
        if self.version.is_5() && self.role.nameless && assigned.is_none() {
            let field = Field::Property(PropertyId::AssignedClientIdentifier);
            return Err(self.violation(ErrorKind::MissingProperty, field, Scope::CONNACK));
        }
        if !self.authentication.is_same(properties) {
            let field = Field::Property(PropertyId::AuthenticationMethod);
            return Err(self.violation(ErrorKind::AuthenticationMethod, field, Scope::CONNACK));
        }
        self.resumed = self.agree_on_session(connack.session_present)?;
        self.session.epoch = self.session.epoch.wrapping_add(1);
        self.authentication.end();
        self.phase = Phase::Open;
        // 3.1 does not say.
        self.accepted = Some(connack.session_present || self.resumed && self.version.is_3_1());
        self.session.come_back(self.now);
        self.deadline = Instant::NEVER;
        self.session.expiry = properties.session_expiry_interval().unwrap_or(self.asked_expiry);
        if let Some(seconds) = properties.server_keep_alive() {
            self.keep_alive = seconds;
        }
        Ok(Some(Event::Connected(*connack)))
    }

    /// SUBACK or UNSUBACK came, with a reason code for each topic filter; before 5.0 an UNSUBACK has none.
    fn filters_answered(&mut self, answer: &Suback<'_>, by: Answer, packet: Scope) -> Flow<()> {
        let id = answer.packet_id;
        self.answered(id, by, packet)?;
        let counts = by == Answer::Suback || self.version.is_5();
        let count = answer.reasons.len();
        if counts && !self.session.outbox.has_filters(self.session.store.tables().outgoing(), id, count) {
            return Err(self.violation(ErrorKind::ReasonCount, Field::ReasonCode, packet));
        }
        self.session.drop_flight(id);
        Ok(())
    }

    /// Whether the session goes on, for which both sides have to have it.
    fn agree_on_session(&mut self, present: bool) -> Flow<bool> {
        let (clean, exists) = (self.role.clean_start, self.session.exists);
        // Before 5.0 a client without a session may go on with the server's.
        if present && (clean || !exists && self.version.is_5()) {
            return Err(self.violation(ErrorKind::SessionState, Field::SessionPresent, Scope::CONNACK));
        }
        // 3.1 does not tell.
        if !clean && exists && (present || self.version.is_3_1()) {
            self.session.go_on();
            return Ok(true);
        }
        // 3.1.1 sends in a new session what was not acknowledged in the one before [MQTT-4.4.0-1], unless that ended with
        // its connection [MQTT-3.1.2-6].
        let lost = clean || !exists || self.version.is_5();
        self.record(&Record::Begin { lost })?;
        self.session.begin(lost);
        Ok(!lost)
    }
}

impl Side for ClientRole {
    const SENDER: Sender = Sender::Client;

    fn decode<'i, S: Store, A: Aliases>(
        connection: &mut Client<S, A>,
        frame: Frame<'i>,
    ) -> Result<Packet<'i>, DecodeError> {
        Packet::decode_from(connection.version, Sender::Server, frame)
    }

    fn packet<'i, S: Store, A: Aliases>(
        connection: &mut Client<S, A>,
        packet: &Packet<'i>,
        _: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        match packet {
            Packet::Auth(auth) if Version::HAS_5 => connection.authenticated(auth),
            Packet::Connack(connack) => connection.connack(connack),
            Packet::Suback(suback) => {
                connection.filters_answered(suback, Answer::Suback, Scope::SUBACK)?;
                Ok(Some(Event::Suback(*suback)))
            }
            Packet::Unsuback(unsuback) => {
                connection.filters_answered(unsuback, Answer::Unsuback, Scope::UNSUBACK)?;
                Ok(Some(Event::Unsuback(*unsuback)))
            }
            Packet::Pingresp => {
                // No answer to a PINGREQ that has not been sent.
                connection.deadline = match connection.pings > 0 {
                    true => connection.now.plus_millis(connection.ping_timeout),
                    false => Instant::NEVER,
                };
                Ok(None)
            }
            Packet::Disconnect(disconnect) if Version::HAS_5 => {
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(*disconnect)))
            }
            // Not permitted, or dealt with before.
            _ => Ok(None),
        }
    }

    fn refusal<S: Store, A: Aliases>(connection: &Client<S, A>, error: &super::ProtocolError) -> Farewell {
        connection.last_word(error.reason())
    }

    /// A will is the server's to publish.
    fn will<S, A>(_: &Client<S, A>) -> Option<u32> {
        None
    }

    /// The longest silence that Keep Alive allows.
    fn deadline<S, A>(connection: &Client<S, A>) -> Instant {
        match connection.keep_alive {
            0 => Instant::NEVER,
            seconds => connection.active.plus_millis(u32::from(seconds) * 1000),
        }
    }

    fn timeout<S: Store, A: Aliases>(connection: &mut Client<S, A>) {
        connection.pings = 1;
        // The first one that is not answered counts.
        connection.deadline = connection.deadline.min(connection.now.plus_millis(connection.ping_timeout));
        connection.active = connection.now;
    }
}
