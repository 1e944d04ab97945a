//! One process that ends with its value.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

use super::client::wait_until;

/// A running process; dropping it is SIGKILL.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// Where the log of this process begins in its file.
    log_begin: usize,
}

impl Daemon {
    /// Starts `binary`; `settings` go into its environment, both of its outputs to the end of `log`.
    pub fn start(
        binary: &Path,
        arguments: &[&str],
        prefix: &str,
        settings: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        Self::start_command(Command::new(binary), arguments, prefix, settings, log)
    }

    /// The same as another user.
    pub fn start_as(
        binary: &Path,
        user: u32,
        arguments: &[&str],
        prefix: &str,
        settings: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.uid(user).gid(user);
        Self::start_command(command, arguments, prefix, settings, log)
    }

    /// The same of a command that was prepared.
    pub fn start_command(
        mut command: Command,
        arguments: &[&str],
        prefix: &str,
        settings: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log_begin = std::fs::metadata(log).map_or(0, |metadata| metadata.len() as usize);
        let output: File =
            OpenOptions::new().create(true).append(true).open(log).context("cannot open a log")?;
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        for (name, _) in std::env::vars_os() {
            // Settings of whoever runs the tests are not ours.
            if name.to_str().is_some_and(|name| name.starts_with("TACHO_")) {
                command.env_remove(name);
            }
        }
        for (key, value) in settings {
            command.env(format!("{prefix}_{}", key.to_ascii_uppercase()), value);
        }
        let child =
            command.spawn().with_context(|| format!("{} does not start", command.get_program().display()))?;
        Ok(Self { child, log: log.to_owned(), log_begin })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written.
    pub fn log(&self) -> String {
        let all = std::fs::read_to_string(&self.log).unwrap_or_default();
        all.get(self.log_begin..).unwrap_or_default().to_owned()
    }

    /// Waits for its end; its exit code, −1 when a signal ended it.
    pub fn wait(&mut self) -> anyhow::Result<i32> {
        wait_until("the process ends", || Ok(self.child.try_wait()?))
            .map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for its end, which has to be a good one; what it wrote.
    pub fn finish(mut self) -> anyhow::Result<String> {
        let code = self.wait()?;
        if code != 0 {
            bail!("exit code {code}:\n{}", self.log());
        }
        Ok(self.log())
    }

    /// SIGTERM, and its exit code.
    pub fn stop(mut self) -> anyhow::Result<i32> {
        self.signal("TERM")?;
        self.wait()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status()?;
        anyhow::ensure!(sent.success(), "the process is gone already:\n{}", self.log());
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail when it has ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
