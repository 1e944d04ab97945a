import os

import duckdb
import pyarrow as pa
import tacho

QUERY = f"SELECT name, cpu_user_us FROM process WHERE host = 'web-2' AND {tacho.closed_hour()} AND pid > 0"

# An answer as an Arrow table, joined and summed up in DuckDB.
with pa.ipc.open_stream(tacho.ask(QUERY, "application/vnd.apache.arrow.stream")) as stream:
    answer = stream.read_all()
found = duckdb.sql("SELECT name, sum(cpu_user_us)::BIGINT FROM answer GROUP BY name ORDER BY name").fetchall()
expected = tacho.rows(f"SELECT name, sum(cpu_user_us) FROM ({QUERY}) GROUP BY name ORDER BY name")
assert found and [list(row) for row in found] == expected, (found, expected)

# An answer as a Parquet file.
path = os.path.join(tacho.DATA, "answer.parquet")
with open(path, "wb") as file:
    file.write(tacho.ask(QUERY, "application/vnd.apache.parquet"))
assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()[0] == (answer.num_rows,)

# The history's files themselves. One that was merged stays for five minutes beside the new one: rows count once.
files = os.path.join(tacho.DATA, "history", "interface", "**", "*.parquet")
condition = f"time >= make_timestamptz({tacho.FROM_MS * 1000}) AND time < make_timestamptz({(tacho.FROM_MS + tacho.HOUR_MS) * 1000})"
found = duckdb.sql(
    "SELECT count(*), sum(rx_bytes)::BIGINT FROM (SELECT DISTINCT host_id, interface, time, rx_bytes"
    f" FROM read_parquet('{files}') WHERE {condition})"
).fetchall()[0]
expected = tacho.rows(f"SELECT count(*), sum(rx_bytes) FROM interface WHERE {tacho.closed_hour()}")[0]
assert list(found) == expected, (found, expected)
