//! Who processes are: names, command lines, users, control groups, and the numbers they go by on the wire.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use tacho_model::{ProcessIdentity, ProcessKey, scrub_command};
use tacho_proc::{container_of, parse_cgroup, split_arguments, unit_of};

use super::super::patience::Patience;
use super::super::users::Users;
use super::super::{SamplerConfig, Tick};
use super::entry::Entry;
use super::exits::End;
use super::source::{ProcessSource, Reading};

/// A new process is looked at again after this, when whoever started it has moved it to its control group and
/// it has given itself its title.
const FIRST_CHECK_US: u64 = 10_000_000;

/// Users and control groups are looked at again after this, then after twice and four times as long: what has stayed
/// where it is for long is hardly ever moved.
const CHECK_US: u64 = 300_000_000;
const LONGEST_CHECK_US: u64 = 4 * CHECK_US;

/// Processes known from the start have their first check spread over [`CHECK_US`].
const CHECK_STEPS: u64 = 60;

/// A process that keeps changing its name gets a new identity so often at once, then only now and then.
const QUICK_CHANGES: u8 = 4;
const SLOW_CHANGE_US: u64 = 600_000_000;

/// Control groups whose paths are remembered by number; when there are more, all are forgotten.
const MAX_CGROUPS: usize = 4096;

/// The number of the root of all control groups. Where the older hierarchies are used, all processes have it.
const ROOT_CGROUP: u64 = 1;

/// The first process, which puts what it starts into control groups.
const INIT: u32 = 1;

/// The longest beginning of its arguments that an end tells.
const END_COMMAND_BYTES: usize = 128;

/// The longest command line that is kept.
const COMMAND_BYTES: usize = 4096;

/// How long a process may keep the agent from reading its command line.
const COMMAND_LIMIT: Duration = Duration::from_millis(20);

/// Makes identities.
#[derive(Debug)]
pub(super) struct Identities {
    users: Users,
    boot_time_ms: i64,
    newest_id: u32,
    /// Paths of control groups by number.
    cgroups: HashMap<u64, String>,
    patience: Patience<File, io::Result<Vec<u8>>>,
}

/// What is told of a process's identity.
#[derive(Debug, Default)]
pub(super) struct Known {
    identity: Option<(u32, Arc<ProcessIdentity>)>,
    /// The process has become something else since.
    is_stale: bool,
    is_checked: bool,
    /// When it is looked at again, after it was last.
    check_us: u64,
    changes: u8,
    changed_us: u64,
}

/// Whether lossy `text` came of `bytes`.
fn is_text(bytes: &[u8], text: &str) -> bool {
    bytes == text.as_bytes() || String::from_utf8_lossy(bytes) == text
}

/// When a process is checked first.
pub(super) fn first_check_us(pid: u32, tick: &Tick) -> u64 {
    let after_us = match tick.interval_us {
        Some(_) => FIRST_CHECK_US,
        None => CHECK_US / CHECK_STEPS * (u64::from(pid) % CHECK_STEPS + 1),
    };
    tick.now_us.saturating_add(after_us)
}

impl Known {
    /// Its number on the wire, if it was told.
    pub(super) fn id(&self) -> Option<u32> {
        self.identity.as_ref().map(|(id, _)| *id)
    }

    /// Notes an exec or a change of name or parent between two readings.
    pub(super) fn compare(&mut self, before: &Reading, now: &Reading) {
        let executed = now.exec_mark != before.exec_mark && now.exec_mark != 0 && before.exec_mark != 0;
        let moved = now.cgroup_id != before.cgroup_id || now.user_id != before.user_id;
        self.is_stale |= executed || moved || now.comm != before.comm || now.parent != before.parent;
    }

    /// For a process that has run for long.
    pub(super) fn settled() -> Self {
        Self { is_checked: true, ..Self::default() }
    }

    /// Its end says another name than `identity`, or other arguments of one that was seen only young. What runs
    /// longer may give itself a title.
    fn became_another(&self, identity: &ProcessIdentity, end: &End) -> bool {
        if end.is_kernel_thread {
            return false;
        }
        if identity.command.is_empty() || !is_text(end.comm.as_bytes(), &identity.name) {
            return true;
        }
        let mut arguments = split_arguments(&end.arguments);
        let is_cut = end.arguments.len() >= END_COMMAND_BYTES;
        if is_cut {
            arguments.pop();
        }
        if self.is_checked || arguments.is_empty() {
            return false;
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let command = scrub_command(&arguments);
        if is_cut { !identity.command.starts_with(&command) } else { identity.command != command }
    }

    fn may_change(&self, now_us: u64) -> bool {
        self.changes < QUICK_CHANGES || now_us.saturating_sub(self.changed_us) >= SLOW_CHANGE_US
    }
}

impl Identities {
    pub(super) fn new(config: &SamplerConfig) -> Self {
        Self {
            users: Users::new(&config.etc_root),
            boot_time_ms: config.boot_time_ms,
            newest_id: config.newest_identity,
            cgroups: HashMap::new(),
            patience: Patience::new("tacho-cmdline", read_command),
        }
    }

    /// The process's number for a row, with a new one when there is none or it has become something else.
    /// A number given up is put with the retired ones.
    pub(super) fn id_of(
        &mut self,
        entry: &mut Entry,
        now_us: u64,
        source: &mut ProcessSource,
        out: &mut super::Output<'_, '_>,
    ) -> u32 {
        if let Some((id, _)) = &entry.known.identity
            && !(entry.known.is_stale && entry.known.may_change(now_us))
        {
            return *id;
        }
        let identity = Arc::new(self.identify(entry, source));
        let id = self.new_id();
        out.retired.extend(entry.known.id());
        out.new_identities.push((id, Arc::clone(&identity)));
        entry.known = Known {
            identity: Some((id, identity)),
            is_stale: false,
            is_checked: entry.known.is_checked,
            check_us: 0,
            changes: entry.known.changes.saturating_add(1),
            changed_us: now_us,
        };
        id
    }

    /// A number for a process that ended before it was told of.
    pub(super) fn id_of_ended(
        &mut self,
        end: &End,
        parent: Option<&Entry>,
        out: &mut super::Output<'_, '_>,
    ) -> u32 {
        // One that is not told is the parent's, but not of those that the first process puts into their own.
        let is_same = |parent: &&Entry| match end.heard {
            Some(_) => parent.pid != INIT,
            None => parent.reading.cgroup_id == end.cgroup_id,
        };
        let parent = parent.filter(is_same);
        let cgroup = match parent.and_then(|parent| parent.known.identity.as_ref()) {
            Some((_, parent)) => parent.cgroup.clone(),
            None => self.cgroups.get(&end.cgroup_id).cloned().unwrap_or_default(),
        };
        let identity = ProcessIdentity {
            key: self.key(end.pid, end.start_us),
            parent_pid: i64::from(end.parent),
            name: String::from_utf8_lossy(end.comm.as_bytes()).into_owned(),
            command: command_of_ended(end),
            user_id: i64::from(end.user_id),
            user: self.users.name(end.user_id),
            unit: unit_of(&cgroup).to_owned(),
            container: container_of(&cgroup).to_owned(),
            cgroup,
        };
        self.tell(identity, out)
    }

    /// The number of a process that ended, for its last row. One that became something else after it was read,
    /// as by an exec, gets a new one.
    pub(super) fn id_at_end(
        &mut self,
        known: &mut Known,
        end: &End,
        parent: Option<&Entry>,
        out: &mut super::Output<'_, '_>,
    ) -> u32 {
        let id = match &known.identity {
            Some((id, identity)) if !known.became_another(identity, end) => return *id,
            Some((_, identity)) => {
                let identity = self.identity_at_end(identity, end);
                self.tell(identity, out)
            }
            None => return self.id_of_ended(end, parent, out),
        };
        out.retired.extend(known.id());
        known.identity = None;
        id
    }

    /// Whatever the end does not tell is as it was.
    fn identity_at_end(&self, before: &ProcessIdentity, end: &End) -> ProcessIdentity {
        ProcessIdentity {
            name: String::from_utf8_lossy(end.comm.as_bytes()).into_owned(),
            command: command_of_ended(end),
            ..before.clone()
        }
    }

    fn tell(&mut self, identity: ProcessIdentity, out: &mut super::Output<'_, '_>) -> u32 {
        let id = self.new_id();
        out.new_identities.push((id, Arc::new(identity)));
        id
    }

    /// Numbers are not used twice within four thousand million processes.
    fn new_id(&mut self) -> u32 {
        self.newest_id = self.newest_id.checked_add(1).unwrap_or(1);
        self.newest_id
    }

    fn key(&self, pid: u32, start_us: u64) -> ProcessKey {
        let start_ms = i64::try_from(start_us / 1000).unwrap_or(i64::MAX);
        ProcessKey { pid: i64::from(pid), start_time_ms: self.boot_time_ms.saturating_add(start_ms) }
    }

    fn remember_cgroup(&mut self, cgroup_id: u64, path: &str) {
        if cgroup_id <= ROOT_CGROUP || self.cgroups.contains_key(&cgroup_id) {
            return;
        }
        if self.cgroups.len() >= MAX_CGROUPS {
            self.cgroups.clear();
        }
        self.cgroups.insert(cgroup_id, path.to_owned());
    }

    /// Looks whether user or control group are still the same; the first time, whether the title is.
    pub(super) fn check(&mut self, entry: &mut Entry, now_us: u64, source: &mut ProcessSource) {
        if entry.reading.is_kernel_thread {
            entry.check_due_us = u64::MAX;
            return;
        }
        entry.known.check_us = (2 * entry.known.check_us).clamp(CHECK_US, LONGEST_CHECK_US);
        entry.check_due_us = now_us.saturating_add(entry.known.check_us);
        // A title is compared once, and only of a process that was seen young.
        let compares_command =
            !std::mem::replace(&mut entry.known.is_checked, true) && entry.reading.is_alive();
        let Some((_, known)) = entry.known.identity.clone() else { return };
        // What comes with every reading is compared there.
        let same_user = entry.reading.user_id.is_some()
            || source.read_user_id(entry.pid).ok().is_none_or(|user_id| i64::from(user_id) == known.user_id);
        let same_cgroup = entry.reading.cgroup_id > ROOT_CGROUP
            || source
                .read_text(entry.pid, "cgroup")
                .ok()
                .is_none_or(|text| is_text(parse_cgroup(text), &known.cgroup));
        let same_command = !compares_command || self.command(entry, source) == known.command;
        entry.known.is_stale |= !(same_user && same_cgroup && same_command);
    }

    fn identify(&mut self, entry: &Entry, source: &mut ProcessSource) -> ProcessIdentity {
        let user_id = entry.reading.user_id.or_else(|| source.read_user_id(entry.pid).ok()).unwrap_or(0);
        let cgroup = cgroup(entry.pid, source).unwrap_or_default();
        if !cgroup.is_empty() {
            self.remember_cgroup(entry.reading.cgroup_id, &cgroup);
        }
        ProcessIdentity {
            key: self.key(entry.pid, entry.reading.start_us),
            parent_pid: i64::from(entry.reading.parent),
            name: String::from_utf8_lossy(entry.reading.comm.as_bytes()).into_owned(),
            command: self.command(entry, source),
            user_id: i64::from(user_id),
            user: self.users.name(user_id),
            unit: unit_of(&cgroup).to_owned(),
            container: container_of(&cgroup).to_owned(),
            cgroup,
        }
    }

    /// The command line without its secrets. Reading it takes the lock of the process's memory map, which a
    /// thread of it may hold while it waits for a dead file server.
    fn command(&mut self, entry: &Entry, source: &mut ProcessSource) -> String {
        if entry.reading.is_kernel_thread {
            return String::new();
        }
        let arguments = self.arguments(entry, source);
        if arguments.is_empty() {
            // If its memory is gone, its end may say what was in it.
            return entry.end.as_deref().map(command_of_ended).unwrap_or_default();
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        scrub_command(&arguments)
    }

    fn arguments(&mut self, entry: &Entry, source: &mut ProcessSource) -> Vec<String> {
        if entry.reading.threads > 1 || entry.reading.state == b'D' {
            let Ok(file) = source.open_text(entry.pid, "cmdline") else { return Vec::new() };
            match self.patience.ask(file, COMMAND_LIMIT) {
                Some(Ok(text)) => split_arguments(&text),
                Some(Err(_)) | None => Vec::new(),
            }
        } else {
            source.read_text(entry.pid, "cmdline").map(split_arguments).unwrap_or_default()
        }
    }
}

/// The kernel's short name stands for arguments that could not be read in time.
fn command_of_ended(end: &End) -> String {
    if end.is_kernel_thread {
        return String::new();
    }
    let mut arguments = split_arguments(&end.arguments);
    if arguments.is_empty() {
        arguments.push(String::from_utf8_lossy(end.comm.as_bytes()).into_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    scrub_command(&arguments)
}

fn cgroup(pid: u32, source: &mut ProcessSource) -> Option<String> {
    let text = source.read_text(pid, "cgroup").ok()?;
    Some(String::from_utf8_lossy(parse_cgroup(text)).into_owned())
}

fn read_command(file: File) -> io::Result<Vec<u8>> {
    let mut text = vec![0; COMMAND_BYTES];
    let length = file.read_at(&mut text, 0)?;
    text.truncate(length);
    Ok(text)
}
