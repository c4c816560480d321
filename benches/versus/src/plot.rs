//! The figures as a plot: a dot for each library, where it is beside ours.

use std::io;
use std::path::Path;

use plotters::prelude::*;

use crate::report::{Figure, Report};

const FONT: &str = "sans-serif";
const WIDTH: u32 = 1000;
const LINE: u32 = 20;
const HEADER: u32 = 130;

/// Rows from top to bottom, on an axis of ratios.
pub fn ratios(path: &Path, report: &Report, kind: &str, figure: Figure) -> io::Result<()> {
    let lines: Vec<Vec<_>> = report.lines.iter().map(|line| line.ratios(figure).collect()).collect();
    let values = || lines.iter().flatten().flatten().copied().filter(|it| it.is_finite() && *it > 0.0);
    if values().next().is_none() {
        return Ok(());
    }
    let (least, most) = (values().fold(1.0, f64::min) * 0.8, values().fold(1.0, f64::max) * 1.3);
    let height = LINE * lines.len() as u32 + HEADER;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let draw = || {
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(format!("{kind} per operation, as a multiple of sans-mqtt's"), (FONT, 18))
            .margin(10)
            .margin_right(220)
            .x_label_area_size(40)
            .y_label_area_size(260)
            .build_cartesian_2d((least..most).log_scale(), (0..lines.len()).into_segmented())?;
        let name = |place: &SegmentValue<usize>| match place {
            SegmentValue::CenterOf(n) => report.lines.iter().rev().nth(*n).map_or(String::new(), |it| it.name.clone()),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .y_labels(lines.len())
            .y_label_formatter(&name)
            .x_label_formatter(&|ratio| format!("{ratio}"))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (at, column) in report.columns.iter().enumerate() {
            let colour = HSLColor(at as f64 / report.columns.len() as f64, 0.75, 0.42);
            let dots = lines.iter().rev().enumerate().filter_map(|(n, ratios)| {
                let ratio = ratios[at].filter(|it| it.is_finite() && *it > 0.0)?;
                Some(Circle::new((ratio, SegmentValue::CenterOf(n)), 4, colour.filled()))
            });
            let dots: Vec<_> = dots.collect();
            if !dots.is_empty() {
                let mark = move |(x, y)| Circle::new((x + 8, y), 4, colour.filled());
                chart.draw_series(dots)?.label(column.name).legend(mark);
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::Coordinate(WIDTH as i32 - 500, 0))
            .border_style(BLACK.mix(0.2))
            .background_style(WHITE)
            .draw()?;
        root.present()
    };
    draw().map_err(io::Error::other)
}
