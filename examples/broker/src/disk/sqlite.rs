//! The tables in a file of SQLite.
//!
//! One file with all tables, and its write-ahead log beside it. What is committed is in the log: in the page cache, which
//! outlives the process, or with `sync` on the medium, which outlives a loss of power. After some 4 MiB the library
//! carries the log over to the file, and writes it anew from its start; the room of deleted rows is given back.

#[cfg(unix)]
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use rusqlite::{Connection, ErrorCode};

use super::{Batch, Disk, Table};

/// Says that a file is one of ours, and how its rows are laid out: a broker that knows another layout keeps off.
const APPLICATION: i32 = i32::from_be_bytes(*b"MQTT");
const LAYOUT: i32 = 1;
/// What is left of the log once a large one was carried over.
const LOG: u32 = 8 << 20;

pub struct Sqlite {
    connection: Connection,
    file: PathBuf,
}

impl Sqlite {
    /// Opens what is in a directory, which is made if there is none. It belongs to one process at a time.
    ///
    /// With `sync`, what is committed survives the loss of power, too, for the price of a wait for the medium each time.
    /// Without, that may undo the last batches, but none in part.
    pub fn open(directory: &Path, sync: bool) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        // Messages are nobody else's business.
        #[cfg(unix)]
        builder.mode(0o700);
        builder.recursive(true).create(directory).map_err(|error| told(directory, error.kind(), &error))?;
        let file = directory.join("broker.sqlite");
        let fail = |error| explain(&file, error);
        let (connection, marks) = connect(&file).map_err(fail)?;
        let foreign = match marks {
            Marks { application: APPLICATION, layout: LAYOUT, .. } => None,
            Marks { application: APPLICATION, layout, .. } => {
                Some(format!("layout {layout}, but this broker knows {LAYOUT} only"))
            }
            Marks { application: 0, layout: 0, tables: 0 } => None,
            _ => Some("a database of another program".into()),
        };
        if let Some(why) = foreign {
            return Err(told(&file, io::ErrorKind::InvalidData, &why));
        }
        arrange(&connection, sync, marks.application == 0).map_err(fail)?;
        Ok(Self { connection, file })
    }

    fn read(&self, table: Table, each: &mut dyn FnMut(&[u8], &[u8])) -> rusqlite::Result<()> {
        let mut rows = self.connection.prepare("SELECT key, value FROM rows WHERE tab = ? ORDER BY key")?;
        let mut rows = rows.query([table as u8])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
        }
        Ok(())
    }
}

impl Disk for Sqlite {
    fn commit(&mut self, batch: &mut Batch) -> io::Result<()> {
        change(&mut self.connection, batch).map_err(|error| explain(&self.file, error))?;
        batch.clear();
        Ok(())
    }

    fn scan(&self, table: Table, each: &mut dyn FnMut(&[u8], &[u8])) -> io::Result<()> {
        self.read(table, each).map_err(|error| explain(&self.file, error))
    }

    fn place(&self) -> &Path {
        &self.file
    }
}

/// What tells whose database it is; all is 0 in a new one.
struct Marks {
    application: i32,
    layout: i32,
    /// Counts changes to the tables.
    tables: i32,
}

fn connect(file: &Path) -> rusqlite::Result<(Connection, Marks)> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let (application, layout) = (number("application_id")?, number("user_version")?);
    let marks = Marks { application, layout, tables: number("schema_version")? };
    Ok((connection, marks))
}

fn arrange(connection: &Connection, sync: bool, is_new: bool) -> rusqlite::Result<()> {
    // One that is there is not written to: it can be opened on a full disk.
    if is_new {
        connection.pragma_update(None, "auto_vacuum", "full")?;
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "journal_size_limit", LOG)?;
    connection.pragma_update(None, "synchronous", if sync { "full" } else { "normal" })?;
    if is_new {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
            CREATE TABLE rows (
                tab INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tab, key)
            ) STRICT, WITHOUT ROWID;
            PRAGMA application_id = {APPLICATION};
            PRAGMA user_version = {LAYOUT};
            COMMIT;"
        ))?;
    }
    Ok(())
}

fn change(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (table, key, value) in batch.changes() {
        match value {
            Some(value) => {
                let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)")?;
                put.execute((table as u8, key, value))?;
            }
            None => {
                let mut delete = transaction.prepare_cached("DELETE FROM rows WHERE tab = ? AND key = ?")?;
                delete.execute((table as u8, key))?;
            }
        }
    }
    transaction.commit()
}

/// What went wrong, and where.
fn explain(file: &Path, error: rusqlite::Error) -> io::Error {
    let (kind, why) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => (io::ErrorKind::ResourceBusy, "in use by another process".into()),
        Some(ErrorCode::DiskFull) => (io::ErrorKind::StorageFull, error.to_string()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (io::ErrorKind::InvalidData, error.to_string())
        }
        _ => (io::ErrorKind::Other, error.to_string()),
    };
    told(file, kind, &why)
}

fn told(path: &Path, kind: io::ErrorKind, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {why}", path.display()))
}
