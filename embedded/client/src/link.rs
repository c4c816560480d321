//! An MQTT client on a serial line, which knows no connections: this module decides when one is over, begins the next
//! after a pause, and takes the session along. All its memory is in the frame of [`run`].

use core::time::Duration;

use sans_mqtt::{
    Buffer, Cause, Client, Config, Connect, Event, Fixed, Instant, Session, Step, UsageError, Version, Wait,
};

/// Four packets out that wait for an answer, of at most 128 bytes each, and [`TAKEN`] messages in.
pub type Mqtt = Client<Fixed<4, 128, TAKEN>>;

/// How many messages of QoS 1 and 2 the server may send before they are acknowledged.
pub const TAKEN: usize = 2;

/// Room for the CONNECT, and for a message beside what `Config::headroom` keeps for acknowledgements.
pub type Output = Buffer<256>;

/// The largest packet to take; the server is told.
const LARGEST: usize = 256;

/// In seconds: a client that has nothing to say sends PINGREQ after that.
const KEEP_ALIVE: u16 = 5;

/// How long an answer may take: CONNACK, PINGRESP, or the acknowledgement of a message. Slow lines need longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause between two connections, and how long it gets when none is accepted.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a board brings along: a serial line and a clock. Nothing waits but `sleep`.
pub trait Port {
    fn now(&mut self) -> Instant;

    /// Reads what has come, perhaps nothing. `None`, once: the line was cut or has lost bytes, as far as a board can
    /// tell that. What came before is forgotten.
    fn read(&mut self, into: &mut [u8]) -> Option<usize>;

    /// Writes as much as there is room for. A line that leads nowhere takes everything.
    fn write(&mut self, bytes: &[u8]) -> usize;

    /// Sleeps until a byte comes or can be sent again, but not beyond `until`. It may wake early.
    fn sleep(&mut self, until: Instant);
}

/// What the device does.
pub trait App {
    /// How to connect; `clean_start` and `keep_alive` are not its business.
    fn connect(&self) -> Connect<'_>;

    fn event(&mut self, mqtt: &mut Mqtt, event: Event<'_>, out: &mut Output);

    /// The connection is open: there may be something to send. Says when to be asked again, even if nothing comes.
    fn turn(&mut self, mqtt: &mut Mqtt, now: Instant, out: &mut Output) -> Option<Instant>;
}

/// Connects again and again, until the application disconnects.
///
/// # Errors
///
/// The CONNECT can't be written: the application asks for what is not possible.
pub fn run(version: Version, port: &mut impl Port, app: &mut impl App) -> Result<(), UsageError> {
    let config = Config {
        maximum_packet_size: LARGEST as u32,
        connect_timeout: PATIENCE,
        ping_timeout: PATIENCE,
        ..Config::default()
    };
    let (mut session, mut pause) = (Session::default(), PAUSE);
    loop {
        let mut mqtt = Client::new(version, &config, session);
        if converse(&mut mqtt, port, app)? == Cause::Local {
            return Ok(());
        }
        pause = if mqtt.agreement().is_some() { PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
        session = mqtt.into_session();
        rest(port, pause);
    }
}

/// One connection, from CONNECT on. At its end all that was begun is written out, so that the line is never left within a
/// packet: the server would take the next CONNECT for the rest of it.
fn converse(mqtt: &mut Mqtt, port: &mut impl Port, app: &mut impl App) -> Result<Cause, UsageError> {
    let (mut input, mut output) = (Buffer::<LARGEST>::new(), Output::new());
    // A server that has a session of ours from before a reset must forget it, as we have: from then on it is resumed.
    let clean_start = !mqtt.session().exists();
    let mut heard = port.now();
    mqtt.connect(heard, &Connect { clean_start, keep_alive: KEEP_ALIVE, ..app.connect() }, &mut output)?;
    loop {
        let now = port.now();
        let mut rest = input.bytes();
        let wait = loop {
            match mqtt.handle(now, &mut rest, &mut output) {
                Step::Event(event) => app.event(mqtt, event, &mut output),
                Step::Wait(wait) => break wait,
            }
        };
        let taken = input.bytes().len() - rest.len();
        input.advance(taken);
        let next = if mqtt.is_open() { app.turn(mqtt, now, &mut output) } else { None };

        let written = port.write(output.bytes());
        output.advance(written);
        if let Wait::Closed(cause) = wait {
            if output.is_empty() {
                return Ok(cause);
            }
            port.sleep(now + PATIENCE);
            continue;
        }
        let came = match port.read(input.space()) {
            Some(came) => came,
            None => {
                mqtt.handle_eof();
                continue;
            }
        };
        input.filled(came);
        // Who sends all the time needs no PINGREQ, and gets no PINGRESP: what shows that nobody is there is that nothing
        // is acknowledged.
        if came > 0 || mqtt.session().in_flight() == 0 {
            heard = now;
        }
        let silent = heard + PATIENCE;
        if now >= silent {
            mqtt.handle_eof();
        } else if taken + written + came == 0 {
            let due = [mqtt.poll_timeout(), next].into_iter().flatten();
            port.sleep(due.fold(silent, Instant::min));
        }
    }
}

/// Lets time pass, and forgets what the last connection still has to say.
fn rest(port: &mut impl Port, pause: Duration) {
    let (until, mut waste) = (port.now() + pause, [0; 32]);
    while port.now() < until {
        if port.read(&mut waste) == Some(0) {
            port.sleep(until);
        }
    }
}
