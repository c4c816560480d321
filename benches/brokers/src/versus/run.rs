//! One run of one scenario against one broker.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use sans_mqtt::*;
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::load::{Pace, Publisher, Run, Scenario, Subscriber};
use crate::link::{Clock, Task, carry};
use crate::process::{self, Usage};
use crate::program::Running;

/// How many clients connect at once.
const CROWD: u32 = 50;
/// How long what was sent may take to arrive in the end, and clients to connect.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Deliveries per second.
    pub rate: f64,
    /// Processor time of the broker per delivery, in microseconds.
    pub cpu: f64,
    /// In which part of the time the broker ran, or would have if nobody else had, and the generator: what is near 1 is what
    /// limits the rate. The threads of a broker are added up, and wait for each other, too.
    pub broker_busy: f64,
    pub generator_busy: f64,
    /// In which part of the time others ran in place of the broker: how far to trust the rate.
    pub disturbed: f64,
    /// Resident memory of the broker at the end, in bytes.
    pub memory: u64,
    /// In milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Messages that did not come, to all subscribers together.
    pub lost: u64,
    /// Messages that came more than once.
    pub repeats: u64,
    /// Messages that came behind a later one.
    pub late: u64,
}

impl Outcome {
    /// What speaks against the figures, if anything does.
    pub fn fault(&self, qos: Qos) -> Option<String> {
        let Self { lost, repeats, late, .. } = self;
        if *lost > 0 {
            return Some(format!("{lost} lost"));
        }
        if *repeats > 0 && qos != Qos::AtLeastOnce {
            return Some(format!("{repeats} twice"));
        }
        (*late > 0).then(|| format!("{late} out of order"))
    }
}

/// Loads a broker for `length`, after a while for it to get going.
pub async fn run(
    broker: &Running,
    version: Version,
    scenario: Scenario,
    pace: Pace,
    length: Duration,
) -> io::Result<Outcome> {
    let run = Run::new(scenario, pace, Clock::start());
    // All clients end with it.
    LocalSet::new().run_until(measure(broker, version, &run, length)).await
}

async fn measure(broker: &Running, version: Version, run: &Rc<Run>, length: Duration) -> io::Result<Outcome> {
    let Scenario { publishers, subscribers, .. } = run.scenario;
    for number in 0..subscribers {
        let subscriber = Subscriber::new(run.clone());
        spawn_client(run, broker.address, version, format!("subscriber-{number}"), subscriber, None);
        until(run, || run.ready.get() + CROWD > number).await?;
    }
    until(run, || run.ready.get() == subscribers).await?;
    for number in 0..publishers {
        let publisher = Publisher::new(run.clone(), number);
        spawn_client(run, broker.address, version, format!("publisher-{number}"), publisher, Some(number));
        until(run, || run.ready.get() + CROWD > subscribers + number).await?;
    }
    until(run, || run.ready.get() == subscribers + publishers).await?;

    sleep(length / 4).await;
    run.latencies.borrow_mut().reset();
    let begin = Snapshot::take(broker, run)?;
    sleep(length).await;
    let end = Snapshot::take(broker, run)?;
    let (p50, p99) = {
        let latencies = run.latencies.borrow();
        (latencies.value_at_quantile(0.5) as f64 / 1e6, latencies.value_at_quantile(0.99) as f64 / 1e6)
    };
    run.stopped.set(true);
    // If it fails, that much is lost.
    let _ = until(run, || run.deliveries.get() == run.owed()).await;
    if let Some(failure) = run.failure.take() {
        return Err(io::Error::other(failure));
    }
    let busy = |end: Usage, begin: Usage| end.cpu - begin.cpu + end.waited - begin.waited;
    let (seconds, deliveries) = (end.at - begin.at, (end.deliveries - begin.deliveries).max(1) as f64);
    Ok(Outcome {
        rate: deliveries / seconds,
        cpu: (end.broker.cpu - begin.broker.cpu) * 1e6 / deliveries,
        broker_busy: busy(end.broker, begin.broker) / seconds,
        generator_busy: busy(end.generator, begin.generator) / seconds,
        disturbed: (end.broker.waited - begin.broker.waited) / seconds,
        memory: broker.usage()?.memory,
        p50,
        p99,
        lost: run.owed() - run.deliveries.get(),
        repeats: run.repeats.get(),
        late: run.late.get(),
    })
}

struct Snapshot {
    at: f64,
    deliveries: u64,
    broker: Usage,
    generator: Usage,
}

impl Snapshot {
    fn take(broker: &Running, run: &Run) -> io::Result<Self> {
        let (at, deliveries) = (run.clock.seconds(), run.deliveries.get());
        Ok(Self { at, deliveries, broker: broker.usage()?, generator: process::usage(std::process::id())? })
    }
}

/// Waits until that is so, but not for ever, nor after a failure.
async fn until(run: &Run, is_so: impl Fn() -> bool) -> io::Result<()> {
    let wait = async {
        while !is_so() {
            if let Some(failure) = &*run.failure.borrow() {
                return Err(io::Error::other(failure.clone()));
            }
            run.changed.notified().await;
        }
        Ok(())
    };
    timeout(PATIENCE, wait).await.map_err(|_| io::Error::other("the broker does not answer any more"))?
}

fn spawn_client(
    run: &Rc<Run>,
    address: SocketAddr,
    version: Version,
    name: String,
    mut task: impl Task + 'static,
    publisher: Option<u32>,
) {
    let run = run.clone();
    spawn_local(async move {
        let never = Notify::new();
        let wake = publisher.map_or(&never, |number| run.wake(number));
        let connection = async {
            let socket = TcpStream::connect(address).await?;
            socket.set_nodelay(true)?;
            let config = Config { receive_maximum: 1024, ..Config::default() };
            let mut client = Client::new(version, &config, Session::new(Heap::new(u16::MAX, u16::MAX)));
            let mut output = Vec::new();
            let connect = Connect { client_id: &name, ..Connect::default() };
            client.connect(run.clock.now(), &connect, &mut output)?;
            carry(socket, &mut client, &mut task, output, run.clock, wake).await
        };
        match connection.await {
            Ok(cause) => run.fail(format!("{name}: {cause}")),
            Err(error) => run.fail(format!("{name}: {error}")),
        }
    });
}
