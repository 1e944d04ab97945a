//! Which messages of the kernel tell of trouble, and of what.

use super::printable;
use crate::bytes::number;

/// What kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelEventKind {
    OomKill,
    HungTask,
    Lockup,
    HardwareError,
    IoError,
    FilesystemError,
    Link,
    Segfault,
}

/// A message that tells of trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelEvent {
    pub kind: KernelEventKind,
    /// The process, device or interface that it is about; empty when the message does not say.
    pub subject: String,
    pub pid: Option<u64>,
    pub text: String,
}

impl KernelEventKind {
    /// The kind in the event table.
    pub fn name(self) -> &'static str {
        match self {
            Self::OomKill => "oom_kill",
            Self::HungTask => "hung_task",
            Self::Lockup => "lockup",
            Self::HardwareError => "hardware_error",
            Self::IoError => "io_error",
            Self::FilesystemError => "filesystem_error",
            Self::Link => "link",
            Self::Segfault => "segfault",
        }
    }
}

/// Longest name of a task, interface or device that is believed.
const MAX_SUBJECT_BYTES: usize = 64;

type Found<'t> = (KernelEventKind, &'t str, Option<u64>);

/// What the text of a kernel's message tells, if it is trouble.
pub fn kernel_event(text: &[u8]) -> Option<KernelEvent> {
    let text = printable(text);
    let finders = [oom_kill, hung_task, lockup, hardware_error, filesystem_error, io_error, link, segfault];
    let (kind, subject, pid) = finders.iter().find_map(|find| find(&text))?;
    let subject = subject.trim();
    let subject = if subject.len() <= MAX_SUBJECT_BYTES { subject.to_owned() } else { String::new() };
    Some(KernelEvent { kind, subject, pid, text })
}

/// The text between two marks.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

/// `name:pid` or `name[pid]` taken apart; a name may hold the marks itself.
fn named_task(task: &str, mark: char) -> Option<(&str, u64)> {
    let (name, pid) = task.rsplit_once(mark)?;
    Some((name, number(pid.trim_end_matches(']').as_bytes())?))
}

/// Since 5.0: `Out of memory: Killed process 812 (java) total-vm:8123456kB, anon-rss:…`, in a control group
/// `Memory cgroup out of memory: Killed process …`. Before, two messages; the second is
/// `Killed process 812 (java) total-vm:…`, on some kernels `Killed process 812 (java), UID 27, total-vm:…`.
fn oom_kill(text: &str) -> Option<Found<'_>> {
    let (before, rest) = text.split_once("Killed process ")?;
    if !before.is_empty() && !before.contains("emory") {
        return None;
    }
    let (pid, rest) = rest.split_once(" (")?;
    let (name, _) = rest.split_once("total-vm:").unwrap_or((rest, ""));
    let (name, _) = name.rsplit_once(')')?;
    Some((KernelEventKind::OomKill, name, number(pid.as_bytes())))
}

/// `INFO: task kworker/u8:3:1234 blocked for more than 120 seconds.`
fn hung_task(text: &str) -> Option<Found<'_>> {
    let task = between(text, "INFO: task ", " blocked for more than ")?;
    let (name, pid) = named_task(task, ':')?;
    Some((KernelEventKind::HungTask, name, Some(pid)))
}

/// `watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [name:812]`,
/// `NMI watchdog: Watchdog detected hard LOCKUP on cpu 1`, `rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:`
fn lockup(text: &str) -> Option<Found<'_>> {
    if text.contains("soft lockup - CPU#") {
        let task = text.rsplit_once('[').and_then(|(_, task)| named_task(task, ':'));
        let (name, pid) = task.map_or(("", None), |(name, pid)| (name, Some(pid)));
        return Some((KernelEventKind::Lockup, name, pid));
    }
    let is_stall = ["rcu", "stall", " on CPU"].iter().all(|mark| text.contains(mark));
    (is_stall || text.contains("hard LOCKUP")).then_some((KernelEventKind::Lockup, "", None))
}

/// `mce: [Hardware Error]: …`, `EDAC MC0: 1 CE memory read error on …`, `pcieport 0000:00:1c.0: AER: …`
fn hardware_error(text: &str) -> Option<Found<'_>> {
    let is_error = text.contains("[Hardware Error]")
        || text.contains("Machine check events logged")
        || (text.starts_with("EDAC ") && text.contains("error"))
        || (text.contains(": AER: ") && text.contains("error"));
    let source = text.split([':', ' ']).next().unwrap_or_default();
    let source = if matches!(source, "" | "[Hardware" | "{1}[Hardware") { "" } else { source };
    is_error.then_some((KernelEventKind::HardwareError, source, None))
}

/// `EXT4-fs error (device sda1): …`, `EXT4-fs (sda1): Remounting filesystem read-only`,
/// `XFS (dm-0): Filesystem has been shut down due to log error`, `BTRFS error (device sdb state EA): …`
fn filesystem_error(text: &str) -> Option<Found<'_>> {
    const XFS: [&str; 5] = ["orruption", "shut down", "hutting down", "metadata I/O error", "Please umount"];
    let is_error = match text {
        _ if text.starts_with("EXT") => text.contains("-fs error") || text.contains("read-only"),
        _ if text.starts_with("XFS") => XFS.iter().any(|mark| text.contains(mark)),
        _ if text.starts_with("BTRFS") => {
            ["BTRFS error", "BTRFS critical", "BTRFS: error", "forced readonly"]
                .iter()
                .any(|mark| text.contains(mark))
        }
        _ => text.contains("emounting filesystem read-only"),
    };
    let device = between(text, "(device ", ")").or_else(|| between(text, "(", ")"));
    let device = device.and_then(|device| device.split(' ').next()).unwrap_or("");
    is_error.then_some((KernelEventKind::FilesystemError, device.trim_end_matches(':'), None))
}

/// `I/O error, dev sda, sector 2048 op 0x0:(READ) …`, before 5.17 with `blk_update_request: ` or
/// `end_request: ` in front; `Buffer I/O error on dev sda1, …`, on 3.x `on device sda1, …`;
/// `nvme nvme0: I/O 12 QID 3 timeout, aborting`
fn io_error(text: &str) -> Option<Found<'_>> {
    let device = between(text, " error, dev ", ",")
        .or_else(|| between(text, "I/O error on dev ", ","))
        .or_else(|| between(text, "I/O error on device ", ","))
        .or_else(|| {
            let is_timeout = text.starts_with("nvme ") && text.contains(" timeout, ");
            is_timeout.then(|| between(text, "nvme ", ":"))?
        })?;
    Some((KernelEventKind::IoError, device, None))
}

/// `e1000e: eth0 NIC Link is Down`, `r8169 0000:02:00.0 eth0: Link is Up - 1Gbps/Full`, `mlx5_core 0000:05:00.0
/// eth2: Link down`
fn link(text: &str) -> Option<Found<'_>> {
    const MARKS: [&str; 6] =
        ["Link is Down", "Link is Up", "Link is down", "Link is up", "Link down", "Link up"];
    let at = MARKS.iter().find_map(|mark| text.find(mark))?;
    let before = text.get(..at)?.trim_end().trim_end_matches("NIC").trim_end();
    let interface = before.trim_end_matches(':').rsplit(' ').next().unwrap_or("");
    // PHYs and SATA ports have links too; only what could be an interface's name counts.
    let is_name = !interface.is_empty()
        && interface.len() <= 15
        && interface.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_name.then_some((KernelEventKind::Link, interface, None))
}

/// `nginx[812]: segfault at 0 ip 00005581… sp 00007ffc… error 4 in nginx[5581…+a000]`
fn segfault(text: &str) -> Option<Found<'_>> {
    let (task, _) = text.split_once(": segfault at ")?;
    let (name, pid) = named_task(task, '[')?;
    Some((KernelEventKind::Segfault, name, Some(pid)))
}
