//! A segment of TCP out of a packet of the network.

use std::net::SocketAddr;

use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::Linktype;

use super::file::Packet;

pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The sequence number of the first byte of data, or of the SYN in front of it.
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) data: &'a [u8],
    /// How many bytes of data behind these were not captured.
    pub(crate) cut: usize,
}

/// Why there is no segment in a packet.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Other {
    /// Of a link type that is not understood, if it is known at all.
    Link(Option<i32>),
    NotTcp,
    Fragment,
    Broken,
}

impl std::fmt::Display for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link(Some(number)) => write!(f, "of link type {number}, which is not understood"),
            Self::Link(None) => f.write_str("of an interface that is not described"),
            Self::NotTcp => f.write_str("not of TCP"),
            Self::Fragment => f.write_str("fragments of IP, which are not put together"),
            Self::Broken => f.write_str("broken or too short"),
        }
    }
}

const NULL: i32 = 0;
const ETHERNET: i32 = 1;
const LOOP: i32 = 108;
const LINUX_SLL: i32 = 113;
const IPV4: i32 = 228;
const IPV6: i32 = 229;
const LINUX_SLL2: i32 = 276;
/// Raw IP has a number of its own, and two that some systems write.
const RAW: [i32; 3] = [101, 12, 14];

/// The layers of a packet from that of the network on.
fn layers<'a>(link: i32, data: &'a [u8]) -> Result<LaxSlicedPacket<'a>, Other> {
    // Where the type of the payload is, and where the payload begins.
    let typed = |at: usize, payload: usize| {
        let (kind, payload) = (data.get(at..at + 2)?, data.get(payload..)?);
        Some(LaxSlicedPacket::from_ether_type(
            EtherType(kind.iter().fold(0, |n, b| n << 8 | u16::from(*b))),
            payload,
        ))
    };
    let ip = |payload: usize| LaxSlicedPacket::from_ip(data.get(payload..)?).ok();
    match link {
        ETHERNET => typed(12, 14),
        LINUX_SLL => typed(14, 16),
        LINUX_SLL2 => typed(0, 20),
        NULL | LOOP => ip(4),
        IPV4 | IPV6 => ip(0),
        _ if RAW.contains(&link) => ip(0),
        _ => return Err(Other::Link(Some(link))),
    }
    .ok_or(Other::Broken)
}

impl<'a> Segment<'a> {
    pub(crate) fn of(packet: &Packet<'a>) -> Result<Self, Other> {
        let Some(Linktype(link)) = packet.link else { return Err(Other::Link(None)) };
        let layers = layers(link, packet.data)?;
        let (from, to, payload) = match &layers.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload())
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into(), ip.payload())
            }
            Some(LaxNetSlice::Arp(_)) => return Err(Other::NotTcp),
            None => return Err(if layers.stop_err.is_some() { Other::Broken } else { Other::NotTcp }),
        };
        let tcp = match &layers.transport {
            _ if payload.ip_number != IpNumber::TCP => return Err(Other::NotTcp),
            _ if payload.fragmented => return Err(Other::Fragment),
            Some(TransportSlice::Tcp(tcp)) => tcp,
            _ => return Err(Other::Broken),
        };
        Ok(Self {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            data: tcp.payload(),
            cut: if payload.incomplete { packet.cut } else { 0 },
        })
    }
}
