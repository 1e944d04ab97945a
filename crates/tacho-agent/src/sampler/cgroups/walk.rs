//! Which control groups there are.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use tacho_proc::container_of;

/// Deeper groups are not looked for.
const MAX_DEPTH: usize = 8;

/// Directories looked into at most.
const MAX_DIRECTORIES: usize = 5000;

/// Where control groups are.
#[derive(Debug, Clone)]
pub(super) enum Hierarchy {
    /// Version 2: one tree.
    Unified(PathBuf),
    /// Version 1: one tree for each controller.
    Controllers(Controllers),
}

/// Trees of version 1; one that is not there is a path that leads nowhere.
#[derive(Debug, Clone)]
pub(super) struct Controllers {
    pub(super) cpu: PathBuf,
    pub(super) cpuacct: PathBuf,
    pub(super) memory: PathBuf,
    pub(super) pids: PathBuf,
    pub(super) blkio: PathBuf,
    /// No controller; systemd's own.
    systemd: PathBuf,
}

impl Hierarchy {
    /// What is mounted at `root`, if anything is. Where both versions are, controllers are with version 1.
    pub(super) fn find(root: &Path) -> Option<Self> {
        if root.join("cgroup.controllers").exists() {
            return Some(Self::Unified(root.to_owned()));
        }
        // Controllers may be mounted together; then the single names are links, or not there.
        let tree = |names: [&str; 2]| {
            let found = names.iter().map(|name| root.join(name)).find(|path| path.is_dir());
            found.unwrap_or_else(|| root.join(names[0]))
        };
        let controllers = Controllers {
            cpu: tree(["cpu", "cpu,cpuacct"]),
            cpuacct: tree(["cpuacct", "cpu,cpuacct"]),
            memory: root.join("memory"),
            pids: root.join("pids"),
            blkio: root.join("blkio"),
            systemd: root.join("systemd"),
        };
        let is_there = [&controllers.cpuacct, &controllers.memory].iter().any(|path| path.is_dir());
        is_there.then_some(Self::Controllers(controllers))
    }

    /// Paths of units and containers, the shallow ones first, at most `limit`; `true` when there are more.
    pub(super) fn groups(&self, limit: usize) -> (Vec<String>, bool) {
        let trees: Vec<&Path> = match self {
            Self::Unified(root) => vec![root],
            Self::Controllers(trees) => vec![&trees.systemd, &trees.cpuacct, &trees.memory],
        };
        let mut budget = MAX_DIRECTORIES;
        let mut found = BTreeSet::new();
        for tree in trees {
            walk(tree, &mut budget, &mut found);
        }
        let is_cut = found.len() > limit || budget == 0;
        (found.into_iter().take(limit).map(|(_, path)| path).collect(), is_cut)
    }
}

/// Adds depth and path of each unit and container, breadth first.
fn walk(root: &Path, budget: &mut usize, found: &mut BTreeSet<(usize, String)>) {
    let mut waiting = VecDeque::from([(0, String::new())]);
    while let Some((depth, path)) = waiting.pop_front() {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        let Ok(entries) = std::fs::read_dir(root.join(path.trim_start_matches('/'))) else { continue };
        for entry in entries.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            let below = format!("{path}/{name}");
            if is_wanted(&name, depth) {
                found.insert((depth, below.clone()));
            }
            if depth + 1 < MAX_DEPTH {
                waiting.push_back((depth + 1, below));
            }
        }
    }
}

/// Units that run processes, containers, and the slices at the top, which sum up what is in them.
fn is_wanted(name: &str, depth: usize) -> bool {
    let is_unit =
        [".service", ".scope"].iter().any(|suffix| name.len() > suffix.len() && name.ends_with(suffix));
    is_unit || (depth == 0 && name.ends_with(".slice")) || !container_of(name).is_empty()
}
