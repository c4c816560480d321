//! Bytes to and fro, for a server or a client, over TCP or anything else.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use sans_mqtt::{Cause, Wait};
use tokio::io::{self, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a peer may read nothing of what is there for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a connection to its end, which is why it ended, or an error of the transport. It is told what came, and whether that was
/// the end; it adds to the output if there is none, and says what it waits for and until when, by a clock that began at
/// `start`. It has its turn whenever something has moved, it is time, or it is woken.
pub async fn carry(
    transport: impl AsyncRead + AsyncWrite,
    start: Instant,
    wake: &Notify,
    mut turn: impl FnMut(&[u8], bool, &mut VecDeque<u8>) -> io::Result<(Wait, Option<sans_mqtt::Instant>)>,
) -> io::Result<Cause> {
    let (mut reader, mut writer) = io::split(transport);
    let (mut chunk, mut came, mut is_eof) = ([0; 4096], 0, false);
    let (mut output, mut moved) = (VecDeque::new(), Instant::now());
    let cause = loop {
        if output.is_empty() {
            moved = Instant::now();
        }
        let (wait, due) = turn(&chunk[..mem::take(&mut came)], is_eof, &mut output)?;
        let due = match wait {
            Wait::Closed(cause) if output.is_empty() => break cause,
            Wait::Closed(_) => None,
            _ => due.map(|at| start + Duration::from_millis(at.as_millis())),
        };
        // When one of these is done, the others have done nothing.
        tokio::select! {
            n = reader.read(&mut chunk), if matches!(wait, Wait::Read(_)) => match n {
                Ok(n @ 1..) => came = n,
                Ok(0) | Err(_) => is_eof = true,
            },
            n = writer.write_buf(&mut output), if !output.is_empty() => {
                n?;
                moved = Instant::now();
            }
            () = sleep_until(moved + PATIENCE), if !output.is_empty() => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing"));
            }
            () = sleep_until(due.unwrap_or(moved)), if due.is_some() => {}
            () = wake.notified() => {}
        }
    };
    // If it were closed with input unread, the peer would not get what was written last.
    let _ = writer.shutdown().await;
    let rest = async { while matches!(reader.read(&mut chunk).await, Ok(1..)) {} };
    let _ = timeout(Duration::from_secs(1), rest).await;
    Ok(cause)
}
