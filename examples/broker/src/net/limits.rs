//! Who gets a connection, by address. Pure: time is a value.

use std::collections::HashMap;
use std::net::IpAddr;

use sans_mqtt::Instant;

use super::rate::{Bucket, Rate};
use crate::options::LimitOptions;

/// How many addresses without a connection are remembered, for their rates, before they are looked through.
const REMEMBERED: usize = 10_000;

/// Counts connections, in all and for each address.
#[derive(Debug)]
pub struct Limits {
    options: LimitOptions,
    all: Count,
    addresses: HashMap<IpAddr, Address>,
    /// How many addresses there may be before those are forgotten of which nothing needs to be known.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    open: u32,
    pending: u32,
}

#[derive(Debug, Default)]
struct Address {
    count: Count,
    opened: Bucket,
    refused: Bucket,
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Excess {
    #[error("too many connections (--max-connections)")]
    Connections,
    #[error("too many connections from this address (--max-connections-per-address)")]
    ConnectionsOfAddress,
    #[error("too many connections whose client is not accepted yet (--max-pending)")]
    Pending,
    #[error(
        "too many connections from this address whose client is not accepted yet (--max-pending-per-address)"
    )]
    PendingOfAddress,
    #[error("too many new connections from this address (--connection-rate)")]
    Rate,
    #[error("too many refused clients from this address (--failed-login-rate)")]
    FailedLogins,
}

impl Limits {
    pub fn new(options: LimitOptions) -> Self {
        Self { options, all: Count::default(), addresses: HashMap::new(), sweep_at: REMEMBERED }
    }

    /// Whether somebody at `ip` may have one more connection. If so, it counts until it is [closed](Self::close).
    ///
    /// # Errors
    ///
    /// What speaks against it. Nothing is counted then.
    pub fn open(&mut self, now: Instant, ip: IpAddr) -> Result<(), Excess> {
        self.sweep(now);
        let options = &self.options;
        let reached = |limit: u32, count: u32| limit > 0 && count >= limit;
        let address = self.addresses.entry(group(ip)).or_default();
        let excess = [
            (Excess::Connections, reached(options.max_connections, self.all.open)),
            (Excess::Pending, reached(options.max_pending, self.all.pending)),
            (Excess::ConnectionsOfAddress, reached(options.max_connections_per_address, address.count.open)),
            (Excess::PendingOfAddress, reached(options.max_pending_per_address, address.count.pending)),
            (
                Excess::FailedLogins,
                !address.refused.has_one(Rate::per_minute(options.failed_login_rate), now),
            ),
            (Excess::Rate, !address.opened.has_one(Rate::per_second(options.connection_rate), now)),
        ];
        if let Some((excess, _)) = excess.into_iter().find(|(_, is_reached)| *is_reached) {
            return Err(excess);
        }
        address.opened.take(Rate::per_second(options.connection_rate), now, 1);
        for count in [&mut self.all, &mut address.count] {
            count.open += 1;
            count.pending += 1;
        }
        Ok(())
    }

    /// The client of a connection was accepted.
    pub fn accept(&mut self, ip: IpAddr) {
        self.count(ip, |count| count.pending -= 1);
    }

    /// The client of a connection was refused.
    pub fn refuse(&mut self, now: Instant, ip: IpAddr) {
        let rate = Rate::per_minute(self.options.failed_login_rate);
        if let Some(address) = self.addresses.get_mut(&group(ip)) {
            address.refused.take(rate, now, 1);
        }
    }

    /// A connection is no more.
    pub fn close(&mut self, ip: IpAddr, was_accepted: bool) {
        self.count(ip, |count| {
            count.open -= 1;
            count.pending -= u32::from(!was_accepted);
        });
    }

    /// How many addresses are remembered.
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    fn count(&mut self, ip: IpAddr, change: impl Fn(&mut Count)) {
        if let Some(address) = self.addresses.get_mut(&group(ip)) {
            change(&mut self.all);
            change(&mut address.count);
        }
    }

    /// Forgets addresses, each time that there are twice as many as were left.
    fn sweep(&mut self, now: Instant) {
        if self.addresses.len() < self.sweep_at {
            return;
        }
        let is_needed =
            |it: &Address| it.count.open > 0 || !it.opened.is_full(now) || !it.refused.is_full(now);
        self.addresses.retain(|_, address| is_needed(address));
        // Who has this many addresses gets around rates anyway.
        if self.addresses.len() > REMEMBERED + self.all.open as usize {
            self.addresses.retain(|_, address| address.count.open > 0);
        }
        self.sweep_at = 2 * (self.addresses.len() + REMEMBERED);
    }
}

/// The addresses that are likely to be one's: with IPv6, a network of them.
fn group(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => std::net::Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}
