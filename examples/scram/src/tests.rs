//! The example of RFC 7677, and everything that may come instead.

use std::num::NonZeroU32;

use proptest::prelude::*;

use crate::{Client, Error, Exchange, Expected, Keys, decode, encode};

// RFC 7677, section 3.
const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn keys() -> Keys {
    let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    Keys::new("pencil", &salt, NonZeroU32::new(4096).unwrap())
}

fn client() -> Client {
    Client::with_nonce("user", "pencil", CLIENT_NONCE.into()).0
}

fn expected() -> Expected {
    Exchange::begin(FIRST.as_bytes()).unwrap().challenge_with(&keys(), SERVER_NONCE).1
}

#[test]
fn example_of_the_rfc() {
    let (mut client, first) = Client::with_nonce("user", "pencil", CLIENT_NONCE.into());
    assert_eq!(first, FIRST.as_bytes());
    let exchange = Exchange::begin(&first).unwrap();
    assert_eq!(exchange.user(), "user");
    let (challenge, expected) = exchange.challenge_with(&keys(), SERVER_NONCE);
    assert_eq!(challenge, CHALLENGE.as_bytes());
    let proof = client.answer(&challenge).unwrap();
    assert_eq!(proof, PROOF.as_bytes());
    let signature = expected.verify(&proof).unwrap();
    assert_eq!(signature, SIGNATURE.as_bytes());
    assert_eq!(client.finish(&signature), Ok(()));
}

/// Has a client and a server talk to each other until one of them does not believe the other.
fn talk(user: &str, password: &str, keys: &Keys) -> Result<(), Error> {
    let (mut client, first) = Client::new(user, password)?;
    let exchange = Exchange::begin(&first)?;
    assert_eq!(exchange.user(), user);
    let (challenge, expected) = exchange.challenge(keys)?;
    let signature = expected.verify(&client.answer(&challenge)?)?;
    client.finish(&signature)
}

#[test]
fn passwords() {
    let keys = keys();
    assert_eq!(talk("a,b=c", "pencil", &keys), Ok(()));
    assert_eq!(talk("a", "Pencil", &keys), Err(Error::Proof));
    assert_eq!(talk("a", "", &keys), Err(Error::Proof));
    assert!(keys.verify("pencil") && !keys.verify("pen") && !keys.verify(""));
    // The same password, typed in two ways (RFC 4013); and one that SASLprep does not allow.
    for (written, typed) in [("I\u{AD}X", "IX"), ("\u{2168}", "IX"), ("\u{7}", "\u{7}")] {
        assert_eq!(talk("a", typed, &Keys::generate(written).unwrap()), Ok(()), "{written:?}");
    }
}

#[test]
fn a_server_that_does_not_know_the_password() {
    let mut client = client();
    assert_eq!(client.finish(SIGNATURE.as_bytes()), Err(Error::Server), "it has not asked yet");
    client.answer(CHALLENGE.as_bytes()).unwrap();
    assert_eq!(client.answer(CHALLENGE.as_bytes()), Err(Error::Malformed), "it has asked before");
    assert_eq!(client.finish(format!("v={}", encode(&[0; 32])).as_bytes()), Err(Error::Server));
    for wrong in ["v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G", "e=other-error", "", "v"] {
        assert_eq!(client.finish(wrong.as_bytes()), Err(Error::Malformed), "{wrong}");
    }
    assert_eq!(client.finish(SIGNATURE.as_bytes()), Ok(()));
}

#[test]
fn users_that_do_not_exist() {
    let (keys, secret) = (keys(), [7; 32]);
    let decoy = keys.decoy("nobody", &secret);
    assert!(decoy == keys.decoy("nobody", &secret), "it does not change from one try to the next");
    assert!(decoy.salt != keys.decoy("somebody", &secret).salt);
    assert!(decoy.salt != keys.decoy("nobody", &[8; 32]).salt);
    assert_eq!((decoy.salt.len(), decoy.iterations), (keys.salt.len(), keys.iterations));
    assert_eq!(talk("nobody", "pencil", &decoy), Err(Error::Proof));
    assert!(!decoy.verify("pencil"));
}

#[test]
fn first_messages() {
    let error = |message: &str| Exchange::begin(message.as_bytes()).err();
    for right in ["n,,n=a,r=b", "y,,n=a,r=b", "n,a=a,n=a,r=b", "n,,n=a,r=b,x=later"] {
        assert_eq!(error(right), None, "{right}");
    }
    for unsupported in ["p=tls-unique,,n=a,r=b", "n,,m=x,n=a,r=b", "n,a=b,n=a,r=b"] {
        assert_eq!(error(unsupported), Some(Error::Unsupported), "{unsupported}");
    }
    for wrong in [
        "",
        ",",
        ",,",
        "n",
        "n,,",
        "n,,n=,r=b",
        "n,,n=a",
        "n,,n=a,r=",
        "n,,r=b,n=a",
        "x,,n=a,r=b",
        "n,b,n=a,r=b",
    ] {
        assert_eq!(error(wrong), Some(Error::Malformed), "{wrong}");
    }
    for wrong in ["n,,n=a=,r=b", "n,,n=a=2,r=b", "n,,n=a=2c,r=b", "n,,n=a,r=\u{e4}", "n,,n=a,r=b c"] {
        assert_eq!(error(wrong), Some(Error::Malformed), "{wrong}");
    }
    let long = |n| format!("n,,n=a,r={}", "x".repeat(n));
    assert_eq!((error(&long(256)), error(&long(257))), (None, Some(Error::Malformed)));
    assert_eq!(Exchange::begin(b"n,,n=a=2Cb=3D,r=c").unwrap().user(), "a,b=");
}

#[test]
fn challenges() {
    let error = |challenge: &str| client().answer(challenge.as_bytes()).err();
    assert_eq!(error(&CHALLENGE.replace("r=r", "r=x")), Some(Error::Nonce));
    assert_eq!(error("r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096"), Some(Error::Nonce), "nothing of the server");
    for iterations in ["1", "4095", "1000001", "4294967295"] {
        let challenge = CHALLENGE.replace("4096", iterations);
        assert_eq!(error(&challenge), Some(Error::Iterations), "{iterations}");
    }
    for (right, wrong) in [("4096", "0"), ("4096", "4294967296"), ("4096", "x"), ("s=W", "s=!"), ("i=", "j=")]
    {
        assert_eq!(error(&CHALLENGE.replace(right, wrong)), Some(Error::Malformed), "{wrong}");
    }
    assert_eq!(error(&format!("m=x,{CHALLENGE}")), Some(Error::Unsupported));
    assert_eq!(error(&format!("{CHALLENGE},x=later")), None);
}

#[test]
fn proofs() {
    let error = |proof: &str| expected().verify(proof.as_bytes()).err();
    assert_eq!(error(PROOF), None);
    // Another header than at first, which somebody may have changed on the way.
    assert_eq!(error(&PROOF.replace("biws", "eSws")), Some(Error::Malformed));
    assert_eq!(error(&PROOF.replace("k0,", "k1,")), Some(Error::Nonce));
    assert_eq!(error(&PROOF.replace("p=dHzb", "p=dHzc")), Some(Error::Proof));
    assert_eq!(error(&PROOF.replace(",p=", ",x=1,p=")), Some(Error::Proof), "that was not signed");
    assert_eq!(error(&PROOF.replace("VQ=", "VQ")), Some(Error::Malformed));
    assert_eq!(error(&PROOF.replace("VQ=", "VQAA")), Some(Error::Malformed));
}

#[test]
fn stored() {
    let keys = keys();
    let text = keys.to_string();
    assert!(text.starts_with("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"), "{text}");
    assert!(text.parse() == Ok(keys));
    for (right, wrong) in
        [("SHA-256", "SHA-1"), ("4096", "0"), ("4096", ""), (":", ""), ("==$", "="), ("W22", "W2")]
    {
        assert_eq!(text.replace(right, wrong).parse::<Keys>().err(), Some(Error::Keys), "{wrong}");
    }
    for len in 0..text.len() {
        assert_eq!(text[..len].parse::<Keys>().err(), Some(Error::Keys), "{len}");
    }
}

#[test]
fn truncated() {
    for len in 0..FIRST.len() {
        // What is left of the nonce is one, too.
        assert_eq!(Exchange::begin(&FIRST.as_bytes()[..len]).is_ok(), len > FIRST.find("r=").unwrap() + 2);
    }
    for len in 0..CHALLENGE.len() {
        assert!(client().answer(&CHALLENGE.as_bytes()[..len]).is_err(), "{len}");
    }
    for len in 0..PROOF.len() {
        assert!(expected().verify(&PROOF.as_bytes()[..len]).is_err(), "{len}");
    }
    let mut client = client();
    client.answer(CHALLENGE.as_bytes()).unwrap();
    for len in 0..SIGNATURE.len() {
        assert!(client.finish(&SIGNATURE.as_bytes()[..len]).is_err(), "{len}");
    }
}

#[test]
fn huge() {
    for piece in ["n", ",", "=", "r=", "n,,n=", ",p=", "m=x,", "A", "\0", "\u{1F512}"] {
        let data = piece.repeat(65_535 / piece.len());
        for start in ["", "n,,n=a,r=", "r=rOprNGfwEbeRWgbNEkqO", "c=biws,r=", "v="] {
            let data = [start, &data].concat();
            let _ = Exchange::begin(data.as_bytes());
            assert!(client().answer(data.as_bytes()).is_err());
            assert!(expected().verify(data.as_bytes()).is_err());
            assert!(client().finish(data.as_bytes()).is_err());
        }
    }
}

proptest! {
    #[test]
    fn garbage(data in any::<Vec<u8>>(), text in "[nrscipv=,:$A-C0-3\\PC]{0,60}") {
        for data in [&data[..], text.as_bytes()] {
            let _ = Exchange::begin(data);
            prop_assert!(client().answer(data).is_err());
            prop_assert!(expected().verify(data).is_err());
            prop_assert!(client().finish(data).is_err());
        }
        prop_assert!(text.parse::<Keys>().is_err());
    }

    #[test]
    fn any_name(user in "\\PC{1,20}") {
        let (_, first) = Client::new(&user, "pencil").unwrap();
        let exchange = Exchange::begin(&first).unwrap();
        prop_assert_eq!(exchange.user(), user);
    }
}
