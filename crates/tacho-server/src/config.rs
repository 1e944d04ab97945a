//! Settings of the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use tacho_history::TableRetention;
use tacho_notify::{ChannelSettings, read_channels};
use tacho_runtime::config::{ConfigError, Environment, Reader, parse_duration};
use tacho_runtime::logging::{FORMATS, LEVELS, LogFormat};

use crate::alerts::{ReceiverSettings, read_receivers};

pub const DEFAULT_FILE: &str = "/etc/tacho/server.toml";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// What a power cut may make the agents send again; longer makes fewer and larger files.
const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_FLUSH_BYTES: u64 = 64 << 20;
/// Memory for what is not flushed yet. Above it the server takes no more frames until a flush went well;
/// the agents keep them.
const DEFAULT_HEAD_LIMIT: u64 = 256 << 20;
/// Of all agents together. Two minutes of it are six hours of a hundred hosts.
const DEFAULT_BACKFILL: u64 = 32 << 20;
/// Agents that are away for a third of it at most still renew theirs in time.
const DEFAULT_CERTIFICATE_LIFETIME: Duration = DAY.saturating_mul(730);
/// One may be down, and another cut off.
const DEFAULT_SENTINELS: u64 = 3;
const DEFAULT_SETTLE: Duration = Duration::from_secs(10);
/// Two weeks show what is new this week; by then minutes tell as much.
const DEFAULT_RETENTION: Duration = DAY.saturating_mul(14);
/// A quarter, to compare months.
const DEFAULT_RETENTION_1M: Duration = DAY.saturating_mul(90);
/// Half a year: it takes a tenth of what minutes take, and shows a month in detail.
const DEFAULT_RETENTION_10M: Duration = DAY.saturating_mul(180);
/// Two years, to compare a season with the one before.
const DEFAULT_RETENTION_1H: Duration = DAY.saturating_mul(730);
/// Ten years: a row a day of each host is next to nothing.
const DEFAULT_RETENTION_1D: Duration = DAY.saturating_mul(3650);
const LONGEST_RETENTION: Duration = DAY.saturating_mul(36_500);
/// Less would be a few minutes of a large fleet.
const LEAST_HISTORY_LIMIT: u64 = 64 << 20;

/// What a server is told to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where everything is kept: authority, catalog, history.
    pub data_dir: PathBuf,
    /// Where agents, the API and the page are served over TLS.
    pub listen: SocketAddr,
    /// Where API and page are served without TLS; loopback only.
    pub http_listen: SocketAddr,
    /// Names and addresses for the server's certificate, beside the machine's own.
    pub names: Vec<String>,
    pub flush_interval: Duration,
    pub flush_bytes: usize,
    pub head_limit_bytes: usize,
    /// How fast agents together may send what they kept while the server was away, compressed as it comes.
    pub backfill_bytes_per_second: u64,
    /// How long rows, and rollups of a minute, of ten minutes, of an hour and of a day, are kept.
    pub retention: Duration,
    pub retention_1m: Duration,
    pub retention_10m: Duration,
    pub retention_1h: Duration,
    pub retention_1d: Duration,
    pub retention_tables: Vec<TableRetention>,
    /// Most bytes of history; absent when there is no limit.
    pub history_limit_bytes: Option<u64>,
    /// Networks that agents may come from; empty means any.
    pub allowed_networks: Vec<IpNet>,
    /// Where files of alert rules are.
    pub rules_dir: PathBuf,
    /// Where notifications go.
    pub receivers: Vec<ReceiverSettings>,
    /// Where people see the page, for links in messages; empty when it is made of the server's name and port.
    pub page_url: String,
    /// How long certificates hold, of agents and the server's own.
    pub certificate_lifetime: Duration,
    /// How many agents raise the alarm when no server can be reached.
    pub sentinel_count: usize,
    /// How often is looked whether they are still there.
    pub sentinel_settle: Duration,
    /// Where they speak.
    pub sentinel_channels: Vec<ChannelSettings>,
    pub log_level: String,
    pub log_format: LogFormat,
}

/// Reads the settings; `origin` names the text in messages.
pub fn parse(text: &str, environment: &Environment, origin: &str) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(text, "TACHO_SERVER", environment);
    let (sentinel_count, sentinel_settle, sentinel_channels) = read_sentinels(&mut reader);
    let config = Config {
        data_dir: reader.path("data_dir", "/var/lib/tacho-server"),
        listen: reader.address("listen", SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9300))),
        http_listen: reader.address("http_listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 9380))),
        names: reader.list("names", |name| Ok(name.to_owned())),
        flush_interval: reader.duration("flush_interval", DEFAULT_FLUSH_INTERVAL, SECOND..=3600 * SECOND),
        flush_bytes: reader.bytes("flush_bytes", DEFAULT_FLUSH_BYTES, 1 << 20..=16 << 30) as usize,
        head_limit_bytes: reader.bytes("head_limit", DEFAULT_HEAD_LIMIT, 1 << 20..=64 << 30) as usize,
        retention: reader.duration("retention", DEFAULT_RETENTION, SECOND * 3600..=LONGEST_RETENTION),
        retention_1m: reader.duration(
            "retention_1m",
            DEFAULT_RETENTION_1M,
            SECOND * 3600..=LONGEST_RETENTION,
        ),
        retention_10m: reader.duration(
            "retention_10m",
            DEFAULT_RETENTION_10M,
            SECOND * 3600..=LONGEST_RETENTION,
        ),
        retention_1h: reader.duration(
            "retention_1h",
            DEFAULT_RETENTION_1H,
            SECOND * 3600..=LONGEST_RETENTION,
        ),
        retention_1d: reader.duration(
            "retention_1d",
            DEFAULT_RETENTION_1D,
            SECOND * 3600..=LONGEST_RETENTION,
        ),
        retention_tables: reader.list("retention_tables", |rule| TableRetention::parse(rule, parse_duration)),
        history_limit_bytes: Some(reader.bytes("history_limit", 0, 0..=1 << 50)).filter(|limit| *limit > 0),
        backfill_bytes_per_second: reader.bytes(
            "backfill_bytes_per_second",
            DEFAULT_BACKFILL,
            1 << 10..=1 << 40,
        ),
        allowed_networks: reader.list("allowed_networks", |network| {
            network.parse().map_err(|_| {
                format!(r#"is {network:?}; write a network, such as "10.0.0.0/8" or "fd00::/8""#)
            })
        }),
        rules_dir: reader.path("rules_dir", "/etc/tacho/rules.d"),
        receivers: read_receivers(&mut reader),
        page_url: read_page_url(&mut reader),
        certificate_lifetime: reader.duration(
            "certificate_lifetime",
            DEFAULT_CERTIFICATE_LIFETIME,
            10 * SECOND..=DAY * 3650,
        ),
        sentinel_count,
        sentinel_settle,
        sentinel_channels,
        log_level: reader.choice("log_level", "info", LEVELS),
        log_format: match reader.choice("log_format", "text", FORMATS).as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
    };
    if !config.http_listen.ip().is_loopback() {
        let problem = format!(
            "is {}; without TLS only loopback is served, such as \"127.0.0.1:9380\"; the page is at `listen` too, with TLS",
            config.http_listen
        );
        reader.problem("http_listen", problem);
    }
    if config.history_limit_bytes.is_some_and(|limit| limit < LEAST_HISTORY_LIMIT) {
        reader.problem("history_limit", "is below 64MiB; write at least that, or \"0B\" for no limit");
    }
    if config.head_limit_bytes < config.flush_bytes {
        reader.problem("head_limit", "is below flush_bytes; it has to be at least as large");
    }
    reader.finish(origin)?;
    Ok(config)
}

fn read_page_url(reader: &mut Reader<'_>) -> String {
    let url = reader.text("page_url", "");
    if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
        reader.problem(
            "page_url",
            format_args!(r#"is {url:?}; write one such as "https://tacho.example.org""#),
        );
    }
    url.trim_end_matches('/').to_owned()
}

fn read_sentinels(reader: &mut Reader<'_>) -> (usize, Duration, Vec<ChannelSettings>) {
    reader.table("sentinel", "TACHO_SERVER_SENTINEL", |reader| {
        let count = reader.integer("count", DEFAULT_SENTINELS, 0..=16) as usize;
        let settle = reader.duration("settle", DEFAULT_SETTLE, SECOND..=3600 * SECOND);
        (count, settle, read_channels(reader))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = parse("", &Environment::new(), "test").unwrap();
        assert_eq!(config.listen.to_string(), "0.0.0.0:9300");
        assert_eq!(config.http_listen.to_string(), "127.0.0.1:9380");
    }

    #[test]
    fn settings_that_contradict_are_reported_with_the_rest() {
        let text = "http_listen = '0.0.0.0:80'\nflush_bytes = '1GiB'\nallowed_networks = ['10.0.0.0/33']";
        let error = parse(text, &Environment::new(), "test").unwrap_err();
        assert_eq!(error.problems.len(), 3, "{error}");
    }

    /// Each wrong file of `fixtures/config` gets all its mistakes in one message. `BLESS=1` rewrites them.
    #[test]
    fn wrong_files_get_all_their_mistakes_in_one_message() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/config");
        let mut checked = 0;
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("server-") || !name.ends_with(".bad.toml") {
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
