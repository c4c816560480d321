//! The example `inspect`, run as a person or a program runs it.

#[path = "common/program.rs"]
mod program;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use sans_mqtt::log::Recorder;
use sans_mqtt::{
    Config, Connect, Event, Heap, Instant, Message, Properties, Qos, Session, Step, Version, Wait,
};
use serde_json::{Value, json};

/// The program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| program::example("inspect"))
}

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program())
        .args(args)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Who does not read standard input may close it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

/// The output of a run that ends with this exit code and without a complaint.
fn shown(args: &[&str], input: impl AsRef<[u8]>, code: i32) -> String {
    let output = run(args, input.as_ref());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same as JSON: one object for each line, with all its keys.
fn json(args: &[&str], input: impl AsRef<[u8]>, code: i32) -> Vec<Value> {
    const KEYS: [&str; 11] = [
        "bytes",
        "connection",
        "error",
        "fields",
        "from",
        "length",
        "missing",
        "offset",
        "type",
        "verdict",
        "version",
    ];
    let lines = shown(&[&["--json"], args].concat(), input, code);
    let parse = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS, "{line}");
        object
    };
    lines.lines().map(parse).collect()
}

fn recorded(version: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/recorded");
    std::fs::read_to_string(folder.join(format!("v{version}.txt"))).unwrap()
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    let mut rest = text.lines().map(str::trim);
    for line in lines {
        assert!(
            rest.any(|candidate| candidate == line.trim()),
            "{line:?} is missing, or not in order, in\n{text}"
        );
    }
}

#[test]
fn without_arguments_a_conversation_of_each_version_is_shown() {
    let text = shown(&[], "", 0);
    for version in ["MQTT 3.1)", "MQTT 3.1.1)", "MQTT 5.0)"] {
        assert_eq!(text.matches(version).count(), 2, "a headline and a protocol level: {version}");
    }
    assert!(text.contains("Verdicts: 18 accept\n") && text.contains("examples/recorded/v5.0.txt"));
    assert_eq!(json(&[], "", 0).len(), 18);
}

#[test]
fn fields_are_shown_with_their_places_bytes_names_and_values() {
    let text = shown(&["--version", "5.0", "330b0003612f6200070321000a"], "", 1);
    assert_lines(&text, &["PUBLISH \"a/b\", QoS 1, RETAIN, id 7 (13 bytes at 0, MQTT 5.0)  BAD"]);
    let text = shown(&["33 0c 00 03 61 2f 62 00 07 03 23 00 0a 78"], "", 0);
    assert_lines(
        &text,
        &[
            "PUBLISH \"a/b\", QoS 1, RETAIN, id 7, alias 10, payload 1 byte: \"x\" (14 bytes at 0, MQTT 5.0)",
            "0       33  0011 ....             packet type                 PUBLISH",
            ".... 0...                 DUP                         no",
            ".... .01.                 QoS                         1 (at least once)",
            ".... ...1                 RETAIN                      yes",
            "1       0c                        remaining length            12 bytes",
            "2-6     00 03 61 2f 62            topic name                  \"a/b\"",
            "7-8     00 07                     packet identifier           7",
            "9       03                        property length             3 bytes",
            "10-12   23 00 0a                    Topic Alias               10",
            "13      78                        payload                     1 byte: \"x\"",
        ],
    );
}

#[test]
fn flags_are_spelt_out_bit_by_bit() {
    let text = shown(&["10 15 00 04 4d 51 54 54 04 ec 00 3c 00 00 00 01 77 00 00 00 00 00 00"], "", 0);
    assert_lines(
        &text,
        &[
            "9       ec                        connect flags               0xec",
            "1... ....                   user name                 yes",
            ".1.. ....                   password                  yes",
            "..1. ....                   will retain               yes",
            "...0 1...                   will QoS                  1 (at least once)",
            ".... .1..                   will                      yes",
            ".... ..0.                   clean session             no",
            ".... ...0                   reserved                  0",
        ],
    );
    let text = shown(&["82 07 00 01 00 00 01 61 2e"], "", 0);
    assert_lines(
        &text,
        &[
            "00.. ....                   reserved                  0",
            "..10 ....                   retain handling           2 (send none)",
            ".... 1...                   retain as published       yes",
            ".... .1..                   no local                  yes",
            ".... ..10                   maximum QoS               2 (exactly once)",
        ],
    );
    assert_lines(
        &shown(&["20 03 01 00 00"], "", 0),
        &[".... ...1                   session present           yes"],
    );
}

#[test]
fn hex_may_be_written_in_many_ways() {
    let expected = shown(&["30 06 00 03 61 2f 62 00 c0 00"], "", 0);
    for args in [&["3006 0003 612F62 00 C000"][..], &["0x30,0x06,0x00", "03:61:2f:62", "00", "0xC000"]] {
        assert_eq!(shown(args, "", 0), expected, "{args:?}");
    }
    assert_eq!(shown(&["-"], "30 06 00 03\n61 2f 62 00\n\nc0 00\n", 0), expected);
    assert_eq!(shown(&["-"], b"\x30\x06\0\x03a/b\0\xC0\0", 0), expected);
}

#[test]
fn files_are_told_apart_by_what_is_in_them() {
    let file = std::env::temp_dir().join(format!("inspect-{}", std::process::id()));
    let path = file.to_str().unwrap();
    for content in [&b"\xC0\0\xD0\0"[..], b"c0 00 d0 00\n", b"# two\n\n> c0 00\r\n< d0 00\r\n"] {
        std::fs::write(&file, content).unwrap();
        let types: Vec<Value> =
            json(&[path], "", 0).into_iter().map(|packet| packet["type"].clone()).collect();
        assert_eq!(types, ["PINGREQ", "PINGRESP"]);
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_bad_packet_is_explained_and_the_next_one_is_shown() {
    let text = shown(&["--version", "3.1.1", "32 05 00 01 61 00 00 c0 00"], "", 1);
    assert_lines(
        &text,
        &[
            "PUBLISH \"a\", QoS 1, id 0 (7 bytes at 0, MQTT 3.1.1)  BAD",
            "5-6     00 00                     packet identifier           0",
            "error   PUBLISH packet identifier: a packet identifier is not zero [MQTT-2.3.1-1]",
            "where   packet identifier, byte 5 (0x00)",
            "rules   MQTT-2.3.1-1",
            "fault   the sender's",
            "answer  none: close the connection",
            "PINGREQ (2 bytes at 7)",
            "Verdicts: 1 accept, 1 reject",
        ],
    );
    let lines: Vec<&str> = text.lines().collect();
    let caret = lines.iter().position(|line| line.trim() == "^^").unwrap();
    let bytes = lines[caret - 1];
    let column = lines[caret].find('^').unwrap();
    assert_eq!((&bytes[column - 9..column], &bytes[column..]), ("00 01 61 ", "00 00"));

    let text = shown(&["--from", "server", "e0 01 04"], "", 1);
    assert_lines(
        &text,
        &[
            "fault   the server's",
            "answer  DISCONNECT Protocol Error (0x82): e0 01 82, then close the connection",
        ],
    );
    assert!(
        shown(&["--from", "client", "e0 01 04"], "", 0)
            .starts_with("→ DISCONNECT Disconnect with Will Message")
    );
}

#[test]
fn the_caret_finds_its_byte_in_long_packets_and_behind_their_end() {
    // A topic of 40 bytes of which the last one is a wildcard; and no topic at all.
    let wildcard = format!("30 2b 00 28 {}23 00", "61 ".repeat(39));
    for (packet, offset, line) in
        [(wildcard.as_str(), 43, "32 61 61 61 61 61 61 61 61 61 61 61 23 00"), ("30 00", 2, "0 30 00")]
    {
        let text = shown(&[packet], "", 1);
        let lines: Vec<&str> = text.lines().collect();
        let caret = lines.iter().position(|line| line.trim() == "^^").unwrap();
        assert_eq!(lines[caret - 1].trim(), line);
        assert_eq!(lines[caret].find('^'), Some(10 + offset % 16 * 3), "{text}");
        assert_eq!(text.contains("       0 30"), offset < 32, "far bytes are left out\n{text}");
    }
}

#[test]
fn where_the_next_packet_begins_is_sometimes_not_known() {
    let packets = json(&["c0 00 30 ff ff ff ff 7f c0 00"], "", 1);
    assert_eq!(packets.len(), 2);
    assert_eq!((&packets[1]["offset"], &packets[1]["length"]), (&json!(2), &json!(8)));
    assert_eq!(packets[1]["error"]["kind"], "length-too-long");
    let [packet] = &json(&["--version", "3.1.1", "00 00"], "", 1)[..] else { panic!("one packet") };
    assert_eq!((&packet["type"], &packet["error"]["rules"]), (&Value::Null, &json!(["3.1.1 §2.2.1"])));
    assert!(shown(&["00 00"], "", 1).contains("the rest is not read"));
}

#[test]
fn an_incomplete_packet_says_what_is_missing() {
    for (hex, missing, words) in [
        ("c0 00 30 07 00", 6, "PUBLISH (3 bytes at 2)  6 bytes MISSING"),
        ("c0 00 30 01", 1, "PUBLISH (2 bytes at 2)  1 byte MISSING"),
        ("c0 00 30 80", 1, "PUBLISH (2 bytes at 2)  1 byte OR MORE MISSING"),
        ("c0 00 30", 1, "PUBLISH (1 byte at 2)  1 byte OR MORE MISSING"),
    ] {
        let packets = json(&[hex], "", 1);
        let incomplete = &packets[1];
        assert_eq!(
            (&incomplete["verdict"], &incomplete["missing"]),
            (&json!("incomplete"), &json!(missing)),
            "{hex}"
        );
        assert_lines(&shown(&[hex], "", 1), &[words, "Verdicts: 1 accept, 1 incomplete"]);
    }
}

#[test]
fn a_connect_tells_the_version_and_unknown_ones_are_named() {
    // The same PUBLISH is whole in 3.1.1 and lacks its property length in 5.0.
    let stream = |connect: &str| format!("{connect} 30 03 00 01 61");
    let old = json(&["--version", "5.0", &stream("10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61")], "", 0);
    assert_eq!((&old[0]["version"], &old[1]["version"]), (&json!("3.1.1"), &json!("3.1.1")));
    let new = json(&["--version=3.1.1", &stream("10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61")], "", 1);
    assert_eq!(
        (&new[0]["verdict"], &new[1]["error"]["field"]),
        (&json!("accept"), &json!("property length"))
    );

    let future = "10 0d 00 04 4d 51 54 54 06 02 00 3c 00 01 61";
    assert_lines(
        &shown(&[future], "", 1),
        &[
            "CONNECT (15 bytes at 0, of no known version)  BAD",
            "8       06                        protocol level              6 (no known version)",
            "where   protocol level, byte 8 (0x06)",
            "level   6; known are 3 (3.1), 4 (3.1.1), 5 (5.0)",
            "answer  CONNACK Unsupported Protocol Version (0x84): 20 03 00 84 00, then close the connection",
        ],
    );
    let [packet] = &json(&["--version", "3.1.1", future], "", 1)[..] else { panic!("one packet") };
    assert_eq!(packet["version"], Value::Null);
    assert_eq!(packet["error"]["answer"], json!({"bytes": "20020001", "packet": "CONNACK"}));
}

#[test]
fn each_side_is_a_stream_and_packets_come_in_the_order_of_their_ends() {
    let text = "= one\n# note\n> 30 06 00 03\n< 40 02 00 01 d0\n> 61 2f 62 78 c0 00 c0\n< 00\n> 00\n= two\n> 10 0e 00 04\n> 4d 51 54 54 05 02 00 3c 00 00 01 61\n< 20 03 00 00 00\n";
    let packets = json(&["--version", "3.1.1", "-"], text, 0);
    let seen: Vec<String> = packets
        .iter()
        .map(|p| {
            format!("{} {} {} {} {}", p["connection"], p["from"], p["type"], p["offset"], p["version"])
                .replace('"', "")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "one server PUBACK 0 3.1.1",
            "one client PUBLISH 0 3.1.1",
            "one client PINGREQ 8 3.1.1",
            "one server PINGRESP 4 3.1.1",
            "one client PINGREQ 10 3.1.1",
            "two client CONNECT 0 5.0",
            "two server CONNACK 0 5.0",
        ]
    );
    let text = shown(&["--version", "3.1.1", "-"], text, 0);
    assert_lines(
        &text,
        &[
            "== one (→ from the client, ← from the server)",
            "note",
            "← PUBACK id 1 (4 bytes at 0, MQTT 3.1.1)",
            "== two (→ from the client, ← from the server)",
        ],
    );
}

#[test]
fn json_has_every_field_with_its_value() {
    let publish = "3d 1c 00 01 74 00 07 13 01 01 09 00 02 ab cd 26 00 01 6b 00 03 c3 a4 22 23 00 03 ff 00 68";
    let [packet] = &json(&[publish], "", 0)[..] else { panic!("one packet") };
    let fields = packet["fields"].as_array().unwrap().iter();
    let fields: Value =
        fields.map(|f| json!([f["start"], f["end"], f["name"], f["type"], f["value"]])).collect();
    let expected = json!([
        [0, 1, "packet type", "packet type", "PUBLISH"],
        [0, 1, "DUP", "bit", true],
        [0, 1, "QoS", "number", 2],
        [0, 1, "RETAIN", "bit", true],
        [1, 2, "remaining length", "number", 28],
        [2, 5, "topic name", "text", "t"],
        [5, 7, "packet identifier", "number", 7],
        [7, 8, "property length", "number", 19],
        [8, 9, "property identifier", "number", 1],
        [9, 10, "Payload Format Indicator", "number", 1],
        [10, 11, "property identifier", "number", 9],
        [11, 15, "Correlation Data", "binary", "abcd"],
        [15, 16, "property identifier", "number", 38],
        [16, 24, "User Property", "pair", ["k", "ä\""]],
        [24, 25, "property identifier", "number", 35],
        [25, 27, "Topic Alias", "number", 3],
        [27, 30, "payload", "binary", "ff0068"],
    ]);
    assert_eq!(fields, expected);
}

#[test]
fn json_explains_codes_flags_and_errors() {
    let [refused] = &json(&["--version", "3.1.1", "20 02 00 05"], "", 0)[..] else { panic!("one packet") };
    let session_present = json!([{"mask": 254, "name": "reserved", "value": 0}, {"mask": 1, "name": "session present", "value": 0}]);
    assert_eq!(refused["fields"][3]["bits"], session_present);
    assert_eq!(
        (&refused["fields"][4]["value"], &refused["fields"][4]["meaning"]),
        (&json!(5), &json!("Not authorized"))
    );
    let [bad] = &json(&["--from", "server", "d0 01 00"], "", 1)[..] else { panic!("one packet") };
    let error = json!({
        "answer": {"bytes": "e00181", "packet": "DISCONNECT"},
        "field": "packet",
        "kind": "trailing",
        "meaning": "Malformed Packet",
        "message": "PINGRESP packet: bytes behind the last field [5.0 §3.13.1]",
        "offset": 2,
        "reason": 0x81,
        "rules": ["5.0 §3.13.1", "5.0 §1.2"],
    });
    assert_eq!(bad["error"], error);
}

#[test]
fn the_packets_of_the_recordings_are_all_their_bytes() {
    for version in ["3.1", "3.1.1", "5.0"] {
        let text = recorded(version);
        let packets = json(&["-"], &text, 0);
        let sent = |mark: char| -> String {
            let lines = text.lines().filter_map(|line| line.strip_prefix(mark));
            lines.flat_map(|line| line.chars().filter(char::is_ascii_hexdigit)).collect()
        };
        for (mark, from) in [('>', "client"), ('<', "server")] {
            let found = packets.iter().filter(|packet| packet["from"] == from);
            assert_eq!(found.map(|packet| packet["bytes"].as_str().unwrap()).collect::<String>(), sent(mark));
        }
        for packet in &packets {
            assert_eq!(packet["version"], version);
            let mut end = 0;
            for field in packet["fields"].as_array().unwrap() {
                let start = field["start"].as_u64().unwrap();
                assert!(start == end || start == 0, "a gap before {field} of {packet}");
                end = field["end"].as_u64().unwrap();
            }
            assert_eq!(end, packet["length"], "{packet}");
        }
        assert!(shown(&["-"], &text, 0).contains(&format!("Verdicts: {} accept\n", packets.len())));
    }
}

#[test]
fn no_bytes_are_too_strange() {
    let recorded = ["3.1", "3.1.1", "5.0"].map(recorded).concat();
    let mut state = 1_u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    // Every line becomes a connection of its own, with some of its digits changed.
    let mut text = String::new();
    for line in recorded.lines().filter(|line| line.starts_with(['>', '<'])) {
        let mut digits: Vec<u8> = line[1..].bytes().filter(u8::is_ascii_hexdigit).collect();
        for _ in 0..=random(4) {
            let at = random(digits.len());
            digits[at] = b"0123456789abcdef"[random(16)];
        }
        text += &format!("= {}\n{} {}\n", line.len(), &line[..1], String::from_utf8(digits).unwrap());
    }
    for version in ["3.1", "3.1.1", "5.0"] {
        let packets = json(&["--version", version, "-"], &text, 1);
        for verdict in ["accept", "reject", "incomplete"] {
            assert!(packets.iter().any(|packet| packet["verdict"] == verdict), "{verdict}");
        }
        for packet in packets.iter().filter(|packet| packet["verdict"] == "reject") {
            let error = &packet["error"];
            assert!(error["offset"].as_u64() <= packet["length"].as_u64(), "{packet}");
            assert!(!error["rules"].as_array().unwrap().is_empty(), "{packet}");
        }
        assert_eq!(
            shown(&["--version", version, "-"], &text, 1).matches("  rules   ").count(),
            packets.iter().filter(|packet| packet["verdict"] == "reject").count()
        );
    }
}

#[test]
fn bad_arguments_are_explained() {
    for (args, input, complaint) in [
        (&["zz"][..], "", "inspect: \"zz\" is not hex, and there is no such file\n"),
        (
            &["30", "0"],
            "",
            "inspect: \"0\" has an odd number of hex digits; if it is a file, name no other\n",
        ),
        (&["--bogus"], "", "inspect: there is no option --bogus; --help lists them\n"),
        (&["--version", "4", "c000"], "", "inspect: --version is 3.1 or 3.1.1 or 5.0, not \"4\"\n"),
        (&["--from"], "", "inspect: --from needs a value: client or server\n"),
        (&[""], "", "inspect: there are no bytes to inspect\n"),
        (&["-"], "", "inspect: there are no bytes to inspect\n"),
        (&["-"], "= a\n> 30 x\n", "inspect: line 2: \"x\" is not hex\n"),
        (&["-"], "= a\n> 30\n\n! 30\n", "inspect: line 4 begins with none of = > < #\n"),
        (
            &["-", "--from", "client"],
            "> c000",
            "inspect: --from is for bytes; recorded text says itself who sent them\n",
        ),
        (
            &["-", "--from", "client"],
            "MQL\x01",
            "inspect: --from is for bytes; a log says itself who sent them\n",
        ),
    ] {
        let output = run(args, input.as_bytes());
        assert_eq!(String::from_utf8_lossy(&output.stderr), complaint, "{args:?}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
    }
}

#[test]
fn help_names_every_option() {
    let help = shown(&["--help"], "", 0);
    assert!(["--version", "--from", "--json", "--help"].iter().all(|option| help.contains(option)), "{help}");
}

#[test]
fn nobody_has_to_read_it_all() {
    for args in [&["-"][..], &["--json", "-"]] {
        let mut child = Command::new(program())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More than a pipe holds.
        child.stdin.take().unwrap().write_all(&b"\xC0\0".repeat(10_000)).unwrap();
        let mut begin = [0; 7];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut begin).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{args:?}");
    }
}

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
