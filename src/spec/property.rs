//! The table of properties (5.0): what there is, and where it may stand.

use super::scopes;

/// The wire type of a value with the rule for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A byte, 0 or 1.
    Flag,
    /// A byte, 0 or 1: QoS 2 is said by leaving the property out.
    MaximumQos,
    /// A two byte integer.
    Short,
    /// A two byte integer, not 0.
    PositiveShort,
    /// A four byte integer.
    Long,
    /// A four byte integer, not 0.
    PositiveLong,
    /// A variable byte integer, not 0.
    PositiveVarint,
    /// Text.
    Text,
    /// A topic name.
    Topic,
    /// Binary data.
    Binary,
    /// Two texts.
    Pair,
}

pub(crate) struct Row {
    id: PropertyId,
    kind: Kind,
    /// Where it may stand: a set of scopes.
    scopes: u16,
}

macro_rules! identifiers {
    ($(
        $number:literal $variant:ident $accessor:ident $kind:ident $name:literal
        [$($scope:ident)+] $(repeatable [$($many:ident)+])? $(client [$($client:ident)+])? $(server [$($server:ident)+])?
        #[doc = $doc:literal];
    )+) => {
        /// The identifier of a property.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum PropertyId {
            $(#[doc = $doc] $variant = $number,)+
            /// Name and value of the application's own.
            UserProperty = 0x26,
        }

        impl PropertyId {
            /// Every property.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+ Self::UserProperty];

            /// The name as the specification writes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ Self::UserProperty => "User Property" }
            }
        }

        /// The rows by identifier.
        static TABLE: [Option<Row>; 0x2B] = {
            let mut table = [const { None }; 0x2B];
            $(table[$number] = Some(Row {
                id: PropertyId::$variant,
                kind: Kind::$kind,
                scopes: scopes!($($scope)+),
            });)+
            // Every packet with properties may carry these, as often as it likes.
            table[0x26] = Some(Row { id: PropertyId::UserProperty, kind: Kind::Pair, scopes: EVERYWHERE });
            table
        };

        /// Exceptions, of which a table would be full of nothing.
        impl PropertyId {
            /// Where it may be repeated.
            pub(crate) const fn repeatable(self) -> u16 {
                $($(if self as u8 == $number { return scopes!($($many)+); })?)+
                if self as u8 == 0x26 { EVERYWHERE } else { 0 }
            }

            /// Where only a client may send it.
            pub(crate) const fn client_only(self) -> u16 {
                $($(if self as u8 == $number { return scopes!($($client)+); })?)+
                0
            }

            /// Where only a server may send it.
            pub(crate) const fn server_only(self) -> u16 {
                $($(if self as u8 == $number { return scopes!($($server)+); })?)+
                0
            }
        }
    };
}

const EVERYWHERE: u16 = scopes!(CONNECT WILL CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH);

/// Gives all rows to another macro.
macro_rules! properties {
    ($macro:ident) => {
        $macro! {
            0x01 PayloadFormatIndicator payload_format_indicator Flag "Payload Format Indicator" [PUBLISH WILL]
                #[doc = "Whether the payload is UTF-8 text; unspecified bytes if absent."];
            0x02 MessageExpiryInterval message_expiry_interval Long "Message Expiry Interval" [PUBLISH WILL]
                #[doc = "The lifetime of the message in seconds; it does not expire if absent."];
            0x03 ContentType content_type Text "Content Type" [PUBLISH WILL]
                #[doc = "What the payload is, in words of the application."];
            0x08 ResponseTopic response_topic Topic "Response Topic" [PUBLISH WILL]
                #[doc = "The topic name for a response; the message is a request then."];
            0x09 CorrelationData correlation_data Binary "Correlation Data" [PUBLISH WILL]
                #[doc = "What tells the sender of a request which one a response answers."];
            0x0B SubscriptionIdentifier subscription_identifier PositiveVarint "Subscription Identifier" [PUBLISH SUBSCRIBE]
                repeatable [PUBLISH] server [PUBLISH]
                #[doc = "A number that the client gave to a subscription, from 1 to 268,435,455."];
            0x11 SessionExpiryInterval session_expiry_interval Long "Session Expiry Interval" [CONNECT CONNACK DISCONNECT]
                client [DISCONNECT]
                #[doc = "How long the session outlives the connection in seconds: 0 not at all, 0xFFFF_FFFF for ever."];
            0x12 AssignedClientIdentifier assigned_client_identifier Text "Assigned Client Identifier" [CONNACK]
                #[doc = "The client identifier that the server chose for a client without one."];
            0x13 ServerKeepAlive server_keep_alive Short "Server Keep Alive" [CONNACK]
                #[doc = "The Keep Alive in seconds to use in place of the client's; 0 turns it off."];
            0x15 AuthenticationMethod authentication_method Text "Authentication Method" [CONNECT CONNACK AUTH]
                #[doc = "The name of the method of enhanced authentication."];
            0x16 AuthenticationData authentication_data Binary "Authentication Data" [CONNECT CONNACK AUTH]
                #[doc = "Data of the authentication method."];
            0x17 RequestProblemInformation request_problem_information Flag "Request Problem Information" [CONNECT]
                #[doc = "Whether the server may send Reason String and User Property with any packet; yes if absent."];
            0x18 WillDelayInterval will_delay_interval Long "Will Delay Interval" [WILL]
                #[doc = "How long the server waits before it publishes the will, in seconds; 0 if absent."];
            0x19 RequestResponseInformation request_response_information Flag "Request Response Information" [CONNECT]
                #[doc = "Whether the client asks for Response Information; no if absent."];
            0x1A ResponseInformation response_information Text "Response Information" [CONNACK]
                #[doc = "What the client may build response topics from."];
            0x1C ServerReference server_reference Text "Server Reference" [CONNACK DISCONNECT] server [DISCONNECT]
                #[doc = "Another server to use."];
            0x1F ReasonString reason_string Text "Reason String"
                [CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH]
                #[doc = "The reason in words, for a person."];
            0x21 ReceiveMaximum receive_maximum PositiveShort "Receive Maximum" [CONNECT CONNACK]
                #[doc = "How many QoS 1 and 2 messages the sender takes at a time, from 1; 65,535 if absent."];
            0x22 TopicAliasMaximum topic_alias_maximum Short "Topic Alias Maximum" [CONNECT CONNACK]
                #[doc = "The largest Topic Alias that the sender takes; 0, none at all, if absent."];
            0x23 TopicAlias topic_alias PositiveShort "Topic Alias" [PUBLISH]
                #[doc = "A number that stands for the topic name, from 1."];
            0x24 MaximumQos maximum_qos MaximumQos "Maximum QoS" [CONNACK]
                #[doc = "The highest QoS that the server takes, 0 or 1; 2 if absent."];
            0x25 RetainAvailable retain_available Flag "Retain Available" [CONNACK]
                #[doc = "Whether the server retains messages; yes if absent."];
            0x27 MaximumPacketSize maximum_packet_size PositiveLong "Maximum Packet Size" [CONNECT CONNACK]
                #[doc = "The largest packet in bytes that the sender takes, from 1; no limit if absent."];
            0x28 WildcardSubscriptionAvailable wildcard_subscription_available Flag "Wildcard Subscription Available" [CONNACK]
                #[doc = "Whether the server supports wildcards in subscriptions; yes if absent."];
            0x29 SubscriptionIdentifierAvailable subscription_identifier_available Flag "Subscription Identifier Available"
                [CONNACK]
                #[doc = "Whether the server supports Subscription Identifiers; yes if absent."];
            0x2A SharedSubscriptionAvailable shared_subscription_available Flag "Shared Subscription Available" [CONNACK]
                #[doc = "Whether the server supports shared subscriptions; yes if absent."];
        }
    };
}
pub(crate) use properties;

properties!(identifiers);

impl PropertyId {
    /// The property with this identifier.
    ///
    /// ```
    /// use sans_mqtt::PropertyId;
    /// assert_eq!(PropertyId::from_number(0x23), Some(PropertyId::TopicAlias));
    /// assert_eq!(PropertyId::from_number(0x24).map(PropertyId::name), Some("Maximum QoS"));
    /// ```
    pub fn from_number(number: u8) -> Option<Self> {
        Row::of(number).map(|(id, _)| id)
    }

    /// The identifier as a number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Where it may stand: a set of scopes.
    pub(crate) const fn scopes(self) -> u16 {
        match self.row() {
            Some(row) => row.scopes,
            None => 0,
        }
    }

    /// The type of its value.
    #[inline]
    pub(crate) const fn kind(self) -> Kind {
        match self.row() {
            Some(row) => row.kind,
            None => Kind::Flag,
        }
    }

    const fn row(self) -> Option<&'static Row> {
        match TABLE.split_at_checked(self as usize) {
            Some((_, [Some(row), ..])) => Some(row),
            _ => None,
        }
    }
}

impl Row {
    /// The property with this identifier, and its kind.
    #[inline(always)]
    pub(crate) fn of(number: u8) -> Option<(PropertyId, Kind)> {
        let row = TABLE.get(usize::from(number))?.as_ref()?;
        Some((row.id, row.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list that came in a PUBLISH is not checked again by a server that sends it on.
    #[test]
    fn a_server_may_send_whatever_stands_in_a_message() {
        let here = scopes!(PUBLISH);
        let barred = PropertyId::ALL.iter().filter(|id| id.client_only() & here != 0);
        assert_eq!(barred.count(), 0);
    }
}
