//! The file that says what users may do, in the format of mosquitto:
//!
//! ```text
//! topic read news/#            anonymous clients, as long as no user is named
//! user anna
//! topic readwrite attic/#      of anna; readwrite is also what is meant if nothing is said
//! topic deny attic/safe
//! pattern write state/%u/%c    of everybody, with the user name and the client identifier in it
//! ```

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::AccessError;
use super::error::{lines, load};
use super::rules::{Access, Right, Rules, check};

/// What users may do.
#[derive(Default)]
pub(super) struct Acl {
    anonymous: Arc<Rules>,
    users: HashMap<String, Arc<Rules>>,
    everybody: Arc<Rules>,
    /// What is different for each client.
    patterns: Vec<(Right, String)>,
    /// The first user, and the line.
    pub(super) first_user: Option<(usize, String)>,
}

impl Acl {
    pub(super) fn load(path: &Path) -> Result<Self, AccessError> {
        load(path, Self::parse)
    }

    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let (mut anonymous, mut everybody) = (Rules::default(), Rules::default());
        let (mut users, mut patterns, mut first_user) = (HashMap::new(), Vec::new(), None);
        let mut section: Option<&mut Rules> = None;
        for (number, line) in lines(text) {
            let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let rest = rest.trim_start();
            let done = match keyword {
                "user" if rest.is_empty() => Err("the name of the user is missing".into()),
                "user" => {
                    first_user.get_or_insert_with(|| (number, rest.to_owned()));
                    section = Some(users.entry(rest.to_owned()).or_default());
                    Ok(())
                }
                "topic" => rule(rest).and_then(|(right, filter)| {
                    section.as_deref_mut().unwrap_or(&mut anonymous).add(right, filter)
                }),
                "pattern" => rule(rest).and_then(|(right, filter)| match fill(filter, Some("x"), "x") {
                    Filled::Filter(filled) if filled != filter => {
                        patterns.push((right, filter.to_owned()));
                        check(&filled)
                    }
                    _ => everybody.add(right, filter),
                }),
                other => Err(format!("a line begins with user, topic or pattern, not with {other}")),
            };
            done.map_err(|what| (number, what))?;
        }
        let users = users.into_iter().map(|(name, rules)| (name, Arc::new(rules))).collect();
        let (anonymous, everybody) = (Arc::new(anonymous), Arc::new(everybody));
        Ok(Self { anonymous, users, everybody, patterns, first_user })
    }

    /// What somebody may do, who perhaps has some rules of its own besides.
    pub(super) fn access(&self, user: Option<&str>, client_id: &str, own: Option<Arc<Rules>>) -> Access {
        let mut filled = Rules::default();
        for (right, pattern) in &self.patterns {
            let added = match fill(pattern, user, client_id) {
                Filled::Filter(filter) => filled.add(*right, &filter).is_ok(),
                Filled::Nobody => true,
                Filled::NotInFilter => false,
            };
            // What can't be said is not allowed; and if it is to forbid something, nothing is.
            if !added && *right == Right::Deny {
                return Access::new([]);
            }
        }
        let of_user = match user {
            None => Some(&self.anonymous),
            Some(user) => self.users.get(user),
        };
        Access::new(
            of_user.into_iter().chain([&self.everybody]).cloned().chain([Arc::new(filled)]).chain(own),
        )
    }
}

/// `[read|write|readwrite|deny] FILTER`
fn rule(text: &str) -> Result<(Right, &str), String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let right = match word {
        "read" => Right::Read,
        "write" => Right::Write,
        "readwrite" => Right::ReadWrite,
        "deny" => Right::Deny,
        _ => {
            return if text.is_empty() {
                Err("the topic filter is missing".into())
            } else {
                Ok((Right::ReadWrite, text))
            };
        }
    };
    match rest.trim_start() {
        "" => Err(format!("the topic filter is missing behind {word}")),
        filter => Ok((right, filter)),
    }
}

/// A pattern with names in it.
enum Filled {
    Filter(String),
    /// It wants the name of a user, and this client has none.
    Nobody,
    /// The name would be more than a part of a level.
    NotInFilter,
}

fn fill(pattern: &str, user: Option<&str>, client_id: &str) -> Filled {
    let (mut filter, mut rest) = (String::new(), pattern);
    while let Some((text, behind)) = rest.split_once('%') {
        filter.push_str(text);
        let name = match behind.as_bytes().first() {
            Some(b'u') => user,
            Some(b'c') => Some(client_id),
            _ => {
                filter.push('%');
                rest = behind;
                continue;
            }
        };
        let Some(name) = name else { return Filled::Nobody };
        if name.contains(['+', '#', '/']) || name.starts_with('$') {
            return Filled::NotInFilter;
        }
        filter.push_str(name);
        rest = &behind[1..];
    }
    filter.push_str(rest);
    Filled::Filter(filter)
}
