//! One broker for as long as it takes: thousands of clients, bad ones among them, and `kill -9` in mid traffic.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use sans_mqtt::Version;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::process;
use crate::program::{OTHER_PROCESSOR, Program, Running};
use report::{Results, Sample};
use world::{Stage, World};

mod chaos;
mod healthy;
mod report;
mod world;

/// How long all clients may take to connect, and what is acknowledged to arrive, at the end.
const PATIENCE: f64 = 30.0;
/// The broker is killed in the first part of the run only, so that the memory of the second half is that of one process.
const KILLING: f64 = 0.4;

/// Thousands of clients, bad ones among them, and `kill -9` in mid traffic.
#[derive(Args)]
pub struct Options {
    /// How long it takes, without the time to connect at the start and for the rest to arrive at the end.
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// How many healthy clients there are.
    #[arg(long, default_value_t = 3000)]
    connections: usize,
    /// How many bad clients of each kind; 1 for each 200 healthy ones if nothing is said.
    #[arg(long)]
    bad: Option<usize>,
    /// Messages per second, all publishers together; each goes to 8 subscribers.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// The broker is killed so often, in seconds; 0: never.
    #[arg(long, default_value_t = 5.0)]
    kill_every: f64,
    /// Our broker; it is built if nothing is said.
    #[arg(long)]
    broker: Option<PathBuf>,
    /// Another broker: the program mosquitto. It keeps too little to be killed.
    #[arg(long, conflicts_with = "broker")]
    mosquitto: Option<PathBuf>,
    /// Where endure.md, endure.json and endure.svg go.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    output: PathBuf,
}

/// Whether all went well.
pub async fn endure(options: &Options) -> io::Result<bool> {
    let state = tempfile::tempdir()?;
    let program = match &options.mosquitto {
        Some(path) => Program::mosquitto(path.clone()),
        None => {
            let arguments = ["--persistence".into(), state.path().display().to_string()];
            Program::ours(options.broker.clone(), arguments.into())?
        }
    };
    LocalSet::new().run_until(run(options, &program)).await
}

async fn run(options: &Options, program: &Program) -> io::Result<bool> {
    process::pin(OTHER_PROCESSOR)?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let world = World::new(address, options.connections, options.rate);
    let mut watch = Watch {
        world: world.clone(),
        broker: program.start_at(address, Version::V5_0)?,
        samples: Vec::new(),
    };
    sleep(Duration::from_millis(500)).await;
    let descriptors = watch.broker.usage()?.descriptors;
    for number in 0..world.population() {
        spawn_local(healthy::live(world.clone(), number));
    }
    let everybody = || world.subscribed.get() == world.subscribers.len() && world.all_here();
    if !watch.until(PATIENCE, everybody).await? {
        return Err(io::Error::other("not all clients could connect"));
    }

    world.stage.set(Stage::Running);
    let began = world.clock.seconds();
    for kind in chaos::Kind::ALL {
        for number in 0..options.bad.unwrap_or_else(|| world.population().div_ceil(200)) {
            spawn_local(chaos::live(world.clone(), kind, number));
        }
    }
    let seconds = f64::from(options.seconds);
    let (mut kills, killing) = (Vec::new(), seconds * KILLING);
    while options.kill_every > 0.0 && world.clock.seconds() + options.kill_every < began + killing {
        watch.until(options.kill_every, || false).await?;
        kills.push(world.clock.seconds());
        world.calm_since.set(None);
        watch.broker.kill();
        watch.broker = program.start_at(address, Version::V5_0)?;
    }
    let half = world.clock.seconds().max(began + seconds / 2.0);
    watch.until(began + seconds - world.clock.seconds(), || false).await?;

    world.stage.set(Stage::Draining);
    let end = world.clock.seconds();
    let arrived = || {
        let account = world.account();
        account.lost == 0 && account.unacknowledged == 0
    };
    watch.until(PATIENCE, arrived).await?;
    // Long enough for what must not come, too.
    watch.until(2.0, || false).await?;
    world.stage.set(Stage::Over);
    watch.world.leave.notify_waiters();
    let broker = &watch.broker;
    let is_back = || broker.usage().is_ok_and(|usage| usage.descriptors <= descriptors);
    for _ in 0..100 {
        if is_back() {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    let results = Results {
        broker: program.version()?,
        connections: world.population(),
        seconds,
        kills,
        account: world.account(),
        descriptors: (descriptors, watch.broker.usage()?.descriptors),
        measured: (half, end),
        samples: watch.samples,
        broken: world.counts.broken.get(),
        misdeeds: world.counts.misdeeds.take().into_iter().collect(),
        latency: report::quantiles(&world.latencies.all.borrow()),
        calm_latency: report::quantiles(&world.latencies.calm.borrow()),
    };
    report::write(&results, &options.output)?;
    Ok(results.faults().is_empty())
}

/// Looks after the broker, second by second.
struct Watch {
    world: Rc<World>,
    broker: Running,
    samples: Vec<Sample>,
}

impl Watch {
    /// Takes a sample each second, until that is so, or for so many seconds. Says whether it is so.
    async fn until(&mut self, seconds: f64, is_so: impl Fn() -> bool) -> io::Result<bool> {
        let world = self.world.clone();
        let end = world.clock.seconds() + seconds;
        let mut ticks = interval(Duration::from_millis(100));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while world.clock.seconds() < end {
            ticks.tick().await;
            if let Some(status) = self.broker.ended()? {
                return Err(io::Error::other(format!("the broker ended by itself, with {status}")));
            }
            if world.calm_since.get().is_none() && world.all_here() {
                world.calm_since.set(Some(world.clock.nanos()));
            }
            let last = self.samples.last().copied();
            if world.clock.seconds() >= last.map_or(0.0, |it| it.at) + 1.0 {
                self.samples.push(Sample::take(&world, &self.broker, &last)?);
            }
            if is_so() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
