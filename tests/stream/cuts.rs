//! The transport breaks while a message is streamed, and the session goes on.

use sans_mqtt::{Cause, Connection, Qos, Role, Session, Version, Wait};

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
