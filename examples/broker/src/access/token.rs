//! Tokens (JWT) in place of passwords.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::rules::{Right, Rules};
use super::{AccessError, AccessOptions};

/// How many bytes a secret has at least: as many as the hash (RFC 7518, section 3.2).
const SECRET: usize = 32;

/// The keys that tokens are verified with.
pub(super) struct Tokens(Vec<Arc<Key>>);

/// A key for one algorithm: which one it is, is not for the token to say.
pub(super) struct Key {
    /// As it stands in its file.
    text: Vec<u8>,
    decoding: DecodingKey,
    validation: Validation,
}

/// What a token says.
pub(super) struct Token {
    pub(super) user: String,
    pub(super) until: Option<SystemTime>,
    /// What its bearer may do; `None` if it does not say.
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) key: Arc<Key>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    /// Filters of the topics that may be published, and read.
    publ: Option<Vec<String>>,
    subs: Option<Vec<String>>,
}

impl Tokens {
    /// `None`: there are no keys.
    pub(super) fn load(options: &AccessOptions) -> Result<Option<Self>, AccessError> {
        let mut keys = Vec::new();
        let mut load = |path, parse: Parse| {
            let text = read(path)?;
            let (algorithm, decoding) = parse(&text).map_err(|what| AccessError::File(path.into(), what))?;
            let validation = validation(algorithm, options);
            keys.push(Arc::new(Key { text, decoding, validation }));
            Ok(())
        };
        options.token_secret.as_deref().map_or(Ok(()), |path| load(path, secret))?;
        options.token_key.as_deref().map_or(Ok(()), |path| load(path, public_key))?;
        Ok(Some(Self(keys)).filter(|tokens| !tokens.0.is_empty()))
    }

    /// Whether this is still one of the keys.
    pub(super) fn have(&self, key: &Key) -> bool {
        self.0.iter().any(|it| it.text == key.text)
    }

    /// Whether this is a token at all, and not a password.
    pub(super) fn is_token(password: &[u8]) -> bool {
        decode_header(password).is_ok()
    }

    /// What the token says, if it is in order now.
    pub(super) fn verify(&self, token: &[u8]) -> Option<Token> {
        let algorithm = decode_header(token).ok()?.alg;
        let key = self.0.iter().find(|key| key.validation.algorithms == [algorithm])?;
        let Claims { sub, exp, publ, subs } = decode(token, &key.decoding, &key.validation).ok()?.claims;
        let until = Duration::try_from_secs_f64(exp).ok();
        let until = until.and_then(|until| SystemTime::UNIX_EPOCH.checked_add(until));
        let rules = if publ.is_some() || subs.is_some() {
            let mut rules = Rules::default();
            for (right, filters) in [(Right::Write, publ), (Right::Read, subs)] {
                filters.unwrap_or_default().iter().try_for_each(|filter| rules.add(right, filter)).ok()?;
            }
            Some(Arc::new(rules))
        } else {
            None
        };
        Some(Token { user: sub, until, rules, key: key.clone() })
    }
}

fn validation(algorithm: Algorithm, options: &AccessOptions) -> Validation {
    let AccessOptions { token_issuer, token_audience, .. } = options;
    let mut validation = Validation::new(algorithm);
    let mut required = vec!["exp", "sub"];
    (validation.validate_nbf, validation.leeway) = (true, 0);
    if let Some(issuer) = token_issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = token_audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

/// Reads a key, or says what is wrong with it.
type Parse = fn(&[u8]) -> Result<(Algorithm, DecodingKey), String>;

fn secret(text: &[u8]) -> Result<(Algorithm, DecodingKey), String> {
    let secret = text.trim_ascii();
    if secret.starts_with(b"-----BEGIN") {
        return Err("this is a key, and no secret: it is for --token-key".into());
    }
    if secret.len() < SECRET {
        return Err(format!("a secret of {} bytes can be guessed; it takes {SECRET}", secret.len()));
    }
    Ok((Algorithm::HS256, DecodingKey::from_secret(secret)))
}

fn public_key(pem: &[u8]) -> Result<(Algorithm, DecodingKey), String> {
    if pem.windows(11).any(|window| window == b"PRIVATE KEY") {
        return Err("this is a private key, which is only for whoever makes tokens".into());
    }
    let (rsa, ec, ed) =
        (DecodingKey::from_rsa_pem(pem), DecodingKey::from_ec_pem(pem), DecodingKey::from_ed_pem(pem));
    // The point of a key for ES256: longer ones are for other algorithms.
    let ec = ec.ok().filter(|key| key.try_get_as_bytes().is_ok_and(|point| point.len() == 65));
    let rsa = rsa.ok().map(|key| (Algorithm::RS256, key));
    rsa.or(ec.map(|key| (Algorithm::ES256, key)))
        .or(ed.ok().map(|key| (Algorithm::EdDSA, key)))
        .ok_or_else(|| "there is no public key (PEM) for RS256, ES256 or EdDSA in it".into())
}

fn read(path: &Path) -> Result<Vec<u8>, AccessError> {
    std::fs::read(path).map_err(|error| AccessError::Unreadable(path.into(), error))
}
