//! Which files a process holds open, for the server and for `tacho-agent show files`.

use std::path::Path;

use tacho_proc::{
    Descriptor, DescriptorKind, DescriptorLimits, FileAccess, ProcError, SocketEnds, clock_ticks_per_second,
    parse_process_stat, read_descriptors, tcp_state_name,
};

use super::text::shown;

/// Those with the lowest numbers. Names have room for paths of 256 bytes each; the message stays below 1.5 MiB with
/// every byte of them escaped.
const LIMITS: DescriptorLimits = DescriptorLimits { descriptors: 1000, name_bytes: 256 << 10 };

/// The process that is meant.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub pid: i64,
    /// Milliseconds since the epoch, as snapshots tell it.
    pub start_time_ms: i64,
}

#[derive(Debug)]
pub struct OpenFiles {
    /// By number.
    pub files: Vec<OpenFile>,
    /// How many there are; absent: they were not counted to the end.
    pub total: Option<u64>,
}

/// As the kernel tells it, with names as text.
#[derive(Debug)]
pub struct OpenFile {
    pub number: u32,
    pub kind: DescriptorKind,
    pub name: String,
    pub is_deleted: bool,
    pub access: Option<FileAccess>,
    pub position: Option<u64>,
    pub size_bytes: Option<u64>,
    pub inode: Option<u64>,
    pub socket: Option<Ends>,
}

/// Both ends of a socket.
#[derive(Debug)]
pub struct Ends {
    /// `tcp`, `udp` or `unix`.
    pub protocol: &'static str,
    /// Address, or path of a Unix socket.
    pub local_address: String,
    /// 0: none.
    pub local_port: u16,
    /// Empty: not connected.
    pub remote_address: String,
    pub remote_port: u16,
    /// Of TCP; else empty.
    pub state: &'static str,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there is no such process any more")]
    Gone,
    #[error("open files of that process are not shown to this user; ask as root")]
    Denied,
    #[error("the open files cannot be read")]
    Failed(#[source] ProcError),
}

impl From<ProcError> for Refused {
    fn from(error: ProcError) -> Self {
        match error {
            ProcError::Denied { .. } => Self::Denied,
            error if error.is_gone() => Self::Gone,
            error => Self::Failed(error),
        }
    }
}

/// Open files of one process and of no other that has its pid. Once `is_over`, what was found so far is the answer.
pub fn read_of(
    root: &Path,
    key: Key,
    boot_time_ms: i64,
    is_over: &dyn Fn() -> bool,
) -> Result<OpenFiles, Refused> {
    let pid = u32::try_from(key.pid).map_err(|_| Refused::Gone)?;
    let ticks = start_ticks(root, pid)?;
    let start_us = u128::from(ticks) * 1_000_000 / u128::from(clock_ticks_per_second().max(1));
    let start_ms = i64::try_from(start_us / 1000).unwrap_or(i64::MAX);
    if boot_time_ms.saturating_add(start_ms) != key.start_time_ms {
        return Err(Refused::Gone);
    }
    read(root, pid, ticks, is_over)
}

/// Open files of the process that has this pid now.
pub fn read_now(root: &Path, pid: u32, is_over: &dyn Fn() -> bool) -> Result<OpenFiles, Refused> {
    let ticks = start_ticks(root, pid)?;
    read(root, pid, ticks, is_over)
}

fn read(root: &Path, pid: u32, ticks: u64, is_over: &dyn Fn() -> bool) -> Result<OpenFiles, Refused> {
    let found = read_descriptors(root, pid, LIMITS, is_over)?;
    // Whatever was read by a path with this pid in it was of the process that had it before and after.
    if start_ticks(root, pid)? != ticks {
        return Err(Refused::Gone);
    }
    Ok(OpenFiles { files: found.told.into_iter().map(OpenFile::from).collect(), total: found.total })
}

/// When the process started, in ticks since the boot.
fn start_ticks(root: &Path, pid: u32) -> Result<u64, ProcError> {
    const NAME: &str = "stat";
    let text = std::fs::read(root.join(format!("{pid}/{NAME}")));
    let text = text.map_err(|error| ProcError::from_io(NAME, &error))?;
    Ok(parse_process_stat(&text).ok_or(ProcError::Malformed { file: NAME })?.start)
}

impl From<Descriptor> for OpenFile {
    fn from(one: Descriptor) -> Self {
        Self {
            number: one.number,
            kind: one.kind,
            name: shown(&one.name),
            is_deleted: one.is_deleted,
            access: one.access,
            position: one.position,
            size_bytes: one.size_bytes,
            inode: one.inode,
            socket: one.socket.map(Ends::from),
        }
    }
}

impl From<SocketEnds> for Ends {
    fn from(ends: SocketEnds) -> Self {
        match ends {
            SocketEnds::Ip { protocol, local, remote, state } => Self {
                protocol,
                local_address: local.ip().to_string(),
                local_port: local.port(),
                remote_address: if remote.port() == 0 { String::new() } else { remote.ip().to_string() },
                remote_port: remote.port(),
                state: Some(protocol)
                    .filter(|name| *name == "tcp")
                    .and(tcp_state_name(state))
                    .unwrap_or_default(),
            },
            SocketEnds::Unix { path } => Self {
                protocol: "unix",
                local_address: shown(&path),
                local_port: 0,
                remote_address: String::new(),
                remote_port: 0,
                state: "",
            },
        }
    }
}

/// What a kind of file is called.
pub fn kind_name(kind: DescriptorKind) -> &'static str {
    match kind {
        DescriptorKind::File => "file",
        DescriptorKind::Directory => "directory",
        DescriptorKind::Socket => "socket",
        DescriptorKind::Pipe => "pipe",
        DescriptorKind::Device => "device",
        DescriptorKind::Anonymous => "anonymous",
    }
}

/// What a way to open a file is called.
pub fn access_name(access: FileAccess) -> &'static str {
    match access {
        FileAccess::Read => "read",
        FileAccess::Write => "write",
        FileAccess::ReadWrite => "read-write",
        FileAccess::Path => "path",
    }
}
