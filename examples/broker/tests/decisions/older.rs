//! Clients before 5.0, which are told nothing of limits.

use super::*;

#[test]
fn they_may_begin_as_many_exchanges_as_there_are_identifiers() {
    let mut world = World::default();
    let (p, _) = world.enter(OLD, named("p"));
    let ids = || (1..=u16::MAX).filter_map(PacketId::new);
    for packet_id in ids() {
        world.send(p, Publish { delivery: Delivery::ExactlyOnce(packet_id), ..to("a", "x") });
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubrec(it) if it.packet_id == packet_id)));
    }
    for packet_id in ids() {
        world.send(p, Packet::Pubrel(Ack { packet_id, ..Ack::default() }));
        world.next(p, |packet| assert!(matches!(packet, Packet::Pubcomp(it) if it.packet_id == packet_id)));
    }
}
