//! A client without an allocator: everything is an array, and the transport is whatever the board has.

use sans_mqtt::{Buffer, Cause, Client, Config, Connect, Event, Fixed, Instant, Step, UsageError, Wait};

/// Four messages out, of at most 128 bytes each, and four in.
pub type Mqtt = Client<Fixed<4, 128, 4>>;

/// The largest packet that fits: more is refused before it comes.
const LARGEST: usize = 512;

pub type Output = Buffer<256>;

/// A stream and a clock. Nothing here blocks but `sleep`.
pub trait Port {
    fn now(&mut self) -> Instant;

    /// Reads what is there, perhaps nothing. `None`: the stream has ended.
    fn read(&mut self, into: &mut [u8]) -> Option<usize>;

    /// Writes as much as there is room for. To a stream that has ended everything, for nobody will read it.
    fn write(&mut self, bytes: &[u8]) -> usize;

    /// Sleeps until then, or until there is something to read or room to write.
    fn sleep(&mut self, until: Option<Instant>);
}

pub fn config() -> Config {
    Config { maximum_packet_size: LARGEST as u32, ..Config::default() }
}

/// Connects, and calls `app` with each event, and with `None` when there is time to send something.
pub fn run(
    port: &mut impl Port,
    mqtt: &mut Mqtt,
    connect: &Connect<'_>,
    mut app: impl FnMut(&mut Mqtt, Option<Event<'_>>, &mut Output) -> Result<(), UsageError>,
) -> Result<Cause, UsageError> {
    let (mut input, mut output) = (Buffer::<LARGEST>::new(), Output::new());
    mqtt.connect(port.now(), connect, &mut output)?;
    loop {
        let mut rest = input.bytes();
        let wait = loop {
            match mqtt.handle(port.now(), &mut rest, &mut output) {
                Step::Event(event) => app(mqtt, Some(event), &mut output)?,
                Step::Wait(wait) => break wait,
            }
        };
        let taken = input.bytes().len() - rest.len();
        input.advance(taken);
        app(mqtt, None, &mut output)?;

        let written = port.write(output.bytes());
        output.advance(written);
        match wait {
            Wait::Closed(cause) if output.is_empty() => return Ok(cause),
            Wait::Read(_) => match port.read(input.space()) {
                Some(0) if taken + written == 0 => port.sleep(mqtt.poll_timeout()),
                Some(n) => input.filled(n),
                None => mqtt.handle_eof(),
            },
            _ if written == 0 => port.sleep(mqtt.poll_timeout()),
            _ => {}
        }
    }
}
