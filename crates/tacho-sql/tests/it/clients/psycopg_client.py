import datetime
import os
import threading

import psycopg
import tacho

DSN = f"dbname=tacho user=me sslmode=require password={os.environ['TACHO_TOKEN']}"

start = datetime.datetime.fromtimestamp(tacho.FROM_MS / 1000, datetime.timezone.utc)
end = start + datetime.timedelta(hours=1)

with psycopg.connect(DSN, autocommit=True) as connection:
    # Parameters, types, absent values.
    found = connection.execute(
        "SELECT time, host, pid, name, rss_bytes, cpu_ratio FROM process_rates"
        " WHERE host = %s AND time >= %s AND time < %s AND pid = %s ORDER BY time",
        ("web-1", start, end, 1),
    ).fetchall()
    assert found, "process 1 has rows"
    time, host, pid, name, rss, cpu = found[0]
    assert time.replace(tzinfo=time.tzinfo or datetime.timezone.utc) >= start, time
    assert (host, pid) == ("web-1", 1) and isinstance(name, str) and isinstance(rss, int), found[0]
    assert isinstance(cpu, float), cpu
    absent = connection.execute("SELECT net_rx_bytes FROM process WHERE net_rx_bytes IS NULL LIMIT 1").fetchone()
    assert absent == (None,), absent

    # The same numbers as over HTTP.
    query = f"SELECT count(*), sum(cpu_user_us) FROM process WHERE {tacho.closed_hour()}"
    assert list(connection.execute(query).fetchone()) == [int(v) for v in tacho.rows(query)[0]]

    # A transaction that reads, and a statement that writes.
    with connection.transaction():
        assert connection.execute("SELECT 1").fetchone() == (1,)
    try:
        connection.execute("DELETE FROM process")
        raise AssertionError("it was not refused")
    except psycopg.errors.ReadOnlySqlTransaction as refused:
        assert "read only" in str(refused), refused
    assert connection.execute("SELECT 2").fetchone() == (2,), "the connection goes on"

    # A request to cancel ends a query that would run for ever.
    canceller = threading.Timer(0.5, connection.cancel)
    canceller.start()
    try:
        connection.execute(
            "SELECT sum(a.value % (b.value + 1)) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b"
        ).fetchone()
        raise AssertionError("it was not cancelled")
    except psycopg.errors.QueryCanceled as canceled:
        assert "time" not in str(canceled), canceled
    canceller.join()
    assert connection.execute("SELECT 3").fetchone() == (3,)

try:
    psycopg.connect("dbname=tacho user=me sslmode=require password=wrong")
    raise AssertionError("it came in")
except psycopg.OperationalError as refused:
    assert "API token" in str(refused), refused
