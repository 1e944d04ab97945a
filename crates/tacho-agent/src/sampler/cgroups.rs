//! Systemd units and containers: what their control groups count, in version 2 and version 1.
//!
//! Which groups there are is looked up once a minute, and within ten seconds after their number changed; one that
//! lives shorter may not be seen, but its processes are. CPU time is read at every snapshot and the rest only of
//! groups that used some, and of each once a minute: what a group without CPU time moved to disk meanwhile counts when
//! it is next read.

mod files;
mod version1;
mod version2;
mod walk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::tables::cgroup;
use tacho_model::{Block, Row};
use tacho_proc::{Buffer, GroupCpu, KeptFile, container_of, group_value, parse_cgroup_count, unit_of};

use super::Tick;
use super::delta::grown;
use super::every::Every;
use super::status::Status;
use files::{Files, Readings};
use walk::Hierarchy;

/// Groups whose files stay open, so that all of them together need about a thousand descriptors.
const KEPT_GROUPS: usize = 64;

/// A change of their number is followed up no sooner than this after the search before: on a host where groups
/// come and go all the time, going through them costs more than reading them.
const SEARCH_PAUSE_US: u64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Cgroups {
    root: PathBuf,
    /// Tells how many groups there are, in version 2 since Linux 4.14.
    stat: KeptFile,
    /// Tells how many there are of version 1.
    counts: KeptFile,
    /// How many there were at the newest search.
    descendants: Option<u64>,
    searched_us: Option<u64>,
    /// There were more groups than are read.
    is_cut: bool,
    /// Most groups that are read.
    limit: usize,
    interval: Duration,
    every: Every,
    groups: Vec<Group>,
    pub(super) status: Status,
}

#[derive(Debug)]
struct Group {
    path: String,
    unit: String,
    container: String,
    files: Files,
    cpu_before: Option<GroupCpu>,
    before: Readings,
    /// When it gets a row even if it did nothing.
    row: Every,
}

impl Cgroups {
    pub(super) fn new(proc_root: &Path, sys_root: &Path, limit: usize, interval: Duration) -> Self {
        Self {
            stat: KeptFile::at(sys_root.join("fs/cgroup/cgroup.stat"), "cgroup.stat").patient(),
            counts: KeptFile::new(proc_root, "cgroups").patient(),
            descendants: None,
            searched_us: None,
            is_cut: false,
            root: sys_root.join("fs/cgroup"),
            limit,
            interval,
            every: Every::new(interval),
            groups: Vec::new(),
            status: Status::new("cgroup"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, block: &mut Block) {
        let descendants = self.read_descendants(buffer);
        let is_due = self.every.due(tick).is_some();
        let rested = |searched_us| tick.now_us.saturating_sub(searched_us) >= SEARCH_PAUSE_US;
        if is_due || (descendants != self.descendants && self.searched_us.is_some_and(rested)) {
            // What a group that is new counts is all its own since the search before.
            let knows_new = self.descendants.is_some() && !self.is_cut;
            self.search(knows_new);
            (self.descendants, self.searched_us) = (descendants, Some(tick.now_us));
        }
        let mut told = Told::default();
        for (position, group) in self.groups.iter_mut().enumerate() {
            if let Some(readings) = group.collect(tick, buffer, block) {
                told.note(&readings);
            }
            if position >= KEPT_GROUPS {
                group.files.close();
            }
        }
        if is_due && !self.groups.is_empty() {
            told.tell(&mut self.status);
        }
    }

    fn read_descendants(&mut self, buffer: &mut Buffer) -> Option<u64> {
        match self.stat.read_numbers(buffer) {
            Ok(text) => group_value(text, b"nr_descendants"),
            Err(_) => parse_cgroup_count(self.counts.read_record(buffer).ok()?),
        }
    }

    /// `knows_new`: a group that is found now was made after the search before.
    fn search(&mut self, knows_new: bool) {
        let Some(hierarchy) = Hierarchy::find(&self.root) else {
            self.status.absent("control groups", "not on this kernel");
            return self.groups.clear();
        };
        let (found, is_cut) = hierarchy.groups(self.limit);
        self.is_cut = is_cut;
        match is_cut {
            true => self.status.absent("control groups beyond the limit", "too many"),
            false => self.status.present("control groups beyond the limit"),
        }
        match found.is_empty() {
            true => self.status.absent("control groups", "no unit and no container here"),
            false => self.status.present("control groups"),
        }
        let mut known = std::mem::take(&mut self.groups);
        for path in found {
            let position = known.iter().position(|group| group.path == path);
            let group = match position {
                Some(position) => known.swap_remove(position),
                None => Group::new(path, &hierarchy, self.interval, knows_new),
            };
            self.groups.push(group);
        }
    }
}

impl Group {
    fn new(path: String, hierarchy: &Hierarchy, interval: Duration, is_new: bool) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let unit = if name.ends_with(".slice") { name } else { unit_of(&path) };
        Self {
            unit: unit.to_owned(),
            container: container_of(&path).to_owned(),
            files: Files::of(hierarchy, &path),
            path,
            cpu_before: is_new.then_some(GroupCpu {
                user_us: Some(0),
                system_us: Some(0),
                throttled_us: Some(0),
            }),
            before: if is_new { Readings::at_creation() } else { Readings::default() },
            row: Every::new(interval),
        }
    }

    /// Writes a row when the group worked or one is due; answers what was read for it.
    fn collect(&mut self, tick: &Tick, buffer: &mut Buffer, block: &mut Block) -> Option<Readings> {
        let cpu = self.files.read_cpu(buffer);
        let before = std::mem::replace(&mut self.cpu_before, cpu);
        let is_due = self.row.due(tick).is_some();
        if !is_due && cpu == before {
            return None;
        }
        let readings = self.files.read_rest(buffer);
        let readings_before = std::mem::replace(&mut self.before, readings);
        if cpu.is_some() || readings.is_any() {
            let mut row = block.push();
            self.write_labels(&mut row);
            write_cpu(&mut row, cpu.unwrap_or_default(), before.unwrap_or_default());
            readings.write(&mut row, &readings_before);
        }
        Some(readings)
    }

    fn write_labels(&self, row: &mut Row<'_>) {
        row.text(cgroup::CGROUP, &self.path);
        for (column, label) in [(cgroup::UNIT, &self.unit), (cgroup::CONTAINER, &self.container)] {
            if !label.is_empty() {
                row.text(column, label);
            }
        }
    }
}

fn write_cpu(row: &mut Row<'_>, now: GroupCpu, before: GroupCpu) {
    row.optional(cgroup::CPU_USER_US, grown(now.user_us, before.user_us))
        .optional(cgroup::CPU_SYSTEM_US, grown(now.system_us, before.system_us))
        .optional(cgroup::CPU_THROTTLED_US, grown(now.throttled_us, before.throttled_us));
}

/// What any group tells; a controller that is not in use tells nothing of any.
#[derive(Debug, Default)]
struct Told {
    memory: bool,
    tasks: bool,
    disk: bool,
    pressure: bool,
}

impl Told {
    fn note(&mut self, readings: &Readings) {
        self.memory |= readings.memory.is_some();
        self.tasks |= readings.tasks.is_some();
        self.disk |= readings.io.is_some();
        self.pressure |= readings.pressures.iter().any(|pressure| pressure.some_us.is_some());
    }

    fn tell(&self, status: &mut Status) {
        for (reading, is_told) in [
            ("memory", self.memory),
            ("tasks", self.tasks),
            ("disk use", self.disk),
            ("pressure", self.pressure),
        ] {
            match is_told {
                true => status.present(reading),
                false => status.absent(reading, "not counted by control groups here"),
            }
        }
    }
}
