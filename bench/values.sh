# shellcheck shell=bash
# `make bench ARGS=values`: the same values of hosts in Tacho, VictoriaMetrics and Prometheus, one after the
# other. Sourced by bench/run.
# shellcheck disable=SC2154 # work is set there

VALUES_HOSTS=${VALUES_HOSTS:-5} VALUES_DURATION=${VALUES_DURATION:-1d} VALUES_INTERVAL=${VALUES_INTERVAL:-5s}
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

# per_value WHAT AMOUNT COUNT FORMAT
per_value() { row "$1" "$(awk -v a="$2" -v n="$3" "BEGIN { printf \"$4\", a / n }")"; }

values_of_tacho() {
    local summary token before pid bytes=0 rollups=0 table size
    start_server_alone
    pid=$(pid_of server)
    before=$(cpu_ticks "$pid")
    summary=$("$BIN/tacho-load" --server "$(agent_target)" --token "$(server token create join | tail -n 1)" --processes 0 --active 0 "${shape[@]}" 2>/dev/null)
    row "Tacho: ingest" "$(head -n 1 <<<"$summary" | sed 's/^snapshots stored *//') snapshots"
    per_value "Tacho: CPU time of the server per value" "$((($(cpu_ticks "$pid") - before) * 10000000))" "$2" '%.0f ns'
    token=$(server token create api --role viewer | tail -n 1)
    settled "$token"
    for table in "$DATA"/server/history/*/; do
        size=$(bytes_below "$table")
        case $(basename "$table") in
            host | cpu | disk | filesystem | interface) bytes=$((bytes + size)) ;;
            process*) ;;
            *) rollups=$((rollups + size)) ;;
        esac
    done
    per_value "Tacho: bytes per value" "$bytes" "$2" '%.3f'
    per_value "Tacho: bytes per value of rollups to a minute and an hour beside them" "$rollups" "$2" '%.3f'
    row "Tacho: resident memory at most" "$(status_kb "$pid" VmHWM) kB"
    "$BIN/tacho-queries" --http "$HTTP" --token "$token" --host load-1 --until "$1" --duration "$VALUES_DURATION" --repeat "$REPEAT"
    stop_daemon server
}

values_of_victoria() {
    local pid tick before size last=''
    mkdir -p "$1"
    victoria-metrics -storageDataPath="$1" -httpListenAddr="$VICTORIA" -retentionPeriod=10y -loggerLevel=ERROR >"$work/victoria.log" 2>&1 &
    pid=$!
    crowd+=("$pid")
    for ((tick = 0; tick < 100; tick++)); do ! http_get "$VICTORIA" /health >/dev/null || break; sleep 0.1; done
    before=$(cpu_ticks "$pid")
    "$BIN/tacho-values" --format prometheus "${shape[@]}" 2>/dev/null |
        curl -sS --fail -T - "http://$VICTORIA/api/v1/import/prometheus" || { last_lines "$work/victoria.log"; fail "VictoriaMetrics did not take the values"; }
    per_value "VictoriaMetrics: CPU time per value, text read and stored" "$((($(cpu_ticks "$pid") - before) * 10000000))" "$3" '%.0f ns'
    http_get "$VICTORIA" /internal/force_flush >/dev/null
    http_get "$VICTORIA" /internal/force_merge >/dev/null
    # Merged when its size no longer changes.
    for ((tick = 0; tick < 60; tick++)); do
        size=$(du -sb "$1" | cut -f 1)
        [ "$size" != "$last" ] || break
        last=$size
        sleep 5
    done
    per_value "VictoriaMetrics: bytes per value" "$size" "$3" '%.3f'
    row "VictoriaMetrics: resident memory at most" "$(status_kb "$pid" VmHWM) kB"
    "$BIN/tacho-queries" --promql --http "$VICTORIA" --token none --host load-1 --until "$2" --duration "$VALUES_DURATION" --repeat "$REPEAT"
    kill "$pid"
    wait "$pid" || true
}

values_of_prometheus() {
    local pid tick
    "$BIN/tacho-values" --format openmetrics "${shape[@]}" >"$1/values.txt" 2>/dev/null
    promtool tsdb create-blocks-from openmetrics --quiet --max-block-duration=24h "$1/values.txt" "$1/prometheus" >"$work/promtool.log" 2>&1 ||
        { last_lines "$work/promtool.log"; fail "promtool did not take the values"; }
    rm "$1/values.txt"
    per_value "Prometheus: bytes per value (blocks of 24 h)" "$(du -sb "$1/prometheus" | cut -f 1)" "$3" '%.3f'
    printf 'global: {}\n' >"$1/prometheus.yml"
    prometheus --config.file="$1/prometheus.yml" --storage.tsdb.path="$1/prometheus" --storage.tsdb.retention.time=10y \
        --web.listen-address="$PROMETHEUS" --log.level=error >"$work/prometheus.log" 2>&1 &
    pid=$!
    crowd+=("$pid")
    for ((tick = 0; tick < 200; tick++)); do ! http_get "$PROMETHEUS" /-/ready >/dev/null || break; sleep 0.1; done
    "$BIN/tacho-queries" --promql --http "$PROMETHEUS" --token none --host load-1 --until "$2" --duration "$VALUES_DURATION" --repeat "$REPEAT"
    row "Prometheus: resident memory at most" "$(status_kb "$pid" VmHWM) kB"
    kill "$pid"
    wait "$pid" || true
}
