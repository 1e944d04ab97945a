//! `tacho-queries`: times what the host page asks for over a range of history.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Parser;
use tacho_runtime::clock;
use tacho_runtime::config::parse_duration;
use tacho_testkit::daemons::get;

#[derive(Debug, Parser)]
#[command(name = "tacho-queries", about = "Times what the host page asks for over a range of history")]
struct Arguments {
    /// Where the server serves plain HTTP.
    #[arg(long, default_value = "127.0.0.1:9380")]
    http: SocketAddr,
    /// An API token.
    #[arg(long)]
    token: String,
    #[arg(long)]
    host: String,
    /// The range.
    #[arg(long, default_value = "1d", value_parser = parse_duration)]
    duration: Duration,
    /// When it ends, in milliseconds since the epoch; now unless told.
    #[arg(long)]
    until: Option<i64>,
    /// Ask for the same charts in PromQL, of the values that `tacho-values` gave to another system.
    #[arg(long)]
    promql: bool,
    /// How often each query is asked after the first.
    #[arg(long, default_value_t = 30)]
    repeat: usize,
}

/// The columns that the page's charts need.
const HOST_COLUMNS: &str = "cpu_used_ratio,cpu_user_ratio,cpu_nice_ratio,cpu_system_ratio,cpu_irq_ratio,\
    cpu_softirq_ratio,cpu_steal_ratio,cpu_iowait_ratio,cpu_cores,cpu_pressure_some_ratio,\
    memory_pressure_some_ratio,io_pressure_some_ratio,memory_total_bytes,memory_used_bytes,\
    memory_available_bytes,memory_free_bytes,swap_used_bytes,disk_read_bytes_per_second,\
    disk_write_bytes_per_second,disk_busy_ratio_max,net_rx_bytes_per_second,net_tx_bytes_per_second,\
    load1,load5,load15";

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let to = arguments.until.unwrap_or_else(clock::wall_ms);
    let from = to - i64::try_from(arguments.duration.as_millis())?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{:<44} {:>9} {:>9} {:>9} {:>9} {:>10}",
        "query, ms", "first", "median", "p95", "max", "bytes"
    )?;
    let queries =
        if arguments.promql { promql(&arguments.host, from, to) } else { queries(&arguments.host, from, to) };
    for (name, path) in queries {
        // Another instant each time, so that no answer is a remembered one.
        let mut times = Vec::new();
        let mut bytes = 0;
        for round in 0..=i64::try_from(arguments.repeat)? {
            let path = path
                .replace("{to}", &(to - round * 1000).to_string())
                .replace("{from}", &(from - round * 1000).to_string());
            let begin = Instant::now();
            let answer = get(arguments.http, &path, &arguments.token)?;
            times.push(begin.elapsed().as_secs_f64() * 1000.0);
            anyhow::ensure!(answer.status == 200, "{path}: status {}: {}", answer.status, answer.body);
            bytes = answer.body.len();
        }
        let first = times.remove(0);
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            times.get(((times.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(first)
        };
        writeln!(
            out,
            "{name:<44} {first:>9.1} {:>9.1} {:>9.1} {:>9.1} {bytes:>10}",
            at(0.5),
            at(0.95),
            at(1.0)
        )?;
    }
    Ok(())
}

/// Name and path of each query, as the page asks them.
fn queries(host: &str, from: i64, to: i64) -> Vec<(&'static str, String)> {
    let host = format!("/api/v1/hosts/{host}");
    let middle = from + (to - from) / 2;
    let series = |table: &str, columns: &str| {
        format!("{host}/series?table={table}&columns={columns}&from={{from}}&to={{to}}&points=600")
    };
    let over = |by: &str| format!("{host}/processes?from={{from}}&to={{to}}&by={by}&group=process&limit=100");
    vec![
        ("host charts (25 columns)", series("host", HOST_COLUMNS)),
        ("cores", series("cpu", "cpu_used_ratio")),
        ("disks", series("disk", "busy_ratio,read_bytes_per_second,write_bytes_per_second")),
        ("interfaces", series("interface", "rx_bytes_per_second,tx_bytes_per_second")),
        ("file systems", series("filesystem", "used_ratio")),
        ("processes at an instant", format!("{host}/processes?at={middle}")),
        ("processes over the range, by CPU", over("cpu")),
        ("processes over the range, by disk", over("disk")),
        (
            "processes over one hour, by CPU",
            format!("{host}/processes?from={middle}&to={}&by=cpu&limit=100", middle + 3_600_000),
        ),
        ("fleet", "/api/v1/hosts".to_owned()),
    ]
}

/// The charts as another system is asked for them: counters as rates, gauges as means, at 600 points. Times are in
/// seconds there.
fn promql(host: &str, from: i64, to: i64) -> Vec<(&'static str, String)> {
    // Shorter windows than four samples would have holes.
    let step_s = ((to - from) / 600_000).max(1);
    let window_s = step_s.max(20);
    let query = |function: &str, names: &str| {
        format!(
            "/api/v1/query_range?query={function}%28%7B__name__%3D~%22{names}%22%2Chost%3D%22{host}%22%7D%5B{window_s}s%5D%29\
             &start={{from}}e-3&end={{to}}e-3&step={step_s}"
        )
    };
    let counters = "host_cpu_%28user%7Cnice%7Csystem%7Cirq%7Csoftirq%7Csteal%7Ciowait%7Cidle%7Cpressure_some%29_us%7C\
                    host_%28memory%7Cio%29_pressure_some_us%7Chost_disk_%28read_bytes%7Cwrite_bytes%7Cbusy_us_max%29%7C\
                    host_net_%28rx%7Ctx%29_bytes";
    let gauges = "host_memory_%28total%7Cavailable%7Cfree%29_bytes%7Chost_swap_%28total%7Cfree%29_bytes%7C\
                  host_load1%7Chost_load5%7Chost_load15%7Chost_cpu_cores";
    vec![
        ("host charts: 16 counters", query("rate", counters)),
        ("host charts: 9 gauges", query("avg_over_time", gauges)),
        ("cores", query("rate", "cpu_%28user%7Cnice%7Csystem%7Cirq%7Csoftirq%7Csteal%7Cidle%7Ciowait%29_us")),
        ("disks", query("rate", "disk_%28busy_us%7Cread_bytes%7Cwrite_bytes%29")),
        ("interfaces", query("rate", "interface_%28rx%7Ctx%29_bytes")),
        ("file systems", query("avg_over_time", "filesystem_%28used%7Csize%29_bytes")),
    ]
}
