//! Script collectors: programs of the administrator, run on an interval, whose output becomes readings.
//!
//! A script can hang, print without end, leave children behind or vanish: it costs at most its own readings.
//! No shell is between, nothing comes from the server, one script never runs twice at once, and few run at the
//! same time.

mod account;
mod child;
mod descendants;
mod keyvalue;
mod mailbox;
mod nagios;
mod outcome;
mod prometheus;
mod reading;
mod settings;
mod textfiles;
mod trust;

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tacho_proc::effective_user_id;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use keyvalue::parse_keyvalue;
pub use mailbox::Mailbox;
pub use nagios::parse_nagios;
pub use outcome::{Outcome, State};
pub use prometheus::parse_prometheus;
pub use reading::{Parsed, Reading};
pub use settings::{Format, Pattern, ScriptConfig, read_scripts, read_textfile_dir};
pub use textfiles::Textfiles;

/// Readings taken from one run or one text file.
const MAX_READINGS: usize = 1000;
/// Scripts that run at the same time; the others wait for their turn.
const MAX_RUNNING: usize = 8;

/// Runs all scripts until told to stop.
#[derive(Debug)]
pub struct Scripts {
    pub scripts: Vec<ScriptConfig>,
    pub mailbox: Arc<Mailbox>,
    /// `/etc`, or a tree like it: the accounts that scripts run as.
    pub etc_root: PathBuf,
}

/// One script and its schedule.
struct Runner {
    config: ScriptConfig,
    mailbox: Arc<Mailbox>,
    etc_root: PathBuf,
    turns: Arc<Semaphore>,
    before: State,
    /// The run before was late, which has been logged.
    late: bool,
}

impl Scripts {
    pub async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let turns = Arc::new(Semaphore::new(MAX_RUNNING));
        let mut runners = JoinSet::new();
        for config in self.scripts {
            let runner = Runner {
                config,
                mailbox: Arc::clone(&self.mailbox),
                etc_root: self.etc_root.clone(),
                turns: Arc::clone(&turns),
                before: State::Ok,
                late: false,
            };
            runners.spawn(runner.run(stop.clone()));
        }
        stop.cancelled().await;
        while runners.join_next().await.is_some() {}
        Ok(())
    }
}

/// Runs a script once, as the schedule does; `None` when `stop` ended it.
pub async fn run_once(config: &ScriptConfig, etc_root: &Path, stop: &CancellationToken) -> Option<Outcome> {
    let not_started = |reason: &str| Some(Outcome::not_started(&config.name, reason));
    let account = match prepare(config, etc_root) {
        Ok(account) => account,
        Err(reason) => return not_started(&reason),
    };
    let launch =
        child::Launch { command: &config.command, timeout: config.timeout, account, nice: config.nice };
    match child::run(&launch, stop).await {
        Ok(run) => outcome::judge(config, &run),
        Err(error) => not_started(&explain(config, &error)),
    }
}

/// Whom to run as, once it is clear that it may be run. `None` is the agent's own account.
fn prepare(config: &ScriptConfig, etc_root: &Path) -> Result<Option<account::Account>, String> {
    let own = effective_user_id();
    let account = config.user.as_deref().map(|name| account::account(etc_root, name)).transpose()?;
    let other = account.filter(|account| account.user_id != own);
    if let (Some(_), Some(name)) = (&other, &config.user)
        && !may_become_others()
    {
        return Err(format!(
            "to run a script as another user ({name}) takes root, or CAP_SETUID and CAP_SETGID; the agent has neither"
        ));
    }
    let mut trusted = vec![own];
    trusted.extend(other.as_ref().map(|account| account.user_id));
    let program = config.command.first().map(Path::new).ok_or("there is no command")?;
    trust::check_program(program, &trusted)?;
    Ok(other)
}

/// Root, and whoever has the capabilities to set users and groups.
fn may_become_others() -> bool {
    const SET_GROUP_AND_USER: u64 = 1 << 6 | 1 << 7;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|effective| effective & SET_GROUP_AND_USER == SET_GROUP_AND_USER)
}

fn explain(config: &ScriptConfig, error: &std::io::Error) -> String {
    let program = config.command.first().map_or("", String::as_str);
    let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
    let hint = match (denied, config.nice) {
        (false, _) | (_, 0) => "",
        (true, ..0) => "; a nice below 0 is for root",
        (true, _) => "; the service may be forbidden to change nice",
    };
    format!("{program} can not be started: {error}{hint}")
}

impl Runner {
    /// On a grid of its interval from its start. What is missed, because it waited for its turn or the machine
    /// stood still, is left out and counted.
    async fn run(mut self, stop: CancellationToken) {
        let mut due = Instant::now();
        while let Some(outcome) = self.next(due, &stop).await {
            self.note_change(&outcome);
            self.mailbox.put_outcome(outcome);
            let missed = missed_runs(due.elapsed(), self.config.interval);
            due += self.config.interval.saturating_mul(missed + 1);
            self.tell_missed(missed);
        }
    }

    /// The outcome of the run that is due at `due`; `None` when told to stop.
    async fn next(&self, due: Instant, stop: &CancellationToken) -> Option<Outcome> {
        let turn = async {
            tokio::time::sleep_until(due).await;
            self.turns.acquire().await
        };
        let _turn = tokio::select! {
            turn = turn => turn.ok()?,
            () = stop.cancelled() => return None,
        };
        run_once(&self.config, &self.etc_root, stop).await
    }

    /// Logs what changed, not every run.
    fn note_change(&mut self, outcome: &Outcome) {
        let (script, state, text) = (&outcome.script, outcome.state.name(), &outcome.text);
        if std::mem::replace(&mut self.before, outcome.state) == outcome.state {
            return tracing::debug!(script, state, text, "ran");
        }
        match outcome.state {
            State::Ok => tracing::info!(script, text, "a script is ok again"),
            _ => tracing::warn!(script, state, text, "a script is not ok"),
        }
    }

    /// Each miss is a reading; the first of several in a row is logged too.
    fn tell_missed(&mut self, missed: u32) {
        let was_late = std::mem::replace(&mut self.late, missed > 0);
        if missed == 0 {
            return;
        }
        let script = &self.config.name;
        if !was_late {
            tracing::warn!(
                script,
                missed,
                "runs of a script were left out: it, or those before it, took too long"
            );
        }
        let reading = Reading {
            name: "script_missed_runs".to_owned(),
            labels: reading::label("script", script),
            value: missed.into(),
            unit: String::new(),
        };
        self.mailbox.put_readings(script, vec![reading]);
    }
}

/// How many whole intervals beyond the first have passed since a run was due.
fn missed_runs(elapsed: std::time::Duration, interval: std::time::Duration) -> u32 {
    let intervals = elapsed.as_nanos() / interval.as_nanos().max(1);
    u32::try_from(intervals).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests;
