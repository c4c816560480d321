//! UNSUBSCRIBE and UNSUBACK.

use super::{Suback, listed};
use crate::error::{EncodeError, Field};
use crate::property::Properties;
use crate::spec::{PacketId, Scope};
use crate::wire::{
    Check, Context, Decoded, Element, Encode, Lengths, Mode, Reader, Seq, Sink, Writer, check_filter,
    check_str,
};

#[cfg(not(feature = "small"))]
use crate::wire::{plain_filter_len, text};

/// UNSUBSCRIBE: a client wants no more messages.
///
/// ```
/// use sans_mqtt::{Packet, PacketId, Unsubscribe, Version};
/// let unsubscribe = Packet::from(Unsubscribe { filters: (&["attic/+"]).into(), ..Unsubscribe::default() });
/// assert_eq!(unsubscribe.to_vec(Version::V3_1_1)?, *b"\xA2\x0B\0\x01\0\x07attic/+");
/// # Ok::<(), sans_mqtt::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unsubscribe<'a> {
    /// The packet identifier.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// The topic filters as they were subscribed, at least one.
    pub filters: Seq<'a, &'a str>,
}

/// UNSUBACK: the server's answer to UNSUBSCRIBE. The same shape as SUBACK; before 5.0 without reason codes.
pub type Unsuback<'a> = Suback<'a>;

impl<'a> Unsubscribe<'a> {
    #[inline]
    pub(super) fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        let packet_id = reader.packet_id()?;
        let properties = Properties::decode(reader, Scope::UNSUBSCRIBE)?;
        let filters = Seq::read(reader, Field::TopicFilter)?;
        Ok(Self { packet_id, properties, filters })
    }
}

impl Encode for Unsubscribe<'_> {
    #[inline(always)]
    fn check(&self, cx: Context) -> Result<Lengths, EncodeError> {
        listed::check(&self.properties, self.filters.check_some(cx, Field::TopicFilter)?, cx)
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, cx: Context, lengths: Lengths, out: &mut Writer<'_, S>) {
        listed::write(self.packet_id, &self.properties, &self.filters, cx, lengths, out);
    }
}

impl<'a> Element<'a> for &'a str {
    #[inline]
    fn read<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<Self> {
        reader.filter(Field::TopicFilter)
    }

    #[cfg(not(feature = "small"))]
    #[inline]
    fn again(bytes: &mut &'a [u8], _: Context) -> Option<Self> {
        text(bytes)
    }

    #[inline]
    fn validate<M: Mode>(reader: &mut Reader<'a, '_, M>) -> Decoded<()> {
        reader.validate_filter(Field::TopicFilter).map(|_| ())
    }

    #[cfg(not(feature = "small"))]
    #[inline]
    fn plain_len(list: &[Self], cx: Context) -> Option<usize> {
        list.iter().try_fold(0, |len, filter| Some(len + plain_filter_len(filter, cx.version)?))
    }

    #[inline(always)]
    fn check(&self, cx: Context) -> Check {
        check_str(cx, Field::TopicFilter, self, check_filter(self, cx.version))
    }

    #[inline(always)]
    fn write<S: Sink + ?Sized>(&self, out: &mut Writer<'_, S>) {
        out.str(self);
    }
}
