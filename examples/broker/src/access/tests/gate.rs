//! Who is let in, as who, and with which client identifier.

use sans_mqtt::{Connect, Property, ReasonCode};

use super::{Files, admitted, gate};
use crate::access::{AccessOptions, Admitted, Gate, HashKind, Peer, Verdict, entry};

/// A gate that knows anna by Argon2id and bert by SCRAM; both have the password `pencil`.
fn known(change: impl FnOnce(&mut AccessOptions)) -> Gate {
    let files = Files::new();
    let lines = [("anna", HashKind::Argon2id), ("bert", HashKind::Scram)];
    let lines = lines.map(|(user, kind)| entry(user, "pencil", kind).unwrap()).join("\n");
    gate(|options| {
        options.password_file = Some(files.write("passwords", lines));
        change(options);
    })
    .unwrap()
}

fn connect(gate: &Gate, user_name: Option<&str>, password: Option<&str>) -> Result<Admitted, ReasonCode> {
    let connect =
        Connect { user_name, password: password.map(str::as_bytes), client_id: "c", ..Connect::default() };
    admitted(gate.connect(&connect, &Peer::default()))
}

#[test]
fn everybody() {
    let gate = Gate::default();
    for (user, password) in [(None, None), (Some("anna"), None), (Some("anna"), Some("x")), (None, Some("x"))]
    {
        let admitted = connect(&gate, user, password).unwrap();
        assert_eq!(admitted.who.user, None, "nobody vouches for a name");
        assert!(
            gate.access(&admitted.who, "c").is_unlimited()
                && admitted.client_id.is_none()
                && admitted.until.is_none()
        );
    }
}

#[test]
fn passwords() {
    let gate = known(|_| {});
    for user in ["anna", "bert"] {
        assert_eq!(connect(&gate, Some(user), Some("pencil")).unwrap().who.user.as_deref(), Some(user));
        for wrong in [None, Some(""), Some("pen")] {
            assert_eq!(connect(&gate, Some(user), wrong).err(), Some(ReasonCode::NOT_AUTHORIZED));
        }
    }
    assert_eq!(connect(&gate, Some("carl"), Some("pencil")).err(), Some(ReasonCode::NOT_AUTHORIZED));
    assert_eq!(connect(&gate, None, Some("pencil")).err(), Some(ReasonCode::NOT_AUTHORIZED));
    assert_eq!(connect(&gate, None, None).err(), Some(ReasonCode::NOT_AUTHORIZED));
    let with_guests = known(|options| options.allow_anonymous = Some(true));
    assert_eq!(connect(&with_guests, None, None).unwrap().who.user, None);
    assert!(
        connect(&with_guests, Some("anna"), Some("pen")).is_err(),
        "a wrong password is none the less wrong"
    );
}

/// A hash is computed on another thread, whether the user exists or not.
#[test]
fn later() {
    let gate = known(|_| {});
    for user_name in [Some("anna"), Some("nobody"), None] {
        let connect = Connect { user_name, password: Some(b"pencil"), ..Connect::default() };
        let Verdict::Later(later) = gate.connect(&connect, &Peer::default()) else { panic!("{user_name:?}") };
        let admitted = admitted(std::thread::spawn(later).join().unwrap());
        assert_eq!(admitted.is_ok(), user_name == Some("anna"));
    }
}

#[test]
fn certificates() {
    let gate = gate(|options| options.use_identity_as_username = true).unwrap();
    let peer = Peer { certificate: Some("device".into()), ..Peer::default() };
    let connect = Connect { user_name: Some("admin"), client_id: "c", ..Connect::default() };
    assert_eq!(admitted(gate.connect(&connect, &peer)).unwrap().who.user.as_deref(), Some("device"));
    assert_eq!(admitted(gate.connect(&connect, &Peer::default())).err(), Some(ReasonCode::NOT_AUTHORIZED));
    // Unless it is to count, it does not.
    assert_eq!(admitted(Gate::default().connect(&connect, &peer)).unwrap().who.user, None);
}

#[test]
fn client_identifiers() {
    fn client_id(change: impl FnOnce(&mut AccessOptions), asked: &str) -> Result<Option<String>, ReasonCode> {
        let connect = Connect {
            client_id: asked,
            user_name: Some("anna"),
            password: Some(b"pencil"),
            ..Connect::default()
        };
        admitted(known(change).connect(&connect, &Peer::default())).map(|admitted| admitted.client_id)
    }
    let not_valid = Err(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
    let prefixes = |options: &mut AccessOptions| options.client_id_prefix = vec!["a-".into(), "b-".into()];
    assert_eq!(client_id(prefixes, "b-1"), Ok(None));
    assert_eq!(client_id(prefixes, "c-1"), not_valid);
    assert_eq!(client_id(prefixes, ""), not_valid);
    let short = |options: &mut AccessOptions| options.max_client_id_length = Some(3);
    assert_eq!(client_id(short, "abc"), Ok(None));
    assert_eq!(client_id(short, "abcd"), not_valid);
    assert_eq!(client_id(|options| options.allow_zero_length_client_id = false, ""), not_valid);
    let (one, other) = (client_id(|_| {}, "").unwrap().unwrap(), client_id(|_| {}, "").unwrap().unwrap());
    assert!(one.starts_with("auto-") && one.len() == 41 && one != other);
    let by_user = |options: &mut AccessOptions| options.use_username_as_client_id = true;
    assert_eq!(client_id(by_user, "x"), Ok(Some("anna".into())));
    assert_eq!(client_id(by_user, "anna"), Ok(None));
    let guest = gate(by_user).unwrap();
    assert_eq!(connect(&guest, None, None).err(), Some(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID));
}

#[test]
fn rules() {
    let files = Files::new();
    let acl = files.write("acl", "user anna\ntopic a\npattern write of/%u/%c");
    let gate = known(|options| options.acl_file = Some(acl));
    let access = gate.access(&connect(&gate, Some("anna"), Some("pencil")).unwrap().who, "c");
    assert!(access.may_read("a") && access.may_publish("of/anna/c") && !access.may_read("b"));
    // Who has no client identifier has the rules of the one that was made up.
    let connect = Connect { user_name: Some("bert"), password: Some(b"pencil"), ..Connect::default() };
    let admitted = admitted(gate.connect(&connect, &Peer::default())).unwrap();
    let client_id = admitted.client_id.unwrap();
    let access = gate.access(&admitted.who, &client_id);
    assert!(access.may_publish(&format!("of/bert/{client_id}")) && !access.may_publish("of/bert/"));
}

#[test]
fn mistakes() {
    let files = Files::new();
    let passwords = files.write("passwords", "anna:pencil");
    let says = gate(|options| options.password_file = Some(passwords.clone())).err().unwrap();
    assert!(
        says.starts_with(&format!("{}, line 1: this is no hash of a password", passwords.display())),
        "{says}"
    );
    let acl = files.write("acl", "topic a\n\nuser anna\ntopic #");
    let says = gate(|options| options.acl_file = Some(acl.clone())).err().unwrap();
    assert!(says.starts_with(&format!("{}, line 3: nobody can log in as anna: ", acl.display())), "{says}");
    let says = gate(|options| options.acl_file = Some("nowhere".into())).err().unwrap();
    assert!(says.starts_with("can't read nowhere: "), "{says}");
    let binary = files.write("binary", b"\xFF\xFE");
    let says = gate(|options| options.password_file = Some(binary)).err().unwrap();
    assert!(says.contains("binary: "), "{says}");
}

fn begin(gate: &Gate, method: &str, user_name: Option<&str>, data: Option<&[u8]>) -> Verdict {
    let properties: Vec<_> =
        [Some(Property::AuthenticationMethod(method)), data.map(Property::AuthenticationData)]
            .into_iter()
            .flatten()
            .collect();
    let connect =
        Connect { client_id: "c", user_name, properties: properties[..].into(), ..Connect::default() };
    gate.connect(&connect, &Peer::default())
}

/// Goes on with SCRAM to the end.
fn finish(mut client: scram::Client, verdict: Verdict) -> Result<Admitted, ReasonCode> {
    match verdict {
        Verdict::Continue(challenge, exchange) => {
            let admitted = admitted(exchange(&client.answer(&challenge).unwrap()))?;
            client
                .finish(admitted.data.as_deref().unwrap_or_default())
                .expect("the server knows the password");
            Ok(admitted)
        }
        verdict => admitted(verdict),
    }
}

fn with_scram(gate: &Gate, user: &str, password: &str) -> Result<Admitted, ReasonCode> {
    let (client, first) = scram::Client::new(user, password).unwrap();
    finish(client, begin(gate, "SCRAM-SHA-256", None, Some(&first)))
}

fn again(gate: &Gate, who: &Admitted, user: &str, password: &str) -> Result<Admitted, ReasonCode> {
    let (client, first) = scram::Client::new(user, password).unwrap();
    finish(client, gate.reauthenticate("SCRAM-SHA-256", &first, &who.who))
}

#[test]
fn scram() {
    let files = Files::new();
    let acl = files.write("acl", "user bert\ntopic a");
    let gate = known(|options| options.acl_file = Some(acl));
    let bert = with_scram(&gate, "bert", "pencil").unwrap();
    assert_eq!(bert.who.user.as_deref(), Some("bert"));
    let access = gate.access(&bert.who, "c");
    assert!(access.may_read("a") && !access.may_read("b"));
    for (user, password) in [("bert", "pen"), ("anna", "pencil"), ("nobody", "pencil")] {
        assert_eq!(with_scram(&gate, user, password).err(), Some(ReasonCode::NOT_AUTHORIZED), "{user}");
    }
    let again_as_bert = again(&gate, &bert, "bert", "pencil").unwrap();
    assert!(again_as_bert.who.user == bert.who.user && !gate.access(&again_as_bert.who, "c").is_unlimited());
    assert_eq!(again(&gate, &bert, "bert", "pen").err(), Some(ReasonCode::NOT_AUTHORIZED));
    assert_eq!(again(&gate, &bert, "anna", "pencil").err(), Some(ReasonCode::NOT_AUTHORIZED));
    assert_eq!(again(&gate, &Admitted::default(), "bert", "pencil").err(), Some(ReasonCode::NOT_AUTHORIZED));
}

/// Nothing that may come makes anything but a refusal.
#[test]
fn scram_and_garbage() {
    let gate = known(|_| {});
    let (_, first) = scram::Client::new("bert", "pencil").unwrap();
    let huge = [&b"n,,n=bert,r="[..], &[b'x'; 65_000]].concat();
    for data in
        [None, Some(&b""[..]), Some(b"\xFF"), Some(b"p=x,,n=a,r=b"), Some(&huge), Some(&[b','; 65_535])]
    {
        assert_eq!(
            admitted(begin(&gate, "SCRAM-SHA-256", None, data)).err(),
            Some(ReasonCode::NOT_AUTHORIZED)
        );
    }
    let named = |user_name| begin(&gate, "SCRAM-SHA-256", Some(user_name), Some(&first));
    assert_eq!(admitted(named("anna")).err(), Some(ReasonCode::NOT_AUTHORIZED), "two names");
    assert!(matches!(named("bert"), Verdict::Continue(..)));
    for data in [&b""[..], b"\xFF", b"c=biws,r=x,p=", &huge, &first, b",p=AAAA", &[b'='; 65_535]] {
        let Verdict::Continue(_, exchange) = named("bert") else { panic!() };
        assert_eq!(admitted(exchange(data)).err(), Some(ReasonCode::NOT_AUTHORIZED));
    }
    let other_method = begin(&gate, "SCRAM-SHA-1", None, Some(&first));
    assert_eq!(admitted(other_method).err(), Some(ReasonCode::BAD_AUTHENTICATION_METHOD));
    let nobody_has_keys = begin(&Gate::default(), "SCRAM-SHA-256", None, Some(&first));
    assert_eq!(admitted(nobody_has_keys).err(), Some(ReasonCode::BAD_AUTHENTICATION_METHOD));
}
