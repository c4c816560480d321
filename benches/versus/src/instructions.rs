//! Counts instructions: this program runs again in callgrind, which counts while `measured` runs, and writes down its
//! count whenever `mark` returns.

use std::env;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::library::Library;
use crate::operation;
use crate::rows::Row;

/// Runs before it counts, and counted ones.
const WARM: usize = 8;
const COUNTED: usize = 32;

/// The argument that has this program run every operation.
pub const ARGUMENT: &str = "--count";

/// Whether they can be counted here.
pub fn is_there() -> bool {
    Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success())
}

/// Counts end here.
#[inline(never)]
fn mark() {
    black_box(());
}

/// What callgrind watches.
pub fn run(libraries: &mut [Library]) {
    for (row, operation) in libraries.iter_mut().flat_map(|library| &mut library.operations) {
        black_box(row);
        operation(WARM);
        mark();
        operation(COUNTED);
        mark();
    }
}

/// Instructions of one operation, for each library and each of its rows.
pub fn instructions(libraries: &[Library]) -> io::Result<Vec<Vec<(Row, f64)>>> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-line=no"])
        .arg(format!("--toggle-collect={}*", name_of(operation::MEASURED)))
        .arg(format!("--dump-after={}*", name_of("instructions::mark")))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg(ARGUMENT)
        .stdout(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let mut part = 0;
    let mut next = || {
        part += 2;
        total(&out.with_extension(part.to_string()))
    };
    libraries
        .iter()
        .map(|library| {
            let rows = library.operations.iter();
            rows.map(|(row, _)| Ok((*row, next()? / (COUNTED * row.messages()) as f64))).collect()
        })
        .collect()
}

/// As callgrind knows a function of this program.
fn name_of(path: &str) -> String {
    format!("{}::{path}", env!("CARGO_CRATE_NAME"))
}

/// The count in one of callgrind's files.
fn total(file: &Path) -> io::Result<f64> {
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| io::Error::other(format!("{} has no count", file.display())))
}
