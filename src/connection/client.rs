//! What only a client does.

use super::output::Output;
use super::{Cause, Config, Connection, Event, Farewell, Flow, Limits, Phase, Role, Side, UsageError};
use crate::error::{ErrorKind, Field};
use crate::packet::{Connack, Connect, Packet, PacketId, Qos, Subscribe, Subscription, Unsubscribe};
use crate::property::{Properties, Property};
use crate::reason::ReasonCode;
use crate::session::{Answer, Answered, Flight, Record, Session, Store, StoreError};
use crate::time::Instant;
use crate::version::{Sender, Version};
use crate::wire::{Frame, Scope, Sink};

/// The client's side of a connection.
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
pub type Client<S> = Connection<ClientRole, S>;

/// [`Client`].
#[derive(Debug)]
pub struct ClientRole {
    clean_start: bool,
    /// In milliseconds.
    connect_timeout: u32,
}

impl Role for ClientRole {}

impl<S: Store> Client<S> {
    /// A client that speaks `version`, with a session of its own or one that it had before.
    pub fn new(version: Version, config: &Config, session: Session<S>) -> Self {
        let connect_timeout = u32::try_from(config.connect_timeout.as_millis()).unwrap_or(u32::MAX);
        Self::create(ClientRole { clean_start: true, connect_timeout }, version, config, session)
    }

    /// Sends CONNECT, once. The limits of the [`Config`] are added to its properties.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] the second time, [`UsageError::NoRoom`], [`UsageError::Encode`].
    pub fn connect(
        &mut self,
        now: Instant,
        connect: &Connect<'_>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<(), UsageError> {
        if self.phase != Phase::Idle {
            return Err(UsageError::NotAsked);
        }
        let receive_maximum = self.announced_receive_maximum();
        let limits = [
            Property::ReceiveMaximum(receive_maximum),
            Property::MaximumPacketSize(self.maximum_packet_size),
        ];
        let limits: &[Property<'_>] = if self.version.is_5() { &limits } else { &[] };
        let mut output = Output::new(out, u32::MAX, 0, || Ok(()));
        let written = connect.encode_with(self.version, limits, &mut output);
        output.done(written)?;
        self.tell(now);
        self.sent = true;
        self.phase = Phase::Opening;
        self.receive_maximum = receive_maximum;
        self.role.clean_start = connect.clean_start;
        self.deadline = self.now.plus_millis(self.role.connect_timeout);
        self.limits.keep_alive = connect.keep_alive;
        self.session.expiry = match self.version {
            Version::V5_0 => connect.properties.session_expiry_interval().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
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
        let packet =
            |packet_id| Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.into() });
        self.ask(Flight::Subscribe, packet, out)
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
        let packet =
            |packet_id| Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: filters.into() });
        self.ask(Flight::Unsubscribe, packet, out)
    }

    fn ask<'p>(
        &mut self,
        flight: Flight,
        packet: impl FnOnce(PacketId) -> Packet<'p>,
        out: &mut (impl Sink + ?Sized),
    ) -> Result<PacketId, UsageError> {
        self.check_open()?;
        let id = self.session.vacant().ok_or(StoreError::Full)?;
        let mut output = Output::new(out, self.limits.maximum_packet_size, self.headroom, || Ok(()));
        let written = packet(id).encode_from(self.version, Sender::Client, &mut output);
        output.done(written)?;
        self.session.outbox.insert(self.session.store.outgoing_mut(), id, flight);
        self.sent = true;
        Ok(id)
    }

    /// CONNACK came.
    fn connack<'i>(&mut self, connack: Connack<'i>) -> Flow<Option<Event<'i>>> {
        if self.phase != Phase::Opening {
            return Err(self.violation(ErrorKind::UnexpectedPacket, Field::PacketType, Scope::CONNACK));
        }
        if connack.reason != ReasonCode::SUCCESS {
            self.close(Cause::Refused(connack.reason), Farewell::None);
            return Ok(Some(Event::Refused(connack)));
        }
        self.resumed = self.agree_on_session(connack.session_present)?;
        self.session.epoch = self.session.epoch.wrapping_add(1);
        self.phase = Phase::Open;
        self.deadline = Instant::NEVER;
        let properties = connack.properties;
        if let Some(expiry) = properties.session_expiry_interval() {
            self.session.expiry = expiry;
        }
        let standard = Limits::default();
        self.limits = Limits {
            receive_maximum: properties.receive_maximum().unwrap_or(standard.receive_maximum),
            maximum_packet_size: properties.maximum_packet_size().unwrap_or(standard.maximum_packet_size),
            maximum_qos: properties.maximum_qos().unwrap_or(Qos::ExactlyOnce),
            retain_available: properties.retain_available().unwrap_or(true),
            keep_alive: properties.server_keep_alive().unwrap_or(self.limits.keep_alive),
        };
        Ok(Some(Event::Connected(connack)))
    }

    /// Whether the session goes on, for which both sides have to have it.
    fn agree_on_session(&mut self, present: bool) -> Flow<bool> {
        let (clean, exists) = (self.role.clean_start, self.session.exists);
        // Before 5.0 a client without a session may go on with the server's.
        if present && (clean || !exists && self.version.is_5()) {
            return Err(self.violation(ErrorKind::SessionState, Field::SessionPresent, Scope::CONNACK));
        }
        // 3.1 does not tell.
        if !clean && exists && (present || self.version == Version::V3_1) {
            self.session.go_on();
            return Ok(true);
        }
        // 3.1.1 sends in a new session what was not acknowledged in the one before [MQTT-4.4.0-1].
        let lost = clean || self.version.is_5();
        self.record(&Record::Begin { lost })?;
        self.session.begin(lost);
        Ok(!lost)
    }
}

impl Side for ClientRole {
    const SENDER: Sender = Sender::Client;

    #[inline(always)]
    fn decode<'i, S: Store>(connection: &mut Client<S>, frame: Frame<'i>) -> Flow<Packet<'i>> {
        let packet = Packet::decode_from(connection.version, Sender::Server, frame)
            .map_err(|error| super::Stop::Fail(error.into()))?;
        if connection.phase == Phase::Opening && !matches!(packet, Packet::Connack(_)) {
            let packet = Scope::of(packet.packet_type());
            return Err(connection.violation(ErrorKind::UnexpectedPacket, Field::PacketType, packet));
        }
        Ok(packet)
    }

    fn packet<'i, S: Store>(
        connection: &mut Client<S>,
        packet: Packet<'i>,
        _: Frame<'i>,
        _: &mut (impl Sink + ?Sized),
    ) -> Flow<Option<Event<'i>>> {
        match packet {
            Packet::Connack(connack) => connection.connack(connack),
            Packet::Suback(suback) => {
                let id = suback.packet_id;
                let what = connection.answered(id, Answer::Suback, Scope::SUBACK)?;
                connection.finish(id)?;
                Ok((what == Answered::Finish).then_some(Event::Suback(suback)))
            }
            Packet::Unsuback(unsuback) => {
                let id = unsuback.packet_id;
                let what = connection.answered(id, Answer::Unsuback, Scope::UNSUBACK)?;
                connection.finish(id)?;
                Ok((what == Answered::Finish).then_some(Event::Unsuback(unsuback)))
            }
            Packet::Pingresp => {
                connection.deadline = Instant::NEVER;
                Ok(None)
            }
            Packet::Disconnect(disconnect) => {
                connection.close(Cause::Peer(disconnect.reason), Farewell::None);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            packet => {
                let packet = Scope::of(packet.packet_type());
                Err(connection.violation(ErrorKind::UnexpectedPacket, Field::PacketType, packet))
            }
        }
    }

    fn refusal<S: Store>(connection: &Client<S>, error: &super::ProtocolError) -> Farewell {
        connection.last_word(error.reason())
    }

    /// The longest silence that Keep Alive allows.
    fn deadline<S>(connection: &Client<S>) -> Instant {
        match connection.limits.keep_alive {
            0 => Instant::NEVER,
            _ if connection.deadline != Instant::NEVER => Instant::NEVER,
            seconds => connection.active.plus_millis(u32::from(seconds) * 1000),
        }
    }

    fn timeout<S: Store>(connection: &mut Client<S>) {
        connection.ping = true;
        connection.deadline = connection.now.plus_millis(connection.ping_timeout);
    }
}
