//! A transport in memory, as far as a broker writes to it.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex};

/// The bytes that were written and not taken yet. Clones have the same.
#[derive(Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Vec<u8>>>);

impl Wire {
    pub(crate) fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
