//! A store that writes down each record, fails when it is told to, and dies in the middle of one.

use sans_mqtt::{Boxed, IncomingSlot, OutgoingSlot, Record, RecordError, Session, Store, StoreError, Tables};

use crate::rng::Rng;
use crate::setup::Shape;

/// Tables that grow to a size, or have it from the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Shaped {
    shape: Shape,
    outgoing: Vec<OutgoingSlot<Boxed>>,
    incoming: Vec<IncomingSlot>,
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    tables: Shaped,
    /// What a crash leaves behind.
    pub(crate) bytes: Vec<u8>,
    /// How many bytes were written in all.
    pub(crate) written: u64,
    /// The number of them after which the power fails.
    pub(crate) dies_at: u64,
    pub(crate) dead: bool,
    /// Every so many calls fail, by chance.
    pub(crate) fails: Option<(usize, Rng)>,
    /// The next message is lent: its content is not written down.
    pub(crate) lent: bool,
    /// What the application does in the same transaction as the next `Take`, and what it did so.
    pub(crate) taking: Option<u32>,
    pub(crate) taken: Vec<u32>,
}

impl Log {
    pub(crate) fn new(shape: Shape) -> Self {
        let mut tables = Shaped { shape, outgoing: Vec::new(), incoming: Vec::new() };
        if !shape.grows {
            tables.outgoing.resize_with(shape.outgoing.into(), Default::default);
            tables.incoming.resize_with(shape.incoming.into(), Default::default);
        }
        Self {
            tables,
            bytes: Record::HEADER.to_vec(),
            written: 0,
            dies_at: u64::MAX,
            dead: false,
            fails: None,
            lent: false,
            taking: None,
            taken: Vec::new(),
        }
    }

    pub(crate) fn failing(mut self, once_in: usize, seed: u64) -> Self {
        self.fails = (once_in > 0).then(|| (once_in, Rng::new(seed)));
        self
    }

    /// An empty store that goes on where this one stopped.
    pub(crate) fn next(&self, bytes: Vec<u8>) -> Self {
        let Self { written, dies_at, ref fails, .. } = *self;
        let taken = self.taken.clone();
        Self { bytes, written, dies_at, fails: fails.clone(), taken, ..Self::new(self.tables.shape) }
    }
}

impl Tables for Shaped {
    type Keep = Boxed;

    fn outgoing(&self) -> &[OutgoingSlot<Boxed>] {
        &self.outgoing
    }

    fn outgoing_mut(&mut self) -> &mut [OutgoingSlot<Boxed>] {
        &mut self.outgoing
    }

    fn incoming(&self) -> &[IncomingSlot] {
        &self.incoming
    }

    fn incoming_mut(&mut self) -> &mut [IncomingSlot] {
        &mut self.incoming
    }

    fn incoming_capacity(&self) -> u16 {
        if self.shape.grows { self.shape.incoming.next_power_of_two() } else { self.shape.incoming }
    }

    fn grow_outgoing(&mut self) -> bool {
        grow(&mut self.outgoing, self.shape.outgoing)
    }

    fn grow_incoming(&mut self) -> bool {
        grow(&mut self.incoming, self.shape.incoming)
    }
}

impl Store for Log {
    type Keep = Boxed;
    type Tables = Shaped;

    fn tables(&self) -> &Shaped {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut Shaped {
        &mut self.tables
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        if self.fails.as_mut().is_some_and(|(once_in, rng)| rng.once_in(*once_in)) {
            return Err(StoreError::Failed);
        }
        let mut record = *record;
        if let (true, Record::Publish { message, .. }) = (self.lent, &mut record) {
            *message = None;
        }
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        if self.dead {
            return Ok(());
        }
        let room = self.dies_at - self.written;
        self.dead = bytes.len() as u64 >= room;
        self.written += (bytes.len() as u64).min(room);
        if bytes.len() as u64 <= room {
            if let Record::Take { .. } = record {
                self.taken.extend(self.taking.take());
            }
        } else {
            bytes.truncate(room as usize);
        }
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }
}

fn grow<T: Default>(slots: &mut Vec<T>, limit: u16) -> bool {
    let len = slots.len();
    if len < usize::from(limit) {
        slots.resize_with((len * 2).max(1), T::default);
    }
    slots.len() > len
}

/// Calls `each` with the records of a log. Gives the length of what is whole.
pub(crate) fn replay(bytes: &[u8], mut each: impl FnMut(&Record<'_>)) -> usize {
    let mut rest = bytes.strip_prefix(&Record::HEADER).expect("a log");
    while !rest.is_empty() {
        match Record::decode(rest) {
            Ok((record, behind)) => {
                each(&record);
                rest = behind;
            }
            Err(RecordError::Truncated) => break,
            Err(error) => panic!("{error}: {rest:02x?}"),
        }
    }
    bytes.len() - rest.len()
}

/// A session as bytes.
pub(crate) fn export(session: &Session<Log>) -> Vec<u8> {
    let mut bytes = Record::HEADER.to_vec();
    session.export(|record| {
        record.encode(&mut bytes).unwrap();
    });
    bytes
}

/// A session from bytes, in a store that goes on where `old` stopped.
pub(crate) fn import(old: &Log, mut bytes: Vec<u8>) -> Session<Log> {
    let mut session = Session::new(old.next(Vec::new()));
    let whole = replay(&bytes, |record| session.restore(record).expect("it fitted before"));
    bytes.truncate(whole);
    session.store_mut().bytes = bytes;
    session
}
