//! Clients that do everything wrong.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use sans_mqtt::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::world::{Stage, World};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Is gone in the middle of a packet, without a word.
    Vanish,
    /// Subscribes to a flood and reads nothing of it.
    Stall,
    /// Sends as many messages as it can.
    Flood,
    /// Sends bytes that are no MQTT.
    Garbage,
    /// Sends the first half of a packet and holds on to the connection.
    Half,
    /// Connects as somebody else, takes what there is for him, and acknowledges nothing.
    Takeover,
    /// Connects and disconnects, again and again.
    Storm,
    /// Sends its CONNECT byte by byte.
    SlowConnect,
    /// Announces the largest packet there is, and sends a good part of it.
    Huge,
    /// Subscribes to hundreds of filters with wildcards.
    Wildcards,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Vanish,
        Self::Stall,
        Self::Flood,
        Self::Garbage,
        Self::Half,
        Self::Takeover,
        Self::Storm,
        Self::SlowConnect,
        Self::Huge,
        Self::Wildcards,
    ];
}

/// One bad client, for as long as the run lasts.
pub async fn live(world: Rc<World>, kind: Kind, number: usize) {
    while world.stage.get() == Stage::Running {
        // The broker may well throw it out, or be away.
        let _ = misbehave(&world, kind, number).await;
        *world.counts.misdeeds.borrow_mut().entry(format!("{kind:?}")).or_default() += 1;
        sleep(Duration::from_millis(fastrand::u64(20..200))).await;
    }
}

async fn misbehave(world: &World, kind: Kind, number: usize) -> io::Result<()> {
    let flood = format!("flood/{number}");
    let mut bad = Bad { socket: TcpStream::connect(world.address).await?, version: Version::V5_0 };
    let client_id = format!("bad-{kind:?}-{number}");
    let connect = Connect { client_id: &client_id, ..Connect::default() };
    match kind {
        Kind::Vanish => {
            bad.connect(&connect).await?;
            let packet = bad.publish(&flood, &[0; 200])?;
            bad.socket.write_all(&packet[..fastrand::usize(1..packet.len())]).await?;
            // A reset, every other time.
            if fastrand::bool() {
                bad.socket.set_zero_linger()?;
            }
        }
        Kind::Stall => {
            bad.connect(&connect).await?;
            bad.subscribe(&[flood]).await?;
            hold(world, 3..10).await;
        }
        Kind::Flood => {
            bad.connect(&connect).await?;
            let burst = bad.publish(&flood, &[b'x'; 200])?.repeat(50);
            for _ in 0..50 {
                timeout(Duration::from_secs(5), bad.socket.write_all(&burst)).await??;
                sleep(Duration::from_millis(100)).await;
            }
        }
        Kind::Garbage => {
            if fastrand::bool() {
                bad.connect(&connect).await?;
            }
            let garbage: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(1000).collect();
            bad.socket.write_all(&garbage).await?;
            bad.drain(1).await;
        }
        Kind::Half => {
            bad.connect(&connect).await?;
            let packet = bad.publish(&flood, &[0; 2000])?;
            bad.socket.write_all(&packet[..1000]).await?;
            hold(world, 2..8).await;
        }
        Kind::Takeover => {
            let victim = fastrand::usize(..world.population());
            bad.version = World::version(victim);
            let expiry = [Property::SessionExpiryInterval(3600)];
            let properties = if bad.version == Version::V5_0 { (&expiry).into() } else { Properties::EMPTY };
            let client_id = World::client_id(victim);
            let connect =
                Connect { client_id: &client_id, clean_start: false, properties, ..Connect::default() };
            bad.connect(&connect).await?;
            bad.drain(fastrand::u64(0..2)).await;
        }
        Kind::Storm => {
            for _ in 0..20 {
                bad.connect(&connect).await?;
                let bye = Packet::Disconnect(Disconnect::default());
                if fastrand::bool() {
                    bad.send(&bye).await?;
                }
                bad.socket = TcpStream::connect(world.address).await?;
            }
        }
        Kind::SlowConnect => {
            for byte in encode(&Packet::Connect(connect), bad.version)? {
                bad.socket.write_all(&[byte]).await?;
                sleep(Duration::from_millis(200)).await;
            }
        }
        Kind::Huge => {
            bad.connect(&connect).await?;
            bad.socket.write_all(b"\x30\xFF\xFF\xFF\x7F\0\x01x\0").await?;
            for _ in 0..64 {
                timeout(Duration::from_secs(1), bad.socket.write_all(&[0; 64 << 10])).await??;
            }
        }
        Kind::Wildcards => {
            bad.connect(&connect).await?;
            let filters: Vec<_> = (0..300).map(|n| format!("+/nobody/{number}/{n}/+/#")).collect();
            bad.subscribe(&filters).await?;
            bad.drain(2).await;
        }
    }
    Ok(())
}

/// Keeps a connection for so many seconds, but not beyond the end.
async fn hold(world: &World, seconds: std::ops::Range<u64>) {
    for _ in 0..fastrand::u64(seconds) * 10 {
        if world.stage.get() != Stage::Running {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

struct Bad {
    socket: TcpStream,
    version: Version,
}

impl Bad {
    async fn send(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.socket.write_all(&encode(packet, self.version)?).await
    }

    /// Sends CONNECT, and waits for the beginning of an answer.
    async fn connect(&mut self, connect: &Connect<'_>) -> io::Result<()> {
        self.send(&Packet::Connect(*connect)).await?;
        timeout(Duration::from_secs(5), self.socket.read_u8()).await??;
        Ok(())
    }

    async fn subscribe(&mut self, filters: &[String]) -> io::Result<()> {
        let filters: Vec<_> =
            filters.iter().map(|filter| Subscription { filter, ..Subscription::default() }).collect();
        let (packet_id, properties) = (PacketId::MIN, Properties::EMPTY);
        self.send(&Packet::Subscribe(Subscribe { packet_id, properties, filters: filters[..].into() })).await
    }

    fn publish(&self, topic: &str, payload: &[u8]) -> io::Result<Vec<u8>> {
        encode(&Packet::Publish(Publish { topic, payload, ..Publish::default() }), self.version)
    }

    /// Reads what comes for so many seconds, and thinks nothing of it.
    async fn drain(&mut self, seconds: u64) {
        let mut chunk = [0; 1024];
        let reading = async { while matches!(self.socket.read(&mut chunk).await, Ok(1..)) {} };
        let _ = timeout(Duration::from_secs(seconds), reading).await;
    }
}

fn encode(packet: &Packet<'_>, version: Version) -> io::Result<Vec<u8>> {
    packet.to_vec(version).map_err(io::Error::other)
}
