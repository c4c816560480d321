//! Messages with a server that follows a script: what the client's side of an exchange costs.

use std::hint::black_box;

use sans_mqtt::{
    Ack, Client, Config, Connack, Connect, Event, FixedCaller, Heap, Instant, Message, Packet, PacketId,
    Properties, Publish, Qos, Server, Session, Step, Store, Version,
};

use crate::samples::PUBLISH;
use crate::{Operation, counted};

const VERSION: Version = Version::V5_0;
const NOW: Instant = Instant::from_millis(0);

/// Messages of each QoS, one at a time and sixteen.
pub(crate) fn exchanges() -> Vec<Operation> {
    let mut all = Vec::new();
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        for window in [1, 16] {
            let caller_keeps = exchange("caller keeps", FixedCaller::<16, 16>::default(), qos, window);
            all.push(caller_keeps.bounded(150, by_hand(qos, window)));
            all.push(exchange("heap keeps", <Heap>::default(), qos, window));
            all.push(both_sides(qos, window));
        }
    }
    all
}

/// What has run once has all the memory that it needs.
fn warm(name: String, mut run: impl FnMut() + 'static) -> Operation {
    run();
    Operation::new(name, run)
}

fn message(qos: Qos) -> Message<'static> {
    let Publish { topic, payload, .. } = PUBLISH;
    Message { qos, topic, payload, ..Message::default() }
}

fn connected<S: Store>(store: S) -> Client<S> {
    let mut client = Client::new(VERSION, &Config::default(), Session::new(store));
    let mut out = Vec::new();
    client.connect(NOW, &Connect { client_id: "bench", ..Connect::default() }, &mut out).unwrap();
    let connack = Packet::Connack(Connack::default()).to_vec(VERSION).unwrap();
    let Step::Event(Event::Connected(_)) = client.handle(NOW, &mut &connack[..], &mut out) else {
        unreachable!("that was a CONNACK")
    };
    client
}

/// The name says how many messages one run sends.
fn exchange<S: Store + 'static>(kept: &str, store: S, qos: Qos, window: usize) -> Operation {
    let mut client = connected(store);
    let message = message(qos);
    let mut buffer = vec![0; 4096];
    let name = format!("send {window} at QoS {}, {kept}", qos as u8);
    let (mut ids, mut answers) = (Vec::with_capacity(window), Vec::with_capacity(4 * window));
    warm(name, move || {
        ids.clear();
        let mut room = &mut buffer[..];
        for _ in 0..window {
            ids.extend(counted::publish(&mut client, black_box(&message), &mut room));
        }
        let mut answer = |packet: fn(Ack<'static>) -> Packet<'static>| {
            answers.clear();
            for packet_id in ids.iter().copied() {
                packet(Ack { packet_id, ..Ack::default() }).encode(VERSION, &mut answers).unwrap();
            }
            counted::handle(&mut client, NOW, black_box(&answers), &mut &mut buffer[..])
        };
        let done = match qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => answer(Packet::Puback),
            Qos::ExactlyOnce => answer(Packet::Pubrec) + answer(Packet::Pubcomp),
        };
        assert_eq!(done, if qos == Qos::AtMostOnce { 0 } else { window });
        assert_eq!(client.session().in_flight(), 0);
    })
}

/// The same with the client by hand.
fn by_hand(qos: Qos, window: usize) -> impl FnMut() {
    let mut client = bound::Client::<16>::new(bound::Version::V5_0, usize::MAX);
    let mut buffer = vec![0; 4096];
    let connect = bound::Connect {
        clean_start: true,
        keep_alive: 60,
        properties: bound::List::EMPTY,
        client_id: "bench",
        will: None,
        user_name: None,
        password: None,
    };
    client.connect(0, &connect, &mut &mut buffer[..]).unwrap();
    let connack = Packet::Connack(Connack::default()).to_vec(VERSION).unwrap();
    client.handle(0, &mut &connack[..], &mut &mut buffer[..]).unwrap();
    let Publish { topic, payload, .. } = PUBLISH;
    let message = bound::Publish {
        flags: bound::Flags::new(false, qos as u8, false).unwrap(),
        packet_id: None,
        topic,
        properties: bound::List::EMPTY,
        payload,
    };
    let (mut ids, mut answers) = (Vec::with_capacity(window), Vec::with_capacity(4 * window));
    let mut run = move || {
        ids.clear();
        let mut room = &mut buffer[..];
        for _ in 0..window {
            ids.extend(counted::bound::publish(&mut client, 0, black_box(&message), &mut room));
        }
        let mut answer = |packet: fn(Ack<'static>) -> Packet<'static>| {
            answers.clear();
            for packet_id in ids.iter().map(|&id| PacketId::from(id)) {
                packet(Ack { packet_id, ..Ack::default() }).encode(VERSION, &mut answers).unwrap();
            }
            counted::bound::handle(&mut client, 0, black_box(&answers), &mut &mut buffer[..])
        };
        let done = match qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => answer(Packet::Puback),
            Qos::ExactlyOnce => answer(Packet::Pubrec) + answer(Packet::Pubcomp),
        };
        assert_eq!(done, if qos == Qos::AtMostOnce { 0 } else { window });
        assert_eq!(client.in_flight(), 0);
    };
    run();
    run
}

/// Client and server of this crate, both counted.
fn both_sides(qos: Qos, window: usize) -> Operation {
    let mut client: Client<Heap> = Client::new(VERSION, &Config::default(), Session::default());
    let mut server: Server<Heap> = Server::new(NOW, &Config::default(), Session::default());
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    client.connect(NOW, &Connect { client_id: "bench", ..Connect::default() }, &mut to_server).unwrap();
    let Step::Event(Event::Connect(_)) = server.handle(NOW, &mut &to_server[..], &mut to_client) else {
        unreachable!("that was a CONNECT")
    };
    server.accept(Properties::EMPTY, &mut to_client).unwrap();
    counted::handle(&mut client, NOW, &to_client, &mut to_server);
    let message = message(qos);
    let name = format!("send {window} at QoS {}, client and server", qos as u8);
    warm(name, move || {
        to_server.clear();
        for _ in 0..window {
            counted::publish(&mut client, black_box(&message), &mut to_server);
        }
        loop {
            to_client.clear();
            counted::handle(&mut server, NOW, black_box(&to_server), &mut to_client);
            to_server.clear();
            if to_client.is_empty() {
                break;
            }
            counted::handle(&mut client, NOW, black_box(&to_client), &mut to_server);
        }
        assert_eq!(client.session().in_flight(), 0);
    })
}
