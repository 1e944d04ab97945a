# shellcheck shell=bash
# What every script here needs: where the checkout is, how to speak to people, tools and packages.
# Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    BOLD=$'\e[1m' RED=$'\e[31m' GREEN=$'\e[32m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
    BOLD='' RED='' GREEN='' DIM='' PLAIN=''
fi
export BOLD RED GREEN DIM PLAIN

# Steps, remarks and failures go to standard error; standard output carries results only.
step() { printf '%s==>%s %s\n' "$GREEN$BOLD" "$PLAIN" "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
fail() {
    printf '%serror:%s %s\n' "$RED$BOLD" "$PLAIN" "$1" >&2
    shift
    for line in "$@"; do printf '       %s\n' "$line" >&2; done
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# seconds SINCE: whole seconds since a value of $SECONDS, as "4 s" or "3 min 07 s".
took() {
    local seconds=$((SECONDS - $1))
    if [ "$seconds" -lt 100 ]; then printf '%d s' "$seconds"; else printf '%d min %02d s' $((seconds / 60)) $((seconds % 60)); fi
}

# last_lines FILE [N]: the end of a log, indented, for a failure message; nothing from before its newest
# line that begins with "--- ", which marks a start.
last_lines() {
    note "last lines of $1:"
    awk '/^--- / { text = ""; next } { text = text $0 "\n" } END { printf "%s", text }' "$1" |
        tail -n "${2:-20}" | sed 's/^/    | /' >&2
}

APT_UPDATED=''

# apt_install WHAT PACKAGE...: as root on Debian and Ubuntu installs them, elsewhere says what to install.
apt_install() {
    local what=$1
    shift
    if [ "$(id -u)" != 0 ] || ! have apt-get; then
        fail "$what is missing" "on Debian or Ubuntu: sudo apt-get install $*"
    fi
    step "Installing $* (for $what)"
    local log
    log=$(mktemp)
    if [ -z "$APT_UPDATED" ]; then
        apt-get update -qq >"$log" 2>&1 || { last_lines "$log"; note "going on with the package lists that are there"; }
        APT_UPDATED=yes
    fi
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1; then
        last_lines "$log"
        rm -f "$log"
        fail "apt-get could not install $*"
    fi
    rm -f "$log"
}

# need COMMAND WHAT PACKAGE...: installs the packages unless the command is there.
need() {
    local command=$1
    shift
    have "$command" || apt_install "$@"
}

need_rust() {
    # rustup installs the toolchain of rust-toolchain.toml by itself when it is not there yet.
    [ -x "$HOME/.cargo/bin/cargo" ] && PATH=$PATH:$HOME/.cargo/bin
    have cargo || fail "Rust is missing (cargo is not in PATH)" \
        "install it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" \
        "then open a new shell, or: . \$HOME/.cargo/env"
    (cd "$ROOT" && cargo --version >/dev/null) || fail "cargo does not run in this checkout (see above)" \
        "rust-toolchain.toml asks for $(sed -n 's/^channel = //p' "$ROOT/rust-toolchain.toml")"
    need cc "a C compiler (SQLite, zstd and ring are built from source)" build-essential
}

NODE_OLDEST=20.19.0

node_is_new_enough() {
    have node && have npm && [ "$(printf '%s\n' "$NODE_OLDEST" "$(node -p process.versions.node)" | sort -V | head -n 1)" = "$NODE_OLDEST" ]
}

need_node() {
    node_is_new_enough && return
    if ! have node; then apt_install "Node.js (builds the page)" nodejs npm; fi
    node_is_new_enough || fail "Node.js $NODE_OLDEST or newer is needed to build the page, and npm with it; here is $(node --version 2>/dev/null || echo none)" \
        "newer versions: https://nodejs.org/en/download or https://github.com/nodesource/distributions" \
        "without the page (API only): PAGE=no in front of the same command"
}

# newer_than MARK PATH...: is anything below the paths newer than the file MARK (or MARK not there)?
newer_than() {
    local mark=$1 path
    shift
    [ -e "$mark" ] || return 0
    for path in "$@"; do
        [ -e "$path" ] || continue
        [ -z "$(find "$path" -newer "$mark" -print -quit)" ] || return 0
    done
    return 1
}
