#!/usr/bin/env bash
# Runs the firmware of client/ in an emulator for each of its boards, with a broker behind its UART, over a line that is cut
# again and again; and proves before that nothing in it can panic.
#
#   embedded/client.sh [BROKER COMMAND...]
#   embedded/client.sh cargo run --example tiny_broker -- PORT
#
# The word PORT of the command is replaced by a port. Without one the broker is mosquitto. What is missing is installed by
# apt, which takes root.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/bare.sh"
client=$root/embedded/client/Cargo.toml

declare -A targets=([mps2-an386]=thumbv7em-none-eabi [microbit]=thumbv6m-none-eabi)

# sizes IMAGE: what it takes of flash, and of RAM apart from the stack.
sizes() {
    size "$1" | awk 'NR == 2 { printf "%d bytes of flash, %d of RAM beside the stack", $1 + $2, $2 + $3 }'
}

needed=(qemu-system-arm=qemu-system-arm nm=binutils mosquitto_sub=mosquitto-clients)
if (($# == 0)); then
    needed+=(mosquitto=mosquitto)
    set -- mosquitto -p PORT
fi
install_missing "${needed[@]}"

CARGO_TARGET_DIR=$target_dir cargo test --quiet --manifest-path "$client" >/dev/null || fail "the tests of the station"
echo "ok    the station in virtual time, on a line that is cut at each byte"

images=()
for board in "${!targets[@]}"; do
    target=${targets[$board]}
    image=$target_dir/$target/release/$board
    cross "$client" "$target" --bin "$board" --features boards || fail "$board: does not build"
    cannot_panic "$board" "$image" Reset
    echo "ok    $board: core only, cannot panic; $(sizes "$image")"
    images+=("$board=$image")
done
python3 "$root/embedded/client.py" "${images[@]}" -- "$@"
