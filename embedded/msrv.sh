#!/usr/bin/env bash
# Runs a command with the oldest compiler that the library supports (`rust-version` in Cargo.toml):
#
#   embedded/msrv.sh cargo check --lib
#
# The compiler is rustup's, where rustup has it, or else Debian's of the same version: its packages
# are unpacked below the target folder, beside what is installed, so that nothing on the machine
# changes. Cargo stays the one in use. Only the library is promised to build: what tests and
# benches depend on may ask for more.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=$(sed -n 's/^rust-version = "\([0-9.]*\)"$/\1/p' "$root/Cargo.toml")
folder=${CARGO_TARGET_DIR:-$root/target}/msrv-$version

# The version of Debian's compiler package that begins with ours. Reads to the end: a reader that
# leaves early ends the writer by SIGPIPE, now and then.
debian_version() {
    apt-cache madison rustc-web |
        awk -v version="$version." 'index($3, version) == 1 && !found { found = $3 } END { print found }'
}

# download_debian FOLDER: unpacks the compiler, the standard library and the LLVM that they want.
download_debian() {
    local full library llvm deb
    full=$(debian_version)
    if [ -z "$full" ]; then
        apt-get update -qq
        full=$(debian_version)
    fi
    if [ -z "$full" ]; then
        echo "no compiler $version: rustup has none ('rustup toolchain install $version'), nor has apt" >&2
        exit 1
    fi
    library=libstd-rust-web-$version=$full
    llvm=$(apt-cache show "$library" | grep -o 'libllvm[0-9]*' | sort -u | tail -n 1)
    rm -rf "$1.part"
    mkdir -p "$1.part/packages"
    (
        cd "$1.part/packages"
        apt-get download -qq -o APT::Sandbox::User=root \
            "rustc-web=$full" "$library" "libstd-rust-web-dev=$full" "$llvm"
    )
    for deb in "$1.part"/packages/*.deb; do
        dpkg-deb --extract "$deb" "$1.part"
    done
    rm -r "$1.part/packages"
    mv "$1.part" "$1"
}

if ! RUSTC=$(rustup which --toolchain "$version" rustc 2>/dev/null); then
    RUSTC=$folder/usr/bin/rustc
    [ -x "$RUSTC" ] || download_debian "$folder"
    # Beside what is installed, the loader does not look for libraries by itself.
    LD_LIBRARY_PATH=$(dirname "$(find "$folder/usr/lib" -name 'librustc_driver-*.so' -print -quit)")
    export LD_LIBRARY_PATH
fi
export RUSTC CARGO_TARGET_DIR=$folder/target
"$RUSTC" --version >&2
exec "$@"
