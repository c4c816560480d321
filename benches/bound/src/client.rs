//! A client's side of a connection: packet identifiers, acknowledgements, quota, keep alive.

use core::num::NonZeroU16;

use crate::flights::{Flight, Flights};
use crate::packet::{Ack, Connack, Connect, List, Outcome, Packet, Properties, Publish, Suback, Subscribe};
use crate::property::Value;
use crate::reader::{Frame, split};
use crate::table::{self, Place};
use crate::{Checked, Invalid, Refused, Sender, Version};

/// What the server takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub receive_maximum: u16,
    pub maximum_packet_size: usize,
    pub maximum_qos: u8,
    pub retain_available: bool,
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    Connected(Connack<'a>),
    /// The message with this identifier is done, with this code.
    Acked(NonZeroU16, u8),
    Publish(Publish<'a>),
    Suback(Suback<'a>),
    Unsuback(Suback<'a>),
    Disconnect(Outcome<'a>),
    Auth(Outcome<'a>),
    /// The next packet is not complete.
    Read,
    /// There is no room for the answer to the next packet.
    Write,
}

/// With up to `WINDOW` packets in flight. Times are milliseconds.
pub struct Client<const WINDOW: usize> {
    version: Version,
    connected: bool,
    /// A bit for each value of the flags that a PUBLISH may be sent with now.
    sendable: u16,
    awaits_pingresp: bool,
    limits: Limits,
    keep_alive: u64,
    sent_at: u64,
    max_size: usize,
    flights: Flights<WINDOW>,
    /// Of QoS 1 and 2, in flight.
    messages: u16,
    /// Identifiers of QoS 2 messages that came and are not released.
    received: [u64; 1024],
}

impl<const WINDOW: usize> Client<WINDOW> {
    /// `max_size` is the largest packet to take.
    pub fn new(version: Version, max_size: usize) -> Self {
        let limits = Limits {
            receive_maximum: u16::MAX,
            maximum_packet_size: usize::MAX,
            maximum_qos: 2,
            retain_available: true,
        };
        Self {
            version,
            connected: false,
            sendable: 0,
            awaits_pingresp: false,
            limits,
            keep_alive: 0,
            sent_at: 0,
            max_size,
            flights: Flights::new(),
            messages: 0,
            received: [0; 1024],
        }
    }

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// # Errors
    ///
    /// [`Refused`].
    pub fn connect(&mut self, now: u64, connect: &Connect<'_>, out: &mut &mut [u8]) -> Result<(), Refused> {
        self.keep_alive = u64::from(connect.keep_alive) * 1000;
        self.send(now, &Packet::Connect(*connect), out)
    }

    /// Sends a message, whose identifier is set here, above QoS 0; gives it.
    ///
    /// # Errors
    ///
    /// [`Refused`]; nothing has changed then.
    #[inline]
    pub fn publish(
        &mut self,
        now: u64,
        message: &Publish<'_>,
        out: &mut &mut [u8],
    ) -> Result<Option<NonZeroU16>, Refused> {
        let flags = message.flags;
        if self.sendable >> flags.0 & 1 == 0 {
            return Err(Refused::Invalid);
        }
        if flags.qos() == 0 {
            self.write(now, out, |place, out| message.write(None, place, out))?;
            return Ok(None);
        }
        if self.messages >= self.limits.receive_maximum {
            return Err(Refused::NoQuota);
        }
        let id = self.flights.vacant().ok_or(Refused::NoQuota)?;
        self.write(now, out, |place, out| message.write(Some(id), place, out))?;
        self.messages += 1;
        self.flights.insert(id, if flags.qos() == 1 { Flight::AtLeastOnce } else { Flight::ExactlyOnce });
        Ok(Some(id))
    }

    /// # Errors
    ///
    /// [`Refused`]; nothing has changed then.
    pub fn subscribe(
        &mut self,
        now: u64,
        subscribe: &Subscribe<'_>,
        out: &mut &mut [u8],
    ) -> Result<NonZeroU16, Refused> {
        let packet_id = self.flights.vacant().ok_or(Refused::NoQuota)?;
        self.send(now, &Packet::Subscribe(Subscribe { packet_id, ..*subscribe }), out)?;
        self.flights.insert(packet_id, Flight::Subscribe(subscribe.filters.iter().count() as u16));
        Ok(packet_id)
    }

    /// # Errors
    ///
    /// [`Refused`]; nothing has changed then.
    pub fn unsubscribe(
        &mut self,
        now: u64,
        filters: &[&str],
        out: &mut &mut [u8],
    ) -> Result<NonZeroU16, Refused> {
        let packet_id = self.flights.vacant().ok_or(Refused::NoQuota)?;
        let filters = List::new(filters);
        let unsubscribe = crate::Unsubscribe { packet_id, properties: List::EMPTY, filters };
        self.send(now, &Packet::Unsubscribe(unsubscribe), out)?;
        self.flights.insert(packet_id, Flight::Unsubscribe(filters.iter().count() as u16));
        Ok(packet_id)
    }

    /// When to call [`poll`](Self::poll) at the latest.
    pub fn timeout(&self) -> Option<u64> {
        (self.keep_alive != 0).then_some(self.sent_at + self.keep_alive)
    }

    /// Sends PINGREQ if it is time.
    ///
    /// # Errors
    ///
    /// There was no answer to the last one, or there is no room.
    pub fn poll(&mut self, now: u64, out: &mut &mut [u8]) -> Result<(), Refused> {
        if self.timeout().is_none_or(|timeout| now < timeout) {
            return Ok(());
        }
        if self.awaits_pingresp {
            return Err(Refused::Invalid);
        }
        self.send(now, &Packet::Pingreq, out)?;
        self.awaits_pingresp = true;
        Ok(())
    }

    fn send(&mut self, now: u64, packet: &Packet<'_>, out: &mut &mut [u8]) -> Result<(), Refused> {
        let version = self.version;
        self.write(now, out, |_, out| packet.encode(version, Sender::Client, out))
    }

    /// Has `write` write a packet, and cuts it off the front of `out`.
    #[inline(always)]
    fn write(
        &mut self,
        now: u64,
        out: &mut &mut [u8],
        write: impl FnOnce(Place, &mut [u8]) -> Result<usize, Refused>,
    ) -> Result<(), Refused> {
        let len = write(Place::new(self.version, Sender::Client, table::PUBLISH), out)?;
        if len > self.limits.maximum_packet_size {
            return Err(Refused::Invalid);
        }
        *out = core::mem::take(out).get_mut(len..).unwrap_or_default();
        self.sent_at = now;
        Ok(())
    }

    /// Takes packets off the front of `input` until there is something to tell.
    ///
    /// # Errors
    ///
    /// The server broke a rule.
    #[inline]
    pub fn handle<'a>(&mut self, now: u64, input: &mut &'a [u8], out: &mut &mut [u8]) -> Checked<Event<'a>> {
        while let Some((frame, rest)) = split(self.version, input, self.max_size)? {
            // The longest answer. Most packets have one.
            if out.len() < 5 {
                return Ok(Event::Write);
            }
            *input = rest;
            // What is waited for most is not made a packet first.
            match frame.short_ack(self.version, Sender::Server) {
                Some((scope, id)) if self.connected => {
                    if self.acknowledge(now, scope, id, 0, out)? {
                        return Ok(Event::Acked(id, 0));
                    }
                }
                _ => {
                    if let Some(event) = self.take(now, frame, out)? {
                        return Ok(event);
                    }
                }
            }
        }
        Ok(Event::Read)
    }

    #[inline(never)]
    fn take<'a>(&mut self, now: u64, frame: Frame<'a>, out: &mut &mut [u8]) -> Checked<Option<Event<'a>>> {
        let packet = Packet::decode(self.version, Sender::Server, frame)?;
        if !self.connected {
            return self.begin(packet).map(Some);
        }
        let mut acknowledge = |scope, Ack { packet_id, code, .. }| {
            let done = self.acknowledge(now, scope, packet_id, code, out)?;
            Ok(done.then_some(Event::Acked(packet_id, code)))
        };
        match packet {
            Packet::Puback(ack) => acknowledge(table::PUBACK, ack),
            Packet::Pubrec(ack) => acknowledge(table::PUBREC, ack),
            Packet::Pubrel(ack) => acknowledge(table::PUBREL, ack),
            Packet::Pubcomp(ack) => acknowledge(table::PUBCOMP, ack),
            Packet::Publish(publish) => self.deliver(now, publish, out),
            Packet::Suback(suback) => {
                self.answered(suback, Flight::Subscribe)?;
                Ok(Some(Event::Suback(suback)))
            }
            Packet::Unsuback(unsuback) => {
                self.answered(unsuback, Flight::Unsubscribe)?;
                Ok(Some(Event::Unsuback(unsuback)))
            }
            Packet::Pingresp => {
                self.awaits_pingresp = false;
                Ok(None)
            }
            Packet::Disconnect(disconnect) => {
                (self.connected, self.sendable) = (false, 0);
                Ok(Some(Event::Disconnect(disconnect)))
            }
            Packet::Auth(auth) => Ok(Some(Event::Auth(auth))),
            _ => Err(Invalid),
        }
    }

    /// Takes an acknowledgement; whether a message is done by it. There is room for an answer.
    #[inline(always)]
    fn acknowledge(
        &mut self,
        now: u64,
        scope: u16,
        id: NonZeroU16,
        code: u8,
        out: &mut &mut [u8],
    ) -> Checked<bool> {
        match (scope, self.flights.get(id)) {
            (table::PUBREL, _) => {
                if let Some((bits, bit)) = self.received(id) {
                    *bits &= !bit;
                }
                self.answer(now, 0x70, id, out);
            }
            (table::PUBACK, Flight::AtLeastOnce) | (table::PUBCOMP, Flight::Released) => {
                self.done(id);
                return Ok(true);
            }
            (table::PUBREC, Flight::ExactlyOnce) if code >= 0x80 => {
                self.done(id);
                return Ok(true);
            }
            (table::PUBREC, Flight::ExactlyOnce | Flight::Released) if code < 0x80 => {
                self.flights.set(id, Flight::Released);
                self.answer(now, 0x62, id, out);
            }
            (table::PUBREC, Flight::Free) if code < 0x80 => self.not_found(now, id, out),
            (_, Flight::Free) => {}
            _ => return Err(Invalid),
        }
        Ok(false)
    }

    #[cold]
    fn begin<'a>(&mut self, packet: Packet<'a>) -> Checked<Event<'a>> {
        match packet {
            Packet::Connack(connack) => {
                self.connected = connack.code == 0;
                self.set_limits(connack.properties);
                let Limits { maximum_qos, retain_available, .. } = self.limits;
                for qos in (0..=maximum_qos).filter(|_| self.connected) {
                    self.sendable |= (1 | u16::from(retain_available) << 1) << (qos << 1);
                }
                Ok(Event::Connected(connack))
            }
            Packet::Auth(auth) => Ok(Event::Auth(auth)),
            _ => Err(Invalid),
        }
    }

    fn set_limits(&mut self, properties: Properties<'_>) {
        for property in properties.iter() {
            match (property.id, property.value) {
                (0x13, Value::Short(n)) => self.keep_alive = u64::from(n) * 1000,
                (0x21, Value::Short(n)) => self.limits.receive_maximum = n,
                (0x24, Value::Flag(one)) => self.limits.maximum_qos = u8::from(one),
                (0x25, Value::Flag(is_so)) => self.limits.retain_available = is_so,
                (0x27, Value::Long(n)) => self.limits.maximum_packet_size = n as usize,
                _ => {}
            }
        }
    }

    #[inline(never)]
    fn deliver<'a>(
        &mut self,
        now: u64,
        publish: Publish<'a>,
        out: &mut &mut [u8],
    ) -> Checked<Option<Event<'a>>> {
        // This client takes no aliases.
        if publish.properties.has_topic_alias() {
            return Err(Invalid);
        }
        let new = match publish.packet_id {
            None => true,
            Some(id) if publish.flags.qos() == 1 => {
                self.answer(now, 0x40, id, out);
                true
            }
            Some(id) => {
                let (bits, bit) = self.received(id).ok_or(Invalid)?;
                let new = *bits & bit == 0;
                *bits |= bit;
                self.answer(now, 0x50, id, out);
                new
            }
        };
        Ok(new.then_some(Event::Publish(publish)))
    }

    /// Where it is known whether a QoS 2 message came.
    fn received(&mut self, id: NonZeroU16) -> Option<(&mut u64, u64)> {
        Some((self.received.get_mut(usize::from(id.get() >> 6))?, 1 << (id.get() & 63)))
    }

    fn answered(&mut self, answer: Suback<'_>, flight: fn(u16) -> Flight) -> Checked<()> {
        let filters = match self.flights.get(answer.packet_id) {
            // There are no codes.
            Flight::Unsubscribe(filters) if self.version == Version::V3_1_1 => filters,
            _ => answer.codes.iter().count() as u16,
        };
        if self.flights.get(answer.packet_id) != flight(filters) {
            return Err(Invalid);
        }
        self.flights.remove(answer.packet_id);
        Ok(())
    }

    /// An acknowledgement of success; there is room for it.
    #[inline(always)]
    fn answer(&mut self, now: u64, first: u8, id: NonZeroU16, out: &mut &mut [u8]) {
        let [high, low] = id.get().to_be_bytes();
        self.put(now, [first, 2, high, low], out);
    }

    #[cold]
    fn not_found(&mut self, now: u64, id: NonZeroU16, out: &mut &mut [u8]) {
        if self.version == Version::V3_1_1 {
            return self.answer(now, 0x62, id, out);
        }
        let [high, low] = id.get().to_be_bytes();
        self.put(now, [0x62, 3, high, low, 0x92], out);
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, now: u64, bytes: [u8; N], out: &mut &mut [u8]) {
        if let Some((to, rest)) = core::mem::take(out).split_first_chunk_mut() {
            *to = bytes;
            *out = rest;
        }
        self.sent_at = now;
    }

    #[inline(always)]
    fn done(&mut self, id: NonZeroU16) {
        self.messages -= 1;
        self.flights.remove(id);
    }
}
