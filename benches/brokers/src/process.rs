//! What the system knows of a process: where it runs and what it uses.

use std::io;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use procfs::process::Process;
use serde::Serialize;

/// What a process has used up to now.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Usage {
    /// Seconds of processor time, in the kernel, too.
    pub cpu: f64,
    /// Seconds in which it could have run, and others did.
    pub waited: f64,
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

pub fn usage(pid: u32) -> io::Result<Usage> {
    let process = Process::new(i32::try_from(pid).map_err(io::Error::other)?).map_err(io::Error::other)?;
    let stat = process.stat().map_err(io::Error::other)?;
    // It has nanoseconds, which `utime` has not.
    let threads = process.tasks().map_err(io::Error::other)?.flatten().filter_map(|it| it.schedstat().ok());
    let (ran, waited) =
        threads.fold((0, 0), |(ran, waited), it| (ran + it.sum_exec_runtime, waited + it.run_delay));
    Ok(Usage {
        cpu: ran as f64 / 1e9,
        waited: waited as f64 / 1e9,
        memory: stat.rss * procfs::page_size(),
        descriptors: process.fd_count().map_err(io::Error::other)?,
    })
}

/// Has this thread, and what it starts from now on, run on one processor only, if there are two.
pub fn pin(processor: usize) -> io::Result<()> {
    if std::thread::available_parallelism()?.get() < 2 && processor > 0 {
        return Ok(());
    }
    let mut set = CpuSet::new();
    set.set(processor)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Allows this process, and what it starts, as many connections as the system does.
pub fn allow_descriptors() -> io::Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
