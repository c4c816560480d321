#!/usr/bin/env bash
# Proves on bare metal what the library promises without its features: it needs `core` and
# nothing else, it runs, and nothing in it can panic.
#
#   embedded/check.sh [TARGET...]
#
# Targets are the keys of `boards` below, wasm32-unknown-unknown, and `host` (a static library
# for this machine, without std and without an allocator). Without arguments: all of them.
# What is missing is installed by apt, which takes root. Each kind of proof is also shown to fail
# where it must: with a panic put in, and with the feature `alloc`.
set -euo pipefail

# Each target's emulated board.
declare -A boards=(
    [thumbv6m-none-eabi]='qemu-system-arm -M microbit'
    [thumbv7em-none-eabi]='qemu-system-arm -M mps2-an386'
    [riscv32imc-unknown-none-elf]='qemu-system-riscv32 -M virt -bios none'
)
everything=(thumbv6m-none-eabi thumbv7em-none-eabi riscv32imc-unknown-none-elf wasm32-unknown-unknown host)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
probe=$root/embedded/probe/Cargo.toml
target_dir=${CARGO_TARGET_DIR:-$root/target}/embedded

fail() {
    printf 'FAIL  %s\n' "$*" >&2
    exit 1
}

# A bare target's `core` is built from source. Prints the PATH of a toolchain that has it: the one
# in use (rustup component rust-src), or else the system's own.
toolchain_path() {
    local path rustc
    for path in "$PATH" "$(getconf PATH)"; do
        rustc=$(PATH=$path command -v rustc) || continue
        if [ -d "$("$rustc" --print sysroot)/lib/rustlib/src/rust/library/core" ]; then
            echo "$path"
            return
        fi
    done
    return 1
}

# The folder of the linker that rustup's toolchains bring; Debian's have none.
linker_folder() {
    local host folder
    host=$(rustc -vV | sed -n 's/^host: //p')
    folder=$(rustc --print sysroot)/lib/rustlib/$host/bin
    [ -x "$folder/rust-lld" ] || fail "no rust-lld in $folder"
    echo "$folder"
}

install_missing() {
    local packages=()
    toolchain_path >/dev/null || packages+=(rustc-web cargo-web rust-web-src)
    command -v qemu-system-arm >/dev/null || packages+=(qemu-system-arm)
    command -v qemu-system-riscv32 >/dev/null || packages+=(qemu-system-misc)
    command -v nm >/dev/null || packages+=(binutils)
    ((${#packages[@]})) || return 0
    echo "installing ${packages[*]}"
    if ! command -v apt-get >/dev/null || ((EUID != 0)); then
        fail "missing, and not installable here: ${packages[*]} (the first three: or 'rustup component add rust-src')"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    toolchain_path >/dev/null || fail "still no source of core in $(rustc --print sysroot)"
}

# cross TARGET ARGUMENTS...: a release build of the probes with nothing but `core` in the sysroot.
cross() {
    local target=$1
    shift
    env -u RUSTC -u RUSTDOC PATH="$cross_path" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$target_dir" \
        cargo build --quiet --manifest-path "$probe" -Zbuild-std=core --release --target "$target" "$@"
}

# static_library FEATURES: the same for this machine, by the ordinary compiler.
static_library() {
    env CARGO_TARGET_DIR="$target_dir" \
        cargo rustc --quiet --manifest-path "$probe" --release --lib --crate-type staticlib --features "$1"
}

# must_not_build TEXT COMMAND...: the command fails and says TEXT.
must_not_build() {
    local text=$1 log
    shift
    if log=$("$@" 2>&1); then
        fail "this must not build, and does: $*"
    fi
    [[ $log == *"$text"* ]] || fail "this fails for another reason: $*"$'\n'"$log"
}

# symbols IMAGE KNOWN: all of them, one a line, demangled; KNOWN must be one, or the image was stripped.
symbols() {
    local list
    list=$(nm -C "$1" 2>/dev/null) || fail "nm cannot read $1"
    grep -qE " [TtRr] $2\$" <<<"$list" || fail "no symbol $2 in $1"
    echo "$list"
}

# What a way to panic leaves in an image: functions of core::panicking and the handler, which no
# panic can do without. Neither is ever inlined.
panic_symbols() {
    local list
    list=$(symbols "$1" start) || exit 1
    grep -E 'panic|rust_begin_unwind' <<<"$list" || true
}

# cannot_panic TARGET IMAGE
cannot_panic() {
    local found
    found=$(panic_symbols "$2")
    [ -n "$found" ] || return 0
    echo "source files with a place that can panic:" >&2
    strings "$2" | grep -oE '[A-Za-z0-9_./-]+\.rs' | sort -u >&2 || true
    fail "$1: ${2##*/} can panic:"$'\n'"$found"
}

# What std or an allocator leaves.
allocator_symbols() {
    local list
    list=$(symbols "$1" probe) || exit 1
    grep -E '__rust_(re|de)?alloc|__rust_no_alloc_shim|__rg_|__rdl_|\b(alloc|std)::|\bmalloc\b' <<<"$list" || true
}

# flash IMAGE: bytes of code, constants and initialised data, without the packets it reads as input.
flash() {
    local tape
    tape=$(size -A "$1" | awk '$1 == ".tape" { print $2 }')
    size "$1" | awk -v tape="${tape:-0}" 'NR == 2 { print $1 + $2 - tape }'
}

# emulate TARGET IMAGE: the exit status is the program's.
emulate() {
    local machine
    read -ra machine <<<"${boards[$1]}"
    timeout 60 "${machine[@]}" -nographic -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$2" </dev/null
}

check_board() {
    local target=$1 images=$target_dir/$1/release program runtime codec session

    cross "$target" --bin codec --features panic-on-purpose || fail "$target: does not build"
    [ -n "$(panic_symbols "$images/codec")" ] || fail "$target: a panic on purpose was not found"
    ! emulate "$target" "$images/codec" 2>/dev/null || fail "$target: a panic on purpose ends in success"

    cross "$target" --bins || fail "$target: does not build"
    for program in empty codec rest session; do
        cannot_panic "$target" "$images/$program"
        emulate "$target" "$images/$program" || fail "$target: $program does not succeed"
    done

    runtime=$(flash "$images/empty")
    codec=$(($(flash "$images/codec") - runtime))
    session=$(($(flash "$images/session") - runtime))
    echo "ok    $target: core only, cannot panic, runs; flash of the codec $codec bytes, of a client and a server $session"
}

check_wasm() {
    cross "$1" --lib || fail "$1: does not build"
    must_not_build "can't find crate for \`alloc\`" cross "$1" --lib --features sans-mqtt/alloc
    echo "ok    $1: builds with core only"
}

check_host() {
    local found
    must_not_build 'no global memory allocator' static_library sans-mqtt/alloc
    static_library '' || fail "host: does not build"
    found=$(allocator_symbols "$target_dir/release/libprobe.a")
    [ -z "$found" ] || fail "host: std or an allocator got in:"$'\n'"$found"
    echo "ok    host: a static library without std and without an allocator"
}

check() {
    if [ -n "${boards[$1]:-}" ]; then
        check_board "$1"
        return
    fi
    case $1 in
        wasm32-unknown-unknown) check_wasm "$1" ;;
        host) check_host ;;
        *) fail "no such target: $1 (there are: ${everything[*]})" ;;
    esac
}

install_missing
cross_path=$(toolchain_path):$(linker_folder)
for target in "${@:-${everything[@]}}"; do
    check "$target"
done
