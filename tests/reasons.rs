//! Every number as a reason code of every packet, against what the encoder does with it.

use sans_mqtt::{
    Ack, Auth, Connack, Disconnect, EncodeError, Packet, PacketType, Property, ReasonCode, Seq, Suback,
    Version,
};

/// Whether a packet of this type can be sent with `reason`; `None` if it has no place for one.
fn sent(packet_type: PacketType, version: Version, reason: ReasonCode) -> Option<Result<usize, EncodeError>> {
    let method = [Property::AuthenticationMethod("m")];
    let reasons = [reason];
    let ack = Ack { reason, ..Ack::default() };
    let suback = Suback { reasons: Seq::from(&reasons), ..Suback::default() };
    let packet = match packet_type {
        PacketType::Connack => Connack { reason, ..Connack::default() }.into(),
        PacketType::Suback => Packet::Suback(suback),
        _ if version < Version::V5_0 => return None,
        PacketType::Puback => Packet::Puback(ack),
        PacketType::Pubrec => Packet::Pubrec(ack),
        PacketType::Pubrel => Packet::Pubrel(ack),
        PacketType::Pubcomp => Packet::Pubcomp(ack),
        PacketType::Unsuback => Packet::Unsuback(suback),
        PacketType::Disconnect => Disconnect { reason, ..Disconnect::default() }.into(),
        PacketType::Auth => Auth { reason, properties: (&method).into() }.into(),
        _ => return None,
    };
    Some(packet.encoded_len(version))
}

fn every_case(mut judge: impl FnMut(PacketType, Version, ReasonCode, Option<Result<usize, EncodeError>>)) {
    for packet_type in PacketType::ALL {
        for version in Version::ALL {
            for reason in (0..=0xFF).map(ReasonCode::new) {
                judge(packet_type, version, reason, sent(packet_type, version, reason));
            }
        }
    }
}

#[test]
fn the_table_and_the_encoder_agree() {
    let mut allowed = 0;
    every_case(|packet_type, version, reason, sent| {
        let expected = sent.is_some_and(|sent| sent.is_ok());
        assert_eq!(
            reason.is_allowed_in(packet_type, version),
            expected,
            "{reason} in {packet_type} of {version}"
        );
        allowed += usize::from(expected);
    });
    assert!(allowed > 100, "only {allowed}");
}
