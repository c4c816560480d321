//! What the disk costs: `cargo run --release -p broker --example disk`, and a directory on the medium that is asked about
//! if that of temporary files is on another.
//!
//! Each message of QoS 1 for a client that is away, or slow, is two batches: it is written with its letter, and deleted.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use broker::disk::{Batch, Disk, LetterRow, LetterState, MessageRow, SessionRow, Sqlite, load};
use sans_mqtt::{Message, PublishBuf, Qos};

/// How many messages are on their way at a time.
const WAITING: u64 = 20;
const SESSION: u64 = 1;

fn main() -> io::Result<()> {
    let parent = env::args_os().nth(1).map_or_else(env::temp_dir, Into::into);
    let directory = parent.join(format!("broker-disk-{}", std::process::id()));
    let result = measure(&directory);
    fs::remove_dir_all(&directory)?;
    result
}

fn measure(directory: &Path) -> io::Result<()> {
    let message = Message { topic: "attic/temperature", payload: &[b'2'; 100], ..Message::default() };
    let publish = PublishBuf::try_from(&message).map_err(io::Error::other)?;
    let row = MessageRow { received: 1_800_000_000_000, expires: None, publish };

    for (name, sync, messages) in [("the process may die", false, 100_000), ("the power may fail", true, 500)]
    {
        let directory = directory.join(name);
        let mut disk = Sqlite::open(&directory, sync)?;
        let mut times = come_and_go(&mut disk, &row, messages)?;
        times.sort();
        let (total, n) = (times.iter().sum::<Duration>(), times.len());
        println!("{name}: {n} commits, {:?} each on average", total / n as u32);
        let [half, most, nearly, all] =
            [0.5, 0.99, 0.999, 1.0].map(|part| times[((n - 1) as f64 * part) as usize]);
        println!("    half in {half:?}, 99 % in {most:?}, 99.9 % in {nearly:?}, all in {all:?}");
        println!("    {} KiB on disk", size(&directory)? >> 10);
    }

    let (directory, waiting) = (directory.join("many"), 500_000);
    fill(&mut Sqlite::open(&directory, false)?, &row, waiting)?;
    let start = Instant::now();
    let mut disk = Sqlite::open(&directory, false)?;
    println!("{waiting} messages wait, {} KiB: opened in {:?}", size(&directory)? >> 10, start.elapsed());
    let image = load(&disk)?;
    println!("    {} loaded in {:?}", image.messages.len(), start.elapsed());
    let start = Instant::now();
    empty(&mut disk, waiting)?;
    println!("    deleted in {:?}, {} KiB on disk", start.elapsed(), size(&directory)? >> 10);
    Ok(())
}

/// How long each commit took.
fn come_and_go(disk: &mut impl Disk, row: &MessageRow, messages: u64) -> io::Result<Vec<Duration>> {
    let mut batch = Batch::default();
    let mut times = Vec::new();
    for number in 0..messages {
        times.push(time(|| {
            put(&mut batch, row, number);
            disk.commit(&mut batch)
        })?);
        if let Some(number) = number.checked_sub(WAITING) {
            times.push(time(|| {
                delete(&mut batch, number);
                disk.commit(&mut batch)
            })?);
        }
    }
    Ok(times)
}

fn fill(disk: &mut impl Disk, row: &MessageRow, messages: u64) -> io::Result<()> {
    let mut batch = Batch::default();
    let (user, end_at, will, will_delay, will_at) = (None, None, None, 0, None);
    let client_id = Cow::from("mobile device");
    let session = SessionRow { client_id, user, expiry_interval: 3600, end_at, will, will_delay, will_at };
    batch.put_session(SESSION, &session);
    for number in 0..messages {
        put(&mut batch, row, number);
        if number % 1000 == 999 {
            disk.commit(&mut batch)?;
        }
    }
    disk.commit(&mut batch)
}

fn empty(disk: &mut impl Disk, messages: u64) -> io::Result<()> {
    let mut batch = Batch::default();
    for number in 0..messages {
        delete(&mut batch, number);
        if number % 1000 == 999 {
            disk.commit(&mut batch)?;
        }
    }
    disk.commit(&mut batch)
}

fn put(batch: &mut Batch, row: &MessageRow, number: u64) {
    let (qos, retain, ids, shared) = (Qos::AtLeastOnce, false, Cow::default(), None);
    let letter = LetterRow { message: number, qos, retain, ids, state: LetterState::Queued, shared };
    batch.put_message(number, row);
    batch.put_letter(SESSION, number, &letter);
}

fn delete(batch: &mut Batch, number: u64) {
    batch.delete_letter(SESSION, number);
    batch.delete_message(number);
}

fn time(what: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    what().map(|()| start.elapsed())
}

fn size(directory: &Path) -> io::Result<u64> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
}
