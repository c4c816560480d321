//! Who somebody is, and whether that still counts by other files than those by which it came in.

use std::sync::Arc;

use super::hash::Hash;
use super::rules::{Access, Rules};
use super::token::Key;
use super::{Gate, Inner};

/// Who has come in. By default somebody without a name.
#[derive(Clone, Default)]
pub struct Who {
    /// The user name, for which somebody has vouched.
    pub user: Option<String>,
    pub(super) proof: Proof,
}

/// What vouches for somebody.
#[derive(Clone, Default)]
pub(super) enum Proof {
    /// Nothing, and nothing has to.
    #[default]
    None,
    Certificate,
    /// It has shown that it knows the password.
    Password(Arc<Hash>),
    /// It had a token that this key verifies, perhaps with a list of what it may do.
    Token(Arc<Key>, Option<Arc<Rules>>),
    /// It came in before the broker was started again, and has to show something when it is back.
    Earlier,
}

impl Who {
    /// Somebody whose session is from before the broker was started again.
    pub fn of_earlier(user: Option<String>) -> Self {
        Self { user, proof: Proof::Earlier }
    }
}

impl Gate {
    /// Whether what somebody has come in with still counts.
    pub fn admits(&self, who: &Who) -> bool {
        let Inner { options, passwords, tokens, .. } = &*self.0;
        match (&who.proof, &who.user) {
            (Proof::None, _) => self.0.admits_anonymous(),
            (Proof::Certificate, _) => options.use_identity_as_username,
            (Proof::Password(hash), Some(user)) => {
                passwords.as_ref().is_some_and(|passwords| passwords.have(user, hash))
            }
            (Proof::Token(key, _), _) => tokens.as_ref().is_some_and(|tokens| tokens.have(key)),
            (Proof::Password(_), None) | (Proof::Earlier, _) => false,
        }
    }

    /// What somebody may do. That is nothing if there is no such user any more.
    pub fn access(&self, who: &Who, client_id: &str) -> Access {
        let Inner { options, passwords, tokens, acl } = &*self.0;
        let is_user = match &who.user {
            None => self.0.admits_anonymous(),
            // Of others than those in the password file nobody has a list.
            Some(user) => {
                passwords.as_ref().is_some_and(|passwords| passwords.know(user))
                    || tokens.is_some()
                    || options.use_identity_as_username
            }
        };
        let own = match &who.proof {
            _ if !is_user => return Access::new([]),
            Proof::Token(_, own) => own.clone(),
            // What its token adds is only known when it is back. Until then nothing is kept from it, for before anything is
            // sent to it this is asked again.
            Proof::Earlier if tokens.is_some() => return Access::default(),
            _ => None,
        };
        match (acl, own) {
            (Some(acl), own) => acl.access(who.user.as_deref(), client_id, own),
            (None, Some(own)) => Access::new([own]),
            (None, None) => Access::default(),
        }
    }
}
