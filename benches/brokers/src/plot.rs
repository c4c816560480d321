//! Plots, as SVG.

use std::io;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

const FONT: &str = "sans-serif";
const COLOURS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44)];
const PANEL: (u32, u32) = (560, 260);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Panels of lines over seconds, with a mark at each of `marks`.
pub fn lines(path: &Path, panels: &[(&str, Vec<Line>)], marks: &[f64]) -> io::Result<()> {
    let rows = panels.len().div_ceil(2);
    let root = SVGBackend::new(path, (PANEL.0 * 2, PANEL.1 * rows as u32)).into_drawing_area();
    let draw = || {
        root.fill(&WHITE)?;
        for (area, (title, lines)) in root.split_evenly((rows, 2)).iter().zip(panels) {
            line_panel(area, title, lines, marks)?;
        }
        root.present()
    };
    draw().map_err(io::Error::other)
}

fn line_panel(
    area: &Area<'_>,
    title: &str,
    lines: &[Line],
    marks: &[f64],
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>> {
    let most = |of: fn(&(f64, f64)) -> f64| {
        lines.iter().flat_map(|line| line.points.iter().map(of)).fold(1.0, f64::max)
    };
    let (right, top) = (most(|it| it.0), most(|it| it.1) * 1.1);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 16))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..right, 0.0..top)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).x_desc("seconds").draw()?;
    let at = |at: &f64| PathElement::new([(*at, 0.0), (*at, top)], RED.mix(0.4));
    chart.draw_series(marks.iter().map(at))?;
    for (line, colour) in lines.iter().zip(COLOURS) {
        let series = chart.draw_series(LineSeries::new(line.points.iter().copied(), colour))?;
        series.label(line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    if lines.len() > 1 {
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
    }
    Ok(())
}

/// What is compared, of several competitors in several groups.
pub struct Bars {
    pub title: String,
    /// The name of each group, and a value for each competitor.
    pub groups: Vec<(String, Vec<Option<f64>>)>,
}

/// Panels of bars on a logarithmic axis, three in a row.
pub fn bars(path: &Path, panels: &[Bars], competitors: &[&'static str]) -> io::Result<()> {
    let rows = panels.len().div_ceil(3);
    let root = SVGBackend::new(path, (PANEL.0 * 2, PANEL.1 * rows as u32)).into_drawing_area();
    let draw = || {
        root.fill(&WHITE)?;
        for (area, bars) in root.split_evenly((rows, 3)).iter().zip(panels) {
            bar_panel(area, bars, competitors)?;
        }
        root.present()
    };
    draw().map_err(io::Error::other)
}

fn bar_panel(
    area: &Area<'_>,
    bars: &Bars,
    competitors: &[&'static str],
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>> {
    let values = || bars.groups.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    let (least, most) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN_POSITIVE, f64::max));
    let (bottom, top) = (10f64.powf(least.min(most).log10().floor()), most * 10.0);
    let mut chart = ChartBuilder::on(area)
        .caption(&bars.title, (FONT, 14))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..bars.groups.len() as f64, (bottom..top).log_scale())?;
    let name = |x: &f64| bars.groups.get(*x as usize).map_or(String::new(), |(name, _)| name.clone());
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(bars.groups.len() + 1)
        .x_label_offset(36)
        .x_label_formatter(&name)
        .draw()?;
    let width = 0.8 / competitors.len() as f64;
    for ((n, competitor), colour) in competitors.iter().enumerate().zip(COLOURS) {
        let values = bars
            .groups
            .iter()
            .enumerate()
            .filter_map(|(group, (_, values))| Some((group, (*values.get(n)?)?)));
        let bar = move |(group, value): (usize, f64)| {
            let left = group as f64 + 0.1 + width * n as f64;
            Rectangle::new([(left, bottom), (left + width, value)], colour.filled())
        };
        let series = chart.draw_series(values.map(bar))?;
        series
            .label(*competitor)
            .legend(move |(x, y)| Rectangle::new([(x, y - 4), (x + 8, y + 4)], colour.filled()));
    }
    let legend = SeriesLabelPosition::UpperRight;
    chart.configure_series_labels().position(legend).background_style(WHITE).label_font((FONT, 9)).draw()
}
