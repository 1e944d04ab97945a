//! Settings of the program that answers SQL.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tacho_runtime::config::{ConfigError, Environment, Reader};
use tacho_runtime::logging::{FORMATS, LEVELS, LogFormat};

use crate::engine::Limits;

pub const DEFAULT_FILE: &str = "/etc/tacho/sql.toml";

const SECOND: Duration = Duration::from_secs(1);

/// What the program is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The server's.
    pub data_dir: PathBuf,
    /// Where clients of PostgreSQL are served.
    pub postgres_listen: SocketAddr,
    pub limits: Limits,
    pub log_level: String,
    pub log_format: LogFormat,
}

/// Reads the settings; `origin` names the text in messages.
pub fn parse(text: &str, environment: &Environment, origin: &str) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(text, "TACHO_SQL", environment);
    let data_dir = reader.path("data_dir", "/var/lib/tacho-server");
    let config = Config {
        postgres_listen: reader.address("postgres_listen", SocketAddr::from((Ipv4Addr::LOCALHOST, 9332))),
        limits: Limits {
            memory_bytes: reader.bytes("memory", 1 << 30, 64 << 20..=1 << 40) as usize,
            spill_directory: data_dir.join("sql").join("spill"),
            spill_bytes: reader.bytes("spill", 10 << 30, 0..=1 << 44),
            time: reader.duration("query_time", 60 * SECOND, SECOND..=240 * SECOND),
            rows: reader.integer("rows", 1_000_000, 1..=1_000_000_000),
            queries: reader.integer("queries", 4, 1..=1000) as usize,
        },
        data_dir,
        log_level: reader.choice("log_level", "info", LEVELS),
        log_format: match reader.choice("log_format", "text", FORMATS).as_str() {
            "json" => LogFormat::Json,
            _ => LogFormat::Text,
        },
    };
    reader.finish(origin)?;
    Ok(config)
}
