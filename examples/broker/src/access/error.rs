//! What is wrong with the files that say who may come in.

use std::io;
use std::path::{Path, PathBuf};

/// A file that can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    #[error("can't read {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    #[error("{path}, line {line}: {what}", path = path.display())]
    Line { path: PathBuf, line: usize, what: String },
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, String),
}

/// The lines of a text that say something, with their numbers; `#` begins a comment.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Reads a file, and what is in it with `parse`, which says in which line something is wrong, and what.
pub(super) fn load<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, (usize, String)>,
) -> Result<T, AccessError> {
    let text = std::fs::read_to_string(path).map_err(|error| AccessError::Unreadable(path.into(), error))?;
    parse(&text).map_err(|(line, what)| AccessError::Line { path: path.into(), line, what })
}
