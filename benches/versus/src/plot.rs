//! The figures as a plot: a dot for each library, where it is beside ours.

use std::io;
use std::path::Path;

use plotters::prelude::*;

use crate::report::{Figure, Report};

const FONT: &str = "sans-serif";
const WIDTH: u32 = 1000;
const LINE: u32 = 20;
const HEADER: u32 = 100;
const LEFT: u32 = 260;
const RIGHT: u32 = 190;

/// Of the columns after the first. This crate and what is by hand come first.
const COLOURS: [RGBColor; 13] = [
    RGBColor(150, 150, 150),
    RGBColor(0, 0, 0),
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
    RGBColor(0, 0, 150),
    RGBColor(0, 100, 0),
];

/// Rows from top to bottom, on an axis of ratios; a line is where ours is.
pub fn ratios(path: &Path, report: &Report, kind: &str, figure: Figure) -> io::Result<()> {
    let ratios = |line: &crate::report::Line| line.ratios(figure).collect();
    let lines: Vec<Vec<Option<f64>>> = report.lines.iter().rev().map(ratios).collect();
    let values = || lines.iter().flatten().flatten().copied();
    if values().next().is_none() {
        return Ok(());
    }
    let (least, most) = (values().fold(1.0, f64::min) * 0.8, values().fold(1.0, f64::max) * 1.3);
    let height = LINE * lines.len() as u32 + HEADER;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let draw = || {
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(format!("{kind}, as multiples of sans-mqtt's"), (FONT, 18))
            .margin(10)
            .margin_right(RIGHT)
            .x_label_area_size(30)
            .y_label_area_size(LEFT)
            .build_cartesian_2d((least..most).log_scale(), -0.5..lines.len() as f64 - 0.5)?;
        let name = |place: &f64| {
            let line = report.lines.iter().rev().nth(place.round() as usize);
            line.map_or(String::new(), |line| line.name.clone())
        };
        chart
            .configure_mesh()
            .y_labels(lines.len() + 1)
            .y_label_formatter(&name)
            .x_label_formatter(&|ratio| format!("{ratio}"))
            .light_line_style(TRANSPARENT)
            .draw()?;
        chart
            .draw_series(LineSeries::new([(1.0, -0.5), (1.0, lines.len() as f64)], BLACK.stroke_width(2)))?;
        let peers = report.columns.iter().enumerate().skip(1);
        for (n, ((at, column), colour)) in peers.zip(COLOURS).enumerate() {
            let dots = lines.iter().enumerate().filter_map(|(line, ratios)| {
                Some(Circle::new((ratios[at]?, line as f64), 4, colour.filled()))
            });
            chart.draw_series(dots)?;
            let (x, y) = ((WIDTH - RIGHT + 16) as i32, 50 + 18 * n as i32);
            root.draw(&Circle::new((x, y), 4, colour.filled()))?;
            root.draw(&Text::new(column.name, (x + 10, y - 6), (FONT, 12)))?;
        }
        root.present()
    };
    draw().map_err(io::Error::other)
}
