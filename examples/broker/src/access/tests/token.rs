//! Tokens that are in order, and all kinds of others.

use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use sans_mqtt::{Connect, ReasonCode};
use serde_json::{Value, json};

use super::{Files, admitted, gate};
use crate::access::{AccessOptions, Admitted, Gate, Peer};

const SECRET: &str = "a secret of at least 32 bytes, for HS256";

const KEYS: [(Algorithm, &str, &str); 3] = [
    (Algorithm::RS256, include_str!("keys/rsa.pem"), include_str!("keys/rsa.pub.pem")),
    (Algorithm::ES256, include_str!("keys/ec.pem"), include_str!("keys/ec.pub.pem")),
    (Algorithm::EdDSA, include_str!("keys/ed.pem"), include_str!("keys/ed.pub.pem")),
];

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A token that is in order but for `change`.
fn claims(change: Value) -> Value {
    let mut claims = json!({ "sub": "anna", "exp": now() + 60 });
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn token(change: Value) -> String {
    encode(&Header::default(), &claims(change), &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

fn secret_gate(change: impl FnOnce(&mut AccessOptions)) -> Gate {
    let files = Files::new();
    gate(|options| {
        options.token_secret = Some(files.write("secret", format!("{SECRET}\n")));
        change(options);
    })
    .unwrap()
}

fn log_in(gate: &Gate, user_name: Option<&str>, token: &str) -> Result<Admitted, ReasonCode> {
    let connect =
        Connect { client_id: "c", user_name, password: Some(token.as_bytes()), ..Connect::default() };
    admitted(gate.connect(&connect, &Peer::default()))
}

fn is_refused(gate: &Gate, token: &str) -> bool {
    log_in(gate, None, token).err() == Some(ReasonCode::NOT_AUTHORIZED)
}

#[test]
fn in_order() {
    let gate = secret_gate(|_| {});
    let end = now() + 1000;
    let text = token(json!({ "exp": end }));
    for user_name in [None, Some("anna")] {
        let admitted = log_in(&gate, user_name, &text).unwrap();
        assert_eq!(admitted.who.user.as_deref(), Some("anna"));
        assert_eq!(admitted.until, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(end)));
        assert!(gate.access(&admitted.who, "c").is_unlimited());
    }
    assert_eq!(log_in(&gate, Some("bert"), &text).err(), Some(ReasonCode::NOT_AUTHORIZED));
    assert!(log_in(&gate, None, &token(json!({ "nbf": now(), "iat": now(), "iss": "anybody" }))).is_ok());
    // Without a token nobody comes in.
    assert_eq!(
        admitted(gate.connect(&Connect::default(), &Peer::default())).err(),
        Some(ReasonCode::NOT_AUTHORIZED)
    );
}

#[test]
fn not_in_order() {
    let gate = secret_gate(|_| {});
    for wrong in [
        json!({ "exp": now() - 2 }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
        json!({ "exp": -1 }),
        json!({ "nbf": now() + 60 }),
        json!({ "nbf": "tomorrow" }),
        json!({ "sub": null }),
        json!({ "sub": 7 }),
        json!({ "aud": "somebody else" }),
        json!({ "publ": "a" }),
        json!({ "publ": ["a+"] }),
        json!({ "subs": ["a/#/b"] }),
        json!({ "subs": ["/".repeat(200)] }),
    ] {
        assert!(is_refused(&gate, &token(wrong.clone())), "{wrong}");
    }
    let good = token(json!({}));
    for len in 0..good.len() {
        assert!(is_refused(&gate, &good[..len]), "{len}");
    }
    for garbage in
        ["", ".", "..", "...", "a.b.c", &".".repeat(65_000), &"A".repeat(65_000), &format!("{good}.{good}")]
    {
        assert!(is_refused(&gate, garbage));
    }
    assert!(log_in(&gate, None, &good).is_ok());
}

#[test]
fn issuer_and_audience() {
    let gate = secret_gate(|options| {
        (options.token_issuer, options.token_audience) = (Some("us".into()), Some("broker".into()));
    });
    assert!(log_in(&gate, None, &token(json!({ "iss": "us", "aud": ["x", "broker"] }))).is_ok());
    for wrong in [
        json!({}),
        json!({ "iss": "us" }),
        json!({ "aud": "broker" }),
        json!({ "iss": "us", "aud": "x" }),
        json!({ "iss": "them", "aud": "broker" }),
    ] {
        assert!(is_refused(&gate, &token(wrong.clone())), "{wrong}");
    }
}

fn private_key(algorithm: Algorithm, pem: &str) -> EncodingKey {
    match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_ed_pem(pem.as_bytes()),
    }
    .unwrap()
}

#[test]
fn keys() {
    let files = Files::new();
    for (algorithm, private, public) in KEYS {
        let gate = gate(|options| options.token_key = Some(files.write("key", public))).unwrap();
        for (other, pem, _) in KEYS {
            let token = encode(&Header::new(other), &claims(json!({})), &private_key(other, pem)).unwrap();
            assert_eq!(
                log_in(&gate, None, &token).is_ok(),
                other == algorithm,
                "{other:?} for {algorithm:?}"
            );
        }
        // The public key, which everybody may have, as a secret.
        for secret in [public, public.trim()] {
            let secret = EncodingKey::from_secret(secret.as_bytes());
            assert!(is_refused(&gate, &encode(&Header::default(), &claims(json!({})), &secret).unwrap()));
        }
        // Another key for the same algorithm: the last bytes of the signature are not the same.
        let token =
            encode(&Header::new(algorithm), &claims(json!({})), &private_key(algorithm, private)).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{message}.{}", signature.chars().rev().collect::<String>());
        assert!(is_refused(&gate, &forged) && is_refused(&gate, &format!("{message}.")));
    }
    // A secret and a key at once.
    let both = secret_gate(|options| options.token_key = Some(files.write("key", KEYS[1].2)));
    assert!(log_in(&both, None, &token(json!({}))).is_ok());
}

#[test]
fn forged() {
    let gate = secret_gate(|_| {});
    let other = EncodingKey::from_secret(b"another secret of at least 32 bytes");
    assert!(is_refused(&gate, &encode(&Header::default(), &claims(json!({})), &other).unwrap()));
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    assert!(is_refused(&gate, &encode(&Header::new(Algorithm::HS512), &claims(json!({})), &secret).unwrap()));
    for none in ["none", "None", "NONE", ""] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({ "alg": none, "typ": "JWT" }).to_string());
        let body = BASE64_URL_SAFE_NO_PAD.encode(claims(json!({})).to_string());
        let good = token(json!({}));
        let signature = good.rsplit_once('.').unwrap().1;
        assert!(is_refused(&gate, &format!("{header}.{body}.")));
        assert!(is_refused(&gate, &format!("{header}.{body}.{signature}")));
    }
}

#[test]
fn rules() {
    let files = Files::new();
    let lists = token(json!({ "publ": ["out/+"], "subs": ["in/#", "in2"] }));
    let gate = secret_gate(|_| {});
    let access = gate.access(&log_in(&gate, None, &lists).unwrap().who, "c");
    assert!(access.may_publish("out/a") && !access.may_publish("in/a") && access.may_read("in/a"));
    assert!(access.may_subscribe("in2") && !access.may_subscribe("out/#") && !access.may_read("out/a"));
    let access = gate.access(&log_in(&gate, None, &token(json!({ "publ": [] }))).unwrap().who, "c");
    assert!(!access.may_publish("a") && !access.may_read("a"));

    // As if they were lines of the file: what that forbids is forbidden.
    let acl = files.write("acl", "user anna\ntopic read common\ntopic deny in/secret");
    let gate = secret_gate(|options| options.acl_file = Some(acl));
    let access = gate.access(&log_in(&gate, None, &lists).unwrap().who, "c");
    assert!(access.may_read("common") && access.may_read("in/a") && !access.may_read("in/secret"));
    let access = gate.access(&log_in(&gate, None, &token(json!({}))).unwrap().who, "c");
    assert!(access.may_read("common") && !access.may_read("in/a"));
}

/// What a token says lasts as long as its key does, whatever other files say meanwhile.
#[test]
fn keys_that_are_read_again() {
    let files = Files::new();
    let who = log_in(&secret_gate(|_| {}), None, &token(json!({ "subs": ["in"] }))).unwrap().who;
    let acl = files.write("acl", "user anna\ntopic read common");
    let with_rules = secret_gate(|options| options.acl_file = Some(acl));
    let access = with_rules.access(&who, "c");
    assert!(with_rules.admits(&who) && access.may_read("in") && access.may_read("common"));
    assert!(!access.may_read("out"));
    let secret = files.write("other", format!("another {SECRET}"));
    assert!(!gate(|options| options.token_secret = Some(secret)).unwrap().admits(&who));
    assert!(!Gate::default().admits(&who) && !Gate::default().access(&who, "c").may_read("in"));
}

/// With a password file, too, a password is a password.
#[test]
fn passwords_besides() {
    let files = Files::new();
    let entry = crate::access::entry("bert", "a.b.c", crate::access::HashKind::Scram).unwrap();
    let gate = secret_gate(|options| options.password_file = Some(files.write("passwords", entry)));
    assert!(
        log_in(&gate, Some("bert"), "a.b.c").is_ok()
            && log_in(&gate, Some("anna"), &token(json!({}))).is_ok()
    );
    assert!(
        log_in(&gate, Some("bert"), &token(json!({}))).is_err()
            && log_in(&gate, Some("bert"), "a.b.d").is_err()
    );
}

#[test]
fn mistakes() {
    let files = Files::new();
    let secret =
        |text: &str| gate(|options| options.token_secret = Some(files.write("secret", text))).err().unwrap();
    assert!(secret("short\n").contains("a secret of 5 bytes can be guessed; it takes 32"));
    assert!(secret(KEYS[0].2).contains("it is for --token-key"));
    let key = |text: &str| gate(|options| options.token_key = Some(files.write("key", text))).err().unwrap();
    assert!(key(KEYS[1].1).contains("this is a private key"));
    for wrong in [
        "",
        SECRET,
        include_str!("keys/p384.pub.pem"),
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    ] {
        assert!(
            key(wrong).contains("there is no public key (PEM) for RS256, ES256 or EdDSA in it"),
            "{wrong}"
        );
    }
    let nowhere = gate(|options| options.token_key = Some("nowhere.pem".into())).err().unwrap();
    assert!(nowhere.starts_with("can't read nowhere.pem: "), "{nowhere}");
}
