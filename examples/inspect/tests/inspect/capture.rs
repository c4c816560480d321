//! Captures: connections, segments in and out of order, and what is said of them.

use serde_json::{Value, json};

use super::build::*;
use super::{assert_lines, run, shown};

/// The lines about what happens, without their times.
pub(crate) fn brief(args: &[&str], capture: &[u8], code: i32) -> Vec<String> {
    let text = shown(&[args, &["--brief", "-"]].concat(), capture, code);
    let events = text.lines().filter_map(|line| line.split_once(" s  "));
    events.filter(|(time, _)| time.trim().parse::<f64>().is_ok()).map(|(_, words)| words.into()).collect()
}

fn objects(args: &[&str], capture: &[u8], code: i32) -> Vec<Value> {
    let text = shown(&[args, &["--json", "-"]].concat(), capture, code);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The whole of a connection but for its beginning.
fn rest(packets: &[Vec<u8>], code: i32) -> Vec<String> {
    let lines = brief(&[], &raw(packets), code);
    assert_eq!(
        &lines[..4],
        [
            "1 → SYN",
            "1 ← SYN, ACK",
            "1 → CONNECT client \"a\", keep alive 60 s (15 bytes at 0, MQTT 3.1.1)",
            "1 ← CONNACK Success (4 bytes at 0)",
        ]
    );
    lines[4..].to_vec()
}

const PUBLISH: &str = "1 → PUBLISH \"t\", QoS 0, payload 6 bytes: \"abcdef\" (11 bytes at 15)";
const PING: &str = "1 → PINGREQ (2 bytes at 26)";
const OVER: &str = "1 the capture ends; packets: 3 of the client, 1 of the server";

#[test]
fn a_conversation_is_shown_in_the_order_of_time() {
    let mut talk = talk();
    let mut packets = talk.connect();
    packets.extend([
        talk.client(&[&publish(b"abcdef")[..], &PINGREQ[..1]].concat()),
        talk.client(&PINGREQ[1..]),
        talk.server(PINGRESP),
        talk.send(0, FIN, b"\xE0\0"),
        talk.send(1, FIN, b""),
        talk.client(b""),
    ]);
    let text = shown(&["-"], raw(&packets), 0);
    assert_lines(
        &text,
        &[
            "The capture begins at 2023-11-14T22:13:20.000000000Z.",
            "== connection 1 (→ from the client, ← from the server)",
            "127.0.0.1:40000 → 127.0.0.1:1883",
            "0.000000 s  1 → SYN",
            "0.001000 s  1 ← SYN, ACK",
            "0.003000 s  1 → CONNECT client \"a\", keep alive 60 s (15 bytes at 0, MQTT 3.1.1)",
            "8       04                        protocol level              4 (MQTT 3.1.1)",
            "0.004000 s  1 ← CONNACK Success (4 bytes at 0)",
            "0.005000 s  1 → PUBLISH \"t\", QoS 0, payload 6 bytes: \"abcdef\" (11 bytes at 15)",
            "0.006000 s  1 → PINGREQ (2 bytes at 26)",
            "0.007000 s  1 ← PINGRESP (2 bytes at 4)",
            "0.008000 s  1 → DISCONNECT (2 bytes at 28)",
            "0.008000 s  1 → FIN",
            "0.009000 s  1 ← FIN",
            "0.009000 s  1 over; packets: 4 of the client, 2 of the server",
            "Verdicts: 6 accept",
        ],
    );
    let objects = objects(&[], &raw(&packets), 0);
    assert_eq!(
        objects[0],
        json!({
            "begin": "127.0.0.1:40000 → 127.0.0.1:1883", "client": "127.0.0.1:40000",
            "connection": "connection 1", "server": "127.0.0.1:1883",
        })
    );
    let syn = json!({
        "bytes": null, "connection": "connection 1", "event": "SYN, ACK", "from": "server",
        "timestamp": "2023-11-14T22:13:20.001000000Z", "words": "SYN, ACK",
    });
    assert_eq!(objects[2], syn);
    let pingreq = &objects.iter().find(|object| object["type"] == "PINGREQ").unwrap();
    assert_eq!(
        (&pingreq["timestamp"], &pingreq["from"], &pingreq["connection"]),
        (&json!("2023-11-14T22:13:20.006000000Z"), &json!("client"), &json!("connection 1"))
    );
}

#[test]
fn segments_may_come_late_twice_and_overlap() {
    let mut talk = talk();
    let packets = talk.connect();
    let begin = talk.seq[0];
    let bytes = [&publish(b"abcdef")[..], PINGREQ].concat();
    let part = |from: usize, to: usize| {
        segment(talk.ends[0], talk.ends[1], begin + from as u32, 5005, ACK, &bytes[from..to])
    };
    for (parts, remarks) in [
        (vec![(0, 13)], vec![PUBLISH, PING]),
        (
            vec![(4, 13), (0, 4)],
            vec!["1 → out of order: 4 bytes in front of this are missing", PUBLISH, PING],
        ),
        (vec![(0, 4), (0, 4), (4, 13)], vec!["1 → 4 bytes again", PUBLISH, PING]),
        (vec![(0, 8), (3, 13)], vec!["1 → 5 bytes again", PUBLISH, PING]),
        (vec![(0, 13), (2, 9)], vec![PUBLISH, PING, "1 → 7 bytes again"]),
        (
            vec![(10, 13), (6, 8), (2, 4), (5, 12), (0, 6)],
            vec![
                "1 → out of order: 10 bytes in front of this are missing",
                "1 → 4 bytes again",
                "1 → 3 bytes again",
                PUBLISH,
                PING,
            ],
        ),
    ] {
        let parts = parts.iter().map(|(from, to)| part(*from, *to));
        let packets: Vec<_> = packets.iter().cloned().chain(parts).collect();
        assert_eq!(rest(&packets, 0), [remarks, vec![OVER]].concat());
    }

    // A byte at a time, backwards, with sequence numbers that wrap around.
    let mut talk = self::talk();
    talk.seq = [u32::MAX - 20, u32::MAX];
    let mut packets = talk.connect();
    packets.extend(bytes.iter().map(|byte| talk.client(&[*byte])).collect::<Vec<_>>().into_iter().rev());
    let early = "1 → out of order: 12 bytes in front of this are missing";
    assert_eq!(rest(&packets, 0), [early, PUBLISH, PING, OVER]);
}

#[test]
fn bytes_that_differ_are_told() {
    let mut talk = talk();
    let mut packets = talk.connect();
    let [first, second] = [b"abcdef", b"abcxyz"].map(|payload| publish(payload));
    let at = talk.seq[0];
    let late = talk.client(&first[..4]);
    packets.push(talk.client(&first[4..]));
    packets.push(segment(talk.ends[0], talk.ends[1], at + 6, 5005, ACK, &second[6..]));
    packets.push(late);
    packets.push(talk.client(PINGREQ));
    assert_eq!(
        rest(&packets, 0),
        [
            "1 → out of order: 4 bytes in front of this are missing",
            "1 → 5 bytes again, and DIFFERENT: the first are shown",
            PUBLISH,
            PING,
            OVER,
        ]
    );
}

/// Conversations with a message of 1000 bytes in ten segments, some of which were not captured.
fn lossy(lost: &[usize]) -> Vec<Vec<u8>> {
    let mut talk = talk();
    let mut packets = talk.connect();
    let message = [&publish(&[b'x'; 994])[..], PINGREQ].concat();
    assert_eq!(message.len(), 1002);
    for (number, part) in message.chunks(100).enumerate() {
        let segment = talk.client(part);
        if !lost.contains(&number) {
            packets.push(segment);
        }
    }
    packets.push(talk.server(PINGRESP));
    packets.push(talk.client(PINGREQ));
    packets
}

#[test]
fn missing_bytes_are_told_and_the_rest_is_shown() {
    // Within the packet, whose end is known.
    let lines = rest(&lossy(&[3, 4]), 1);
    assert_eq!(
        lines,
        [
            "1 → out of order: 200 bytes in front of this are missing",
            "1 → 200 bytes MISSING",
            "1 → PUBLISH \"t\", QoS 0, payload of 994 bytes (300 bytes at 15)  700 bytes MISSING",
            "1 → PINGREQ (2 bytes at 1015)",
            "1 ← PINGRESP (2 bytes at 4)",
            "1 → PINGREQ (2 bytes at 1017)",
            "1 the capture ends; packets: 4 of the client, 2 of the server; 200 bytes MISSING",
        ]
    );
    // Up to behind its end.
    assert_eq!(
        rest(&lossy(&[9, 10]), 1),
        [
            "1 ← PINGRESP (2 bytes at 4)",
            "1 → 102 bytes MISSING",
            "1 → PUBLISH \"t\", QoS 0, payload of 994 bytes (900 bytes at 15)  100 bytes MISSING",
            "1 → PINGREQ (2 bytes at 1017)",
            "1 the capture ends; packets: 3 of the client, 2 of the server; 102 bytes MISSING",
        ]
    );
    // With its header: nothing tells its end, so that a segment that begins with a packet is looked for.
    assert_eq!(
        rest(&lossy(&[0]), 1),
        [
            "1 → out of order: 100 bytes in front of this are missing",
            "1 → 100 bytes MISSING",
            "1 → 900 bytes passed over: this is where a packet begins again",
            "1 → PINGREQ (2 bytes at 1015)",
            "1 ← PINGRESP (2 bytes at 4)",
            "1 → PINGREQ (2 bytes at 1017)",
            "1 the capture ends; packets: 3 of the client, 2 of the server; 100 bytes MISSING",
        ]
    );
}

#[test]
fn bytes_may_come_when_they_were_given_up() {
    let mut talk = talk();
    let mut packets = talk.connect();
    let late = talk.client(&publish(b"abcdef"));
    packets.push(talk.client(PINGREQ));
    packets.push(talk.server(PINGRESP));
    packets.push(late);
    assert_eq!(
        rest(&packets, 1),
        [
            "1 → out of order: 11 bytes in front of this are missing",
            "1 → 11 bytes MISSING",
            "1 → PINGREQ (2 bytes at 26)",
            "1 ← PINGRESP (2 bytes at 4)",
            "1 → 11 bytes too late: they were taken for missing",
            "1 the capture ends; packets: 2 of the client, 2 of the server; 11 bytes MISSING",
        ]
    );
}

#[test]
fn large_messages_are_found_again_by_their_heads() {
    let mut talk = talk();
    let mut packets = talk.connect();
    let message = publish(&[b'x'; 997]);
    for first in [1, 0] {
        let segments: Vec<_> = message.chunks(500).map(|part| talk.client(part)).collect();
        packets.extend(segments.into_iter().skip(first));
    }
    packets.push(talk.server(PINGRESP));
    let lines = rest(&packets, 1);
    assert_eq!(
        lines[1..3],
        ["1 → 500 bytes MISSING", "1 → 503 bytes passed over: this is where a packet begins again"]
    );
    assert!(lines[3].starts_with("1 → PUBLISH \"t\", QoS 0, payload 997 bytes"), "{lines:?}");
}

#[test]
fn what_is_too_large_is_told_and_passed_over() {
    let mut talk = talk();
    let mut packets = talk.connect();
    // 20 MiB.
    let head = b"\x30\x80\x80\x80\x0A\0\x01t";
    packets.push(talk.client(head));
    let chunk = vec![0; 65_000];
    let body = (20 << 20) - 3;
    packets.extend((0..body / chunk.len()).map(|_| talk.client(&chunk)));
    packets.push(talk.client(&[&chunk[..body % chunk.len()], PINGREQ].concat()));
    assert_eq!(
        rest(&packets, 1),
        [
            "1 → a packet of more than 16 MiB is not read",
            "1 → PUBLISH \"t\", QoS 0, payload of 20971517 bytes (8 bytes at 15)  20971517 bytes MISSING",
            "1 → PINGREQ (2 bytes at 20971540)",
            "1 the capture ends; packets: 3 of the client, 1 of the server",
        ]
    );
}

#[test]
fn what_was_never_acknowledged_is_told_at_the_end() {
    let mut talk = talk();
    let mut packets = talk.connect();
    let _lost = talk.send(0, 0, PINGREQ);
    packets.push(talk.client(PINGREQ));
    packets.push(talk.send(0, FIN, b""));
    assert_eq!(
        rest(&packets, 1),
        [
            "1 → out of order: 2 bytes in front of this are missing",
            "1 → FIN",
            "1 → 2 bytes MISSING",
            "1 → PINGREQ (2 bytes at 17)",
            "1 the capture ends; packets: 2 of the client, 1 of the server; 2 bytes MISSING",
        ]
    );
}

#[test]
fn broken_packets_are_explained_and_the_conversation_goes_on() {
    let mut talk = talk();
    let mut packets = talk.connect();
    // A packet identifier of zero; and a length that does not end, in a segment of its own.
    packets.push(talk.client(&[b"\x32\x05\0\x01a\0\0", PINGREQ].concat()));
    packets.push(talk.client(b"\x30\xFF\xFF\xFF\xFF\x01\0\0"));
    packets.push(talk.client(b"\0\0\0"));
    packets.push(talk.client(PINGREQ));
    packets.push(talk.server(PINGRESP));
    packets.push(talk.server(PINGREQ));
    packets.push(talk.send(1, RST, b""));
    let text = shown(&["-"], raw(&packets), 1);
    assert_lines(
        &text,
        &[
            "0.005000 s  1 → PUBLISH \"a\", QoS 1, id 0 (7 bytes at 15)  BAD",
            "error   PUBLISH packet identifier: a packet identifier is not zero [MQTT-2.3.1-1]",
            "where   packet identifier, byte 5 (0x00)",
            "rules   MQTT-2.3.1-1",
            "0.005000 s  1 → PINGREQ (2 bytes at 22)",
            "0.006000 s  1 → PUBLISH (8 bytes at 24)  BAD",
            "0.008000 s  1 → 3 bytes passed over: this is where a packet begins again",
            "0.008000 s  1 → PINGREQ (2 bytes at 35)",
            "0.009000 s  1 ← PINGRESP (2 bytes at 4)",
            "0.010000 s  1 ← PINGREQ (2 bytes at 6)  BAD",
            "0.011000 s  1 ← RST",
            "0.011000 s  1 over; packets: 5 of the client, 3 of the server",
            "Verdicts: 5 accept, 3 reject",
        ],
    );
}

#[test]
fn connections_are_told_apart() {
    let (mut one, mut two) = (talk(), Talk::new("[::1]:40000", "[::1]:5000"));
    let mut packets = one.open();
    packets.extend(two.open());
    packets.extend([
        two.client(CONNECT_5),
        one.client(CONNECT),
        one.server(CONNACK),
        two.server(CONNACK_5),
        two.server(b"\x30\x04\0\x01t\0"),
        one.client(b"\x30\x04\0\x01t\0"),
    ]);
    // The same addresses again.
    let mut three = Talk { seq: [70_000, 80_000], ..talk() };
    packets.extend(three.connect());
    let lines = brief(&[], &raw(&packets), 0);
    assert_lines(
        &lines.join("\n"),
        &[
            "2 → CONNECT client \"a\", keep alive 60 s (16 bytes at 0, MQTT 5.0)",
            "1 → CONNECT client \"a\", keep alive 60 s (15 bytes at 0, MQTT 3.1.1)",
            "1 ← CONNACK Success (4 bytes at 0)",
            "2 ← CONNACK Success (5 bytes at 0)",
            "2 ← PUBLISH \"t\", QoS 0, payload 0 bytes (6 bytes at 5)",
            "1 → PUBLISH \"t\", QoS 0, payload 1 byte (6 bytes at 15)",
            "1 another connection begins; packets: 2 of the client, 1 of the server",
            "3 → SYN",
            "3 → CONNECT client \"a\", keep alive 60 s (15 bytes at 0, MQTT 3.1.1)",
        ],
    );
    let only = brief(&["--connection", "2"], &raw(&packets), 0);
    assert_eq!(only, lines.iter().filter(|line| line.starts_with('2')).cloned().collect::<Vec<_>>());
    assert_eq!(only.len(), 6);
}

#[test]
fn a_capture_may_begin_in_the_middle() {
    // Who sends what only a server may send is one; and 5.0 would need a property length.
    let mut talk = Talk::new("127.0.0.1:1000", "127.0.0.1:2000");
    let packets = [
        talk.client(b"middle of a payload"),
        talk.client(&publish(b"x")),
        talk.server(PINGRESP),
        talk.client(PINGREQ),
    ];
    let lines = brief(&[], &raw(&packets), 0);
    assert_eq!(
        lines,
        [
            "1 ← 19 bytes passed over: this is where a packet begins again",
            "1 no CONNECT was captured; the packets fit MQTT 3.1.1, which is a guess",
            "1 ← PUBLISH \"t\", QoS 0, payload 1 byte: \"x\" (6 bytes at 19, MQTT 3.1.1)",
            "1 the client is 127.0.0.1:1000, after all",
            "1 ← PINGRESP (2 bytes at 0)",
            "1 → PINGREQ (2 bytes at 25)",
            "1 the capture ends; packets: 2 of the client, 1 of the server",
        ]
    );
    let guessed = shown(&["--brief", "-"], raw(&packets), 0);
    assert!(guessed.contains("127.0.0.1:2000 → 127.0.0.1:1000; who is the client is a guess"), "{guessed}");
    // Who says the version gets it.
    let lines = brief(&["--version", "5.0"], &raw(&packets), 0);
    assert_eq!(lines[2], "1 → 25 bytes passed over: this is where a packet begins again");
}

#[test]
fn other_protocols_are_named() {
    let cases: [(&str, &[u8], &str); 4] = [
        ("127.0.0.1:8883", b"\x16\x03\x01\x02\0\x01\0", "1 TLS, which can't be read"),
        ("127.0.0.1:1883", b"\x16\x03\x01\x02\0\x01\0", "1 TLS, which can't be read"),
        ("127.0.0.1:80", b"GET / HTTP/1.1\r\n", "1 HTTP, perhaps a WebSocket, which is not read"),
        ("127.0.0.1:22", b"SSH-2.0\r\n", "1 not MQTT: it does not begin with a CONNECT"),
    ];
    for (server, bytes, words) in cases {
        let mut talk = Talk::new("127.0.0.1:40000", server);
        let mut packets = talk.open();
        packets.extend([
            talk.client(bytes),
            talk.server(bytes),
            talk.send(0, FIN, b""),
            talk.send(1, FIN, b""),
        ]);
        assert_eq!(brief(&[], &raw(&packets), 0), ["1 → SYN", "1 ← SYN, ACK", words]);
    }
    // On the port of MQTT it is MQTT, however bad.
    let mut packets = talk().open();
    packets.push(Talk { seq: [1001, 5001], ..talk() }.client(b"SSH-2.0\r\n"));
    let lines = brief(&[], &raw(&packets), 1);
    assert!(lines[2].starts_with("1 → PUBREC (9 bytes at 0, MQTT 5.0)"), "{lines:?}");
}

#[test]
fn captures_say_themselves_who_sent_what() {
    let output = run(&["--from", "client", "-"], &raw(&[]));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "inspect: --from is for bytes; a capture says itself who sent them\n"
    );
}
