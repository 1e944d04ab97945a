# shellcheck shell=bash
# `make bench ARGS=values` and `ARGS=recorded`: the same values in Tacho, VictoriaMetrics and Prometheus, one after
# the other: of hosts that do not exist, and of this machine. Sourced by bench/run.
# shellcheck disable=SC2154 # work is set there

VALUES_HOSTS=${VALUES_HOSTS:-5} VALUES_DURATION=${VALUES_DURATION:-1d} VALUES_INTERVAL=${VALUES_INTERVAL:-5s}
# What is asked of them: ranges with commas between.
VALUES_RANGES=${VALUES_RANGES:-$VALUES_DURATION}
RECORDED_SECONDS=${RECORDED_SECONDS:-3600} RECORDED_INTERVAL=${RECORDED_INTERVAL:-1s}
VICTORIA=127.0.0.1:29394 PROMETHEUS=127.0.0.1:29395

measure_values() {
    local until count directory=$work/values
    step "The same values of $VALUES_HOSTS hosts, $VALUES_DURATION at $VALUES_INTERVAL, processes left out, in three stores"
    need promtool "the comparison" prometheus
    need victoria-metrics "the comparison" victoria-metrics
    rm -rf "$DATA" "$directory"
    mkdir -p "$DATA" "$directory"
    # The same end for all, so that the same values are made.
    until=$((($(date +%s) - 600) * 1000))
    shape=(--hosts "$VALUES_HOSTS" --duration "$VALUES_DURATION" --interval "$VALUES_INTERVAL" --until "$until")
    count=$("$BIN/tacho-values" "${shape[@]}" 2>&1 >/dev/null | awk '{ print $1 }')
    row "values" "$count"
    values_of_tacho "$until" "$count"
    values_of_victoria "$directory/victoria" "$until" "$count"
    values_of_prometheus "$directory" "$until" "$count"
    rm -rf "$directory"
}

# How many bytes the values of a real machine take, recorded for a while at 1 s, once the last hour of them is over and its
# files are merged.
measure_recorded() {
    local directory=$work/values token host count
    step "What $RECORDED_SECONDS s of this machine at $RECORDED_INTERVAL take, processes left out, in three stores"
    need promtool "the comparison" prometheus
    need victoria-metrics "the comparison" victoria-metrics
    rm -rf "$DATA" "$directory"
    mkdir -p "$directory"
    TACHO_AGENT_INTERVAL=$RECORDED_INTERVAL "$ROOT/scripts/run" --detach --no-build >/dev/null
    sleep "$RECORDED_SECONDS"
    stop_daemon agent
    token=$(cat "$DATA/api-token") host=$(uname -n)
    recorded() { python3 "$ROOT/bench/recorded.py" "http://$HTTP" "$DATA/api-token" "$host" "$1"; }
    count=$(recorded openmetrics 2>&1 >"$directory/values.txt" | awk '{ print $1 }')
    recorded prometheus >"$directory/lines.txt" 2>/dev/null
    row "values" "$count"
    note "waiting for the end of the hour, after which its files become one"
    sleep "$((3600 - $(date +%s) % 3600 + 180))"
    settled "$token"
    bytes_of_tacho
    per_value "Tacho: bytes per value" "$raw_bytes" "$count" '%.3f'
    stop_daemon server
    start_victoria "$directory/victoria"
    curl -sS --fail -T "$directory/lines.txt" "http://$VICTORIA/api/v1/import/prometheus" || fail "VictoriaMetrics did not take the values"
    bytes_of_victoria "$directory/victoria" "$count"
    stop_other "$victoria"
    blocks_of_prometheus "$directory" "$count" <"$directory/values.txt"
    rm -rf "$directory"
}

# per_value WHAT AMOUNT COUNT FORMAT
per_value() { row "$1" "$(awk -v a="$2" -v n="$3" "BEGIN { printf \"$4\", a / n }")"; }

values_of_tacho() {
    local summary token before pid
    start_server_alone
    pid=$(pid_of server)
    before=$(cpu_ticks "$pid")
    summary=$("$BIN/tacho-load" --server "$(agent_target)" --token "$(server token create join | tail -n 1)" --processes 0 --active 0 "${shape[@]}" 2>/dev/null)
    row "Tacho: ingest" "$(head -n 1 <<<"$summary" | sed 's/^snapshots stored *//') snapshots"
    per_value "Tacho: CPU time of the server per value" "$((($(cpu_ticks "$pid") - before) * 10000000))" "$2" '%.0f ns'
    token=$(server token create api --role viewer | tail -n 1)
    settled "$token"
    bytes_of_tacho
    per_value "Tacho: bytes per value" "$raw_bytes" "$2" '%.3f'
    per_value "Tacho: bytes per value of rollups beside them" "$rollup_bytes" "$2" '%.3f'
    row "Tacho: resident memory at most" "$(status_kb "$pid" VmHWM) kB"
    "$BIN/tacho-queries" --http "$HTTP" --token "$token" --host 'load-{n}' --hosts "$VALUES_HOSTS" --until "$1" --duration "$VALUES_RANGES" --repeat "$REPEAT"
    stop_daemon server
}

# Sets raw_bytes and rollup_bytes: of values of the host, without processes, connections and events.
bytes_of_tacho() {
    local table size
    raw_bytes=0 rollup_bytes=0
    for table in "$DATA"/server/history/*/; do
        size=$(bytes_below "$table")
        case $(basename "$table") in
            process* | connection* | listener* | event*) ;;
            *_1m | *_10m | *_1h | *_1d) rollup_bytes=$((rollup_bytes + size)) ;;
            *) raw_bytes=$((raw_bytes + size)) ;;
        esac
    done
}

# start_victoria DIRECTORY: sets victoria to its pid.
start_victoria() {
    local tick
    mkdir -p "$1"
    victoria-metrics -storageDataPath="$1" -httpListenAddr="$VICTORIA" -retentionPeriod=10y -loggerLevel=ERROR >"$work/victoria.log" 2>&1 &
    victoria=$!
    crowd+=("$victoria")
    for ((tick = 0; tick < 100; tick++)); do ! http_get "$VICTORIA" /health >/dev/null || break; sleep 0.1; done
}

stop_other() {
    kill "$1"
    wait "$1" || true
}

values_of_victoria() {
    local before
    start_victoria "$1"
    before=$(cpu_ticks "$victoria")
    "$BIN/tacho-values" --format prometheus "${shape[@]}" 2>/dev/null |
        curl -sS --fail -T - "http://$VICTORIA/api/v1/import/prometheus" || { last_lines "$work/victoria.log"; fail "VictoriaMetrics did not take the values"; }
    per_value "VictoriaMetrics: CPU time per value, text read and stored" "$((($(cpu_ticks "$victoria") - before) * 10000000))" "$3" '%.0f ns'
    bytes_of_victoria "$1" "$3"
    row "VictoriaMetrics: resident memory at most" "$(status_kb "$victoria" VmHWM) kB"
    "$BIN/tacho-queries" --promql --http "$VICTORIA" --token none --host 'load-{n}' --hosts "$VALUES_HOSTS" --until "$2" --duration "$VALUES_RANGES" --repeat "$REPEAT"
    stop_other "$victoria"
}

# bytes_of_victoria DIRECTORY COUNT: once it has merged.
bytes_of_victoria() {
    local tick size last=''
    http_get "$VICTORIA" /internal/force_flush >/dev/null
    http_get "$VICTORIA" /internal/force_merge >/dev/null
    # Merged when its size no longer changes.
    for ((tick = 0; tick < 60; tick++)); do
        size=$(du -sb "$1" | cut -f 1)
        [ "$size" != "$last" ] || break
        last=$size
        sleep 5
    done
    per_value "VictoriaMetrics: bytes per value" "$size" "$2" '%.3f'
}

# blocks_of_prometheus DIRECTORY COUNT: of the values on standard input, as OpenMetrics. promtool reads files only, and a day of 1000 hosts
# is 45 GB of text: so in pieces, each removed once it is in.
blocks_of_prometheus() {
    # shellcheck disable=SC2016 # expanded by the shell that split starts
    PIECE=$1/piece.txt BLOCKS=$1/prometheus split --lines=60000000 --filter='
        set -e
        cat >"$PIECE"
        [ "$(tail -n 1 "$PIECE")" = "# EOF" ] || echo "# EOF" >>"$PIECE"
        promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration=24h "$PIECE" "$BLOCKS"
        rm "$PIECE"' - >"$work/promtool.log" 2>&1 ||
        { last_lines "$work/promtool.log"; fail "promtool did not take the values"; }
    per_value "Prometheus: bytes per value (blocks of 24 h at most)" "$(du -sb "$1/prometheus" | cut -f 1)" "$2" '%.3f'
}

values_of_prometheus() {
    local pid tick
    "$BIN/tacho-values" --format openmetrics "${shape[@]}" 2>/dev/null | blocks_of_prometheus "$1" "$3"
    printf 'global: {}\n' >"$1/prometheus.yml"
    prometheus --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/prometheus" --storage.tsdb.retention.time=10y \
        --web.listen-address="$PROMETHEUS" --log.level=error >"$work/prometheus.log" 2>&1 &
    pid=$!
    crowd+=("$pid")
    for ((tick = 0; tick < 200; tick++)); do ! http_get "$PROMETHEUS" /-/ready >/dev/null || break; sleep 0.1; done
    "$BIN/tacho-queries" --promql --http "$PROMETHEUS" --token none --host 'load-{n}' --hosts "$VALUES_HOSTS" --until "$2" --duration "$VALUES_RANGES" --repeat "$REPEAT"
    row "Prometheus: resident memory at most" "$(status_kb "$pid" VmHWM) kB"
    stop_other "$pid"
}
