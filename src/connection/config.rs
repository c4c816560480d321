//! What this side allows, and what the peer does.

use core::borrow::Borrow;
use core::time::Duration;

use super::UsageError;
use crate::packet::{Connect, Subscription};
use crate::property::{OwnProperty, Properties};
use crate::spec::{PropertyId, Qos, Version};
use crate::wire::{find_wildcard, strip_share};

/// What this side allows. Nothing here is exceeded, whatever the peer sends.
///
/// | option | default | announced (5.0) by | what happens to a peer that exceeds it |
/// |---|---|---|---|
/// | `receive_maximum` | 16 | both | 0x93 |
/// | `maximum_packet_size` | 1 MiB | both | 0x95 |
/// | `skip_oversize` | no | no | (a PUBLISH above `maximum_packet_size` is skipped) |
/// | `topic_alias_maximum` | 0 | both | 0x94 |
/// | `maximum_qos` | 2 | server | 0x9B |
/// | `retain_available` | yes | server | 0x9A |
/// | `wildcard_subscription_available` | yes | server | 0xA2 |
/// | `subscription_identifier_available` | yes | server | 0xA1 |
/// | `shared_subscription_available` | yes | server | 0x9E |
/// | `maximum_keep_alive` | none | server, to the client | |
/// | `maximum_session_expiry` | for ever | server, to the client | |
/// | `maximum_connect_size` | 16 KiB | no | the connection is closed |
/// | `connect_timeout` | 10 s | no | the connection is closed |
/// | `ping_timeout` | 10 s | no | the connection is closed |
/// | `stream_above` | never | no | a PUBLISH comes in pieces, other packets: 0x95 |
/// | `assign_topic_aliases` | no | no | |
/// | `headroom` | 32 bytes | no | |
///
/// Older versions announce nothing and have no reason codes: there a packet that is too large closes the connection, the
/// store is what limits unacknowledged messages, and the rest is not enforced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// How many messages of QoS 1 and 2 the peer may have unacknowledged, from 1. If the store has room for fewer, that
    /// is announced.
    pub receive_maximum: u16,
    /// The largest packet to accept in bytes, with its fixed header.
    pub maximum_packet_size: u32,
    /// The largest packet to be buffered as a whole, in bytes. A larger PUBLISH comes in pieces, from
    /// [`Event::PublishStart`](crate::Event::PublishStart) to [`Event::PublishEnd`](crate::Event::PublishEnd), and its head
    /// must not be larger than this; any other packet is refused, and without the feature `stream` each one.
    pub stream_above: u32,
    /// Whether a PUBLISH above `maximum_packet_size` is skipped instead of ending the connection: its payload is thrown away as
    /// it comes, [`Event::Skipped`](crate::Event::Skipped) tells of it, and the peer is told that it went beyond a quota (0x97;
    /// before 5.0, that it is done). Its head must not be larger than what is buffered as a whole.
    pub skip_oversize: bool,
    /// How many Topic Aliases the peer may use. If the table for them has fewer entries, that is announced.
    pub topic_alias_maximum: u16,
    /// Whether every topic gets a Topic Alias when it is sent to a peer that takes some, in place of the one that was not
    /// used for the longest time. Otherwise only those that [`alias`](crate::Connection::alias) is asked for. The table for
    /// what goes out limits them, too.
    pub assign_topic_aliases: bool,
    /// The highest QoS that clients may publish with.
    pub maximum_qos: Qos,
    /// Whether clients may have messages retained.
    pub retain_available: bool,
    /// Whether clients may subscribe with wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether clients may give Subscription Identifiers.
    pub subscription_identifier_available: bool,
    /// Whether clients may have shared subscriptions.
    pub shared_subscription_available: bool,
    /// The longest Keep Alive that a server agrees to in seconds; 0: any. A client of 5.0 that asks for a longer one is told.
    pub maximum_keep_alive: u16,
    /// How long a server lets sessions outlive their connection at most, in seconds. A client of 5.0 that asks for longer is
    /// told; the sessions of others end without a word.
    pub maximum_session_expiry: u32,
    /// The largest CONNECT that a server accepts, in bytes.
    pub maximum_connect_size: u32,
    /// How long a server waits for CONNECT, and a client for CONNACK.
    pub connect_timeout: Duration,
    /// How long a client waits for PINGRESP, and how long either side waits for room to say farewell.
    pub ping_timeout: Duration,
    /// How many bytes of room messages leave in the sink, so that acknowledgements are not held up by them.
    pub headroom: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            receive_maximum: 16,
            maximum_packet_size: 1 << 20,
            stream_above: u32::MAX,
            skip_oversize: false,
            topic_alias_maximum: 0,
            assign_topic_aliases: false,
            maximum_qos: Qos::ExactlyOnce,
            retain_available: true,
            wildcard_subscription_available: true,
            subscription_identifier_available: true,
            shared_subscription_available: true,
            maximum_keep_alive: 0,
            maximum_session_expiry: u32::MAX,
            maximum_connect_size: 16 << 10,
            connect_timeout: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            headroom: 32,
        }
    }
}

impl Config {
    pub(super) fn room(&self) -> Room {
        Room {
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size.max(1),
            topic_alias_maximum: self.topic_alias_maximum,
        }
    }

    pub(super) fn service(&self) -> Service {
        Service {
            maximum_qos: self.maximum_qos,
            retain_available: self.retain_available,
            wildcard_subscription_available: self.wildcard_subscription_available,
            subscription_identifier_available: self.subscription_identifier_available,
            shared_subscription_available: self.shared_subscription_available,
        }
    }
}

/// What one side allows the other, as it was announced in CONNECT or CONNACK; in versions that announce nothing, what
/// [`Default`] says: anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// How many messages of QoS 1 and 2 may be unacknowledged.
    pub receive_maximum: u16,
    /// The largest packet in bytes, with its fixed header.
    pub maximum_packet_size: u32,
    /// The highest Topic Alias; 0: none.
    pub topic_alias_maximum: u16,
    /// The highest QoS of a message.
    pub maximum_qos: Qos,
    /// Whether messages may be retained.
    pub retain_available: bool,
    /// Whether subscriptions may have wildcards.
    pub wildcard_subscription_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_identifier_available: bool,
    /// Whether subscriptions may be shared.
    pub shared_subscription_available: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(Room::UNSAID, Service::UNSAID)
    }
}

/// The part of [`Limits`] that both sides have: how much each of them takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) receive_maximum: u16,
    pub(super) maximum_packet_size: u32,
    pub(super) topic_alias_maximum: u16,
}

impl Room {
    /// Of a side that does not say.
    pub(super) const UNSAID: Self =
        Self { receive_maximum: u16::MAX, maximum_packet_size: u32::MAX, topic_alias_maximum: 0 };
}

/// The part that only the server has: what there is to be asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    pub(super) maximum_qos: Qos,
    pub(super) retain_available: bool,
    wildcard_subscription_available: bool,
    subscription_identifier_available: bool,
    shared_subscription_available: bool,
}

impl Service {
    /// Of a server that does not say.
    pub(super) const UNSAID: Self = Self {
        maximum_qos: Qos::ExactlyOnce,
        retain_available: true,
        wildcard_subscription_available: true,
        subscription_identifier_available: true,
        shared_subscription_available: true,
    };

    /// What is asked of a server that does not support it: the property that says so.
    pub(super) fn not_available<'a>(
        &self,
        filters: impl IntoIterator<Item: Borrow<Subscription<'a>>>,
        properties: Properties<'_>,
    ) -> Option<PropertyId> {
        if !self.subscription_identifier_available && properties.subscription_identifier().is_some() {
            return Some(PropertyId::SubscriptionIdentifierAvailable);
        }
        if self.wildcard_subscription_available && self.shared_subscription_available {
            return None;
        }
        filters.into_iter().map(|subscription| subscription.borrow().filter.as_bytes()).find_map(|filter| {
            // No share name has a wildcard.
            if !self.wildcard_subscription_available && find_wildcard(filter).is_some() {
                return Some(PropertyId::WildcardSubscriptionAvailable);
            }
            let shared = !self.shared_subscription_available && strip_share(filter).is_some();
            shared.then_some(PropertyId::SharedSubscriptionAvailable)
        })
    }
}

/// What the two sides of an open connection have agreed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Agreement {
    /// The version that is spoken.
    pub version: Version,
    /// Whether the session is older than the connection.
    pub session_present: bool,
    /// How long the session will outlive the connection, in seconds; [`u32::MAX`]: for ever.
    pub session_expiry_interval: u32,
    /// The longest silence of the client, in seconds; 0: any.
    pub keep_alive: u16,
    /// What the peer allows.
    pub peer: Limits,
    /// What this side allows.
    pub own: Limits,
    /// Whether the client wants Reason String and User Properties with every packet that can have them.
    pub problem_information: bool,
    /// Whether the client wants Response Information.
    pub response_information: bool,
}

/// Refuses properties that only the [`Config`] gives.
pub(super) fn not_yours(properties: Properties<'_>) -> Result<(), UsageError> {
    let own = properties.find(|id| {
        matches!(
            id,
            PropertyId::ReceiveMaximum
                | PropertyId::MaximumPacketSize
                | PropertyId::TopicAliasMaximum
                | PropertyId::MaximumQos
                | PropertyId::RetainAvailable
                | PropertyId::WildcardSubscriptionAvailable
                | PropertyId::SubscriptionIdentifierAvailable
                | PropertyId::SharedSubscriptionAvailable
        )
    });
    own.map_or(Ok(()), |id| Err(UsageError::NotYours(id)))
}

/// How long the session is to outlive the connection, as a CONNECT asks for it, in seconds.
pub(super) fn asked_expiry(version: Version, connect: &Connect<'_>) -> u32 {
    match connect.clean_start {
        _ if version.is_5() => connect.properties.session_expiry_interval().unwrap_or(0),
        true => 0,
        false => u32::MAX,
    }
}

/// The properties that say what is allowed.
pub(super) type Announcement = [OwnProperty; 10];

/// What the properties of a CONNECT or CONNACK announce.
pub(super) fn announced(properties: Properties<'_>) -> (Room, Service) {
    let (mut room, mut service) = (Room::UNSAID, Service::UNSAID);
    for (id, number) in properties.numbers() {
        match id {
            PropertyId::ReceiveMaximum => room.receive_maximum = number as u16,
            PropertyId::MaximumPacketSize => room.maximum_packet_size = number,
            PropertyId::TopicAliasMaximum => room.topic_alias_maximum = number as u16,
            PropertyId::MaximumQos => {
                service.maximum_qos = Qos::from_number(number as u8).unwrap_or_default();
            }
            PropertyId::RetainAvailable => service.retain_available = number != 0,
            PropertyId::WildcardSubscriptionAvailable => {
                service.wildcard_subscription_available = number != 0;
            }
            PropertyId::SubscriptionIdentifierAvailable => {
                service.subscription_identifier_available = number != 0;
            }
            PropertyId::SharedSubscriptionAvailable => service.shared_subscription_available = number != 0,
            _ => {}
        }
    }
    (room, service)
}

impl Limits {
    pub(super) const fn of(room: Room, service: Service) -> Self {
        Self {
            receive_maximum: room.receive_maximum,
            maximum_packet_size: room.maximum_packet_size,
            topic_alias_maximum: room.topic_alias_maximum,
            maximum_qos: service.maximum_qos,
            retain_available: service.retain_available,
            wildcard_subscription_available: service.wildcard_subscription_available,
            subscription_identifier_available: service.subscription_identifier_available,
            shared_subscription_available: service.shared_subscription_available,
        }
    }

    /// The properties that announce this: those that differ from what their absence means. Nothing before 5.0. Their order is
    /// one that servers which are widely used have, for those who compare bytes.
    pub(super) fn announcement(&self, version: Version) -> Announcement {
        let standard = Self::default();
        let if_not =
            |is_standard: bool, id, number: u32| (version.is_5() && !is_standard).then_some((id, number));
        [
            // A server's Keep Alive and Session Expiry Interval.
            None,
            None,
            if_not(
                self.topic_alias_maximum == 0,
                PropertyId::TopicAliasMaximum,
                self.topic_alias_maximum.into(),
            ),
            if_not(self.retain_available, PropertyId::RetainAvailable, 0),
            if_not(
                self.maximum_packet_size == standard.maximum_packet_size,
                PropertyId::MaximumPacketSize,
                self.maximum_packet_size,
            ),
            if_not(
                self.receive_maximum == standard.receive_maximum,
                PropertyId::ReceiveMaximum,
                self.receive_maximum.into(),
            ),
            if_not(self.maximum_qos == Qos::ExactlyOnce, PropertyId::MaximumQos, self.maximum_qos as u32),
            if_not(self.wildcard_subscription_available, PropertyId::WildcardSubscriptionAvailable, 0),
            if_not(self.subscription_identifier_available, PropertyId::SubscriptionIdentifierAvailable, 0),
            if_not(self.shared_subscription_available, PropertyId::SharedSubscriptionAvailable, 0),
        ]
    }
}
