//! Views beside the tables: what people would compute first.

use tacho_model::{Table, derived, tables};

/// What follows the table's name in that of its view.
pub(crate) const RATES: &str = "_rates";

/// A statement for each view.
pub(crate) fn statements() -> Vec<String> {
    let mut statements: Vec<_> = tables::ALL.iter().filter_map(|table| rates(table)).collect();
    statements.push(BUSIEST_PROCESS.to_owned());
    statements.push(PROCESS_TOTALS.to_owned());
    statements
}

/// Stored columns and the computed ones of the API.
fn rates(table: &'static Table) -> Option<String> {
    let computed = derived::columns(table);
    if computed.is_empty() {
        return None;
    }
    let computed: Vec<_> =
        computed.iter().map(|column| format!("{} AS \"{}\"", column.sql(table), column.name)).collect();
    let name = table.name;
    Some(format!("CREATE VIEW \"{name}{RATES}\" AS SELECT *, {} FROM \"{name}\"", computed.join(", ")))
}

/// Of each snapshot the process that used most CPU time.
const BUSIEST_PROCESS: &str = "\
CREATE VIEW busiest_process AS
SELECT time, host_id, host, pid, start_time, name, command, \"user\", unit, cpu_ratio, rss_bytes FROM (
    SELECT *, row_number() OVER (PARTITION BY host_id, time ORDER BY cpu_ratio DESC) AS place
    FROM process_rates WHERE pid > 0 AND cpu_ratio > 0
) WHERE place = 1";

/// What each process used in all, by host. Pid 0 is the row of the processes without one.
const PROCESS_TOTALS: &str = "\
CREATE VIEW process_totals AS
SELECT host_id, host, pid, start_time, max(name) AS name, max(command) AS command, max(\"user\") AS \"user\",
    max(unit) AS unit, min(time) AS first_seen, max(time) AS last_seen,
    sum(cpu_user_us + cpu_system_us) / 1000000.0 AS cpu_seconds, max(rss_bytes) AS rss_bytes_max,
    sum(disk_read_bytes) AS disk_read_bytes, sum(disk_write_bytes) AS disk_write_bytes,
    sum(net_rx_bytes) AS net_rx_bytes, sum(net_tx_bytes) AS net_tx_bytes
FROM process WHERE pid > 0 GROUP BY host_id, host, pid, start_time";
