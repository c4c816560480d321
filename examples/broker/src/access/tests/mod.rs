use std::path::PathBuf;

use super::{AccessOptions, Admitted, Gate, Verdict};
use sans_mqtt::ReasonCode;

mod acl;
mod gate;
mod passwords;
mod rules;
mod token;
mod who;

/// Files that are gone at the end.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// A gate with some options.
fn gate(change: impl FnOnce(&mut AccessOptions)) -> Result<Gate, String> {
    let mut options = AccessOptions::default();
    change(&mut options);
    Gate::new(&options).map_err(|error| error.to_string())
}

/// What a verdict comes to, if nothing more is sent.
fn admitted(verdict: Verdict) -> Result<Admitted, ReasonCode> {
    match verdict {
        Verdict::Accept(admitted) => Ok(admitted),
        Verdict::Reject(reason) => Err(reason),
        Verdict::Later(later) => admitted(later()),
        Verdict::Continue(..) => panic!("it wants to go on"),
    }
}
