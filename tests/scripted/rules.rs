//! What a server may not send, and what is said of it.

use crate::run;

/// Packets that end the connection, before 5.0 and in it; and the reason code that is said then in 5.0.
fn run_failing(packets: &[(&str, &str, &str)]) {
    let before: Vec<_> = packets.iter().map(|(before, ..)| format!("ok > {before} = failed")).collect();
    run(&[3, 4], &before.iter().map(String::as_str).collect::<Vec<_>>());
    let now = packets.iter().map(|(_, now, reason)| format!("ok > {now} < E0 01 {reason} = failed"));
    run(&[5], &now.collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn messages_that_break_a_rule_end_the_connection() {
    run_failing(&[
        ("30 03 0001 '+'", "30 04 0001 '+' 00", "82"),
        ("30 05 0003 'a/#'", "30 06 0003 'a/#' 00", "82"),
        ("30 04 0002 C080", "30 05 0002 C080 00", "81"),
        ("30 05 0003 EDA080", "30 06 0003 EDA080 00", "81"),
        ("30 03 0001 00", "30 04 0001 00 00", "81"),
        ("30 03 0002 'a'", "30 03 0002 'a'", "81"),
        ("30 02 0000", "30 03 0000 00", "82"),
        ("36 06 0001 'a' 0001 'x'", "36 07 0001 'a' 0001 00 'x'", "81"),
        ("38 04 0001 'a' 'x'", "38 05 0001 'a' 00 'x'", "82"),
        ("32 05 0001 'a' 0000", "32 06 0001 'a' 0000 00", "82"),
        ("32 03 0001 'a'", "32 03 0001 'a'", "81"),
    ]);
}

#[test]
fn packets_that_have_no_place_end_the_connection() {
    run_failing(&[
        ("20 02 00 00", "20 03 00 00 00", "82"),
        ("C0 00", "C0 00", "82"),
        ("E0 00", "E0 01 04", "82"),
        ("F0 00", "F0 00", "82"),
        ("00 00", "00 00", "81"),
        ("82 06 0001 0001 'a' 00", "82 07 0001 00 0001 'a' 00", "82"),
        ("A2 05 0001 0001 'a'", "A2 06 0001 00 0001 'a'", "82"),
        ("10 0D 0004 'MQTT' 04 02 003C 0001 'a'", "10 0E 0004 'MQTT' 05 02 003C 00 0001 'a'", "82"),
        ("D1 00", "D1 00", "81"),
        ("D0 01 00", "D0 01 00", "81"),
        ("30 FF FF FF FF 01", "30 FF FF FF FF 01", "81"),
        ("60 02 0001", "60 02 0001", "81"),
        ("62 02 0000", "62 02 0000", "82"),
    ]);
}

#[test]
fn properties_are_those_of_their_packets() {
    run(
        &[5],
        &[
            // Topic Alias, of which there are none; Response Topic; something unknown; twice; a length that goes too far.
            "ok > 30 07 0001 'a' 03 23 0001 < E0 01 94 = failed",
            "ok > 30 07 0001 'a' 03 23 0000 < E0 01 94 = failed",
            "ok > 30 0A 0000 03 23 0001 'abcd' < E0 01 94 = failed",
            "ok > 30 08 0001 'a' 04 08 0001 '+' < E0 01 82 = failed",
            "ok > 30 06 0001 'a' 02 7F 00 < E0 01 81 = failed",
            "ok > 30 08 0001 'a' 04 01 00 01 00 < E0 01 82 = failed",
            "ok > 30 05 0001 'a' 05 01 < E0 01 81 = failed",
            "ok > 30 09 0001 'a' 05 11 00000001 < E0 01 81 = failed",
            "ok > 30 06 0001 'a' 02 01 02 < E0 01 82 = failed",
            "ok > 30 06 0001 'a' 02 0B 00 < E0 01 82 = failed",
            "ok > 30 1A 0001 'a' 15 01 01 02 0000003C 08 0001 'r' 09 0001 00 26 0001 'k' 0000 'x' = alive",
            "ok > E0 00 = disconnected",
            "ok > E0 02 8B 00 = disconnected",
            "ok > E0 06 8B 04 1F 0001 'p' = disconnected",
            "ok > E0 01 01 < E0 01 82 = failed",
            "ok > D0 00 = alive",
        ],
    );
}

#[test]
fn a_connack_is_read_with_care() {
    run(
        &[4],
        &[
            "> 20 02 00 05 = refused",
            "> 20 02 00 06 = failed",
            "> 20 02 01 00 = failed",
            "> 20 02 02 00 = failed",
            "> 20 02 01 05 = failed",
            "> 20 03 00 00 00 = failed",
            "> 21 02 00 00 = failed",
            "> 30 03 0001 'a' = failed",
            "> D0 00 = failed",
            "publish1 > 40 02 0001 = failed",
        ],
    );
    run(
        &[5],
        &[
            "> 20 03 00 87 00 = refused",
            "> 20 09 00 9C 06 1C 0003 'b:1' = refused",
            // The session that it tells of was to be forgotten.
            "> 20 03 01 00 00 < E0 01 82 = failed",
            "> 20 03 01 87 00 < E0 01 82 = failed",
            "> 20 03 02 00 00 < E0 01 81 = failed",
            "> 20 03 00 01 00 < E0 01 82 = failed",
            "> 20 02 00 00 < E0 01 81 = failed",
            "> 20 06 00 00 03 21 0000 < E0 01 82 = failed",
            "> 20 05 00 00 02 24 02 < E0 01 82 = failed",
            "> 20 09 00 00 06 21 000A 21 000A < E0 01 82 = failed",
            "> 20 05 00 00 02 01 00 < E0 01 81 = failed",
            "> 20 07 00 00 04 15 0001 'p' < E0 01 82 = failed",
            "> 30 04 0001 'a' 00 < E0 01 82 = failed",
            "> F0 06 18 04 15 0001 'p' < E0 01 82 = failed",
            "> 20 11 00 00 0E 12 0001 'p' 13 003C 1A 0001 'p' 22 0005 = alive",
        ],
    );
}
