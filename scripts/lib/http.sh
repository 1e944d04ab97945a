# shellcheck shell=bash
# A small HTTP client over bash's /dev/tcp, so that `make run` needs no curl. Sourced, never run.

# http_get HOST:PORT PATH [HEADER]: prints the body; true when the status is 200.
http_get() {
    local host=${1%:*} port=${1##*:}
    # A subshell under a time limit: a server that accepts and never answers must not hang the caller.
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout 10 bash -c '
        exec 3<>"/dev/tcp/$1/$2" || exit 1
        printf "GET %s HTTP/1.0\r\nHost: %s:%s\r\n%s\r\n" "$3" "$1" "$2" "$4" >&3
        read -r _ status _ <&3 || exit 1
        while IFS= read -r line <&3 && [ "$line" != $'"'\r'"' ]; do :; done
        cat <&3
        [ "$status" = 200 ]
    ' http_get "$host" "$port" "$2" "${3:+$3$'\r\n'}" 2>/dev/null
}

# in_use HOST:PORT: does anything listen there? An address of all interfaces is tried on loopback.
in_use() {
    local host=${1%:*}
    case $host in 0.0.0.0 | '*') host=127.0.0.1 ;; '[::]') host=::1 ;; '['*']') host=${host#[} host=${host%]} ;; esac
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "${1##*:}" 2>/dev/null
}
