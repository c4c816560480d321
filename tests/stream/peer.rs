//! One connection, whose peer is bytes.

use sans_mqtt::{
    Ack, AckToken, Client, Config, Connack, Connect, Connection, Delivery, Event, Instant, Packet, PacketId,
    Properties, Property, Publish, Qos, Role, Server, Session, Step, Version, Wait,
};

use crate::link::Memory;

/// What an event says, borrowed from nothing.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Start(u32),
    Chunk(Vec<u8>),
    End(Option<AckToken>),
    Publish(Vec<u8>),
    Acked(u16),
    Disconnect,
    Ask,
    Auth,
}

fn seen(event: &mut Event<'_>) -> Seen {
    match event {
        Event::PublishStart(_, size) => Seen::Start(*size),
        Event::PublishChunk(bytes) => Seen::Chunk(bytes.to_vec()),
        Event::PublishEnd(token) => Seen::End(token.take()),
        Event::Publish(incoming, _) => Seen::Publish(incoming.payload.to_vec()),
        Event::Acked { id, .. } => Seen::Acked(id.get()),
        Event::Disconnect(_) => Seen::Disconnect,
        Event::Subscribe(_) | Event::Unsubscribe(_) => Seen::Ask,
        Event::Auth(_) => Seen::Auth,
        event => panic!("{event:?}"),
    }
}

pub(crate) const fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

/// Handles `input` until nothing more can be done.
pub(crate) fn handle<R: Role>(
    connection: &mut Connection<R, Memory>,
    now: Instant,
    input: &mut &[u8],
    out: &mut Vec<u8>,
) -> (Vec<Seen>, Wait) {
    let mut events = Vec::new();
    loop {
        match connection.handle(now, input, out) {
            Step::Event(mut event) => events.push(seen(&mut event)),
            Step::Wait(wait) => return (events, wait),
        }
    }
}

/// The same for all of `input` and the first second.
pub(crate) fn take<R: Role>(
    connection: &mut Connection<R, Memory>,
    mut input: &[u8],
    out: &mut Vec<u8>,
) -> (Vec<Seen>, Wait) {
    handle(connection, at(0), &mut input, out)
}

/// A client that has just been accepted.
pub(crate) fn client(version: Version, config: &Config, properties: &[Property<'_>]) -> Client<Memory> {
    let mut client = Client::new(version, config, Session::default());
    let method = properties.iter().copied().filter(|p| matches!(p, Property::AuthenticationMethod(_)));
    let method: Vec<_> = method.collect();
    let connect = Connect { client_id: "a", properties: (&method[..]).into(), ..Connect::default() };
    client.connect(at(0), &connect, &mut Vec::new()).unwrap();
    let connack = Packet::Connack(Connack { properties: properties.into(), ..Connack::default() });
    let connack = connack.to_vec(version).unwrap();
    let step = client.handle(at(0), &mut &connack[..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Connected(_))));
    client
}

/// A server that has just accepted a client with a Keep Alive of ten seconds.
pub(crate) fn server(version: Version, config: &Config) -> Server<Memory> {
    let mut server = Server::new(at(0), config, Session::default());
    let connect = Packet::Connect(Connect { client_id: "a", keep_alive: 10, ..Connect::default() });
    let connect = connect.to_vec(version).unwrap();
    let step = server.handle(at(0), &mut &connect[..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Connect(_))));
    server.accept(Properties::EMPTY, &mut Vec::new()).unwrap();
    server
}

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn ack(packet_id: u16) -> Ack<'static> {
    Ack { packet_id: id(packet_id), ..Ack::default() }
}

pub(crate) fn delivery(qos: Qos, packet_id: u16) -> Delivery {
    Delivery::new(qos, PacketId::new(packet_id).unwrap_or_default())
}

/// A PUBLISH of the peer's.
pub(crate) fn publish(version: Version, qos: Qos, packet_id: u16, dup: bool, payload: &[u8]) -> Vec<u8> {
    let delivery = delivery(qos, packet_id);
    let publish = Publish { dup, delivery, topic: "topic", payload, ..Publish::default() };
    Packet::Publish(publish).to_vec(version).unwrap()
}
