//! Time and memory.

use std::io;
use std::time::Instant;

use procfs::process::Process;

/// How long something takes, in nanoseconds.
pub fn nanoseconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Something to be measured again and again.
pub type Sampled = Box<dyn FnMut() -> f64>;

/// So many samples of each case. The cases take turns, so that what changes on the machine hits all alike.
pub fn samples(rounds: usize, cases: &mut [Sampled]) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::new(); cases.len()];
    for _ in 0..rounds {
        for (case, samples) in cases.iter_mut().zip(&mut samples) {
            samples.push(case());
        }
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
