//! The command line of `tacho-agent`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tacho_runtime::config::{ConfigError, process_environment, read_file};
use tacho_runtime::logging;

use crate::config::{self, Config};
use crate::show::{self, ShowArguments};
use crate::{app, join};

/// `EX_CONFIG` of sysexits.h: what is wrong is the configuration, so a restart will not help.
const EXIT_CONFIG: u8 = 78;

const EXAMPLES: &str = "\
Examples:
  tacho-agent join tacho.example.com:9300 tacho_join_…   become a member of a server's fleet
  tacho-agent run                                        record this host and send it
  tacho-agent show cpu                                   what this machine is doing now, without a server
  tacho-agent check /etc/tacho/agent.toml                say what is wrong with a configuration

Every key of the configuration can be given as an environment variable too: interval is TACHO_AGENT_INTERVAL.";

#[derive(Debug, Parser)]
#[command(name = "tacho-agent", version, about = "Records this host and every process on it", after_help = EXAMPLES)]
struct Cli {
    /// Configuration file.
    #[arg(long, global = true, value_name = "FILE", help = format!("Configuration file [default: {}]", config::DEFAULT_FILE))]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Record this host and send it to the server it joined, until stopped.
    Run,
    /// Exchange a join token for a certificate of the server's fleet.
    Join {
        /// Where the server listens for agents.
        #[arg(value_name = "SERVER:PORT")]
        server: String,
        /// What `tacho-server token create join` printed last.
        token: String,
    },
    /// Read this machine once and print it; no server is needed.
    Show(ShowArguments),
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
            drop(writeln!(io::stderr(), "tacho-agent: {error:#}"));
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
            app::run(config)
        }
        Command::Show(arguments) => {
            let config = load_for_anybody(cli.config.as_deref())?;
            logging::start("error", config.log_format);
            show::run(&arguments, &config)
        }
        Command::Join { server, token } => {
            let config = load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            let host = join::join_from_command_line(&config, &server, &token)?;
            writeln!(io::stdout(), "joined {server} as {host}; start the agent with: tacho-agent run")
                .context("cannot write to standard output")
        }
    }
}

fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    let (origin, text) = read_file(path, Path::new(config::DEFAULT_FILE))?;
    config::parse(&text, &process_environment(), &origin)
}

/// Anybody may look at the machine, also who may not read the agent's settings; then the defaults hold.
fn load_for_anybody(path: Option<&Path>) -> Result<Config, ConfigError> {
    let denied = |error: std::io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if path.is_none() && std::fs::File::open(config::DEFAULT_FILE).is_err_and(denied) {
        return config::parse("", &process_environment(), "environment");
    }
    load(path)
}
