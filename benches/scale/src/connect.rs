//! Connections as a broker has them, and what it keeps of messages.

use std::sync::Arc;

use sans_mqtt::*;

/// The time where it does not matter.
pub const NOW: Instant = Instant::from_millis(0);

/// A message that is kept once for all who get it.
pub struct Stored(PublishBuf);

impl Stored {
    pub fn new(topic: &str, properties: &[Property<'_>], payload: &[u8]) -> Arc<Self> {
        let message = Message { topic, properties: properties.into(), payload, ..Message::default() };
        Arc::new(Self((&message).try_into().expect("it is valid")))
    }

    pub fn message(&self) -> Message<'_> {
        self.0.message()
    }
}

/// How a session keeps a message: by reference.
#[derive(Default)]
pub struct Kept(pub Option<Arc<Stored>>);

impl Keep for Kept {
    fn keep(&mut self, _: &Message<'_>) -> Result<(), StoreError> {
        unreachable!("every message is sent with `publish_kept`")
    }

    fn message(&self) -> Option<Message<'_>> {
        self.0.as_deref().map(Stored::message)
    }
}

/// The smallest store that can serve a connection: a pointer, to tables that are there as soon as there is something to keep.
#[derive(Default)]
pub struct Tables(Option<Box<Heap<Kept>>>);

impl sans_mqtt::Tables for Tables {
    type Keep = Kept;

    fn outgoing(&self) -> &[OutgoingSlot<Kept>] {
        self.0.as_ref().map_or(&[], |tables| tables.outgoing())
    }

    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<Kept>] {
        self.0.as_mut().map_or(&mut [], |tables| tables.outgoing_mut())
    }

    fn incoming(&self) -> &[IncomingSlot] {
        self.0.as_ref().map_or(&[], |tables| tables.incoming())
    }

    fn incoming_mut(&mut self) -> &mut [IncomingSlot] {
        self.0.as_mut().map_or(&mut [], |tables| tables.incoming_mut())
    }

    fn incoming_capacity(&self) -> u16 {
        1024
    }

    fn grow_outgoing(&mut self) -> bool {
        self.0.get_or_insert_default().grow_outgoing()
    }

    fn grow_incoming(&mut self) -> bool {
        self.0.get_or_insert_default().grow_incoming()
    }
}

/// Handles whole packets, gives each event to `on`, and says what the connection waits for then.
pub fn handle<R: Role, S: Store>(
    connection: &mut Connection<R, S>,
    now: Instant,
    mut input: &[u8],
    out: &mut Vec<u8>,
    mut on: impl FnMut(&mut Connection<R, S>, Event<'_>, &mut Vec<u8>),
) -> Wait {
    loop {
        match connection.handle(now, &mut input, out) {
            Step::Event(event) => on(connection, event, out),
            Step::Wait(wait) => return wait,
        }
    }
}

/// Handles whole packets that leave the connection open.
pub fn take<R: Role, S: Store>(
    connection: &mut Connection<R, S>,
    now: Instant,
    input: &[u8],
    out: &mut Vec<u8>,
    on: impl FnMut(&mut Connection<R, S>, Event<'_>, &mut Vec<u8>),
) {
    assert_eq!(handle(connection, now, input, out, on), Wait::Read(2));
}

/// A client as it presents itself, with a session that outlives its connections.
pub fn hello(version: Version, client_id: &str, keep_alive: u16) -> Vec<u8> {
    let lives_on = [Property::SessionExpiryInterval(u32::MAX)];
    let properties = if version == Version::V5_0 { Properties::from(&lives_on) } else { Properties::EMPTY };
    let connect = Connect { clean_start: false, keep_alive, client_id, properties, ..Connect::default() };
    Packet::Connect(connect).to_vec(version).expect("it is valid")
}

/// A server's connection with a client that was accepted.
pub fn server<S: Store>(now: Instant, config: &Config, store: S, hello: &[u8]) -> Server<S> {
    let mut server = Server::new(now, config, Session::new(store));
    let mut out = Vec::new();
    take(&mut server, now, hello, &mut out, |server, _, out| {
        server.accept(Properties::EMPTY, out).expect("it is a CONNECT");
    });
    server
}

/// A client that was accepted by a server without limits.
pub fn client<S: Store>(store: S) -> Client<S> {
    let version = Version::V5_0;
    let mut client = Client::new(version, &Config::default(), Session::new(store));
    let mut out = Vec::new();
    client
        .connect(NOW, &Connect { client_id: "client", ..Connect::default() }, &mut out)
        .expect("it is valid");
    let connack = Packet::Connack(Connack::default()).to_vec(version).expect("it is valid");
    take(&mut client, NOW, &connack, &mut out, |_, _, _| {});
    client
}

/// A PUBLISH of a client.
pub fn publish(version: Version, delivery: Delivery, topic: &str, payload: &[u8]) -> Vec<u8> {
    let publish = Publish { delivery, topic, payload, ..Publish::default() };
    Packet::Publish(publish).to_vec(version).expect("it is valid")
}

/// A SUBSCRIBE to one topic filter, at QoS 1.
pub fn subscribe(version: Version, filter: &str) -> Vec<u8> {
    let filters = [Subscription { filter, qos: Qos::AtLeastOnce, ..Subscription::default() }];
    let subscribe =
        Subscribe { packet_id: PacketId::MIN, filters: (&filters).into(), ..Subscribe::default() };
    Packet::Subscribe(subscribe).to_vec(version).expect("it is valid")
}

/// The packets that answer a message of that QoS, in order.
pub fn answers(qos: Qos) -> &'static [fn(PacketId) -> [u8; 4]] {
    const PUBACK: fn(PacketId) -> [u8; 4] = |id| short(0x40, id);
    const PUBREC: fn(PacketId) -> [u8; 4] = |id| short(0x50, id);
    const PUBCOMP: fn(PacketId) -> [u8; 4] = |id| short(0x70, id);
    match qos {
        Qos::AtMostOnce => &[],
        Qos::AtLeastOnce => &[PUBACK],
        Qos::ExactlyOnce => &[PUBREC, PUBCOMP],
    }
}

pub fn pubrel(id: PacketId) -> [u8; 4] {
    short(0x62, id)
}

/// An acknowledgement in its short form.
fn short(first: u8, id: PacketId) -> [u8; 4] {
    let [high, low] = id.get().to_be_bytes();
    [first, 2, high, low]
}
