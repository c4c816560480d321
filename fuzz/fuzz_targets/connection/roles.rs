//! What only one of the roles does, and what is sent to it.

use sans_mqtt::{
    Ack, Auth, Client, Config, Connack, Connect, Connection, Delivery, Disconnect, Flight, Instant, Message,
    Packet, PacketId, Properties, Property, Publish, Qos, ReasonCode, Sender, Server, Session, Store, Suback,
    Subscribe, Subscription, Unsubscribe, Version, role,
};

use crate::World;
use crate::tape::Tape;

/// What only one of the roles can do.
pub(crate) trait Role: sans_mqtt::Role + Sized {
    const SENDER: Sender;
    const PEER: Sender;

    fn create<T: Store>(
        version: Version,
        now: Instant,
        config: &Config,
        session: Session<T>,
    ) -> Connection<Self, T>;
    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>);
    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool);
}

impl Role for role::Client {
    const SENDER: Sender = Sender::Client;
    const PEER: Sender = Sender::Server;

    fn create<T: Store>(version: Version, _: Instant, config: &Config, session: Session<T>) -> Client<T> {
        Client::new(version, config, session)
    }

    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
        let (what, written) = (tape.byte(), world.out.bytes.len());
        let connection = &mut world.connection;
        let filters = [Subscription { filter: "t/#", ..Subscription::default() }; 2];
        let count = usize::from(tape.byte() % 3);
        let result = match what % 4 {
            0 => connection
                .subscribe(&filters[..count], Properties::EMPTY, &mut world.out)
                .map(|id| (id, Flight::Subscribe)),
            1 => connection
                .unsubscribe(&["t/#", "u"][..count], Properties::EMPTY, &mut world.out)
                .map(|id| (id, Flight::Unsubscribe)),
            _ => {
                let clean_start = what & 4 != 0;
                let expiry = [Property::SessionExpiryInterval(if what & 8 != 0 { 60 } else { 0 })];
                let method = [expiry[0], Property::AuthenticationMethod("m")];
                let properties = match connection.version() {
                    Version::V5_0 if what & 48 == 48 => Properties::from(&method),
                    Version::V5_0 if what & 16 == 0 => Properties::from(&expiry),
                    _ => Properties::EMPTY,
                };
                let keep_alive = tape.pick(&[0, 1, 60, 65_535]);
                let connect =
                    Connect { clean_start, client_id: "c", keep_alive, properties, ..Connect::default() };
                let existed = connection.session().exists();
                match connection.connect(world.now, &connect, &mut world.out) {
                    Ok(()) => world.watch.existed = existed,
                    Err(error) => world.refused(error, written),
                }
                world.look(&[]);
                return;
            }
        };
        match result {
            Ok((id, flight)) => {
                world.watch.life.add(id.get(), flight).filters = count;
            }
            Err(error) => world.refused(error, written),
        }
        world.look(&[]);
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let codes = [ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR];
        let reasons = codes[..usize::from(what >> 6) % 3].into();
        let answer = Suback { packet_id, reasons, ..Suback::default() };
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[20, 60, 1000, u32::MAX])),
                    Property::ServerKeepAlive(tape.pick(&[0, 1, 60])),
                    Property::MaximumQos(Qos::AtLeastOnce),
                    Property::RetainAvailable(false),
                ];
                let count = usize::from(tape.byte() % 6);
                let connack = Connack {
                    session_present: what & 8 != 0,
                    properties: limits[..count].into(),
                    ..Connack::default()
                };
                // Before 5.0 it has no properties, and in 3.1 no Session Present.
                let _ = send(Packet::Connack(connack))
                    || send(Packet::Connack(Connack { properties: Properties::EMPTY, ..connack }))
                    || send(Packet::Connack(Connack::default()));
            }
            3 => {
                send(Packet::Connack(Connack { reason: ReasonCode::NOT_AUTHORIZED, ..Connack::default() }));
            }
            4 => {
                send(Packet::Suback(answer));
            }
            5 => {
                let _ = send(Packet::Unsuback(answer))
                    || send(Packet::Unsuback(Suback { packet_id, ..Suback::default() }));
            }
            6 => {
                send(Packet::Pingresp);
            }
            _ => {
                send(Packet::Disconnect(Disconnect { reason: tape.reason(), ..Disconnect::default() }));
            }
        }
    }
}

impl Role for role::Server {
    const SENDER: Sender = Sender::Server;
    const PEER: Sender = Sender::Client;

    fn create<T: Store>(_: Version, now: Instant, config: &Config, session: Session<T>) -> Server<T> {
        Server::new(now, config, session)
    }

    fn command<T: Store>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
        let (what, count, written) = (tape.byte(), tape.byte(), world.out.bytes.len());
        let reasons = &[ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR][..usize::from(count % 3)];
        let connection = &mut world.connection;
        let result = match what % 8 {
            0 => connection.reject(tape.reason(), Properties::EMPTY, &mut world.out),
            1 | 2 => connection.suback(reasons, Properties::EMPTY, &mut world.out),
            3 => connection.unsuback(reasons, Properties::EMPTY, &mut world.out),
            4 => {
                if let Some((session, life)) = world.saved.take() {
                    match connection.resume(session) {
                        Ok(_) => {
                            world.logged = connection.session().store().log.len();
                            (world.watch.life, world.watch.resumed) = (life, true);
                        }
                        Err(session) => world.saved = Some((session, life)),
                    }
                }
                Ok(())
            }
            _ => {
                let properties = [
                    Property::AuthenticationMethod("m"),
                    Property::SessionExpiryInterval(60),
                    Property::ServerKeepAlive(1),
                ];
                let from = usize::from(count >> 7);
                connection.accept(properties[1 - from..1 + usize::from(count % 3)].into(), &mut world.out)
            }
        };
        if let Err(error) = result {
            world.refused(error, written);
        }
        world.look(&[]);
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let filters = [Subscription { filter: "t/#", ..Subscription::default() }; 2];
        let count = usize::from(what >> 6) % 3;
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::SessionExpiryInterval(tape.pick(&[0, 60, u32::MAX])),
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[1, 20, 60, 1000, u32::MAX])),
                    Property::AuthenticationMethod("m"),
                ];
                let count = usize::from(tape.byte() % 5);
                let connect = Connect {
                    clean_start: what & 8 != 0,
                    keep_alive: tape.pick(&[0, 1, 60]),
                    client_id: "c",
                    properties: limits[..count].into(),
                    ..Connect::default()
                };
                let _ = send(Packet::Connect(connect))
                    || send(Packet::Connect(Connect { properties: Properties::EMPTY, ..connect }));
            }
            3 | 4 => {
                let filters = filters[..count].into();
                send(Packet::Subscribe(Subscribe { packet_id, properties: Properties::EMPTY, filters }));
            }
            5 => {
                let filters = ["t/#", "u"][..count].into();
                send(Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters }));
            }
            6 => {
                (0..=count * 200).all(|_| send(Packet::Pingreq));
            }
            _ => {
                let expiry = [Property::SessionExpiryInterval(u32::from(tape.byte()))];
                let leave = Disconnect { reason: tape.reason(), properties: (&expiry).into() };
                let _ = what & 8 != 0 && send(Packet::Disconnect(leave))
                    || send(Packet::Disconnect(Disconnect { properties: Properties::EMPTY, ..leave }))
                    || send(Packet::Disconnect(Disconnect::default()));
            }
        }
    }
}

/// Packets about messages, which both sides send.
pub(crate) fn message_packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
    let what = tape.byte();
    let method = [Property::AuthenticationMethod("m")];
    let ack = Ack { packet_id: tape.id(), ..Ack::default() };
    let acked = Ack { reason: tape.reason(), ..ack };
    let message = Message {
        qos: if what & 16 == 0 { Qos::AtLeastOnce } else { Qos::ExactlyOnce },
        topic: "in",
        payload: &[what; 3],
        ..Message::default()
    };
    let publish = publish(ack.packet_id, &message);
    send(match what % 12 {
        0 | 1 => Packet::Puback(acked),
        2 => Packet::Pubrec(acked),
        3 => Packet::Pubrec(ack),
        4 => Packet::Pubrel(ack),
        5 => Packet::Pubcomp(acked),
        6..=9 => publish,
        10 => match publish {
            Packet::Publish(publish) => Packet::Publish(Publish { dup: true, ..publish }),
            packet => packet,
        },
        _ if what & 16 == 0 => Packet::Publish(Publish { topic: "zero", ..Publish::default() }),
        _ => Packet::Auth(Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&method).into() }),
    });
}

/// The packet of a message.
pub(crate) fn publish<'a>(id: PacketId, message: &Message<'a>) -> Packet<'a> {
    let Message { qos, retain, topic, properties, payload } = *message;
    let delivery = match qos {
        Qos::AtMostOnce => Delivery::AtMostOnce,
        Qos::AtLeastOnce => Delivery::AtLeastOnce(id),
        Qos::ExactlyOnce => Delivery::ExactlyOnce(id),
    };
    Packet::Publish(Publish { dup: false, retain, delivery, topic, properties, payload })
}
