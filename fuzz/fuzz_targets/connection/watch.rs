//! What a peer sees, and what it may hold against the other side: a second, slow account of a connection and its
//! session, kept from the packets alone.

use std::collections::{BTreeMap, VecDeque};

use sans_mqtt::{
    Config, Connack, Connect, Flight, Instant, Packet, Properties, Publish, Qos, ReasonCode, Sender, Timers,
    Version,
};

use crate::life::{Life, Out, Sent};
use crate::tape::Words;
use crate::took::{Stream, properties};

#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) life: Life,
    pub(crate) sender: Sender,
    pub(crate) version: Version,
    pub(crate) config: Config,
    pub(crate) clean: bool,
    /// Whether CONNECT named an authentication method, had no client identifier, and wants words and Response Information.
    pub(crate) method: bool,
    pub(crate) nameless: bool,
    pub(crate) problem_information: bool,
    response_information: bool,
    pub(crate) existed: bool,
    pub(crate) resumed: bool,
    /// Whether CONNECT came, or was sent, and CONNACK.
    pub(crate) greeted: bool,
    pub(crate) open: bool,
    begun: bool,
    pub(crate) over: bool,
    pub(crate) receive_maximum: usize,
    pub(crate) maximum_packet_size: usize,
    pub(crate) maximum_qos: Qos,
    pub(crate) retain: bool,
    /// What the watched side takes.
    pub(crate) own_alias_maximum: u16,
    pub(crate) own_maximum_qos: Qos,
    pub(crate) own_retain: bool,
    /// The highest alias that the peer takes, and what the aliases stand for: those that came and those that were sent.
    pub(crate) alias_maximum: u16,
    pub(crate) aliases: [BTreeMap<u16, String>; 2],
    /// The message before had this alias, so that another one to the same topic has it alone.
    pub(crate) last_alias: Option<(u16, &'static str)>,
    /// What was agreed on: a silence, and how long the session lives, in seconds; and the delay of the will.
    pub(crate) keep_alive: u16,
    pub(crate) expiry: u32,
    pub(crate) will: Option<u32>,
    /// PUBLISH of QoS 1 and 2 that came and are not acknowledged, and what is to be said of those that were taken.
    pub(crate) pending: [VecDeque<u16>; 2],
    pub(crate) given: BTreeMap<u16, ReasonCode>,
    /// PUBRELs that came and are not answered, and what is to be said of them.
    pub(crate) complete: BTreeMap<u16, ReasonCode>,
    /// PUBRECs that came for what is not known.
    pub(crate) strange: Vec<u16>,
    pub(crate) pings: usize,
    pub(crate) asked: Option<(u16, usize)>,
    /// The message that comes in pieces, and the one that goes.
    pub(crate) stream: Option<Stream>,
    pub(crate) payload: Payload,
    /// What the command at hand sends: a message of QoS 0, so many bytes of payload later, and these words.
    pub(crate) zero: Option<Sent>,
    pub(crate) more: u32,
    pub(crate) words: Words,
}

/// What is not sent yet of a message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Payload {
    pub(crate) id: Option<u16>,
    pub(crate) left: u32,
}

/// What is wrong with a packet that was written.
pub(crate) type Verdict = Result<(), &'static str>;

pub(crate) fn must(truth: bool, what: &'static str) -> Verdict {
    truth.then_some(()).ok_or(what)
}

impl Watch {
    /// `aliases`: what the table for incoming ones has room for.
    pub(crate) fn new(sender: Sender, version: Version, config: &Config, aliases: u16, life: Life) -> Self {
        Self {
            life,
            sender,
            version,
            config: *config,
            clean: true,
            method: false,
            nameless: false,
            problem_information: true,
            response_information: false,
            existed: false,
            resumed: false,
            greeted: false,
            open: false,
            begun: false,
            over: false,
            receive_maximum: 65_535,
            maximum_packet_size: usize::MAX,
            maximum_qos: Qos::ExactlyOnce,
            retain: true,
            own_alias_maximum: config.topic_alias_maximum.min(aliases),
            own_maximum_qos: config.maximum_qos,
            own_retain: config.retain_available,
            alias_maximum: 0,
            aliases: Default::default(),
            last_alias: None,
            keep_alive: 0,
            expiry: 0,
            will: None,
            pending: Default::default(),
            given: BTreeMap::new(),
            complete: BTreeMap::new(),
            strange: Vec::new(),
            pings: 0,
            asked: None,
            stream: None,
            payload: Payload::default(),
            zero: None,
            more: 0,
            words: Words::NONE,
        }
    }

    /// Whether this peer can't be sent such a message.
    pub(crate) fn refuses(&self, out: &Out) -> bool {
        let size = out.message.size(out.qos(), self.version);
        size.is_none_or(|size| size > self.maximum_packet_size)
            || out.qos() > self.maximum_qos
            || out.message.retain && !self.retain
    }

    /// Whether a message waits for the application to acknowledge it, or for the acknowledgement to be sent.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.iter().any(|queue| !queue.is_empty())
    }

    /// What becomes of the session when its connection is over.
    pub(crate) fn timers(&self, over: Instant) -> Timers {
        let after = |seconds: u32| Instant::from_millis(over.as_millis() + u64::from(seconds) * 1000);
        let end = (self.expiry != u32::MAX).then(|| after(self.expiry));
        let will = self.will.map(|delay| end.map_or(after(delay), |end| after(delay).min(end)));
        Timers { will, end }
    }

    /// What a CONNECT asks for that both sides remember.
    pub(crate) fn asks(&mut self, connect: &Connect<'_>) {
        let properties = connect.properties;
        self.clean = connect.clean_start;
        self.method = properties.authentication_method().is_some();
        self.problem_information = properties.request_problem_information().unwrap_or(true);
        self.response_information = properties.request_response_information().unwrap_or(false);
        self.keep_alive = connect.keep_alive;
        self.expiry = match self.version {
            Version::V5_0 => properties.session_expiry_interval().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
    }

    /// The watched side wrote a packet. An error changes nothing.
    pub(crate) fn wrote(&mut self, packet: &Packet<'_>, size: usize) -> Verdict {
        must(!self.over, "something behind the last packet")?;
        must(self.payload.left == 0, "something within a payload")?;
        must(size <= self.maximum_packet_size, "larger than the peer takes")?;
        self.check_words(packet, size)?;
        let first = matches!(packet, Packet::Connect(_) | Packet::Connack(_));
        if matches!(packet, Packet::Auth(_)) && !self.open {
            return must(self.method && self.version == Version::V5_0, "AUTH without a method");
        }
        must(self.begun != first, "CONNECT or CONNACK is not the first packet, or twice")?;
        let last = matches!(packet, Packet::Disconnect(_));
        must(first || self.open || last && self.begun, "something before CONNACK")?;
        match *packet {
            Packet::Connect(connect) => {
                self.check_limits(connect.properties)?;
                self.greeted = true;
                self.asks(&connect);
            }
            Packet::Connack(connack) => self.wrote_connack(&connack)?,
            Packet::Publish(publish) => self.wrote_publish(&publish)?,
            Packet::Puback(ack) => {
                let id = ack.packet_id.get();
                must(self.pending[0].front() == Some(&id), "PUBACK out of order")?;
                must(self.given.get(&id) == Some(&ack.reason), "PUBACK that the application did not give")?;
                self.pending[0].pop_front();
                self.given.remove(&id);
            }
            Packet::Pubrec(ack) => {
                let id = ack.packet_id.get();
                must(self.pending[1].front() == Some(&id), "PUBREC out of order")?;
                must(self.given.get(&id) == Some(&ack.reason), "PUBREC that the application did not give")?;
                must(ack.reason.is_error() != self.life.taken.contains(&id), "PUBREC before it is recorded")?;
                self.pending[1].pop_front();
                self.given.remove(&id);
            }
            Packet::Pubcomp(ack) => {
                let id = ack.packet_id.get();
                must(self.complete.get(&id) == Some(&ack.reason), "PUBCOMP for no PUBREL")?;
                self.complete.remove(&id);
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
            Packet::Disconnect(disconnect) => {
                self.over = true;
                self.prolong(disconnect.properties.session_expiry_interval());
            }
            Packet::Pingreq => {}
            Packet::Auth(_) => must(self.method, "AUTH without a method")?,
        }
        self.begun = true;
        Ok(())
    }

    /// A packet says what the application wants to be said, or less if that is too much for the peer.
    fn check_words(&self, packet: &Packet<'_>, size: usize) -> Verdict {
        let ack =
            matches!(packet, Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubcomp(_) | Packet::Pubrel(_));
        let told = matches!(packet, Packet::Connack(_) | Packet::Disconnect(_));
        let [reason, user] = Words::of(properties(packet));
        let quiet = self.sender == Sender::Server && !self.problem_information && !told;
        must(!quiet || !reason && !user, "words for a client that wants none")?;
        must(!reason || self.words.reason.is_some(), "a Reason String that nobody gave")?;
        must(!user || self.words.user.is_some(), "a User Property that nobody gave")?;
        must(!reason || user || self.words.user.is_none(), "a Reason String in place of a User Property")?;
        if quiet || ack {
            return Ok(());
        }
        // A reason code and a length may come with the first property.
        let fits = |len: usize| size + len <= self.maximum_packet_size.saturating_sub(3);
        let missing =
            |there: bool, text: Option<&str>, len| !there && text.is_some_and(|text| fits(text.len() + len));
        must(!missing(user, self.words.user, 6), "a User Property is left out for no reason")?;
        // It is the first to go.
        let next = user == self.words.user.is_some();
        must(!next || !missing(reason, self.words.reason, 3), "a Reason String is left out for no reason")
    }

    fn check_limits(&self, properties: Properties<'_>) -> Verdict {
        if self.version != Version::V5_0 {
            return Ok(());
        }
        let aliases = properties.topic_alias_maximum().unwrap_or(0);
        must(aliases == self.own_alias_maximum, "another Topic Alias Maximum")?;
        let size = properties.maximum_packet_size().unwrap_or(u32::MAX);
        must(size == self.config.maximum_packet_size, "another Maximum Packet Size")?;
        let messages = properties.receive_maximum().unwrap_or(65_535);
        must(messages <= self.config.receive_maximum, "a larger Receive Maximum")
    }

    fn wrote_connack(&mut self, connack: &Connack<'_>) -> Verdict {
        let properties = connack.properties;
        if connack.reason != ReasonCode::SUCCESS {
            must(!connack.session_present, "a session for a client that is refused")?;
            (self.over, self.begun) = (true, true);
            return Ok(());
        }
        must(self.greeted, "CONNACK without CONNECT")?;
        let present = self.resumed && self.version != Version::V3_1;
        must(connack.session_present == present, "the session present is another one")?;
        self.check_limits(properties)?;
        let answers = properties.response_information().is_some();
        must(!answers || self.response_information, "Response Information that was not asked for")?;
        if self.version == Version::V5_0 {
            let assigned = properties.assigned_client_identifier().is_some();
            must(assigned == self.nameless, "a client identifier for one that has one, or none")?;
            self.keep_alive = properties.server_keep_alive().unwrap_or(self.keep_alive);
            self.prolong(properties.session_expiry_interval());
        } else {
            // Nothing can be told.
            self.expiry = self.expiry.min(self.config.maximum_session_expiry);
        }
        let keeps = self.version != Version::V5_0 || self.config.maximum_keep_alive == 0;
        let longest = self.config.maximum_keep_alive;
        must(keeps || self.keep_alive > 0 && self.keep_alive <= longest, "a Keep Alive that is too long")?;
        // The application may say something else.
        let longest = self.config.maximum_session_expiry.max(60);
        must(self.expiry <= longest, "a session that lives for too long")?;
        self.open = true;
        self.life.begin(self.resumed, !self.resumed);
        Ok(())
    }

    fn wrote_publish(&mut self, publish: &Publish<'_>) -> Verdict {
        let qos = publish.delivery.qos();
        must(qos <= self.maximum_qos, "a QoS that the peer does not support")?;
        must(!publish.retain || self.retain, "retained, which the peer does not support")?;
        let alias = publish.properties.topic_alias();
        must(
            alias.is_none_or(|alias| alias > 0 && alias <= self.alias_maximum),
            "an alias beyond the maximum",
        )?;
        let topic = match (publish.topic, alias) {
            ("", Some(alias)) => self.aliases[1].get(&alias).map_or("", |topic| topic),
            (topic, _) => topic,
        };
        must(!topic.is_empty(), "an alias that stands for nothing")?;
        let id = publish.delivery.packet_id().map(|id| id.get());
        let sent = match id {
            None => {
                let Some(zero) = &self.zero else { return Err("a message of QoS 0 that nobody sends") };
                must(!publish.dup, "DUP at QoS 0")?;
                zero
            }
            Some(id) => {
                must(self.life.charged() < self.receive_maximum, "more than Receive Maximum")?;
                let Some(out) = self.life.out.get(&id) else { return Err("a message that was not accepted") };
                must(out.waits() && out.qos() == qos, "a message that is not to be sent")?;
                let waiting = self.life.out.values().filter(|out| out.waits());
                must(waiting.map(|out| out.seq).min() == Some(out.seq), "messages out of order")?;
                // A message that was accepted in this connection has never been sent.
                must(publish.dup == (out.seq <= self.life.begun_at), "DUP")?;
                must(!publish.dup || alias.is_none(), "an alias in a message that is sent again")?;
                &out.message
            }
        };
        must(sent.is(publish, topic, self.more), "another message than the one accepted")?;
        // In place of a short topic it may make the packet too large.
        let size = sent.size(qos, self.version).unwrap_or(usize::MAX).saturating_add(5);
        let is_free = publish.dup || size > self.maximum_packet_size;
        if let Some((known, _)) = self.last_alias.filter(|(_, last)| *last == sent.topic && !is_free) {
            must(alias == Some(known) && publish.topic.is_empty(), "an alias that is not made use of")?;
        }
        self.last_alias = alias.map(|alias| (alias, sent.topic));
        if let (Some(alias), false) = (alias, publish.topic.is_empty()) {
            self.aliases[1].insert(alias, topic.into());
        }
        match id {
            None => self.zero = None,
            Some(id) => self.life.out.get_mut(&id).unwrap().published = true,
        }
        self.payload = Payload { id, left: std::mem::take(&mut self.more) };
        Ok(())
    }

    fn wrote_pubrel(&mut self, id: u16, reason: ReasonCode) -> Verdict {
        let strange = self.strange.iter().position(|strange| *strange == id);
        let known = self.life.out.get(&id).is_some_and(|out| !out.lost);
        if let (Some(at), false) = (strange, known) {
            must(reason == self.not_found(), "PUBREL for an unknown identifier")?;
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
