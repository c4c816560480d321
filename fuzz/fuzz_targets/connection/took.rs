//! What a packet to the watched side has to lead to.

use sans_mqtt::{Connack, Connect, Delivery, Flight, Packet, Publish, Qos, ReasonCode, Sender, Version};

use crate::tape::Words;
use crate::watch::Watch;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Expect {
    #[default]
    Nothing,
    Publish(Came),
    Start(Came),
    Skipped(Came),
    /// So many bytes of a payload.
    Chunk(usize),
    Received(u16, ReasonCode, [bool; 2]),
    Acked(u16, ReasonCode, [bool; 2]),
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

/// A message of the peer's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Came {
    pub(crate) topic: String,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// The length of its payload.
    pub(crate) len: usize,
}

/// A message of the peer's that is too large to come as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) left: usize,
    pub(crate) fate: Fate,
    delivery: Delivery,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Deliver,
    /// It is too large.
    Skip,
    /// It is known already.
    Repeat,
}

impl Watch {
    /// What the first packet of a peer says, if it is taken or not.
    pub(crate) fn announced(&mut self, packet: &Packet<'_>) {
        let (Packet::Connect(Connect { properties, .. }) | Packet::Connack(Connack { properties, .. })) =
            packet
        else {
            return;
        };
        let size = properties.maximum_packet_size();
        self.maximum_packet_size = size.map_or(usize::MAX, |size| size as usize);
    }

    /// The watched side took a packet.
    pub(crate) fn took(&mut self, packet: &Packet<'_>) -> Expect {
        let five = self.version == Version::V5_0;
        let words = Words::of(properties(packet));
        let free = matches!(packet, Packet::Publish(_) | Packet::Connack(_) | Packet::Disconnect(_));
        if self.sender == Sender::Client && !self.problem_information && !free {
            assert_eq!(words, [false; 2], "words that were not asked for");
        }
        let greeting = matches!(packet, Packet::Connect(_) | Packet::Connack(_) | Packet::Auth(_));
        assert!(self.open || greeting || matches!(packet, Packet::Disconnect(_)), "it is not open");
        match *packet {
            Packet::Connect(connect) => {
                assert!(!self.greeted && self.sender == Sender::Server, "CONNECT twice");
                self.connect_came(&connect);
                Expect::Connect
            }
            Packet::Connack(connack) if connack.reason != ReasonCode::SUCCESS => {
                assert!(!self.open && self.sender == Sender::Client);
                Expect::Refused
            }
            Packet::Connack(connack) => {
                assert!(!self.open && self.sender == Sender::Client);
                self.connected(&connack);
                Expect::Connected
            }
            Packet::Publish(publish) => {
                let came = self.admit(&publish, publish.payload.len());
                match self.fate(publish.delivery, publish.dup) {
                    Fate::Repeat => {
                        self.repeated(publish.delivery);
                        Expect::Nothing
                    }
                    _ => {
                        self.delivered(publish.delivery);
                        Expect::Publish(came)
                    }
                }
            }
            Packet::Puback(ack) => self.ended(ack.packet_id.get(), Flight::AtLeastOnce, ack.reason, words),
            Packet::Pubcomp(ack) => {
                let reason = if self.resumed { ReasonCode::SUCCESS } else { ack.reason };
                self.ended(ack.packet_id.get(), Flight::Released, reason, words)
            }
            Packet::Pubrec(ack) if ack.reason.is_error() => {
                self.ended(ack.packet_id.get(), Flight::ExactlyOnce, ack.reason, words)
            }
            Packet::Pubrec(ack) => self.received(ack.packet_id.get(), ack.reason, words),
            Packet::Pubrel(ack) => {
                let id = ack.packet_id.get();
                let reason = if self.life.taken.remove(&id) { ReasonCode::SUCCESS } else { self.not_found() };
                self.pending[1].retain(|pending| *pending != id);
                self.given.remove(&id);
                self.complete.entry(id).or_insert(reason);
                Expect::Nothing
            }
            Packet::Suback(ack) => {
                let id = ack.packet_id.get();
                let out = &self.life.out[&id];
                assert_eq!((out.flight, out.filters), (Flight::Subscribe, ack.reasons.iter().count()));
                self.life.end(id);
                Expect::Suback(id)
            }
            Packet::Unsuback(ack) => {
                let id = ack.packet_id.get();
                let out = &self.life.out[&id];
                assert_eq!(out.flight, Flight::Unsubscribe);
                assert!(!five || out.filters == ack.reasons.iter().count());
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
            Packet::Disconnect(disconnect) => {
                if disconnect.reason == ReasonCode::SUCCESS {
                    self.will = None;
                }
                // Not beyond what the server agrees to, or has agreed to already.
                let most = self.config.maximum_session_expiry.max(self.expiry);
                let asked = disconnect.properties.session_expiry_interval();
                self.prolong(asked.map(|seconds| seconds.min(most)));
                Expect::Disconnect
            }
            Packet::Auth(_) => {
                assert!(self.method, "AUTH without a method");
                Expect::Auth
            }
        }
    }

    fn connect_came(&mut self, connect: &Connect<'_>) {
        self.greeted = true;
        self.asks(connect);
        let properties = connect.properties;
        self.receive_maximum = properties.receive_maximum().map_or(65_535, usize::from);
        assert!(self.maximum_packet_size >= 5, "no CONNACK fits");
        self.alias_maximum = properties.topic_alias_maximum().unwrap_or(0);
        let will = connect.will.map(|will| will.properties.will_delay_interval().unwrap_or(0));
        self.will = will;
        self.nameless = connect.client_id.is_empty();
    }

    fn connected(&mut self, connack: &Connack<'_>) {
        let properties = connack.properties;
        assert!(self.maximum_packet_size >= 5, "no acknowledgement fits");
        self.receive_maximum = properties.receive_maximum().map_or(65_535, usize::from);
        self.alias_maximum = properties.topic_alias_maximum().unwrap_or(0);
        self.maximum_qos = properties.maximum_qos().unwrap_or(Qos::ExactlyOnce);
        self.retain = properties.retain_available().unwrap_or(true);
        self.keep_alive = properties.server_keep_alive().unwrap_or(self.keep_alive);
        self.prolong(properties.session_expiry_interval());
        let both = connack.session_present || self.version == Version::V3_1;
        self.resumed = !self.clean && self.existed && both;
        let lost = !self.resumed && (self.clean || !self.existed || self.version == Version::V5_0);
        assert!(!connack.session_present || !self.clean, "a session for a clean start");
        self.life.begin(self.resumed, lost);
        self.resumed |= !lost;
        // What was said of messages of the connection before is no use any more: they come again.
        self.given.clear();
        self.open = true;
    }

    /// The Session Expiry Interval is another one.
    pub(crate) fn prolong(&mut self, seconds: Option<u32>) {
        self.expiry = seconds.unwrap_or(self.expiry);
    }

    /// A message came, or its head, which has a place here. What its topic is.
    pub(crate) fn admit(&mut self, publish: &Publish<'_>, len: usize) -> Came {
        let mut topic = publish.topic;
        if let Some(alias) = publish.properties.topic_alias() {
            assert!(alias > 0 && alias <= self.own_alias_maximum, "alias {alias} is out of range");
            if topic.is_empty() {
                topic = self.aliases[0].get(&alias).expect("an alias that stands for nothing was taken");
            } else {
                self.aliases[0].insert(alias, topic.into());
            }
        }
        assert!(!topic.is_empty(), "a message without a topic");
        if self.sender == Sender::Server && self.version == Version::V5_0 {
            assert!(publish.delivery.qos() <= self.own_maximum_qos && (self.own_retain || !publish.retain));
        }
        Came { topic: topic.into(), qos: publish.delivery.qos(), retain: publish.retain, len }
    }

    /// Whether a message is a new one.
    fn fate(&self, delivery: Delivery, dup: bool) -> Fate {
        let Some(id) = delivery.packet_id().map(|id| id.get()) else { return Fate::Deliver };
        assert!(!self.complete.contains_key(&id), "{id} was released and not completed");
        let queue = delivery.qos() as usize - 1;
        assert!(!self.pending[1 - queue].contains(&id) && (queue == 1 || !self.life.taken.contains(&id)));
        if self.pending[queue].contains(&id) {
            assert!(queue == 1 || dup && self.version != Version::V5_0);
            return Fate::Repeat;
        }
        if queue == 1 && self.life.taken.contains(&id) { Fate::Repeat } else { Fate::Deliver }
    }

    /// A new message is complete.
    pub(crate) fn delivered(&mut self, delivery: Delivery) {
        if let Some(id) = delivery.packet_id() {
            self.pending[delivery.qos() as usize - 1].push_back(id.get());
            assert_eq!(self.given.remove(&id.get()), None);
        }
    }

    /// A message that was taken came again, and so its PUBREC is to be sent again.
    fn repeated(&mut self, delivery: Delivery) {
        let Delivery::ExactlyOnce(id) = delivery else { return };
        if !self.pending[1].contains(&id.get()) && self.life.taken.contains(&id.get()) {
            self.pending[1].push_back(id.get());
            self.given.insert(id.get(), ReasonCode::SUCCESS);
        }
    }

    /// The head of a message came.
    pub(crate) fn head_came(&mut self, head: &Publish<'_>, len: usize, too_large: bool) -> Expect {
        assert!(self.stream.is_none() && self.open && len > 0);
        let came = self.admit(head, len);
        let fate = match self.fate(head.delivery, head.dup) {
            Fate::Deliver if too_large => Fate::Skip,
            fate => fate,
        };
        self.stream = Some(Stream { left: len, fate, delivery: head.delivery });
        match fate {
            Fate::Deliver => Expect::Start(came),
            Fate::Skip => Expect::Skipped(came),
            Fate::Repeat => Expect::Nothing,
        }
    }

    /// A message that is not delivered may have come to its end: whether it has.
    pub(crate) fn end_silently(&mut self) -> bool {
        match self.stream {
            Some(Stream { left: 0, fate: Fate::Repeat, delivery }) => self.repeated(delivery),
            Some(Stream { left: 0, fate: Fate::Skip, delivery }) => {
                self.delivered(delivery);
                let reason = match self.version {
                    Version::V5_0 => ReasonCode::QUOTA_EXCEEDED,
                    _ => ReasonCode::SUCCESS,
                };
                self.given.extend(delivery.packet_id().map(|id| (id.get(), reason)));
            }
            _ => return false,
        }
        self.stream = None;
        true
    }

    /// A message that is delivered has come to its end. Its QoS and identifier.
    pub(crate) fn end_stream(&mut self) -> Delivery {
        let stream = self.stream.take();
        let Some(Stream { left: 0, fate: Fate::Deliver, delivery }) = stream else {
            panic!("the end of {stream:?}")
        };
        self.delivered(delivery);
        delivery
    }

    fn received(&mut self, id: u16, reason: ReasonCode, words: [bool; 2]) -> Expect {
        self.is_whole(id);
        let Some(out) = self.life.out.get_mut(&id).filter(|out| !out.lost) else {
            self.strange.push(id);
            return Expect::Nothing;
        };
        let again = out.flight == Flight::Released;
        assert!(again || out.flight == Flight::ExactlyOnce, "PUBREC for something else");
        if !again || out.released {
            out.flight = Flight::Released;
            out.released = false;
            self.life.releases.retain(|release| *release != id);
            self.life.releases.push(id);
        }
        let says = reason != ReasonCode::SUCCESS || words != [false; 2];
        if says && !again && !out.told { Expect::Received(id, reason, words) } else { Expect::Nothing }
    }

    fn ended(&mut self, id: u16, flight: Flight, reason: ReasonCode, words: [bool; 2]) -> Expect {
        self.is_whole(id);
        let Some(out) = self.life.out.get(&id).filter(|out| !out.lost) else { return Expect::Nothing };
        assert_eq!(out.flight, flight, "{id} is acknowledged by something else");
        let told = out.told;
        self.life.end(id);
        if told { Expect::Nothing } else { Expect::Acked(id, reason, words) }
    }

    /// Nobody can acknowledge a message of which a part is not sent.
    fn is_whole(&self, id: u16) {
        assert!(self.payload.left == 0 || self.payload.id != Some(id), "{id} is acknowledged before its end");
    }

    pub(crate) fn not_found(&self) -> ReasonCode {
        match self.version {
            Version::V5_0 => ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            _ => ReasonCode::SUCCESS,
        }
    }
}

/// The properties that a packet may have words in.
pub(crate) fn properties<'a>(packet: &Packet<'a>) -> sans_mqtt::Properties<'a> {
    match *packet {
        Packet::Connack(connack) => connack.properties,
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            ack.properties
        }
        Packet::Suback(ack) | Packet::Unsuback(ack) => ack.properties,
        Packet::Disconnect(disconnect) => disconnect.properties,
        Packet::Auth(auth) => auth.properties,
        _ => sans_mqtt::Properties::EMPTY,
    }
}
