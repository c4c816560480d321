//! A client's small use, by which libraries are compared: CONNECT, SUBSCRIBE, PUBLISH at QoS 1, and a message at QoS 1 that
//! is received and acknowledged. Its flash is what a client costs a firmware.
#![no_std]
#![no_main]

use core::hint::black_box;

use probe as _;
use sans_mqtt::{
    Client, Config, Connect, Event, FixedCaller, Instant, Message, Properties, Qos, Session, Step,
    Subscription, Version, Wait,
};

/// What the server sends, CONNACK, SUBACK, PUBACK and PUBLISH, and what the client sends, one answer after the other.
#[cfg(feature = "v5")]
#[unsafe(link_section = ".tape")]
static TAPE: ([&[u8]; 4], [&[u8]; 5]) = (
    [b"\x20\x03\0\0\0", b"\x90\x04\0\x01\0\x01", b"\x40\x02\0\x02", b"\x32\x09\0\x03a/b\0\x07\0x"],
    [
        b"\x10\x1A\0\x04MQTT\x05\x02\0\x3C\x08\x27\0\x10\0\0\x21\0\x04\0\x05probe",
        b"\x82\x09\0\x01\0\0\x03a/+\x01",
        b"\x32\x0A\0\x03a/c\0\x02\x0023",
        b"",
        b"\x40\x02\0\x07",
    ],
);

/// The same before 5.0.
#[cfg(not(feature = "v5"))]
#[unsafe(link_section = ".tape")]
static TAPE: ([&[u8]; 4], [&[u8]; 5]) = (
    [b"\x20\x02\0\0", b"\x90\x03\0\x01\x01", b"\x40\x02\0\x02", b"\x32\x08\0\x03a/b\0\x07x"],
    [
        b"\x10\x11\0\x04MQTT\x04\x02\0\x3C\0\x05probe",
        b"\x82\x08\0\x01\0\x03a/+\x01",
        b"\x32\x09\0\x03a/c\0\x0223",
        b"",
        b"\x40\x02\0\x07",
    ],
);

type Session4 = FixedCaller<4, 4>;

/// Its length is that of the client's state, for whoever reads the symbol table.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".tape")]
static STATE: [u8; size_of::<Client<Session4>>()] = [0; size_of::<Client<Session4>>()];

#[unsafe(no_mangle)]
fn run() -> bool {
    let mut client = Client::new(Version::NEWEST, &Config::default(), Session::new(Session4::default()));
    let mut buffer = [0; 64];
    let mut out = &mut buffer[..];
    let now = Instant::from_millis(1);
    let connect = Connect { client_id: "probe", ..Connect::default() };
    let mut well = client.connect(now, &connect, &mut out).is_ok();
    let (answers, all_sent) = black_box(&TAPE);
    let (mut answers, mut events) = (answers.iter(), 0);
    for sent in all_sent {
        let left = out.len();
        well &= buffer.get(..64 - left) == Some(*sent);
        out = &mut buffer[..];
        let mut input = answers.next().copied().unwrap_or_default();
        loop {
            match client.handle(now, &mut input, &mut out) {
                Step::Event(Event::Connected(_)) => {
                    let filters =
                        [Subscription { filter: "a/+", qos: Qos::AtLeastOnce, ..Subscription::default() }];
                    well &= client.subscribe(&filters, Properties::EMPTY, &mut out).is_ok();
                }
                Step::Event(Event::Suback(_)) => {
                    let message =
                        Message { topic: "a/c", payload: b"23", qos: Qos::AtLeastOnce, ..Message::default() };
                    well &= client.publish(&message, &mut out).is_ok();
                }
                Step::Event(Event::Publish(incoming, _)) => {
                    well &= client.topic(&incoming) == "a/b" && incoming.payload == b"x";
                }
                Step::Event(_) => {}
                Step::Wait(wait) => {
                    well &= !matches!(wait, Wait::Closed(_));
                    break;
                }
            }
            events += 1;
        }
    }
    well && events == 4
}
