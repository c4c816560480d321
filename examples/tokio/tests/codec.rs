//! Packets over a stream in memory.

use futures_util::{SinkExt, StreamExt};
use sans_mqtt::{Connack, Connect, Packet, Publish, Version};
use sans_mqtt_tokio::codec::Codec;
use tokio::io::{AsyncWriteExt, duplex};
use tokio_util::codec::Framed;

const CODEC: Codec = Codec { version: Version::V5_0, maximum_packet_size: 100 };

#[tokio::test]
async fn packets_go_both_ways() {
    // The stream takes seven bytes at a time.
    let (client, server) = duplex(7);
    let (mut client, mut server) = (Framed::new(client, CODEC), Framed::new(server, CODEC));
    let there = [
        Packet::from(Connect { client_id: "attic", ..Connect::default() }),
        Packet::from(Publish { topic: "attic/temperature", payload: b"24", ..Publish::default() }),
        Packet::Pingreq,
    ];
    let back = Packet::from(Connack::default());
    let talk = async {
        for packet in there {
            client.send(packet).await.unwrap();
        }
        client.next().await.unwrap().unwrap()
    };
    let listen = async {
        for packet in there {
            assert_eq!(server.next().await.unwrap().unwrap().get(), packet);
        }
        server.send(back).await.unwrap();
    };
    let (answer, ()) = tokio::join!(talk, listen);
    assert_eq!(answer.get(), back);
    drop(client);
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn errors_end_it() {
    for (bytes, says) in [
        (&b"\x30\x04\0\x01#\0"[..], "PUBLISH"),
        (b"\x30\xFF\x01", "larger than the limit"),
        (b"\xC0\0\xC0", "bytes remaining on stream"),
    ] {
        let (mut client, server) = duplex(64);
        client.write_all(bytes).await.unwrap();
        drop(client);
        let mut server = Framed::new(server, CODEC);
        let error = loop {
            if let Err(error) = server.next().await.expect("it ends with an error") {
                break error;
            }
        };
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn nothing_wrong_is_sent() {
    let (client, _server) = duplex(64);
    let error =
        Framed::new(client, CODEC).send(Packet::from(Publish { topic: "#", ..Publish::default() })).await;
    assert!(error.unwrap_err().to_string().starts_with("PUBLISH"));
}
