//! What came of an endurance run: the verdict, and how memory, connections, rate and latency went.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::world::{Account, World};
use crate::plot::{self, Line};
use crate::program::Running;

/// How much the broker's memory may grow in the second half of the run: by this part, and so many bytes.
const GROWTH: (f64, f64) = (0.1, 4e6);

/// One second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at: f64,
    /// Resident memory of the broker, in bytes.
    pub memory: u64,
    pub descriptors: usize,
    pub connected: usize,
    /// Deliveries per second.
    pub rate: f64,
    pub deliveries: u64,
    pub latency: Quantiles,
}

/// In milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p99: f64,
}

pub fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
    Quantiles { p50: at(0.5), p99: at(0.99) }
}

impl Sample {
    pub fn take(world: &World, broker: &Running, last: &Option<Self>) -> io::Result<Self> {
        let (at, usage, deliveries) = (world.clock.seconds(), broker.usage()?, world.counts.deliveries.get());
        let (since, before) = last.map_or((0.0, 0), |last| (last.at, last.deliveries));
        let mut second = world.latencies.second.borrow_mut();
        let latency = quantiles(&second);
        second.reset();
        Ok(Self {
            at,
            memory: usage.memory,
            descriptors: usage.descriptors,
            connected: world.connected.get(),
            rate: (deliveries - before) as f64 / (at - since),
            deliveries,
            latency,
        })
    }
}

#[derive(Serialize)]
pub struct Results {
    pub broker: String,
    pub connections: usize,
    pub seconds: f64,
    /// When the broker was killed.
    pub kills: Vec<f64>,
    pub account: Account,
    /// Open file descriptors of the broker, before the first client came and after the last had gone.
    pub descriptors: (usize, usize),
    /// The second half of the run, in which memory is measured.
    pub measured: (f64, f64),
    /// Connections of healthy clients that ended before the run did.
    pub broken: u64,
    /// How often a bad client did what it does.
    pub misdeeds: Vec<(String, u64)>,
    pub latency: Quantiles,
    pub calm_latency: Quantiles,
    pub samples: Vec<Sample>,
}

impl Results {
    /// How memory went in the second half: bytes per second, and bytes in the mean.
    fn memory(&self) -> (f64, f64) {
        let (begin, end) = self.measured;
        let points = self.samples.iter().filter(|it| it.at >= begin && it.at <= end);
        least_squares(&points.map(|it| (it.at, it.memory as f64)).collect::<Vec<_>>())
    }

    /// How much memory may grow, in bytes per second.
    fn limit(&self) -> f64 {
        let (_, mean) = self.memory();
        (mean * GROWTH.0 + GROWTH.1) / (self.measured.1 - self.measured.0)
    }

    /// What went wrong.
    pub fn faults(&self) -> Vec<String> {
        let account = self.account;
        let mut faults: Vec<_> = [
            (account.lost, "deliveries of acknowledged messages are lost"),
            (account.repeated_qos_2, "messages of QoS 2 came twice"),
            (account.out_of_order, "messages came behind a later one"),
            (account.unacknowledged, "messages were never acknowledged"),
            (account.sessions_forgotten, "sessions were forgotten"),
            (account.wrong, "messages or subscriptions were refused, dropped, or came from nowhere"),
            (u64::from(account.delivered == 0), "run without a delivery"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        let (slope, _) = self.memory();
        if slope > self.limit() {
            faults.push(format!("memory grows by {:.0} KB/s, limit {:.0}", slope / 1e3, self.limit() / 1e3));
        }
        let (before, after) = self.descriptors;
        if after > before {
            faults.push(format!("{} file descriptors are still open", after - before));
        }
        faults
    }
}

/// The slope of a line through the points, and the mean.
fn least_squares(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len().max(1) as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x).powi(2))
    });
    (if below > 0.0 { above / below } else { 0.0 }, y)
}

pub fn write(results: &Results, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let text = text(results).map_err(io::Error::other)?;
    println!("{text}");
    fs::write(directory.join("endure.md"), text)?;
    fs::write(directory.join("endure.json"), serde_json::to_string_pretty(results)?)?;
    let lines = |of: &dyn Fn(&Sample) -> f64| results.samples.iter().map(|it| (it.at, of(it))).collect();
    let panels = [
        (
            "resident memory of the broker, MiB",
            vec![Line { name: "memory", points: lines(&|it| it.memory as f64 / f64::from(1 << 20)) }],
        ),
        (
            "connections",
            vec![
                Line { name: "healthy clients", points: lines(&|it| it.connected as f64) },
                Line { name: "descriptors of the broker", points: lines(&|it| it.descriptors as f64) },
            ],
        ),
        ("deliveries per second", vec![Line { name: "deliveries", points: lines(&|it| it.rate) }]),
        (
            "latency, ms",
            vec![
                Line { name: "p50", points: lines(&|it| it.latency.p50) },
                Line { name: "p99", points: lines(&|it| it.latency.p99) },
            ],
        ),
    ];
    plot::lines(&directory.join("endure.svg"), &panels, &results.kills)
}

fn text(results: &Results) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let faults = results.faults();
    let Account {
        published,
        acknowledged,
        delivered,
        lost,
        repeated_qos_1,
        repeated_qos_2,
        out_of_order,
        ..
    } = results.account;
    let (slope, mean) = results.memory();
    writeln!(
        text,
        "{}: {}\n",
        results.broker,
        if faults.is_empty() { "all is well".into() } else { faults.join("; ") }
    )?;
    writeln!(text, "| | |\n|---|--:|")?;
    let mut row = |what: &str, figure: String| writeln!(text, "| {what} | {figure} |");
    row("healthy clients", results.connections.to_string())?;
    row("seconds", format!("{:.0}", results.seconds))?;
    row("`kill -9` of the broker", results.kills.len().to_string())?;
    row("connections of healthy clients that were broken", results.broken.to_string())?;
    row("messages published", published.to_string())?;
    row("messages acknowledged", acknowledged.to_string())?;
    row("deliveries", delivered.to_string())?;
    row("deliveries lost of acknowledged messages", lost.to_string())?;
    row("QoS 1 more than once, as it may be", repeated_qos_1.to_string())?;
    row("QoS 2 more than once", repeated_qos_2.to_string())?;
    row("behind a later message", out_of_order.to_string())?;
    let Quantiles { p50, p99 } = results.calm_latency;
    row("latency p50, p99, when all are there", format!("{p50:.1} ms, {p99:.1} ms"))?;
    let Quantiles { p50, p99 } = results.latency;
    row("latency p50, p99, with what waited for a restart", format!("{p50:.1} ms, {p99:.1} ms"))?;
    row("memory in the second half", format!("{:.1} MiB", mean / f64::from(1 << 20)))?;
    row("its growth (limit)", format!("{:.1} KB/s ({:.1})", slope / 1e3, results.limit() / 1e3))?;
    row("file descriptors before, after", format!("{}, {}", results.descriptors.0, results.descriptors.1))?;
    for (kind, count) in &results.misdeeds {
        row(&format!("bad clients: {kind}"), count.to_string())?;
    }
    writeln!(text, "\n![memory, connections, rate and latency over time](endure.svg)")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::least_squares;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let points: Vec<_> = (0..10).map(|x| (f64::from(x), f64::from(100 + 3 * x))).collect();
        let (slope, mean) = least_squares(&points);
        assert!((slope - 3.0).abs() < 1e-9 && (mean - 113.5).abs() < 1e-9, "{slope} {mean}");
        assert_eq!(least_squares(&[]).0, 0.0);
        assert_eq!(least_squares(&[(1.0, 5.0)]), (0.0, 5.0));
    }
}
