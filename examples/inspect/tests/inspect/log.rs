//! Logs of connections.

use sans_mqtt::event_log::Recorder;
use sans_mqtt::{
    Config, Connect, Event, Heap, Instant, Message, Properties, Qos, Session, Step, Version, Wait,
};
use serde_json::{Value, json};

use super::shown;

/// The log of a connection: a client sends a message, hears half a packet and no more.
fn log() -> Vec<u8> {
    let at = Instant::from_millis;
    let mut log = Vec::new();
    let mut client =
        Recorder::client(Version::V3_1_1, &Config::default(), Session::<Heap>::default(), &mut log);
    let out = &mut Vec::new();
    client.connect(at(0), &Connect { client_id: "a", ..Connect::default() }, out).unwrap();
    let mut input = &b"\x20\x02\0\0\x40\x02"[..];
    assert!(matches!(client.handle(at(20), &mut input, out), Step::Event(Event::Connected(_))));
    let message = Message { qos: Qos::AtLeastOnce, topic: "a/b", payload: b"x", ..Message::default() };
    client.publish(&message, out).unwrap();
    client.publish(&message, &mut &mut [0; 4][..]).unwrap_err();
    assert!(matches!(client.handle(at(21), &mut input, out), Step::Wait(Wait::Read(2))));
    let mut input = &b"\x40\x02\0\x01\xD0\x01"[..];
    assert!(matches!(client.handle(at(1500), &mut input, out), Step::Event(Event::Acked { .. })));
    client.unsubscribe(&["#"], Properties::EMPTY, out).unwrap();
    client.handle_eof();
    assert!(matches!(client.handle(at(1501), &mut input, out), Step::Wait(Wait::Closed(_))));
    client.into_session();
    log
}

#[test]
fn the_log_of_a_connection_is_shown_call_by_call() {
    let log = log();
    let text = shown(&["-"], &log, 1);
    // But for the fields of the packets.
    let is_field =
        |line: &&str| line.starts_with("  ") && !line.contains(" s  ") && !line.starts_with(&" ".repeat(14));
    let lines: Vec<&str> = text.lines().filter(|line| !is_field(line) && !line.is_empty()).collect();
    assert_eq!(
        lines,
        [
            "== client 1 (→ from the client, ← from the server)",
            "     0.000 s  connect, connect \"a\"",
            "              ok",
            "→ CONNECT client \"a\", keep alive 60 s (15 bytes at 0, MQTT 3.1.1)",
            "     0.020 s  handle, 6 bytes new",
            "              event: Connected",
            "← CONNACK Success (4 bytes at 0)",
            "     0.020 s  publish, message \"a/b\", QoS 1, 1 byte",
            "              ok: id 1",
            "→ PUBLISH \"a/b\", QoS 1, id 1, payload 1 byte: \"x\" (10 bytes at 15)",
            "     0.020 s  publish, message \"a/b\", QoS 1, 1 byte",
            "              the sink had no room",
            "              error: the sink needs room for 42 bytes",
            "     0.021 s  handle, 0 bytes new",
            "              wait: Read(2)",
            "     1.500 s  handle, 4 bytes new",
            "              event: Acked 1: Success (0x00)",
            "← PUBACK id 1 (4 bytes at 4)",
            "     1.500 s  unsubscribe, filters [\"#\"]",
            "              ok: id 2",
            "→ UNSUBSCRIBE id 2, \"#\" (7 bytes at 25)",
            "     1.500 s  handle_eof",
            "              ok",
            "     1.501 s  handle, 0 bytes new",
            "              wait: Closed(Eof)",
            "     1.501 s  into_session",
            "              ok",
            "← PINGRESP (2 bytes at 8)  1 byte MISSING",
            "Verdicts: 5 accept, 1 incomplete",
        ]
    );
    let note = "   a client of 3.1.1 begins: a session that does not exist yet, receive maximum 16, packets of at most";
    assert!(text.contains(note), "{text}");
}

#[test]
fn a_log_is_shown_to_programs() {
    let log = log();
    let objects = |log: &[u8]| -> Vec<Value> {
        shown(&["--json", "-"], log, 1).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let whole = objects(&log);
    assert_eq!(whole[0]["connection"], "client 1");
    let call = json!({
        "call": "publish", "connection": "client 1", "given": "publish, message \"a/b\", QoS 1, 1 byte",
        "kind": "error", "no_room": 1, "not_recorded": 0, "result": "the sink needs room for 42 bytes",
        "taken": 0, "time": 20,
    });
    assert!(whole.contains(&call), "{whole:?}");
    let packets: Vec<&Value> = whole.iter().filter_map(|object| object.get("type")).collect();
    assert_eq!(packets, ["CONNECT", "CONNACK", "PUBLISH", "PUBACK", "UNSUBSCRIBE", "PINGRESP"]);

    // It may end anywhere, and be damaged.
    let cut = objects(&log[..log.len() - 1]);
    let [.., call, packet, end] = &cut[..] else { panic!("{cut:?}") };
    assert_eq!(
        (&call["call"], &call["kind"], &packet["verdict"]),
        (&json!("into_session"), &Value::Null, &json!("incomplete"))
    );
    assert_eq!(end["end"], "the bytes end within an entry");
    let wrong = objects(&[&log[..], b"\x7F"].concat());
    assert_eq!(wrong.last(), Some(&json!({ "end": "not an entry of a log", "offset": log.len() })));
}
