//! What a peer sees, and what it may hold against the other side: a second, slow account of a connection and its
//! session, kept from the packets alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sans_mqtt::{Connack, Flight, Packet, Publish, Qos, ReasonCode, Sender, Version};

/// A packet of the watched side that waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    pub(crate) flight: Flight,
    /// The place in the order of first sending.
    seq: u64,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) properties: bool,
    /// The number of topic filters.
    pub(crate) filters: usize,
    /// Whether its PUBLISH was sent in this connection, and its PUBREL.
    pub(crate) published: bool,
    released: bool,
    /// Its session is over, or its connection, for which it was.
    pub(crate) lost: bool,
    /// The caller or the limits of the peer have given it up, and then the application was told.
    pub(crate) given_up: bool,
    pub(crate) told: bool,
}

/// A session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) out: BTreeMap<u16, Out>,
    seq: u64,
    /// What was sent first before this connection has a lower or the same number.
    begun_at: u64,
    /// The PUBRELs that are to be sent, in the order in which PUBREC came.
    releases: Vec<u16>,
    /// Messages of QoS 2 that must not come again.
    pub(crate) taken: BTreeSet<u16>,
}

impl Life {
    pub(crate) fn add(&mut self, id: u16, flight: Flight) -> &mut Out {
        self.seq += 1;
        let out = Out {
            flight,
            seq: self.seq,
            topic: String::new(),
            payload: Vec::new(),
            properties: false,
            filters: 0,
            retain: false,
            published: false,
            released: false,
            lost: false,
            given_up: false,
            told: false,
        };
        let before = self.out.insert(id, out);
        assert!(before.is_none(), "identifier {id} is in use: {before:?}");
        self.out.get_mut(&id).unwrap()
    }

    pub(crate) fn end(&mut self, id: u16) {
        assert!(self.out.remove(&id).is_some(), "identifier {id} ended twice");
        self.releases.retain(|release| *release != id);
    }

    /// The application has been told that a message is dropped. One of QoS 2 that the peer may have is released.
    pub(crate) fn drop(&mut self, id: u16, flight: Option<Flight>) {
        match (flight, self.out.get_mut(&id)) {
            (Some(Flight::Released), Some(out)) if out.flight == Flight::ExactlyOnce && !out.lost => {
                out.flight = Flight::Released;
                (out.given_up, out.told) = (true, true);
                self.releases.push(id);
            }
            (flight, _) => {
                assert_eq!(flight, None);
                self.end(id);
            }
        }
    }

    /// Marks that no record has are gone.
    pub(crate) fn restore(&mut self, releases: Vec<u16>) {
        self.releases = releases;
        self.out.retain(|_, out| !matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe));
        self.out.values_mut().for_each(|out| (out.given_up, out.told) = (false, false));
    }

    /// A connection begins.
    fn begin(&mut self, resumed: bool, lost: bool) {
        self.begun_at = self.seq;
        if !resumed {
            self.taken.clear();
        }
        for out in self.out.values_mut() {
            (out.published, out.released) = (false, false);
            out.lost |= lost || matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe);
        }
    }

    /// What counts against the Receive Maximum of the peer.
    fn charged(&self) -> usize {
        self.out
            .values()
            .filter(|out| out.published && !matches!(out.flight, Flight::Subscribe | Flight::Unsubscribe))
            .count()
    }
}

/// What a packet to the watched side has to lead to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Expect {
    #[default]
    Nothing,
    Publish,
    Acked(u16, ReasonCode),
    Suback(u16),
    Unsuback(u16),
    Connect,
    Connected,
    Refused,
    Subscribe,
    Unsubscribe,
    Auth,
    Disconnect,
}

#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) life: Life,
    pub(crate) sender: Sender,
    pub(crate) version: Version,
    clean: bool,
    /// Whether CONNECT named an authentication method.
    method: bool,
    pub(crate) existed: bool,
    pub(crate) resumed: bool,
    pub(crate) open: bool,
    begun: bool,
    over: bool,
    receive_maximum: usize,
    maximum_packet_size: usize,
    maximum_qos: Qos,
    retain: bool,
    /// PUBLISH of QoS 1 and 2 that came and are not acknowledged.
    pending: [VecDeque<u16>; 2],
    /// PUBRELs that came and are not answered.
    complete: BTreeSet<u16>,
    /// PUBRECs that came for what is not known.
    strange: Vec<u16>,
    pings: usize,
    asked: Option<(u16, usize)>,
}

/// What is wrong with a packet that was written.
type Verdict = Result<(), &'static str>;

fn must(truth: bool, what: &'static str) -> Verdict {
    truth.then_some(()).ok_or(what)
}

impl Watch {
    pub(crate) fn new(sender: Sender, version: Version, life: Life) -> Self {
        Self {
            life,
            sender,
            version,
            clean: true,
            method: false,
            existed: false,
            resumed: false,
            open: false,
            begun: false,
            over: false,
            receive_maximum: 65_535,
            maximum_packet_size: usize::MAX,
            maximum_qos: Qos::ExactlyOnce,
            retain: true,
            pending: Default::default(),
            complete: BTreeSet::new(),
            strange: Vec::new(),
            pings: 0,
            asked: None,
        }
    }

    /// The next connection. A session that goes on takes its account along.
    pub(crate) fn again(&mut self, version: Version) {
        *self = Self::new(self.sender, version, std::mem::take(&mut self.life));
    }

    /// Whether this peer can't be sent a packet of that size, or such a message.
    pub(crate) fn refuses(&self, out: &Out, size: usize) -> bool {
        let qos = if out.flight == Flight::AtLeastOnce { Qos::AtLeastOnce } else { Qos::ExactlyOnce };
        size == usize::MAX
            || size > self.maximum_packet_size
            || qos > self.maximum_qos
            || out.retain && !self.retain
    }

    /// Whether a message waits for the application to acknowledge it, or for the acknowledgement to be sent.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.iter().any(|queue| !queue.is_empty())
    }

    /// The watched side took a packet.
    pub(crate) fn took(&mut self, packet: &Packet<'_>) -> Expect {
        let five = self.version == Version::V5_0;
        match *packet {
            Packet::Connect(connect) => {
                self.clean = connect.clean_start;
                self.method = connect.properties.authentication_method().is_some();
                self.receive_maximum = connect.properties.receive_maximum().map_or(65_535, usize::from);
                let size = connect.properties.maximum_packet_size();
                self.maximum_packet_size = size.map_or(usize::MAX, |size| size as usize);
                Expect::Connect
            }
            Packet::Connack(connack) if connack.reason != ReasonCode::SUCCESS => Expect::Refused,
            Packet::Connack(connack) => {
                self.connected(&connack);
                Expect::Connected
            }
            Packet::Publish(publish) => self.publish_came(&publish),
            Packet::Puback(ack) => self.ended(ack.packet_id.get(), Flight::AtLeastOnce, ack.reason),
            Packet::Pubcomp(ack) => {
                let reason = if self.resumed { ReasonCode::SUCCESS } else { ack.reason };
                self.ended(ack.packet_id.get(), Flight::Released, reason)
            }
            Packet::Pubrec(ack) if ack.reason.is_error() => {
                self.ended(ack.packet_id.get(), Flight::ExactlyOnce, ack.reason)
            }
            Packet::Pubrec(ack) => {
                let id = ack.packet_id.get();
                match self.life.out.get_mut(&id) {
                    Some(out) if !out.lost => {
                        let again = out.flight == Flight::Released;
                        if !again || out.released {
                            out.flight = Flight::Released;
                            out.released = false;
                            self.life.releases.retain(|release| *release != id);
                            self.life.releases.push(id);
                        }
                    }
                    _ => self.strange.push(id),
                }
                Expect::Nothing
            }
            Packet::Pubrel(ack) => {
                let id = ack.packet_id.get();
                self.life.taken.remove(&id);
                self.pending[1].retain(|pending| *pending != id);
                self.complete.insert(id);
                Expect::Nothing
            }
            Packet::Suback(ack) => {
                let id = ack.packet_id.get();
                assert_eq!(self.life.out[&id].flight, Flight::Subscribe);
                self.life.end(id);
                Expect::Suback(id)
            }
            Packet::Unsuback(ack) => {
                let id = ack.packet_id.get();
                assert_eq!(self.life.out[&id].flight, Flight::Unsubscribe);
                self.life.end(id);
                Expect::Unsuback(id)
            }
            Packet::Subscribe(subscribe) => {
                assert_eq!(self.asked, None, "asked while asked");
                self.asked = Some((subscribe.packet_id.get(), subscribe.filters.iter().count()));
                Expect::Subscribe
            }
            Packet::Unsubscribe(unsubscribe) => {
                assert_eq!(self.asked, None, "asked while asked");
                let count = if five { unsubscribe.filters.iter().count() } else { 0 };
                self.asked = Some((unsubscribe.packet_id.get(), count));
                Expect::Unsubscribe
            }
            Packet::Pingreq => {
                self.pings += 1;
                Expect::Nothing
            }
            Packet::Pingresp => Expect::Nothing,
            Packet::Disconnect(_) => Expect::Disconnect,
            Packet::Auth(_) => {
                assert!(self.method, "AUTH without a method");
                Expect::Auth
            }
        }
    }

    fn connected(&mut self, connack: &Connack<'_>) {
        let properties = connack.properties;
        self.receive_maximum = properties.receive_maximum().map_or(65_535, usize::from);
        self.maximum_packet_size = properties.maximum_packet_size().map_or(usize::MAX, |size| size as usize);
        self.maximum_qos = properties.maximum_qos().unwrap_or(Qos::ExactlyOnce);
        self.retain = properties.retain_available().unwrap_or(true);
        let both = connack.session_present || self.version == Version::V3_1;
        self.resumed = !self.clean && self.existed && both;
        let lost = !self.resumed && (self.clean || !self.existed || self.version == Version::V5_0);
        assert!(!connack.session_present || !self.clean, "a session for a clean start");
        self.life.begin(self.resumed, lost);
        self.resumed |= !lost;
        self.open = true;
    }

    fn publish_came(&mut self, publish: &Publish<'_>) -> Expect {
        let Some(id) = publish.delivery.packet_id().map(|id| id.get()) else { return Expect::Publish };
        assert!(!self.complete.contains(&id), "{id} was released and not completed");
        let queue = publish.delivery.qos() as usize - 1;
        assert!(!self.pending[1 - queue].contains(&id) && (queue == 1 || !self.life.taken.contains(&id)));
        if self.pending[queue].contains(&id) {
            assert!(queue == 1 || publish.dup && self.version != Version::V5_0);
            return Expect::Nothing;
        }
        self.pending[queue].push_back(id);
        if queue == 1 && self.life.taken.contains(&id) { Expect::Nothing } else { Expect::Publish }
    }

    fn ended(&mut self, id: u16, flight: Flight, reason: ReasonCode) -> Expect {
        let Some(out) = self.life.out.get(&id).filter(|out| !out.lost) else { return Expect::Nothing };
        assert_eq!(out.flight, flight, "{id} is acknowledged by something else");
        let told = out.told;
        self.life.end(id);
        if told { Expect::Nothing } else { Expect::Acked(id, reason) }
    }

    /// The watched side wrote a packet. An error changes nothing.
    pub(crate) fn wrote(&mut self, packet: &Packet<'_>, size: usize) -> Verdict {
        must(!self.over, "something behind the last packet")?;
        // No peer can mean that it takes no acknowledgement at all.
        must(size <= self.maximum_packet_size.max(5), "larger than the peer takes")?;
        let first = matches!(packet, Packet::Connect(_) | Packet::Connack(_));
        if matches!(packet, Packet::Auth(_)) && !self.open {
            return must(self.method && self.version == Version::V5_0, "AUTH without a method");
        }
        must(self.begun != first, "CONNECT or CONNACK is not the first packet, or twice")?;
        let last = matches!(packet, Packet::Disconnect(_));
        must(first || self.open || last && self.begun, "something before CONNACK")?;
        match *packet {
            Packet::Connect(connect) => {
                self.clean = connect.clean_start;
                self.method = connect.properties.authentication_method().is_some();
            }
            Packet::Connack(connack) => {
                must(!connack.session_present || !self.clean, "a session for a clean start")?;
                self.over = connack.reason != ReasonCode::SUCCESS;
                self.open = !self.over;
                if self.open {
                    let present = self.resumed && self.version != Version::V3_1;
                    must(connack.session_present == present, "the session present is another one")?;
                    self.life.begin(self.resumed, !self.resumed);
                }
            }
            Packet::Publish(publish) => self.wrote_publish(&publish)?,
            Packet::Puback(ack) => {
                must(self.pending[0].front() == Some(&ack.packet_id.get()), "PUBACK out of order")?;
                self.pending[0].pop_front();
            }
            Packet::Pubrec(ack) => {
                let id = ack.packet_id.get();
                must(self.pending[1].front() == Some(&id), "PUBREC out of order")?;
                must(ack.reason.is_error() != self.life.taken.contains(&id), "PUBREC before it is recorded")?;
                self.pending[1].pop_front();
            }
            Packet::Pubcomp(ack) => {
                must(self.complete.remove(&ack.packet_id.get()), "PUBCOMP for no PUBREL")?;
            }
            Packet::Pubrel(ack) => self.wrote_pubrel(ack.packet_id.get(), ack.reason)?,
            Packet::Subscribe(packet) => self.wrote_ask(packet.packet_id.get(), Flight::Subscribe)?,
            Packet::Unsubscribe(packet) => self.wrote_ask(packet.packet_id.get(), Flight::Unsubscribe)?,
            Packet::Suback(ack) | Packet::Unsuback(ack) => {
                let answer = (ack.packet_id.get(), ack.reasons.iter().count());
                must(self.asked == Some(answer), "an answer to no question")?;
                self.asked = None;
            }
            Packet::Pingresp => {
                must(self.pings > 0, "PINGRESP for no PINGREQ")?;
                self.pings -= 1;
            }
            Packet::Disconnect(_) => self.over = true,
            Packet::Pingreq => {}
            Packet::Auth(_) => must(self.method, "AUTH without a method")?,
        }
        self.begun = true;
        Ok(())
    }

    fn wrote_publish(&mut self, publish: &Publish<'_>) -> Verdict {
        must(publish.delivery.qos() <= self.maximum_qos, "a QoS that the peer does not support")?;
        must(!publish.retain || self.retain, "retained, which the peer does not support")?;
        let Some(id) = publish.delivery.packet_id().map(|id| id.get()) else { return Ok(()) };
        let charged = self.life.charged();
        must(charged < self.receive_maximum, "more than Receive Maximum")?;
        let Some(out) = self.life.out.get(&id) else { return Err("a message that was not accepted") };
        let flight = if publish.delivery.qos() == Qos::AtLeastOnce {
            Flight::AtLeastOnce
        } else {
            Flight::ExactlyOnce
        };
        must(
            out.flight == flight && !out.published && !out.lost && !out.given_up,
            "a message that is not to be sent",
        )?;
        let waits = |out: &Out| {
            !out.published
                && !out.lost
                && !out.given_up
                && matches!(out.flight, Flight::AtLeastOnce | Flight::ExactlyOnce)
        };
        let first = self.life.out.values().filter(|out| waits(out)).map(|out| out.seq).min();
        must(first == Some(out.seq), "messages out of order")?;
        let same =
            (&*out.topic, &*out.payload, out.retain) == (publish.topic, publish.payload, publish.retain);
        must(same, "another message than the one accepted")?;
        // A message that was accepted in this connection has never been sent.
        must(publish.dup == (out.seq <= self.life.begun_at), "DUP")?;
        self.life.out.get_mut(&id).unwrap().published = true;
        Ok(())
    }

    fn wrote_pubrel(&mut self, id: u16, reason: ReasonCode) -> Verdict {
        let strange = self.strange.iter().position(|strange| *strange == id);
        let known = self.life.out.get(&id).is_some_and(|out| !out.lost);
        if let (Some(at), false) = (strange, known) {
            let expected = match self.version {
                Version::V5_0 => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
                _ => ReasonCode::SUCCESS,
            };
            must(reason == expected, "PUBREL for an unknown identifier")?;
            self.strange.remove(at);
            return Ok(());
        }
        let Life { out, releases, .. } = &mut self.life;
        let next = releases.iter().find(|id| !out[id].released && !out[id].lost);
        must(next == Some(&id), "PUBREL out of order, or for no PUBREC")?;
        must(reason == ReasonCode::SUCCESS, "PUBREL with a reason")?;
        out.get_mut(&id).unwrap().released = true;
        Ok(())
    }

    fn wrote_ask(&mut self, id: u16, flight: Flight) -> Verdict {
        let Some(out) = self.life.out.get_mut(&id) else { return Err("not accepted") };
        must(out.flight == flight && !out.published && !out.lost && !out.given_up, "it was sent before")?;
        out.published = true;
        Ok(())
    }
}
