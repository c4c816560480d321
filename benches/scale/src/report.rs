//! The results: Markdown, the raw figures as JSON, and plots.

use std::fmt::Display;
use std::path::Path;
use std::{fs, io};

use serde_json::Value;

use crate::number::decimals;
use crate::plot::{self, Panel};

/// What one part has found.
pub struct Report {
    /// The name of its files.
    pub name: &'static str,
    pub title: String,
    /// Tables, and what there is to say of them.
    pub text: String,
    pub checks: Vec<Check>,
    pub raw: Value,
    pub panels: Vec<Panel>,
}

/// What has to be true.
pub struct Check {
    pub claim: String,
    pub holds: bool,
}

impl Check {
    /// That a figure is not above a limit.
    pub fn at_most(what: impl Display, figure: f64, limit: f64) -> Self {
        let claim = format!("{what}: {} (at most {})", decimals(figure), decimals(limit));
        Self { claim, holds: figure <= limit }
    }
}

impl Report {
    /// Prints it and writes its files. Gives whether all checks hold.
    pub fn write(&self, directory: &Path) -> io::Result<bool> {
        let Self { name, title, text, checks, raw, panels } = self;
        fs::create_dir_all(directory)?;
        let mut text = format!("# {title}\n\n{text}");
        if !panels.is_empty() {
            plot::draw(&directory.join(format!("{name}.svg")), panels)?;
            text += &format!("\n![{title}]({name}.svg)\n");
        }
        text += "\nChecks:\n\n";
        for Check { claim, holds } in checks {
            text += &format!("- {}: {claim}\n", if *holds { "ok" } else { "FAILED" });
        }
        println!("{text}");
        fs::write(directory.join(format!("{name}.md")), text)?;
        fs::write(directory.join(format!("{name}.json")), serde_json::to_string_pretty(raw)? + "\n")?;
        Ok(checks.iter().all(|check| check.holds))
    }
}

/// A table in Markdown; the first column is text, the others are numbers.
pub fn table(header: &[impl ToString], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let header: Vec<_> = header.iter().map(ToString::to_string).collect();
    let rule = format!("|---|{}\n", "--:|".repeat(header.len() - 1));
    line(&header) + &rule + &rows.into_iter().map(|row| line(&row)).collect::<String>()
}
