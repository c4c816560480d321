//! An MQTT client on a serial line, at whose far end something has a connection to a server: a modem, a terminal server.
//! This module decides when a connection is over, begins the next one, and takes the session along. All its memory is in
//! the frame of [`run`].
//!
//! The line itself knows no connections. That one is over is learnt from a line that says so ([`Fault::Cut`]), from a server
//! that does not answer in time, or from bytes that make no sense. Unless it was the line that said so, there may still be a
//! connection at the far end, and in it a second CONNECT is an error for which a server may throw the session away. So it is
//! ended by a DISCONNECT: if it is the old connection, properly; if it is a new one, because it must begin with CONNECT.
//! Either way the server closes it, and the far end makes a new one during the pause.

use core::time::Duration;

use sans_mqtt::{
    Buffer, Cause, Client, Config, Connect, Disconnect, Event, Fixed, Instant, Packet, ReasonCode, Session,
    Step, UsageError, Version, Wait,
};

/// Four packets out that wait for an answer, of at most 128 bytes each, and one message in: the server is told, and sends
/// the next one of QoS 1 or 2 when the one before is acknowledged.
pub type Mqtt = Client<Fixed<4, 128, 1>>;

/// Room for the CONNECT, and for a message beside what `Config::headroom` keeps for acknowledgements.
pub type Output = Buffer<256>;

/// The largest packet to take; the server is told.
const LARGEST: usize = 256;

/// In seconds: a client that has nothing to say sends PINGREQ after that.
const KEEP_ALIVE: u16 = 5;

/// How long an answer may take: CONNACK, PINGRESP, or the acknowledgement of a message. Slow lines need longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause between two connections, in which the far end makes a new one, and how long it gets when none is accepted.
const PAUSE: Duration = Duration::from_millis(1500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a board brings along: a serial line and a clock. Nothing waits but `sleep`.
pub trait Port {
    fn now(&mut self) -> Instant;

    /// Reads what has come, perhaps nothing.
    ///
    /// # Errors
    ///
    /// What happened to the line, once, as far as the board can tell. What came before that is forgotten.
    fn read(&mut self, into: &mut [u8]) -> Result<usize, Fault>;

    /// Writes as much as there is room for. A line that leads nowhere takes everything.
    fn write(&mut self, bytes: &[u8]) -> usize;

    /// Sleeps until a byte comes or can be sent again, but not beyond `until`. It may wake early.
    fn sleep(&mut self, until: Instant);
}

/// What happens to a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The connection at the far end is a new one: by a break, or a signal of a modem.
    Cut,
    /// Bytes were lost.
    Damage,
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
        let end = converse(&mut mqtt, port, app)?;
        let accepted = mqtt.agreement().is_some();
        session = mqtt.into_session();
        pause = if accepted { PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
        match end {
            End::Wanted => return Ok(()),
            // Without an answer to it, the CONNECT may have gone to the new connection.
            End::Cut if accepted => {}
            End::Cut | End::Lost => hang_up(version, port, pause),
        }
    }
}

/// How a connection ended.
enum End {
    /// The application disconnected.
    Wanted,
    /// The line is ready for the next one.
    Cut,
    /// There may be something left of it.
    Lost,
}

/// One connection, from CONNECT on. At its end all that was begun is written out, so that the line is never left within a
/// packet: the server would take the next CONNECT for the rest of it.
fn converse(mqtt: &mut Mqtt, port: &mut impl Port, app: &mut impl App) -> Result<End, UsageError> {
    let (mut input, mut output) = (Buffer::<LARGEST>::new(), Output::new());
    // A server that has a session of ours from before a reset must forget it, as we have: from then on it is resumed.
    let clean_start = !mqtt.session().exists();
    let connect = Connect { clean_start, keep_alive: KEEP_ALIVE, ..app.connect() };
    let (mut heard, mut end) = (port.now(), End::Lost);
    mqtt.connect(heard, &connect, &mut output)?;
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
        if mqtt.session().in_flight() == 0 {
            heard = now; // there was nothing to be heard
        }
        let next = if mqtt.is_open() { app.turn(mqtt, now, &mut output) } else { None };

        let written = port.write(output.bytes());
        output.advance(written);
        if let Wait::Closed(cause) = wait {
            if output.is_empty() {
                return Ok(if cause == Cause::Local { End::Wanted } else { end });
            }
            port.sleep(now + PATIENCE);
            continue;
        }
        let came = match port.read(input.space()) {
            Ok(came) => came,
            Err(fault) => {
                if fault == Fault::Cut {
                    end = End::Cut;
                }
                mqtt.handle_eof();
                continue;
            }
        };
        input.filled(came);
        if came > 0 {
            heard = now;
        }
        // Who sends all the time needs no PINGREQ, and gets no PINGRESP: that nobody is there shows in that nothing is
        // acknowledged.
        let silent = heard + PATIENCE;
        if now >= silent {
            mqtt.handle_eof();
        } else if taken + written + came == 0 {
            let due = [mqtt.poll_timeout(), next].into_iter().flatten();
            port.sleep(due.fold(silent, Instant::min));
        }
    }
}

/// Has the far end make a new connection, if it did not by itself.
fn hang_up(version: Version, port: &mut impl Port, pause: Duration) {
    // In 5.0, so that the will is published if this was the last that was heard.
    let reason = match version {
        Version::V5_0 => ReasonCode::DISCONNECT_WITH_WILL_MESSAGE,
        _ => ReasonCode::SUCCESS,
    };
    let (mut goodbye, mut waste) = (Buffer::<4>::new(), [0; 32]);
    // Four bytes are enough.
    let _ = Packet::Disconnect(Disconnect { reason, ..Disconnect::default() }).encode(version, &mut goodbye);
    let until = port.now() + pause;
    while port.now() < until {
        let written = port.write(goodbye.bytes());
        goodbye.advance(written);
        match port.read(&mut waste) {
            Ok(0) => port.sleep(until),
            Ok(_) | Err(Fault::Damage) => {}
            Err(Fault::Cut) => return,
        }
    }
}
