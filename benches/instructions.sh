#!/usr/bin/env bash
# Counts the instructions and the allocations of every operation in operations.rs, or of those named.
#
#   benches/instructions.sh [--check] [NAME...]
#   benches/instructions.sh --where NAME        the source lines that they belong to
#
# A count is exact: what the second run of the operation adds, in the functions of counted.rs and all
# that they call. It changes with the compiler, and a little with the machine, whose C library chooses
# how to copy memory. An operation with a reference figure may take so many times as many, and none may
# allocate: with --check, exceeding that is an error. TOLERANCE (in percent, 0 if not set) is for another
# compiler or machine than the one that the limits were met with.
#
# Needs valgrind.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target_dir=${CARGO_TARGET_DIR:-$here/target}
run=$target_dir/release/run
tolerance=${TOLERANCE:-0}

# collect NAME TIMES FILE: prints the instructions of TIMES runs, those of the preparation included.
collect() {
    valgrind --tool=callgrind --toggle-collect='operations::counted::*' --callgrind-out-file="$3" \
        "$run" "$1" "$2" 2>&1 >/dev/null | sed -n 's/^.* Collected : //p'
}

row() {
    printf '%-46s %12s %11s %9s %6s\n' "$@"
}

# measure NAME REFERENCE PERCENT: prints its row; fails if it takes or allocates too much.
measure() {
    local name=$1 reference=$2 percent=$3 once twice count allocations ratio=
    once=$(collect "$name" 1 /dev/null)
    twice=$(collect "$name" 2 /dev/null)
    count=$((twice - once))
    allocations=$("$run" "$name" 1)
    if ((count <= 0)); then
        echo "$name: no instruction was counted" >&2
        exit 1
    fi
    if ((reference)); then
        ratio=$((count * 100 / reference))
        ratio=$((ratio / 100)).$(printf %02d $((ratio % 100)))
    fi
    row "$name" "$count" "$allocations" "${reference/#0/}" "$ratio"
    ((allocations == 0 && (reference == 0 || count * 10000 <= reference * percent * (100 + tolerance))))
}

# table [NAME...]: prints the rows, and sets `exceeded` to those that fail.
table() {
    local name reference percent known
    for name; do
        "$run" "$name" 0 >/dev/null
    done
    known=$("$run")
    exceeded=()
    row operation instructions allocations reference ratio
    while IFS=$'\t' read -r name reference percent; do
        if (($# == 0)) || printf '%s\n' "$@" | grep -qxF -- "$name"; then
            measure "$name" "$reference" "$percent" || exceeded+=("$name")
        fi
    done <<<"$known"
}

if ! command -v valgrind >/dev/null; then
    echo 'valgrind is needed (apt-get install valgrind)' >&2
    exit 1
fi
cargo build --quiet --release --bin run --manifest-path "$here/Cargo.toml"
case ${1:-} in
    --check)
        table "${@:2}"
        if ((${#exceeded[@]})); then
            printf '\nmore than is allowed, or an allocation:\n'
            printf '  %s\n' "${exceeded[@]}"
            exit 1
        fi
        ;;
    --where)
        "$run" "${2:-}" 0 >/dev/null
        file=$(mktemp)
        trap 'rm -f "$file"' EXIT
        collect "$2" 10000 "$file" >/dev/null
        callgrind_annotate --auto=yes "$file"
        ;;
    *)
        table "$@"
        ;;
esac
