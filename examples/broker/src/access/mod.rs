//! Who may come in, and what they may do.
//!
//! A [`Gate`] is made of [`AccessOptions`], which name files. It is asked about each CONNECT, and answers with a [`Verdict`]; whoever
//! is admitted has an [`Access`], which says what may be published and read. It does no I/O once it is made, and can be
//! replaced by a new one at any time, which is asked again about those who are in ([`Gate::admits`], [`Gate::access`]).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use sans_mqtt::{Connect, ReasonCode};
use tracing::field::{DisplayValue, display};
use uuid::Uuid;

mod acl;
mod error;
mod hash;
mod options;
mod passwords;
mod rules;
mod token;
mod who;

pub use error::AccessError;
pub use options::AccessOptions;
pub use passwords::{HashKind, entry};
pub use rules::Access;
pub use who::Who;

use acl::Acl;
use hash::Hash;
use passwords::Passwords;
use token::{Token, Tokens};
use who::Proof;

/// What is known of a client besides its packets.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The address of its transport.
    pub address: Option<SocketAddr>,
    /// The common name of a certificate that was verified.
    pub certificate: Option<String>,
}

impl Peer {
    /// Whose it is, for the log.
    pub fn shown(&self) -> Option<DisplayValue<SocketAddr>> {
        self.address.map(display)
    }
}

/// Decides on clients that want to come in. By default everybody may, and do everything. Cheap to clone.
#[derive(Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Default)]
struct Inner {
    options: AccessOptions,
    passwords: Option<Passwords>,
    tokens: Option<Tokens>,
    acl: Option<Acl>,
}

/// What becomes of a client.
pub enum Verdict {
    Accept(Admitted),
    Reject(ReasonCode),
    /// AUTH with Continue authentication and this data is to be sent. The data of the answer goes to the exchange.
    Continue(Vec<u8>, Exchange),
    /// This takes long, because of a password hash for example: it is for another thread, so that nobody waits for it.
    Later(Box<dyn FnOnce() -> Verdict + Send>),
}

/// Goes on with an authentication when its next data has come.
pub type Exchange = Box<dyn FnOnce(&[u8]) -> Verdict + Send>;

/// Somebody who may come in, and how.
#[derive(Clone, Default)]
pub struct Admitted {
    pub who: Who,
    /// The Authentication Data of CONNACK, or of AUTH with Success.
    pub data: Option<Vec<u8>>,
    /// When its connection is to be closed: a token ends.
    pub until: Option<SystemTime>,
    /// The client identifier, if it is not that of the CONNECT: one that was made up, or the user name.
    pub client_id: Option<String>,
}

impl Gate {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Names the file, the line, and what is wrong with it.
    pub fn new(options: &AccessOptions) -> Result<Self, AccessError> {
        let inner = Inner {
            options: options.clone(),
            passwords: options.password_file.as_deref().map(Passwords::load).transpose()?,
            tokens: Tokens::load(options)?,
            acl: options.acl_file.as_deref().map(Acl::load).transpose()?,
        };
        let first_user = inner.acl.as_ref().and_then(|acl| acl.first_user.clone());
        match (first_user, &options.acl_file) {
            (Some((line, user)), Some(path)) if !inner.knows_users() => {
                let what = format!(
                    "nobody can log in as {user}: there is no password file, no key for tokens, \
                    and certificates do not count"
                );
                Err(AccessError::Line { path: path.clone(), line, what })
            }
            _ => Ok(Self(Arc::new(inner))),
        }
    }

    /// Whether anybody may come in, and do everything.
    pub fn is_open(&self) -> bool {
        self.0.admits_anonymous() && self.0.acl.is_none()
    }

    /// Decides on a CONNECT: looks at its client identifier, user name, password, Authentication Method and Data.
    ///
    /// A user name counts only if somebody vouches for it: a password, a token, or a certificate. Whoever fails is told the same,
    /// whatever was wrong.
    pub fn connect(&self, connect: &Connect<'_>, peer: &Peer) -> Verdict {
        let certified = peer.certificate.as_deref().filter(|_| self.0.options.use_identity_as_username);
        let client_id = connect.client_id.to_owned();
        if let Some(method) = connect.properties.authentication_method() {
            if method != scram::METHOD || !self.0.passwords.as_ref().is_some_and(Passwords::have_keys) {
                return Verdict::Reject(ReasonCode::BAD_AUTHENTICATION_METHOD);
            }
            let data = connect.properties.authentication_data().unwrap_or_default();
            return self.scram(data, certified.or(connect.user_name), move |gate, who, signature| {
                gate.admit(&client_id, Admitted { who, data: Some(signature), ..Admitted::default() })
            });
        }
        if certified.is_some() {
            let who = Who { user: certified.map(String::from), proof: Proof::Certificate };
            return self.admit(&client_id, who.into());
        }
        let is_verified = self.0.passwords.is_some() || self.0.tokens.is_some();
        match (connect.user_name, connect.password) {
            (user, Some(password)) if is_verified => {
                let (gate, user, password) = (self.clone(), user.map(String::from), password.to_owned());
                Verdict::Later(Box::new(move || match gate.log_in(user, &password) {
                    Some(admitted) => gate.admit(&client_id, admitted),
                    None => Verdict::Reject(ReasonCode::NOT_AUTHORIZED),
                }))
            }
            (Some(_), None) if is_verified => Verdict::Reject(ReasonCode::NOT_AUTHORIZED),
            _ if !self.0.admits_anonymous() => Verdict::Reject(ReasonCode::NOT_AUTHORIZED),
            _ => self.admit(&client_id, Admitted::default()),
        }
    }

    /// Decides on a client that begins to authenticate again (AUTH with Re-authenticate): it has to be who it is already.
    pub fn reauthenticate(&self, method: &str, data: &[u8], who: &Who) -> Verdict {
        let Some(user) = who.user.as_deref().filter(|_| method == scram::METHOD) else {
            return Verdict::Reject(ReasonCode::NOT_AUTHORIZED);
        };
        self.scram(data, Some(user), move |_, who, signature| {
            Verdict::Accept(Admitted { who, data: Some(signature), ..Admitted::default() })
        })
    }

    /// Has somebody who perhaps has said its name show with SCRAM that it is that.
    fn scram(
        &self,
        first: &[u8],
        name: Option<&str>,
        then: impl FnOnce(&Self, Who, Vec<u8>) -> Verdict + Send + 'static,
    ) -> Verdict {
        let begin = || {
            let exchange = scram::Exchange::begin(first).ok()?;
            let user = exchange.user().to_owned();
            let keys = self.0.passwords.as_ref()?.keys(&user)?;
            let (challenge, expected) = exchange.challenge(&keys).ok()?;
            Some((user, keys, challenge, expected))
        };
        let Some((user, keys, challenge, expected)) =
            begin().filter(|(user, ..)| name.is_none_or(|name| name == user))
        else {
            return Verdict::Reject(ReasonCode::NOT_AUTHORIZED);
        };
        let gate = self.clone();
        Verdict::Continue(
            challenge,
            Box::new(move |proof| match expected.verify(proof) {
                Ok(signature) => {
                    let proof = Proof::Password(Arc::new(Hash::Scram(keys)));
                    then(&gate, Who { user: Some(user), proof }, signature)
                }
                Err(_) => Verdict::Reject(ReasonCode::NOT_AUTHORIZED),
            }),
        )
    }

    /// Who somebody is by a password or a token. Takes long.
    fn log_in(&self, user: Option<String>, password: &[u8]) -> Option<Admitted> {
        if let Some(tokens) = self.0.tokens.as_ref().filter(|_| Tokens::is_token(password)) {
            let token = tokens.verify(password)?;
            let is_same = user.is_none_or(|user| user == token.user);
            let Token { user, until, rules, key } = token;
            let who = Who { user: Some(user), proof: Proof::Token(key, rules) };
            return is_same.then_some(Admitted { who, until, ..Admitted::default() });
        }
        // An empty password is none, though there may be a hash of it.
        let (user, passwords) = (user.filter(|_| !password.is_empty())?, self.0.passwords.as_ref()?);
        let proof = Proof::Password(passwords.verify(&user, password)?);
        Some(Who { user: Some(user), proof }.into())
    }

    /// Lets somebody in who is known now, if the client identifier is in order.
    fn admit(&self, asked: &str, admitted: Admitted) -> Verdict {
        let Some(client_id) = self.0.client_id(asked, admitted.who.user.as_deref()) else {
            return Verdict::Reject(ReasonCode::CLIENT_IDENTIFIER_NOT_VALID);
        };
        let client_id = Some(client_id).filter(|client_id| client_id != asked);
        Verdict::Accept(Admitted { client_id, ..admitted })
    }
}

impl From<Who> for Admitted {
    fn from(who: Who) -> Self {
        Self { who, ..Self::default() }
    }
}

impl Inner {
    /// Whether there is any way to log in.
    fn knows_users(&self) -> bool {
        self.passwords.is_some() || self.tokens.is_some() || self.options.use_identity_as_username
    }

    fn admits_anonymous(&self) -> bool {
        self.options.allow_anonymous.unwrap_or(!self.knows_users())
    }

    /// The client identifier that somebody gets; `None` if that is against the rules.
    fn client_id(&self, asked: &str, user: Option<&str>) -> Option<String> {
        let options = &self.options;
        let client_id = if options.use_username_as_client_id { user? } else { asked };
        let is_first_part = |prefix: &String| client_id.starts_with(prefix);
        if !options.client_id_prefix.is_empty() && !options.client_id_prefix.iter().any(is_first_part)
            || options.max_client_id_length.is_some_and(|length| client_id.len() > length)
        {
            None
        } else if !client_id.is_empty() {
            Some(client_id.into())
        } else if options.allow_zero_length_client_id && !options.use_username_as_client_id {
            // Nobody is to guess a name that was made up.
            Some(format!("{}{}", options.auto_id_prefix, Uuid::new_v4()))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
