//! What a connection tells of itself.

use super::alias::{Aliases, TopicTable};
use super::config::Service;
use super::{Acknowledge, Agreement, Connection, Incoming, Limits, Phase, Role};
use crate::packet::Message;
use crate::session::{Session, Store};
use crate::spec::{Sender, Version};
use crate::wire::Unseen;

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// Whether messages are acknowledged automatically, from the next one on.
    pub fn set_acknowledge(&mut self, acknowledge: Acknowledge) {
        self.acknowledge = acknowledge;
    }

    /// The version that is spoken; of a server, the one that the client asked for, once its CONNECT has come.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether messages can be sent: CONNACK has come, or gone, and the connection is not over.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// What was agreed in CONNECT and CONNACK, in one piece; `None` until the connection is open.
    ///
    /// ```
    /// use sans_mqtt::{Config, Heap, Instant, Properties, Server, Session};
    /// let config = Config { maximum_keep_alive: 30, ..Config::default() };
    /// let mut server: Server<Heap> = Server::new(Instant::default(), &config, Session::default());
    /// # let (mut input, mut out) = (&b"\x10\x0E\0\x04MQTT\x05\x02\0\x3C\0\0\x01a"[..], Vec::new());
    /// # let _ = server.handle(Instant::default(), &mut input, &mut out);
    /// server.accept(Properties::EMPTY, &mut out)?; // a client that asked for 60 s
    /// assert_eq!(server.agreement().map(|agreed| agreed.keep_alive), Some(30));
    /// # Ok::<(), sans_mqtt::UsageError>(())
    /// ```
    pub fn agreement(&self) -> Option<Agreement> {
        self.accepted.map(|session_present| Agreement {
            version: self.version,
            session_present,
            session_expiry_interval: self.session.expiry,
            keep_alive: self.keep_alive,
            peer: self.limits(),
            own: self.own_limits(),
            problem_information: self.problem_information,
            response_information: self.response_information,
        })
    }

    /// What the peer allows.
    pub const fn limits(&self) -> Limits {
        Limits::of(*self.peer(), self.service_of(R::SENDER.other()))
    }

    /// What this side allows.
    pub const fn own_limits(&self) -> Limits {
        Limits::of(self.own, self.service_of(R::SENDER))
    }

    /// There is nothing to be asked of a client.
    const fn service_of(&self, side: Sender) -> Service {
        match side {
            Sender::Client => Service::UNSAID,
            Sender::Server => self.service,
        }
    }

    /// The longest silence of the client that was agreed, in seconds; 0: any.
    pub const fn keep_alive(&self) -> u16 {
        self.keep_alive
    }

    /// The session.
    pub const fn session(&self) -> &Session<S> {
        &self.session
    }

    /// The session; for its store, for example.
    pub const fn session_mut(&mut self) -> &mut Session<S> {
        &mut self.session
    }

    /// How many aliases there is room for, in each direction.
    pub(crate) fn alias_capacities(&mut self) -> (u16, u16) {
        (self.aliases.incoming().capacity(), self.aliases.outgoing_mut().capacity())
    }

    /// The topic name of a message, as long as `handle` is not called again: then its alias may stand for another.
    pub fn topic<'a>(&'a self, incoming: &Incoming<'a>) -> &'a str {
        match incoming.topic {
            "" => {
                let alias = incoming.properties.topic_alias();
                alias.and_then(|alias| self.aliases.incoming().get(alias)).unwrap_or_default()
            }
            topic => topic,
        }
    }

    /// A message as it can be sent on: with its topic, and without what belongs to this connection, Topic Alias and
    /// Subscription Identifiers.
    pub fn message<'a>(&'a self, incoming: &Incoming<'a>) -> Message<'a> {
        let Incoming { qos, retain, properties, payload, .. } = *incoming;
        let properties =
            if properties.is_empty() { properties } else { properties.without(Unseen::OF_CONNECTION) };
        Message { qos, retain, topic: self.topic(incoming), properties, payload }
    }
}
