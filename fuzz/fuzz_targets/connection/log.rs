//! A store that fails at times, and what its log says of a session.

use std::collections::BTreeSet;

use sans_mqtt::{Record, Session, Store, StoreError, Tables};

use crate::life::Life;

/// Tables with a log, which fails at times.
pub(crate) struct Logged<T> {
    pub(crate) tables: T,
    pub(crate) log: Vec<u8>,
    pub(crate) fails: bool,
}

impl<T: Tables> Store for Logged<T> {
    type Keep = T::Keep;
    type Tables = T;

    fn tables(&self) -> &T {
        &self.tables
    }

    fn tables_mut(&mut self) -> &mut T {
        &mut self.tables
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), StoreError> {
        if self.fails {
            return Err(StoreError::Failed);
        }
        record.encode(&mut self.log).expect("what is recorded can be written down");
        Ok(())
    }
}

pub(crate) fn session<T: Tables>(tables: T) -> Session<Logged<T>> {
    Session::new(Logged { tables, log: Vec::new(), fails: false })
}

/// A session put back from its records: the fewest, or the log of its life.
pub(crate) fn restored<T: Tables>(
    from: &Session<Logged<T>>,
    tables: fn() -> T,
    life: &mut Life,
    by_log: bool,
) -> Session<Logged<T>> {
    let log = if by_log { from.store().log.clone() } else { export(from) };
    let mut session = session(tables());
    for record in records(&log) {
        session.restore(&record).expect("the same tables have room");
    }
    session.store_mut().log = log;
    life.restore(releases(&export(&session)));
    session
}

/// The log makes the session that is there.
pub(crate) fn same_as_log<T: Tables>(session: &Session<Logged<T>>, tables: fn() -> T) {
    let replayed = restored(session, tables, &mut Life::default(), true);
    let (is, said) = (export(session), export(&replayed));
    let takes = |log: &[u8]| {
        let takes = records(log).filter_map(|record| match record {
            Record::Take { id } => Some(id.get()),
            _ => None,
        });
        takes.collect::<BTreeSet<_>>()
    };
    let rest = |log: &[u8]| {
        records(log)
            .filter(|record| !matches!(record, Record::Take { .. } | Record::Release { .. }))
            // A session that ended with its connection has no record of that.
            .filter(|record| session.exists() || !matches!(record, Record::Begin { .. }))
            // Whether the message is in it is the store's business.
            .map(|record| record.to_string())
            .collect::<Vec<_>>()
    };
    // A PUBREC that comes again puts its PUBREL behind the others, which no record tells.
    let sorted = |log: &[u8]| BTreeSet::from_iter(releases(log));
    let (is, said) = ((takes(&is), sorted(&is), rest(&is)), (takes(&said), sorted(&said), rest(&said)));
    assert_eq!(is, said, "the log says something else");
}

pub(crate) fn export<T: Tables>(session: &Session<Logged<T>>) -> Vec<u8> {
    let mut to = Vec::new();
    session.export(|record| assert!(record.encode(&mut to).is_ok()));
    to
}

pub(crate) fn records(log: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = log;
    std::iter::from_fn(move || {
        let (record, behind) = Record::decode(rest).ok()?;
        rest = behind;
        Some(record)
    })
}

pub(crate) fn releases(log: &[u8]) -> Vec<u16> {
    let releases = records(log).filter_map(|record| match record {
        Record::Release { id } => Some(id.get()),
        _ => None,
    });
    releases.collect()
}
