//! Runs what is measured, and checks before that it does what it should.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sans_mqtt::{Frame, Packet, Publish, Qos, Split, Version};

use crate::allocator;
use crate::peer::{Client, Codec, Decoded, Input, Output};
use crate::rows::Row;
use crate::samples::{PUBLISH, Sample};

/// Does something so many times, and tells how long it took.
pub type Operation = Box<dyn FnMut(usize) -> Duration>;

/// More packets than these do not lie ready at once: they shall fit into a cache.
const BATCH: usize = 256;

/// Exchanges before the first that is measured.
const WARM: usize = 200;

/// The name of the next function.
pub const MEASURED: &str = "operation::measured";

/// The code whose instructions are counted.
#[inline(never)]
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Has `run` done so many times, with what `prepare` makes for each batch.
fn batches<T>(
    mut prepare: impl FnMut(usize) -> T + 'static,
    mut run: impl FnMut(T, usize) + 'static,
) -> Operation {
    Box::new(move |times| {
        let mut took = Duration::ZERO;
        for begin in (0..times).step_by(BATCH) {
            let times = BATCH.min(times - begin);
            let prepared = allocator::uncounted(|| prepare(times));
            let start = Instant::now();
            run(prepared, times);
            took += start.elapsed();
        }
        took
    })
}

/// A row of a codec, if it can do that.
pub fn of_codec<C: Codec>(row: Row, sample: &'static Sample) -> Result<Operation, &'static str> {
    let bytes = encoded(sample);
    match row {
        Row::Decode(_) => decode::<C>(bytes, false),
        Row::Read(_) => decode::<C>(bytes, true),
        Row::Encode(_) => encode::<C>(C::make(sample, bytes), bytes),
        _ => encode::<C>(decoded::<C>(bytes), bytes),
    }
}

/// The packet, if it is the sample: what the library can write again, it has read.
fn checked<C: Codec>(packet: Option<C::Packet>, bytes: &[u8]) -> Result<&'static C::Packet, &'static str> {
    let packet = &*Box::leak(Box::new(packet.ok_or("it is not decoded")?));
    let mut out = C::Output::default();
    if !C::encode(packet.into(), &mut out) {
        return Err("it is not encoded");
    }
    if !is_same(out.written(), bytes, C::VERSION) {
        return Err("what is encoded is another packet");
    }
    Ok(packet)
}

fn decoded<C: Codec>(bytes: &'static [u8]) -> Option<C::Packet> {
    C::decode(&mut Input::new(bytes, 1)).into_packet()
}

fn decode<C: Codec>(bytes: &'static [u8], is_read: bool) -> Result<Operation, &'static str> {
    checked::<C>(decoded::<C>(bytes), bytes)?;
    Ok(batches(
        move |times| C::Input::new(black_box(bytes), times),
        move |mut input, times| {
            for _ in 0..times {
                let input = black_box(&mut input);
                if is_read {
                    measured(|| {
                        let decoded = C::decode(input);
                        decoded.packet().into_iter().for_each(|packet| C::read(black_box(packet)));
                    });
                } else {
                    measured(|| {
                        black_box(&C::decode(input));
                    });
                }
            }
        },
    ))
}

fn encode<C: Codec>(packet: Option<C::Packet>, bytes: &'static [u8]) -> Result<Operation, &'static str> {
    let packet = checked::<C>(packet, bytes)?;
    let mut out = C::Output::default();
    Ok(batches(
        move |times| (0..times).map(|_| black_box(packet).into()).collect(),
        move |packets: Vec<C::Given>, _| {
            for packet in packets {
                out.clear();
                measured(|| black_box(C::encode(packet, black_box(&mut out))));
            }
        },
    ))
}

/// An exchange with a server that acknowledges everything at once.
pub fn of_client<C: Client>(qos: Qos, window: usize) -> Operation {
    let mut client = C::connected();
    let mut answers = Vec::new();
    let Publish { topic, payload, .. } = PUBLISH;
    let mut exchange = move || {
        for _ in 0..window {
            measured(|| client.publish(qos, black_box(topic), black_box(payload)));
        }
        let mut done = 0;
        loop {
            answers.clear();
            let sent = client.output();
            acknowledge(sent.written(), &mut answers);
            sent.clear();
            if answers.is_empty() {
                return done;
            }
            client.feed(&answers);
            done += measured(|| client.handle());
        }
    };
    let expected = if qos == Qos::AtMostOnce { 0 } else { window };
    // What has run some times has all the memory that it needs.
    for _ in 0..WARM {
        assert_eq!(exchange(), expected);
    }
    batches(
        |_| (),
        move |(), times| {
            for _ in 0..times {
                black_box(exchange());
            }
        },
    )
}

/// What a server answers to what a client sent.
fn acknowledge(mut sent: &[u8], answers: &mut Vec<u8>) {
    while let [first, _, body @ ..] = sent {
        let id = match first & 0xF6 {
            0x32 | 0x34 => &body[2 + usize::from(body[1])..][..2],
            _ => &body[..2],
        };
        let answer = match first & 0xF6 {
            0x32 => 0x40,
            0x34 => 0x50,
            0x62 => 0x70,
            _ => 0,
        };
        if answer != 0 {
            answers.extend([answer, 2, id[0], id[1]]);
        }
        sent = &body[usize::from(sent[1])..];
    }
}

/// The encoded packet, for as long as the program runs, where words begin: how long text takes depends on that.
fn encoded(sample: &Sample) -> &'static [u8] {
    #[repr(align(16))]
    struct Aligned([u8; 512]);
    let aligned = Box::leak(Box::new(Aligned([0; 512])));
    let len = sample.packet.encode(sample.version, &mut &mut aligned.0[..]).expect("samples are right");
    &aligned.0[..len]
}

/// Whether both are the same packet, in whatever order their properties are.
fn is_same(one: &[u8], other: &[u8], version: Version) -> bool {
    let fields = |bytes| -> Option<(Packet<'_>, Vec<String>)> {
        let Ok(Split::Frame(frame, [])) = Frame::split(bytes, 1 << 20) else { return None };
        let mut packet = Packet::decode(version, frame).ok()?;
        let mut properties = Vec::new();
        let mut take = |list: &mut sans_mqtt::Properties<'_>| {
            properties.extend(list.iter().map(|property| format!("{property:?}")));
            *list = sans_mqtt::Properties::EMPTY;
        };
        match &mut packet {
            Packet::Publish(publish) => take(&mut publish.properties),
            Packet::Connack(connack) => take(&mut connack.properties),
            Packet::Connect(connect) => {
                take(&mut connect.properties);
                connect.will.iter_mut().for_each(|will| take(&mut will.properties));
            }
            _ => {}
        }
        properties.sort();
        Some((packet, properties))
    };
    let fields = [one, other].map(fields);
    fields[0].is_some() && fields[0] == fields[1]
}
