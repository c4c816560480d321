//! What can go wrong, in sentences for those who use the program.

use std::io;
use std::path::PathBuf;

use sans_mqtt::{Cause, EncodeError, ProtocolError, ReasonCode, UsageError};
use tokio_rustls::rustls::{self, CertificateError};

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What the user gave is of no use.
    #[error("{0}")]
    Settings(String),
    #[error("can't connect to {0}: {1}")]
    Connect(String, io::Error),
    #[error("can't connect to {0}: no answer in time")]
    TooSlow(String),
    #[error("the server that answers at {0} can't be trusted: {why}", why = distrust(.1))]
    Untrusted(String, CertificateError),
    #[error("no TLS connection to {0}: {1}")]
    Tls(String, rustls::Error),
    #[error("what answers at {0} is no MQTT server, or wants TLS: {1}")]
    NotMqtt(String, ProtocolError),
    #[error("the server refused the connection: {0}")]
    Refused(ReasonCode),
    #[error("no authentication with the server: {0}")]
    Scram(#[from] scram::Error),
    #[error("another client with the same identifier has taken over the session")]
    TakenOver,
    #[error("the connection is over: {0}")]
    Over(Cause),
    #[error("the connection is lost: {0}")]
    Lost(io::Error),
    #[error("the connection is over before the server has answered")]
    Interrupted,
    #[error("the session in {path}: {1}", path = .0.display())]
    Journal(PathBuf, io::Error),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error("the client has ended")]
    Closed,
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Usage(error.into())
    }
}

impl Error {
    /// Whether it may be otherwise at another try.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connect(..) | Self::TooSlow(_) | Self::Over(_) | Self::Lost(_) => true,
            Self::Refused(reason) => matches!(
                *reason,
                ReasonCode::SERVER_UNAVAILABLE
                    | ReasonCode::SERVER_BUSY
                    | ReasonCode::QUOTA_EXCEEDED
                    | ReasonCode::CONNECTION_RATE_EXCEEDED
            ),
            _ => false,
        }
    }
}

fn distrust(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody known vouches for its certificate".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".into()
        }
        error => format!("its certificate is not valid ({error})"),
    }
}
