//! The examples as programs.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// An example. `cargo test` has built it; but not every way to run a test has, so cargo is asked.
pub(crate) fn example(name: &str) -> PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--example", name, "--message-format", "json"]);
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).unwrap();
    let mut messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let artifact = messages.find(|message| message["target"]["name"] == name).unwrap();
    artifact["executable"].as_str().unwrap().into()
}
