//! Readings of the host, its devices, and of scripts.

use tacho_model::Table;
use tacho_model::tables::{disk, filesystem, gpu, host, interface, metric, sensor};

use super::score::{Spread, score};
use super::{Asked, Change, Changed, MetricLabel, Period};
use crate::HistoryError;
use crate::query::series::{Aggregate, Series, SeriesQuery, series};

/// A column and what nobody would look at.
type Watched = (&'static str, f64);

const MIB: f64 = 1_048_576.0;

const TABLES: [(&Table, &[Watched]); 7] = [
    (
        &host::TABLE,
        &[
            ("cpu_used_ratio", 0.01),
            ("cpu_iowait_ratio", 0.01),
            ("cpu_steal_ratio", 0.01),
            ("load1", 0.2),
            ("context_switches_per_second", 500.0),
            ("interrupts_per_second", 500.0),
            ("forks_per_second", 1.0),
            ("processes", 3.0),
            ("threads", 10.0),
            ("tasks_blocked", 0.2),
            ("memory_used_bytes", 16.0 * MIB),
            ("memory_cached_bytes", 64.0 * MIB),
            ("memory_dirty_bytes", 16.0 * MIB),
            ("memory_slab_unreclaimable_bytes", 16.0 * MIB),
            ("swap_used_bytes", 4.0 * MIB),
            ("swap_in_bytes_per_second", 0.0625 * MIB),
            ("swap_out_bytes_per_second", 0.0625 * MIB),
            ("page_faults_major_per_second", 2.0),
            ("oom_kills_per_second", 0.0),
            ("cpu_pressure_some_ratio", 0.01),
            ("memory_pressure_some_ratio", 0.01),
            ("memory_pressure_full_ratio", 0.01),
            ("io_pressure_some_ratio", 0.01),
            ("io_pressure_full_ratio", 0.01),
            ("disk_read_bytes_per_second", 0.25 * MIB),
            ("disk_write_bytes_per_second", 0.25 * MIB),
            ("net_rx_bytes_per_second", 0.0625 * MIB),
            ("net_tx_bytes_per_second", 0.0625 * MIB),
            ("tcp_established", 5.0),
            ("tcp_time_wait", 20.0),
            ("tcp_close_wait", 2.0),
            ("tcp_retransmits_per_second", 1.0),
            ("udp_errors_in_per_second", 1.0),
            ("open_files", 100.0),
            ("sockets", 10.0),
            ("conntrack_entries", 100.0),
            ("temperature_max_celsius", 2.0),
            ("users_logged_in", 0.5),
        ],
    ),
    (
        &disk::TABLE,
        &[
            ("busy_ratio", 0.01),
            ("await_ms", 1.0),
            ("queue_depth", 0.2),
            ("reads_per_second", 5.0),
            ("writes_per_second", 5.0),
            ("read_bytes_per_second", 0.25 * MIB),
            ("write_bytes_per_second", 0.25 * MIB),
        ],
    ),
    (&filesystem::TABLE, &[("used_ratio", 0.01), ("inodes_used_ratio", 0.01)]),
    (
        &interface::TABLE,
        &[
            ("rx_bits_per_second", 500_000.0),
            ("tx_bits_per_second", 500_000.0),
            ("rx_errors_per_second", 0.1),
            ("tx_errors_per_second", 0.1),
            ("rx_drops_per_second", 1.0),
            ("tx_drops_per_second", 1.0),
        ],
    ),
    (&sensor::TABLE, &[("temperature_celsius", 2.0), ("fan_rpm", 100.0)]),
    (&gpu::TABLE, &[("used_ratio", 0.01), ("memory_used_bytes", 16.0 * MIB), ("power_watts", 5.0)]),
    // Of what nobody knows the unit of.
    (&metric::TABLE, &[("value", 0.0)]),
];

/// How each reading changed that is known of both ranges.
pub(crate) fn changed(asked: &Asked<'_>) -> Result<Vec<Changed<MetricLabel>>, HistoryError> {
    let mut changed = Vec::new();
    for (table, watched) in TABLES {
        let [now, before] = &asked.periods;
        let (now, before) = (averages(asked, table, watched, now)?, averages(asked, table, watched, before)?);
        for series in &now {
            let Some(earlier) = before.iter().find(|earlier| earlier.entity == series.entity) else {
                continue;
            };
            for (place, (column, least)) in watched.iter().enumerate() {
                let Some((now, before)) = spread(series, place).zip(spread(earlier, place)) else { continue };
                let label = MetricLabel { table: table.name, entity: series.entity.clone() };
                let change = Change {
                    column,
                    value: now.average,
                    before: before.average,
                    spread: before.deviation,
                    score: score(now.average, before, *least),
                };
                changed.push(Changed::new(label, vec![change]));
            }
        }
    }
    Ok(changed)
}

fn averages(
    asked: &Asked<'_>,
    table: &'static Table,
    watched: &[Watched],
    period: &Period,
) -> Result<Vec<Series>, HistoryError> {
    let query = SeriesQuery {
        host_id: asked.query.host_id.clone(),
        table,
        columns: watched.iter().map(|(column, _)| (*column).to_owned()).collect(),
        entity: None,
        from_ms: period.range.start,
        to_ms: period.range.end,
        points: period.covered_ms.len(),
        aggregate: Aggregate::Average,
    };
    Ok(series(asked.inner, asked.reading, &query)?.0)
}

fn spread(series: &Series, place: usize) -> Option<Spread> {
    let (_, values) = series.columns.get(place)?;
    Spread::of(values.iter().flatten().map(|value| (*value, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derived;

    #[test]
    fn every_column_that_is_watched_is_a_number() {
        for (table, watched) in TABLES {
            for (column, _) in watched {
                let known = table.position(column).is_some() || derived::by_name(table, column).is_some();
                assert!(known, "{}.{column}", table.name);
            }
        }
    }
}
