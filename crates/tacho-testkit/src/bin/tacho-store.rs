//! `tacho-store`: makes a server's data directory with the history of hosts that do not exist.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use tacho_runtime::config::parse_duration;
use tacho_runtime::{clock, memory};
use tacho_testkit::store::{Group, Hour, Store, catalog_path};

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Parser)]
#[command(
    name = "tacho-store",
    about = "Makes a server's data directory with the history of hosts that do not exist",
    long_about = "Makes a server's data directory with the history of hosts that do not exist, through the history's \
                  own flush, compaction, rollups and retention, hour by hour of its own time.\n\n\
                  Example: tacho-store --data-dir /tmp/store --hosts load-:1000:7d:30s:20/4 --hosts long-:1:90d:5s:50/8"
)]
struct Arguments {
    /// A directory that is not there yet, unless it is resumed.
    #[arg(long)]
    data_dir: PathBuf,
    /// Prefix of their names, how many, how long, how often, processes and those of them at work.
    #[arg(long = "hosts", required = true)]
    groups: Vec<Group>,
    /// When it ends, in milliseconds since the epoch: at the start of that hour; now unless told.
    #[arg(long)]
    until: Option<i64>,
    /// How long rows are kept.
    #[arg(long, default_value = "14d", value_parser = parse_duration)]
    retention: Duration,
    /// Most bytes of files.
    #[arg(long)]
    limit_bytes: Option<u64>,
    /// Go on with a store that was cut off; tell the same hosts and the same end as then.
    #[arg(long, requires = "until")]
    resume: bool,
    /// Say more than the sum: a line for each day, as comma-separated values.
    #[arg(long)]
    days: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(
        arguments.resume || !arguments.data_dir.exists(),
        "{} is there already; name a directory that is not, remove it, or go on with it (--resume, --until)",
        arguments.data_dir.display()
    );
    let store = Store {
        data_dir: arguments.data_dir.clone(),
        groups: arguments.groups,
        until_ms: arguments.until.unwrap_or_else(clock::wall_ms),
        retention: arguments.retention,
        limit_bytes: arguments.limit_bytes,
    };
    let begin = Instant::now();
    let mut out = std::io::stdout();
    let mut report = Report { days: arguments.days, ..Report::default() };
    if arguments.days {
        writeln!(out, "day,files,bytes,catalog_bytes,resident_bytes,rows")?;
    }
    let catalog = catalog_path(&arguments.data_dir);
    let mut failed = Ok(());
    store
        .build(|hour| {
            if failed.is_ok() {
                failed = report.hour(hour, &catalog, &mut out);
            }
        })
        .await?;
    failed?;
    report.end(begin.elapsed(), &mut out)?;
    Ok(())
}

/// What came of it so far.
#[derive(Debug, Default)]
struct Report {
    days: bool,
    last: Option<Hour>,
    most_files: u64,
    most_bytes: u64,
    most_catalog_bytes: u64,
    most_resident_bytes: u64,
}

impl Report {
    fn hour(
        &mut self,
        hour: &Hour,
        catalog: &std::path::Path,
        out: &mut impl std::io::Write,
    ) -> anyhow::Result<()> {
        // As the server does every minute.
        memory::give_back();
        let catalog_bytes = catalog.metadata()?.len();
        let resident_bytes = resident_bytes()?;
        self.most_files = self.most_files.max(hour.history.files);
        self.most_bytes = self.most_bytes.max(hour.history.bytes_on_disk);
        self.most_catalog_bytes = self.most_catalog_bytes.max(catalog_bytes);
        self.most_resident_bytes = self.most_resident_bytes.max(resident_bytes);
        if self.days && hour.end_ms.rem_euclid(DAY_MS) == 0 {
            let (history, day) = (&hour.history, hour.end_ms.div_euclid(DAY_MS));
            let (files, bytes, rows) = (history.files, history.bytes_on_disk, history.rows_on_disk);
            writeln!(out, "{day},{files},{bytes},{catalog_bytes},{resident_bytes},{rows}")?;
        }
        self.last = Some(hour.clone());
        Ok(())
    }

    fn end(&self, took: Duration, out: &mut impl std::io::Write) -> anyhow::Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        let history = &last.history;
        writeln!(out, "{:<44} {}", "end, ms since the epoch", last.end_ms)?;
        writeln!(out, "{:<44} {} in {:.0} s", "snapshots", last.snapshots, took.as_secs_f64())?;
        writeln!(out, "{:<44} {} taken in, {} kept", "rows", history.rows_total, history.rows_on_disk)?;
        writeln!(out, "{:<44} {} in {} files", "bytes", history.bytes_on_disk, history.files)?;
        writeln!(
            out,
            "{:<44} {} merges, {} failed",
            "compaction", history.compactions_total, history.compaction_failures_total
        )?;
        writeln!(out, "{:<44} {}", "files at most", self.most_files)?;
        writeln!(out, "{:<44} {}", "bytes at most", self.most_bytes)?;
        writeln!(out, "{:<44} {}", "bytes of the catalog at most", self.most_catalog_bytes)?;
        writeln!(out, "{:<44} {}", "resident memory at most, bytes", self.most_resident_bytes)?;
        Ok(())
    }
}

/// Of this program.
fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()?.saturating_mul(1024))
}
