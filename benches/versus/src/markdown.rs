//! The figures as tables.

use std::fmt::{self, Write};

use crate::peers::NOT_MEASURED;
use crate::report::{Figure, KINDS, Line, Report};
use crate::rows::Row;

/// The column of what is written by hand.
const BOUND: &str = "bound";

pub fn of(report: &Report) -> Result<String, fmt::Error> {
    let mut text = String::new();
    libraries(&mut text, report)?;
    for (kind, figure) in KINDS {
        if report.lines.iter().any(|line| line.figures.iter().flatten().any(|it| figure(it).is_some())) {
            figures(&mut text, report, kind, figure)?;
        }
    }
    ahead(&mut text, report)?;
    bound(&mut text, report)?;
    strictness(&mut text, report)?;
    idle(&mut text, report)?;
    Ok(text)
}

fn libraries(text: &mut String, report: &Report) -> fmt::Result {
    let versions = report.columns.iter().filter_map(|it| Some(format!("{} {}", it.name, it.version?)));
    writeln!(text, "sans-mqtt (this source) beside {}.\n", versions.collect::<Vec<_>>().join(", "))?;
    writeln!(text, "In brackets: how many times ours. Figures of messages are for one of them.")?;
    let failures = report.columns.iter().flat_map(|it| it.failures.iter().map(|why| (it.name, why)));
    let missing = failures.map(|(name, why)| format!("| {name} | {why} |"));
    let absent = NOT_MEASURED.iter().map(|(name, why)| format!("| {name} | all: {why} |"));
    writeln!(text, "\n| not measured | |\n|---|---|")?;
    missing.chain(absent).try_for_each(|line| writeln!(text, "{line}"))
}

/// Tables of one figure, for rows of a kind and the columns that have any of them.
fn figures(text: &mut String, report: &Report, kind: &str, figure: Figure) -> fmt::Result {
    writeln!(text, "\n## {}{}", kind[..1].to_uppercase(), &kind[1..])?;
    for lines in report.lines.chunk_by(|one, other| group(one.row) == group(other.row)) {
        let columns: Vec<_> =
            (0..report.columns.len()).filter(|at| lines.iter().any(|it| it.figures[*at].is_some())).collect();
        write!(text, "\n| {} |", group(lines[0].row))?;
        columns.iter().try_for_each(|at| write!(text, " {} |", report.columns[*at].name))?;
        writeln!(text, "\n|---|{}", "--:|".repeat(columns.len()))?;
        for line in lines {
            let ratios: Vec<_> = line.ratios(figure).collect();
            let name = line.name.strip_prefix(group(line.row)).unwrap_or(&line.name);
            write!(text, "| {} |", name.trim_start())?;
            for at in &columns {
                match line.figures[*at].as_ref().and_then(figure) {
                    None => write!(text, " |")?,
                    Some(value) => {
                        write!(text, " {}", number(value))?;
                        match ratios[*at] {
                            Some(ratio) if *at > 0 && ratio.is_finite() => write!(text, " ({ratio:.2}) |")?,
                            _ => write!(text, " |")?,
                        }
                    }
                }
            }
            writeln!(text)?;
        }
    }
    Ok(())
}

fn group(row: Row) -> &'static str {
    match row {
        Row::Decode(_) => "decode",
        Row::Read(_) => "decode and read",
        Row::Encode(_) | Row::Forward(_) => "encode",
        Row::Send(..) => "send",
    }
}

/// With a digit after the point, if there is only one before it.
fn number(value: f64) -> String {
    let decimals = usize::from(value < 10.0 && value.fract() != 0.0);
    format!("{value:.decimals$}")
}

/// Rows in which peers take less than this crate does.
fn ahead(text: &mut String, report: &Report) -> fmt::Result {
    writeln!(text, "\n## Ahead of sans-mqtt\n\n| row | instructions | nanoseconds |\n|---|---|---|")?;
    for line in &report.lines {
        let cells = [KINDS[0], KINDS[1]].map(|(_, figure)| {
            let ratios = report.columns.iter().zip(line.ratios(figure));
            let ahead = ratios.filter_map(|(column, ratio)| {
                let ratio = ratio.filter(|ratio| column.version.is_some() && *ratio < 1.0)?;
                Some(format!("{} ({ratio:.2})", column.name))
            });
            ahead.collect::<Vec<_>>().join(", ")
        });
        if cells.iter().any(|cell| !cell.is_empty()) {
            writeln!(text, "| {} | {} |", line.name, cells.join(" | "))?;
        }
    }
    Ok(())
}

/// How far this crate is from the least work.
fn bound(text: &mut String, report: &Report) -> fmt::Result {
    let place = |name: &str| report.columns.iter().position(|it| it.name == name);
    let Some(bound) = place(BOUND) else { return Ok(()) };
    writeln!(text, "\n## Beside the least work\n")?;
    writeln!(text, "| row | instructions | bound | ratio | allowed | nanoseconds | bound | ratio |")?;
    writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|")?;
    // The bound keeps no messages.
    let ours = |line: &Line| line.figures[place("sans-mqtt, caller keeps")?].or(line.figures[0]);
    for line in &report.lines {
        let Some((ours, bound)) = ours(line).zip(line.figures[bound]) else { continue };
        write!(text, "| {} |", line.name)?;
        match ours.instructions.zip(bound.instructions) {
            Some((ours, bound)) => {
                let (ratio, allowed) = (ours / bound, line.row.allowance());
                let mark = if ratio > allowed { "**" } else { "" };
                let (ours, bound) = (number(ours), number(bound));
                write!(text, " {ours} | {bound} | {mark}{ratio:.2}{mark} | {allowed} |")?;
            }
            None => write!(text, " | | | |")?,
        }
        let (ours, bound) = (ours.nanoseconds, bound.nanoseconds);
        writeln!(text, " {} | {} | {:.2} |", number(ours), number(bound), ours / bound)?;
    }
    Ok(())
}

fn strictness(text: &mut String, report: &Report) -> fmt::Result {
    writeln!(
        text,
        "\n## Strictness\n\n| library | version | malformed, refused | valid, accepted | panics |"
    )?;
    writeln!(text, "|---|---|--:|--:|--:|")?;
    for column in &report.columns {
        for (version, it) in &column.verdicts {
            let (refused, accepted) = (it.refused, it.accepted);
            let refused = format!("{refused} of {} ({})", it.malformed, percent(refused, it.malformed));
            let accepted = format!("{accepted} of {} ({})", it.valid, percent(accepted, it.valid));
            writeln!(text, "| {} | {version} | {refused} | {accepted} | {} |", column.name, it.panics)?;
        }
    }
    Ok(())
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole as f64)
}

fn idle(text: &mut String, report: &Report) -> fmt::Result {
    writeln!(text, "\n## Idle connections\n\n| library | side | bytes |\n|---|---|--:|")?;
    for column in &report.columns {
        for (side, bytes) in &column.idle {
            writeln!(text, "| {} | {side} | {bytes} |", column.name)?;
        }
    }
    Ok(())
}
