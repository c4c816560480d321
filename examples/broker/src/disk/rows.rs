//! What the rows say.
//!
//! Numbers in keys are big-endian, so that rows come in their order. Times are milliseconds since 1970. Another set of
//! fields is another layout: raise its number in `sqlite.rs`.

use std::borrow::Cow;
use std::num::NonZeroU16;

use bytes::Bytes;
use sans_mqtt::{PacketBuf, PacketId, PublishBuf, Qos, Version};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Batch, Table};

/// A session, under its number.
///
/// It had a connection if neither `end_at` is set nor `expiry_interval` for ever. That one is lost, so that its will, if
/// there is one without `will_at`, is due after `will_delay`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SessionRow<'a> {
    pub client_id: Cow<'a, str>,
    pub user: Option<Cow<'a, str>>,
    /// In seconds, [`u32::MAX`] for ever.
    pub expiry_interval: u32,
    pub end_at: Option<u64>,
    /// A PUBLISH of 5.0.
    #[serde(with = "optional_publish")]
    pub will: Option<PublishBuf>,
    /// In seconds.
    pub will_delay: u32,
    pub will_at: Option<u64>,
}

/// A subscription, under the number of its session and its filter, which is as it was asked for, `$share` included.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SubscriptionRow {
    #[serde(with = "QosRow")]
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub id: Option<u32>,
}

/// A message on its way to a session, under the number of the session and its own place in the order of sending.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LetterRow<'a> {
    /// The number of the message, of which nothing is kept any more once the letter is `Released`.
    pub message: u64,
    #[serde(with = "QosRow")]
    pub qos: Qos,
    pub retain: bool,
    /// The Subscription Identifiers of its subscriber.
    pub ids: Cow<'a, [u32]>,
    pub state: LetterState,
    /// The shared subscription that it came by, as it was asked for.
    pub shared: Option<Cow<'a, str>>,
}

/// How far a letter has come.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum LetterState {
    Queued,
    Sent(#[serde(with = "packet_id")] PacketId),
    /// The receiver has the message of QoS 2; what is missing is the end of the exchange.
    Released(#[serde(with = "packet_id")] PacketId),
}

/// A message, under its number, or as a retained one under its topic.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MessageRow {
    pub received: u64,
    pub expires: Option<u64>,
    /// In the format of 5.0.
    #[serde(with = "publish")]
    pub publish: PublishBuf,
}

impl Batch {
    pub fn put_session(&mut self, session: u64, row: &SessionRow<'_>) {
        self.put_row(Table::Sessions, &session.to_be_bytes(), row);
    }

    pub fn delete_session(&mut self, session: u64) {
        self.delete(Table::Sessions, &session.to_be_bytes());
    }

    pub fn put_subscription(&mut self, session: u64, filter: &str, row: &SubscriptionRow) {
        self.put_row(Table::Subscriptions, &[&session.to_be_bytes(), filter.as_bytes()].concat(), row);
    }

    pub fn delete_subscription(&mut self, session: u64, filter: &str) {
        self.delete(Table::Subscriptions, &[&session.to_be_bytes(), filter.as_bytes()].concat());
    }

    pub fn put_letter(&mut self, session: u64, sequence: u64, row: &LetterRow<'_>) {
        self.put_row(Table::Letters, [session.to_be_bytes(), sequence.to_be_bytes()].as_flattened(), row);
    }

    pub fn delete_letter(&mut self, session: u64, sequence: u64) {
        self.delete(Table::Letters, [session.to_be_bytes(), sequence.to_be_bytes()].as_flattened());
    }

    /// A message of QoS 2 was taken from a session, and is not released yet.
    pub fn put_incoming(&mut self, session: u64, id: PacketId) {
        self.put_row(Table::Incoming, &[&session.to_be_bytes()[..], &id.get().to_be_bytes()].concat(), &());
    }

    pub fn delete_incoming(&mut self, session: u64, id: PacketId) {
        self.delete(Table::Incoming, &[&session.to_be_bytes()[..], &id.get().to_be_bytes()].concat());
    }

    pub fn put_message(&mut self, message: u64, row: &MessageRow) {
        self.put_row(Table::Messages, &message.to_be_bytes(), row);
    }

    pub fn delete_message(&mut self, message: u64) {
        self.delete(Table::Messages, &message.to_be_bytes());
    }

    pub fn put_retained(&mut self, topic: &str, row: &MessageRow) {
        self.put_row(Table::Retained, topic.as_bytes(), row);
    }

    pub fn delete_retained(&mut self, topic: &str) {
        self.delete(Table::Retained, topic.as_bytes());
    }

    fn put_row(&mut self, table: Table, key: &[u8], row: &impl Serialize) {
        self.put_with(table, key, |out| {
            let done = postcard::to_extend(row, Appended(out));
            done.expect("all lists know their length");
        });
    }
}

/// Puts into a buffer that is lent.
struct Appended<'a>(&'a mut Vec<u8>);

impl Extend<u8> for Appended<'_> {
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        self.0.extend(bytes);
    }
}

/// The value of a row, or what is wrong with it.
pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(value) {
        Ok((row, [])) => Ok(row),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Deserialize, Serialize)]
#[serde(remote = "Qos")]
#[allow(clippy::enum_variant_names)] // as they are called there
enum QosRow {
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

mod packet_id {
    use super::*;

    pub(super) fn serialize<S: Serializer>(id: &PacketId, to: S) -> Result<S::Ok, S::Error> {
        NonZeroU16::from(*id).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PacketId, D::Error> {
        NonZeroU16::deserialize(from).map(PacketId::from)
    }
}

mod publish {
    use super::*;

    pub(super) fn serialize<S: Serializer>(publish: &PublishBuf, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(publish.bytes())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PublishBuf, D::Error> {
        let bytes = Bytes::copy_from_slice(<&[u8]>::deserialize(from)?);
        let packet = PacketBuf::decode(Version::V5_0, bytes).map_err(D::Error::custom)?;
        packet.try_into().map_err(|_| D::Error::custom("not a PUBLISH"))
    }
}

mod optional_publish {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Row(#[serde(with = "publish")] PublishBuf);

    pub(super) fn serialize<S: Serializer>(publish: &Option<PublishBuf>, to: S) -> Result<S::Ok, S::Error> {
        publish.clone().map(Row).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<PublishBuf>, D::Error> {
        Ok(Option::<Row>::deserialize(from)?.map(|row| row.0))
    }
}
