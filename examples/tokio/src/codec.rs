//! Packets as a `Stream` and a `Sink`, for programs that have a state machine of their own.
//!
//! ```no_run
//! use futures_util::{SinkExt, StreamExt};
//! use sans_mqtt::{Connect, Packet, PacketBuf, Version};
//! use sans_mqtt_tokio::codec::Codec;
//! use tokio::net::TcpStream;
//! use tokio_util::codec::Framed;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let codec = Codec { version: Version::V5_0, maximum_packet_size: 1 << 20 };
//! let mut packets = Framed::new(TcpStream::connect("localhost:1883").await?, codec);
//! packets.send(Packet::from(Connect { client_id: "attic", ..Connect::default() })).await?;
//! while let Some(packet) = packets.next().await {
//!     let packet: PacketBuf = packet?;
//!     println!("{:?}", packet.get());
//! }
//! # Ok(())
//! # }
//! ```

use std::io;

use bytes::BytesMut;
use sans_mqtt::{Frame, Packet, PacketBuf, Split, Version};
use tokio_util::codec::{Decoder, Encoder};

/// Cuts packets out of a stream, and writes them to one. A server asks the first frame for its version, with
/// [`Connect::version`](sans_mqtt::Connect::version).
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    pub version: Version,
    /// In bytes; more is an error before it is read.
    pub maximum_packet_size: usize,
}

impl Decoder for Codec {
    type Item = PacketBuf;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<PacketBuf>> {
        let len = match Frame::split(input, self.maximum_packet_size).map_err(io::Error::other)? {
            Split::Frame(frame, _) => frame.bytes().len(),
            Split::Incomplete(needed) => {
                input.reserve(needed);
                return Ok(None);
            }
        };
        let frame = input.split_to(len).freeze();
        PacketBuf::decode(self.version, frame).map(Some).map_err(io::Error::other)
    }
}

impl Encoder<Packet<'_>> for Codec {
    type Error = io::Error;

    fn encode(&mut self, packet: Packet<'_>, output: &mut BytesMut) -> io::Result<()> {
        packet.encode(self.version, output).map(drop).map_err(io::Error::other)
    }
}
