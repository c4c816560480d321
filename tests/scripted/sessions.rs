//! Connections of one session.

use crate::server::{Client, Style};

/// Runs scripts one after the other, with one session, in each style.
fn run_session(connections: &[(u8, bool, &str)]) {
    for style in [Style::Packets, Style::Together, Style::Bytes] {
        let mut client = Client::start();
        for (level, clean, script) in connections {
            client.run(*level, *clean, script, style);
        }
        assert_eq!(client.finish(), "");
    }
}

const PRESENT: &str = "> 20 02 01 00";
const PRESENT_5: &str = "> 20 03 01 00 00";

#[test]
fn a_session_goes_on_until_it_is_lost() {
    let (first, again) = ("000C 'test/publish' 0001 'message'", "< 3A 17 000C 'test/publish' 0001 'message'");
    run_session(&[
        (4, false, &format!("publish1 ok < 32 17 {first} = alive")),
        (4, false, &format!("{PRESENT} {again} = alive")),
        // A new one waits behind what is sent again.
        (
            4,
            false,
            &format!(
                "publish1 {PRESENT} {again} < 32 17 000C 'test/publish' 0002 'message' > 40 02 0001 > 40 02 0002 = alive"
            ),
        ),
        (4, false, &format!("{PRESENT} = alive")),
        (
            4,
            false,
            &format!(
                "publish2 {PRESENT} < 34 17 000C 'test/publish' 0003 'message' > 50 02 0003 < 62 02 0003 = alive"
            ),
        ),
        (4, false, &format!("{PRESENT} < 62 02 0003 > 70 02 0003 = alive")),
        (4, false, &format!("{PRESENT} > 34 05 0001 'a' 0007 < 50 02 0007 = alive")),
        (
            4,
            false,
            &format!("{PRESENT} > 3C 05 0001 'a' 0007 < 50 02 0007 > 62 02 0007 < 70 02 0007 = alive"),
        ),
        // The server has lost its session: 3.1.1 sends what is left, as new or not.
        (4, false, &format!("publish1 {PRESENT} < 32 17 000C 'test/publish' 0004 'message' = alive")),
        (4, true, "publish1 ok < 32 17 000C 'test/publish' 0001 'message' = alive"),
        (4, false, "ok = alive"),
    ]);
    let (first, again) =
        ("000C 'test/publish' 0001 00 'message'", "< 3A 18 000C 'test/publish' 0001 00 'message'");
    run_session(&[
        (5, false, &format!("{PRESENT_5} < E0 01 82 = failed")),
        (5, false, &format!("publish1 ok < 32 18 {first} = alive")),
        (5, false, &format!("{PRESENT_5} {again} = alive")),
        // With a Receive Maximum of 1 the new one waits for the acknowledgement, too.
        (
            5,
            false,
            &format!(
                "publish1 > 20 06 01 00 03 21 0001 {again} > 40 02 0001 < 32 18 000C 'test/publish' 0002 00 'message' = alive"
            ),
        ),
        // It is lost, and so is what belongs to it.
        (5, false, "ok = alive"),
        (
            5,
            false,
            &format!(
                "publish2 {PRESENT_5} < 34 18 000C 'test/publish' 0003 00 'message' > 50 02 0003 < 62 02 0003 = alive"
            ),
        ),
        (5, false, &format!("{PRESENT_5} < 62 02 0003 > 70 03 0003 92 = alive")),
        (5, true, "ok = alive"),
        (5, false, &format!("{PRESENT_5} < E0 01 82 = failed")),
    ]);
    // One session, whatever the version.
    run_session(&[
        (4, false, "publish1 ok < 32 17 000C 'test/publish' 0001 'message' = alive"),
        (5, false, &format!("{PRESENT_5} < 3A 18 000C 'test/publish' 0001 00 'message' = alive")),
        (3, false, "ok < 3A 17 000C 'test/publish' 0001 'message' > 40 02 0001 = alive"),
    ]);
}
