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
# The most flash that a client's small use may take on a Cortex-M4, in bytes, by the features for its versions.
declare -A flash_of_client=([v3]=12530 [v5]=18210 [v3,v5]=19620)
everything=(thumbv6m-none-eabi thumbv7em-none-eabi riscv32imc-unknown-none-elf wasm32-unknown-unknown host)

. "$(dirname "${BASH_SOURCE[0]}")/bare.sh"
probe=$root/embedded/probe/Cargo.toml

# static_library FEATURES: the probes for this machine, by the ordinary compiler.
static_library() {
    env CARGO_TARGET_DIR="$target_dir" \
        cargo rustc --quiet --manifest-path "$probe" --release --lib --crate-type staticlib --features "v3 v5 $1"
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
    local target=$1 images=$target_dir/$1/release program told versions runtime codec session

    cross "$probe" "$target" --bin codec --features v3,v5,sans-mqtt/small,sans-mqtt/stream,panic-on-purpose || fail "$target: does not build"
    [ -n "$(panic_symbols "$images/codec" start)" ] || fail "$target: a panic on purpose was not found"
    ! emulate "$target" "$images/codec" 2>/dev/null || fail "$target: a panic on purpose ends in success"

    cross "$probe" "$target" --bins --features v3,v5,sans-mqtt/small,sans-mqtt/stream || fail "$target: does not build"
    for program in empty codec rest session; do
        cannot_panic "$target" "$images/$program" start
        told=$(emulate "$target" "$images/$program" 2>&1) || fail "$target: $program does not succeed: $told"
    done

    for versions in v3 v5 v3,v5; do
        # The figures are of Cortex-M; elsewhere it is enough that one builds and runs.
        if [[ $target == thumb* || $versions == v3,v5 ]]; then
            check_client "$target" "$versions"
        fi
    done
    runtime=$(flash "$images/empty")
    codec=$(($(flash "$images/codec") - runtime))
    session=$(($(flash "$images/session") - runtime))
    echo "ok    $target: core only, cannot panic, runs; flash of the codec $codec bytes, of a client and a server $session"
}

# check_client TARGET VERSIONS: what a client costs that is built for size.
check_client() {
    local target=$1 images=$target_dir/$1/release most=${flash_of_client[$2]} flash state stack
    cross "$probe" "$target" --bin client --bin empty --features "sans-mqtt/small,$2" || fail "$target: no small client"
    cannot_panic "$target" "$images/client" start
    stack=$(emulate "$target" "$images/client" 2>&1) || fail "$target: client $2 does not succeed: $stack"
    flash=$(($(flash "$images/client") - $(flash "$images/empty")))
    state=$((16#$(nm -S "$images/client" | awk '$4 == "STATE" { print $2 }')))
    echo "ok    $target: a client of $2: $flash bytes of flash, $state of state, $((10#${stack#stack })) of stack with both buffers"
    if [ "$target" = thumbv7em-none-eabi ] && ((flash > most)); then
        fail "a client of $2 takes $flash bytes of flash, more than $most"
    fi
}

check_wasm() {
    cross "$probe" "$1" --lib --features v3,v5 || fail "$1: does not build"
    must_not_build "can't find crate for \`alloc\`" cross "$probe" "$1" --lib --features v3,v5,sans-mqtt/alloc
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

install_missing qemu-system-arm=qemu-system-arm qemu-system-riscv32=qemu-system-misc nm=binutils
for target in "${@:-${everything[@]}}"; do
    check "$target"
done
