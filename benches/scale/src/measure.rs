//! Time, memory and instructions.

use std::io;
use std::process::Command;
use std::time::Duration;

use nix::time::ClockId;
use procfs::process::Process;
use serde::Serialize;

/// How long this thread runs for something, in nanoseconds: the time in which others run in its place does not count.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let now = || ClockId::CLOCK_THREAD_CPUTIME_ID.now().map(Duration::from).expect("every Linux has it");
    let start = now();
    work();
    (now() - start).as_nanos() as f64
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The times of one case.
#[derive(Clone, Default, Serialize)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn median(&self) -> f64 {
        median(&self.0)
    }

    /// What a check goes by: whatever disturbs only adds.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::MAX, f64::min)
    }
}

/// Something to be measured again and again.
pub type Sampled = Box<dyn FnMut() -> f64>;

/// So many samples of each case. The cases take turns, to and fro, so that what changes on the machine hits all alike, and none is
/// always behind the same one.
pub fn samples(rounds: usize, cases: &mut [Sampled]) -> Vec<Samples> {
    let mut samples = vec![Samples::default(); cases.len()];
    let mut turns: Vec<_> = (0..cases.len()).collect();
    for _ in 0..rounds {
        for turn in &turns {
            samples[*turn].0.push(cases[*turn]());
        }
        turns.reverse();
    }
    samples
}

/// How many bytes of the heap are in use afterwards that were not before.
pub fn allocated(work: impl FnOnce()) -> i64 {
    allocation_counter::measure(work).bytes_current
}

/// The bytes of memory that this process has now.
pub fn resident() -> io::Result<u64> {
    let memory = Process::myself().and_then(|process| process.statm()).map_err(io::Error::other)?;
    Ok(memory.resident * procfs::page_size())
}

/// Does something whose instructions are counted: `instructions` knows this function by its name.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Has this program do a numbered case of a part again, under valgrind, and gives the instructions of [`counted`].
pub fn instructions(part: &str, case: usize) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=scale::measure::counted*",
        ])
        .arg(std::env::current_exe()?)
        .args(["count", part, &case.to_string()])
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("valgrind: {error}")))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once(" Collected : ")?.1.parse().ok());
    collected.filter(|_| output.status.success()).ok_or_else(|| io::Error::other(text.into_owned()))
}
