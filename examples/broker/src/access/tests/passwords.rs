//! Password files: those of others, our own, and mistakes in them.

use cpu_time::ThreadTime;
use scram::{Client, Exchange};

use crate::access::passwords::{HashKind, Passwords, entry};

/// As mosquitto_passwd writes them, of versions 1.6 and 2; as PostgreSQL does; and as `argon2` does.
const FILE: &str = "\
# users
anna:$7$101$DYvcjSa/WNJ5f8JW$JwQwpKmTJApaB68e3V/N6mNK/40QL+Ip09CuzwuqB4VcU+nfWnmcGKCyMR86v9P+WeBDWtXVBSlVioQPhDC5yA==

bert:$6$mZbjdon4vqWgePzJ$KF2M+WHW/X8RE1r26f/kHVS9M9lGPJoe2MmrN9PfFEuTd+BSPHEajc81XQGsdQ6z7Ns8vwuedvpsO25nEcKDcg==
carl:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=
dora:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$lnJFf3Jn46L90T3RUOf7ynj7tKlTB1z+MUZ/c2cGmnE
dora:$pbkdf2-sha512$i=1000,l=32$c29tZXNhbHRzb21lc2FsdA$csPR5L4gJs893ZfIcBDIM8bUTzp/FZA+Ij05nCBY0jM
";

fn file() -> Passwords {
    Passwords::parse(FILE).unwrap()
}

#[test]
fn of_others() {
    let file = file();
    for (user, password) in
        [("anna", "pen cil"), ("bert", "pencil"), ("carl", "pencil"), ("dora", "one"), ("dora", "two")]
    {
        assert!(file.verify(user, password.as_bytes()).is_some(), "{user} {password}");
        for wrong in [&b""[..], b"pen", b"Pencil", b"pencil ", b"\xFF"] {
            assert!(file.verify(user, wrong).is_none(), "{user} {wrong:?}");
        }
        assert!(file.verify("nobody", password.as_bytes()).is_none());
    }
    assert!(
        file.verify("", b"").is_none()
            && Passwords::parse("# empty").unwrap().verify("anna", b"pen cil").is_none()
    );
}

#[test]
fn our_own() {
    for kind in [HashKind::Argon2id, HashKind::Scram] {
        let entry = |user, password| entry(user, password, kind).unwrap();
        let (one, other) = (entry("anna", "pencil"), entry("anna", "pencil"));
        assert_ne!(one, other, "each has a salt of its own");
        let file = Passwords::parse(&format!("{one}\n{}", entry("b c", "päßword"))).unwrap();
        assert!(
            file.verify("anna", b"pencil").is_some() && file.verify("b c", "päßword".as_bytes()).is_some()
        );
        assert!(
            file.verify("anna", "päßword".as_bytes()).is_none() && file.verify("b c", b"pencil").is_none()
        );
        assert_eq!(file.have_keys(), kind == HashKind::Scram);
    }
    for user in ["", "a:b", "#a", " a", "a\n"] {
        assert!(entry(user, "pencil", HashKind::Scram).is_err(), "{user}");
    }
    assert!(entry("a", "", HashKind::Scram).is_err());
}

#[test]
fn keys_for_everybody() {
    let file = file();
    let challenge = |file: &Passwords, user: &str| {
        let (_, first) = Client::new(user, "pencil").unwrap();
        let challenge = Exchange::begin(&first).unwrap().challenge(&file.keys(user).unwrap()).unwrap().0;
        let challenge = String::from_utf8(challenge).unwrap();
        challenge.split_once(",s=").unwrap().1.to_owned() // without the nonce
    };
    assert_eq!(challenge(&file, "carl"), "W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    // Who has no keys, and who is not there at all, looks like somebody who has, today and tomorrow.
    for user in ["anna", "nobody"] {
        let text = challenge(&file, user);
        assert_eq!((text.len(), &text[24..]), (31, ",i=4096"), "{text}");
        assert_eq!(challenge(&Passwords::parse(FILE).unwrap(), user), text);
    }
    assert_ne!(challenge(&file, "anna"), challenge(&file, "nobody"));
    let without = Passwords::parse(FILE.lines().nth(1).unwrap()).unwrap();
    assert!(!without.have_keys() && without.keys("anna").is_none());
}

#[test]
fn mistakes() {
    for (line, says) in [
        ("anna", "a line is the name of a user, a colon, and a hash"),
        (":$6$a$b", "the name of the user is missing"),
        ("anna:pencil", "this is no hash of a password; `broker passwd` writes lines with one"),
        ("anna:", "this is no hash of a password"),
        ("anna:$7$101$DYvcjSa", "this is not what mosquitto_passwd writes"),
        ("anna:$7$0$AAAA$AAAA", "this is not what mosquitto_passwd writes"),
        ("anna:$7$x$AAAA$AAAA", "this is not what mosquitto_passwd writes"),
        ("anna:$6$AAAA$AAAA", "this is not what mosquitto_passwd writes"),
        ("anna:$6$!$!", "this is not what mosquitto_passwd writes"),
        ("anna:$2b$12$abcdefghijklmnopqrstuv", "of this kind of hashes none can be verified"),
        ("anna:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ", "the hash is not complete"),
        (
            "anna:$argon2id$v=19$m=0,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA",
            "the hash is not complete, or has",
        ),
        ("anna:SCRAM-SHA-1$4096:AAAA$AAAA:AAAA", "what is taken is SCRAM-SHA-256$"),
    ] {
        let (number, what) = Passwords::parse(&format!("# users\n\n{line}\n")).err().expect(line);
        assert_eq!(number, 3, "{line}");
        assert!(what.starts_with(says), "{line}: {what}");
        assert!(!what.contains("pencil"), "a password is not repeated");
    }
}

/// Nobody can tell from the time whether a user exists.
#[test]
fn as_long_for_everybody() {
    for kind in [HashKind::Argon2id, HashKind::Scram] {
        let file = Passwords::parse(&entry("anna", "pencil", kind).unwrap()).unwrap();
        let shortest = |user: &str, password: &str| {
            let time = || {
                // Of this thread alone: others are busy, too.
                let start = ThreadTime::now();
                let _ = file.verify(user, password.as_bytes());
                start.elapsed()
            };
            (0..7).map(|_| time()).min().unwrap()
        };
        let known = shortest("anna", "pencil");
        for other in [shortest("anna", "pen"), shortest("nobody", "pencil")] {
            assert!(other < 3 * known && known < 3 * other, "{kind:?}: {known:?} {other:?}");
        }
    }
}
