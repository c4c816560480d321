//! Shows what is in MQTT packets, byte by byte, and what is wrong with them.
//!
//! ```sh
//! cargo run -p inspect                          # recorded conversations that come with the project
//! cargo run -p inspect 32 05 00 01 61 00 00     # hex
//! cargo run -p inspect -- --json bytes.bin      # a file, for programs
//! cargo run -p inspect -- --brief all.pcapng    # a network capture, a line for each packet
//! cargo run -p inspect -- --help
//! ```

mod args;
mod capture;
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
use dissect::{Verdicts, dissect};
use input::{Conversation, Input};

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

/// Whether all packets are valid, and what they were read from is whole.
fn run(args: &Args) -> Result<bool, String> {
    let mut out = BufWriter::new(io::stdout().lock());
    let shown = if args.help {
        out.write_all(include_bytes!("help.txt")).map(|()| true)
    } else {
        show(input::read(&args.inputs, args.from)?, args, &mut out)
    };
    match shown.and_then(|good| out.flush().map(|()| good)) {
        // The reader, `head` for example, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(format!("can't write: {error}")),
        Ok(good) => Ok(good),
    }
}

fn show(input: Input, args: &Args, out: &mut impl Write) -> io::Result<bool> {
    let (verdicts, whole) = match input {
        Input::Conversations(conversations) => (conversation(&conversations, args, out)?, true),
        Input::Log(log) => log::show(&log, args, out)?,
        Input::Capture(capture) => capture::show(capture, args, out)?,
    };
    if !args.json {
        out.write_all(print::end(&verdicts, args.inputs.is_empty()).as_bytes())?;
    }
    Ok(whole && verdicts.are_all_accept())
}

fn conversation(all: &[Conversation], args: &Args, out: &mut impl Write) -> io::Result<Verdicts> {
    let mut verdicts = Verdicts::default();
    for conversation in all {
        if !args.json {
            out.write_all(print::heading(conversation).as_bytes())?;
        }
        let mut before = None;
        dissect(conversation, args.version.unwrap_or_default(), |found| {
            let shown = if args.json {
                json::line(conversation, &found, None)
            } else {
                print::packet(&found, before, args.brief)
            };
            before = found.version();
            verdicts.count(&found.verdict);
            out.write_all(shown.as_bytes())
        })?;
    }
    Ok(verdicts)
}
