//! A session in a file that survives `kill -9`, and with [`Durability::Power`] a power failure.
//!
//! The file is a journal: what happens to the session is appended to it before anything that depends on it is sent. It holds
//! entries, each of which happened as a whole or not at all:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the body, low byte first |
//! | 4 | CRC-32 of the body |
//! | | the body: how far the application is (8 bytes), and behind that a [`Record`], or none |
//!
//! The body of the first entry says whose session it is instead. Entries are written in groups: all that one turn of the
//! loop brought goes out with one write, and one fsync. When a crash cuts the last write short, the entries that are not
//! whole have not been acted upon, and are left out.
//!
//! Once the journal is long, it is replaced by a new one that holds only what the session is now. It is written beside it, as
//! `FILE.new`, and takes its place when it is on the disk. `FILE.lock` keeps two programs from having the same session.

use std::fs::TryLockError;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use sans_mqtt::{Boxed, EncodeError, Heap, Record, Session, Store, StoreError};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::Error;

/// A journal is not made shorter before it has this many bytes.
const LONG: u64 = 64 << 10;

/// The position of an application that has not said any.
const NOWHERE: u64 = u64::MAX;

/// What a session in a file survives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The end of the program, however it comes: each entry is given to the operating system in time.
    Process,
    /// A power failure, too: each entry is on the disk in time. A message waits for that, together with all that are sent or
    /// acknowledged meanwhile from other tasks: one fsync is for all of them.
    Power,
}

/// The memory of a session, and the file that it is restored from.
#[derive(Debug)]
pub struct Journal {
    tables: Heap,
    client_id: String,
    purpose: String,
    pub(crate) progress: Progress,
    /// Entries that are not in the file yet.
    entries: Vec<u8>,
    /// `None`: the session ends with the program.
    disk: Option<Disk>,
}

/// How far the application is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) position: Option<u64>,
    /// Whether an entry tells so. If not, the next one does: that of a record, or one without, if none comes.
    pub(crate) is_noted: bool,
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    file: File,
    durability: Durability,
    len: u64,
    /// The length of the journal at which it is worthwhile to make it shorter.
    long: u64,
    /// Keeps other programs away from the journal, which is a new file now and then.
    _lock: std::fs::File,
}

impl Journal {
    /// A session that ends with the program.
    pub fn volatile(client_id: Option<&str>) -> Session<Self> {
        Session::new(Self::new(client_id, ""))
    }

    /// The session in a file, or a new one if there is none. `purpose` is what the session is for: a file that was made for
    /// another purpose, or with another client identifier, is refused.
    pub async fn open(
        path: &Path,
        client_id: Option<&str>,
        purpose: &str,
        durability: Durability,
    ) -> Result<Session<Self>, Error> {
        let open = async {
            let lock = lock(path)?;
            let mut session = Session::new(Self::new(client_id, purpose));
            match fs::read(path).await {
                Ok(bytes) => restore(&mut session, &bytes, client_id)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let (file, len) = replace(path, &snapshot(&session)?).await?;
            let disk =
                Disk { path: path.into(), file, durability, len, long: LONG.max(2 * len), _lock: lock };
            session.store_mut().disk = Some(disk);
            Ok(session)
        };
        open.await.map_err(|error| Error::Journal(path.into(), error))
    }

    fn new(client_id: Option<&str>, purpose: &str) -> Self {
        let random = || format!("mqtt-{:016x}", fastrand::u64(..));
        Self {
            tables: Heap::default(),
            client_id: client_id.map_or_else(random, String::from),
            purpose: purpose.into(),
            progress: Progress { position: None, is_noted: true },
            entries: Vec::new(),
            disk: None,
        }
    }

    /// Whether the session ends with the program.
    pub fn is_volatile(&self) -> bool {
        self.disk.is_none()
    }

    /// The client identifier that the session belongs to.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    fn append(&mut self, record: Option<&Record<'_>>) -> Result<(), EncodeError> {
        entry(&mut self.entries, self.progress.position, record)?;
        self.progress.is_noted = true;
        Ok(())
    }

    fn error(&self, error: io::Error) -> Error {
        Error::Journal(self.disk.as_ref().map(|disk| disk.path.clone()).unwrap_or_default(), error)
    }

    /// How far the application is, as it said last; `None` if it never has.
    pub fn position(&self) -> Option<u64> {
        self.progress.position
    }

    /// Says where the application begins.
    pub fn set_position(&mut self, position: u64) {
        self.progress = Progress { position: Some(position), is_noted: false };
    }
}

/// Writes down what has happened. Before that, nothing may be sent.
pub(crate) async fn commit(session: &mut Session<Journal>) -> Result<(), Error> {
    let journal = session.store_mut();
    if !journal.progress.is_noted {
        journal.append(None)?;
    }
    let entries = mem::take(&mut journal.entries);
    let Some(disk) = journal.disk.as_mut().filter(|_| !entries.is_empty()) else { return Ok(()) };
    let mut written = disk.append(&entries).await;
    if written.is_ok() && disk.len > disk.long {
        written = shorten(session).await;
    }
    written.map_err(|error| session.store().error(error))
}

impl Disk {
    async fn append(&mut self, entries: &[u8]) -> io::Result<()> {
        self.file.write_all(entries).await?;
        self.file.flush().await?;
        if self.durability == Durability::Power {
            self.file.sync_data().await?;
        }
        self.len += entries.len() as u64;
        Ok(())
    }
}

/// Replaces the journal by the shortest one that tells the same.
async fn shorten(session: &mut Session<Journal>) -> io::Result<()> {
    let bytes = snapshot(session)?;
    if let Some(disk) = &mut session.store_mut().disk {
        (disk.file, disk.len) = replace(&disk.path, &bytes).await?;
        disk.long = LONG.max(2 * disk.len);
    }
    Ok(())
}

fn snapshot(session: &Session<Journal>) -> io::Result<Vec<u8>> {
    let Journal { client_id, purpose, progress, .. } = session.store();
    let mut bytes = Vec::new();
    let begin = begin(&mut bytes);
    bytes.extend([&Record::HEADER, client_id.as_bytes(), b"\0", purpose.as_bytes()].concat());
    finish(&mut bytes, begin);
    let mut written = entry(&mut bytes, progress.position, None);
    session
        .export(|record| written = written.and_then(|()| entry(&mut bytes, progress.position, Some(record))));
    written.map_err(io::Error::other)?;
    Ok(bytes)
}

/// Puts a whole file in the place of another. Whatever happens, one of the two is there.
async fn replace(path: &Path, bytes: &[u8]) -> io::Result<(File, u64)> {
    let new = beside(path, ".new");
    let mut file = File::create(&new).await?;
    file.write_all(bytes).await?;
    file.flush().await?;
    file.sync_all().await?;
    fs::rename(&new, path).await?;
    #[cfg(unix)] // elsewhere a directory is no file
    {
        let folder = path.parent().filter(|folder| *folder != "").unwrap_or(Path::new("."));
        File::open(folder).await?.sync_all().await?;
    }
    Ok((file, bytes.len() as u64))
}

fn lock(path: &Path) -> io::Result<std::fs::File> {
    let lock = std::fs::File::create(beside(path, ".lock"))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another program has this session"),
        TryLockError::Error(error) => error,
    })?;
    Ok(lock)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Leaves room in front of a body that is to be appended.
fn begin(bytes: &mut Vec<u8>) -> usize {
    bytes.extend([0; 8]);
    bytes.len()
}

fn finish(bytes: &mut [u8], begin: usize) {
    let (front, body) = bytes.split_at_mut(begin);
    let (len, sum) = (body.len() as u32, crc32fast::hash(body));
    front[begin - 8..begin - 4].copy_from_slice(&len.to_le_bytes());
    front[begin - 4..].copy_from_slice(&sum.to_le_bytes());
}

/// Appends an entry with a record, or only with the position.
fn entry(bytes: &mut Vec<u8>, position: Option<u64>, record: Option<&Record<'_>>) -> Result<(), EncodeError> {
    let begin = begin(bytes);
    bytes.extend(position.unwrap_or(NOWHERE).to_le_bytes());
    if let Err(error) = record.map_or(Ok(0), |record| record.encode(bytes)) {
        bytes.truncate(begin - 8);
        return Err(error);
    }
    finish(bytes, begin);
    Ok(())
}

/// The body of the first entry, and what is behind it. `None` at the end, and where a crash has left one that is not whole.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first_chunk()?;
    let (&sum, rest) = rest.split_first_chunk()?;
    let (body, rest) = rest.split_at_checked(u32::from_le_bytes(len) as usize)?;
    (crc32fast::hash(body) == u32::from_le_bytes(sum)).then_some((body, rest))
}

fn restore(session: &mut Session<Journal>, bytes: &[u8], client_id: Option<&str>) -> io::Result<()> {
    let (header, mut rest) = split(bytes).ok_or_else(|| io::Error::other("this is no session"))?;
    let whose = header.strip_prefix(&Record::HEADER).and_then(|whose| str::from_utf8(whose).ok());
    let (id, purpose) = whose
        .and_then(|whose| whose.split_once('\0'))
        .ok_or_else(|| io::Error::other("this is no session that this version knows"))?;
    let journal = session.store_mut();
    if client_id.is_some_and(|client_id| client_id != id) || purpose != journal.purpose {
        return Err(io::Error::other(format!("this is the session of `{purpose}` with the identifier {id}")));
    }
    journal.client_id = id.into();
    while let Some((body, behind)) = split(rest) {
        // What a power failure leaves behind may be zeros.
        let Some((&position, record)) = body.split_first_chunk() else { break };
        let position = u64::from_le_bytes(position);
        session.store_mut().progress.position = Some(position).filter(|position| *position != NOWHERE);
        if !record.is_empty() {
            let (record, _) = Record::decode(record).map_err(io::Error::other)?;
            session.restore(&record).map_err(io::Error::other)?;
        }
        rest = behind;
    }
    Ok(())
}

impl Store for Journal {
    type Keep = Boxed;
    type Tables = Heap;

    fn tables(&self) -> &Heap {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Heap {
        &mut self.tables
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        self.append(Some(record)).map_err(|_| StoreError::Failed)
    }
}

#[cfg(test)]
mod tests;
