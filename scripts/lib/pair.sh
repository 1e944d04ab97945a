# shellcheck shell=bash
# The pair that `make run` starts: where its data is, which addresses it has, whether it runs, how it
# stops. Sourced after common.sh and http.sh, never run.
#
# Settings, all from the environment (or `make run DATA=… HTTP=… LISTEN=…`):
#   DATA    directory of both daemons' data, logs and the API token      .tacho in the checkout
#   HTTP    page and API over plain HTTP, loopback only                  127.0.0.1:9380
#   LISTEN  TLS: agents, API, page                                       0.0.0.0:9300
#   BIN     directory of ready-made binaries: nothing is built           (empty: built with profile quick)
# A port alone is enough for HTTP and LISTEN.

DATA=$(realpath -m "${DATA:-$ROOT/.tacho}")
HTTP=${HTTP:-127.0.0.1:9380}
LISTEN=${LISTEN:-0.0.0.0:9300}
case $HTTP in *:*) ;; *) HTTP=127.0.0.1:$HTTP ;; esac
case $LISTEN in *:*) ;; *) LISTEN=0.0.0.0:$LISTEN ;; esac
BIN=${BIN:-}

# How long a daemon may take to stop after SIGTERM before it is killed.
STOP_SECONDS=15

# The address an agent of this machine reaches the server by.
agent_target() {
    case ${LISTEN%:*} in 0.0.0.0 | '*' | '[::]') printf '127.0.0.1:%s' "${LISTEN##*:}" ;; *) printf '%s' "$LISTEN" ;; esac
}

# What of a path is worth showing: relative to the checkout when it is in it.
shown() { case $1 in "$ROOT"/*) printf '%s' "${1#"$ROOT"/}" ;; *) printf '%s' "$1" ;; esac; }

# started_at PID: the kernel's start time of a process; with the pid it names one process for good.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# pid_of NAME: the pid of our running server or agent; false when it does not run.
pid_of() {
    local pid start
    read -r pid start 2>/dev/null <"$DATA/$1.pid" || return 1
    [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] || return 1
    # A zombie has a start time, too; it is not running.
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c 1)" != Z ] || return 1
    printf '%s' "$pid"
}

# runtime_directory: a directory in memory that belongs to this pair, as the systemd unit has one.
runtime_directory() {
    if [ -d /dev/shm ] && [ -w /dev/shm ]; then
        printf '/dev/shm/tacho-%s-%s' "$(id -u)" "$(printf '%s' "$DATA" | cksum | cut -d ' ' -f 1)"
    else
        printf '%s' "$DATA/run"
    fi
}

# daemon_environment: settings of this pair for both daemons, over their files in the data directory.
daemon_environment() {
    export TACHO_SERVER_DATA_DIR=$DATA/server TACHO_SERVER_LISTEN=$LISTEN TACHO_SERVER_HTTP_LISTEN=$HTTP
    export TACHO_AGENT_DATA_DIR=$DATA/agent TACHO_AGENT_RUNTIME_DIR
    TACHO_AGENT_RUNTIME_DIR=$(runtime_directory)
    TACHO_AGENT_SERVERS=$(agent_target)
    export TACHO_AGENT_SERVERS
}

server() { "$BIN/tacho-server" "$1" --config "$DATA/server.toml" "${@:2}"; }
agent() { "$BIN/tacho-agent" "$1" --config "$DATA/agent.toml" "${@:2}"; }

# launch NAME: starts a daemon in a session of its own, so that Ctrl-C reaches only this script and the
# two are stopped in order.
launch() {
    printf '\n--- %s: make run starts tacho-%s\n' "$(date -u +%FT%TZ)" "$1" >>"$DATA/$1.log"
    setsid "$BIN/tacho-$1" run --config "$DATA/$1.toml" >>"$DATA/$1.log" 2>&1 </dev/null 9>&- &
    local pid=$!
    disown
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$DATA/$1.pid"
}

# stop_daemon NAME: SIGTERM, wait, SIGKILL. True when it went by itself.
stop_daemon() {
    local pid tick
    pid=$(pid_of "$1") || { rm -f "$DATA/$1.pid"; return 0; }
    kill -TERM "$pid" 2>/dev/null || true
    for ((tick = 0; tick < STOP_SECONDS * 10; tick++)); do
        pid_of "$1" >/dev/null || { rm -f "$DATA/$1.pid"; return 0; }
        sleep 0.1
    done
    note "tacho-$1 did not stop within $STOP_SECONDS s; it is killed"
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$DATA/$1.pid"
    return 1
}

# The agent before the server: what it has sent by then is stored by the server's last flush.
stop_pair() {
    local clean=0
    # Of `make run-sql`, which reads what the server has.
    stop_daemon sql || clean=1
    stop_daemon agent || clean=1
    stop_daemon server || clean=1
    return $clean
}

# metric BODY NAME: the sum of a metric over its labels in Prometheus text; empty when it is not there.
metric() {
    awk -v name="$2" '$1 == name || index($1, name "{") == 1 { sum += $NF; found = 1 } END { if (found) printf "%.0f", sum }' <<<"$1"
}
