//! The command line of `tacho-sql`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tacho_runtime::config::{ConfigError, process_environment, read_file};
use tacho_runtime::logging;

use crate::app;
use crate::config::{self, Config};

/// `EX_CONFIG` of sysexits.h: what is wrong is the configuration, so a restart will not help.
const EXIT_CONFIG: u8 = 78;

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
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is::<ConfigError>() { EXIT_CONFIG } else { 1 };
            // Nothing is left to do when standard error is closed.
            drop(writeln!(io::stderr(), "tacho-sql: {error:#}"));
            ExitCode::from(code)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Check { file } => {
            let path = file.or(cli.config);
            load(path.as_deref())?;
            let shown = path.unwrap_or_else(|| config::DEFAULT_FILE.into());
            writeln!(io::stdout(), "{}: good", shown.display()).context("cannot write to standard output")
        }
        Command::Run => {
            let config = load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            tokio::runtime::Runtime::new().context("cannot start")?.block_on(app::run(config))
        }
    }
}

fn load(path: Option<&Path>) -> anyhow::Result<Config> {
    let (origin, text) = read_file(path, Path::new(config::DEFAULT_FILE))?;
    Ok(config::parse(&text, &process_environment(), &origin)?)
}
