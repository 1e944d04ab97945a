//! The command line of `tacho-server`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tacho_runtime::cli::{Settings, exit_code};
use tacho_runtime::config::ConfigError;
use tacho_runtime::{logging, memory};

use crate::alerts::commands::{self as alerts, RulesCommand};
use crate::archives::{
    self, ExportArguments, ImportArguments,
    open::{self, OpenArguments},
};
use crate::backup::{self, BackupArguments, RestoreArguments};
use crate::config::{self, Config};
use crate::{app, inventory, rebuild, tokens};

const SETTINGS: Settings<Config> = Settings { default_file: config::DEFAULT_FILE, parse: config::parse };

const EXAMPLES: &str = "\
Examples:
  tacho-server run                               serve agents, API and page
  tacho-server token create join                 print a token that lets a host join within the hour
  tacho-server token create api --role viewer    print a token for a program that reads
  tacho-server token create join --host web-1    print a token with which web-1 joins again, on whatever machine
  tacho-server host rename web-1 shop-1          call a host otherwise
  tacho-server host tag web-1 canary dc=eu       give a host tags, for rules, receivers and the page
  tacho-server agent revoke web-1                refuse the agent of a host from now on
  tacho-server rules list                        print the alert rules that hold
  tacho-server test-rules cases.toml             run scripted cases against the alert rules
  tacho-server notify-test ops                   send a message through the receiver ops
  tacho-server check /etc/tacho/server.toml      say what is wrong with a configuration
  tacho-server export --host web-1 --from 2h web-1.tar   one host's last hours as one file
  tacho-server open web-1.tar                    look at such a file, on whatever machine
  tacho-server import web-1.tar                  take such a file into this history
  tacho-server backup /mnt/backup                copy all that the server keeps, while it runs
  tacho-server rebuild-catalog                   after the catalog was lost: list the history's files anew

Every key of the configuration can be given as an environment variable too: listen is TACHO_SERVER_LISTEN.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  tacho-server export --host web-1 --from 2h web-1.tar
  tacho-server export --host web-1 --from 2026-11-20T03:00:00Z --to 2026-11-20T05:00:00Z incident.tar

Run it as the server's user, who alone may read the history.";

const OPEN_EXAMPLES: &str = "\
Examples:
  tacho-server open incident.tar
  tacho-server open --listen 127.0.0.1:0 incident.tar     on a free port";

const IMPORT_EXAMPLES: &str = "\
Examples:
  tacho-server import incident.tar
  tacho-server import --json incident.tar

Run it as the server's user. Retention holds for what comes in: rows that are older go within minutes.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  tacho-server backup /mnt/backup                to another disk; each further time only what is new
  tacho-server backup --copy /var/backups/tacho  to the same disk, as copies

Run it as the server's user. What is in the directory is as secret as the server: keys are in it. /etc/tacho is not.";

const RESTORE_EXAMPLES: &str = "\
Examples:
  systemctl stop tacho-server && mv /var/lib/tacho-server /var/lib/tacho-server.old
  tacho-server restore /mnt/backup && systemctl start tacho-server

Run it as the server's user. Agents go on by themselves: keys and certificates are those of the backup.";

#[derive(Debug, Parser)]
#[command(name = "tacho-server", version, about = "Keeps the history of a fleet, and shows it", after_help = EXAMPLES)]
struct Cli {
    #[arg(long, global = true, value_name = "FILE", help = format!("Configuration file [default: {}]", config::DEFAULT_FILE))]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve agents, API and page until stopped.
    Run,
    /// Check a configuration file; exits with 0 when it is good and 78 when it is not.
    Check {
        /// The file to check.
        file: Option<PathBuf>,
    },
    /// List and check alert rules.
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Run scripted cases against alert rules; exits with 1 when one fails.
    TestRules {
        /// The file with the cases.
        file: PathBuf,
        /// A file of rules, in place of the rules directory's [default: rules_dir of the settings].
        #[arg(long)]
        rules: Option<PathBuf>,
    },
    /// Send a message through a receiver of alerts; exits with 1 when it is not taken. Works beside a running server.
    NotifyTest {
        /// Name of the receiver; without it all are listed.
        name: Option<String>,
    },
    /// Make the catalog's list of files anew from the files themselves, when the catalog was lost or damaged. The
    /// server must not run. A catalog that cannot be opened is kept beside the new one.
    RebuildCatalog,
    /// Write one host's range of time into one file: all tables, facts, gaps and alerts. Works beside a running server,
    /// and then has what is in its memory too, and without one.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArguments),
    /// Show a file that `export` wrote: serves the page on this machine until Ctrl-C, with a user to sign in. Needs no
    /// settings, changes nothing, and nobody else sees it.
    #[command(after_help = OPEN_EXAMPLES)]
    Open(OpenArguments),
    /// Take a file that `export` wrote into the history; works beside a running server. What is here already stays as it
    /// is, so a file may come twice. A file that is damaged changes nothing.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArguments),
    /// Copy all that the server keeps into a directory, as of one moment: history, catalog, keys. Works beside a running
    /// server. Snapshots of the last minute that are only in its memory are not in it.
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupArguments),
    /// Make the data directory anew from a backup. The server must not run, and the data directory must be empty.
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(RestoreArguments),
    /// Make, list and revoke tokens; works beside a running server.
    Token {
        #[command(subcommand)]
        command: tokens::TokenCommand,
    },
    /// List, rename, tag and remove hosts; works beside a running server.
    Host {
        #[command(subcommand)]
        command: inventory::HostCommand,
    },
    /// List and revoke the identities of agents; works beside a running server.
    Agent {
        #[command(subcommand)]
        command: inventory::AgentCommand,
    },
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    memory::share();
    exit_code("tacho-server", run(Cli::parse()))
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = || tokio::runtime::Runtime::new().context("cannot start");
    match cli.command {
        Command::Check { file } => SETTINGS.check(file.or(cli.config)),
        Command::Run => {
            let config = load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            runtime()?.block_on(app::run(config))
        }
        Command::Rules { command } => alerts::rules(&load(cli.config.as_deref())?, command),
        Command::TestRules { file, rules } => {
            alerts::test_rules(&load(cli.config.as_deref())?, &file, rules.as_deref())
        }
        Command::NotifyTest { name } => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(alerts::notify_test(&config, name.as_deref()))
        }
        Command::RebuildCatalog => {
            let config = load(cli.config.as_deref())?;
            logging::start(&config.log_level, config.log_format);
            runtime()?.block_on(rebuild::run(&config))
        }
        Command::Export(arguments) => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(archives::export(&config, &arguments))
        }
        Command::Open(arguments) => runtime()?.block_on(open::run(&arguments)),
        Command::Import(arguments) => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(archives::import(&config, &arguments))
        }
        Command::Backup(arguments) => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(backup::backup(&config, &arguments))
        }
        Command::Restore(arguments) => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(backup::restore(&config, &arguments))
        }
        Command::Token { command } => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(tokens::run(&config, command))
        }
        Command::Host { command } => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(inventory::run_host(&config, command))
        }
        Command::Agent { command } => {
            let config = load(cli.config.as_deref())?;
            runtime()?.block_on(inventory::run_agent(&config, command))
        }
    }
}

fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
    SETTINGS.load(path)
}
