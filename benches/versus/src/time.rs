//! Times everything by turns, so that what changes on the machine hits all alike.

use std::time::Duration;

use crate::library::Library;
use crate::rows::Row;

/// A batch takes about as long.
const BATCH: Duration = Duration::from_micros(200);

/// Nanoseconds of one operation of each library that has the row, medians of so many rounds.
pub fn nanoseconds(libraries: &mut [Library], row: Row, rounds: usize) -> Vec<Option<f64>> {
    let mut columns: Vec<_> = libraries
        .iter_mut()
        .map(|library| {
            let (_, operation) = library.operations.iter_mut().find(|(other, _)| *other == row)?;
            operation(100);
            let took = operation(100).max(Duration::from_nanos(100));
            let times = (BATCH.as_nanos() * 100 / took.as_nanos()).clamp(1, 1 << 16) as usize;
            Some((operation, times, Vec::with_capacity(rounds)))
        })
        .collect();
    for _ in 0..rounds {
        for (operation, times, samples) in columns.iter_mut().flatten() {
            samples.push(operation(*times).as_nanos() as f64 / *times as f64);
        }
    }
    let median = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2] / row.messages() as f64
    };
    columns.into_iter().map(|column| column.map(|(_, _, samples)| median(samples))).collect()
}
