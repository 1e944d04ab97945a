//! SQL and the API answer the same question alike.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tacho_testkit::daemons::{get, wait_until};

use crate::fixture::{Fixture, HOUR_MS, SNAPSHOTS};

/// A point in time as SQL has it.
pub(crate) fn at(time_ms: i64) -> String {
    format!("to_timestamp_millis({time_ms})")
}

fn between(from_ms: i64, to_ms: i64) -> String {
    format!("time >= {} AND time < {}", at(from_ms), at(to_ms))
}

fn count(fixture: &Fixture, table: &str, host: &str, from_ms: i64, to_ms: i64) -> u64 {
    let range = between(from_ms, to_ms);
    let query = format!("SELECT count(*) FROM {table} WHERE host = '{host}' AND {range}");
    fixture.cell(&query).as_u64().unwrap()
}

fn api_rows(
    fixture: &Fixture,
    table: &str,
    columns: &str,
    host: &str,
    from_ms: i64,
    to_ms: i64,
) -> Vec<Value> {
    let path = format!("/api/v1/hosts/{host}/rows?table={table}&columns={columns}&from={from_ms}&to={to_ms}");
    fixture.server.get(&path).unwrap()["rows"].as_array().unwrap().clone()
}

#[test]
fn every_table_has_the_rows_that_the_api_has() {
    let fixture = Fixture::shared();
    let (from, to) = (fixture.from_ms + HOUR_MS / 2, fixture.from_ms + 2 * HOUR_MS);
    for table in ["host", "cpu", "disk", "filesystem", "interface", "process"] {
        let expected = api_rows(&fixture, table, "time", "web-1", from, to).len();
        assert!(expected > 0, "{table}");
        assert_eq!(count(&fixture, table, "web-1", from, to), expected as u64, "{table}");
    }
    assert_eq!(count(&fixture, "host", "web-2", 0, i64::MAX / 2), SNAPSHOTS);
}

#[test]
fn cells_are_those_of_the_api() {
    let fixture = Fixture::shared();
    let (from, to) = (fixture.from_ms, fixture.from_ms + HOUR_MS);
    let columns = "time,host_id,interval_ms,load1,cpu_user_us,memory_available_bytes,swap_free_bytes";
    let query =
        format!("SELECT {columns} FROM host WHERE host = 'web-1' AND {} ORDER BY time", between(from, to));
    let expected: Vec<Vec<Value>> = api_rows(&fixture, "host", columns, "web-1", from, to)
        .iter()
        .map(|row| columns.split(',').map(|column| row[column].clone()).collect())
        .collect();
    assert_eq!(expected.len(), 120);
    // JSON has one kind of number: 2.0 may be written as 2.
    let plain = |rows: Vec<Vec<Value>>| -> Vec<Vec<String>> {
        let cell = |cell: &Value| cell.as_f64().map_or_else(|| cell.to_string(), |number| number.to_string());
        rows.iter().map(|row| row.iter().map(cell).collect()).collect()
    };
    assert_eq!(plain(fixture.rows(&query)), plain(expected));
}

#[test]
fn what_processes_used_is_what_the_api_says() {
    let fixture = Fixture::shared();
    let (from, to) = (fixture.from_ms, fixture.from_ms + 2 * HOUR_MS);
    let path = format!("/api/v1/hosts/web-1/processes?from={from}&to={to}&by=cpu&limit=10000");
    let answer = fixture.server.get(&path).unwrap();
    let of = |row: &Value, columns: [&str; 3]| columns.map(|column| row[column].as_i64().unwrap_or(0));
    let columns = ["cpu_user_us", "cpu_system_us", "disk_write_bytes"];
    let expected: BTreeMap<(i64, String), [i64; 3]> = answer["processes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["pid"] != 0)
        .map(|row| {
            let key = (row["pid"].as_i64().unwrap(), row["start_time"].as_str().unwrap().to_owned());
            (key, of(row, columns))
        })
        .collect();
    let query = format!(
        "SELECT pid, start_time, sum(cpu_user_us), sum(cpu_system_us), sum(disk_write_bytes) FROM process
         WHERE host = 'web-1' AND pid > 0 AND {} GROUP BY pid, start_time",
        between(from, to)
    );
    let found: BTreeMap<(i64, String), [i64; 3]> = fixture
        .rows(&query)
        .iter()
        .map(|row| {
            let key = (row[0].as_i64().unwrap(), row[1].as_str().unwrap().to_owned());
            (key, [2, 3, 4].map(|column| row[column].as_i64().unwrap_or(0)))
        })
        .collect();
    assert!(expected.len() > 40, "{}", expected.len());
    assert_eq!(found, expected);
}

#[test]
fn series_are_those_of_the_api() {
    let fixture = Fixture::shared();
    let (from, to) = (fixture.from_ms, fixture.from_ms + 3 * HOUR_MS);
    let series = |column: &str, aggregate: &str| -> Vec<f64> {
        let path = format!(
            "/api/v1/hosts/web-2/series?table=host&columns={column}&from={from}&to={to}&points=3&agg={aggregate}"
        );
        let answer = fixture.server.get(&path).unwrap();
        assert_eq!(answer["bucket_ms"], HOUR_MS);
        let points = answer["columns"][column].as_array().unwrap();
        points.iter().map(|point| point.as_f64().unwrap()).collect()
    };
    let query = format!(
        "SELECT date_trunc('hour', time) AS hour, sum(net_rx_bytes), max(memory_used_ratio), avg(cpu_used_ratio)
         FROM host_rates WHERE host = 'web-2' AND {} GROUP BY hour ORDER BY hour",
        between(from, to)
    );
    let rows = fixture.rows(&query);
    for (place, column, aggregate) in
        [(1, "net_rx_bytes", "sum"), (2, "memory_used_ratio", "max"), (3, "cpu_used_ratio", "avg")]
    {
        let expected = series(column, aggregate);
        assert_eq!((expected.len(), rows.len()), (3, 3));
        for (row, expected) in rows.iter().zip(expected) {
            let found = row[place].as_f64().unwrap();
            assert!((found - expected).abs() <= expected.abs() * 1e-9, "{column}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_row_is_there_once_before_and_after_it_gets_into_a_file() {
    let fixture = Fixture::start(&[]);
    let times = wait_until("some snapshots", || {
        let times = fixture.server.snapshot_times("live")?;
        Ok((times.len() >= 5).then_some(times))
    })
    .unwrap();
    let (from, to) = (times[0], times[4] + 1);
    let query = format!("SELECT time FROM host WHERE host = 'live' AND {}", between(from, to));
    // The server writes what it has ten seconds after its start.
    let in_head = |fixture: &Fixture| {
        let plan = fixture.explain(&format!("EXPLAIN {query}"));
        !plan.contains("head_rows=0")
    };
    assert!(in_head(&fixture));
    let mut asked = 0;
    wait_until("a flush", || {
        assert_eq!(fixture.rows(&query).len(), 5);
        asked += 1;
        Ok((!in_head(&fixture)).then_some(()))
    })
    .unwrap();
    assert_eq!(fixture.rows(&query).len(), 5, "asked {asked} times before");
}

#[test]
fn views_have_what_people_compute_first() {
    let fixture = Fixture::shared();
    let range = between(fixture.from_ms, fixture.from_ms + HOUR_MS);
    let busiest = format!(
        "SELECT count(*), count(DISTINCT time) FROM busiest_process WHERE host = 'web-1' AND {range}"
    );
    let row = fixture.rows(&busiest)[0].clone();
    assert_eq!(row[0], row[1], "one process per snapshot");
    assert!(row[0].as_i64().unwrap() > 100);
    let most = format!(
        "SELECT b.cpu_ratio = (SELECT max(cpu_ratio) FROM process_rates p
            WHERE p.host = 'web-1' AND pid > 0 AND {range}) AS same
         FROM busiest_process b WHERE b.host = 'web-1' AND {range} ORDER BY b.cpu_ratio DESC LIMIT 1"
    );
    assert_eq!(fixture.cell(&most), json!(true));
    let totals = "SELECT sum(cpu_seconds) FROM process_totals WHERE host = 'web-2'";
    let sum = "SELECT sum(coalesce(cpu_user_us, 0) + coalesce(cpu_system_us, 0)) / 1000000.0 FROM process
        WHERE host = 'web-2' AND pid > 0";
    let (totals, sum) = (fixture.cell(totals).as_f64().unwrap(), fixture.cell(sum).as_f64().unwrap());
    assert!(sum > 0.0 && (totals - sum).abs() < 1e-6 * sum, "{totals} {sum}");
}

#[test]
fn who_may_ask() {
    let fixture = Fixture::shared();
    let query = json!({ "query": "SELECT 1 AS one" });
    let ask = |token: &str| {
        tacho_testkit::daemons::post(fixture.server.http, "/api/v1/sql", token, "*/*", &query).unwrap()
    };
    assert_eq!(ask("").0, 401);
    assert_eq!(ask("tacho_api_nothing").0, 401);
    let viewer = fixture.server.create_token(&["api", "--role", "viewer"]).unwrap();
    let (status, body) = ask(&viewer);
    let expected =
        json!({ "columns": [{ "name": "one", "type": "Int64" }], "rows": [[1]], "truncated": false });
    assert_eq!((status, serde_json::from_slice::<Value>(&body).unwrap()), (200, expected));
}

#[test]
fn what_is_no_query_is_refused_with_the_reason() {
    let fixture = Fixture::shared();
    for (query, reason) in [
        ("SELEC 1", "SELEC"),
        ("SELECT nothing FROM process", "nothing"),
        ("SELECT * FROM nothing", "nothing"),
        ("CREATE TABLE t (a int)", "DDL"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "DDL"),
        ("COPY process TO '/tmp/process.csv'", "DML"),
        ("INSERT INTO process (pid) VALUES (1)", "DML"),
        ("SELECT 1 INTO t", "DDL"),
        ("SET datafusion.runtime.memory_limit = '1000G'", "Statement"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        ("SELECT 1; SELECT 2", "single SQL statement"),
    ] {
        let (status, kind, message) = fixture.refused(query);
        assert_eq!((status, kind.as_str()), (400, "invalid"), "{query}: {message}");
        assert!(message.contains(reason), "{query}: {message}");
    }
}

#[test]
fn rollups_are_tables_too() {
    let fixture = Fixture::shared();
    let query = "SELECT count(*), sum(rows) FROM process_1h";
    assert_eq!(fixture.rows(query).len(), 1);
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'host_1m'
        AND column_name IN ('load1_max', 'first_time', 'net_rx_bytes_sum')";
    assert_eq!(fixture.cell(columns), json!(3));
}

#[test]
fn a_program_that_does_not_run_is_said_to() {
    let mut fixture = Fixture::start(&[]);
    assert_eq!(fixture.stop_sql(), 0);
    let (status, kind, message) = fixture.refused("SELECT 1");
    assert_eq!((status, kind.as_str()), (503, "unavailable"));
    assert!(
        message.contains("tacho-sql, is not running") && message.contains("systemctl start"),
        "{message}"
    );
    let healthy = get(fixture.server.http, "/-/ready", "").unwrap();
    assert_eq!(healthy.status, 200, "the server does without");
    fixture.start_sql(&[]);
    assert_eq!(fixture.cell("SELECT 1"), json!(1));
}
