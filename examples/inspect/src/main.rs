//! Shows what is in MQTT packets, byte by byte, and what is wrong with them.
//!
//! ```sh
//! cargo run -p inspect                          # recorded conversations that come with the project
//! cargo run -p inspect 32 05 00 01 61 00 00     # hex
//! cargo run -p inspect -- --json capture.bin    # a file, for programs
//! cargo run -p inspect -- --help
//! ```

mod args;
mod dissect;
mod fields;
mod input;
mod json;
mod log;
mod print;
mod words;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use args::Args;
use dissect::{Verdict, dissect};

fn main() -> ExitCode {
    match args::parse(std::env::args_os().skip(1)).and_then(|args| run(&args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody may be listening there either.
            let _ = writeln!(io::stderr(), "inspect: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all packets are valid, and a log is whole.
fn run(args: &Args) -> Result<bool, String> {
    let conversations = if args.help { Vec::new() } else { input::read(&args.inputs, args.from)? };
    let (mut verdicts, mut whole) = (Vec::new(), true);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut write = || {
        if args.help {
            out.write_all(include_bytes!("help.txt"))?;
        }
        for conversation in &conversations {
            if !conversation.log.is_empty() {
                let shown = log::show(&conversation.log, args.json, &mut out)?;
                verdicts.extend(shown.0);
                whole &= shown.1;
                continue;
            }
            if !args.json {
                out.write_all(print::heading(conversation).as_bytes())?;
            }
            let mut before = None;
            dissect(conversation, args.version, |found| {
                let shown =
                    if args.json { json::line(conversation, &found) } else { print::packet(&found, before) };
                before = found.version();
                verdicts.push(found.verdict);
                out.write_all(shown.as_bytes())
            })?;
        }
        if !args.json && !args.help {
            out.write_all(print::end(&verdicts, args.inputs.is_empty()).as_bytes())?;
        }
        out.flush()
    };
    match write() {
        // The reader, `head` for example, has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("can't write: {error}")),
        _ => Ok(whole && verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accept))),
    }
}
