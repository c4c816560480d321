# What the scripts here share: to build for a bare target, and to look into the image. To be sourced.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
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

# install_missing PROGRAM=PACKAGE...: installs what is not there by apt, which takes root, and a toolchain for bare targets.
install_missing() {
    local packages=() pair
    toolchain_path >/dev/null || packages+=(rustc-web cargo-web rust-web-src)
    for pair in "$@"; do
        command -v "${pair%=*}" >/dev/null || packages+=("${pair#*=}")
    done
    ((${#packages[@]})) || return 0
    echo "installing ${packages[*]}"
    if ! command -v apt-get >/dev/null || ((EUID != 0)); then
        fail "missing, and not installable here: ${packages[*]} (the source of core: or 'rustup component add rust-src')"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    toolchain_path >/dev/null || fail "still no source of core in $(rustc --print sysroot)"
}

# cross MANIFEST TARGET ARGUMENTS...: a release build with nothing but `core` in the sysroot.
cross() {
    local manifest=$1 target=$2 path
    shift 2
    path=$(toolchain_path):$(linker_folder)
    env -u RUSTC -u RUSTDOC PATH="$path" RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$target_dir" \
        cargo build --quiet --manifest-path "$manifest" -Zbuild-std=core --release --target "$target" "$@"
}

# symbols IMAGE KNOWN: all of them, one a line, demangled; KNOWN must be one, or the image was stripped.
symbols() {
    local list
    list=$(nm -C "$1" 2>/dev/null) || fail "nm cannot read $1"
    grep -qE " [TtRr] $2\$" <<<"$list" || fail "no symbol $2 in $1"
    echo "$list"
}

# panic_symbols IMAGE KNOWN: what a way to panic leaves in an image: functions of core::panicking and the handler, which no
# panic can do without. Neither is ever inlined.
panic_symbols() {
    local list
    list=$(symbols "$1" "$2") || exit 1
    grep -E 'panic|rust_begin_unwind' <<<"$list" || true
}

# cannot_panic TARGET IMAGE KNOWN
cannot_panic() {
    local found
    found=$(panic_symbols "$2" "$3")
    [ -n "$found" ] || return 0
    echo "source files with a place that can panic:" >&2
    strings "$2" | grep -oE '[A-Za-z0-9_./-]+\.rs' | sort -u >&2 || true
    fail "$1: ${2##*/} can panic:"$'\n'"$found"
}
