//! Enhanced authentication (5.0): whose turn it is, and that the method stays the same.

use super::alias::Aliases;
use super::output::fitting;
use super::{Connection, Event, Flow, Phase, Role, UsageError};
use crate::error::{ErrorKind, Field};
use crate::packet::Auth;
use crate::property::Properties;
use crate::session::Store;
use crate::spec::{PropertyId, ReasonCode, Scope, Sender, Version};
use crate::wire::Sink;

/// How far an authentication is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Authentication {
    /// A fingerprint of the method that CONNECT named; 0: none, so that there is no AUTH.
    method: Fingerprint,
    /// Who has to go on; `None`: nothing is going on.
    turn: Option<Sender>,
}

/// As bytes, since these go anywhere without a gap.
type Fingerprint = [u8; 4];

const NONE: Fingerprint = [0; 4];

/// What tells methods apart without keeping them: FNV-1a, but never 0.
fn fingerprint(method: &str) -> Fingerprint {
    let hash = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    method.bytes().fold(0x811C_9DC5, hash).max(1).to_ne_bytes()
}

impl Authentication {
    /// That of a CONNECT with these properties.
    pub(super) fn begin(properties: Properties<'_>) -> Self {
        let method = properties.authentication_method().map_or(NONE, fingerprint);
        Self { method, turn: Some(Sender::Server).filter(|_| method != NONE) }
    }

    /// Whether CONNECT named a method.
    pub(super) fn is_wanted(self) -> bool {
        Version::HAS_5 && self.method != NONE
    }

    /// Whether these properties name the method of the CONNECT, or none if it named none `[MQTT-4.12.0-5]`
    /// `[MQTT-4.12.0-6]`.
    pub(super) fn is_same(self, properties: Properties<'_>) -> bool {
        !Version::HAS_5 || properties.authentication_method().map_or(NONE, fingerprint) == self.method
    }

    /// CONNACK ends the first one.
    pub(super) fn end(&mut self) {
        self.turn = None;
    }

    /// Takes note of an AUTH of `sender`, in a connection that is `open` or not. `false`: it is out of turn.
    ///
    /// The client alone begins again, once it is connected `[MQTT-4.12.1-1]`; the server alone ends that with success,
    /// and the first one with CONNACK.
    fn step(&mut self, sender: Sender, reason: ReasonCode, open: bool) -> bool {
        let (before, on) = match reason {
            ReasonCode::CONTINUE_AUTHENTICATION => (Some(sender), true),
            ReasonCode::RE_AUTHENTICATE => (None, open && sender == Sender::Client),
            _ => (Some(Sender::Server), open && sender == Sender::Server),
        };
        let right = on && self.turn == before;
        if right {
            self.turn = if reason == ReasonCode::SUCCESS { None } else { Some(sender.other()) };
        }
        right
    }
}

impl<R: Role, S: Store, A: Aliases> Connection<R, S, A> {
    /// Sends AUTH: the next step of an authentication, or with
    /// [`RE_AUTHENTICATE`](ReasonCode::RE_AUTHENTICATE) a client's first of a new one.
    ///
    /// A server answers with it an [`Event::Connect`] whose properties name a method, or an [`Event::Auth`], until it
    /// knows enough to `accept` or `reject`; in an open connection it ends with [`SUCCESS`](ReasonCode::SUCCESS), or with
    /// DISCONNECT.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotAsked`] if it is not this side's turn, [`UsageError::AuthenticationMethod`], [`UsageError::NoRoom`],
    /// [`UsageError::Encode`].
    pub fn auth(&mut self, auth: &Auth<'_>, out: &mut (impl Sink + ?Sized)) -> Result<(), UsageError> {
        let mut next = self.authentication;
        let alive = matches!(self.phase, Phase::Opening | Phase::Deciding | Phase::Open);
        let same = next.is_wanted() && next.is_same(auth.properties);
        if alive && next.is_wanted() && !same {
            return Err(UsageError::AuthenticationMethod);
        }
        if !alive || !same || !next.step(R::SENDER, auth.reason, self.phase == Phase::Open) {
            return Err(UsageError::NotAsked);
        }
        self.check_payload()?;
        fitting(auth.properties, self.unwanted(), |properties| {
            self.send(&Auth { properties, ..*auth }, Scope::AUTH, out)
        })?;
        self.authentication = next;
        self.sent = true;
        if self.phase == Phase::Deciding {
            self.phase = Phase::Authenticating;
            self.deadline = self.now.plus_millis(self.connect_timeout);
            self.untimed = true;
        }
        Ok(())
    }

    /// AUTH came.
    pub(super) fn authenticated<'i>(&mut self, auth: &Auth<'i>) -> Flow<Option<Event<'i>>> {
        if !self.authentication.is_wanted() {
            return Err(self.violation(ErrorKind::UnexpectedPacket, Field::PacketType, Scope::AUTH));
        }
        if !self.authentication.is_same(auth.properties) {
            let field = Field::Property(PropertyId::AuthenticationMethod);
            return Err(self.violation(ErrorKind::AuthenticationMethod, field, Scope::AUTH));
        }
        if !self.authentication.step(R::SENDER.other(), auth.reason, self.phase == Phase::Open) {
            return Err(self.violation(ErrorKind::Authentication, Field::ReasonCode, Scope::AUTH));
        }
        if self.phase == Phase::Authenticating {
            self.phase = Phase::Deciding;
        }
        Ok(Some(Event::Auth(*auth)))
    }
}
