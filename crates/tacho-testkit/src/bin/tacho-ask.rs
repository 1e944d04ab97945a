//! `tacho-ask DATA_DIR HOST_ID,… TIMES [QUESTION]`: asks a store that `tacho-store` made what the page asks, in this
//! process, and tells the CPU time of each answer, which other programs of the machine hardly change. For `perf record`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tacho_catalog::Catalog;
use tacho_history::{
    Aggregate, ChangesQuery, FleetQuery, History, HistoryConfig, HistoryError, ProcessGroup, ProcessOrder,
    ProcessText, ProcessesQuery, SeriesQuery, TextMatch, TopSeriesQuery,
};
use tacho_model::tables;

const QUESTIONS: [&str; 11] = [
    "host page",
    "charts host",
    "charts cpu",
    "charts disk",
    "charts interface",
    "charts filesystem",
    "top processes",
    "processes at",
    "processes over",
    "search",
    "what changed",
];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HOUR_MS: i64 = 3_600_000;
const HOST: &str = "cpu_used_ratio,cpu_user_ratio,cpu_nice_ratio,cpu_system_ratio,cpu_irq_ratio,cpu_softirq_ratio,\
    cpu_steal_ratio,cpu_iowait_ratio,cpu_cores,cpu_pressure_some_ratio,memory_pressure_some_ratio,\
    io_pressure_some_ratio,memory_total_bytes,memory_used_bytes,memory_available_bytes,memory_free_bytes,\
    swap_used_bytes,disk_read_bytes_per_second,disk_write_bytes_per_second,disk_busy_ratio_max,\
    net_rx_bytes_per_second,net_tx_bytes_per_second,load1,load5,load15";
const PAGE: [(&str, &str); 5] = [
    ("host", HOST),
    ("cpu", "cpu_used_ratio"),
    ("disk", "busy_ratio,read_bytes_per_second,write_bytes_per_second"),
    ("interface", "rx_bytes_per_second,tx_bytes_per_second"),
    ("filesystem", "used_ratio"),
];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [directory, hosts, times, only @ ..] = arguments.as_slice() else {
        return Err("DATA_DIR HOST_ID,… TIMES [QUESTION]".into());
    };
    let (directory, times) = (PathBuf::from(directory), times.parse::<usize>()?);
    let hosts: Vec<_> = hosts.split(',').collect();
    let mut out = std::io::stdout();
    let catalog = Catalog::open(&directory.join("catalog.sqlite")).await?;
    let files = catalog.live_files().await?;
    let end_ms = files.iter().map(|file| file.time_max_ms).max().unwrap_or_default() + 1;
    let now = Arc::new(move || end_ms);
    let mut config = HistoryConfig::new(directory.join("history"));
    config.retention = config.retention_1h;
    let history = History::open(config, catalog, now).await?;
    writeln!(
        out,
        "{} files; {:<38} {:>9} {:>9} {:>9} {:>9}",
        files.len(),
        "CPU ms",
        "first",
        "mean",
        "wall p50",
        "p99"
    )?;
    for hours in [1, 24, 7 * 24, 40 * 24, 90 * 24] {
        for question in QUESTIONS {
            let name = format!("{question}, {hours} h");
            if only.first().is_some_and(|only| !name.contains(only.as_str()))
                || question == "what changed" && hours > 24
                || question == "search" && hours > 24 * 7
            {
                continue;
            }
            let (mut cpu, mut wall) = (Vec::new(), Vec::new());
            for time in 0..=times {
                let host = hosts[time % hosts.len()];
                let to_ms = end_ms - (time as i64 % 600) * 1000;
                let (begin, cpu_begin) = (Instant::now(), cpu_ms());
                ask(&history, question, host, to_ms - hours * HOUR_MS, to_ms).await?;
                cpu.push(cpu_ms() - cpu_begin);
                wall.push(begin.elapsed().as_secs_f64() * 1000.0);
            }
            let first = cpu.remove(0);
            wall.remove(0);
            wall.sort_by(f64::total_cmp);
            let at = |share: f64| {
                wall.get(((wall.len() as f64 - 1.0) * share) as usize).copied().unwrap_or_default()
            };
            let mean = cpu.iter().sum::<f64>() / cpu.len().max(1) as f64;
            writeln!(out, "{name:<48} {first:>9.1} {mean:>9.1} {:>9.1} {:>9.1}", at(0.5), at(0.99))?;
        }
    }
    let status: BTreeMap<_, _> = std::fs::read_to_string("/proc/self/status")?
        .lines()
        .filter_map(|line| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned())))
        .collect();
    writeln!(out, "resident {}, at most {}", status["VmRSS"], status["VmHWM"])?;
    Ok(())
}

/// Of this process, all threads, also those that ended; to 10 ms.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

async fn ask(
    history: &History,
    question: &str,
    host: &str,
    from_ms: i64,
    to_ms: i64,
) -> std::result::Result<(), HistoryError> {
    let host_id = host.to_owned();
    let middle_ms = from_ms.midpoint(to_ms);
    match question {
        "host page" => {
            let [a, b, c, d, e] =
                PAGE.map(|(table, columns)| charts(history, host, table, columns, from_ms, to_ms));
            let instant = history.processes_at(host, middle_ms, &[]);
            let (a, b, c, d, e, f) = tokio::join!(a, b, c, d, e, instant);
            a.and(b).and(c).and(d).and(e).and(f.map(|_| ()))
        }
        "top processes" => {
            let by = ProcessOrder::Cpu;
            let query = TopSeriesQuery { host_id, from_ms, to_ms, by, points: 600, limit: 9 };
            history.top_series(query).await.map(|_| ())
        }
        "processes at" => history.processes_at(host, middle_ms, &[]).await.map(|_| ()),
        "processes over" => {
            let (by, group) = (ProcessOrder::Cpu, ProcessGroup::Process);
            let query = ProcessesQuery { host_id, from_ms, to_ms, by, group, limit: 100 };
            history.processes_over(query).await.map(|_| ())
        }
        "search" => {
            let matching = vec![(ProcessText::Name, TextMatch::exact("nginx"))];
            let query = FleetQuery { from_ms, to_ms, by: ProcessOrder::Cpu, matching, limit: 20 };
            history.fleet_processes(query).await.map(|_| ())
        }
        "what changed" => {
            let group = ProcessGroup::Name;
            let query = ChangesQuery { host_id, from_ms, to_ms, against_ms: None, group, limit: 20 };
            history.changes(query).await.map(|_| ())
        }
        _ => {
            let wanted = question.trim_start_matches("charts ");
            let (table, columns) = PAGE.into_iter().find(|(table, _)| *table == wanted).unwrap_or(PAGE[0]);
            charts(history, host, table, columns, from_ms, to_ms).await
        }
    }
}

async fn charts(
    history: &History,
    host: &str,
    table: &str,
    columns: &str,
    from_ms: i64,
    to_ms: i64,
) -> std::result::Result<(), HistoryError> {
    let query = SeriesQuery {
        host_id: host.to_owned(),
        table: tables::by_name(table).unwrap_or(tables::ALL[0]),
        columns: columns.split(',').map(|column| column.trim().to_owned()).collect(),
        entity: None,
        from_ms,
        to_ms,
        points: 600,
        aggregate: Aggregate::Average,
    };
    history.series(query).await.map(|_| ())
}
