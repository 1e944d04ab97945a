# shellcheck shell=bash
# `make bench ARGS=store`: questions to a store of many hosts and many days, warm, cold, and by several users.
# Sourced by bench/run.
# shellcheck disable=SC2154 # work is set there

STORE_HOSTS=${STORE_HOSTS:-1000} STORE_DURATION=${STORE_DURATION:-7d} STORE_INTERVAL=${STORE_INTERVAL:-30s}
STORE_SHAPE=${STORE_SHAPE:-20/3} STORE_LONG=${STORE_LONG:-90d} STORE_LONG_SHAPE=${STORE_LONG_SHAPE:-50/8}
STORE_REPEAT=${STORE_REPEAT:-100} STORE_USERS=${STORE_USERS:-10} STORE_PAUSE=${STORE_PAUSE:-1s} STORE_COLD=${STORE_COLD:-5}
# Hosts and days of the curve.
CURVE=${CURVE:-10:1d 100:1d 1000:1d 100:7d}
PEERS_HOSTS=${PEERS_HOSTS:-100} PEERS_DURATION=${PEERS_DURATION:-7d} PEERS_INTERVAL=${PEERS_INTERVAL:-30s}
PEERS_RANGES=${PEERS_RANGES:-1h,24h,$PEERS_DURATION}

# store_made HOSTS_ARGUMENT...: a data directory with such hosts; sets until.
store_made() {
    local summary
    rm -rf "$DATA"
    mkdir -p "$DATA"
    summary=$("$BIN/tacho-store" --data-dir "$DATA/server" --retention 90d "$@")
    until=$(awk '/^end, ms/ { print $NF }' <<<"$summary")
    printf '%s\n' "$summary"
}

store_server() {
    printf 'retention = "90d"\n' >"$DATA/server.toml"
    start_server_with_its_settings
    store_rests
}

# Waits until the server has merged what is due after the store's last hour: until it uses less than a fiftieth of a core.
store_rests() {
    local before used=1000 tick
    for ((tick = 0; used > 10 && tick < 120; tick++)); do
        before=$(cpu_ticks "$(pid_of server)")
        sleep 5
        used=$(($(cpu_ticks "$(pid_of server)") - before))
    done
}

measure_store() {
    local until token
    step "Store: $STORE_HOSTS hosts over $STORE_DURATION at $STORE_INTERVAL, processes $STORE_SHAPE; one over $STORE_LONG at 5s, $STORE_LONG_SHAPE"
    store_made --hosts "load-:$STORE_HOSTS:$STORE_DURATION:$STORE_INTERVAL:$STORE_SHAPE" --hosts "long-:1:$STORE_LONG:5s:$STORE_LONG_SHAPE"
    store_server
    token=$(server token create api --role viewer | tail -n 1)
    note "one host over $STORE_LONG, one user"
    store_asked 1 "$token" long-1 1 1h,24h,7d,90d
    note "any of $STORE_HOSTS hosts, one user"
    store_asked 1 "$token" 'load-{n}' "$STORE_HOSTS" "1h,24h,$STORE_DURATION"
    note "any of $STORE_HOSTS hosts, $STORE_USERS users who look at each page for $STORE_PAUSE"
    store_asked "$STORE_USERS" "$token" 'load-{n}' "$STORE_HOSTS" "1h,24h,$STORE_DURATION" --pause "$STORE_PAUSE"
    note "any of $STORE_HOSTS hosts, $STORE_USERS users who never pause"
    store_asked "$STORE_USERS" "$token" 'load-{n}' "$STORE_HOSTS" "1h,24h,$STORE_DURATION"
    row "resident memory of the server at most" "$(status_kb "$(pid_of server)" VmHWM) kB"
    store_cold "$token"
    stop_daemon server
}

# store_asked USERS TOKEN HOST HOSTS RANGES [ARGUMENT...]
store_asked() {
    local all=$(((STORE_REPEAT + $1 - 1) / $1))
    "$BIN/tacho-queries" --http "$HTTP" --token "$2" --host "$3" --hosts "$4" --duration "$5" --until "$until" \
        --repeat "$all" --users "$1" "${@:6}"
}

# Each the first question to a server that was just started, on files that are in no cache.
store_cold() {
    local question range round times
    [ "$(id -u)" = 0 ] || { note "cold: left out, it takes root to drop the page cache"; return 0; }
    note "cold: server restarted, page cache dropped, $STORE_COLD times; ms, all of them"
    for question in "host page" "processes at an instant"; do
        for range in 1h 24h 7d 90d; do
            times=''
            for ((round = 0; round < STORE_COLD; round++)); do
                stop_daemon server
                sync
                echo 3 >/proc/sys/vm/drop_caches
                start_server_with_its_settings
                times+=" $("$BIN/tacho-queries" --http "$HTTP" --token "$1" --host long-1 --duration "$range" \
                    --until $((until - round * 600000)) --only "$question" --once)"
            done
            row "$question, $range" "$times"
        done
    done
}

# How the time of an answer grows with hosts and days.
measure_curve() {
    local point until token
    step "Curve: hosts and days of the store, $STORE_INTERVAL, processes $STORE_SHAPE"
    for point in $CURVE; do
        note "${point%:*} hosts, ${point#*:}"
        store_made --hosts "load-:$point:$STORE_INTERVAL:$STORE_SHAPE"
        store_server
        token=$(server token create api --role viewer | tail -n 1)
        for question in "host page" "processes at an instant" "processes over the range, by CPU" "search over"; do
            store_asked 1 "$token" 'load-{n}' "${point%:*}" "${point#*:}" --only "$question"
        done
        stop_daemon server
    done
}

# The charts of hosts, which is what all three can answer, of the same values; `values` has the details.
measure_peers() {
    VALUES_HOSTS=$PEERS_HOSTS VALUES_DURATION=$PEERS_DURATION VALUES_INTERVAL=$PEERS_INTERVAL VALUES_RANGES=$PEERS_RANGES \
        REPEAT=$STORE_REPEAT measure_values
}
