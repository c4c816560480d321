//! The figures, measured.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::allocator;
use crate::instructions;
use crate::library::Library;
use crate::rows::Row;
use crate::strict::{self, Verdicts};
use crate::time;
use crate::{Options, VECTORS};

/// Everything; what is written as JSON, too.
#[derive(Serialize)]
pub struct Report {
    pub columns: Vec<Column>,
    pub lines: Vec<Line>,
}

#[derive(Serialize)]
pub struct Column {
    pub name: &'static str,
    pub version: Option<&'static str>,
    /// Rows that it fails at, with the reason.
    pub failures: Vec<String>,
    pub idle: Vec<(&'static str, usize)>,
    pub verdicts: BTreeMap<String, Verdicts>,
}

/// A row, with the figures of each column that has it.
#[derive(Serialize)]
pub struct Line {
    #[serde(skip)]
    pub row: Row,
    pub name: String,
    pub figures: Vec<Option<Figures>>,
}

/// What one operation takes.
#[derive(Clone, Copy, Serialize)]
pub struct Figures {
    pub instructions: Option<f64>,
    pub nanoseconds: f64,
    pub allocations: f64,
}

/// One of the figures, if it was measured.
pub type Figure = fn(&Figures) -> Option<f64>;

pub const KINDS: [(&str, Figure); 3] = [
    ("instructions", |it| it.instructions),
    ("nanoseconds", |it| Some(it.nanoseconds)),
    ("allocations", |it| Some(it.allocations)),
];

pub fn measure(libraries: &mut [Library], options: &Options) -> io::Result<Report> {
    let frames = strict::frames(Path::new(VECTORS))?;
    let columns = libraries.iter_mut().map(|library| Column {
        name: library.name,
        version: library.version(),
        failures: std::mem::take(&mut library.failures),
        idle: library.idle.clone(),
        verdicts: strict::verdicts(library, &frames),
    });
    let columns = columns.collect();
    let counts = if options.quick {
        None
    } else if instructions::is_there() {
        eprintln!("counting instructions");
        Some(instructions::instructions(libraries)?)
    } else {
        eprintln!("valgrind is not there: instructions are left out");
        None
    };
    let rows = Row::all().into_iter().filter(|row| row.name().contains(&options.row));
    let lines = rows.map(|row| {
        eprintln!("{}", row.name());
        let rounds = if options.quick { 5 } else { 51 };
        let times = time::nanoseconds(libraries, row, rounds);
        let figures = times.into_iter().enumerate().map(|(at, nanoseconds)| {
            let count =
                |counts: &Vec<Vec<(Row, f64)>>| counts[at].iter().find(|it| it.0 == row).map(|it| it.1);
            Some(Figures {
                instructions: counts.as_ref().and_then(count),
                nanoseconds: nanoseconds?,
                allocations: allocations(&mut libraries[at], row)?,
            })
        });
        Line { row, name: row.name(), figures: figures.collect() }
    });
    let lines = lines.collect();
    Ok(Report { columns, lines })
}

/// Allocations of one operation: what 200 more of them add.
fn allocations(library: &mut Library, row: Row) -> Option<f64> {
    let (_, operation) = library.operations.iter_mut().find(|(other, _)| *other == row)?;
    let mut count = |times| allocator::allocations(|| operation(times)).1;
    let added = count(220).saturating_sub(count(20));
    Some(added as f64 / (200 * row.messages()) as f64)
}

impl Line {
    /// How many times ours each column's figure is.
    pub fn ratios(&self, figure: Figure) -> impl Iterator<Item = Option<f64>> {
        let ours = self.figures.first().copied().flatten().and_then(|it| figure(&it));
        self.figures.iter().map(move |it| Some(figure(it.as_ref()?)? / ours?))
    }
}
