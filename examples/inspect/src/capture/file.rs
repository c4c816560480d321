//! The file: packets of the network out of pcap and pcapng.

use std::io::{self, Read};
use std::time::Duration;

use pcap_parser::pcapng::{Block, InterfaceDescriptionBlock};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{
    Linktype, PcapBlockOwned, PcapError, PcapHeader, create_reader, nom, parse_pcap_header,
    parse_sectionheaderblock,
};

/// The largest block that is read; the largest packet that tools capture has 256 KiB.
const BLOCK: usize = 4 << 20;
/// How many interfaces of a section are known.
const INTERFACES: usize = 4096;

/// A packet of the network.
pub(crate) struct Packet<'a> {
    /// Since 1970.
    pub(crate) time: Option<Duration>,
    /// `None` if it came from an interface that is not known.
    pub(crate) link: Option<Linktype>,
    pub(crate) data: &'a [u8],
    /// How many bytes of it were not captured.
    pub(crate) cut: usize,
}

pub(crate) enum Came<'a> {
    Packet(Packet<'a>),
    /// What comes next has to be waited for.
    Wait,
}

/// Where a capture can't be read any more, and why.
pub(crate) struct Broken {
    pub(crate) offset: usize,
    pub(crate) why: &'static str,
}

/// Whether a file that begins like this is a capture; `None` if more of it has to be seen.
pub(crate) fn is_capture(begin: &[u8]) -> Option<bool> {
    let header = match begin.get(..4)? {
        [0x0A, 0x0D, 0x0D, 0x0A] => parse_sectionheaderblock(begin).map(|_| ()),
        _ => parse_pcap_header(begin).map(|_| ()),
    };
    match header {
        Ok(()) => Some(true),
        Err(nom::Err::Incomplete(_)) if begin.len() < BLOCK / 4 => None,
        Err(_) => Some(false),
    }
}

/// Reads a capture as far as it goes.
pub(crate) fn read(
    reader: impl Read + Send,
    mut each: impl FnMut(Came<'_>) -> io::Result<()>,
) -> io::Result<Option<Broken>> {
    let mut reader = match create_reader(BLOCK, reader) {
        Ok(reader) => reader,
        Err(error) => return Ok(Some(Broken { offset: 0, why: why(&error) })),
    };
    let mut section = Section::default();
    loop {
        let offset = reader.consumed();
        match reader.next() {
            Ok((len, block)) => {
                if let Some(packet) = section.packet(&block) {
                    each(Came::Packet(packet))?;
                }
                reader.consume(len);
            }
            Err(PcapError::Eof) => return Ok(None),
            Err(PcapError::Incomplete(_)) => {
                each(Came::Wait)?;
                if let Err(error) = reader.refill() {
                    return Ok(Some(Broken { offset, why: why(&error) }));
                }
            }
            Err(error) => return Ok(Some(Broken { offset, why: why(&error) })),
        }
    }
}

fn why<I>(error: &PcapError<I>) -> &'static str {
    match error {
        PcapError::Eof | PcapError::UnexpectedEof | PcapError::Incomplete(_) => {
            "the file ends within a block"
        }
        PcapError::ReadError => "reading fails",
        PcapError::BufferTooSmall => "a block is too large, or broken",
        _ => "a block is broken",
    }
}

/// What holds for the packets that follow.
#[derive(Default)]
struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

struct Interface {
    link: Linktype,
    /// Of the time.
    units_per_second: Option<u128>,
    /// In seconds.
    offset: i64,
}

impl Section {
    fn packet<'a>(&mut self, block: &'a PcapBlockOwned<'a>) -> Option<Packet<'a>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.interfaces = vec![Interface::of(header)];
                None
            }
            PcapBlockOwned::Legacy(block) => {
                let sub = (u64::from(block.ts_sec), block.ts_usec);
                let packet = self.found(0, block.data, block.origlen);
                let units = self.interfaces.first()?.units_per_second?;
                Some(Packet { time: since_1970(sub.0.into(), sub.1.into(), units), ..packet })
            }
            PcapBlockOwned::NG(Block::SectionHeader(header)) => {
                *self = Self { big_endian: header.big_endian(), interfaces: Vec::new() };
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
                if self.interfaces.len() < INTERFACES {
                    self.interfaces.push(Interface::described(description, self.big_endian));
                }
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                let packet = self.found(block.if_id as usize, block.packet_data(), block.origlen);
                let units = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
                let time = self.interfaces.get(block.if_id as usize).and_then(|from| from.time(units));
                Some(Packet { time, ..packet })
            }
            // It has no time.
            PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                Some(self.found(0, block.packet_data(), block.origlen))
            }
            PcapBlockOwned::NG(_) => None,
        }
    }

    fn found<'a>(&self, interface: usize, data: &'a [u8], length: u32) -> Packet<'a> {
        let link = self.interfaces.get(interface).map(|interface| interface.link);
        Packet { time: None, link, data, cut: (length as usize).saturating_sub(data.len()) }
    }
}

impl Interface {
    fn of(header: &PcapHeader) -> Self {
        let units = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
        // The upper half says other things.
        let link = Linktype(header.network.0 & 0xFFFF);
        Self { link, units_per_second: Some(units), offset: 0 }
    }

    /// The library reads offsets as little-endian numbers, and knows no resolutions in powers of 2.
    fn described(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let exponent = u32::from(description.if_tsresol & 0x7F);
        let base: u128 = if description.if_tsresol & 0x80 == 0 { 10 } else { 2 };
        let offset = description.if_tsoffset;
        Self {
            link: description.linktype,
            units_per_second: base.checked_pow(exponent),
            offset: if big_endian { offset.swap_bytes() } else { offset },
        }
    }

    fn time(&self, units: u64) -> Option<Duration> {
        let (units, per_second) = (u128::from(units), self.units_per_second?);
        since_1970((units / per_second) as i128 + i128::from(self.offset), units % per_second, per_second)
    }
}

/// `fraction` has so many units per second; more than a second of them is too much.
fn since_1970(seconds: i128, fraction: u128, units_per_second: u128) -> Option<Duration> {
    let nanos = fraction.checked_mul(1_000_000_000)? / units_per_second;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds.try_into().ok()?, nanos))
}
