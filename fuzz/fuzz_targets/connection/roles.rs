//! What only one of the roles does, and what is sent to it.

use sans_mqtt::{
    Client, Config, Connack, Connect, Connection, Disconnect, Due, Flight, Instant, Packet, Properties,
    Property, Qos, ReasonCode, Sender, Server, Session, Store, Suback, Subscribe, Subscription, Tables,
    Unsubscribe, Version, Will, role,
};

use crate::World;
use crate::life::Sent;
use crate::tape::{Tape, Words};
use crate::timers;
use crate::topics::Topics;

/// What only one of the roles can do.
pub(crate) trait Role: sans_mqtt::Role + Sized {
    const SENDER: Sender;
    const PEER: Sender;

    fn create<T: Store>(
        version: Version,
        now: Instant,
        config: &Config,
        session: Session<T>,
        aliases: (Topics, Topics),
    ) -> Connection<Self, T, (Topics, Topics)>;
    fn command<T: Tables>(world: &mut World<Self, T>, tape: &mut Tape<'_>);
    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool);
}

impl Role for role::Client {
    const SENDER: Sender = Sender::Client;
    const PEER: Sender = Sender::Server;

    fn create<T: Store>(
        version: Version,
        _: Instant,
        config: &Config,
        session: Session<T>,
        aliases: (Topics, Topics),
    ) -> Client<T, (Topics, Topics)> {
        Client::with_aliases(version, config, session, aliases)
    }

    fn command<T: Tables>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
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
                let keep_alive = tape.pick(&[0, 1, 60, 65_535]);
                let mut properties =
                    vec![Property::SessionExpiryInterval(if what & 8 != 0 { 60 } else { 0 })];
                if what & 48 == 48 {
                    properties.push(Property::AuthenticationMethod("m"));
                }
                let more = [
                    Property::RequestProblemInformation(false),
                    Property::RequestResponseInformation(true),
                    Property::RequestProblemInformation(true),
                ];
                properties.extend(tape.some(&more));
                if connection.version() != Version::V5_0 || what & 16 != 0 && what & 48 != 48 {
                    properties.clear();
                }
                let clean_start = what & 4 != 0;
                let client_id = if what & 192 == 192 { "" } else { "c" };
                let properties = properties[..].into();
                let connect =
                    Connect { clean_start, client_id, keep_alive, properties, ..Connect::default() };
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
                world.watch.life.add(id.get(), flight, Sent::default()).filters = count;
            }
            Err(error) => world.refused(error, written),
        }
        world.look(&[]);
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let codes = [ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR];
        let reasons = codes[..usize::from(what >> 6) % 3].into();
        let words = if what & 32 == 0 { Words::NONE } else { tape.words() }.behind(&[]);
        let answer = Suback { packet_id, reasons, properties: words[..].into() };
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[20, 60, 1000, u32::MAX, 1, 4, 5])),
                    Property::ServerKeepAlive(tape.pick(&[0, 1, 60])),
                    Property::TopicAliasMaximum(tape.pick(&[1, 2, 3, 10, 65_535])),
                    Property::MaximumQos(Qos::AtLeastOnce),
                    Property::RetainAvailable(false),
                    Property::SessionExpiryInterval(60),
                    Property::AssignedClientIdentifier("x"),
                    Property::AuthenticationMethod("m"),
                    Property::ResponseInformation("r"),
                    Property::WildcardSubscriptionAvailable(false),
                    Property::SubscriptionIdentifierAvailable(false),
                    Property::SharedSubscriptionAvailable(false),
                ];
                let properties = tape.some(&limits);
                let connack = Connack {
                    session_present: what & 8 != 0,
                    properties: properties[..].into(),
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
                send(Packet::Disconnect(Disconnect { reason: tape.reason(), properties: words[..].into() }));
            }
        }
    }
}

impl Role for role::Server {
    const SENDER: Sender = Sender::Server;
    const PEER: Sender = Sender::Client;

    fn create<T: Store>(
        _: Version,
        now: Instant,
        config: &Config,
        session: Session<T>,
        aliases: (Topics, Topics),
    ) -> Server<T, (Topics, Topics)> {
        Server::with_aliases(now, config, session, aliases)
    }

    fn command<T: Tables>(world: &mut World<Self, T>, tape: &mut Tape<'_>) {
        let (what, count, written) = (tape.byte(), tape.byte(), world.out.bytes.len());
        let reasons = &[ReasonCode::SUCCESS, ReasonCode::UNSPECIFIED_ERROR][..usize::from(count % 3)];
        if what % 8 == 4 {
            resume(world, count);
            return;
        }
        // Words are for 5.0.
        let words = if what & 8 == 0 { Words::NONE } else { tape.words() };
        let connection = &mut world.connection;
        let said = words.behind(&[]);
        world.watch.words = words;
        let result = match what % 8 {
            0 => connection.reject(tape.reason(), said[..].into(), &mut world.out),
            1 | 2 => connection.suback(reasons, said[..].into(), &mut world.out),
            3 => connection.unsuback(reasons, said[..].into(), &mut world.out),
            _ => {
                let candidates = [
                    Property::AuthenticationMethod("m"),
                    Property::SessionExpiryInterval(60),
                    Property::ServerKeepAlive(1),
                    Property::ResponseInformation("r"),
                    Property::AssignedClientIdentifier("x"),
                    Property::SessionExpiryInterval(0),
                ];
                let mut properties = Tape(&[count]).some(&candidates);
                // Most of the time those that have to be there are.
                if count & 64 == 0 && connection.version() == Version::V5_0 {
                    properties.retain(|property| !matches!(property, Property::AuthenticationMethod(_)));
                    properties.retain(|property| !matches!(property, Property::AssignedClientIdentifier(_)));
                    properties.extend(Some(candidates[0]).filter(|_| world.watch.method));
                    properties.extend(Some(candidates[4]).filter(|_| world.watch.nameless));
                }
                connection.accept(words.behind(&properties)[..].into(), &mut world.out)
            }
        };
        if let Err(error) = result {
            world.refused(error, written);
        }
        world.look(&[]);
        world.watch.words = Words::NONE;
    }

    fn packet(tape: &mut Tape<'_>, send: &mut dyn FnMut(Packet<'_>) -> bool) {
        let (what, packet_id) = (tape.byte(), tape.id());
        let filters = [Subscription { filter: "t/#", ..Subscription::default() }; 2];
        let count = usize::from(what >> 6) % 3;
        match what % 8 {
            0..=2 => {
                let limits = [
                    Property::SessionExpiryInterval(tape.pick(&[60, 5, u32::MAX])),
                    Property::ReceiveMaximum(tape.pick(&[1, 2, 3, 65_535])),
                    Property::MaximumPacketSize(tape.pick(&[20, 60, 1000, u32::MAX, 1, 4, 5])),
                    Property::TopicAliasMaximum(tape.pick(&[1, 2, 3, 10, 65_535])),
                    Property::RequestProblemInformation(false),
                    Property::RequestResponseInformation(true),
                    Property::AuthenticationMethod("m"),
                    Property::RequestProblemInformation(true),
                ];
                let (properties, delay) = (tape.some(&limits), [Property::WillDelayInterval(5)]);
                let delay = if what & 64 == 0 { Properties::EMPTY } else { (&delay).into() };
                let will = Will {
                    topic: "w",
                    qos: if what & 128 == 0 { Qos::AtMostOnce } else { Qos::ExactlyOnce },
                    properties: delay,
                    ..Will::default()
                };
                let connect = Connect {
                    clean_start: what & 8 != 0,
                    keep_alive: tape.pick(&[0, 1, 60]),
                    client_id: if what & 48 == 48 { "" } else { "c" },
                    properties: properties[..].into(),
                    will: Some(will).filter(|_| what & 16 != 0),
                    ..Connect::default()
                };
                let old_will = Will { properties: Properties::EMPTY, ..will };
                let old_will = connect.will.map(|_| old_will);
                let _ = send(Packet::Connect(connect))
                    || send(Packet::Connect(Connect {
                        properties: Properties::EMPTY,
                        will: old_will,
                        ..connect
                    }));
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

/// The client that has come goes on with the session that it had, or that ends.
fn resume<T: Tables>(world: &mut World<role::Server, T>, how: u8) {
    // A server that does as it is told asks first whether there still is one.
    if how & 3 == 0 {
        world.ask_saved();
    }
    let Some(mut saved) = world.saved.take() else { return };
    let due = saved.timers.will.filter(|at| *at <= world.now);
    match world.connection.resume(saved.session) {
        Ok(_) => {
            let session = world.connection.session();
            world.logged = session.store().log.len();
            world.watch.life = saved.life;
            world.watch.resumed = session.exists();
            world.will_due = due;
        }
        Err(session) => {
            saved.session = session;
            let clean = world.watch.greeted && !world.watch.open && world.watch.clean;
            if how & 4 == 0 || !clean {
                world.saved = Some(saved);
                return;
            }
            // It wants a new one: the old one ends, and with it the delay of its will.
            saved.session.end(world.now);
            saved.timers.will = saved.timers.will.map(|at| at.min(world.now));
            saved.timers.end = Some(world.now);
            let had_will = saved.timers.will.is_some();
            let told = timers::ask(&mut saved.session, &mut saved.timers, world.now);
            assert_eq!(told, [Some(Due::Will).filter(|_| had_will), Some(Due::End)]);
        }
    }
}
