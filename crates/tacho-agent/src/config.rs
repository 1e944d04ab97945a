//! Settings of the agent.

use std::path::PathBuf;
use std::time::Duration;

use tacho_model::check_tags;
use tacho_runtime::config::{ConfigError, Environment, Reader};
use tacho_runtime::logging::{FORMATS, LEVELS, LogFormat};

use crate::budget::Limits;
use crate::questions::{QuestionSettings, read_questions};
use crate::sampler::{ExitsChoice, NetworkChoice, SamplerChoice};
use crate::scripts::{ScriptConfig, read_scripts, read_textfile_dir};
use crate::sentinel::{SentinelSettings, read_sentinel};

pub const DEFAULT_FILE: &str = "/etc/tacho/agent.toml";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// Short enough to see a process that hogs the machine for a few seconds, at well under 0.5 % of a core.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// For looking closely for a while; a snapshot takes some milliseconds.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// A busy machine has some tens of processes at work in any 5 seconds; what is above goes into `other`.
const DEFAULT_PROCESS_ROWS: u64 = 500;
/// What most processors reach only under load, and what they should not keep for long.
const DEFAULT_TEMPERATURE_NOTE: u64 = 50;
const DEFAULT_TEMPERATURE_WARNING: u64 = 70;
/// A usual host has some tens of units; one that runs containers some hundreds.
const DEFAULT_CGROUPS: usize = 200;
/// Those that fill a link are few; a row takes some 40 bytes packed.
const DEFAULT_CONNECTION_ROWS: u64 = 20;
/// Half an hour of a usual host at 5 s.
const DEFAULT_QUEUE_BYTES: u64 = 4 << 20;
/// Spares cards and SSDs, and costs a minute's snapshots at most when the power fails.
const DEFAULT_SPOOL_GROUP: u64 = 10;
const DEFAULT_SPOOL_SEGMENT: u64 = 30 << 20;
/// Two weeks of a usual host at 5 s, packed.
const DEFAULT_SPOOL_BYTES: u64 = 1 << 30;
/// As long as a server keeps what it has, by default.
const DEFAULT_SPOOL_AGE: Duration = Duration::from_secs(14 * 86_400);
/// Six hours of a usual host at 5 s go in two minutes; a hundred agents of a restarted server fill no network.
const DEFAULT_BACKFILL: u64 = 256 << 10;

/// A tenth of what a host's owner still overlooks.
const DEFAULT_BUDGET_CPU: f64 = 0.01;
const DEFAULT_BUDGET_MEMORY: u64 = 32 << 20;

/// What an agent is told to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where certificate and key are kept.
    pub data_dir: PathBuf,
    /// `host:port` of each server, in order of preference; empty means the one that was joined.
    pub servers: Vec<String>,
    /// Time between snapshots.
    pub interval: Duration,
    /// Name to join under; empty means the machine's own.
    pub host_name: String,
    /// Tags of this host, unless the server has others.
    pub tags: Vec<String>,
    /// How processes are read.
    pub sampler: SamplerChoice,
    /// Where it comes from what processes used that ended between two snapshots.
    pub exits: ExitsChoice,
    /// Where bytes on the network of each process come from.
    pub network: NetworkChoice,
    /// Most rows of processes in a snapshot.
    pub process_rows: usize,
    /// From how many degrees on the level of a temperature sensor is `note`, and from how many `warning`.
    pub temperature_note: u64,
    pub temperature_warning: u64,
    /// Most control groups that are read.
    pub cgroups: usize,
    /// Most rows of connections in a snapshot; 0: none.
    pub connection_rows: usize,
    /// Bytes per second from which a connection has a row in any case; 0: from none.
    pub connection_threshold: u64,
    /// Where frames wait that the server has not acknowledged.
    pub spool: tacho_spool::Config,
    /// Most bytes per second of frames that are sent late.
    pub backfill_bytes_per_second: u64,
    /// Programs to run on an interval, for the readings they print.
    pub scripts: Vec<ScriptConfig>,
    /// Directory of `*.prom` files to read; `None` is none.
    pub textfile_dir: Option<PathBuf>,
    /// What the agent may use before it takes snapshots less often.
    pub budget: Limits,
    /// How the agent watches the server.
    pub sentinel: SentinelSettings,
    /// What the server may ask.
    pub questions: QuestionSettings,
    pub log_level: String,
    pub log_format: LogFormat,
}

/// Reads the settings; `origin` names the text in messages.
pub fn parse(text: &str, environment: &Environment, origin: &str) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(text, "TACHO_AGENT", environment);
    let data_dir = reader.path("data_dir", "/var/lib/tacho-agent");
    let spool_dir = reader.path("spool_dir", &data_dir.join("spool").to_string_lossy());
    let config = Config {
        data_dir,
        servers: reader.list("servers", parse_server),
        interval: reader.duration("interval", DEFAULT_INTERVAL, SHORTEST_INTERVAL..=600 * SECOND),
        host_name: reader.text("host_name", ""),
        tags: read_tags(&mut reader),
        sampler: match reader.choice("sampler", "auto", &["auto", "proc"]).as_str() {
            "proc" => SamplerChoice::Proc,
            _ => SamplerChoice::Auto,
        },
        exits: match reader.choice("exits", "auto", &["auto", "bpf", "taskstats", "parent"]).as_str() {
            "bpf" => ExitsChoice::Bpf,
            "taskstats" => ExitsChoice::Taskstats,
            "parent" => ExitsChoice::Parent,
            _ => ExitsChoice::Auto,
        },
        network: read_network(&mut reader),
        process_rows: reader.integer("process_rows", DEFAULT_PROCESS_ROWS, 10..=10_000) as usize,
        temperature_note: reader.integer("temperature_note", DEFAULT_TEMPERATURE_NOTE, 0..=200),
        temperature_warning: reader.integer("temperature_warning", DEFAULT_TEMPERATURE_WARNING, 0..=200),
        cgroups: reader.integer("cgroups", DEFAULT_CGROUPS as u64, 0..=5000) as usize,
        connection_rows: reader.integer("connections", DEFAULT_CONNECTION_ROWS, 0..=1000) as usize,
        connection_threshold: reader.bytes("connections_threshold", 0, 0..=1 << 40),
        spool: tacho_spool::Config {
            runtime_dir: reader.path("runtime_dir", "/run/tacho-agent"),
            cold_dir: reader.path("spool_cold_dir", &spool_dir.join("cold").to_string_lossy()),
            dir: spool_dir,
            hot_bytes: reader.bytes("queue_bytes", DEFAULT_QUEUE_BYTES, 64 << 10..=1 << 30),
            group: reader.integer("spool_group", DEFAULT_SPOOL_GROUP, 1..=1000) as usize,
            segment_bytes: reader.bytes("spool_segment", DEFAULT_SPOOL_SEGMENT, 64 << 10..=1 << 30),
            disk_bytes: reader.bytes("spool_bytes", DEFAULT_SPOOL_BYTES, 1 << 20..=1 << 40),
            age_ms: reader.duration("spool_age", DEFAULT_SPOOL_AGE, 60 * SECOND..=3650 * DAY).as_millis()
                as i64,
        },
        backfill_bytes_per_second: reader.bytes(
            "backfill_bytes_per_second",
            DEFAULT_BACKFILL,
            4 << 10..=1 << 30,
        ),
        scripts: read_scripts(&mut reader),
        textfile_dir: read_textfile_dir(&mut reader),
        budget: Limits {
            cpu_ratio: reader.ratio("budget_cpu", DEFAULT_BUDGET_CPU, 0.001..=10.0),
            memory_bytes: reader.bytes("budget_memory", DEFAULT_BUDGET_MEMORY, 8 << 20..=1 << 40),
        },
        sentinel: read_sentinel(&mut reader),
        questions: read_questions(&mut reader),
        log_level: reader.choice("log_level", "info", LEVELS),
        log_format: match reader.choice("log_format", "text", FORMATS).as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
    };
    if config.temperature_warning < config.temperature_note {
        reader.problem("temperature_warning", "is below temperature_note");
    }
    if config.sampler == SamplerChoice::Proc && config.network.takes_bpf() {
        reader.problem("network", r#"is told by BPF, and sampler is "proc""#);
    }
    reader.finish(origin)?;
    Ok(config)
}

fn read_tags(reader: &mut Reader<'_>) -> Vec<String> {
    let written = reader.list("tags", |tag| Ok(tag.to_owned()));
    check_tags(&written).unwrap_or_else(|problem| {
        reader.problem("tags", problem);
        Vec::new()
    })
}

fn read_network(reader: &mut Reader<'_>) -> NetworkChoice {
    match reader.choice("network", "auto", &["auto", "tracepoint", "cgroup", "diag", "none"]).as_str() {
        "tracepoint" => NetworkChoice::Tracepoint,
        "cgroup" => NetworkChoice::Cgroup,
        "diag" => NetworkChoice::Diag,
        "none" => NetworkChoice::None,
        _ => NetworkChoice::Auto,
    }
}

/// `host:port` as it was written, once it is known to be one.
pub fn parse_server(text: &str) -> Result<String, String> {
    let port = text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        Some(1..) => Ok(text.to_owned()),
        _ => Err(format!(r#"is {text:?}; write host and port, such as "tacho.example.com:9300""#)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = parse("", &Environment::new(), "test").unwrap();
        assert_eq!((config.interval, config.process_rows), (DEFAULT_INTERVAL, 500));
        assert_eq!(config.data_dir, PathBuf::from("/var/lib/tacho-agent"));
    }

    #[test]
    fn a_warning_is_not_below_a_note() {
        let parse = |text| parse(text, &Environment::new(), "test");
        assert!(
            parse("temperature_note = 80").unwrap_err().to_string().contains("is below temperature_note")
        );
        assert!(parse("temperature_note = 80\ntemperature_warning = 80").is_ok());
    }

    #[test]
    fn network_by_bpf_takes_the_sampler_by_bpf() {
        let network = |text: &str| parse(text, &Environment::new(), "test").map(|config| config.network);
        assert_eq!(network("").unwrap(), NetworkChoice::Auto);
        assert_eq!(network("network = \"cgroup\"").unwrap(), NetworkChoice::Cgroup);
        assert_eq!(network("sampler = \"proc\"\nnetwork = \"diag\"").unwrap(), NetworkChoice::Diag);
        for way in ["cgroup", "tracepoint"] {
            let text = format!("sampler = \"proc\"\nnetwork = \"{way}\"");
            let error = network(text.as_str()).unwrap_err();
            assert!(error.to_string().contains("network: is told by BPF"), "{error}");
        }
    }

    #[test]
    fn servers_have_a_port() {
        for good in ["a:1", "[::1]:9300", "10.0.0.1:65535"] {
            assert_eq!(parse_server(good), Ok(good.to_owned()));
        }
        for bad in ["a", "a:", ":1", "a:0", "a:65536", "https://a"] {
            assert!(parse_server(bad).is_err(), "{bad}");
        }
    }

    /// Each wrong file of `fixtures/config` gets all its mistakes in one message. `BLESS=1` rewrites them.
    #[test]
    fn wrong_files_get_all_their_mistakes_in_one_message() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/config");
        let mut checked = 0;
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("agent-") || !name.ends_with(".bad.toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let message = format!("{}\n", parse(&text, &Environment::new(), &name).unwrap_err());
            let expected = path.with_extension("message");
            if std::env::var_os("BLESS").is_some() {
                std::fs::write(&expected, &message).unwrap();
            }
            assert_eq!(message, std::fs::read_to_string(&expected).unwrap_or_default(), "{name}");
            checked += 1;
        }
        assert!(checked >= 3, "found {checked} files in {}", directory.display());
    }
}
