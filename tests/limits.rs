//! What is agreed, what is left out and what is refused; sessions between their connections; takeover and a bridge.

use std::time::Duration;

use sans_mqtt::{
    Ack, AckToken, Acknowledge, Aliases, Cause, Client, Config, Connect, Connection, Disconnect, Due, Event,
    FixedTopics, Heap, HeapTopics, Instant, Message, Packet, PacketId, Properties, Property, Qos, ReasonCode,
    Role, Server, Session, Step, UsageError, Version, Wait, Will,
};

const NEW: Version = Version::V5_0;

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

/// Handles the input to its end; gives the events as text, the tokens, and the wait.
fn run<R: Role, A: Aliases>(
    connection: &mut Connection<R, Heap, A>,
    now: Instant,
    mut input: &[u8],
    out: &mut Vec<u8>,
) -> (Vec<String>, Vec<AckToken>, Wait) {
    let (mut events, mut tokens) = (Vec::new(), Vec::new());
    loop {
        match connection.handle(now, &mut input, out) {
            Step::Event(Event::Publish(p, token)) => {
                let topic = connection.topic(&p);
                events.push(format!("{topic} {}", String::from_utf8_lossy(p.payload)));
                tokens.extend(token);
            }
            Step::Event(Event::Skipped(p, size)) => {
                events.push(format!("skipped {} {size}", connection.topic(&p)));
            }
            Step::Event(Event::Acked { id, reason, properties }) => {
                events
                    .push(format!("acked {id} {reason} {}", properties.reason_string().unwrap_or_default()));
            }
            Step::Event(Event::Received { id, reason, properties }) => {
                events.push(format!(
                    "received {id} {reason} {}",
                    properties.reason_string().unwrap_or_default()
                ));
            }
            Step::Event(event) => {
                events.push(format!("{event:?}").split(['(', ' ']).next().unwrap().to_owned());
            }
            Step::Wait(wait) => return (events, tokens, wait),
        }
    }
}

fn server(config: &Config, session: Session<Heap>, connect: &Connect<'_>, version: Version) -> Server<Heap> {
    let mut server = Server::new(at(0), config, Session::default());
    let bytes = Packet::from(*connect).to_vec(version).unwrap();
    let (events, ..) = run(&mut server, at(0), &bytes, &mut Vec::new());
    assert_eq!(events, ["Connect"]);
    if session.exists() {
        server.resume(session).unwrap();
    }
    server.accept(Properties::EMPTY, &mut Vec::new()).unwrap();
    server
}

fn client(config: &Config, version: Version, connack: &[u8]) -> Client<Heap> {
    let mut client = Client::new(version, config, Session::default());
    client.connect(at(0), &Connect { client_id: "a", ..Connect::default() }, &mut Vec::new()).unwrap();
    let (events, ..) = run(&mut client, at(0), connack, &mut Vec::new());
    assert_eq!(events, ["Connected"]);
    client
}

const CONNECT: Connect<'_> = Connect {
    clean_start: true,
    keep_alive: 60,
    properties: Properties::EMPTY,
    client_id: "a",
    will: None,
    user_name: None,
    password: None,
};

/// A server tells a client of 5.0 what is not as it asked for, and nobody else.
#[test]
fn what_a_server_agrees_to() {
    let config = Config { maximum_keep_alive: 30, maximum_session_expiry: 100, ..Config::default() };
    let expiry = |seconds| [Property::SessionExpiryInterval(seconds)];
    for (version, keep_alive, asked, told, agreed) in [
        (NEW, 60, 1000, &b"\x20\x11\0\0\x0E\x13\0\x1E\x11\0\0\0\x64\x27\0\x10\0\0\x21\0\x10"[..], (30, 100)),
        (NEW, 0, 7, b"\x20\x0E\0\0\x0B\x13\0\x1E\x27\0\x10\0\0\x21\0\x10", (30, 7)),
        (NEW, 20, 100, b"\x20\x0B\0\0\x08\x27\0\x10\0\0\x21\0\x10", (20, 100)),
        (Version::V3_1_1, 60, 0, b"\x20\x02\0\0", (60, 0)),
    ] {
        let properties = expiry(asked);
        let properties = if version == NEW { (&properties).into() } else { Properties::EMPTY };
        let mut server = Server::<Heap>::new(at(0), &config, Session::default());
        let connect = Packet::from(Connect { keep_alive, properties, ..CONNECT }).to_vec(version).unwrap();
        let mut out = Vec::new();
        assert_eq!(server.agreement(), None);
        let _ = run(&mut server, at(0), &connect, &mut out);
        server.accept(Properties::EMPTY, &mut out).unwrap();
        let told = if version == NEW { lengths(told) } else { told.to_vec() };
        assert_eq!(out, told, "{keep_alive} {asked}");
        let agreement = server.agreement().unwrap();
        assert_eq!((agreement.keep_alive, agreement.session_expiry_interval), agreed);
        assert_eq!((agreement.version, agreement.session_present), (version, false));
        assert_eq!((agreement.own.receive_maximum, agreement.peer), (16, sans_mqtt::Limits::default()));
    }
}

/// A CONNACK with its lengths set right.
fn lengths(connack: &[u8]) -> Vec<u8> {
    let mut bytes = connack.to_vec();
    (bytes[1], bytes[4]) = (connack.len() as u8 - 2, connack.len() as u8 - 5);
    bytes
}

/// The payload of a message that is too large goes by; its sender is told, and all else goes on.
#[test]
fn oversize_messages_are_skipped() {
    let config =
        Config { maximum_packet_size: 100, stream_above: 50, skip_oversize: true, ..Config::default() };
    let large = [b'x'; 200];
    for version in [Version::V3_1_1, NEW] {
        for (qos, id) in [(Qos::AtMostOnce, 0), (Qos::AtLeastOnce, 1), (Qos::ExactlyOnce, 2)] {
            let mut sender = client(
                &Config::default(),
                version,
                if version == NEW { b"\x20\x03\0\0\0" } else { b"\x20\x02\0\0" },
            );
            let mut server = server(&config, Session::default(), &CONNECT, version);
            let message = Message { qos, topic: "big", payload: &large, ..Message::default() };
            let (mut there, mut back) = (Vec::new(), Vec::new());
            for _ in 0..id {
                // Identifiers that differ.
                let first =
                    Message { qos: Qos::AtLeastOnce, topic: "a", payload: b"1", ..Message::default() };
                sender.publish(&first, &mut there).unwrap();
            }
            sender.publish(&message, &mut there).unwrap();
            sender.publish(&Message { topic: "a", payload: b"2", ..Message::default() }, &mut there).unwrap();
            let mut input = Vec::new();
            let mut seen = Vec::new();
            for piece in there.chunks(33) {
                input.extend_from_slice(piece);
                let mut rest = &input[..];
                loop {
                    match server.handle(at(0), &mut rest, &mut back) {
                        Step::Event(Event::Publish(p, _)) => {
                            seen.push(String::from_utf8_lossy(p.payload).into_owned());
                        }
                        Step::Event(Event::Skipped(p, size)) => {
                            seen.push(format!("{} {size}", server.topic(&p)));
                        }
                        Step::Event(event) => panic!("{event:?}"),
                        Step::Wait(Wait::Read(_)) => break,
                        Step::Wait(wait) => panic!("{wait:?}"),
                    }
                }
                input = rest.to_vec();
                assert!(input.len() <= 100, "{}", input.len());
            }
            assert_eq!(seen.last().unwrap(), "2");
            assert!(seen.contains(&"big 200".to_owned()) && !seen.iter().any(|seen| seen.contains("xx")));
            let (told, ..) = run(&mut sender, at(0), &back, &mut Vec::new());
            if version == NEW && qos != Qos::AtMostOnce {
                assert!(told.last().unwrap().contains("Quota exceeded"), "{told:?}");
            }
            let waits = u16::from(version != NEW && qos == Qos::ExactlyOnce);
            assert_eq!(sender.session().in_flight(), waits);
        }
    }
    // Other packets can't be skipped, and without the option nothing is.
    let mut server = server(&config, Session::default(), &CONNECT, NEW);
    let (_, _, wait) = run(&mut server, at(0), b"\x82\xC8\x01", &mut Vec::new());
    let Wait::Closed(cause) = wait else { panic!("{wait:?}") };
    assert_eq!(
        cause.to_string(),
        "SUBSCRIBE remaining length: the packet is larger than the limit [5.0 §3.1.2.11.4], 203 and not more than 100 \
         (limited by maximum_packet_size)"
    );
}

/// Reason String and User Properties with an acknowledgement: as long as it need not wait, and as far as there is room.
#[test]
fn acknowledgements_with_words() {
    let why = [Property::ReasonString("full"), Property::UserProperty("a", "b")];
    for (maximum, expected) in [
        (100, "acked 1 Quota exceeded (0x97) full"),
        (19, "acked 1 Quota exceeded (0x97) "),
        (5, "acked 1 Quota exceeded (0x97) "),
    ] {
        let mut sender = client(&Config::default(), NEW, b"\x20\x03\0\0\0");
        let limit = [Property::MaximumPacketSize(maximum)];
        let connect = Connect { properties: (&limit).into(), ..CONNECT };
        let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
        let mut out = Vec::new();
        let _ = run(&mut server, at(0), &Packet::from(connect).to_vec(NEW).unwrap(), &mut out);
        // CONNACK does not fit into five bytes with the limits.
        match server.accept(Properties::EMPTY, &mut out) {
            Ok(()) => {}
            Err(UsageError::TooLarge { limit: 5, .. }) => continue,
            Err(error) => panic!("{error}"),
        }
        server.set_acknowledge(Acknowledge::Manual);
        let (mut there, mut back) = (Vec::new(), Vec::new());
        let message = Message { qos: Qos::AtLeastOnce, topic: "a", ..Message::default() };
        sender.publish(&message, &mut there).unwrap();
        sender.publish(&message, &mut there).unwrap();
        let (_, tokens, _) = run(&mut server, at(0), &there, &mut back);
        let [first, second] = <[AckToken; 2]>::try_from(tokens).unwrap();
        // It has to wait for the first one.
        server.ack_with(second, ReasonCode::NOT_AUTHORIZED, (&why).into(), &mut back).unwrap();
        assert!(back.is_empty());
        server.ack_with(first, ReasonCode::QUOTA_EXCEEDED, (&why).into(), &mut back).unwrap();
        let (told, ..) = run(&mut sender, at(0), &back, &mut Vec::new());
        assert_eq!(told, [expected, "acked 2 Not authorized (0x87) "], "{maximum}");
    }
}

/// A refusal may name another server, and is shortened to what the client takes.
#[test]
fn refusals_with_properties() {
    let there = [
        Property::ServerReference("b.example:1883"),
        Property::ReasonString("moved"),
        Property::UserProperty("a", "b"),
    ];
    for (maximum, len) in [(u32::MAX, 37), (30, 29), (22, 22)] {
        let limit = [Property::MaximumPacketSize(maximum)];
        let connect = Connect { properties: (&limit).into(), ..CONNECT };
        let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
        let mut out = Vec::new();
        let _ = run(&mut server, at(0), &Packet::from(connect).to_vec(NEW).unwrap(), &mut out);
        server.reject(ReasonCode::SERVER_MOVED, (&there).into(), &mut out).unwrap();
        assert!(out.len() <= maximum as usize);
        let mut client = Client::<Heap>::new(NEW, &Config::default(), Session::default());
        client.connect(at(0), &CONNECT, &mut Vec::new()).unwrap();
        let mut input = &out[..];
        let Step::Event(Event::Refused(connack)) = client.handle(at(0), &mut input, &mut Vec::new()) else {
            panic!()
        };
        assert_eq!(connack.properties.server_reference(), Some("b.example:1883"));
        assert_eq!(out.len(), len);
        let wait = run(&mut server, at(0), b"", &mut Vec::new()).2;
        assert_eq!(wait, Wait::Closed(Cause::Refused(ReasonCode::SERVER_MOVED)));
    }
}

/// A peer that takes no acknowledgement can't be spoken to.
#[test]
fn a_maximum_packet_size_that_is_too_small() {
    for maximum in 1..=4 {
        let limit = [Property::MaximumPacketSize(maximum)];
        let connect = Connect { properties: (&limit).into(), ..CONNECT };
        let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
        let mut out = Vec::new();
        let wait = run(&mut server, at(0), &Packet::from(connect).to_vec(NEW).unwrap(), &mut out).2;
        assert!(matches!(wait, Wait::Closed(Cause::Failed(_))) && out.is_empty(), "{wait:?} {out:?}");

        let mut client = Client::<Heap>::new(NEW, &Config::default(), Session::default());
        client.connect(at(0), &CONNECT, &mut Vec::new()).unwrap();
        let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 0, maximum as u8];
        let wait = run(&mut client, at(0), &connack, &mut out).2;
        assert!(matches!(wait, Wait::Closed(Cause::Failed(_))) && out.len() <= maximum as usize, "{out:?}");
    }
}

fn with_will(
    delay: u32,
    expiry: u32,
    clean_start: bool,
    end: impl FnOnce(&mut Server<Heap>),
) -> Session<Heap> {
    let (delay, expiry) = ([Property::WillDelayInterval(delay)], [Property::SessionExpiryInterval(expiry)]);
    let will = Will { topic: "w", properties: (&delay).into(), ..Will::default() };
    let connect = Connect { clean_start, will: Some(will), properties: (&expiry).into(), ..CONNECT };
    let mut server = server(&Config::default(), Session::default(), &connect, NEW);
    let _ = run(&mut server, at(10), b"\xC0\0", &mut Vec::new());
    end(&mut server);
    server.into_session()
}

fn lost(server: &mut Server<Heap>) {
    server.handle_eof();
    let _ = run(server, at(10), b"", &mut Vec::new());
}

/// When a will is due: after its delay or at the end of the session, whatever comes first; not after DISCONNECT.
#[test]
fn wills_and_ends() {
    let gone = |packet: &'static [u8]| {
        move |server: &mut Server<Heap>| drop(run(server, at(10), packet, &mut Vec::new()))
    };
    let due = |session: &mut Session<Heap>, seconds| session.handle_timeout(at(seconds));

    let mut session = with_will(5, 100, true, lost);
    assert_eq!(session.poll_timeout(), Some(at(15)));
    assert_eq!(
        (due(&mut session, 14), due(&mut session, 15), due(&mut session, 15)),
        (None, Some(Due::Will), None)
    );
    assert_eq!((session.poll_timeout(), due(&mut session, 110)), (Some(at(110)), Some(Due::End)));
    assert_eq!((session.poll_timeout(), session.exists()), (None, false));

    // The session ends first.
    let mut session = with_will(500, 100, true, lost);
    assert_eq!([110, 110, 110].map(|now| due(&mut session, now)), [Some(Due::Will), Some(Due::End), None]);
    // At once: no delay, or no session.
    assert_eq!(due(&mut with_will(0, 100, true, lost), 10), Some(Due::Will));
    assert_eq!(due(&mut with_will(500, 0, true, lost), 10), Some(Due::Will));
    // DISCONNECT takes it back, unless it says otherwise; and it may change how long the session lives.
    let mut session = with_will(0, 100, true, gone(b"\xE0\0"));
    assert_eq!((session.timers().will, session.timers().end), (None, Some(at(110))));
    let mut with_words = with_will(5, 100, true, gone(b"\xE0\x01\x04"));
    assert_eq!((due(&mut session, 109), due(&mut with_words, 15)), (None, Some(Due::Will)));
    let session = with_will(5, 100, true, gone(b"\xE0\x07\0\x05\x11\xFF\xFF\xFF\xFF"));
    assert_eq!(session.poll_timeout(), None);
    // An error of the client's, its silence, and a server that ends it.
    assert_eq!(with_will(5, 100, true, gone(b"\xC0\x01\0")).timers().will, Some(at(15)));
    assert_eq!(
        with_will(5, 100, true, |server| drop(run(server, at(200), b"", &mut Vec::new()))).timers().will,
        Some(at(205))
    );
    let taken_over = Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, ..Disconnect::default() };
    let session = with_will(5, 100, true, |server| server.disconnect(&taken_over, &mut Vec::new()).unwrap());
    assert_eq!(session.timers().will, Some(at(15)));
    // A transport that is just dropped.
    assert_eq!(with_will(5, 100, true, |_| {}).timers().will, Some(at(15)));
}

/// The client comes back: a will that was not due is never published, one that was is; and the end is put off.
#[test]
fn wills_and_those_who_come_back() {
    let expiry = [Property::SessionExpiryInterval(100)];
    let again = |session: Session<Heap>, clean_start, seconds: u64| {
        let connect = Connect { clean_start, properties: (&expiry).into(), ..CONNECT };
        let mut server = Server::<Heap>::new(at(seconds), &Config::default(), Session::default());
        let _ = run(&mut server, at(seconds), &Packet::from(connect).to_vec(NEW).unwrap(), &mut Vec::new());
        let refused = server.resume(session).err();
        server.accept(Properties::EMPTY, &mut Vec::new()).unwrap();
        (server, refused)
    };
    let (server, _) = again(with_will(5, 100, true, lost), false, 14);
    assert_eq!((server.session().poll_timeout(), server.agreement().unwrap().session_present), (None, true));
    // It was due, and nobody asked.
    let (mut server, _) = again(with_will(5, 100, true, lost), false, 16);
    assert_eq!(server.session_mut().handle_timeout(at(16)), Some(Due::Will));
    // A clean start ends the session, and so its will is due.
    let (_, refused) = again(with_will(50, 100, true, lost), true, 16);
    let mut session = refused.unwrap();
    assert_eq!(session.handle_timeout(at(16)), None);
    session.end(at(16));
    assert_eq!(
        [(), (), ()].map(|()| session.handle_timeout(at(16))),
        [Some(Due::Will), Some(Due::End), None]
    );
    // What was kept outside.
    let timers = with_will(5, 100, true, lost).timers();
    let mut restored = Session::<Heap>::default();
    restored.set_timers(timers);
    assert_eq!(restored.poll_timeout(), Some(at(15)));
    assert_eq!(at(15).saturating_duration_since(at(10)), Duration::from_secs(5));
}

/// A farewell for which there is no room now is owed.
#[test]
fn takeover_without_room() {
    let mut old = server(&Config::default(), Session::default(), &CONNECT, NEW);
    let mut full: &mut [u8] = &mut [];
    let taken_over = Disconnect { reason: ReasonCode::SESSION_TAKEN_OVER, ..Disconnect::default() };
    old.disconnect(&taken_over, &mut full).unwrap();
    assert!(!old.is_open());
    let wait = match old.handle(at(0), &mut &b""[..], &mut full) {
        Step::Wait(wait) => wait,
        Step::Event(event) => panic!("{event:?}"),
    };
    assert_eq!(wait, Wait::Write(3));
    let mut out = Vec::new();
    let (_, _, wait) = run(&mut old, at(0), b"", &mut out);
    assert_eq!((wait, &out[..]), (Wait::Closed(Cause::Local), &b"\xE0\x01\x8E"[..]));
}

/// Both roles in one program: what comes to one side goes on at the other, acknowledged when that is.
#[test]
fn a_bridge() {
    let config = Config { topic_alias_maximum: 4, assign_topic_aliases: true, ..Config::default() };
    let tables = || (HeapTopics::new(4, 100), FixedTopics::<4, 20>::default());
    let mut here = Server::with_aliases(at(0), &config, Session::<Heap>::default(), tables());
    let mut there = Client::with_aliases(NEW, &config, Session::<Heap>::default(), tables());
    here.set_acknowledge(Acknowledge::Manual);
    let (mut out, mut on) = (Vec::new(), Vec::new());
    let _ = run(&mut here, at(0), &Packet::from(CONNECT).to_vec(NEW).unwrap(), &mut out);
    here.accept(Properties::EMPTY, &mut out).unwrap();
    there.connect(at(0), &CONNECT, &mut on).unwrap();
    let _ = run(&mut there, at(0), b"\x20\x06\0\0\x03\x22\0\x02", &mut Vec::new());
    (out, on) = (Vec::new(), Vec::new());
    // The topic comes with an alias, and then as one.
    let mut input = &b"\x34\x0D\0\x03a/b\0\x07\x03\x23\0\x041x\x32\x09\0\0\0\x08\x03\x23\0\x042"[..];
    let mut pending: Vec<(PacketId, AckToken)> = Vec::new();
    while let Step::Event(event) = here.handle(at(0), &mut input, &mut out) {
        let Event::Publish(p, Some(token)) = event else { panic!("{event:?}") };
        let message = here.message(&p);
        assert_eq!((message.topic, message.properties.topic_alias()), ("a/b", None));
        pending.push((there.publish(&message, &mut on).unwrap().unwrap(), token));
    }
    assert_eq!(on, b"\x34\x0D\0\x03a/b\0\x01\x03\x23\0\x011x\x32\x09\0\0\0\x02\x03\x23\0\x012");
    assert!(out.is_empty());
    let ack = |id| Ack { packet_id: id, ..Ack::default() };
    let done = Packet::Puback(ack(pending[1].0)).to_vec(NEW).unwrap();
    let (events, ..) = run(&mut there, at(0), &done, &mut on);
    assert_eq!(events, ["acked 2 Success (0x00) "]);
    here.ack(pending.pop().unwrap().1, ReasonCode::SUCCESS, &mut out).unwrap();
    assert_eq!(out, b"\x40\x02\0\x08");
}

/// A SUBSCRIBE that came before a payload was begun is answered behind it, and the wait says so.
#[test]
fn an_answer_behind_a_payload() {
    let mut server = server(&Config::default(), Session::default(), &CONNECT, NEW);
    let mut out = Vec::new();
    let mut input = &b"\x82\x07\0\x01\0\0\x01a\0"[..];
    assert!(matches!(server.handle(at(0), &mut input, &mut out), Step::Event(Event::Subscribe(_))));
    server.publish_head(&Message { topic: "a", ..Message::default() }, 3, &mut out).unwrap();
    let granted = [ReasonCode::SUCCESS];
    assert_eq!(server.suback(&granted, Properties::EMPTY, &mut out), Err(UsageError::PayloadPending(3)));
    assert_eq!(run(&mut server, at(0), b"", &mut out).2, Wait::Payload(3));
    assert_eq!(server.payload_written(3), Ok(0));
    assert_eq!(run(&mut server, at(0), b"", &mut out).2, Wait::Decide);
    server.suback(&granted, Properties::EMPTY, &mut out).unwrap();
}

/// A message that is skipped at QoS 0 says nothing about the next one.
#[test]
fn what_is_skipped_is_forgotten() {
    let config =
        Config { maximum_packet_size: 100, stream_above: 50, skip_oversize: true, ..Config::default() };
    let mut server = server(&config, Session::default(), &CONNECT, NEW);
    let large = Packet::Publish(sans_mqtt::Publish { topic: "a", payload: &[0; 200], ..Default::default() });
    let small = sans_mqtt::Delivery::AtLeastOnce(PacketId::MIN);
    let small = Packet::Publish(sans_mqtt::Publish { topic: "a", delivery: small, ..Default::default() });
    let bytes = [large.to_vec(NEW).unwrap(), small.to_vec(NEW).unwrap()].concat();
    let mut out = Vec::new();
    let (events, ..) = run(&mut server, at(0), &bytes, &mut out);
    assert_eq!(
        (events, &out[..]),
        (vec!["skipped a 200".to_owned(), "a ".to_owned()], &b"\x40\x02\0\x01"[..])
    );
}

/// Commands that come before the time is told count as early as can be: PINGREQ is never late.
#[test]
fn keep_alive_is_counted_from_the_earliest_time() {
    let mut client = client(&Config::default(), NEW, b"\x20\x03\0\0\0");
    assert_eq!(client.poll_timeout(), Some(at(60)));
    let mut out = Vec::new();
    // A PUBACK goes at second 1, and nothing is told until the deadline.
    let (_, _, wait) = run(&mut client, at(1), b"\x32\x06\0\x01a\0\x01\0", &mut out);
    assert_eq!(wait, Wait::Read(2));
    let _ = run(&mut client, at(60), b"", &mut out);
    let due = client.poll_timeout().unwrap();
    assert!(due <= at(61), "{due:?}");
    let _ = run(&mut client, due, b"", &mut out);
    assert!(out.ends_with(b"\xC0\0"), "{out:?}");
    // Whole packets show that the server is there, though PINGRESP has not come.
    for second in 62..100 {
        let (events, _, wait) = run(&mut client, at(second), b"\x30\x04\0\x01a\0", &mut out);
        assert_eq!((events.len(), wait), (1, Wait::Read(2)), "{second}");
    }
}

/// An end that a command makes is at the time that is told next, not at the one that was told before.
#[test]
fn ends_have_their_time() {
    let expiry = [Property::SessionExpiryInterval(10)];
    let connect = Connect { keep_alive: 0, properties: (&expiry).into(), ..CONNECT };
    let mut old = server(&Config::default(), Session::default(), &connect, NEW);
    let mut full: &mut [u8] = &mut [];
    old.disconnect(&Disconnect::default(), &mut full).unwrap();
    // An hour later there is still time for the farewell.
    let mut out = Vec::new();
    let (_, _, wait) = run(&mut old, at(3600), b"", &mut out);
    assert_eq!((wait, &out[..]), (Wait::Closed(Cause::Local), &b"\xE0\0"[..]));
    let mut session = old.into_session();
    assert_eq!((session.poll_timeout(), session.handle_timeout(at(3609))), (Some(at(3610)), None));

    // An application that takes its time to ask for more leaves the client as much as ever to answer.
    let method = [Property::AuthenticationMethod("M")];
    let auth = sans_mqtt::Auth { reason: ReasonCode::CONTINUE_AUTHENTICATION, properties: (&method).into() };
    let connect = Connect { properties: (&method).into(), ..CONNECT };
    let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
    let _ = run(&mut server, at(0), &Packet::from(connect).to_vec(NEW).unwrap(), &mut out);
    server.auth(&auth, &mut out).unwrap();
    assert_eq!(run(&mut server, at(12), b"", &mut out).2, Wait::Read(2));
    assert_eq!(server.poll_timeout(), Some(at(22)));
}

/// A client can't get more than the server agrees to, in the end either; nor go on with what is over.
#[test]
fn sessions_do_not_live_longer_than_agreed() {
    let config = Config { maximum_session_expiry: 60, ..Config::default() };
    let expiry = [Property::SessionExpiryInterval(10)];
    let connect = Connect { clean_start: false, properties: (&expiry).into(), ..CONNECT };
    let mut old = server(&config, Session::default(), &connect, NEW);
    let _ = run(&mut old, at(0), b"\xE0\x07\0\x05\x11\xFF\xFF\xFF\xFF", &mut Vec::new());
    let session = old.into_session();
    assert_eq!(session.poll_timeout(), Some(at(60)));
    let mut late = Server::<Heap>::new(at(60), &config, Session::default());
    let _ = run(&mut late, at(60), &Packet::from(connect).to_vec(NEW).unwrap(), &mut Vec::new());
    assert!(late.resume(session).is_err());

    // What CONNECT asked for decides what DISCONNECT may say, whatever was agreed.
    let none = Config { maximum_session_expiry: 0, ..Config::default() };
    let mut strict = server(&none, Session::default(), &connect, NEW);
    let (events, ..) = run(&mut strict, at(0), b"\xE0\x07\0\x05\x11\0\0\0\x1E", &mut Vec::new());
    assert_eq!((events, strict.into_session().exists()), (vec!["Disconnect".to_owned()], false));
}

/// What only the configuration says is not for the caller to say otherwise.
#[test]
fn announcements_are_the_configurations() {
    let own = [Property::TopicAliasMaximum(10)];
    let mut client = Client::<Heap>::new(NEW, &Config::default(), Session::default());
    let connect = Connect { properties: (&own).into(), ..CONNECT };
    let refused = client.connect(at(0), &connect, &mut Vec::new());
    assert_eq!(refused, Err(UsageError::NotYours(sans_mqtt::PropertyId::TopicAliasMaximum)));
    let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
    let _ = run(&mut server, at(0), &Packet::from(CONNECT).to_vec(NEW).unwrap(), &mut Vec::new());
    assert_eq!(server.accept((&own).into(), &mut Vec::new()), refused);
}

/// A CONNECT that is too large is answered only if it is of 5.0, however it comes.
#[test]
fn a_connect_that_is_too_large() {
    for (level, told) in [(4, &b""[..]), (5, b"\x20\x03\0\x95\0")] {
        let mut server = Server::<Heap>::new(at(0), &Config::default(), Session::default());
        let mut out = Vec::new();
        let connect = [0x10, 0xFF, 0xFF, 0x01, 0, 4, b'M', b'Q', b'T', b'T', level];
        for cut in 4..connect.len() {
            let wait = run(&mut server, at(0), &connect[..cut], &mut out).2;
            assert_eq!(wait, Wait::Read(connect.len() - cut));
        }
        let Wait::Closed(cause) = run(&mut server, at(0), &connect, &mut out).2 else { panic!() };
        assert_eq!(out, told);
        assert!(
            cause.to_string().ends_with("32771 and not more than 16384 (limited by maximum_connect_size)"),
            "{cause}"
        );
    }
}

/// 3.1.1: a client that goes on although the server has forgotten has no subscriptions any more.
#[test]
fn session_present_is_what_the_server_says() {
    let mut client = Client::<Heap>::new(Version::V3_1_1, &Config::default(), Session::default());
    let connect = Connect { clean_start: false, ..CONNECT };
    for (present, connack) in [(false, b"\x20\x02\0\0"), (true, b"\x20\x02\x01\0"), (false, b"\x20\x02\0\0")]
    {
        client.connect(at(0), &connect, &mut Vec::new()).unwrap();
        let _ = run(&mut client, at(0), connack, &mut Vec::new());
        assert_eq!(client.agreement().unwrap().session_present, present);
        client = Client::new(Version::V3_1_1, &Config::default(), client.into_session());
    }
}
