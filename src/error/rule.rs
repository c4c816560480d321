//! Which rules an error breaks: one table, looked up only when somebody asks.
//!
//! The decoder reports a kind, a field and a packet; the documents have one numbered statement for each packet and
//! field. A row says which ones; the first row that fits counts, so special ones come before general ones.

use crate::error::{ErrorKind as K, Field as F, Violation};
use crate::spec::{PropertyId as P, Scope as S};

struct Row {
    kind: K,
    /// Empty: every field.
    fields: &'static [F],
    /// Empty: every packet.
    scopes: &'static [S],
    /// Statements of 3.1.1 (used for 3.1, too).
    v3: &'static [&'static str],
    /// Statements of 5.0.
    v5: &'static [&'static str],
}

pub(crate) fn rules(of: &Violation) -> &'static [&'static str] {
    // In a row, the property section stands for everything in it.
    let of_property = matches!(of.field, F::Property(_) | F::PropertyId);
    let fits = |row: &&Row| {
        row.kind == of.kind
            && (row.fields.is_empty()
                || row.fields.contains(&of.field)
                || of_property && row.fields.contains(&F::Properties))
            && (row.scopes.is_empty() || of.scope.is_some_and(|scope| row.scopes.contains(&scope)))
    };
    match (ROWS.iter().find(fits), of.version) {
        (Some(row), Some(version)) if !version.is_5() => row.v3,
        (Some(row), _) => row.v5,
        (None, _) => &[],
    }
}

macro_rules! rows {
    ($($kind:ident [$($field:expr),*] [$($scope:ident)*] $v3:tt $v5:tt;)+) => {
        &[$(Row { kind: K::$kind, fields: &[$($field),*], scopes: &[$(S::$scope),*], v3: &$v3, v5: &$v5 },)+]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    // kind, fields, packets, statements of 3.1.1, statements of 5.0
    LengthTooLong [] [] ["3.1.1 §2.2.3"] ["MQTT-1.5.5-1", "5.0 §1.5.5"];
    LengthNotShortest [F::PropertyId] [] [] ["MQTT-1.5.5-1", "5.0 §2.2.2.2"];
    LengthNotShortest [] [] [] ["MQTT-1.5.5-1"];
    PacketTooLarge [] [CONNECT] [] ["5.0 §3.1.2.11.4"];
    PacketTooLarge [] [] [] ["5.0 §3.1.2.11.4", "5.0 §3.2.2.3.6"];
    NotBuffered [] [] [] ["5.0 §3.1.2.11.4", "5.0 §3.2.2.3.6"];
    PacketType [] [] ["3.1.1 §2.2.1"] ["MQTT-2.1.3-1", "5.0 §2.1.2"];

    Flags [] [PUBREL] ["MQTT-3.6.1-1", "MQTT-2.2.2-2", "MQTT-2.2.2-1"] ["MQTT-3.6.1-1", "MQTT-2.1.3-1"];
    Flags [] [SUBSCRIBE] ["MQTT-3.8.1-1", "MQTT-2.2.2-2", "MQTT-2.2.2-1"] ["MQTT-3.8.1-1", "MQTT-2.1.3-1"];
    Flags [] [UNSUBSCRIBE] ["MQTT-3.10.1-1", "MQTT-2.2.2-2", "MQTT-2.2.2-1"] ["MQTT-3.10.1-1", "MQTT-2.1.3-1"];
    Flags [] [DISCONNECT] ["MQTT-3.14.1-1", "MQTT-2.2.2-2", "MQTT-2.2.2-1"] ["MQTT-3.14.1-1", "MQTT-2.1.3-1"];
    Flags [] [AUTH] [] ["MQTT-3.15.1-1", "MQTT-2.1.3-1"];
    Flags [] [] ["MQTT-2.2.2-2", "MQTT-2.2.2-1"] ["MQTT-2.1.3-1"];

    Truncated [F::ClientId] [] ["MQTT-3.1.3-3", "3.1.1 §1.2"] ["MQTT-3.1.3-3", "5.0 §1.2"];
    Truncated [F::WillTopic, F::WillPayload] [] ["MQTT-3.1.2-9", "3.1.1 §1.2"] ["MQTT-3.1.2-9", "5.0 §1.2"];
    Truncated [F::UserName] [] ["MQTT-3.1.2-19", "3.1.1 §1.2"] ["MQTT-3.1.2-17", "5.0 §1.2"];
    Truncated [F::Password] [] ["MQTT-3.1.2-21", "3.1.1 §1.2"] ["MQTT-3.1.2-19", "5.0 §1.2"];
    Truncated [F::PropertyLength] [WILL] [] ["MQTT-3.1.2-9", "MQTT-2.2.2-1", "5.0 §1.2"];
    Truncated [F::PropertyLength] [CONNACK] [] ["MQTT-2.2.2-1", "5.0 §3.2.2", "5.0 §1.2"];
    Truncated [F::PropertyLength] [SUBACK] [] ["MQTT-2.2.2-1", "5.0 §3.9.2", "5.0 §1.2"];
    Truncated [F::PropertyLength] [UNSUBACK] [] ["MQTT-2.2.2-1", "5.0 §3.11.2", "5.0 §1.2"];
    Truncated [F::PropertyLength] [] [] ["MQTT-2.2.2-1", "5.0 §1.2"];
    Truncated [F::Properties] [] [] ["5.0 §2.2.2.1", "5.0 §1.2"];
    Truncated [F::TopicName] [] ["MQTT-3.3.2-1", "3.1.1 §1.2"] ["MQTT-3.3.2-1", "5.0 §1.2"];
    Truncated [F::SubscriptionOptions] [] ["3.1.1 §3.8.3", "3.1.1 §1.2"] ["5.0 §3.8.3", "5.0 §1.2"];
    Truncated [F::TopicFilter] [UNSUBSCRIBE] ["MQTT-3.10.3-1", "3.1.1 §1.2"] ["MQTT-3.10.3-1", "5.0 §1.2"];
    Truncated [F::TopicFilter] [] ["MQTT-3.8.3-1", "3.1.1 §1.2"] ["MQTT-3.8.3-1", "5.0 §1.2"];
    Truncated [F::AcknowledgeFlags, F::ReasonCode] [CONNACK] ["3.1.1 §3.2.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [PUBACK] ["3.1.1 §3.4.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [PUBREC] ["3.1.1 §3.5.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [PUBREL] ["3.1.1 §3.6.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [PUBCOMP] ["3.1.1 §3.7.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [UNSUBACK] ["3.1.1 §3.11.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Truncated [] [] ["3.1.1 §1.2"] ["5.0 §1.2"];

    // Behind the last field of a CONNECT can only stand what a flag should have announced.
    Trailing [F::WillTopic] [] ["MQTT-3.1.2-18", "MQTT-3.1.2-11", "3.1.1 §1.2"] ["MQTT-3.1.2-16", "5.0 §1.2"];
    Trailing [F::UserName] [] ["MQTT-3.1.2-18", "3.1.1 §1.2"] ["MQTT-3.1.2-16", "5.0 §1.2"];
    Trailing [F::Password] [] ["MQTT-3.1.2-20", "3.1.1 §1.2"] ["MQTT-3.1.2-18", "5.0 §1.2"];
    Trailing [] [PINGREQ] ["3.1.1 §3.12.1", "3.1.1 §1.2"] ["5.0 §3.12.1", "5.0 §1.2"];
    Trailing [] [PINGRESP] ["3.1.1 §3.13.1", "3.1.1 §1.2"] ["5.0 §3.13.1", "5.0 §1.2"];
    Trailing [] [DISCONNECT] ["3.1.1 §3.14.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [CONNACK] ["3.1.1 §3.2.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [PUBACK] ["3.1.1 §3.4.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [PUBREC] ["3.1.1 §3.5.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [PUBREL] ["3.1.1 §3.6.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [PUBCOMP] ["3.1.1 §3.7.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [UNSUBACK] ["3.1.1 §3.11.1", "3.1.1 §1.2"] ["5.0 §1.2"];
    Trailing [] [] ["3.1.1 §1.2"] ["5.0 §1.2"];

    Utf8 [F::ClientId] [] ["MQTT-3.1.3-4", "MQTT-1.5.3-1"] ["MQTT-3.1.3-4", "MQTT-1.5.4-1"];
    Utf8 [F::WillTopic] [] ["MQTT-3.1.3-10", "MQTT-1.5.3-1"] ["MQTT-3.1.3-11", "MQTT-1.5.4-1"];
    Utf8 [F::UserName] [] ["MQTT-3.1.3-11", "MQTT-1.5.3-1"] ["MQTT-3.1.3-12", "MQTT-1.5.4-1"];
    Utf8 [F::TopicName] [] ["MQTT-3.3.2-1", "MQTT-1.5.3-1"] ["MQTT-3.3.2-1", "MQTT-1.5.4-1"];
    Utf8 [F::TopicFilter] [SUBSCRIBE] ["MQTT-3.8.3-1", "MQTT-1.5.3-1"] ["MQTT-3.8.3-1", "MQTT-1.5.4-1"];
    Utf8 [F::TopicFilter] [UNSUBSCRIBE] ["MQTT-3.10.3-1", "MQTT-1.5.3-1"] ["MQTT-3.10.3-1", "MQTT-1.5.4-1"];
    Utf8 [F::Property(P::ResponseTopic)] [PUBLISH] [] ["MQTT-3.3.2-13", "MQTT-1.5.4-1"];
    Utf8 [F::Property(P::ContentType)] [PUBLISH] [] ["MQTT-3.3.2-19", "MQTT-1.5.4-1"];
    Utf8 [F::Property(P::UserProperty)] [] [] ["MQTT-1.5.7-1", "MQTT-1.5.4-1"];
    Utf8 [] [] ["MQTT-1.5.3-1"] ["MQTT-1.5.4-1"];
    Nul [F::TopicName, F::TopicFilter, F::WillTopic] [] ["MQTT-4.7.3-2", "MQTT-1.5.3-2"] ["MQTT-4.7.3-2", "MQTT-1.5.4-2"];
    Nul [F::Property(P::ResponseTopic)] [] [] ["MQTT-4.7.3-2", "MQTT-1.5.4-2"];
    Nul [F::Property(P::UserProperty)] [] [] ["MQTT-1.5.7-1", "MQTT-1.5.4-2"];
    Nul [] [] ["MQTT-1.5.3-2"] ["MQTT-1.5.4-2"];

    EmptyTopic [F::TopicName] [] ["MQTT-4.7.3-1"] ["MQTT-4.7.3-1", "5.0 §3.3.2.1"];
    EmptyTopic [F::WillTopic] [] ["MQTT-4.7.3-1", "3.1.1 §3.1.3.2"] ["MQTT-4.7.3-1", "5.0 §3.1.3.3"];
    EmptyTopic [F::Property(P::ResponseTopic)] [] [] ["5.0 §3.3.2.3.5", "MQTT-4.7.3-1"];
    EmptyTopic [] [] ["MQTT-4.7.3-1"] ["MQTT-4.7.3-1"];
    WildcardInTopic [F::TopicName] [] ["MQTT-3.3.2-2", "MQTT-4.7.1-1"] ["MQTT-3.3.2-2", "MQTT-4.7.0-1"];
    WildcardInTopic [F::WillTopic] [] ["MQTT-4.7.1-1", "3.1.1 §3.1.3.2"] ["MQTT-4.7.0-1", "5.0 §3.1.3.3"];
    WildcardInTopic [] [PUBLISH] [] ["MQTT-3.3.2-14", "MQTT-4.7.0-1", "5.0 §3.3.2.3.5"];
    WildcardInTopic [] [] [] ["MQTT-4.7.0-1", "5.0 §3.3.2.3.5"];
    MisplacedHash [] [] ["MQTT-4.7.1-2"] ["MQTT-4.7.1-1"];
    MisplacedPlus [] [] ["MQTT-4.7.1-3"] ["MQTT-4.7.1-2"];
    EmptyShareName [] [] [] ["MQTT-4.8.2-1"];
    ShareName [] [] [] ["MQTT-4.8.2-2"];
    ShareFilter [] [] [] ["MQTT-4.8.2-2"];

    PacketId [] [PUBLISH SUBSCRIBE UNSUBSCRIBE] ["MQTT-2.3.1-1"] ["MQTT-2.2.1-3", "MQTT-2.2.1-4"];
    PacketId [] [] ["3.1.1 §2.3.1"] ["5.0 §2.2.1"];
    Qos [] [PUBLISH] ["MQTT-3.3.1-4"] ["MQTT-3.3.1-4"];
    Qos [] [CONNECT] ["MQTT-3.1.2-14"] ["MQTT-3.1.2-12"];
    Qos [] [] ["MQTT-3.8.3-4"] ["5.0 §3.8.3.1"];
    Dup [] [] ["MQTT-3.3.1-2"] ["MQTT-3.3.1-2"];
    ReservedBit [] [CONNECT] ["MQTT-3.1.2-3"] ["MQTT-3.1.2-3"];
    ReservedBit [] [CONNACK] ["3.1.1 §3.2.1"] ["MQTT-3.2.2-1"];
    ReservedBit [] [] ["MQTT-3.8.3-4"] ["MQTT-3.8.3-5"];
    WillFlags [F::WillQos] [] ["MQTT-3.1.2-13", "MQTT-3.1.2-11"] ["MQTT-3.1.2-11"];
    WillFlags [] [] ["MQTT-3.1.2-15", "MQTT-3.1.2-11"] ["MQTT-3.1.2-13"];
    PasswordWithoutUserName [] [] ["MQTT-3.1.2-22"] [];
    NotConnect [] [] ["MQTT-3.1.0-1"] ["MQTT-3.1.0-1"];
    ProtocolName [] [] ["MQTT-3.1.2-1"] ["MQTT-3.1.2-1"];
    ProtocolLevel [] [] ["MQTT-3.1.2-2"] ["MQTT-3.1.2-2"];
    SessionPresent [] [] ["MQTT-3.2.2-4"] ["MQTT-3.2.2-6"];

    ReasonCode [] [CONNACK] ["3.1.1 §3.2.1"] ["MQTT-3.2.2-8"];
    ReasonCode [] [PUBACK] [] ["MQTT-3.4.2-1"];
    ReasonCode [] [PUBREC] [] ["MQTT-3.5.2-1"];
    ReasonCode [] [PUBREL] [] ["MQTT-3.6.2-1"];
    ReasonCode [] [PUBCOMP] [] ["MQTT-3.7.2-1"];
    ReasonCode [] [SUBACK] ["MQTT-3.9.3-2"] ["MQTT-3.9.3-2"];
    ReasonCode [] [UNSUBACK] [] ["MQTT-3.11.3-2"];
    ReasonCode [] [DISCONNECT] [] ["MQTT-3.14.2-1"];
    ReasonCode [] [AUTH] [] ["MQTT-3.15.2-1"];
    RetainHandling [] [] [] ["5.0 §3.8.3.1"];
    NoLocal [] [] [] ["MQTT-3.8.3-4"];
    EmptyList [] [SUBSCRIBE] ["MQTT-3.8.3-3"] ["MQTT-3.8.3-2"];
    EmptyList [] [UNSUBSCRIBE] ["MQTT-3.10.3-2"] ["MQTT-3.10.3-2"];
    EmptyList [] [SUBACK] ["3.1.1 §3.9.3"] ["5.0 §3.9.3"];
    EmptyList [] [] [] ["5.0 §3.11.3"];

    UnknownProperty [] [] [] ["5.0 §2.2.2.2"];
    PropertyNotAllowed [] [] [] ["5.0 §2.2.2.2"];
    DuplicateProperty [] [CONNECT] [] ["5.0 §3.1.2.11"];
    DuplicateProperty [] [WILL] [] ["5.0 §3.1.3.2"];
    DuplicateProperty [] [CONNACK] [] ["5.0 §3.2.2.3"];
    DuplicateProperty [] [PUBLISH] [] ["5.0 §3.3.2.3"];
    DuplicateProperty [] [PUBACK] [] ["5.0 §3.4.2.2.2"];
    DuplicateProperty [] [PUBREC] [] ["5.0 §3.5.2.2.2"];
    DuplicateProperty [] [PUBREL] [] ["5.0 §3.6.2.2.2"];
    DuplicateProperty [] [PUBCOMP] [] ["5.0 §3.7.2.2.2"];
    DuplicateProperty [] [SUBSCRIBE] [] ["5.0 §3.8.2.1.2"];
    DuplicateProperty [] [SUBACK] [] ["5.0 §3.9.2.1.2"];
    DuplicateProperty [] [UNSUBACK] [] ["5.0 §3.11.2.1.2"];
    DuplicateProperty [] [DISCONNECT] [] ["5.0 §3.14.2.2"];
    DuplicateProperty [] [AUTH] [] ["5.0 §3.15.2.2"];
    PropertyValue [F::Property(P::PayloadFormatIndicator)] [WILL] [] ["5.0 §3.1.3.2.3"];
    PropertyValue [F::Property(P::PayloadFormatIndicator)] [] [] ["5.0 §3.3.2.3.2"];
    PropertyValue [F::Property(P::SubscriptionIdentifier)] [SUBSCRIBE] [] ["5.0 §3.8.2.1.2"];
    PropertyValue [F::Property(P::SubscriptionIdentifier)] [] [] ["5.0 §3.3.2.3.8"];
    PropertyValue [F::Property(P::RequestProblemInformation)] [] [] ["5.0 §3.1.2.11.7"];
    PropertyValue [F::Property(P::RequestResponseInformation)] [] [] ["5.0 §3.1.2.11.6"];
    PropertyValue [F::Property(P::ReceiveMaximum)] [CONNECT] [] ["5.0 §3.1.2.11.3"];
    PropertyValue [F::Property(P::ReceiveMaximum)] [] [] ["5.0 §3.2.2.3.3"];
    PropertyValue [F::Property(P::TopicAlias)] [] [] ["MQTT-3.3.2-8", "5.0 §3.3.4"];
    PropertyValue [F::Property(P::MaximumQos)] [] [] ["5.0 §3.2.2.3.4"];
    PropertyValue [F::Property(P::RetainAvailable)] [] [] ["5.0 §3.2.2.3.5"];
    PropertyValue [F::Property(P::MaximumPacketSize)] [CONNECT] [] ["5.0 §3.1.2.11.4"];
    PropertyValue [F::Property(P::MaximumPacketSize)] [] [] ["5.0 §3.2.2.3.6"];
    PropertyValue [F::Property(P::WildcardSubscriptionAvailable)] [] [] ["5.0 §3.2.2.3.11"];
    PropertyValue [F::Property(P::SubscriptionIdentifierAvailable)] [] [] ["5.0 §3.2.2.3.12"];
    PropertyValue [F::Property(P::SharedSubscriptionAvailable)] [] [] ["5.0 §3.2.2.3.13"];
    MissingProperty [F::Property(P::AssignedClientIdentifier)] [] [] ["MQTT-3.2.2-16", "5.0 §3.2.2.3.7"];
    MissingProperty [] [AUTH] [] ["5.0 §3.15.2.2.2"];
    MissingProperty [] [] [] ["5.0 §3.1.2.11.10"];

    Sender [F::Property(P::SubscriptionIdentifier)] [] [] ["MQTT-3.3.4-6"];
    Sender [F::Property(P::SessionExpiryInterval)] [] [] ["MQTT-3.14.2-2"];
    Sender [F::Property(P::ServerReference)] [] [] ["5.0 §3.14.2.2.5"];
    Sender [F::ReasonCode] [DISCONNECT] [] ["5.0 §3.14.2.1"];
    Sender [F::ReasonCode] [AUTH] [] ["MQTT-3.15.2-1", "5.0 §3.15.2.1"];
    Sender [] [DISCONNECT] ["3.1.1 §3.14"] [];
    Sender [] [] ["3.1.1 §2.2.1"] ["5.0 §2.1.2"];

    Authentication [] [] [] ["5.0 §4.12", "MQTT-4.12.0-2", "MQTT-4.12.0-3", "MQTT-4.12.1-1"];
    AuthenticationPending [] [] [] ["MQTT-3.1.2-30", "5.0 §4.12"];
    AuthenticationMethod [] [] [] ["MQTT-4.12.0-5", "MQTT-4.12.0-6"];
    MaximumQos [] [CONNECT] [] ["MQTT-3.2.2-12", "5.0 §3.2.2.3.4"];
    MaximumQos [] [] [] ["MQTT-3.2.2-11", "5.0 §3.2.2.3.4"];
    RetainNotAvailable [] [CONNECT] [] ["MQTT-3.2.2-13", "5.0 §3.2.2.3.5"];
    RetainNotAvailable [] [] [] ["MQTT-3.2.2-14", "5.0 §3.2.2.3.5"];
    WildcardNotAvailable [] [] [] ["5.0 §3.2.2.3.11"];
    SubscriptionIdNotAvailable [] [] [] ["5.0 §3.2.2.3.12"];
    SharedNotAvailable [] [] [] ["5.0 §3.2.2.3.13"];
    UnexpectedPacket [] [CONNECT] ["MQTT-3.1.0-2"] ["MQTT-3.1.0-2"];
    UnexpectedPacket [] [CONNACK] ["MQTT-4.8.0-1", "3.1.1 §3.2"] ["MQTT-3.2.0-2"];
    UnexpectedPacket [] [AUTH] [] ["MQTT-4.12.0-6", "MQTT-4.12.0-7", "5.0 §4.12"];
    UnexpectedPacket [] [] ["MQTT-3.2.0-1", "3.1.1 §3.2"] ["MQTT-3.2.0-1", "5.0 §3.2"];
    SessionState [] [] ["MQTT-3.2.2-1"] ["MQTT-3.2.2-4", "MQTT-3.2.2-2"];
    SessionExpiry [] [] [] ["5.0 §3.14.2.2.2"];
    WrongAck [] [SUBACK] ["MQTT-3.8.4-2", "MQTT-2.3.1-7"] ["MQTT-3.8.4-2", "MQTT-2.2.1-6"];
    WrongAck [] [UNSUBACK] ["MQTT-3.10.4-4", "MQTT-2.3.1-7"] ["MQTT-3.10.4-5", "MQTT-2.2.1-6"];
    WrongAck [] [] ["3.1.1 §4.3"] ["5.0 §4.3"];
    ReasonCount [] [SUBACK] ["MQTT-3.8.4-5"] ["MQTT-3.8.4-6", "5.0 §3.9.3"];
    ReasonCount [] [] [] ["MQTT-3.11.3-1"];
    PacketIdInUse [] [] ["MQTT-2.3.1-4", "MQTT-2.3.1-2"] ["MQTT-2.2.1-4", "MQTT-2.2.1-3"];
    ReceiveMaximum [] [] [] ["MQTT-3.3.4-9", "MQTT-3.3.4-7", "MQTT-4.9.0-2", "5.0 §3.3.4"];
    StoreFull [] [] ["MQTT-4.8.0-2"] ["MQTT-4.13.2-1"];
    TopicAlias [] [] [] ["MQTT-3.3.2-9", "MQTT-3.3.2-11", "5.0 §3.3.4"];
    UnknownTopicAlias [] [] [] ["MQTT-3.3.2-7", "5.0 §3.3.4"];
    TopicTableFull [] [] [] ["MQTT-4.13.2-1"];
    ProblemInformation [] [] [] ["MQTT-3.1.2-29", "5.0 §3.1.2.11.7"];
    MaximumPacketSize [] [] [] ["MQTT-3.1.2-24", "MQTT-3.2.2-15"];

    TooLong [F::TopicName, F::TopicFilter, F::WillTopic, F::Property(P::ResponseTopic)] [] ["MQTT-4.7.3-3"] ["MQTT-4.7.3-3"];
    TooLong [F::Packet] [] ["3.1.1 §2.2.3"] ["5.0 §1.5.5"];
    TooLong [F::Password, F::WillPayload] [] ["3.1.1 §3.1.3.5"] ["5.0 §1.5.6"];
    TooLong [F::Property(P::CorrelationData), F::Property(P::AuthenticationData)] [] [] ["5.0 §1.5.6"];
    TooLong [] [] ["3.1.1 §1.5.3"] ["5.0 §1.5.4"];
    NotInVersion [F::PacketType] [] ["3.1.1 §2.2.1"] [];
    NotInVersion [F::SubscriptionOptions] [] ["MQTT-3.8.3-4"] [];
    NotInVersion [] [CONNACK] ["3.1.1 §3.2.1"] [];
    NotInVersion [F::ReasonCode] [SUBACK] ["MQTT-3.9.3-2"] [];
    NotInVersion [] [PUBACK] ["3.1.1 §3.4.1"] [];
    NotInVersion [] [PUBREC] ["3.1.1 §3.5.1"] [];
    NotInVersion [] [PUBREL] ["3.1.1 §3.6.1"] [];
    NotInVersion [] [PUBCOMP] ["3.1.1 §3.7.1"] [];
    NotInVersion [] [UNSUBACK] ["3.1.1 §3.11.1"] [];
    NotInVersion [] [DISCONNECT] ["3.1.1 §3.14.1"] [];
    ClientId [] [] ["MQTT-3.1.3-8", "MQTT-3.1.3-7"] [];
};
