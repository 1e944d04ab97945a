//! The command line of `tacho-sql`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tacho_runtime::cli::{Settings, exit_code};
use tacho_runtime::logging;

use crate::app;
use crate::config::{self, Config};

const SETTINGS: Settings<Config> = Settings { default_file: config::DEFAULT_FILE, parse: config::parse };

const EXAMPLES: &str = "\
Examples:
  tacho-sql run                          answer queries for the server on this machine
  tacho-sql check /etc/tacho/sql.toml    say what is wrong with a configuration

Then, with a token of `tacho-server token create api`:
  psql \"host=localhost port=9332 dbname=tacho user=me sslmode=require\"
  curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
       -d '{\"query\":\"SHOW TABLES\"}' http://127.0.0.1:9380/api/v1/sql

Every key of the configuration can be given as an environment variable too: memory is TACHO_SQL_MEMORY.";

#[derive(Debug, Parser)]
#[command(name = "tacho-sql", version, about = "Answers SQL over the history of a fleet", after_help = EXAMPLES)]
struct Cli {
    #[arg(long, global = true, value_name = "FILE", help = format!("Configuration file [default: {}]", config::DEFAULT_FILE))]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer queries until stopped.
    Run,
    /// Check a configuration file; exits with 0 when it is good and 78 when it is not.
    Check {
        /// The file to check.
        file: Option<PathBuf>,
    },
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    exit_code("tacho-sql", run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Check { file } => SETTINGS.check(file.or(cli.config)),
        Command::Run => {
            let config = SETTINGS.load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            tokio::runtime::Runtime::new().context("cannot start")?.block_on(app::run(config))
        }
    }
}
