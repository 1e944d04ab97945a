//! A program that an alert rule looks for: what is wrong with a host at a moment that is known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// The rule's name.
pub const RULE: &str = "mark";
const PROGRAM: &str = "/bin/sleep";
/// Longer than any run.
const SECONDS: &str = "1000000";

/// A program under a name of its own, and the rule about it.
#[derive(Debug)]
pub struct Mark {
    program: PathBuf,
    pub rules_dir: PathBuf,
}

/// It runs; ends with its value.
#[derive(Debug)]
pub struct Running(Child);

impl Mark {
    /// Makes both below `root`. The name has this process's number, because agents of other runs see all processes
    /// of the machine.
    pub fn new(root: &Path) -> anyhow::Result<Self> {
        let name = format!("mark-{}", std::process::id());
        let rules_dir = root.join("rules.d");
        fs::create_dir_all(&rules_dir)?;
        let rule = format!(
            "[[rule]]\nname = \"{RULE}\"\nwhen = {{ kind = \"process_watch\", name = \"{name}\", max = 0 }}\n\
             text = \"{{{{process.name}}}} runs\"\n"
        );
        fs::write(rules_dir.join("mark.toml"), rule)?;
        let program = root.join(name);
        fs::copy(PROGRAM, &program).with_context(|| format!("cannot copy {PROGRAM}"))?;
        Ok(Self { program, rules_dir })
    }

    /// Starts it.
    pub fn start(&self) -> anyhow::Result<Running> {
        let child = Command::new(&self.program).arg(SECONDS).stdin(Stdio::null()).spawn();
        Ok(Running(child.with_context(|| format!("{} does not start", self.program.display()))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended by itself, which is as good.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
