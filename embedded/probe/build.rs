//! Hands the linker the memory map of the board. A target without one (wasm, the host) needs none.
use std::env;

fn main() {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let map = match arch.as_str() {
        "arm" => "cortex-m.ld",
        "riscv32" => "riscv.ld",
        _ => return,
    };
    let folder = format!("{}/link", env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rustc-link-arg-bins=-L{folder}");
    println!("cargo::rustc-link-arg-bins=-T{map}");
}
