//! The example `scripted_client` against a server that follows scripts, over loopback.

mod flows;
#[path = "../common/program.rs"]
mod program;
mod rules;
mod server;
mod sessions;

use std::net::TcpListener;
use std::thread;

use server::{Client, Style};

/// Runs each script in each version and each style.
fn run(levels: &[u8], scripts: &[&str]) {
    for level in levels {
        let mut client = Client::start();
        for script in scripts {
            for style in [Style::Packets, Style::Together, Style::Bytes] {
                client.run(*level, true, script, style);
            }
        }
        assert_eq!(client.finish(), "");
    }
}

#[test]
fn what_the_server_does_not_take_is_not_sent() {
    let mut client = Client::start();
    for script in [
        "publish2 > 20 05 00 00 02 24 01 = alive",
        "publish1 > 20 05 00 00 02 24 00 = alive",
        "publish1 > 20 08 00 00 05 27 00000019 = alive",
        "publish1 > 20 08 00 00 05 27 0000001A < 32 18 000C 'test/publish' 0001 00 'message' = alive",
    ] {
        client.run(5, true, script, Style::Packets);
    }
    assert_eq!(
        client.finish(),
        "line 1: not sent: beyond what the server supports: Maximum QoS\n\
         line 2: not sent: beyond what the server supports: Maximum QoS\n\
         line 3: not sent: a packet of 26 bytes, and the peer's maximum is 25\n"
    );
}

#[test]
fn the_keep_alive_is_that_of_the_server() {
    run(&[5], &["> 20 06 00 00 03 13 0001 < C0 00 > D0 00 = alive"]);
}

#[test]
fn lines_that_are_none_are_skipped() {
    let mut client = Client::start();
    for line in [
        "",
        "1883",
        "65536 5 1",
        "1883 6 1",
        "1883 5 2",
        "1883 5 1 publish3",
        "1883 5 1 publish0 x",
        "\u{FFFD}",
    ] {
        client.line(line);
    }
    // Nothing listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    client.line(&format!("{port} 5 1"));
    let report = client.report();
    assert!(report.starts_with("unreachable: "), "{report}");
    client.run(5, true, "ok = alive", Style::Packets);
    assert_eq!(
        client.finish(),
        "line 1: \"\" is not PORT VERSION CLEAN [COMMAND]\n\
         line 2: \"1883\" is not PORT VERSION CLEAN [COMMAND]\n\
         line 3: \"65536\" is no port\n\
         line 4: VERSION is 3, 4 or 5, not \"6\"\n\
         line 5: CLEAN is 0 or 1, not \"2\"\n\
         line 6: there is no command \"publish3\"\n\
         line 7: \"1883 5 1 publish0 x\" is not PORT VERSION CLEAN [COMMAND]\n\
         line 8: \"\u{FFFD}\" is not PORT VERSION CLEAN [COMMAND]\n"
    );
}

#[test]
fn a_silent_server_is_left() {
    // It accepts, and says nothing; or nothing any more.
    thread::scope(|scope| {
        let pings = format!("> 20 06 00 00 03 13 0001 < {} = timeout", "C000".repeat(10));
        for script in ["= timeout".into(), pings] {
            scope.spawn(move || Client::start().run(5, true, &script, Style::Packets));
        }
    });
}

#[test]
fn nobody_has_to_read_the_reports() {
    let mut client = Client::start();
    // More than the pipes hold.
    for _ in 0..3000 {
        client.line(&"x".repeat(100));
    }
    client.run(5, true, "ok = alive", Style::Packets);
    assert_eq!(client.finish().lines().count(), 3000);
}
