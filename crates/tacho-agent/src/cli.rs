//! The command line of `tacho-agent`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tacho_runtime::cli::{Settings, exit_code};
use tacho_runtime::config::{ConfigError, process_environment};
use tacho_runtime::logging;

use crate::config::{self, Config};
use crate::show::{self, ShowArguments};
use crate::{app, join};

const SETTINGS: Settings<Config> = Settings { default_file: config::DEFAULT_FILE, parse: config::parse };

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
    exit_code("tacho-agent", run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Check { file } => SETTINGS.check(file.or(cli.config)),
        Command::Run => {
            let config = SETTINGS.load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            app::run(config)
        }
        Command::Show(arguments) => {
            let config = load_for_anybody(cli.config.as_deref())?;
            logging::start("error", config.log_format);
            show::run(&arguments, &config)
        }
        Command::Join { server, token } => {
            let config = SETTINGS.load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            let host = join::join_from_command_line(&config, &server, &token)?;
            writeln!(io::stdout(), "joined {server} as {host}; start the agent with: tacho-agent run")
                .context("cannot write to standard output")
        }
    }
}

/// Anybody may look at the machine, also who may not read the agent's settings; then the defaults hold.
fn load_for_anybody(path: Option<&Path>) -> Result<Config, ConfigError> {
    let denied = |error: std::io::Error| error.kind() == io::ErrorKind::PermissionDenied;
    if path.is_none() && std::fs::File::open(config::DEFAULT_FILE).is_err_and(denied) {
        return config::parse("", &process_environment(), "environment");
    }
    SETTINGS.load(path)
}
