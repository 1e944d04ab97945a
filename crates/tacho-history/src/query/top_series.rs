//! The processes that used most over a range, each over time, and all processes together: for a chart whose parts
//! add up.

use std::sync::Arc;

use tacho_model::tables::{host, process};

use super::processes_over::{ProcessGroup, ProcessOrder, ProcessUsage, ProcessesQuery, processes_over};
use super::series::{Aggregate, Series, SeriesQuery, series, series_of_processes};
use crate::inner::Inner;
use crate::scan::{ReadReport, Reading};
use crate::{History, HistoryError};

/// Asks who used most over a range, and when.
#[derive(Debug, Clone)]
pub struct TopSeriesQuery {
    pub host_id: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// What they are ranked by, and what their values are of.
    pub by: ProcessOrder,
    /// Most buckets.
    pub points: usize,
    /// Most processes.
    pub limit: usize,
}

/// Who used most over a range, and when.
///
/// Values are averages over buckets: cores, resident bytes, or bytes per second read and written, received and sent.
#[derive(Debug, Clone, PartialEq)]
pub struct TopSeries {
    /// Where each bucket starts.
    pub time_ms: Vec<i64>,
    pub bucket_ms: i64,
    /// Greatest first; those that used nothing of it are left out.
    pub processes: Vec<(ProcessUsage, Vec<Option<f64>>)>,
    /// All processes, counted independently of the process rows.
    pub total: Vec<Option<f64>>,
    /// What of it the processes above did not use. Never below 0.
    pub other: Vec<Option<f64>>,
    /// `false` where there were too many processes to know who used most of all.
    pub complete: bool,
}

/// Columns of `process` and of `host` that make up what a process, and what all of them, used. The second ones are
/// counted by the agent on their own, so that the rest is what it is.
fn columns_of(by: ProcessOrder) -> (&'static [&'static str], &'static [&'static str]) {
    match by {
        ProcessOrder::Cpu => (&["cpu_ratio"], &["processes_cpu_user_ratio", "processes_cpu_system_ratio"]),
        ProcessOrder::Memory => (&["rss_bytes"], &["processes_rss_bytes"]),
        ProcessOrder::Disk => (
            &["disk_read_bytes_per_second", "disk_write_bytes_per_second"],
            &["processes_disk_read_bytes_per_second", "processes_disk_write_bytes_per_second"],
        ),
        ProcessOrder::Network => (
            &["net_rx_bytes_per_second", "net_tx_bytes_per_second"],
            &["processes_net_rx_bytes_per_second", "processes_net_tx_bytes_per_second"],
        ),
    }
}

impl History {
    /// Who used most over a range, and when; and how it was found.
    pub async fn top_series(&self, query: TopSeriesQuery) -> Result<(TopSeries, ReadReport), HistoryError> {
        self.inner.reading(move |inner, reading| top_series(inner, reading, &query)).await
    }
}

fn top_series(
    inner: &Arc<Inner>,
    reading: &Arc<Reading>,
    query: &TopSeriesQuery,
) -> Result<(TopSeries, ReadReport), HistoryError> {
    let TopSeriesQuery { host_id, from_ms, to_ms, by, points, limit } = query.clone();
    let (columns_of_process, columns_of_host) = columns_of(by);
    let names = |columns: &[&str]| columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let of_host = SeriesQuery {
        host_id: host_id.clone(),
        table: &host::TABLE,
        columns: names(columns_of_host),
        entity: None,
        from_ms,
        to_ms,
        points,
        aggregate: Aggregate::Average,
    };
    let wanted = ProcessesQuery { host_id, from_ms, to_ms, by, group: ProcessGroup::Process, limit };
    // Neither needs the other, and each waits for its own files.
    let (totals, greatest) = std::thread::scope(|scope| {
        let totals = scope.spawn(|| series(inner, reading, &of_host));
        let greatest = processes_over(inner, reading, &wanted);
        (totals.join(), greatest)
    });
    let (mut totals, _) = totals.map_err(|_| HistoryError::Job("a thread that adds up".to_owned()))??;
    let all = totals.pop().ok_or(HistoryError::EmptyRange { from_ms, to_ms })?;
    let (greatest, _) = greatest?;
    let complete = greatest.complete;
    let used = greatest.rows.into_iter().filter(|row| row.rank(by).is_some_and(|rank| rank > 0));
    let total = summed(&all.columns, all.time_ms.len());
    let used: Vec<_> = used.filter_map(|usage| Some((usage.key?, usage))).collect();
    let keys: Vec<_> = used.iter().map(|(key, _)| *key).collect();
    let of_processes = SeriesQuery { table: &process::TABLE, columns: names(columns_of_process), ..of_host };
    let (series, _) = series_of_processes(inner, reading, &of_processes, &keys)?;
    let values = |found: Series| summed(&found.columns, found.time_ms.len());
    let processes: Vec<_> =
        used.into_iter().zip(series).map(|((_, usage), found)| (usage, values(found))).collect();
    let other = rest(&total, &processes);
    let plan = reading.report_levels(&[]);
    Ok((
        TopSeries { time_ms: all.time_ms, bucket_ms: all.bucket_ms, processes, total, other, complete },
        plan,
    ))
}

/// The columns of each bucket added up; absent where all of them are.
fn summed(columns: &[(String, Vec<Option<f64>>)], count: usize) -> Vec<Option<f64>> {
    let value =
        |bucket: usize, (_, values): &(String, Vec<Option<f64>>)| values.get(bucket).copied().flatten();
    (0..count)
        .map(|bucket| columns.iter().filter_map(|column| value(bucket, column)).reduce(|sum, one| sum + one))
        .collect()
}

/// What is left of a total. The two are averages of rows that may lie a little differently in their buckets.
fn rest(total: &[Option<f64>], parts: &[(ProcessUsage, Vec<Option<f64>>)]) -> Vec<Option<f64>> {
    let of_bucket = |(bucket, total): (usize, &Option<f64>)| {
        let known: f64 = parts.iter().filter_map(|(_, values)| values.get(bucket).copied().flatten()).sum();
        total.map(|total| (total - known).max(0.0))
    };
    total.iter().enumerate().map(of_bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_add_up_and_absent_is_not_zero() {
        let columns = [
            ("read".to_owned(), vec![Some(1.0), None, None]),
            ("written".to_owned(), vec![Some(2.0), Some(5.0), None]),
        ];
        assert_eq!(summed(&columns, 3), [Some(3.0), Some(5.0), None]);
        assert_eq!(summed(&columns, 4), [Some(3.0), Some(5.0), None, None]);
    }

    #[test]
    fn the_rest_is_what_nobody_above_used() {
        let part = |values: &[Option<f64>]| (ProcessUsage::default(), values.to_vec());
        let parts =
            [part(&[Some(1.0), None, Some(2.0), Some(1.0)]), part(&[Some(0.5), None, Some(2.0), None])];
        let total = [Some(2.0), Some(1.0), Some(3.9), None];
        assert_eq!(rest(&total, &parts), [Some(0.5), Some(1.0), Some(0.0), None]);
    }
}
