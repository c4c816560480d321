//! What is on disk after a process was killed, after damage, on a full disk.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use broker::disk::{Batch, Disk, Sqlite, Table};

/// How many messages the child keeps.
const KEPT: u64 = 10;

/// Batch `number`: a message and its letter come, others go, and it is noted how many there were.
fn fill(batch: &mut Batch, number: u64) {
    let key = number.to_be_bytes();
    let text = number.to_string().repeat(50);
    batch.put(Table::Messages, &key, text.as_bytes());
    batch.put(Table::Letters, &key, &[]);
    if let Some(old) = number.checked_sub(KEPT) {
        batch.delete(Table::Messages, &old.to_be_bytes());
        batch.delete(Table::Letters, &old.to_be_bytes());
    }
    batch.put(Table::Sessions, b"last", &key);
}

/// The number of the last batch, if any, once it is sure that all before it are there, whole, and nothing else.
fn last(disk: &impl Disk) -> Option<u64> {
    let last = rows(disk, Table::Sessions).pop().map(|(_, value)| number(&value));
    let end = last.map_or(0, |last| last + 1);
    let expected: Vec<_> = (end.saturating_sub(KEPT)..end).collect();
    let keys = |table| rows(disk, table).iter().map(|(key, _)| number(key)).collect::<Vec<_>>();
    assert_eq!(keys(Table::Letters), expected);
    assert_eq!(keys(Table::Messages), expected);
    for (key, value) in rows(disk, Table::Messages) {
        assert_eq!(value, number(&key).to_string().repeat(50).as_bytes());
    }
    last
}

fn rows(disk: &impl Disk, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    disk.scan(table, &mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

/// What the child processes do: they commit batches, and say each one's number afterwards.
#[test]
fn child() {
    let Some(directory) = env::var_os("DISK_OF_CHILD") else { return };
    let mut disk = Sqlite::open(directory.as_ref(), env::var_os("DISK_SYNC").is_some()).unwrap();
    let start = last(&disk).map_or(0, |last| last + 1);
    let mut batch = Batch::default();
    for number in start.. {
        fill(&mut batch, number);
        if let Err(error) = disk.commit(&mut batch) {
            println!("error {error}");
            assert!(!batch.is_empty());
            assert_eq!(last(&disk), number.checked_sub(1));
            return;
        }
        assert!(batch.is_empty());
        writeln!(io::stdout(), "batch {number}").unwrap();
    }
}

fn start(mut command: Command, directory: &Path) -> Child {
    let command = command.args(["--exact", "child", "--nocapture"]).env("DISK_OF_CHILD", directory);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// Kills children at random moments.
fn kill(rounds: u32, sync: bool) {
    let directory = tempfile::tempdir().unwrap();
    let mut total = None;
    for round in 0..rounds {
        let mut command = Command::new(env::current_exe().unwrap());
        if sync {
            command.env("DISK_SYNC", "1");
        }
        let mut child = start(command, directory.path());
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let (mut line, mut told) = (String::new(), None);
            while output.read_line(&mut line).unwrap() > 0 {
                // The last line may be cut off; then that number was not told.
                let number = line.strip_prefix("batch ").and_then(|line| line.strip_suffix('\n'));
                told = number.map_or(told, |number| Some(number.parse::<u64>().unwrap()));
                line.clear();
            }
            told
        });
        let random = RandomState::new().hash_one(round) % 150_000;
        thread::sleep(Duration::from_micros(random));
        child.kill().unwrap();
        child.wait().unwrap();
        total = reader.join().unwrap().or(total);
        let found = last(&Sqlite::open(directory.path(), sync).unwrap());
        // One may have been committed and not told.
        assert!(found == total || found == Some(total.map_or(0, |total| total + 1)), "{found:?} {total:?}");
        total = found;
    }
    assert!(total > Some(u64::from(rounds)), "too little happened: {total:?}");
}

#[test]
fn what_was_committed_outlives_the_process() {
    kill(40, false);
}

#[test]
fn what_was_committed_outlives_the_process_with_sync() {
    kill(10, true);
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(Command::new(env::current_exe().unwrap()), directory.path());
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    output.find(|line| line.as_ref().unwrap().starts_with("batch ")).unwrap().unwrap();
    let error = Sqlite::open(directory.path(), false).err().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    let file = directory.path().join("broker.sqlite");
    assert_eq!(error.to_string(), format!("{}: in use by another process", file.display()));
    let _disk = Sqlite::open(directory.path(), false).unwrap();
    assert_eq!(Sqlite::open(directory.path(), false).err().unwrap().kind(), ErrorKind::ResourceBusy);
}

/// Copies of a directory in use are what a crash leaves; the end of the log may not have been written.
#[test]
fn a_log_that_is_cut_off_holds_the_batches_before() {
    let [directory, copy] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut disk = Sqlite::open(directory.path(), false).unwrap();
    let mut batch = Batch::default();
    for number in 0..40 {
        fill(&mut batch, number);
        disk.commit(&mut batch).unwrap();
    }
    let log = fs::read(directory.path().join("broker.sqlite-wal")).unwrap();
    let mut found = Vec::new();
    for end in (0..=log.len()).step_by(997).chain([log.len()]) {
        for garbage in [0, 5000] {
            fs::copy(directory.path().join("broker.sqlite"), copy.path().join("broker.sqlite")).unwrap();
            let torn = [&log[..end], &vec![0xA5; garbage]].concat();
            fs::write(copy.path().join("broker.sqlite-wal"), torn).unwrap();
            found.push(last(&Sqlite::open(copy.path(), false).unwrap()));
        }
    }
    assert!(found.is_sorted());
    assert_eq!((found.first(), found.last()), (Some(&None), Some(&Some(39))));
}

#[test]
fn damage_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broker.sqlite");
    let open = || Sqlite::open(directory.path(), false);
    let mut disk = open().unwrap();
    let mut batch = Batch::default();
    for number in 0..2000_u64 {
        batch.put(Table::Messages, &number.to_be_bytes(), &[7; 100]);
    }
    disk.commit(&mut batch).unwrap();
    drop(disk);
    let whole = fs::read(&file).unwrap();
    let read = || -> io::Result<u32> {
        let mut count = 0;
        open()?.scan(Table::Messages, &mut |_, _| count += 1)?;
        Ok(count)
    };
    assert_eq!(read().unwrap(), 2000);

    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let error = read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(error.to_string(), format!("{}: database disk image is malformed", file.display()));

    fs::write(&file, b"a shopping list ".repeat(100)).unwrap();
    let error = read().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(error.to_string(), format!("{}: file is not a database", file.display()));

    // Whatever byte it is: an answer, and no panic.
    let random = RandomState::new();
    for round in 0..500 {
        let at = random.hash_one(round) as usize % whole.len();
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (round % 8);
        fs::write(&file, damaged).unwrap();
        let _ = read();
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broker.sqlite");
    let sql = |sql: &str| rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
    let refused = || {
        let before = fs::read(&file).unwrap();
        let error = Sqlite::open(directory.path(), false).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(fs::read(&file).unwrap(), before);
        error.to_string()
    };
    sql("CREATE TABLE songs (name)");
    assert_eq!(refused(), format!("{}: a database of another program", file.display()));

    fs::remove_file(&file).unwrap();
    drop(Sqlite::open(directory.path(), false).unwrap());
    sql("PRAGMA user_version = 2");
    assert_eq!(refused(), format!("{}: layout 2, but this broker knows 1 only", file.display()));

    let error = Sqlite::open(&file, false).err().unwrap();
    assert!(error.to_string().starts_with(&format!("{}: ", file.display())), "{error}");
}

/// A limit for the size of files is a disk that is full.
#[test]
#[cfg(unix)]
fn a_full_disk_is_told_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = Command::new("sh");
        let limited = "trap '' XFSZ; ulimit -f 300; exec \"$0\" \"$@\"";
        command.args(["-c", limited]).arg(env::current_exe().unwrap());
        let output = start(command, directory.path()).wait_with_output().unwrap();
        assert!(output.status.success());
        let output = String::from_utf8(output.stdout).unwrap();
        let error = output.lines().find_map(|line| line.strip_prefix("error ")).unwrap();
        assert!(error.starts_with(&directory.path().display().to_string()), "{error}");
        let told = output.lines().filter_map(|line| line.strip_prefix("batch ")).next_back();
        told.map(|number| number.parse::<u64>().unwrap())
    };
    let told = run();
    assert!(told > Some(10));
    // It is still full.
    let told = run().or(told);
    assert_eq!(last(&Sqlite::open(directory.path(), false).unwrap()), told);
}

#[test]
fn what_is_deleted_takes_no_room() {
    let directory = tempfile::tempdir().unwrap();
    let size = || -> u64 {
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    let mut disk = Sqlite::open(directory.path(), false).unwrap();
    let mut batch = Batch::default();
    for number in 0..20_000 {
        fill(&mut batch, number);
        disk.commit(&mut batch).unwrap();
    }
    assert!(size() < 5 << 20, "{}", size());
    // What is much at a time goes, too.
    let large = vec![1; 30 << 20];
    batch.put(Table::Retained, b"large", &large);
    disk.commit(&mut batch).unwrap();
    assert_eq!(rows(&disk, Table::Retained), [(b"large".to_vec(), large)]);
    batch.delete(Table::Retained, b"large");
    disk.commit(&mut batch).unwrap();
    for number in 20_000..25_000 {
        fill(&mut batch, number);
        disk.commit(&mut batch).unwrap();
    }
    assert!(size() < 10 << 20, "{}", size());
    assert_eq!(last(&disk), Some(24_999));
}
