//! The password file: lines `USER:HASH`, and several for a user that is to have several kinds of hashes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use scram::Keys;
use sha2::{Digest, Sha256};

use super::AccessError;
use super::error::{lines, load};
use super::hash::Hash;

/// Users and what is known of their passwords.
///
/// Who is not there is treated as some other user, always the same one, whose password is never right: it takes as long, and
/// looks the same, until it fails.
pub(super) struct Passwords {
    users: Vec<Vec<Arc<Hash>>>,
    /// Their places.
    names: HashMap<String, usize>,
    /// Those of them that have keys for SCRAM.
    with_keys: Vec<usize>,
    /// Nobody knows it who has not seen the file. It stays the same as long as the file does.
    secret: [u8; 32],
}

/// What is kept of a password.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum HashKind {
    /// Argon2id: hard to guess passwords from, if somebody gets hold of the file
    #[default]
    Argon2id,
    /// Keys for SCRAM-SHA-256, for clients that never send the password; it can be sent all the same
    Scram,
}

/// The line of a password file that lets in a user with this password.
///
/// # Errors
///
/// Says what is wrong with the user name, or that the system has no random numbers.
pub fn entry(user: &str, password: &str, kind: HashKind) -> Result<String, String> {
    if user.is_empty() || user.trim() != user || user.starts_with('#') || user.contains([':', '\n', '\r']) {
        return Err(
            "a user name is not empty, has no colon, and neither begins with # nor begins or ends with space"
                .into(),
        );
    }
    if password.is_empty() {
        return Err("a password is not empty".into());
    }
    let hash = match kind {
        HashKind::Argon2id => Hash::argon2id(password)?,
        HashKind::Scram => Keys::generate(password).map_err(|error| error.to_string())?.to_string(),
    };
    Ok(format!("{user}:{hash}"))
}

impl Passwords {
    pub(super) fn load(path: &Path) -> Result<Self, AccessError> {
        load(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut users, mut names) = (Vec::<Vec<_>>::new(), HashMap::new());
        for (number, line) in lines(text) {
            let wrong = |what: &str| (number, what.to_owned());
            let (name, hash) = line
                .split_once(':')
                .ok_or_else(|| wrong("a line is the name of a user, a colon, and a hash"))?;
            if name.is_empty() {
                return Err(wrong("the name of the user is missing"));
            }
            let hash = Arc::new(Hash::parse(hash).map_err(wrong)?);
            let place = *names.entry(name.to_owned()).or_insert(users.len());
            match users.get_mut(place) {
                Some(hashes) => hashes.push(hash),
                None => users.push(vec![hash]),
            }
        }
        let with_keys = (0..users.len()).filter(|&place| keys(&users[place]).is_some()).collect();
        Ok(Self { users, names, with_keys, secret: Sha256::digest(text).into() })
    }

    /// The hash of the user that says that this is its password. Takes long.
    pub(super) fn verify(&self, user: &str, password: &[u8]) -> Option<Arc<Hash>> {
        let known = self.names.get(user);
        let all: Vec<_> = (0..self.users.len()).collect();
        let place = known.copied().or_else(|| self.pick(&all, user))?;
        // All are computed, whichever is right.
        let hashes = self.users[place].iter();
        let right = hashes.fold(None, |right, hash| if hash.verify(password) { Some(hash) } else { right });
        right.filter(|_| known.is_some()).cloned()
    }

    pub(super) fn know(&self, user: &str) -> bool {
        self.names.contains_key(user)
    }

    /// Whether this is still a hash of the user.
    pub(super) fn have(&self, user: &str, hash: &Hash) -> bool {
        self.names.get(user).is_some_and(|&place| self.users[place].iter().any(|it| **it == *hash))
    }

    /// Whether there is anybody that SCRAM is of use to.
    pub(super) fn have_keys(&self) -> bool {
        !self.with_keys.is_empty()
    }

    /// The keys of a user, or some that nobody knows a password to. `None`: nobody has any.
    pub(super) fn keys(&self, user: &str) -> Option<Keys> {
        let own = self.names.get(user).and_then(|&place| keys(&self.users[place]));
        let decoy = keys(&self.users[self.pick(&self.with_keys, user)?])?.decoy(user, &self.secret);
        Some(own.cloned().unwrap_or(decoy))
    }

    /// Some other user in place of one that there is not.
    fn pick(&self, places: &[usize], user: &str) -> Option<usize> {
        let hash = Sha256::new().chain_update(self.secret).chain_update(user).finalize();
        let number = usize::from(u16::from_le_bytes([hash[0], hash[1]]));
        places.get(number.checked_rem(places.len())?).copied()
    }
}

fn keys(hashes: &[Arc<Hash>]) -> Option<&Keys> {
    hashes.iter().find_map(|hash| if let Hash::Scram(keys) = &**hash { Some(keys) } else { None })
}
