//! `inspect`, run as a person or a program runs it.

mod build;
mod capture;
mod format;
mod log;
mod packets;

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_inspect"))
        .args(args)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Who does not read standard input may close it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

/// The output of a run that ends with this exit code and without a complaint.
fn shown(args: &[&str], input: impl AsRef<[u8]>, code: i32) -> String {
    let output = run(args, input.as_ref());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same as JSON: one object for each line, with all its keys.
fn json(args: &[&str], input: impl AsRef<[u8]>, code: i32) -> Vec<Value> {
    const KEYS: [&str; 12] = [
        "bytes",
        "connection",
        "error",
        "fields",
        "from",
        "length",
        "missing",
        "offset",
        "timestamp",
        "type",
        "verdict",
        "version",
    ];
    let lines = shown(&[&["--json"], args].concat(), input, code);
    let parse = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS, "{line}");
        object
    };
    lines.lines().map(parse).collect()
}

fn recorded(version: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recorded");
    std::fs::read_to_string(folder.join(format!("v{version}.txt"))).unwrap()
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    let mut rest = text.lines().map(str::trim);
    for line in lines {
        assert!(
            rest.any(|candidate| candidate == line.trim()),
            "{line:?} is missing, or not in order, in\n{text}"
        );
    }
}

#[test]
fn bad_arguments_are_explained() {
    for (args, input, complaint) in [
        (&["zz"][..], "", "inspect: \"zz\" is not hex, and there is no such file\n"),
        (
            &["30", "0"],
            "",
            "inspect: \"0\" has an odd number of hex digits; if it is a file, name no other\n",
        ),
        (&["--bogus"], "", "inspect: there is no option --bogus; --help lists them\n"),
        (&["--version", "4", "c000"], "", "inspect: --version is 3.1 or 3.1.1 or 5.0, not \"4\"\n"),
        (
            &["--connection", "0", "-"],
            "",
            "inspect: --connection is the number of a connection of a capture, not \"0\"\n",
        ),
        (&["--from"], "", "inspect: --from needs a value: client or server\n"),
        (&[""], "", "inspect: there are no bytes to inspect\n"),
        (&["-"], "", "inspect: there are no bytes to inspect\n"),
        (&["-"], "= a\n> 30 x\n", "inspect: line 2: \"x\" is not hex\n"),
        (&["-"], "= a\n> 30\n\n! 30\n", "inspect: line 4 begins with none of = > < #\n"),
        (
            &["-", "--from", "client"],
            "> c000",
            "inspect: --from is for bytes; recorded text says itself who sent them\n",
        ),
        (
            &["-", "--from", "client"],
            "MQL\x01",
            "inspect: --from is for bytes; a log says itself who sent them\n",
        ),
    ] {
        let output = run(args, input.as_bytes());
        assert_eq!(String::from_utf8_lossy(&output.stderr), complaint, "{args:?}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
    }
}

#[test]
fn help_names_every_option() {
    let help = shown(&["--help"], "", 0);
    assert!(
        ["--version", "--from", "--connection", "--brief", "--json", "--help"]
            .iter()
            .all(|option| help.contains(option)),
        "{help}"
    );
}

#[test]
fn nobody_has_to_read_it_all() {
    for args in [&["-"][..], &["--json", "-"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_inspect"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More than a pipe holds.
        child.stdin.take().unwrap().write_all(&b"\xC0\0".repeat(10_000)).unwrap();
        let mut begin = [0; 7];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut begin).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()), "{args:?}");
    }
}
