//! What the command line says about access.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// Who may come in, and what they may do. Without any of this everybody may do everything.
#[derive(Args, Clone, Debug, Eq, PartialEq)]
#[command(next_help_heading = "Access")]
pub struct AccessOptions {
    /// Users and hashes of their passwords, as `broker passwd` and mosquitto_passwd write them
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// What users may publish and read, as in mosquitto's acl_file
    #[arg(long, value_name = "FILE")]
    pub acl_file: Option<PathBuf>,

    /// Let in clients without a user name [default: if there is no way to log in]
    #[arg(long, value_name = "true|false")]
    pub allow_anonymous: Option<bool>,

    /// Take the common name of a client's certificate for its user name
    #[arg(long, value_name = "true|false", default_value_t = false, action = ArgAction::Set)]
    pub use_identity_as_username: bool,

    /// Take tokens (JWT, HS256) as passwords that are signed with the secret in this file
    #[arg(long, value_name = "FILE")]
    pub token_secret: Option<PathBuf>,

    /// Take tokens (JWT, RS256, ES256 or EdDSA) as passwords that this public key (PEM) verifies
    #[arg(long, value_name = "FILE")]
    pub token_key: Option<PathBuf>,

    /// Take only tokens of this issuer
    #[arg(long, value_name = "NAME")]
    pub token_issuer: Option<String>,

    /// Take only tokens for this audience; without it, only tokens that name none
    #[arg(long, value_name = "NAME")]
    pub token_audience: Option<String>,

    /// Take only client identifiers that begin like this; can be given more than once
    #[arg(long, value_name = "PREFIX")]
    pub client_id_prefix: Vec<String>,

    /// Take only client identifiers of so many bytes at most
    #[arg(long, value_name = "BYTES")]
    pub max_client_id_length: Option<usize>,

    /// Make up a client identifier for clients that have none
    #[arg(long, value_name = "true|false", default_value_t = true, action = ArgAction::Set)]
    pub allow_zero_length_client_id: bool,

    /// What the client identifiers begin with that are made up
    #[arg(long, value_name = "PREFIX", default_value = "auto-")]
    pub auto_id_prefix: String,

    /// Make the user name the client identifier, so that nobody takes over the session of another user
    #[arg(long, value_name = "true|false", default_value_t = false, action = ArgAction::Set)]
    pub use_username_as_client_id: bool,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self {
            password_file: None,
            acl_file: None,
            allow_anonymous: None,
            use_identity_as_username: false,
            token_secret: None,
            token_key: None,
            token_issuer: None,
            token_audience: None,
            client_id_prefix: Vec::new(),
            max_client_id_length: None,
            allow_zero_length_client_id: true,
            auto_id_prefix: "auto-".into(),
            use_username_as_client_id: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::AccessOptions;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        access: AccessOptions,
    }

    fn parse(line: &str) -> AccessOptions {
        CommandLine::try_parse_from(line.split(' ')).unwrap().access
    }

    #[test]
    fn command_line() {
        assert_eq!(parse("broker"), AccessOptions::default());
        let options = parse(
            "broker --client-id-prefix a --client-id-prefix b --allow-zero-length-client-id false --token-issuer us",
        );
        assert_eq!(options.client_id_prefix, ["a", "b"]);
        assert!(!options.allow_zero_length_client_id && options.token_issuer.as_deref() == Some("us"));
    }
}
