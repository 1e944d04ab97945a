//! Settings of the server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use tacho_runtime::config::{ConfigError, Environment, Reader};
use tacho_runtime::logging::{FORMATS, LEVELS, LogFormat};

use crate::alerts::{Receiver, read_receivers};

pub const DEFAULT_FILE: &str = "/etc/tacho/server.toml";

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// What a power cut may make the agents send again; longer makes fewer and larger files.
const DEFAULT_FLUSH_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_FLUSH_BYTES: u64 = 64 << 20;
/// Memory for what is not flushed yet. Above it the server takes no more frames until a flush went well;
/// the agents keep them.
const DEFAULT_HEAD_LIMIT: u64 = 256 << 20;
const DEFAULT_RETENTION: Duration = DAY.saturating_mul(14);

/// What a server is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub retention: Duration,
    /// Networks that agents may come from; empty means any.
    pub allowed_networks: Vec<IpNet>,
    /// Where files of alert rules are.
    pub rules_dir: PathBuf,
    /// Where notifications go.
    pub receivers: Vec<Receiver>,
    pub log_level: String,
    pub log_format: LogFormat,
}

/// Reads the settings; `origin` names the text in messages.
pub fn parse(text: &str, environment: &Environment, origin: &str) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(text, "TACHO_SERVER", environment);
    let config = Config {
        data_dir: reader.path("data_dir", "/var/lib/tacho-server"),
        listen: reader.address("listen", SocketAddr::from((Ipv4Addr::UNSPECIFIED, 9300))),
        http_listen: reader.address("http_listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 9380))),
        names: reader.list("names", |name| Ok(name.to_owned())),
        flush_interval: reader.duration("flush_interval", DEFAULT_FLUSH_INTERVAL, SECOND..=3600 * SECOND),
        flush_bytes: reader.bytes("flush_bytes", DEFAULT_FLUSH_BYTES, 1 << 20..=16 << 30) as usize,
        head_limit_bytes: reader.bytes("head_limit", DEFAULT_HEAD_LIMIT, 1 << 20..=64 << 30) as usize,
        retention: reader.duration("retention", DEFAULT_RETENTION, SECOND * 3600..=DAY * 36_500),
        allowed_networks: reader.list("allowed_networks", |network| {
            network.parse().map_err(|_| {
                format!(r#"is {network:?}; write a network, such as "10.0.0.0/8" or "fd00::/8""#)
            })
        }),
        rules_dir: reader.path("rules_dir", "/etc/tacho/rules.d"),
        receivers: read_receivers(&mut reader),
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
    if config.head_limit_bytes < config.flush_bytes {
        reader.problem("head_limit", "is below flush_bytes; it has to be at least as large");
    }
    reader.finish(origin)?;
    Ok(config)
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
