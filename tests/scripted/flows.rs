//! Commands, and the acknowledgements of both sides.

use crate::run;

#[test]
fn every_command_is_one_packet() {
    run(
        &[3, 4],
        &[
            "ok = alive",
            "none ok = alive",
            "publish0 ok < 30 15 000C 'test/publish' 'message' = alive",
            "publish1 ok < 32 17 000C 'test/publish' 0001 'message' = alive",
            "publish2 ok < 34 17 000C 'test/publish' 0001 'message' = alive",
            "subscribe0 ok < 82 13 0001 000E 'test/subscribe' 00 = alive",
            "subscribe1 ok < 82 13 0001 000E 'test/subscribe' 01 = alive",
            "subscribe2 ok < 82 13 0001 000E 'test/subscribe' 02 = alive",
            "subscribe-multiple ok < 82 26 0001 000F 'test/subscribe1' 02 000F 'test/subscribe2' 02 = alive",
            "unsubscribe ok < A2 12 0001 000E 'test/subscribe' = alive",
            "unsubscribe-multiple ok < A2 24 0001 000F 'test/subscribe1' 000F 'test/subscribe2' = alive",
        ],
    );
    run(
        &[5],
        &[
            "ok = alive",
            "publish0 ok < 30 16 000C 'test/publish' 00 'message' = alive",
            "publish1 ok < 32 18 000C 'test/publish' 0001 00 'message' = alive",
            "publish2 ok < 34 18 000C 'test/publish' 0001 00 'message' = alive",
            "subscribe0 ok < 82 14 0001 00 000E 'test/subscribe' 00 = alive",
            "subscribe1 ok < 82 14 0001 00 000E 'test/subscribe' 01 = alive",
            "subscribe2 ok < 82 14 0001 00 000E 'test/subscribe' 02 = alive",
            "subscribe-multiple ok < 82 27 0001 00 000F 'test/subscribe1' 02 000F 'test/subscribe2' 02 = alive",
            "unsubscribe ok < A2 13 0001 00 000E 'test/subscribe' = alive",
            "unsubscribe-multiple ok < A2 25 0001 00 000F 'test/subscribe1' 000F 'test/subscribe2' = alive",
        ],
    );
}

#[test]
fn messages_of_the_client_are_acknowledged_as_they_may_be() {
    let publish1 = "publish1 ok < 32 17 000C 'test/publish' 0001 'message'";
    let publish2 = "publish2 ok < 34 17 000C 'test/publish' 0001 'message'";
    run(
        &[3, 4],
        &[
            &format!("{publish1} > 40 02 0001 = alive"),
            &format!("{publish1} > 40 02 0001 > 40 02 0001 = alive"),
            &format!("{publish1} > 50 02 0001 = failed"),
            &format!("{publish1} > 70 02 0001 = failed"),
            &format!("{publish1} > 40 03 0001 00 = failed"),
            &format!("{publish1} > 40 02 0000 = failed"),
            &format!("{publish1} > 42 02 0001 = failed"),
            &format!("{publish1} > 90 03 0001 00 = failed"),
            &format!("{publish2} > 50 02 0001 < 62 02 0001 > 70 02 0001 = alive"),
            &format!("{publish2} > 50 02 0001 > 50 02 0001 < 62 02 0001 62 02 0001 > 70 02 0001 = alive"),
            &format!("{publish2} > 40 02 0001 = failed"),
            &format!("{publish2} > 70 02 0001 = failed"),
            // For nothing that was sent.
            "ok > 40 02 0001 = alive",
            "ok > 50 02 0001 < 62 02 0001 = alive",
            "ok > 70 02 0001 = alive",
        ],
    );
    let publish1 = "publish1 ok < 32 18 000C 'test/publish' 0001 00 'message'";
    let publish2 = "publish2 ok < 34 18 000C 'test/publish' 0001 00 'message'";
    run(
        &[5],
        &[
            &format!("{publish1} > 40 02 0001 = alive"),
            &format!("{publish1} > 40 03 0001 10 = alive"),
            &format!("{publish1} > 40 08 0001 80 04 1F 0001 'p' = alive"),
            &format!("{publish1} > 40 03 0001 FF < E0 01 82 = failed"),
            &format!("{publish1} > 40 0C 0001 00 08 1F 0001 'p' 1F 0001 'q' < E0 01 82 = failed"),
            &format!("{publish1} > 50 02 0001 < E0 01 82 = failed"),
            &format!("{publish2} > 50 02 0001 < 62 02 0001 > 70 02 0001 = alive"),
            &format!("{publish2} > 50 08 0001 10 04 1F 0001 'p' < 62 02 0001 > 70 02 0001 = alive"),
            &format!("{publish2} > 50 03 0001 87 = alive"),
            &format!("{publish2} > 50 02 0001 < 62 02 0001 > 70 03 0001 92 = alive"),
            &format!("{publish2} > 70 02 0001 < E0 01 82 = failed"),
            &format!("{publish2} > 40 02 0001 < E0 01 82 = failed"),
            "ok > 40 02 0001 = alive",
            "ok > 50 02 0001 < 62 03 0001 92 = alive",
            "ok > 50 03 0001 80 = alive",
            "ok > 70 02 0001 = alive",
        ],
    );
}

#[test]
fn subscriptions_are_answered_as_they_were_asked_for() {
    let one = "subscribe1 ok < 82 13 0001 000E 'test/subscribe' 01";
    let off = "unsubscribe ok < A2 12 0001 000E 'test/subscribe'";
    run(
        &[4],
        &[
            &format!("{one} > 90 03 0001 01 = alive"),
            &format!("{one} > 90 03 0001 80 = alive"),
            &format!("{one} > 90 03 0001 03 = failed"),
            &format!("{one} > 90 04 0001 01 01 = failed"),
            &format!("{one} > 90 03 0002 01 = failed"),
            &format!("{one} > B0 02 0001 = failed"),
            &format!("{off} > B0 02 0001 = alive"),
            &format!("{off} > B0 03 0001 00 = failed"),
            "ok > 90 03 0001 00 = failed",
            "ok > B0 02 0001 = failed",
        ],
    );
    let one = "subscribe1 ok < 82 14 0001 00 000E 'test/subscribe' 01";
    let off = "unsubscribe ok < A2 13 0001 00 000E 'test/subscribe'";
    run(
        &[5],
        &[
            &format!("{one} > 90 04 0001 00 01 = alive"),
            &format!("{one} > 90 08 0001 04 1F 0001 'p' 87 = alive"),
            &format!("{one} > 90 04 0001 00 03 < E0 01 82 = failed"),
            &format!("{one} > 90 05 0001 00 01 01 < E0 01 82 = failed"),
            &format!("{one} > B0 04 0001 00 00 < E0 01 82 = failed"),
            &format!("{off} > B0 04 0001 00 11 = alive"),
            &format!("{off} > B0 03 0001 00 < E0 01 82 = failed"),
            "ok > 90 04 0001 00 00 < E0 01 82 = failed",
            "ok > B0 04 0001 00 00 < E0 01 82 = failed",
        ],
    );
}

#[test]
fn messages_of_the_server_are_acknowledged() {
    run(
        &[3, 4],
        &[
            "ok > 30 04 0001 'a' 'x' = alive",
            "ok > 32 06 0001 'a' 0007 'x' < 40 02 0007 = alive",
            "ok > 34 06 0001 'a' 0007 'x' < 50 02 0007 > 62 02 0007 < 70 02 0007 = alive",
            "ok > 34 06 0001 'a' 0007 'x' < 50 02 0007 > 3C 06 0001 'a' 0007 'x' < 50 02 0007 > 62 02 0007 < 70 02 0007 = alive",
            "ok > 62 02 0007 < 70 02 0007 = alive",
            "ok > 32 05 0001 'a' 0001 > 34 05 0001 'b' 0002 > 32 05 0001 'c' 0003 < 40 02 0001 50 02 0002 40 02 0003 = alive",
        ],
    );
    let many: String = (1..=20).map(|id| format!("> 34 06 0001 'a' {id:04X} 00 < 50 02 {id:04X} ")).collect();
    run(
        &[5],
        &[
            "ok > 30 05 0001 'a' 00 'x' = alive",
            "ok > 32 07 0001 'a' 0007 00 'x' < 40 02 0007 = alive",
            "ok > 34 07 0001 'a' 0007 00 'x' < 50 02 0007 > 62 02 0007 < 70 02 0007 = alive",
            "ok > 34 07 0001 'a' 0007 00 'x' < 50 02 0007 > 3C 07 0001 'a' 0007 00 'x' < 50 02 0007 > 62 02 0007 < 70 02 0007 = alive",
            "ok > 62 02 0007 < 70 03 0007 92 = alive",
            "ok > 62 03 0007 92 < 70 03 0007 92 = alive",
            "ok > 62 03 0007 80 < E0 01 82 = failed",
            &format!("ok {many} > 62 02 0001 < 70 02 0001 = alive"),
            &format!("ok {many} > 34 06 0001 'a' 0015 00 < E0 01 93 = failed"),
            &format!("ok {many} > 32 06 0001 'a' 0015 00 < E0 01 93 = failed"),
        ],
    );
}
