//! Builds a day of one host through append, flush and compaction, and measures what it takes and how long the
//! page's questions take. `cargo run --release -p tacho-history --example day [DIRECTORY] [HOSTS] [QUESTION]`.
//! A directory that is there already is only asked, all questions or those whose name contains the text.
//!
//! The host has 30 active processes at each snapshot (every 5 s), 200 idle ones with a row a minute, 4 cores,
//! 3 disks, 2 interfaces and 4 file systems. Numbers wander as real ones do.

#![expect(clippy::print_stdout, reason = "prints its measurements")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use tacho_catalog::{Catalog, StreamKey};
use tacho_history::{
    Aggregate, ChangesQuery, FleetQuery, History, HistoryConfig, HistoryError, NowMs, ProcessGroup,
    ProcessOrder, ProcessSeriesQuery, ProcessText, ProcessesQuery, SeriesQuery, SummaryQuery, TextMatch,
};
use tacho_model::{
    Block, Column, ColumnType, FloatColumn, HostKey, IntegerColumn, Meaning, ProcessIdentity, ProcessKey,
    Snapshot, Table, TextColumn, Unit, tables,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const START: i64 = 1_795_132_800_000;
const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3_600_000;
const INTERVAL: i64 = 5_000;
const ACTIVE: usize = 30;
const IDLE: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().map_or_else(|| std::env::temp_dir().join("tacho-day"), PathBuf::from);
    let hosts: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let now_ms = Arc::new(AtomicI64::new(START + DAY + 20 * 60_000));
    if !directory.exists() {
        std::fs::create_dir_all(&directory)?;
        now_ms.store(START, Ordering::Relaxed);
        let history = open(&directory, &now_ms).await?;
        let started = Instant::now();
        build(&history, &now_ms, hosts).await?;
        let (stats, seconds) = (history.stats(), started.elapsed().as_secs_f64());
        println!("built in {seconds:.1} s: {} rows, {} merges", stats.rows_on_disk, stats.compactions_total);
    }
    sizes(&directory, hosts)?;
    // Opened anew: no footer is cached.
    let history = open(&directory, &now_ms).await?;
    let only = arguments.next().unwrap_or_default();
    for round in ["first (checks checksums, reads footers)", "second", "third"] {
        println!("\n{round}");
        questions(&history, &only).await?;
    }
    Ok(())
}

async fn open(directory: &std::path::Path, now_ms: &Arc<AtomicI64>) -> Result<History> {
    let catalog = Catalog::open(&directory.join("catalog.sqlite")).await?;
    let clock = Arc::clone(now_ms);
    let now: NowMs = Arc::new(move || clock.load(Ordering::Relaxed));
    Ok(History::open(HistoryConfig::new(directory.join("history")), catalog, now).await?)
}

async fn build(history: &History, now_ms: &AtomicI64, hosts: usize) -> Result<()> {
    let mut machines: Vec<_> = (0..hosts).map(Machine::new).collect();
    let ticks = DAY / INTERVAL;
    for tick in 1..=ticks {
        let time_ms = START + tick * INTERVAL;
        now_ms.store(time_ms, Ordering::Relaxed);
        for machine in &mut machines {
            let snapshot = Arc::new(machine.sample(time_ms, tick));
            history.append(&machine.host, &machine.stream, tick as u64, snapshot).await?;
        }
        if tick % 12 == 0 {
            history.flush().await?;
        }
        if tick % 120 == 0 {
            history.maintain().await;
        }
    }
    // The last hour is over, and replaced files are past their grace period.
    now_ms.store(START + DAY + 10 * 60_000, Ordering::Relaxed);
    history.maintain().await;
    now_ms.store(START + DAY + 20 * 60_000, Ordering::Relaxed);
    history.maintain().await;
    Ok(())
}

fn sizes(directory: &std::path::Path, hosts: usize) -> Result<()> {
    println!("{:<12} {:>10} {:>12} {:>12} {:>14}", "table", "rows", "bytes", "bytes/row", "bytes/h/host");
    for table in tables::ALL {
        let mut bytes = 0;
        let mut files = vec![directory.join("history").join(table.name)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(std::fs::read_dir(path)?.flatten().map(|entry| entry.path()));
            } else {
                bytes += path.metadata()?.len();
            }
        }
        let rows = match table.name {
            "host" => 17280,
            "cpu" => 17280 * 4,
            "disk" => 17280 * 3,
            "interface" => 17280 * 2,
            "filesystem" => 1440 * 4,
            _ => 17280 * (ACTIVE as u64 + 1) + 1440 * IDLE as u64,
        } * hosts as u64;
        println!(
            "{:<12} {rows:>10} {bytes:>12} {:>12.2} {:>14.0}",
            table.name,
            bytes as f64 / rows as f64,
            bytes as f64 / 24.0 / hosts as f64
        );
    }
    Ok(())
}

/// Asks one question and says how long the answer took.
macro_rules! ask {
    ($only:expr, $name:expr, $question:expr) => {
        let name: String = $name;
        if name.contains($only) {
            let started = Instant::now();
            $question.await?;
            println!("{name:<50} {:>8.1} ms", started.elapsed().as_secs_f64() * 1000.0);
        }
    };
}

async fn questions(history: &History, only: &str) -> Result<()> {
    let end = START + DAY;
    for (name, from, points) in [("1 h", end - HOUR, 300), ("24 h", START, 300), ("24 h", START, 1000)] {
        ask!(
            only,
            format!("host page, all tables, {name}, {points} points"),
            page(history, from, end, points)
        );
    }
    for (table, columns) in PAGE {
        ask!(only, format!("  of it: {table}, 24 h"), one(history, table, columns, START, end, 300));
    }
    ask!(
        only,
        "processes at an instant".into(),
        history.processes_at("host0", START + 13 * HOUR + 12_345, &[])
    );
    for (name, from_ms) in [("1 h", end - HOUR), ("24 h", START)] {
        for group in [ProcessGroup::Process, ProcessGroup::Name] {
            let (host_id, by) = ("host0".into(), ProcessOrder::Cpu);
            let query = ProcessesQuery { host_id, from_ms, to_ms: end, by, group, limit: 100 };
            ask!(only, format!("processes over {name} by {group:?}"), history.processes_over(query));
        }
    }
    let query = ProcessSeriesQuery {
        host_id: "host0".into(),
        key: ProcessKey { pid: 107, start_time_ms: START - HOUR },
        columns: ["cpu_ratio", "rss_bytes", "disk_write_bytes_per_second"].map(str::to_owned).to_vec(),
        from_ms: START,
        to_ms: end,
        points: 300,
        aggregate: Aggregate::Average,
    };
    ask!(only, "one process over 24 h".into(), history.process_series(query));
    fleet_questions(history, only).await
}

/// Of all hosts, and what takes several tables.
async fn fleet_questions(history: &History, only: &str) -> Result<()> {
    let end = START + DAY;
    for (name, from_ms) in [("1 h", end - HOUR), ("24 h", START)] {
        let query =
            FleetQuery { from_ms, to_ms: end, by: ProcessOrder::Cpu, matching: Vec::new(), limit: 20 };
        let wanted = (ProcessText::Command, TextMatch::containing("p107"));
        let search = FleetQuery { matching: vec![wanted], ..query.clone() };
        ask!(only, format!("fleet: top over {name}"), history.fleet_processes(query));
        ask!(only, format!("fleet: search over {name}"), history.fleet_processes(search));
        let host_id = "host0".to_owned();
        let query = SummaryQuery { host_id, from_ms, to_ms: end, processes: 5, events: 100 };
        ask!(only, format!("summary over {name}"), history.summary(query));
    }
    for (name, length) in [("1 h", HOUR), ("6 h", 6 * HOUR), ("12 h", 12 * HOUR)] {
        let (host_id, group) = ("host0".to_owned(), ProcessGroup::Name);
        let from_ms = end - length;
        let query = ChangesQuery { host_id, from_ms, to_ms: end, against_ms: None, group, limit: 20 };
        ask!(only, format!("what changed in {name}"), history.changes(query));
    }
    Ok(())
}

const PAGE: [(&str, &[&str]); 5] = [
    (
        "host",
        &[
            "cpu_used_ratio",
            "cpu_user_ratio",
            "cpu_system_ratio",
            "cpu_iowait_ratio",
            "cpu_steal_ratio",
            "load1",
            "memory_used_ratio",
            "memory_cached_bytes",
            "memory_buffers_bytes",
            "swap_used_ratio",
            "disk_read_bytes_per_second",
            "disk_write_bytes_per_second",
            "net_rx_bytes_per_second",
            "net_tx_bytes_per_second",
            "cpu_pressure_some_ratio",
            "memory_pressure_some_ratio",
            "io_pressure_some_ratio",
            "processes",
        ],
    ),
    ("cpu", &["cpu_used_ratio"]),
    ("disk", &["read_bytes_per_second", "write_bytes_per_second", "busy_ratio", "await_ms"]),
    ("interface", &["rx_bits_per_second", "tx_bits_per_second"]),
    ("filesystem", &["used_ratio"]),
];

/// All that a host page asks for at once.
async fn page(history: &History, from_ms: i64, to_ms: i64, points: usize) -> Result<()> {
    let [host, cpu, disk, interface, filesystem] =
        PAGE.map(|(table, columns)| one(history, table, columns, from_ms, to_ms, points));
    let (a, b, c, d, e) = tokio::join!(host, cpu, disk, interface, filesystem);
    a.and(b).and(c).and(d).and(e)?;
    Ok(())
}

async fn one(
    history: &History,
    table: &str,
    columns: &[&str],
    from_ms: i64,
    to_ms: i64,
    points: usize,
) -> std::result::Result<(), HistoryError> {
    let query = SeriesQuery {
        host_id: "host0".into(),
        table: tables::by_name(table).unwrap_or(tables::ALL[0]),
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        entity: None,
        from_ms,
        to_ms,
        points,
        aggregate: Aggregate::Average,
    };
    let series = history.series(query).await?;
    assert!(
        series
            .iter()
            .all(|series| series.columns.iter().any(|(_, values)| values.iter().any(Option::is_some)))
    );
    Ok(())
}

/// A host whose readings wander.
struct Machine {
    host: HostKey,
    stream: StreamKey,
    random: u64,
    processes: Vec<Arc<ProcessIdentity>>,
    /// The newest value of each reading, by table, row and column.
    readings: std::collections::HashMap<(u8, usize, usize), i64>,
}

impl Machine {
    fn new(number: usize) -> Self {
        let processes = (0..ACTIVE + IDLE).map(|i| {
            Arc::new(ProcessIdentity {
                key: ProcessKey { pid: 100 + i as i64, start_time_ms: START - HOUR },
                parent_pid: 1,
                name: format!("process-{}", i % 40),
                command: format!(
                    "/usr/lib/service/process-{i} --configuration /etc/service/{i}.conf --verbose --workers 8"
                ),
                user_id: (i % 7) as i64,
                user: format!("user{}", i % 7),
                cgroup: format!("/system.slice/service-{}.service", i % 50),
                unit: format!("service-{}.service", i % 50),
                container: String::new(),
            })
        });
        Self {
            host: HostKey {
                id: format!("host{number}").into(),
                name: format!("host{number}.example").into(),
            },
            stream: StreamKey { agent_id: format!("agent{number}").into(), stream: [1; 16] },
            random: 0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1),
            processes: processes.collect(),
            readings: std::collections::HashMap::new(),
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn sample(&mut self, time_ms: i64, tick: i64) -> Snapshot {
        let mut blocks = Vec::new();
        for (table, rows) in [
            (&tables::host::TABLE, 1),
            (&tables::cpu::TABLE, 4),
            (&tables::disk::TABLE, 3),
            (&tables::interface::TABLE, 2),
            (&tables::filesystem::TABLE, if tick % 12 == 1 { 4 } else { 0 }),
        ] {
            let mut block = Block::new(table);
            block.interval_ms = INTERVAL + (self.random() % 3) as i64 - 1;
            (0..rows).for_each(|row| self.fill(&mut block, table, row));
            blocks.push(block);
        }
        let mut block = Block::new(&tables::process::TABLE);
        block.interval_ms = INTERVAL;
        let mut processes = Vec::new();
        for i in 0..ACTIVE + IDLE {
            if i < ACTIVE || (tick as usize + i).is_multiple_of(12) {
                self.fill(&mut block, &tables::process::TABLE, i);
                processes.push(Arc::clone(&self.processes[i]));
            }
        }
        self.fill(&mut block, &tables::process::TABLE, ACTIVE + IDLE);
        processes.push(Arc::new(ProcessIdentity::other()));
        blocks.push(block);
        Snapshot { time_ms, blocks, processes }
    }

    fn fill(&mut self, block: &mut Block, table: &'static Table, entity: usize) {
        let is_process = table.id == tables::process::TABLE.id;
        let idle = is_process && (ACTIVE..ACTIVE + IDLE).contains(&entity);
        let columns: Vec<_> = table.columns.iter().enumerate().collect();
        let values: Vec<_> =
            columns.iter().map(|(i, column)| self.reading(table, entity, *i, column, idle)).collect();
        let mut row = block.push();
        for (i, column) in columns {
            let position = i as u16;
            // Absent as it would be: no BPF sampler, and identities are not in the block.
            if is_process && (position <= tables::process::CONTAINER.0 || column.name.starts_with("net_")) {
                continue;
            }
            match (column.column_type, column.meaning) {
                (ColumnType::Text, Meaning::Label) => {
                    row.text(TextColumn(position), &format!("/dev/entity{entity}"))
                }
                (ColumnType::Text, _) => row.text(TextColumn(position), if idle { "S" } else { "R" }),
                (ColumnType::Integer, Meaning::Label) => row.integer(IntegerColumn(position), entity as i64),
                (ColumnType::Integer, _) => row.integer(IntegerColumn(position), values[i]),
                (ColumnType::Float, _) => row.float(FloatColumn(position), values[i] as f64 / 100.0),
            };
        }
    }

    /// Gauges wander around where they were, deltas jump; a third of all columns hardly ever change.
    fn reading(&mut self, table: &Table, entity: usize, position: usize, column: &Column, idle: bool) -> i64 {
        let random = self.random();
        let typical = match column.unit {
            Unit::Bytes => 1 << 28,
            Unit::Microseconds => 1_000_000,
            _ => 2_000,
        };
        let last = self.readings.entry((table.id, entity, position)).or_insert(typical);
        let constant = position.is_multiple_of(3) && column.meaning != Meaning::Delta;
        match column.meaning {
            Meaning::Gauge if constant || idle => {}
            // Memory comes in pages.
            Meaning::Gauge if column.unit == Unit::Bytes => {
                *last = (*last + ((random % 65) as i64 - 32) * 4096).max(0)
            }
            Meaning::Gauge => *last = (*last + (random % 21) as i64 - 10).max(0),
            _ if idle || (random >> 32).is_multiple_of(3) => *last = 0,
            // CPU time of a process comes in ticks.
            _ if column.unit == Unit::Microseconds => *last = (random % 60) as i64 * 10_000,
            _ if column.unit == Unit::Bytes => *last = (random % 4096) as i64 * 512,
            _ => *last = (random % 3000) as i64,
        }
        *last
    }
}
