//! What a commit costs: `cargo run --release -p broker --example disk`, and a directory on the medium that is asked about
//! if the one of temporary files is on another.
//!
//! Each message of QoS 1 for a client that is away, or slow, is two batches: it is written with its letter, and deleted.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use broker::disk::{Batch, Disk, Sqlite, Table};

/// How many messages are on their way at a time.
const WAITING: u64 = 20;

fn main() -> io::Result<()> {
    let parent = env::args_os().nth(1).map_or_else(env::temp_dir, Into::into);
    let directory = parent.join(format!("broker-disk-{}", std::process::id()));
    let result = measure(&directory);
    fs::remove_dir_all(&directory)?;
    result
}

fn measure(directory: &Path) -> io::Result<()> {
    for (name, sync, messages) in [("the process may die", false, 100_000), ("the power may fail", true, 500)]
    {
        let mut disk = Sqlite::open(&directory.join(name), sync)?;
        let mut times = come_and_go(&mut disk, messages)?;
        times.sort();
        let (total, n) = (times.iter().sum::<Duration>(), times.len());
        println!("{name}: {n} commits, {:?} each on average", total / n as u32);
        let at = |part: f64| times[((n - 1) as f64 * part) as usize];
        println!(
            "    half in {:?}, 99 % in {:?}, 99.9 % in {:?}, all in {:?}",
            at(0.5),
            at(0.99),
            at(0.999),
            at(1.0)
        );
        println!("    {} KiB on disk", size(&directory.join(name))? >> 10);
    }
    let directory = directory.join("many");
    let rows = 1_000_000;
    fill(&mut Sqlite::open(&directory, false)?, rows)?;
    let start = Instant::now();
    let mut disk = Sqlite::open(&directory, false)?;
    println!("{rows} rows, {} KiB: opened in {:?}", size(&directory)? >> 10, start.elapsed());
    let mut seen = 0;
    disk.scan(Table::Messages, &mut |_, _| seen += 1)?;
    println!("    {seen} read in {:?}", start.elapsed());
    let start = Instant::now();
    empty(&mut disk, rows)?;
    println!("    deleted in {:?}, {} KiB on disk", start.elapsed(), size(&directory)? >> 10);
    Ok(())
}

/// How long each commit took.
fn come_and_go(disk: &mut impl Disk, messages: u64) -> io::Result<Vec<Duration>> {
    let mut batch = Batch::default();
    let mut times = Vec::with_capacity(2 * messages as usize);
    for number in 0..messages {
        batch.put(Table::Messages, &number.to_be_bytes(), &[0; 150]);
        batch.put(Table::Letters, [1, number].map(u64::to_be_bytes).as_flattened(), &[0; 10]);
        times.push(time(|| disk.commit(&mut batch))?);
        if let Some(number) = number.checked_sub(WAITING) {
            batch.delete(Table::Messages, &number.to_be_bytes());
            batch.delete(Table::Letters, [1, number].map(u64::to_be_bytes).as_flattened());
            times.push(time(|| disk.commit(&mut batch))?);
        }
    }
    Ok(times)
}

fn fill(disk: &mut impl Disk, rows: u64) -> io::Result<()> {
    let mut batch = Batch::default();
    for number in 0..rows {
        batch.put(Table::Messages, &number.to_be_bytes(), &[0; 150]);
        if number % 1000 == 999 {
            disk.commit(&mut batch)?;
        }
    }
    disk.commit(&mut batch)
}

fn empty(disk: &mut impl Disk, rows: u64) -> io::Result<()> {
    let mut batch = Batch::default();
    for number in 0..rows {
        batch.delete(Table::Messages, &number.to_be_bytes());
        if number % 1000 == 999 {
            disk.commit(&mut batch)?;
        }
    }
    disk.commit(&mut batch)
}

fn time(what: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    what().map(|()| start.elapsed())
}

fn size(directory: &Path) -> io::Result<u64> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
