//! The transport breaks while a message is streamed, and the session goes on.

use sans_mqtt::{
    Cause, Client, Config, Connect, Connection, Event, Instant, Message, PacketId, Qos, Role, Session, Step,
    UsageError, Version, Wait,
};

use crate::link::{App, End, Link, Memory, QOS, VERSIONS, connected, head};

const SIZE: u32 = 20_000;

/// How many bytes pass before the transport breaks, towards the receiver and back.
#[derive(Clone, Copy, Debug)]
struct Cut {
    qos: Qos,
    version: Version,
    there: u64,
    back: u64,
}

fn run<A: Role, B: Role>(
    cut: Cut,
    connect: impl Fn(Session<Memory>, Session<Memory>) -> (Connection<A, Memory>, Connection<B, Memory>),
) {
    let Cut { qos, version, there, back } = cut;
    let head = u64::from(head(qos, version) - 1); // such a Remaining Length takes three bytes
    let total = head + u64::from(SIZE);
    let (a, b) = connect(Session::default(), Session::default());
    let app = App { sizes: vec![SIZE], qos, ..App::default() };
    let mut link = Link::new(End::new(a, app), End::new(b, App::default()));
    (link.budget_b, link.budget_a) = (there, back);
    link.until_quiet();
    let (complete, acked) = (there >= total, there >= total && back >= 4);
    link.a.connection.handle_eof();
    link.b.connection.handle_eof();
    link.until_quiet();
    let closed = Wait::Closed(Cause::Eof);
    assert_eq!((link.a.wait, link.b.wait), (closed, closed), "{cut:?}");
    let app = &link.b.app;
    assert_eq!((app.started, app.ended), (u32::from(there >= head), u32::from(complete)), "{cut:?}");
    assert_eq!(app.received, there.min(total).saturating_sub(head), "{cut:?}");

    // What has come is forgotten.
    let Link { mut a, mut b, .. } = link;
    (b.app.received, b.app.coming) = (0, None);
    let (ended, before) = (b.app.ended, b.app.started);
    let (next_a, next_b) = connect(a.connection.into_session(), b.connection.into_session());
    (a, b) = (End::new(next_a, a.app), End::new(next_b, b.app));
    let mut link = Link::new(a, b);
    link.turn();
    let resent = qos != Qos::AtMostOnce && !acked;
    assert_eq!(matches!(link.a.wait, Wait::Resend(_)), resent, "{cut:?}");
    link.until_quiet();
    let (a, b) = (&link.a.app, &link.b.app);
    assert_eq!(a.acked, u32::from(qos != Qos::AtMostOnce), "{cut:?}");
    // What was taken at QoS 2 is not seen again.
    let seen = resent && (ended == 0 || qos == Qos::AtLeastOnce);
    assert_eq!((b.started - before, b.repeated), (u32::from(seen), u32::from(seen)), "{cut:?}");
    assert_eq!((b.ended - ended, b.received), (u32::from(seen), u64::from(SIZE) * u64::from(seen)));
    assert!(b.ended == 1 || qos != Qos::ExactlyOnce);
    assert!(b.ended >= 1 || qos == Qos::AtMostOnce);
    let sessions = [link.a.connection.session(), link.b.connection.session()];
    assert!(sessions.iter().all(|session| session.in_flight() == 0 && session.incoming_in_flight() == 0));
}

fn all(run: impl Fn(Cut)) {
    for version in VERSIONS {
        for qos in QOS {
            let head = u64::from(head(qos, version) - 1);
            let total = head + u64::from(SIZE);
            let behind = if qos == Qos::ExactlyOnce { 4 } else { 0 };
            let middle = [head + 1, head + 4096, total / 2, total - 1];
            for there in (0..=head).chain(middle).chain(total..=total + behind) {
                // Nothing comes back before the message is complete.
                let most = if there < total || qos == Qos::AtMostOnce { 0 } else { 4 };
                for back in 0..=most {
                    // PUBACK is not lost where it ends the message.
                    if qos != Qos::AtLeastOnce || back < 4 {
                        run(Cut { qos, version, there, back });
                    }
                }
            }
        }
    }
}

#[test]
fn a_client_streams() {
    all(|cut| run(cut, |client, server| connected(cut.version, (client, server))));
}

#[test]
fn a_server_streams() {
    all(|cut| {
        run(cut, |server, client| {
            let (client, server) = connected(cut.version, (client, server));
            (server, client)
        });
    });
}

/// A session with a message that was cut off in the middle.
fn cut_off() -> (Session<Memory>, PacketId) {
    let (mut client, _) = connected(Version::V5_0, (Session::default(), Session::default()));
    let message = Message { qos: Qos::AtLeastOnce, topic: "t", ..Message::default() };
    let id = client.publish_head(&message, 1000, &mut Vec::new()).unwrap().unwrap();
    client.payload_written(500).unwrap();
    (client.into_session(), id)
}

/// The events until `client` waits.
fn dropped(client: &mut Client<Memory>, id: PacketId) -> Wait {
    let now = Instant::from_millis(0);
    let step = client.handle(now, &mut &[][..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Dropped { id: dropped, .. }) if dropped == id), "{step:?}");
    // Nothing is kept that could be sent as another message.
    assert!(client.session().message(id).is_none());
    assert_eq!(client.requeue(id, &mut Vec::new()), Err(UsageError::NotAsked));
    match client.handle(now, &mut &[][..], &mut Vec::new()) {
        Step::Wait(wait) => wait,
        step @ Step::Event(_) => panic!("{step:?}"),
    }
}

#[test]
fn a_session_that_is_lost_drops_it() {
    let (session, id) = cut_off();
    let mut client = client(session, &[0x20, 3, 0, 0, 0]);
    assert_eq!(dropped(&mut client, id), Wait::Read(2));
    assert_eq!(client.session().in_flight(), 0);
}

/// The head is refused as long as it is asked for; then it can only be given up.
#[test]
fn a_server_that_takes_less_now() {
    let (session, id) = cut_off();
    let mut client = client(session, b"\x20\x08\x01\0\x05\x27\0\0\x03\xE8");
    let (now, mut out) = (Instant::from_millis(0), Vec::new());
    let step = client.handle(now, &mut &[][..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Resend(asked)) if asked == id), "{step:?}");
    let message = Message { topic: "t", ..Message::default() };
    let too_large = UsageError::TooLarge { size: 1009, limit: 1000 };
    assert_eq!(client.resend_head(id, &message, 1000, &mut out), Err(too_large));
    assert_eq!((client.payload_left(), out.len()), (0, 0));
    client.abandon(id).unwrap();
    assert_eq!(dropped(&mut client, id), Wait::Read(2));
}

/// Also what the store keeps waits until the payload before it is complete.
#[test]
fn what_is_sent_again_keeps_its_order() {
    let (mut before, _) = connected(Version::V5_0, (Session::default(), Session::default()));
    let message = Message { qos: Qos::AtLeastOnce, topic: "t", ..Message::default() };
    let mut out = Vec::new();
    let streamed = |before: &mut Client<Memory>| {
        let id = before.publish_head(&message, 1000, &mut Vec::new()).unwrap().unwrap();
        before.payload_written(1000).unwrap();
        id
    };
    let first = streamed(&mut before);
    let kept = before.publish(&message, &mut Vec::new()).unwrap().unwrap();
    let (third, fourth) = (streamed(&mut before), streamed(&mut before));

    let mut client = client(before.into_session(), &[0x20, 3, 1, 0, 0]);
    let wait = |client: &mut Client<Memory>, out: &mut Vec<u8>| match client.handle(
        Instant::from_millis(0),
        &mut &[][..],
        out,
    ) {
        Step::Wait(wait) => wait,
        step @ Step::Event(_) => panic!("{step:?}"),
    };
    assert_eq!(wait(&mut client, &mut out), Wait::Resend(first));
    assert_eq!(client.resend_head(third, &message, 1000, &mut out), Err(UsageError::NotAsked));
    client.resend_head(first, &message, 1000, &mut out).unwrap();
    out.clear();
    assert_eq!(wait(&mut client, &mut out), Wait::Payload(1000));
    assert!(out.is_empty());
    client.payload_written(1000).unwrap();
    assert_eq!(wait(&mut client, &mut out), Wait::Resend(third));
    assert_eq!(out, [0x3A, 6, 0, 1, b't', 0, kept.get() as u8, 0]);
    client.resend_head(third, &message, 1000, &mut out).unwrap();
    assert_eq!(client.abandon(fourth), Err(UsageError::NotAsked));
    // Nor does anybody acknowledge this before it is complete.
    let puback = [0x40, 2, 0, third.get() as u8];
    let step = client.handle(Instant::from_millis(0), &mut &puback[..], &mut out);
    assert!(matches!(step, Step::Wait(Wait::Closed(Cause::Failed(_)))), "{step:?}");
}

/// A client that goes on with its session and gets this answer.
fn client(session: Session<Memory>, connack: &[u8]) -> Client<Memory> {
    let now = Instant::from_millis(0);
    let mut client = Client::new(Version::V5_0, &Config::default(), session);
    let connect = Connect { client_id: "a", clean_start: false, ..Connect::default() };
    client.connect(now, &connect, &mut Vec::new()).unwrap();
    let step = client.handle(now, &mut &connack[..], &mut Vec::new());
    assert!(matches!(step, Step::Event(Event::Connected(_))), "{step:?}");
    client
}
