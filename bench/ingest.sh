# shellcheck shell=bash
# `make bench ARGS=ingest`: many agents that send as time goes on. Sourced by bench/run.

INGEST_HOSTS=${INGEST_HOSTS:-2000} INGEST_DURATION=${INGEST_DURATION:-10m} INGEST_INTERVAL=${INGEST_INTERVAL:-5s}
INGEST_PROCESSES=${INGEST_PROCESSES:-200} INGEST_ACTIVE=${INGEST_ACTIVE:-20}

measure_ingest() {
    local summary pid before seconds ticks frames values cpu
    step "Ingest: $INGEST_HOSTS agents at $INGEST_INTERVAL for $INGEST_DURATION, live, $INGEST_PROCESSES processes each, $INGEST_ACTIVE at work"
    rm -rf "$DATA"
    mkdir -p "$DATA"
    start_server_alone
    pid=$(pid_of server)
    before=$(cpu_ticks "$pid") seconds=$SECONDS
    summary=$("$BIN/tacho-load" --live --server "$(agent_target)" --token "$(server token create join | tail -n 1)" \
        --hosts "$INGEST_HOSTS" --duration "$INGEST_DURATION" --interval "$INGEST_INTERVAL" \
        --processes "$INGEST_PROCESSES" --active "$INGEST_ACTIVE" 2>/dev/null)
    ticks=$(($(cpu_ticks "$pid") - before)) seconds=$((SECONDS - seconds))
    printf '%s\n' "$summary"
    frames=$(awk '/^snapshots stored/ { print $3 }' <<<"$summary")
    values=$(awk '/^values sent/ { print $3 }' <<<"$summary")
    cpu=$(awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" 'BEGIN { print t / hz }')
    row "CPU time of the server, joining included" "$(awk -v c="$cpu" -v s="$seconds" 'BEGIN { printf "%.1f s of %d, %.0f %% of a core", c, s, c / s * 100 }')"
    row "snapshots for a second of a core" "$(awk -v n="$frames" -v c="$cpu" 'BEGIN { printf "%.0f", n / c }')"
    row "values for a second of a core" "$(awk -v n="$values" -v c="$cpu" 'BEGIN { printf "%.0f", n / c }')"
    row "resident memory of the server at most" "$(status_kb "$pid" VmHWM) kB"
    row "resident memory of the server now" "$(status_kb "$pid" VmRSS) kB"
    stop_daemon server
}
