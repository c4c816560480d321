//! A broker for the clients nearby, which shares topics with a broker far away:
//!
//! `bridge ADDRESS FAR-ADDRESS UP DOWN`
//!
//! Listens on ADDRESS. What is published here and matches the topic filter UP goes to the other broker, what is published
//! there and matches DOWN comes here, both at most at QoS 2, exactly once. While the way is cut, messages of QoS 1 and 2
//! wait in the sessions on both sides.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use broker::Shared;
use broker::net::carry::{Pace, Turn, carry};
use broker::net::peer::Peer;
use broker::output::Output;
use sans_mqtt::{Cause, Disconnect, Sink, Wait};
use side::Side;
use tokio::io::{self, AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::ctrl_c;
use tokio::time::{sleep, timeout};

mod side;

/// How long to wait before the far broker is tried again: this long, then twice as long, up to the second.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

#[derive(Clone)]
struct Bridge {
    /// Near and far.
    sides: Arc<Mutex<[Side; 2]>>,
    shared: Shared,
    client_id: String,
}

const NEAR: usize = 0;
const FAR: usize = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [address, far, up, down] = &arguments[..] else {
        eprintln!("usage: bridge ADDRESS FAR-ADDRESS UP DOWN");
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("bridge: can't listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Ok(address) = listener.local_addr() {
        println!("listening on {address}");
    }
    let shared = Shared::default();
    tokio::spawn(shared.clone().listen(listener));
    let sides = [Side::new(up), Side::new(down)];
    let sides = Arc::new(Mutex::new(sides));
    let bridge = Bridge { sides, shared, client_id: format!("bridge-{up}-{down}") };
    let work = async { tokio::join!(bridge.stay_at_home(), bridge.keep_connected(far)) };
    tokio::pin!(work);
    tokio::select! {
        _ = &mut work => ExitCode::FAILURE,
        _ = ctrl_c() => {
            bridge.disconnect();
            let _ = timeout(Duration::from_secs(1), work).await;
            ExitCode::SUCCESS
        }
    }
}

impl Bridge {
    /// The near side is a client of the broker here like any other, over a transport in memory.
    async fn stay_at_home(&self) {
        loop {
            let (ours, theirs) = io::duplex(64 << 10);
            tokio::spawn(self.shared.clone().serve(Peer::default(), theirs));
            match self.drive(NEAR, ours).await {
                Ok(Cause::Local) => return,
                Ok(cause) => eprintln!("bridge: here: {cause}"),
                Err(error) => eprintln!("bridge: here: {error}"),
            }
            sleep(DELAYS.0).await;
        }
    }

    /// Connects to the far broker, again and again.
    async fn keep_connected(&self, address: &str) {
        let mut delay = DELAYS.0;
        loop {
            match TcpStream::connect(address).await {
                Ok(socket) => {
                    let _ = socket.set_nodelay(true);
                    match self.drive(FAR, socket).await {
                        Ok(Cause::Local) => return,
                        Ok(cause) => eprintln!("bridge: {address}: {cause}"),
                        Err(error) => eprintln!("bridge: {address}: {error}"),
                    }
                    if self.sides.lock().unwrap()[FAR].client.agreement().is_some() {
                        delay = DELAYS.0; // it was accepted
                    }
                }
                Err(error) => eprintln!("bridge: {address}: {error}"),
            }
            sleep(delay).await;
            delay = (delay * 2).min(DELAYS.1);
        }
    }

    /// Runs the connection of one side to its end. Tells why it ended.
    async fn drive(&self, me: usize, transport: impl AsyncRead + AsyncWrite) -> io::Result<Cause> {
        self.sides.lock().unwrap()[me].connect(self.shared.clock.now(), &self.client_id)?;
        let mut end = Cause::Eof;
        let turn = |came: &[u8], is_eof, output: &mut Output, waker: &Waker| {
            let (wait, turn) = self.turn(me, came, is_eof, output, waker)?;
            if let Wait::Closed(cause) = wait {
                end = cause;
            }
            Ok(turn)
        };
        carry(transport, self.shared.clock, &Pace::default(), turn).await?;
        Ok(end)
    }

    fn disconnect(&self) {
        for side in self.sides.lock().unwrap().iter_mut() {
            let _ = side.client.disconnect(&Disconnect::default(), &mut side.output);
            side.wake();
        }
    }

    /// Deals with what came on one side, and with what waits on both.
    fn turn(
        &self,
        me: usize,
        came: &[u8],
        is_eof: bool,
        output: &mut Output,
        waker: &Waker,
    ) -> io::Result<(Wait, Turn)> {
        let mut sides = self.sides.lock().unwrap();
        let [near, far] = &mut *sides;
        let (mine, other) = if me == NEAR { (near, far) } else { (far, near) };
        mine.waker = Some(waker.clone());
        mine.input.extend_from_slice(came);
        if is_eof {
            mine.client.handle_eof();
        }
        let wait = mine.handle(self.shared.clock.now())?;
        mine.pass(other)?;
        other.pass(mine)?;
        if output.reserve(mine.output.inner.len()) {
            output.put(&mine.output.inner);
            mine.output.inner.clear();
        }
        if !other.output.inner.is_empty() {
            other.wake();
        }
        let (reads, is_over) = (matches!(wait, Wait::Read(_)), matches!(wait, Wait::Closed(_)));
        Ok((wait, Turn { reads, due: mine.client.poll_timeout(), messages: 0, is_over }))
    }
}
