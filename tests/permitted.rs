//! Who may send what, and when: every packet type, to either side, in every version and phase, against a table.

use sans_mqtt::{
    Ack, Auth, Cause, Client, Config, Connack, Connect, Connection, Disconnect, ErrorKind, Heap, Instant,
    Packet, PacketId, Properties, Property, Publish, ReasonCode, Role, Server, Session, Step, Suback,
    Subscribe, Subscription, Unsubscribe, Version, Wait,
};

/// In the order of their numbers, CONNECT to AUTH.
const TYPES: usize = 15;

/// What becomes of the packets in a phase: `+` taken, `-` refused, `.` not looked at.
const TABLE: [(&str, &str, &str); 11] = [
    // side and phase,        before 5.0,        5.0
    ("server opening", "+--------------", "+--------------"),
    ("server deciding", "...............", "-------------.-"),
    ("server authenticating", "", "-------------++"),
    ("server open", "--++++++-+-+-+-", "--++++++-+-+-++"),
    ("server closed", "...............", "..............."),
    ("client idle", "...............", "..............."),
    ("client opening", "-+-------------", "-+------------+"),
    ("client deciding", "", "-+------------+"),
    ("client open", "--+++++-+-+-+--", "--+++++-+-+-+++"),
    ("client closed", "...............", "..............."),
    ("client refused", "...............", "..............."),
];

const METHOD: &[Property<'_>] = &[Property::AuthenticationMethod("X")];

/// Legal packets of each type, with nothing of 5.0 before it.
fn packet(n: usize, version: Version) -> Option<Vec<u8>> {
    let new = version == Version::V5_0;
    let method = if new { Properties::from(METHOD) } else { Properties::EMPTY };
    let ack = Ack { packet_id: PacketId::MIN, ..Ack::default() };
    let filter = [Subscription { filter: "a", ..Subscription::default() }];
    let reasons = [ReasonCode::SUCCESS];
    let packet = match n {
        0 => Packet::Connect(Connect { client_id: "a", properties: method, ..Connect::default() }),
        1 => Packet::Connack(Connack { properties: method, ..Connack::default() }),
        2 => Packet::Publish(Publish { topic: "a", ..Publish::default() }),
        3 => Packet::Puback(ack),
        4 => Packet::Pubrec(ack),
        5 => Packet::Pubrel(ack),
        6 => Packet::Pubcomp(ack),
        7 => Packet::Subscribe(Subscribe {
            packet_id: PacketId::MIN,
            filters: (&filter).into(),
            ..Subscribe::default()
        }),
        8 => Packet::Suback(Suback {
            packet_id: PacketId::MIN,
            reasons: (&reasons).into(),
            ..Suback::default()
        }),
        9 => Packet::Unsubscribe(Unsubscribe {
            packet_id: PacketId::MIN,
            filters: (&["a"]).into(),
            ..Unsubscribe::default()
        }),
        10 => {
            let reasons = if new { (&reasons).into() } else { sans_mqtt::Seq::EMPTY };
            Packet::Unsuback(Suback { packet_id: PacketId::MIN, reasons, ..Suback::default() })
        }
        11 => Packet::Pingreq,
        12 => Packet::Pingresp,
        13 => Packet::Disconnect(Disconnect::default()),
        _ if new => Packet::Auth(Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: method }),
        _ => return Some(vec![0xF0, 0]),
    };
    packet.to_vec(version).ok()
}

/// What becomes of it.
fn fate<R: Role>(connection: &mut Connection<R, Heap>, bytes: &[u8]) -> char {
    let mut input = bytes;
    // The last event was taken.
    let mut step = connection.handle(NOW, &mut &b""[..], &mut Vec::new());
    assert!(matches!(step, Step::Wait(_)), "{step:?}");
    let mut out = Vec::new();
    for _ in 0..3 {
        step = connection.handle(NOW, &mut input, &mut out);
        match step {
            Step::Event(_) => return '+',
            Step::Wait(Wait::Closed(Cause::Failed(error))) => {
                let misplaced = [
                    ErrorKind::UnexpectedPacket,
                    ErrorKind::NotConnect,
                    ErrorKind::Sender,
                    ErrorKind::PacketType,
                    ErrorKind::AuthenticationPending,
                ];
                return if misplaced.contains(&error.kind()) { '-' } else { '+' };
            }
            Step::Wait(_) if input.is_empty() => return '+',
            Step::Wait(_) => {}
        }
    }
    '.'
}

const NOW: Instant = Instant::from_millis(0);

fn event<R: Role>(connection: &mut Connection<R, Heap>, bytes: &[u8]) {
    let step = connection.handle(NOW, &mut &*bytes, &mut Vec::new());
    assert!(matches!(step, Step::Event(_)), "{step:?}");
}

fn server(phase: &str, version: Version, bytes: &[u8]) -> char {
    let mut server: Server<Heap> = Server::new(NOW, &Config::default(), Session::default());
    let method = if version == Version::V5_0 { METHOD } else { &[] };
    let mut out = Vec::new();
    if phase != "opening" {
        event(&mut server, &packet(0, version).unwrap());
    }
    if phase == "authenticating" {
        let auth = Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: METHOD.into() };
        server.auth(&auth, &mut out).unwrap();
    }
    if matches!(phase, "open" | "closed") {
        server.accept(method.into(), &mut out).unwrap();
    }
    if phase == "closed" {
        server.disconnect(&Disconnect::default(), &mut out).unwrap();
    }
    // In the middle of a new authentication AUTH has a place.
    if phase == "open" && version == Version::V5_0 && bytes[0] == 0xF0 {
        let auth = Auth { reason: ReasonCode::RE_AUTHENTICATE, properties: METHOD.into() };
        return fate(&mut server, &Packet::Auth(auth).to_vec(version).unwrap());
    }
    fate(&mut server, bytes)
}

fn client(phase: &str, version: Version, bytes: &[u8]) -> char {
    let mut client: Client<Heap> = Client::new(version, &Config::default(), Session::default());
    let method = if version == Version::V5_0 { METHOD } else { &[] };
    let mut out = Vec::new();
    if phase != "idle" {
        let connect = Connect { client_id: "a", properties: method.into(), ..Connect::default() };
        client.connect(NOW, &connect, &mut out).unwrap();
    }
    let auth = Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: METHOD.into() };
    match phase {
        "deciding" => {
            event(&mut client, &Packet::Auth(auth).to_vec(version).unwrap());
            client.auth(&auth, &mut out).unwrap();
        }
        "open" | "closed" => event(&mut client, &packet(1, version).unwrap()),
        "refused" => {
            let connack = Connack { reason: ReasonCode::NOT_AUTHORIZED, ..Connack::default() };
            event(&mut client, &Packet::Connack(connack).to_vec(version).unwrap());
        }
        _ => {}
    }
    if phase == "closed" {
        client.disconnect(&Disconnect::default(), &mut out).unwrap();
    }
    if phase == "open" && version == Version::V5_0 && bytes[0] == 0xF0 {
        let again = Auth { reason: ReasonCode::RE_AUTHENTICATE, ..auth };
        client.auth(&again, &mut out).unwrap();
    }
    fate(&mut client, bytes)
}

#[test]
fn every_cell() {
    for version in Version::ALL {
        for (place, old, new) in TABLE {
            let expected = if version == Version::V5_0 { new } else { old };
            let (side, phase) = place.split_once(' ').unwrap();
            for (n, expected) in expected.chars().enumerate() {
                let bytes = packet(n, version).unwrap();
                let side = if side == "server" { server } else { client };
                assert_eq!(side(phase, version, &bytes), expected, "{place}, {version:?}, {:02X?}", bytes);
            }
            assert!(expected.is_empty() || expected.len() == TYPES);
        }
    }
}

/// The first byte is enough to see that a stranger does not speak MQTT.
#[test]
fn a_stranger_is_not_waited_for() {
    for first in [b"GET / HTTP/1.1\r\n".as_slice(), b"\x30", b"\xC0", b"\x16\x03\x01"] {
        let mut server: Server<Heap> = Server::new(NOW, &Config::default(), Session::default());
        let mut out = Vec::new();
        let mut input = &first[..1];
        let step = server.handle(NOW, &mut input, &mut out);
        let stranger = !matches!(first[0] >> 4, 1);
        assert_eq!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), stranger, "{step:?}");
        assert!(out.is_empty());
    }
    let mut client: Client<Heap> = Client::new(Version::V3_1_1, &Config::default(), Session::default());
    let mut out = Vec::new();
    client.connect(NOW, &Connect { client_id: "a", ..Connect::default() }, &mut out).unwrap();
    let step = client.handle(NOW, &mut &b"\x30"[..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), "{step:?}");
}
