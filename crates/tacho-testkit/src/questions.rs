//! What a page asks of a history: of Tacho, and of another system in PromQL.

/// Some calls that are made at the same time; answered when all are.
#[derive(Debug, Clone)]
pub struct Question {
    pub name: String,
    /// Paths with `{host}` where the host's name belongs, and `{from}`, `{to}`, `{at}`, `{late}` for milliseconds
    /// since the epoch: the range, an instant in its middle, and an hour from there.
    pub paths: Vec<String>,
}

/// Milliseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub from_ms: i64,
    pub to_ms: i64,
}

/// The columns that the page's charts need.
const HOST_COLUMNS: &str = "cpu_used_ratio,cpu_user_ratio,cpu_nice_ratio,cpu_system_ratio,cpu_irq_ratio,\
    cpu_softirq_ratio,cpu_steal_ratio,cpu_iowait_ratio,cpu_cores,cpu_pressure_some_ratio,\
    memory_pressure_some_ratio,io_pressure_some_ratio,memory_total_bytes,memory_used_bytes,\
    memory_available_bytes,memory_free_bytes,swap_used_bytes,disk_read_bytes_per_second,\
    disk_write_bytes_per_second,disk_busy_ratio_max,net_rx_bytes_per_second,net_tx_bytes_per_second,\
    load1,load5,load15";

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// What ranges of processes and of the fleet are asked for at most.
const SEARCHED_MS: i64 = 7 * DAY_MS;

impl Question {
    fn new(name: &str, paths: Vec<String>) -> Self {
        Self { name: name.to_owned(), paths }
    }

    /// Its calls about a host and a range.
    pub fn of(&self, host: &str, range: Range) -> Vec<String> {
        let middle = range.from_ms.midpoint(range.to_ms);
        let filled = |path: &String| {
            path.replace("{host}", host)
                .replace("{from}", &range.from_ms.to_string())
                .replace("{to}", &range.to_ms.to_string())
                .replace("{at}", &middle.to_string())
                .replace("{late}", &middle.saturating_add(HOUR_MS).to_string())
        };
        self.paths.iter().map(filled).collect()
    }
}

/// What is asked of Tacho over a range of this length.
pub fn tacho(length_ms: i64) -> Vec<Question> {
    let host = "/api/v1/hosts/{host}";
    let series = |table: &str, columns: &str| {
        format!("{host}/series?table={table}&columns={columns}&from={{from}}&to={{to}}&points=600")
    };
    let over = |by: &str| format!("{host}/processes?from={{from}}&to={{to}}&by={by}&group=process&limit=100");
    let charts = [
        ("host charts (25 columns)", series("host", HOST_COLUMNS)),
        ("cores", series("cpu", "cpu_used_ratio")),
        ("disks", series("disk", "busy_ratio,read_bytes_per_second,write_bytes_per_second")),
        ("interfaces", series("interface", "rx_bytes_per_second,tx_bytes_per_second")),
        ("file systems", series("filesystem", "used_ratio")),
    ];
    let instant = format!("{host}/processes?at={{at}}");
    let page = charts.iter().map(|(_, path)| path).chain([&instant]).cloned().collect();
    let mut questions = vec![Question::new("host page: all charts, processes at an instant", page)];
    questions.extend(charts.iter().map(|(name, path)| Question::new(name, vec![path.clone()])));
    let mut one = |name: &str, path: String| questions.push(Question::new(name, vec![path]));
    one("processes at an instant", instant);
    one("processes over the range, by CPU", over("cpu"));
    one("processes over the range, by disk", over("disk"));
    one(
        "processes over one hour, by CPU",
        format!("{host}/processes?from={{at}}&to={{late}}&by=cpu&limit=100"),
    );
    one(
        "chart of the top processes",
        format!("{host}/processes/series?by=cpu&from={{from}}&to={{to}}&points=600"),
    );
    if length_ms <= DAY_MS {
        one("what changed", format!("{host}/whatchanged?from={{from}}&to={{to}}"));
    }
    if length_ms <= SEARCHED_MS {
        one("search over the fleet", "/api/v1/processes/search?name=nginx&from={from}&to={to}".to_owned());
        one("top of the fleet", "/api/v1/top?by=cpu&from={from}&to={to}".to_owned());
    }
    one("fleet", "/api/v1/hosts".to_owned());
    questions
}

/// The charts as another system is asked for them: counters as rates, gauges as means, at 600 points. A function of
/// several metrics at once would leave them without their names, so each is asked for. Times are in seconds there.
pub fn promql(length_ms: i64) -> Vec<Question> {
    // Shorter windows than four samples would have holes.
    let step_s = (length_ms / 600_000).max(1);
    let window_s = step_s.max(120);
    let of = |function: &str, table: &str, names: &str| -> Vec<String> {
        let path = |name: &str| {
            format!(
                "/api/v1/query_range?query={function}%28{table}_{name}%7Bhost%3D%22{{host}}%22%7D%5B{window_s}s%5D%29\
                 &start={{from}}e-3&end={{to}}e-3&step={step_s}"
            )
        };
        names.split_whitespace().map(path).collect()
    };
    let counters = "cpu_user_us cpu_nice_us cpu_system_us cpu_irq_us cpu_softirq_us cpu_steal_us cpu_iowait_us cpu_idle_us \
                    cpu_pressure_some_us memory_pressure_some_us io_pressure_some_us disk_read_bytes disk_write_bytes \
                    disk_busy_us_max net_rx_bytes net_tx_bytes";
    let gauges = "memory_total_bytes memory_available_bytes memory_free_bytes swap_total_bytes swap_free_bytes load1 \
                  load5 load15 cpu_cores";
    let charts = [
        ("host charts: 16 counters", of("rate", "host", counters)),
        ("host charts: 9 gauges", of("avg_over_time", "host", gauges)),
        (
            "cores",
            of("rate", "cpu", "user_us nice_us system_us irq_us softirq_us steal_us idle_us iowait_us"),
        ),
        ("disks", of("rate", "disk", "busy_us read_bytes write_bytes")),
        ("interfaces", of("rate", "interface", "rx_bytes tx_bytes")),
        ("file systems", of("avg_over_time", "filesystem", "used_bytes size_bytes")),
    ];
    let page = charts.iter().flat_map(|(_, paths)| paths.clone()).collect();
    let mut questions = vec![Question::new("host page: all charts", page)];
    questions.extend(charts.iter().map(|(name, paths)| Question::new(name, paths.clone())));
    questions
}
