//! What becomes of a peer: operations to be measured, and judges.

use sans_mqtt::Version;

use crate::allocator;
use crate::operation::{self, Operation};
use crate::peer::{Client, Codec, Decoded, Input};
use crate::rows::{PACKETS, Row};

/// Whether a frame is a packet.
pub type Judge = fn(&'static [u8]) -> bool;

/// A column of the tables.
pub struct Library {
    /// That of the crate, perhaps with a word after a comma.
    pub name: &'static str,
    pub operations: Vec<(Row, Operation)>,
    /// What it fails at.
    pub failures: Vec<String>,
    pub judges: Vec<(Version, Judge)>,
    /// Bytes of an idle connection, with what it is a part of.
    pub idle: Vec<(&'static str, usize)>,
}

impl Library {
    pub fn new(name: &'static str) -> Self {
        Self { name, operations: Vec::new(), failures: Vec::new(), judges: Vec::new(), idle: Vec::new() }
    }

    /// All rows of the codec's version, each of them checked.
    pub fn codec<C: Codec>(mut self) -> Self {
        for row in Row::all() {
            let (Row::Decode(at) | Row::Read(at) | Row::Encode(at) | Row::Forward(at)) = row else {
                continue;
            };
            if PACKETS[at].version == C::VERSION {
                match operation::of_codec::<C>(row, &PACKETS[at]) {
                    Ok(operation) => self.operations.push((row, operation)),
                    Err(why) => self.failures.push(format!("{}: {why}", row.name())),
                }
            }
        }
        self.judges.push((C::VERSION, |bytes| C::decode(&mut Input::new(bytes, 1)).packet().is_some()));
        self
    }

    /// All exchanges.
    pub fn client<C: Client>(mut self) -> Self {
        for row in Row::all() {
            if let Row::Send(qos, window) = row {
                self.operations.push((row, operation::of_client::<C>(qos, window)));
            }
        }
        self
    }

    /// What a connection takes that `connect` has led through CONNECT and CONNACK.
    pub fn idle<T>(mut self, side: &'static str, connect: impl FnOnce() -> T) -> Self {
        self.idle.push((side, allocator::bytes_of(connect)));
        self
    }

    /// The version of a peer, as this package's manifest has it.
    pub fn version(&self) -> Option<&'static str> {
        let (name, _) = self.name.split_once(',').unwrap_or((self.name, ""));
        let line = include_str!("../Cargo.toml")
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" =")))?;
        let (_, version) = line.split_once("\"=")?;
        Some(version.split_once('"')?.0)
    }
}
