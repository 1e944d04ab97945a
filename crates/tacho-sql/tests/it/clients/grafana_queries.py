"""What Grafana's PostgreSQL source sends: on connect, in its query builder, and for a panel."""

import datetime
import os

import psycopg
import tacho

start = datetime.datetime.fromtimestamp(tacho.FROM_MS / 1000, datetime.timezone.utc)
end = start + datetime.timedelta(hours=3)
between = f"time BETWEEN '{start:%Y-%m-%dT%H:%M:%SZ}' AND '{end:%Y-%m-%dT%H:%M:%SZ}'"

with psycopg.connect(
    f"dbname=tacho user=grafana sslmode=require password={os.environ['TACHO_TOKEN']}", autocommit=True
) as connection:

    def rows(query):
        return connection.execute(query).fetchall()

    assert rows("SELECT 1") == [(1,)]
    assert rows("SHOW server_version")
    tables = rows("""SELECT
        CASE WHEN
              quote_ident(table_schema) IN (
              SELECT
                CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
              FROM
                generate_series(
                  array_lower(string_to_array(current_setting('search_path'),','),1),
                  array_upper(string_to_array(current_setting('search_path'),','),1)
                ) as i,
                string_to_array(current_setting('search_path'),',') s
              )
          THEN quote_ident(table_name)
          ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
        END AS "table"
        FROM information_schema.tables
        WHERE quote_ident(table_schema) NOT IN ('information_schema',
                                 'pg_catalog',
                                 '_timescaledb_cache',
                                 '_timescaledb_catalog',
                                 '_timescaledb_internal',
                                 '_timescaledb_config',
                                 'timescaledb_information',
                                 'timescaledb_experimental')
        ORDER BY CASE WHEN
              quote_ident(table_schema) IN (
              SELECT
                CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
              FROM
                generate_series(
                  array_lower(string_to_array(current_setting('search_path'),','),1),
                  array_upper(string_to_array(current_setting('search_path'),','),1)
                ) as i,
                string_to_array(current_setting('search_path'),',') s
              ) THEN 0 ELSE 1 END, 1""")
    assert ("public.process",) in tables and ("public.host_rates",) in tables, tables
    columns = rows(
        "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\""
        " FROM information_schema.columns WHERE quote_ident(table_name) = 'host'"
    )
    assert "load1" in [name for name, _ in columns], columns

    # A time series: $__timeGroup(time, '5m') and $__timeFilter(time).
    series = rows(
        "SELECT floor(extract(epoch FROM time) / 300) * 300 AS \"time\", host AS metric, avg(load1) AS load"
        f" FROM host WHERE {between} AND host LIKE 'web-%' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert len(series) == 2 * 36, len(series)
    assert float(series[0][0]) == tacho.FROM_MS / 1000, series[0]
    # A variable.
    assert rows("SELECT DISTINCT host FROM host ORDER BY 1")[-2:] == [("web-1",), ("web-2",)]
    # A table.
    top = rows(
        f"SELECT name, sum(cpu_user_us + cpu_system_us) / 1e6 AS seconds FROM process WHERE {between}"
        " AND host = 'web-1' AND pid > 0 GROUP BY name ORDER BY seconds DESC NULLS LAST LIMIT 5"
    )
    assert len(top) == 5 and top[0][1] >= top[4][1] > 0, top
