# shellcheck shell=bash
# `make bench ARGS=soak`: a month of hosts in minutes, through the history's own code, with a limit of bytes.
# Sourced by bench/run.
# shellcheck disable=SC2154 # work is set there

SOAK_HOSTS=${SOAK_HOSTS:-10} SOAK_DURATION=${SOAK_DURATION:-30d} SOAK_INTERVAL=${SOAK_INTERVAL:-5s}
SOAK_SHAPE=${SOAK_SHAPE:-50/8} SOAK_LIMIT=${SOAK_LIMIT:-400000000}

measure_soak() {
    local out=$work/soak.txt
    step "Soak: $SOAK_HOSTS hosts over $SOAK_DURATION at $SOAK_INTERVAL, processes $SOAK_SHAPE, limit $SOAK_LIMIT bytes"
    rm -rf "$work/soak"
    "$BIN/tacho-store" --data-dir "$work/soak" --days --limit-bytes "$SOAK_LIMIT" \
        --hosts "load-:$SOAK_HOSTS:$SOAK_DURATION:$SOAK_INTERVAL:$SOAK_SHAPE" >"$out"
    cat "$out"
    # Once the limit was reached, each day's end must be near it.
    awk -F, -v limit="$SOAK_LIMIT" '
        NR > 1 && NF == 6 && ($3 > limit * 0.95 || full) {
            full = 1; days++
            if (!least || $3 < least) least = $3
            if ($3 > most) most = $3
        }
        END { if (days) printf "%-44s %.2f %% to %.2f %% over %d days\n", "bytes of files, of the limit", least / limit * 100, most / limit * 100, days }
    ' "$out"
    rm -rf "$work/soak"
}
