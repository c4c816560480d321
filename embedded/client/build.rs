//! Hands the linker the script of cortex-m-rt, and each board's memory map, which that includes.
use std::env;

fn main() {
    println!("cargo::rerun-if-changed=boards");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let package = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    for board in ["mps2-an386", "microbit"] {
        println!("cargo::rustc-link-arg-bin={board}=-L{package}/boards/{board}");
        println!("cargo::rustc-link-arg-bin={board}=-Tlink.x");
    }
}
