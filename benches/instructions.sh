#!/usr/bin/env bash
# Counts the instructions and the allocations of every operation in operations.rs, or of those named, beside
# those of the bound: the same written by hand with the least work (bound/).
#
#   benches/instructions.sh [NAME...]
#   benches/instructions.sh --check                 fails if an operation takes more than ratios.tsv allows, or allocates
#   benches/instructions.sh --update                allows what it takes now
#   benches/instructions.sh --where NAME [bound]    the source lines that they belong to
#
# A count is exact: what a run of the operation takes once it has run before, in the functions of counted.rs
# and all that they call. It changes with the compiler, and a little with the machine, whose C library chooses
# how to copy memory; the ratio to the bound, which is built and counted along with it, changes less. It may
# be TOLERANCE percent (5 if not set) above the one in ratios.tsv. The limit there is what it ought to be at
# most; a row that is above it ends in a star.
#
# Needs valgrind.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
run=${CARGO_TARGET_DIR:-$here/target}/release/run
ratios=$here/ratios.tsv
report=$(mktemp)
trap 'rm -f "$report"' EXIT

# collect [OPTION...] -- [ARGUMENT...]: runs `run` and has callgrind write its report.
collect() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    valgrind -q --tool=callgrind --toggle-collect='operations::counted::*' --callgrind-out-file="$report" \
        "${options[@]}" "$run" "${@:2}"
}

# count [NAME...]: name, instructions, allocations, and with a bound its instructions, ratio and limit; with tabs.
count() {
    local rows
    rows=$(collect --dump-before=run::part --combine-dumps=yes -- "$@")
    # Every second part of the report is a measurement; what comes before it is preparation.
    awk -v OFS='\t' '
        BEGIN { FS = "\t" }
        NR == FNR { if (sub(/^totals: /, "") && ++parts % 2 == 0) counts[++last] = $0 + 0; next }
        {
            ours = counts[++at]
            if (!ours) { print $1 ": no instruction was counted" > "/dev/stderr"; exit 1 }
            if (!$3) { print $1, ours, $2, "", "", ""; next }
            bound = counts[++at]
            print $1, ours, $2, bound, sprintf("%.2f", ours / bound), sprintf("%.2f", $3 / 100)
        }
    ' "$report" - <<<"$rows"
}

# table: shows what `count` says.
table() {
    awk -F '\t' '
        function row(a, b, c, d, e, f, g) { printf "%-46s %12s %11s %8s %6s %6s%s\n", a, b, c, d, e, f, g }
        BEGIN { row("operation", "instructions", "allocations", "bound", "ratio", "limit") }
        { row($1, $2, $3, $4, $5, $6, $6 && $5 > $6 ? " *" : "") }
    '
}

# check: passes on what `count` says; fails if there is an allocation, or a ratio that is not allowed.
check() {
    awk -F '\t' -v tolerance="${TOLERANCE:-5}" '
        function fault(text) { print text > "/dev/stderr"; failed = 1 }
        NR == FNR { if (FNR > 1) allowed[$1] = $2; next }
        { print }
        $3 > 0 { fault($1 ": allocates") }
        $4 && !($1 in allowed) { fault($1 ": not in ratios.tsv") }
        $4 && $1 in allowed && $5 > allowed[$1] * (1 + tolerance / 100) {
            fault($1 ": " $5 " times the bound, allowed are " allowed[$1])
        }
        { delete allowed[$1] }
        END { for (name in allowed) fault(name ": no operation with a bound"); exit failed }
    ' "$ratios" -
}

if ! command -v valgrind >/dev/null; then
    echo 'valgrind is needed (apt-get install valgrind)' >&2
    exit 1
fi
cargo build --quiet --release --bin run --manifest-path "$here/Cargo.toml"
case ${1:-} in
    --check)
        count | check | table
        ;;
    --update)
        counts=$(count)
        { printf 'operation\tratio\tlimit\n' && cut -f 1,5,6 <<<"$counts" | awk -F '\t' '$3'; } >"$ratios"
        table <<<"$counts"
        ;;
    --where)
        collect -- --often "${2:?which operation?}" "${3:-ours}"
        callgrind_annotate --auto=yes "$report"
        ;;
    *)
        count "$@" | table
        ;;
esac
