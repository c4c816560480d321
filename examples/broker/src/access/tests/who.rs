//! Whether those who are in would still come in by other files, and what they may do.

use super::{Files, admitted, gate};
use crate::access::{Gate, HashKind, Peer, Who, entry};
use sans_mqtt::Connect;

fn log_in(gate: &Gate, user_name: Option<&str>, password: Option<&str>) -> Who {
    let password = password.map(str::as_bytes);
    let connect = Connect { client_id: "c", user_name, password, ..Connect::default() };
    admitted(gate.connect(&connect, &Peer::default())).unwrap().who
}

#[test]
fn passwords() {
    let files = Files::new();
    let line = |user, password| entry(user, password, HashKind::Scram).unwrap() + "\n";
    let (anna, bert) = (line("anna", "a"), line("bert", "b"));
    let with = |lines: &[&str]| {
        let file = files.write("passwords", lines.concat());
        gate(|options| options.password_file = Some(file)).unwrap()
    };
    let before = with(&[&anna, &bert]);
    let who = log_in(&before, Some("anna"), Some("a"));
    for (lines, is_admitted, may) in [
        (&[&*anna, &bert][..], true, true),
        (&[&line("anna", "a"), &anna], true, true),
        (&[&line("anna", "new"), &bert], false, true),
        (&[&anna.replace("anna", "carl"), &bert], false, false),
    ] {
        let after = with(lines);
        assert_eq!(
            (after.admits(&who), after.access(&who, "c").may_read("x")),
            (is_admitted, may),
            "{lines:?}"
        );
    }
    let of_earlier = Who::of_earlier(Some("anna".into()));
    assert!(!before.admits(&of_earlier) && before.access(&of_earlier, "c").may_read("x"));
    assert!(!with(&[&bert]).access(&of_earlier, "c").may_read("x"));
}

#[test]
fn nobody_and_certificates() {
    let guest = log_in(&Gate::default(), None, None);
    let closed = gate(|options| options.allow_anonymous = Some(false)).unwrap();
    assert!(Gate::default().admits(&guest) && Gate::default().access(&guest, "c").is_unlimited());
    assert!(!closed.admits(&guest) && !closed.access(&guest, "c").may_read("x"));
    let by_certificate = gate(|options| options.use_identity_as_username = true).unwrap();
    let peer = Peer { certificate: Some("device".into()), ..Peer::default() };
    let connect = Connect { client_id: "c", ..Connect::default() };
    let device = admitted(by_certificate.connect(&connect, &peer)).unwrap().who;
    assert!(by_certificate.admits(&device) && by_certificate.access(&device, "c").is_unlimited());
    assert!(!Gate::default().admits(&device) && !Gate::default().access(&device, "c").may_read("x"));
}
