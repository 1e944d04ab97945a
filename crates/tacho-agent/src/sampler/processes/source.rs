//! Where readings of processes come from.

mod bpf;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tacho_proc::{
    Buffer, Comm, PidDirectory, ProcError, ProcessFiles, ProcessIo, RunMark, clock_ticks_per_second,
    is_procfs, page_size, parse_process_io, parse_process_stat, parse_run_mark, parse_statm_resident,
    parse_swap,
};

use super::super::SamplerConfig;
use super::super::traffic::Traffic;
use super::super::ways::{ExitsChoice, SamplerChoice, Ways};
use super::exits::News;
use bpf::BpfSource;

/// Pids listed at most: the most that the kernel can be set to hold.
const MAX_PIDS: usize = 1 << 22;

/// Files of processes that are kept open at most. Each costs the kernel four kilobytes.
const MAX_KEPT: u64 = 4096;

/// Descriptors left for the rest of the agent.
const RESERVED_DESCRIPTORS: u64 = 256;

/// What is known of a process at one instant. Counters are since its start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    pub(super) comm: Comm,
    pub(super) state: u8,
    pub(super) parent: u32,
    pub(super) is_kernel_thread: bool,
    /// Its end has begun, and may have been told.
    pub(super) is_exiting: bool,
    pub(super) user_us: u64,
    pub(super) system_us: u64,
    pub(super) children_user_us: u64,
    pub(super) children_system_us: u64,
    pub(super) major_faults: u64,
    pub(super) threads: u64,
    /// Since boot.
    pub(super) start_us: u64,
    pub(super) rss_bytes: u64,
    /// Another number after another exec; 0 where it may not be seen.
    pub(super) exec_mark: u64,
    /// Effective user, where it comes with the rest.
    pub(super) user_id: Option<u32>,
    /// Number of its control group, where it comes with the rest; the root's is 1.
    pub(super) cgroup_id: u64,
    /// Since the sampler's start.
    pub(super) network: Option<Traffic>,
    /// Disk use is of its own threads only; goes back when it starts anew.
    pub(super) disk_mark: Option<u64>,
}

/// Files of one process that are kept open.
#[derive(Debug, Default)]
pub(super) struct KeptFiles {
    stat: Option<File>,
    io: Option<File>,
    schedstat: Option<File>,
}

/// The sampler behind the collector. A source that gets all processes in one pass (the BPF task iterator)
/// makes that pass in `list` and hands out its records in `read`; what it does not know it asks of `/proc`.
#[derive(Debug)]
pub(super) enum ProcessSource {
    Proc(Box<ProcSource>),
    Bpf(Box<BpfSource>),
}

/// Reads `/proc`.
#[derive(Debug)]
pub(super) struct ProcSource {
    directory: PidDirectory,
    files: ProcessFiles,
    buffer: Buffer,
    tick_us: u64,
    page_bytes: u64,
    /// Files kept, and how many may be.
    kept: u64,
    kept_limit: u64,
    tells_open_files: bool,
    /// The kernel tells of a thread whether it has run.
    tells_runs: bool,
    root: PathBuf,
    /// Name of the network namespace; a tree that is not this machine's has none.
    network: Option<PathBuf>,
}

fn network_of(process: &Path) -> Option<PathBuf> {
    std::fs::read_link(process.join("ns/net")).ok()
}

impl ProcessSource {
    /// Tries what there is, best first. `open_files` is how many files the agent may have open.
    pub(super) fn open(config: &SamplerConfig, open_files: u64) -> io::Result<(Self, Ways)> {
        let proc = Box::new(ProcSource::open(&config.proc_root, open_files)?);
        // The kernel knows nothing of another tree.
        if config.sampler == SamplerChoice::Proc || config.proc_root != Path::new("/proc") {
            return Ok((Self::Proc(proc), Ways::default()));
        }
        match bpf::load(&proc, config.network) {
            Ok(bpf) => {
                let wants_exits = matches!(config.exits, ExitsChoice::Auto | ExitsChoice::Bpf);
                let bpf = if wants_exits { bpf } else { bpf.without_exits() };
                let source = BpfSource::new(bpf, proc);
                let ways = source.ways();
                Ok((Self::Bpf(Box::new(source)), ways))
            }
            Err(refusal) => {
                tracing::info!(%refusal, "processes are read from /proc, not by BPF");
                Ok((Self::Proc(proc), Ways { refusals: vec![format!("BPF: {refusal}")], ..Ways::default() }))
            }
        }
    }

    fn proc(&mut self) -> &mut ProcSource {
        match self {
            Self::Proc(source) => source,
            Self::Bpf(source) => &mut source.proc,
        }
    }

    /// Every process is read in every snapshot, at no cost of its own.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Bpf(_))
    }

    /// Ends of processes are told one by one.
    pub(super) fn tells_exits(&self) -> bool {
        match self {
            Self::Proc(_) => false,
            Self::Bpf(source) => source.tells_exits(),
        }
    }

    /// Adds what was told of ends since the last call, and answers how many were lost since the start.
    pub(super) fn drain_exits(&mut self, news: &mut Vec<News>) -> u64 {
        match self {
            Self::Proc(_) => 0,
            Self::Bpf(source) => source.drain_exits(news),
        }
    }

    /// What tells who holds sockets, where there is more than `/proc`.
    pub(super) fn take_holders(&mut self) -> Option<tacho_bpf::Holders> {
        match self {
            Self::Proc(_) => None,
            Self::Bpf(source) => source.take_holders(),
        }
    }

    /// Processes that are in the list without being told of where everybody else is.
    pub(super) fn hidden(&self) -> &[u32] {
        match self {
            Self::Proc(_) => &[],
            Self::Bpf(source) => source.hidden(),
        }
    }

    /// Puts the pids of all processes in place of what `pids` held, ascending.
    pub(super) fn list(&mut self, pids: &mut Vec<u32>) -> Result<(), ProcError> {
        match self {
            Self::Proc(source) => source.directory.list(MAX_PIDS, pids),
            Self::Bpf(source) => source.list(pids),
        }
    }

    pub(super) fn read(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<Reading, ProcError> {
        match self {
            Self::Proc(source) => source.read(pid, kept),
            Self::Bpf(source) => source.read(pid, kept),
        }
    }

    /// Has the next list tell of a process in full that may else be told to rest.
    pub(super) fn ask(&mut self, pid: u32) {
        match self {
            Self::Proc(_) => {}
            Self::Bpf(source) => source.ask(pid),
        }
    }

    /// The process is known not to have run since it was read last, before anything of it is read.
    pub(super) fn rests(&mut self, pid: u32) -> bool {
        match self {
            Self::Proc(_) => false,
            Self::Bpf(source) => source.rests(pid),
        }
    }

    /// How much the first thread of a process has run, where knowing that saves reading the process.
    pub(super) fn run_mark(&mut self, pid: u32, kept: &mut KeptFiles) -> Option<RunMark> {
        match self {
            Self::Proc(source) => source.run_mark(pid, kept),
            Self::Bpf(_) => None,
        }
    }

    pub(super) fn read_io(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<ProcessIo, ProcError> {
        match self {
            Self::Proc(source) => source.read_io(pid, kept),
            Self::Bpf(source) => source.read_io(pid, kept),
        }
    }

    /// Resident memory, exactly.
    pub(super) fn read_rss(&mut self, pid: u32) -> Result<u64, ProcError> {
        let source = self.proc();
        let pages = parse_statm_resident(source.files.read_record(pid, "statm", &mut source.buffer)?);
        Ok(pages.ok_or(ProcError::Malformed { file: "statm" })?.saturating_mul(source.page_bytes))
    }

    /// Memory swapped out; none for a process without memory of its own.
    pub(super) fn read_swap(&mut self, pid: u32) -> Result<u64, ProcError> {
        let source = self.proc();
        Ok(parse_swap(source.files.read_record(pid, "status", &mut source.buffer)?).unwrap_or(0))
    }

    /// A record that is read seldom: `cmdline` or `cgroup`.
    pub(super) fn read_text(&mut self, pid: u32, name: &'static str) -> Result<&[u8], ProcError> {
        let source = self.proc();
        source.files.read_record(pid, name, &mut source.buffer)
    }

    pub(super) fn open_text(&mut self, pid: u32, name: &'static str) -> Result<File, ProcError> {
        self.proc().files.open(pid, name)
    }

    pub(super) fn read_user_id(&mut self, pid: u32) -> Result<u32, ProcError> {
        self.proc().files.user_id(pid)
    }

    /// How many files the process has open, where the kernel tells at once.
    pub(super) fn read_open_files(&mut self, pid: u32) -> Option<u64> {
        let source = self.proc();
        if !source.tells_open_files {
            return None;
        }
        source.files.open_files(pid).ok()
    }

    /// The agent may see which files the process has open: those of another user's process take privileges.
    pub(super) fn may_see_files(&mut self, pid: u32) -> bool {
        self.proc().files.open(pid, "fd").is_ok()
    }

    /// The process's network is the agent's own.
    pub(super) fn is_in_own_network(&mut self, pid: u32) -> bool {
        let source = self.proc();
        let own = source.network.as_deref();
        own.is_none_or(|own| network_of(&source.root.join(pid.to_string())).as_deref() == Some(own))
    }

    pub(super) fn tells_open_files(&self) -> bool {
        match self {
            Self::Proc(source) => source.tells_open_files,
            Self::Bpf(source) => source.proc.tells_open_files,
        }
    }

    /// Gives back what is only needed while a process is awake; when not much is left, all but what tells that it is not.
    pub(super) fn rest(&mut self, kept: &mut KeptFiles) {
        let source = self.proc();
        source.give_back(&mut kept.io);
        if kept.schedstat.is_some() && source.kept > source.kept_limit / 2 {
            source.give_back(&mut kept.stat);
        }
    }

    /// The process has several threads: what its first one did says nothing of the others.
    pub(super) fn forget_runs(&mut self, kept: &mut KeptFiles) {
        self.proc().give_back(&mut kept.schedstat);
    }

    pub(super) fn close(&mut self, kept: &mut KeptFiles) {
        for file in [&mut kept.stat, &mut kept.io, &mut kept.schedstat] {
            self.proc().give_back(file);
        }
    }
}

impl ProcSource {
    fn open(proc_root: &Path, open_files: u64) -> io::Result<Self> {
        let mut files = ProcessFiles::new(proc_root);
        // Where the kernel tells, the agent itself has files open.
        let own = files.open_files(std::process::id());
        Ok(Self {
            directory: PidDirectory::open(proc_root)?,
            files,
            buffer: Buffer::default(),
            tick_us: 1_000_000 / clock_ticks_per_second().min(1_000_000),
            page_bytes: page_size(),
            kept: 0,
            kept_limit: open_files.saturating_sub(RESERVED_DESCRIPTORS).min(MAX_KEPT),
            tells_open_files: is_procfs(proc_root) && own.is_ok_and(|count| count > 0),
            tells_runs: std::fs::read(proc_root.join("self/schedstat"))
                .is_ok_and(|text| parse_run_mark(&text).is_some()),
            root: proc_root.to_owned(),
            network: network_of(&proc_root.join("thread-self")),
        })
    }

    fn read(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<Reading, ProcError> {
        let text = self.record(pid, "stat", &mut kept.stat)?;
        let stat = parse_process_stat(text).ok_or(ProcError::Malformed { file: "stat" })?;
        let us = |ticks: u64| ticks.saturating_mul(self.tick_us);
        Ok(Reading {
            comm: stat.comm,
            state: stat.state,
            parent: stat.parent,
            is_kernel_thread: stat.is_kernel_thread(),
            is_exiting: stat.is_exiting(),
            user_us: us(stat.user),
            system_us: us(stat.system),
            children_user_us: us(stat.children_user),
            children_system_us: us(stat.children_system),
            major_faults: stat.major_faults,
            threads: stat.threads,
            start_us: us(stat.start),
            rss_bytes: stat.resident_pages.saturating_mul(self.page_bytes),
            exec_mark: stat.start_stack,
            ..Reading::default()
        })
    }

    fn read_io(&mut self, pid: u32, kept: &mut KeptFiles) -> Result<ProcessIo, ProcError> {
        let text = self.record(pid, "io", &mut kept.io)?;
        parse_process_io(text).ok_or(ProcError::Malformed { file: "io" })
    }

    /// Through a kept file only: opening it anew would cost as much as reading the process.
    fn run_mark(&mut self, pid: u32, kept: &mut KeptFiles) -> Option<RunMark> {
        let file = match &mut kept.schedstat {
            Some(file) => file,
            None if !self.tells_runs || self.kept >= self.kept_limit => return None,
            file @ None => {
                let opened = self.files.open(pid, "schedstat").ok()?;
                self.kept += 1;
                file.insert(opened)
            }
        };
        self.buffer.read_record("schedstat", file).ok().and_then(parse_run_mark)
    }

    fn give_back(&mut self, file: &mut Option<File>) {
        if file.take().is_some() {
            self.kept -= 1;
        }
    }

    /// Reads through a kept file, and keeps the file if there is room.
    fn record(&mut self, pid: u32, name: &'static str, kept: &mut Option<File>) -> Result<&[u8], ProcError> {
        let file = match kept {
            Some(file) => file,
            None => {
                let file = self.files.open(pid, name)?;
                if self.kept >= self.kept_limit {
                    return self.buffer.read_record(name, &file);
                }
                self.kept += 1;
                kept.insert(file)
            }
        };
        self.buffer.read_record(name, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beyond_the_limit_are_opened_anew_and_all_are_given_back() {
        let root = tempfile::tempdir().unwrap();
        for pid in 1..=5 {
            let directory = root.path().join(pid.to_string());
            std::fs::create_dir(&directory).unwrap();
            let stat = format!("{pid} (p) S 1 1 1 0 -1 0 0 0 0 0 7 0 0 0 20 0 1 0 5 1000 100 9 1 1 5 0\n");
            std::fs::write(directory.join("stat"), stat).unwrap();
            std::fs::write(directory.join("io"), "read_bytes: 1\nwrite_bytes: 2\n").unwrap();
        }
        let mut source =
            ProcessSource::Proc(Box::new(ProcSource::open(root.path(), RESERVED_DESCRIPTORS + 3).unwrap()));
        let mut kept: Vec<KeptFiles> = (0..5).map(|_| KeptFiles::default()).collect();
        for _ in 0..2 {
            for (pid, kept) in (1..).zip(&mut kept) {
                assert_eq!(source.read(pid, kept).unwrap().user_us, 70_000);
                assert_eq!(source.read_io(pid, kept).unwrap().write_bytes, 2);
            }
            assert_eq!(source.proc().kept, 3);
        }
        kept.iter_mut().for_each(|kept| source.close(kept));
        assert_eq!(source.proc().kept, 0);
        assert!(source.read(9, &mut kept[0]).unwrap_err().is_gone());
    }
}
