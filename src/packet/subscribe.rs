//! SUBSCRIBE, and SUBACK with its twin UNSUBACK.

use super::listed;
use crate::error::{EncodeError, ErrorKind, Field};
use crate::property::Properties;
use crate::spec::{PacketId, Qos, ReasonCode, Scope, Version};
use crate::topic::TopicFilter;
use crate::wire::{
    Check, Context, Decoded, Element, Encode, Lengths, Mode, Reader, Seq, Sink, Value, Writer, check_filter,
    check_str, invalid, strip_share,
};
#[cfg(not(feature = "small"))]
use crate::wire::{array, plain_filter_len, text};

/// SUBSCRIBE: a client asks for messages.
///
/// ```
/// use sans_mqtt::{Packet, PacketId, Qos, Subscribe, Subscription, Version};
/// let filters = [Subscription { filter: "attic/+", qos: Qos::AtLeastOnce, ..Subscription::default() }];
/// let subscribe = Packet::from(Subscribe {
///     packet_id: PacketId::MIN,
///     filters: (&filters).into(),
///     ..Subscribe::default()
/// });
/// assert_eq!(subscribe.to_vec(Version::V3_1_1)?, *b"\x82\x0C\0\x01\0\x07attic/+\x01");
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Subscribe<'a> {
    /// The packet identifier.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What is asked for, at least one.
    pub filters: Seq<'a, Subscription<'a>>,
}

/// A topic filter with its options.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Subscription<'a> {
    /// The topic filter, in 5.0 perhaps of a shared subscription.
    pub filter: &'a str,
    /// The highest QoS of messages for this subscription.
    pub qos: Qos,
    /// Whether to leave out messages of this client itself (5.0, not for shared subscriptions).
    pub no_local: bool,
    /// Whether forwarded messages keep their RETAIN flag (5.0).
    pub retain_as_published: bool,
    /// Which retained messages to send because of this subscription (5.0).
    pub retain_handling: RetainHandling,
}

/// Which retained messages a server sends because of a subscription (5.0).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum RetainHandling {
    /// All that match.
    #[default]
    Send = 0,
    /// All that match, if the subscription is new.
    SendIfNew = 1,
    /// None.
    DoNotSend = 2,
}

const QOS: u8 = 0x03;
const NO_LOCAL: u8 = 0x04;
const RETAIN_AS_PUBLISHED: u8 = 0x08;
const RETAIN_HANDLING: u8 = 0x30;

impl<'a> Subscribe<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let packet_id = reader.packet_id()?;
        let properties = Properties::decode(reader, Scope::SUBSCRIBE)?;
        let filters = Seq::read(reader, Field::TopicFilter)?;
        Ok(Self { packet_id, properties, filters })
    }
}

impl Encode for Subscribe<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        listed::check(&self.properties, self.filters.check_some(cx, Field::TopicFilter)?, cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        listed::write(self.packet_id, &self.properties, &self.filters, cx, lengths, out);
    }
}

impl<'a> Subscription<'a> {
    /// The filter of a received subscription, taken apart. `version` is that of the packet.
    ///
    /// Decoding has validated it. That of a subscription which was made otherwise is not validated here:
    /// [`TopicFilter::new`] does that.
    ///
    /// ```
    /// use sans_mqtt::{Subscription, Version};
    /// let subscription = Subscription { filter: "$share/workers/jobs/#", ..Subscription::default() };
    /// let filter = subscription.topic_filter(Version::V5_0);
    /// assert_eq!((filter.share_name(), filter.filter()), (Some("workers"), "jobs/#"));
    /// ```
    pub fn topic_filter(&self, version: Version) -> TopicFilter<'a> {
        TopicFilter::of_valid(self.filter, version)
    }

    fn with_options(filter: &'a str, options: u8) -> Self {
        Self {
            filter,
            qos: Qos::from_number(options & QOS).unwrap_or_default(),
            no_local: options & NO_LOCAL != 0,
            retain_as_published: options & RETAIN_AS_PUBLISHED != 0,
            retain_handling: match options & RETAIN_HANDLING {
                0x00 => RetainHandling::Send,
                0x10 => RetainHandling::SendIfNew,
                _ => RetainHandling::DoNotSend,
            },
        }
    }

    fn options(&self) -> u8 {
        self.qos as u8
            | if self.no_local { NO_LOCAL } else { 0 }
            | if self.retain_as_published { RETAIN_AS_PUBLISHED } else { 0 }
            | (self.retain_handling as u8) << 4
    }

    /// What is wrong with an options byte behind a valid filter. Nothing, if it asks only for a QoS, as most do.
    fn check_options(filter: &[u8], options: u8, cx: Context) -> Result<(), ErrorKind> {
        if options <= Qos::ExactlyOnce as u8 {
            return Ok(());
        }
        let known =
            if cx.version.is_5() { QOS | NO_LOCAL | RETAIN_AS_PUBLISHED | RETAIN_HANDLING } else { QOS };
        if options & !known != 0 {
            Err(ErrorKind::ReservedBit)
        } else if options & QOS == QOS {
            Err(ErrorKind::Qos)
        } else if options & RETAIN_HANDLING == RETAIN_HANDLING {
            Err(ErrorKind::RetainHandling)
        } else if options & NO_LOCAL != 0 && strip_share(filter).is_some() {
            Err(ErrorKind::NoLocal)
        } else {
            Ok(())
        }
    }

    #[inline]
    fn read_options<M: Mode>(reader: &mut Reader<'a, '_, M>, filter: &[u8]) -> Decoded<u8> {
        let start = reader.offset();
        let options = reader.byte(Field::SubscriptionOptions)?;
        reader.show(Field::SubscriptionOptions, start, Value::Flags(options));
        match Self::check_options(filter, options, reader.cx) {
            Ok(()) => Ok(options),
            Err(_) if M::TRUSTED => Ok(options),
            Err(kind) => Err(reader.bad(kind, Field::SubscriptionOptions, start, options)),
        }
    }
}

impl<'a> Element<'a> for Subscription<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let filter = reader.filter(Field::TopicFilter)?;
        let options = Self::read_options(reader, filter.as_bytes())?;
        Ok(Self::with_options(filter, options))
    }

    #[cfg(not(feature = "small"))]
    #[inline(always)]
    fn again(bytes: &mut &'a [u8], _: Context) -> Option<Self> {
        let filter = text(bytes)?;
        let [options] = array(bytes)?;
        Some(Self::with_options(filter, options))
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn validate<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<()> {
        let filter = reader.validate_filter(Field::TopicFilter)?;
        Self::read_options(reader, filter)?;
        Ok(())
    }

    #[cfg(not(feature = "small"))]
    #[inline]
    fn plain_len(list: &[Self], cx: Context) -> Option<usize> {
        let mut len = 0;
        for subscription in list {
            if subscription.options() > QOS {
                return None;
            }
            len += plain_filter_len(subscription.filter, cx.version)? + 1;
        }
        Some(len)
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context) -> Check {
        let len = check_str(cx, Field::TopicFilter, self.filter, check_filter(self.filter, cx.version))?;
        match Self::check_options(self.filter.as_bytes(), self.options(), cx) {
            Ok(()) => Ok(len + 1),
            Err(ErrorKind::ReservedBit) => {
                Err(invalid(cx, ErrorKind::NotInVersion, Field::SubscriptionOptions))
            }
            Err(kind) => Err(invalid(cx, kind, Field::SubscriptionOptions)),
        }
    }

    #[cfg_attr(not(feature = "small"), inline(always))]
    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        out.binary_and(self.filter.as_bytes(), self.options());
    }
}

/// SUBACK: the server's answer to SUBSCRIBE, one reason code for each topic filter, in order.
///
/// In 3.1.1 the codes are the granted QoS or 0x80 (failure); 3.1 can only grant.
///
/// ```
/// use sans_mqtt::{Packet, PacketId, ReasonCode, Suback, Version};
/// let reasons = [ReasonCode::GRANTED_QOS_1, ReasonCode::UNSPECIFIED_ERROR];
/// let suback = Packet::Suback(Suback { reasons: (&reasons).into(), ..Suback::default() });
/// assert_eq!(suback.to_vec(Version::V3_1_1)?, [0x90, 4, 0, 1, 1, 0x80]);
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Suback<'a> {
    /// The packet identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// What became of each topic filter, at least one. Not in an UNSUBACK before 5.0.
    pub reasons: Seq<'a, ReasonCode>,
}

impl<'a> Suback<'a> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let packet_id = reader.packet_id()?;
        let scope = reader.cx.scope;
        let properties = Properties::decode(reader, scope)?;
        let reasons = if has_reasons(reader.cx) {
            Seq::read(reader, Field::ReasonCode)?
        } else {
            reader.finish(Field::Packet)?;
            Seq::EMPTY
        };
        Ok(Self { packet_id, properties, reasons })
    }
}

impl Encode for Suback<'_> {
    #[cfg_attr(not(feature = "small"), inline(always))]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        let reasons = if has_reasons(cx) {
            self.reasons.check_some(cx, Field::ReasonCode)?
        } else if self.reasons.is_empty() {
            0
        } else {
            return Err(invalid(cx, ErrorKind::NotInVersion, Field::ReasonCode));
        };
        listed::check(&self.properties, reasons, cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        listed::write(self.packet_id, &self.properties, &self.reasons, cx, lengths, out);
    }
}

/// An answer in words of 5.0, each of which is written as the nearest one that the version has.
pub(crate) struct Nearest<'a>(pub(crate) Suback<'a>);

impl Nearest<'_> {
    fn reasons(&self, cx: Context) -> impl Iterator<Item = ReasonCode> {
        let nearest =
            move |code: ReasonCode| code.nearest_in(cx.scope.packet_type(), cx.version).unwrap_or(code);
        self.0.reasons.iter().map(nearest)
    }
}

impl Encode for Nearest<'_> {
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        listed::check(&self.0.properties, ReasonCode::check_all(self.reasons(cx), cx)?, cx)
    }

    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        let none = Seq::<ReasonCode>::EMPTY;
        listed::write(self.0.packet_id, &self.0.properties, &none, cx, Lengths { list: 0, ..lengths }, out);
        self.reasons(cx).for_each(|code| out.u8(code.get()));
    }
}

/// An UNSUBACK before 5.0 says only that it is done.
fn has_reasons(cx: Context) -> bool {
    cx.version.is_5() || cx.scope == Scope::SUBACK
}
