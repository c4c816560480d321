//! Who is at the other end of a transport, as far as that is known before CONNECT, and what its client came to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sans_mqtt::Instant;

use super::clock::Clock;
use super::limits::{Excess, Limits};

/// The other end of a transport.
#[derive(Debug, Default)]
pub struct Peer {
    /// None: a transport in memory.
    pub address: Option<SocketAddr>,
    /// The common name in its certificate, which was verified.
    pub certificate: Option<String>,
    pub(crate) place: Option<Place>,
}

/// The place of a connection within the limits. It is given back in the end.
#[derive(Debug)]
pub(crate) struct Place {
    limits: Arc<Mutex<Limits>>,
    address: SocketAddr,
    is_accepted: bool,
}

impl Place {
    pub(crate) fn take(
        limits: &Arc<Mutex<Limits>>,
        now: Instant,
        address: SocketAddr,
    ) -> Result<Self, Excess> {
        with(limits, |limits| limits.open(now, address.ip()))?;
        Ok(Self { limits: limits.clone(), address, is_accepted: false })
    }
}

impl Peer {
    /// Its client was accepted.
    pub(crate) fn accept(&mut self) {
        if let Some(place) = self.place.as_mut().filter(|place| !place.is_accepted) {
            place.is_accepted = true;
            with(&place.limits, |limits| limits.accept(place.address.ip()));
        }
    }

    /// Its client was refused.
    pub(crate) fn refuse(&self, clock: Clock) {
        if let Some(place) = &self.place {
            with(&place.limits, |limits| limits.refuse(clock.now(), place.address.ip()));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        with(&self.limits, |limits| limits.close(self.address.ip(), self.is_accepted));
    }
}

fn with<R>(limits: &Mutex<Limits>, work: impl FnOnce(&mut Limits) -> R) -> R {
    work(&mut limits.lock().unwrap_or_else(PoisonError::into_inner))
}
