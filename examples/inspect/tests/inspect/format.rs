//! The formats of captures: pcap and pcapng, link types, and those that were recorded.

use super::build::*;
use super::capture::brief;
use super::{run, shown};

fn conversation() -> Vec<Vec<u8>> {
    let mut talk = talk();
    let mut packets = talk.connect();
    packets.extend([talk.client(PINGREQ), talk.server(PINGRESP)]);
    packets
}

/// What there is in front of a packet of IP, for IPv4 or for IPv6.
fn front(link: &str, v6: bool) -> Vec<u8> {
    let kind: &[u8] = if v6 { b"\x86\xDD" } else { b"\x08\0" };
    let front: &[&[u8]] = match link {
        "ethernet" => &[&[0; 12], kind],
        "vlan" => &[&[0; 12], b"\x81\0\0\x07", kind],
        "two vlans" => &[&[0; 12], b"\x88\xA8\0\x07\x81\0\0\x09", kind],
        "cooked" => &[&[0; 14], kind],
        "cooked 2" => &[kind, &[0; 18]],
        "null" => &[if v6 { b"\x1E\0\0\0" } else { b"\x02\0\0\0" }],
        "loop" => &[if v6 { b"\0\0\0\x18" } else { b"\0\0\0\x02" }],
        _ => &[],
    };
    front.concat()
}

#[test]
fn every_link_type_carries_the_same() {
    let links = [
        (1, "ethernet"),
        (1, "vlan"),
        (1, "two vlans"),
        (113, "cooked"),
        (276, "cooked 2"),
        (0, "null"),
        (108, "loop"),
        (101, "raw"),
        (12, "raw"),
        (14, "raw"),
    ];
    let mut talk = Talk::new("[fe80::1]:40000", "[fe80::2]:1883");
    let mut over_v6 = talk.connect();
    over_v6.extend([talk.client(PINGREQ), talk.server(PINGRESP)]);
    for (packets, v6, number) in [(conversation(), false, 228), (over_v6, true, 229)] {
        let expected = shown(&["-"], raw(&packets), 0);
        assert!(expected.contains(if v6 { "[fe80::1]:40000 → [fe80::2]:1883" } else { "127.0.0.1:40000" }));
        assert!(expected.ends_with("Verdicts: 4 accept\n"), "{expected}");
        for (number, link) in links.into_iter().chain([(number, "raw")]) {
            // Ethernet pads what is short.
            let framed = packets.iter().map(|packet| [&front(link, v6)[..], packet, &[0; 6]].concat());
            let framed: Vec<_> = framed.collect();
            assert_eq!(shown(&["-"], pcap(number, &framed), 0), expected, "{link}");
        }
    }
}

#[test]
fn pcap_is_of_either_order_and_of_two_resolutions() {
    let packets = conversation();
    let expected = shown(&["-"], raw(&packets), 0);
    for number in [u32::to_le_bytes, u32::to_be_bytes] {
        for (magic, millisecond) in [(0xA1B2_C3D4, 1000), (0xA1B2_3C4D, 1_000_000)] {
            let capture = pcap_of(number, magic, millisecond, 101, &packets);
            assert_eq!(shown(&["-"], capture, 0), expected);
        }
    }
}

#[test]
fn pcapng_has_interfaces_with_resolutions_of_their_own() {
    let packets = conversation();
    let expected = shown(&["-"], raw(&packets), 0);
    let milliseconds = |at: usize| u64::from(BEGIN) * 1000 + at as u64;
    for (number, wide) in
        [(u32::to_le_bytes as fn(u32) -> [u8; 4], false), (u32::to_be_bytes as fn(u32) -> [u8; 4], true)]
    {
        let short = |n: u16| if wide { n.to_be_bytes() } else { n.to_le_bytes() };
        let long = |n: i64| if wide { n.to_be_bytes() } else { n.to_le_bytes() };
        let interface = |link: u16, options: &[(u16, &[u8])]| {
            let mut body = [&short(link)[..], &[0; 6]].concat();
            for (code, value) in options {
                let length = value.len();
                body.extend([&short(*code)[..], &short(length as u16), value].concat());
                body.resize(body.len().next_multiple_of(4), 0);
            }
            body.extend([0; 4]);
            block(number, 1, &body)
        };
        let section = [&number(0x1A2B_3C4D)[..], &short(1), &short(0), &[0xFF; 8]].concat();
        let mut capture = block(number, 0x0A0D_0D0A, &section);
        // Microseconds; nanoseconds; thousandths; and parts of 2^30 behind an offset of 1000 s.
        capture.extend(interface(1, &[]));
        capture.extend(interface(101, &[(9, &[9])]));
        capture.extend(interface(113, &[(9, &[3])]));
        capture.extend(interface(276, &[(9, &[0x80 | 30]), (14, &long(1000))]));
        // A block of a kind that nobody knows.
        capture.extend(block(number, 0x0BAD, b"what"));
        for (at, packet) in packets.iter().enumerate() {
            let (link, units) = match at % 4 {
                0 => ("ethernet", milliseconds(at) * 1000),
                1 => ("raw", milliseconds(at) * 1_000_000),
                2 => ("cooked", milliseconds(at)),
                // Rounded up, as it would be cut off below.
                _ => ("cooked 2", ((u128::from(milliseconds(at) - 1_000_000) << 30).div_ceil(1000)) as u64),
            };
            let packet = [&front(link, false)[..], packet].concat();
            let (high, low, length) = ((units >> 32) as u32, units as u32, packet.len() as u32);
            let head = [at as u32 % 4, high, low, length, length].map(number).concat();
            capture.extend(block(number, 6, &[head, packet].concat()));
        }
        assert_eq!(shown(&["-"], &capture, 0), expected);

        // A second section has interfaces of its own. Simple packets have no time.
        capture.extend(block(number, 0x0A0D_0D0A, &section));
        let mut stray = Talk { seq: [70_000, 80_000], ..talk() };
        let syn = stray.send(0, SYN, b"");
        let head = [0, 0, 0, syn.len() as u32, syn.len() as u32].map(number).concat();
        capture.extend(block(number, 6, &[&head, &syn[..]].concat()));
        capture.extend(interface(101, &[]));
        capture.extend(block(number, 3, &[&number(syn.len() as u32)[..], &syn].concat()));
        let text = shown(&["-"], &capture, 0);
        assert!(text.contains("\n              ?  2 → SYN\n"), "{text}");
        assert!(
            text.contains("\n1 packets of the network were of an interface that is not described\n"),
            "{text}"
        );
    }
}

#[test]
fn packets_that_were_cut_are_missing_bytes() {
    // As `tcpdump -s 60` would capture it.
    let mut talk = talk();
    let mut packets = talk.connect();
    packets.push(talk.client(&[&publish(&[b'x'; 100])[..], PINGREQ].concat()));
    packets.push(talk.client(PINGREQ));
    packets.push(talk.send(0, FIN, b"\xE0\0"));
    packets.push(talk.send(1, FIN, b""));
    let mut capture = pcap(101, &[]);
    for packet in &packets {
        let kept = &packet[..packet.len().min(60)];
        capture.extend([BEGIN, 0, kept.len() as u32, packet.len() as u32].map(u32::to_le_bytes).concat());
        capture.extend(kept);
    }
    assert_eq!(
        brief(&[], &capture, 1)[4..],
        [
            "1 → out of order: 87 bytes in front of this are missing",
            "1 → FIN",
            "1 → 87 bytes MISSING",
            "1 → PUBLISH \"t\", QoS 0, payload of 100 bytes (20 bytes at 15)  85 bytes MISSING",
            "1 → PINGREQ (2 bytes at 122)",
            "1 → DISCONNECT (2 bytes at 124)",
            "1 ← FIN",
            "1 over; packets: 4 of the client, 1 of the server; 87 bytes MISSING",
        ]
    );
}

#[test]
fn what_is_not_read_is_told() {
    let mut packets = conversation();
    let mut fragment = talk().client(PINGREQ);
    fragment[6] = 0x20;
    let mut udp = talk().client(PINGREQ);
    udp[9] = 17;
    packets.extend([fragment, udp, vec![0x45; 10], vec![]]);
    let text = shown(&["-"], raw(&packets), 0);
    for line in [
        "1 packets of the network were not of TCP\n",
        "1 packets of the network were fragments of IP, which are not put together\n",
        "2 packets of the network were broken or too short\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let text = shown(&["-"], pcap(105, &packets), 0);
    assert!(
        text.contains("11 packets of the network were of link type 105, which is not understood\n"),
        "{text}"
    );
    assert!(text.ends_with("Verdicts: none\n"), "{text}");
}

#[test]
fn a_capture_that_ends_too_early_is_read_as_far_as_it_goes() {
    let capture = raw(&conversation());
    let text = shown(&["--brief", "-"], &capture[..capture.len() - 1], 1);
    assert!(text.contains("1 → PINGREQ"), "{text}");
    let at = capture.len() - 16 - 42;
    let end = format!("The capture can't be read from byte {at} on: the file ends within a block\n");
    assert!(text.contains(&end), "{text}");
    let output = run(&["--json", "-"], &capture[..10]);
    assert_eq!(output.stdout, b"{\"end\":\"the file ends within a block\",\"offset\":0}\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn recorded_captures_are_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/");
    let file = |name: &str| std::fs::read(format!("{folder}{name}")).unwrap();

    // mosquitto and its clients: three versions, IPv4 and IPv6.
    let lines = brief(&[], &file("loopback.pcap"), 0);
    let of = |number: &str| -> Vec<&str> {
        let own = lines.iter().filter_map(|line| line.strip_prefix(number));
        own.map(|words| words.split(" (").next().unwrap()).collect()
    };
    assert_eq!(
        of("3 "),
        [
            "→ SYN",
            "← SYN, ACK",
            "→ CONNECT client \"pub5\", keep alive 60 s",
            "← CONNACK Success",
            "→ PUBLISH \"attic/temperature\", QoS 2, id 1, payload 4 bytes: \"21.5\"",
            "← PUBREC id 1",
            "→ PUBREL id 1",
            "← PUBCOMP id 1",
            "→ DISCONNECT",
            "→ FIN",
            "← FIN",
            "over; packets: 4 of the client, 3 of the server",
        ]
    );
    assert_eq!(of("6 "), ["→ SYN", "← RST", "over; packets: 0 of the client, 0 of the server"]);
    for version in ["MQTT 3.1)", "MQTT 3.1.1)", "MQTT 5.0)"] {
        assert!(lines.iter().any(|line| line.contains(version)), "{version}");
    }

    // One segment in four was lost behind the capture, and so sent again.
    let text = shown(&["--brief", &format!("{folder}cooked.pcap")], "", 0);
    assert!(text.contains("1448 bytes again\n") && text.ends_with("Verdicts: 19 accept\n"), "{text}");
}
