//! Plots, as SVG: on a white card, to be read on any background.

use std::io;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::number::whole;

const FONT: &str = "sans-serif";
const COLOURS: [RGBColor; 7] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 0),
    RGBColor(44, 140, 44),
    RGBColor(148, 80, 180),
    RGBColor(190, 30, 60),
    RGBColor(120, 90, 70),
    RGBColor(90, 90, 90),
];
const PANEL: (u32, u32) = (560, 320);
const COLUMNS: usize = 2;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

/// Lines over a logarithmic axis.
pub struct Panel {
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    /// Whether the other axis is logarithmic, too. Else it begins at 0.
    pub log: bool,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

pub fn draw(path: &Path, panels: &[Panel]) -> io::Result<()> {
    let columns = panels.len().min(COLUMNS);
    let rows = panels.len().div_ceil(columns);
    let size = (PANEL.0 * columns as u32, PANEL.1 * rows as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let draw = || {
        root.fill(&WHITE)?;
        for (area, panel) in root.split_evenly((rows, columns)).iter().zip(panels) {
            let all = |of: fn(&(f64, f64)) -> f64| {
                let values = panel.lines.iter().flat_map(|line| &line.points).map(of);
                values.fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), it| (least.min(it), most.max(it)))
            };
            let ((left, right), (bottom, top)) = (all(|it| it.0), all(|it| it.1));
            // With room for the names of the lines.
            match panel.log {
                true => draw_panel(area, panel, left..right, (bottom / 2.0..top * 16.0).log_scale())?,
                false => draw_panel(area, panel, left..right, 0.0..top * 1.6)?,
            }
        }
        root.present()
    };
    draw().map_err(io::Error::other)
}

fn draw_panel<Y>(area: &Area<'_>, panel: &Panel, x: Range<f64>, y: Y) -> Drawn
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 15))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(x.log_scale(), y)?;
    let label = |number: &f64| match number.fract() {
        0.0 => whole(*number as i128),
        _ => format!("{number:.8}").trim_end_matches('0').to_owned(),
    };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(panel.x)
        .y_desc(panel.y)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .draw()?;
    for (line, colour) in panel.lines.iter().zip(COLOURS) {
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)).point_size(3);
        let series = chart.draw_series(series)?;
        series.label(&line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .draw()
}
