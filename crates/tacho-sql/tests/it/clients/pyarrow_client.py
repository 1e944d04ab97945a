import csv
import io
import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as dataset
import pyarrow.parquet as parquet
import tacho

QUERY = (
    "SELECT time, host, pid, name, cpu_user_us, start_time FROM process"
    f" WHERE host = 'web-1' AND {tacho.closed_hour()} ORDER BY time, pid NULLS FIRST"
)
expected = tacho.rows(QUERY)
assert len(expected) > 1000, len(expected)

with pa.ipc.open_stream(tacho.ask(QUERY, "application/vnd.apache.arrow.stream")) as stream:
    arrow = stream.read_all()
table = parquet.read_table(pa.BufferReader(tacho.ask(QUERY, "application/vnd.apache.parquet")))
for answer in (arrow, table):
    assert answer.num_rows == len(expected)
    assert answer.schema.field("time").type == pa.timestamp("ms", "UTC"), answer.schema
    assert answer.schema.field("name").type in (pa.string(), pa.string_view()), answer.schema
    for place, name in ((1, "host"), (2, "pid"), (3, "name"), (4, "cpu_user_us")):
        assert answer.column(name).to_pylist() == [row[place] for row in expected], name
assert arrow.column("time").to_pylist() == table.column("time").to_pylist()

lines = list(csv.reader(io.StringIO(tacho.ask(QUERY, "text/csv").decode())))
assert lines[0] == ["time", "host", "pid", "name", "cpu_user_us", "start_time"], lines[0]
assert [line[3] for line in lines[1:]] == [row[3] or "" for row in expected]

# An empty answer has its columns.
nothing = tacho.ask("SELECT pid, name FROM process WHERE pid = -5", "application/vnd.apache.parquet")
assert parquet.read_table(pa.BufferReader(nothing)).schema.names == ["pid", "name"]

# The files themselves, without any program of ours. One that was merged stays for five minutes beside the new one:
# rows count once.
files = dataset.dataset(os.path.join(tacho.DATA, "history", "disk"), format="parquet")
first, end = (pa.scalar(ms, pa.timestamp("ms", "UTC")) for ms in (tacho.FROM_MS, tacho.FROM_MS + tacho.HOUR_MS))
columns = ["host_id", "device", "time", "read_bytes"]
found = files.to_table(filter=(pc.field("time") >= first) & (pc.field("time") < end), columns=columns)
found = found.group_by(columns).aggregate([])
counted = tacho.rows(f"SELECT count(*), sum(read_bytes) FROM disk WHERE {tacho.closed_hour()}")[0]
assert [found.num_rows, pc.sum(found.column("read_bytes")).as_py()] == counted, counted
