//! A sensor publishes a temperature. A broker passes it on to a mobile device, which speaks 3.1.1, and to a back end, which
//! speaks 5.0. The link of the mobile device is cut in the middle of a QoS 2 exchange, and the message arrives once.
//!
//! All of it happens in this one program: no network, no set-up. `cargo run --example quickstart`

use std::mem;
use std::time::Duration;

use sans_mqtt::*;

use tiny_broker::Broker;
use wire::Wire;

#[allow(dead_code, unreachable_pub)]
#[path = "../tiny_broker.rs"]
mod tiny_broker;
#[path = "../support/wire.rs"]
mod wire;

fn main() -> Result<(), UsageError> {
    let mut world = World::default();
    say("The mobile device and the back end subscribe.");
    let mobile = world.add("mobile device", Version::V3_1_1)?;
    let back_end = world.add("back end", Version::V5_0)?;
    let filter = Subscription { filter: "temperature", qos: Qos::ExactlyOnce, ..Subscription::default() };
    for subscriber in [mobile, back_end] {
        let device = &mut world.devices[subscriber];
        device.client.subscribe(&[filter], Properties::EMPTY, &mut device.output)?;
    }
    world.run()?;

    say("The sensor publishes. The link of the mobile device breaks down when it answers.");
    let sensor = world.add("sensor", Version::V5_0)?;
    world.breaks_at = Some((mobile, PacketType::Pubrec));
    let device = &mut world.devices[sensor];
    let message = Message {
        qos: Qos::ExactlyOnce,
        topic: "temperature",
        payload: "24 °C".as_bytes(),
        ..Message::default()
    };
    device.client.publish(&message, &mut device.output)?;
    world.run()?;

    say("An hour later the mobile device connects again. Both sides go on where they were.");
    world.now = world.now + Duration::from_secs(3600);
    world.broker.handle_timeout(world.now);
    world.connect(mobile)?;
    world.run()?;

    say("What has arrived:");
    for device in [&world.devices[mobile], &world.devices[back_end]] {
        println!("{:>14}: {}", device.name, device.heard.join(", "));
        assert_eq!(device.heard, ["temperature: 24 °C"], "once, and not twice");
    }
    Ok(())
}

fn say(what: &str) {
    println!("\n{what}\n");
}

/// A client, and the wire between it and the broker.
struct Device {
    name: &'static str,
    version: Version,
    client: Client<Heap>,
    /// Its number at the broker, if there is a wire.
    link: Option<u64>,
    wire: Wire,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The messages that the application got.
    heard: Vec<String>,
}

#[derive(Default)]
struct World {
    broker: Broker,
    devices: Vec<Device>,
    now: Instant,
    links: u64,
    /// Which packet of whom is lost, with the wire that it was to go over.
    breaks_at: Option<(usize, PacketType)>,
}

impl World {
    /// One more client, connected.
    fn add(&mut self, name: &'static str, version: Version) -> Result<usize, UsageError> {
        let client = Client::new(version, &Config::default(), Session::default());
        let (wire, input, output, heard) = Default::default();
        self.devices.push(Device { name, version, client, link: None, wire, input, output, heard });
        self.connect(self.devices.len() - 1)?;
        Ok(self.devices.len() - 1)
    }

    /// A new wire, with the session of before.
    fn connect(&mut self, device: usize) -> Result<(), UsageError> {
        let device = &mut self.devices[device];
        self.links += 1;
        device.wire = Wire::default();
        self.broker.open(self.links, self.now, device.wire.clone());
        device.link = Some(self.links);
        let empty = Client::new(device.version, &Config::default(), Session::default());
        let session = mem::replace(&mut device.client, empty).into_session();
        device.client = Client::new(device.version, &Config::default(), session);
        let forever = [Property::SessionExpiryInterval(u32::MAX)];
        let properties = if device.version == Version::V5_0 { &forever[..] } else { &[] };
        let (client_id, properties) = (device.name, properties.into());
        let clean_start = device.client.clean_start();
        let connect = Connect { client_id, clean_start, properties, ..Connect::default() };
        device.client.connect(self.now, &connect, &mut device.output)?;
        self.run()
    }

    /// Carries bytes to and fro until nobody has any more.
    fn run(&mut self) -> Result<(), UsageError> {
        let mut is_busy = true;
        while mem::take(&mut is_busy) {
            for number in 0..self.devices.len() {
                let device = &mut self.devices[number];
                device.listen(self.now);
                let Some(link) = device.link else { continue };
                let output = mem::take(&mut device.output);
                let mut rest = &output[..];
                while let Some((frame, packet)) = next(&mut rest, device.version) {
                    is_busy = true;
                    println!("{:>14} -> broker          {packet}", device.name);
                    if self.breaks_at == Some((number, frame.packet_type())) {
                        println!("{:>14} -x                 which is lost: the link is cut", device.name);
                        (self.breaks_at, device.link) = (None, None);
                        device.client.handle_eof();
                        self.broker.turn(link, self.now, &[], true);
                        break;
                    }
                    self.broker.turn(link, self.now, frame.bytes(), false);
                }
            }
            for device in &mut self.devices {
                let output = device.wire.take();
                let mut rest = &output[..];
                while let Some((_, packet)) = next(&mut rest, device.version) {
                    is_busy = true;
                    println!("{:>14} <- broker          {packet}", device.name);
                }
                device.input.extend(output);
            }
        }
        Ok(())
    }
}

impl Device {
    /// What its application does.
    fn listen(&mut self, now: Instant) {
        let input = mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Step::Event(event) = self.client.handle(now, &mut rest, &mut self.output) {
            if let Event::Publish(incoming, _) = event {
                let payload = String::from_utf8_lossy(incoming.payload);
                self.heard.push(format!("{}: {payload}", self.client.topic(&incoming)));
            }
        }
        self.input = rest.to_vec();
    }
}

/// The next packet of `bytes`, and what it says.
fn next<'a>(bytes: &mut &'a [u8], version: Version) -> Option<(Frame<'a>, String)> {
    let Ok(Split::Frame(frame, rest)) = Frame::split(bytes, usize::MAX) else { return None };
    *bytes = rest;
    let name = frame.packet_type().name();
    let says = match Packet::decode(version, frame) {
        Ok(Packet::Connect(it)) => format!("{:?}, {version}, clean start: {}", it.client_id, it.clean_start),
        Ok(Packet::Connack(it)) => format!("{}, session present: {}", it.reason, it.session_present),
        Ok(Packet::Publish(it)) => {
            let (qos, dup) = (it.delivery.qos() as u8, if it.dup { ", DUP" } else { "" });
            let id = it.delivery.packet_id().map_or(0, |id| id.get());
            format!("{}: {}, QoS {qos}, id {id}{dup}", it.topic, String::from_utf8_lossy(it.payload))
        }
        Ok(Packet::Puback(it) | Packet::Pubrec(it) | Packet::Pubrel(it) | Packet::Pubcomp(it)) => {
            format!("id {}", it.packet_id.get())
        }
        Ok(Packet::Subscribe(it)) => {
            let filters = it.filters.iter().map(|it| format!("{} at QoS {}", it.filter, it.qos as u8));
            format!("id {}, {}", it.packet_id.get(), filters.collect::<Vec<_>>().join(", "))
        }
        Ok(Packet::Suback(it)) => format!("id {}, granted", it.packet_id.get()),
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    Some((frame, format!("{name:<9} {says}")))
}
