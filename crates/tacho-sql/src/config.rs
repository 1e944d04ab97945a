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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config, ConfigError> {
        parse(text, &Environment::new(), "sample")
    }

    #[test]
    fn the_sample_is_the_defaults_and_has_every_key() {
        let sample = include_str!("../../../packaging/etc/sql.toml");
        let keys = |line: &str| match line.strip_prefix('#') {
            Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key.to_owned(),
            _ => line.to_owned(),
        };
        let uncommented: Vec<_> = sample.lines().map(keys).collect();
        assert_eq!(parsed(&uncommented.join("\n")).unwrap(), parsed("").unwrap());
        assert_eq!(parsed(sample).unwrap(), parsed("").unwrap());
        let all = parsed("a_key_that_is_far_from_all_others = 1").unwrap_err().to_string();
        for key in all.rsplit_once("there are: ").unwrap().1.split(", ") {
            assert!(sample.contains(&format!("\n#{key} = ")), "{key} is not documented");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let environment = [("TACHO_SQL_ROWS".to_owned(), "5".to_owned())].into_iter().collect();
        let config = parse("rows = 7\ndata_dir = \"/data\"", &environment, "test").unwrap();
        assert_eq!(config.limits.rows, 5);
        assert_eq!(config.limits.spill_directory, PathBuf::from("/data/sql/spill"));
    }

    /// Each wrong file of `fixtures/config` gets all its mistakes in one message. `BLESS=1` rewrites them.
    #[test]
    fn wrong_files_get_all_their_mistakes_in_one_message() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join("../../fixtures/config/sql-everything-wrong.bad.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let error = parse(&text, &Environment::new(), "sql-everything-wrong.bad.toml").unwrap_err();
        let message = format!("{error}\n");
        let expected = path.with_extension("message");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &message).unwrap();
        }
        assert_eq!(message, std::fs::read_to_string(&expected).unwrap_or_default());
    }
}
