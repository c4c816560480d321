//! Lines from a file and to a file, which go on where they stopped.

use std::io::{self, SeekFrom};
use std::path::Path;

use sans_mqtt_tokio::journal::Durability;
use tokio::fs::{File, OpenOptions};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, Stdout, stdin, stdout,
};

/// Where messages are written. Of a file, all that a message was written of before it was acknowledged can be taken back.
pub enum Output {
    Stdout(Stdout),
    /// With the position behind the last line that counts, and what lines have to survive.
    File(File, u64, Durability),
}

impl Output {
    /// Standard output, or the file at `path`, in which what is behind `position` does not count.
    pub async fn open(
        path: Option<&Path>,
        position: Option<u64>,
        durability: Durability,
    ) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::Stdout(stdout())) };
        let open = async {
            let file = OpenOptions::new().create(true).append(true).open(path).await?;
            let position = check(&file, position).await?;
            file.set_len(position).await?;
            Ok(Self::File(file, position, durability))
        };
        open.await.map_err(|error| named(path, &error))
    }

    /// Behind the last line that counts.
    pub fn position(&self) -> u64 {
        match self {
            Self::Stdout(_) => 0,
            Self::File(_, position, _) => *position,
        }
    }

    /// Writes a line, so that it survives whatever happens next. Gives the position behind it.
    pub async fn write(&mut self, line: &[u8]) -> io::Result<u64> {
        match self {
            Self::Stdout(stdout) => {
                stdout.write_all(line).await?;
                stdout.flush().await?;
                Ok(0)
            }
            Self::File(file, position, durability) => {
                file.write_all(line).await?;
                file.flush().await?;
                if *durability == Durability::Power {
                    file.sync_data().await?;
                }
                Ok(*position + line.len() as u64)
            }
        }
    }

    /// The line counts.
    pub fn commit(&mut self, behind: u64) {
        if let Self::File(_, position, _) = self {
            *position = behind;
        }
    }

    /// The line does not count. Gone is gone, on standard output.
    pub async fn undo(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(file, position, _) => file.set_len(*position).await,
        }
    }
}

/// Where lines are read.
pub struct Input {
    reader: Box<dyn AsyncBufRead + Unpin>,
    /// Behind the last line.
    pub position: u64,
}

impl Input {
    /// Standard input, or what is behind `position` in the file at `path`.
    pub async fn open(path: Option<&Path>, position: Option<u64>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self { reader: Box::new(BufReader::new(stdin())), position: 0 });
        };
        let open = async {
            let mut file = File::open(path).await?;
            let position = check(&file, position.or(Some(0))).await?;
            file.seek(SeekFrom::Start(position)).await?;
            Ok(Self { reader: Box::new(BufReader::new(file)), position })
        };
        open.await.map_err(|error| named(path, &error))
    }

    /// The next line, without its end; `None` if there is none.
    pub async fn read<'l>(&mut self, line: &'l mut Vec<u8>) -> io::Result<Option<&'l [u8]>> {
        line.clear();
        self.position += self.reader.read_until(b'\n', line).await? as u64;
        let end = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
        Ok((!line.is_empty()).then(|| &line[..line.len() - end]))
    }
}

/// Where in the file to go on: at the end, if nothing else is said. A file that is shorter than that is another one.
async fn check(file: &File, position: Option<u64>) -> io::Result<u64> {
    let len = file.metadata().await?.len();
    match position {
        Some(position) if position > len => {
            Err(io::Error::other("it is shorter than it was when the session was here last"))
        }
        position => Ok(position.unwrap_or(len)),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
