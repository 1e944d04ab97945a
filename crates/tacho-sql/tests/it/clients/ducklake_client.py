"""DuckDB attaches the catalog of a running server as a DuckLake: what docs/sql.md tells to type."""

import glob
import importlib.resources
import os

import duckdb
import tacho

# Where hosts are whose rows are all in files.
HOSTS = "host IN ('web-1', 'web-2')"


def load(name):
    """An extension from its Python package, as there may be no network to INSTALL it from."""
    package = importlib.resources.files(f"duckdb_extension_{name}")
    (path,) = glob.glob(os.path.join(str(package), "extensions", "*", f"{name}.duckdb_extension"))
    duckdb.execute(f"LOAD '{path}'")


def query(text):
    return duckdb.execute(text).fetchall()


load("sqlite_scanner")
load("ducklake")
duckdb.execute(f"ATTACH 'ducklake:sqlite:{tacho.DATA}/catalog.sqlite' AS tacho (READ_ONLY)")
duckdb.execute("USE tacho")

# Every stored table with its columns, as Tacho's own SQL has them.
COLUMNS = "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_"
columns = {}
for table, column, data_type in query(COLUMNS + "catalog = 'tacho' ORDER BY ordinal_position"):
    columns.setdefault(table, []).append((column, data_type))
assert {"host", "process", "event", "process_1m", "process_1h"} <= columns.keys(), columns.keys()
known = {}
for table, column, _ in tacho.rows(COLUMNS + "schema = 'public' ORDER BY ordinal_position"):
    known.setdefault(table, []).append(column)
for table, described in columns.items():
    assert [column for column, _ in described] == known[table], table

# The same rows and values in each table: the sums of integers, and how many there are of the others.
filled = set()
for table, described in columns.items():
    # Rollups come when they come.
    if table.endswith(("_1m", "_1h")) or not query(f"SELECT count(*) FROM {table} WHERE {HOSTS}")[0][0]:
        continue
    filled.add(table)
    amounts = [
        f'CAST(sum("{column}") AS BIGINT)' if data_type == "BIGINT" else f'count("{column}")'
        for column, data_type in described
    ]
    question = f"SELECT count(*), {', '.join(amounts)} FROM {table} WHERE {HOSTS}"
    assert [list(row) for row in query(question)] == tacho.rows(question), question
assert {"host", "cpu", "disk", "filesystem", "interface", "process"} <= filled, filled

question = f"SELECT name, CAST(sum(cpu_user_us) AS BIGINT) FROM process WHERE {{}} AND {HOSTS} AND pid > 0 GROUP BY name ORDER BY 2 DESC, 1"
hour = f"time >= make_timestamptz({tacho.FROM_MS * 1000}) AND time < make_timestamptz({(tacho.FROM_MS + tacho.HOUR_MS) * 1000})"
found = query(question.format(hour))
assert found and [list(row) for row in found] == tacho.rows(question.format(tacho.closed_hour())), found

# Minutes and hours of the same rows, at one moment.
duckdb.execute("BEGIN")
assert query("SELECT sum(rows) FROM host_1m") == query("SELECT sum(rows) FROM host_1h")
duckdb.execute("COMMIT")


# Files without rows of the time are left out.
def files_read(condition):
    plan = query(f"EXPLAIN ANALYZE SELECT count(load1) FROM host WHERE {condition}")[0][1]
    (line,) = [line for line in plan.splitlines() if "Total Files Read" in line]
    return int("".join(filter(str.isdigit, line)))


assert files_read(hour) > 0
assert files_read(f"time < make_timestamptz({tacho.FROM_MS * 1000})") == 0

# Nothing can be written.
try:
    duckdb.execute("DELETE FROM host")
except duckdb.InvalidInputException as error:
    assert "read-only" in str(error), error
else:
    raise AssertionError("rows can be deleted")
