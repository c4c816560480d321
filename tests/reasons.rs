//! Every number as a reason code of every packet, against what the encoder does with it.

use sans_mqtt::{
    Ack, Auth, Connack, Disconnect, EncodeError, ErrorKind, Field, Packet, PacketType, Property, ReasonCode,
    Seq, Suback, Version,
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

/// What a version can't say is told apart from what nobody can.
#[test]
fn an_older_version_is_blamed_for_what_it_lacks() {
    every_case(|packet_type, _, reason, sent| {
        let Some(Err(error)) = sent else { return };
        let later = reason.is_allowed_in(packet_type, Version::V5_0);
        let kind = if later { ErrorKind::NotInVersion } else { ErrorKind::ReasonCode };
        let violation = error.violation().unwrap();
        assert_eq!(
            (violation.kind(), violation.field()),
            (kind, Field::ReasonCode),
            "{reason} in {packet_type}"
        );
        assert!(!violation.rules().is_empty(), "{violation:?}");
    });
}

#[test]
fn the_nearest_code_can_be_sent_and_means_as_much() {
    every_case(|packet_type, version, reason, _| {
        let nearest = reason.nearest_in(packet_type, version);
        if reason.is_allowed_in(packet_type, version) {
            assert_eq!(nearest, Some(reason));
        }
        if let Some(nearest) = nearest {
            assert!(nearest.is_allowed_in(packet_type, version));
            assert_eq!(nearest.is_error(), reason.is_error());
        }
        // Every packet that has the general error can refuse whatever it is.
        if reason.is_error() && ReasonCode::UNSPECIFIED_ERROR.is_allowed_in(packet_type, version) {
            assert!(nearest.is_some(), "{reason} in {packet_type}");
        }
    });
    let return_codes: Vec<_> = ReasonCode::ALL
        .iter()
        .filter_map(|code| {
            Some((code.get(), code.nearest_in(PacketType::Connack, Version::V3_1_1)?.return_code()?))
        })
        .collect();
    assert_eq!(
        return_codes,
        [
            (0x00, 0),
            (0x84, 1),
            (0x85, 2),
            (0x86, 4),
            (0x87, 5),
            (0x88, 3),
            (0x89, 3),
            (0x8A, 5),
            (0x8C, 4),
            (0x97, 3),
            (0x9C, 3),
            (0x9D, 3),
            (0x9F, 3)
        ]
    );
}
