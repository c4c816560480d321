//! Looks at every packet that a side sends and handles, and knows what is legal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sans_mqtt::{
    Delivery, Frame, HeadSplit, Packet, PacketType, Publish, PublishHead, Qos, ReasonCode, Sender, Split,
    Version,
};

use crate::ledger::{Ledger, number};
use crate::setup::{Setup, topic};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Before,
    /// CONNECT is sent, or has come.
    Greeted,
    Open,
    Over,
}

/// One side of one connection, as its wire shows it.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) version: Version,
    sender: Sender,
    phase: Phase,
    /// The messages of this side's that are not done; of the session.
    pub(crate) ledger: Ledger,
    /// The peer's Receive Maximum, and how many count against it.
    limit: u16,
    window: u16,
    /// The last message sent again, and PUBREL sent, by their places.
    resent: u64,
    released: u64,
    /// SUBSCRIBE and UNSUBSCRIBE that wait.
    asked: BTreeMap<u16, (PacketType, usize)>,
    /// What this side has to answer: PUBACKs and PUBRECs in order.
    pubacks: VecDeque<u16>,
    pubrecs: VecDeque<u16>,
    pubcomps: BTreeSet<u16>,
    /// PUBRECs of unknown messages.
    strays: BTreeSet<u16>,
    subacks: VecDeque<(u16, PacketType, usize)>,
    pongs: u32,
    /// PINGREQs sent and not answered.
    pub(crate) pings: u32,
    pub(crate) packets: u64,
    /// How many packets had a Topic Alias, and how many messages went in pieces.
    pub(crate) aliased: u64,
    pub(crate) pieces: u64,
    /// The highest Topic Alias that the peer takes, and what the aliases of this side stand for.
    alias_maximum: u16,
    aliases: BTreeMap<u16, String>,
    topics: usize,
    /// What is to come of the payload that this side sends, and of the one that comes, with its message.
    sending: usize,
    coming: Option<(Delivery, usize)>,
    trace: bool,
}

impl Watch {
    pub(crate) fn new(sender: Sender, setup: &Setup, version: Version, log: &[u8]) -> Self {
        Self {
            version,
            sender,
            phase: Phase::Before,
            ledger: Ledger::of(log),
            limit: u16::MAX,
            window: 0,
            resent: 0,
            released: 0,
            asked: BTreeMap::new(),
            pubacks: VecDeque::new(),
            pubrecs: VecDeque::new(),
            pubcomps: BTreeSet::new(),
            strays: BTreeSet::new(),
            subacks: VecDeque::new(),
            pongs: 0,
            pings: 0,
            packets: 0,
            aliased: 0,
            pieces: 0,
            alias_maximum: 0,
            aliases: BTreeMap::new(),
            topics: setup.topics,
            sending: 0,
            coming: None,
            trace: std::env::var_os("PAIR_TRACE").is_some(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(crate) fn was_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Over)
    }

    /// A message is given up.
    pub(crate) fn dropped(&mut self, id: u16) {
        match self.ledger.flows.get(&id) {
            // The peer may wait for PUBREL.
            Some(flow) if flow.qos == Qos::ExactlyOnce && !flow.lost => self.ledger.receive(id),
            _ => drop(self.ledger.flows.remove(&id)),
        }
    }

    /// Nothing is owed, asked or counted.
    pub(crate) fn is_at_rest(&self) -> bool {
        let owed = self.pubacks.len() + self.pubrecs.len() + self.pubcomps.len() + self.subacks.len();
        owed + self.asked.len() + self.ledger.flows.len() + self.sending == 0
            && self.coming.is_none()
            && (self.window, self.pongs, self.pings) == (0, 0, 0)
    }

    /// The side has handled these bytes.
    pub(crate) fn got(&mut self, mut bytes: &[u8]) {
        let from = if self.sender == Sender::Client { Sender::Server } else { Sender::Client };
        loop {
            if let Some((delivery, left)) = self.coming {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                self.coming = Some((delivery, left - piece.len())).filter(|(_, left)| *left > 0);
                bytes = rest;
                match self.coming {
                    None => self.publish_came(delivery),
                    Some(_) => return,
                }
            }
            if bytes.is_empty() {
                return;
            }
            let (packet, left, rest) = self.next(bytes, from);
            bytes = rest;
            match packet {
                Packet::Publish(publish) if left > 0 => self.coming = Some((publish.delivery, left)),
                packet => self.came(&packet),
            }
        }
    }

    /// The side has written these bytes.
    pub(crate) fn sent(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            assert_eq!(self.sending, 0, "something within a payload: {bytes:02x?}");
            let (packet, left, rest) = self.next(bytes, self.sender);
            self.went(&packet);
            self.sending = left;
            self.pieces += u64::from(left > 0);
            bytes = rest;
        }
    }

    /// The application has written so much of a payload.
    pub(crate) fn wrote_payload(&mut self, n: usize) {
        self.sending = self.sending.checked_sub(n).expect("more than is left");
    }

    /// The next packet, or if that is a PUBLISH whose payload is not all there, its beginning and how much is missing.
    fn next<'b>(&mut self, bytes: &'b [u8], from: Sender) -> (Packet<'b>, usize, &'b [u8]) {
        let (packet, left, rest) = match Frame::split(bytes, usize::MAX) {
            Ok(Split::Frame(frame, rest)) => {
                (Packet::decode_from(self.version, from, frame).expect("a valid packet"), 0, rest)
            }
            _ => match PublishHead::split(self.version, Some(from), bytes) {
                Ok(HeadSplit::Head(head, payload)) => {
                    let PublishHead { dup, retain, delivery, topic, properties, payload_len } = head;
                    let publish = Publish { dup, retain, delivery, topic, properties, payload };
                    (Packet::Publish(publish), payload_len - payload.len(), &[][..])
                }
                other => panic!("{other:?}: {bytes:02x?}"),
            },
        };
        if self.trace {
            let does = if from == self.sender { "sends" } else { "got" };
            eprintln!("{:?} {does} {packet:?}, {left} bytes missing", self.sender);
        }
        self.packets += 1;
        (packet, left, rest)
    }

    /// A message has its own topic, or an alias for it that the peer knows.
    fn check_topic(&mut self, publish: &Publish<'_>) {
        let Publish { topic: name, payload, dup, .. } = *publish;
        let alias = publish.properties.topic_alias();
        if let Some(alias) = alias {
            self.aliased += 1;
            assert!(!dup, "sent again with an alias");
            assert!(alias > 0 && alias <= self.alias_maximum, "alias {alias} of {}", self.alias_maximum);
            if !name.is_empty() {
                self.aliases.insert(alias, name.into());
            }
        }
        let known = alias.and_then(|alias| self.aliases.get(&alias));
        let name = if name.is_empty() { known.expect("an alias that is known") } else { name };
        assert_eq!(name, topic(number(payload), self.topics));
    }

    fn count(&mut self) {
        self.window += 1;
        assert!(self.window <= self.limit || self.version != Version::V5_0, "Receive Maximum exceeded");
    }

    /// PUBLISH of QoS 1 or 2.
    fn publish(&mut self, id: u16, publish: &Publish<'_>) {
        let number = number(publish.payload);
        let qos = publish.delivery.qos();
        assert!(!self.asked.contains_key(&id), "{id} is in use by SUBSCRIBE");
        let pending = self.ledger.flows.values().any(|f| !f.lost && f.received.is_none() && !f.published);
        match self.ledger.flows.get_mut(&id) {
            None => {
                assert!(!publish.dup, "a new message with DUP");
                assert!(!pending, "a new message before those to send again");
                self.ledger.publish(id, Some(number), qos);
            }
            Some(flow) => {
                assert!(!flow.lost, "{id} is lost, and sent");
                assert!(publish.dup, "sent again without DUP");
                assert!(flow.received.is_none(), "PUBLISH after PUBREC");
                assert!(!flow.published, "sent twice in one connection");
                assert_eq!(flow.qos, qos);
                assert_eq!(flow.number.unwrap_or(number), number, "another message");
                assert!(flow.place > self.resent, "sent again in another order");
                self.resent = flow.place;
            }
        }
        self.ledger.flows.get_mut(&id).unwrap().published = true;
        self.count();
    }

    /// The side has sent a packet.
    fn went(&mut self, packet: &Packet<'_>) {
        assert_ne!(self.phase, Phase::Over, "{packet:?} after the end");
        match packet {
            Packet::Connect(_) => {
                assert_eq!(self.phase, Phase::Before);
                self.phase = Phase::Greeted;
                return;
            }
            Packet::Connack(_) => {
                assert_eq!(self.phase, Phase::Greeted);
                self.phase = Phase::Open;
                return;
            }
            _ => assert_eq!(self.phase, Phase::Open, "{packet:?}"),
        }
        match packet {
            Packet::Publish(publish) => {
                self.check_topic(publish);
                if let Some(id) = publish.delivery.packet_id() {
                    self.publish(id.get(), publish);
                }
            }
            Packet::Puback(ack) => assert_eq!(self.pubacks.pop_front(), Some(ack.packet_id.get())),
            Packet::Pubrec(ack) => assert_eq!(self.pubrecs.pop_front(), Some(ack.packet_id.get())),
            Packet::Pubcomp(ack) => assert!(self.pubcomps.remove(&ack.packet_id.get()), "{ack:?}"),
            Packet::Pubrel(ack) => self.pubrel(ack.packet_id.get()),
            Packet::Subscribe(p) => self.ask(p.packet_id.get(), PacketType::Suback, p.filters.iter().count()),
            Packet::Unsubscribe(p) => {
                self.ask(p.packet_id.get(), PacketType::Unsuback, p.filters.iter().count());
            }
            Packet::Suback(p) | Packet::Unsuback(p) => {
                let (id, kind, filters) = self.subacks.pop_front().expect("nothing to answer");
                assert_eq!((id, kind), (p.packet_id.get(), packet.packet_type()));
                if kind == PacketType::Suback || self.version == Version::V5_0 {
                    assert_eq!(p.reasons.iter().count(), filters);
                }
            }
            Packet::Pingreq => self.pings += 1,
            Packet::Pingresp => self.pongs = self.pongs.checked_sub(1).expect("PINGRESP unasked"),
            Packet::Disconnect(_) => self.phase = Phase::Over,
            packet => panic!("{packet:?}"),
        }
    }

    fn ask(&mut self, id: u16, with: PacketType, filters: usize) {
        assert!(!self.ledger.flows.contains_key(&id), "{id} is in use by PUBLISH");
        assert!(self.asked.insert(id, (with, filters)).is_none(), "{id} is in use");
    }

    fn pubrel(&mut self, id: u16) {
        match self.ledger.flows.get_mut(&id) {
            None => assert!(self.strays.remove(&id), "PUBREL for nothing"),
            Some(flow) => {
                assert!(!flow.lost, "{id} is lost, and released");
                let place = flow.received.expect("PUBREL before PUBREC");
                assert!(!flow.released, "PUBREL twice in one connection");
                assert!(place > self.released, "PUBREL in another order than PUBREC");
                flow.released = true;
                self.released = place;
            }
        }
    }

    /// The side has handled a packet.
    fn came(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Connect(connect) => {
                self.phase = Phase::Greeted;
                self.limit = connect.properties.receive_maximum().unwrap_or(u16::MAX);
                self.alias_maximum = connect.properties.topic_alias_maximum().unwrap_or(0);
            }
            Packet::Connack(connack) => {
                self.phase = Phase::Open;
                self.limit = connack.properties.receive_maximum().unwrap_or(u16::MAX);
                self.alias_maximum = connack.properties.topic_alias_maximum().unwrap_or(0);
            }
            Packet::Publish(publish) => self.publish_came(publish.delivery),
            Packet::Pubrel(ack) => assert!(self.pubcomps.insert(ack.packet_id.get())),
            Packet::Puback(ack) => self.finish(ack.packet_id.get(), Qos::AtLeastOnce),
            Packet::Pubcomp(ack) => self.finish(ack.packet_id.get(), Qos::ExactlyOnce),
            Packet::Pubrec(ack) if ack.reason.is_error() => {
                self.finish(ack.packet_id.get(), Qos::ExactlyOnce);
            }
            Packet::Pubrec(ack) => match self.ledger.flows.contains_key(&ack.packet_id.get()) {
                true => self.ledger.receive(ack.packet_id.get()),
                false => assert!(self.strays.insert(ack.packet_id.get())),
            },
            Packet::Subscribe(p) => {
                let filters = p.filters.iter().count();
                self.subacks.push_back((p.packet_id.get(), PacketType::Suback, filters));
            }
            Packet::Unsubscribe(p) => {
                let filters = p.filters.iter().count();
                self.subacks.push_back((p.packet_id.get(), PacketType::Unsuback, filters));
            }
            Packet::Suback(p) | Packet::Unsuback(p) => {
                let (with, _) = self.asked.remove(&p.packet_id.get()).expect("unasked");
                assert_eq!(with, packet.packet_type());
            }
            Packet::Pingreq => self.pongs += 1,
            Packet::Pingresp => self.pings = self.pings.checked_sub(1).expect("PINGRESP unasked"),
            Packet::Disconnect(disconnect) => assert_eq!(disconnect.reason, ReasonCode::SUCCESS),
            packet => panic!("{packet:?}"),
        }
    }

    /// A message is there.
    fn publish_came(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce(id) => self.pubacks.push_back(id.get()),
            Delivery::ExactlyOnce(id) => self.pubrecs.push_back(id.get()),
        }
    }

    /// PUBACK, PUBCOMP or an error came. Only what this connection has published was counted.
    fn finish(&mut self, id: u16, qos: Qos) {
        if let Some(flow) = self.ledger.flows.remove(&id) {
            assert_eq!(flow.qos, qos);
            self.window -= u16::from(flow.published);
        }
    }
}
