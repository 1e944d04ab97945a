//! What the collector knows of one process.

use tacho_proc::{ProcError, ProcessIo, RunMark};

use super::super::Tick;
use super::super::traffic::Traffic;
use super::exits::{End, Life};
use super::identity::Known;
use super::memory::ProcessMemory;
use super::rows::LastRow;
use super::source::{KeptFiles, ProcessSource, Reading};
use super::usage::{CpuTime, Inherited, Usage};

/// A process that did nothing in so many readings rests.
const STILL_READINGS: u8 = 3;

/// The snapshot being taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) tick: Tick,
    pub(super) swap_used_bytes: Option<u64>,
}

/// What is known of a process's disk use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Io {
    Unknown,
    Denied,
    Known(ProcessIo),
}

/// One process.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pid: u32,
    pub(super) files: KeptFiles,
    pub(super) reading: Reading,
    pub(super) read_us: u64,
    /// The newest reading that found it alive.
    alive_us: u64,
    pub(super) io: Io,
    /// What children that ended used on disk as far as it was counted for them already.
    pub(super) io_credit: ProcessIo,
    /// The credit came after this process was read; the next reading still has to honour it.
    pub(super) keeps_credit: bool,
    /// Disk use of children that was taken off its own so far.
    pub(super) children_io: ProcessIo,
    pub(super) inherited: Inherited,
    /// CPU time that was told of children and has not come to it yet, as its counters are in ticks.
    pub(super) expected: CpuTime,
    /// Children that ended in the snapshot being taken and share what it inherited beyond what they told.
    pub(super) told_children: u64,
    /// How many that ended in the snapshot being taken it waited for, and what those used of disks.
    pub(super) waited_for: u32,
    pub(super) waited_for_disk_bytes: u64,
    /// CPU time counted so far for children that live; known while somebody's CPU time is unclaimed.
    pub(super) living_children_us: u64,
    /// Absent in the snapshot that sees a running process for the first time.
    pub(super) usage: Option<Usage>,
    /// The largest share of its time that it ever used, in thousandths of a core.
    pub(super) peak_millicores: u64,
    pub(super) memory: ProcessMemory,
    still: u8,
    /// Taken just before the newest reading, if the process had one thread then.
    run_mark: Option<RunMark>,
    /// How many files it has open, until it works again.
    open_files: Option<u64>,
    /// Whether the agent sees its sockets, once asked, until it is another user's or another program.
    shows_sockets: Option<bool>,
    /// It has ended, and nobody has waited for it yet.
    pub(super) end: Option<Box<End>>,
    /// Flags of the snapshot being taken.
    pub(super) is_gone: bool,
    pub(super) is_due: bool,
    /// Also if it has not run.
    pub(super) must_be_read: bool,
    pub(super) is_read: bool,
    pub(super) is_new: bool,
    pub(super) wants_io: bool,
    pub(super) has_row: bool,
    /// What the newest row said, and when the next one is due.
    pub(super) row: LastRow,
    pub(super) known: Known,
    pub(super) check_due_us: u64,
}

impl Entry {
    /// Reads a process for the first time.
    pub(super) fn first(pid: u32, moment: &Moment, source: &mut ProcessSource) -> Result<Self, ProcError> {
        let mut files = KeptFiles::default();
        let reading = match source.read(pid, &mut files) {
            Ok(reading) => reading,
            Err(error) => {
                source.close(&mut files);
                return Err(error);
            }
        };
        let mut entry = Self {
            pid,
            files,
            reading,
            read_us: moment.tick.now_us,
            io: Io::Unknown,
            alive_us: if reading.is_alive() { moment.tick.now_us } else { reading.start_us },
            io_credit: ProcessIo::default(),
            keeps_credit: false,
            children_io: ProcessIo::default(),
            inherited: Inherited::default(),
            expected: CpuTime::default(),
            told_children: 0,
            waited_for: 0,
            waited_for_disk_bytes: 0,
            living_children_us: 0,
            usage: None,
            peak_millicores: 0,
            memory: ProcessMemory::default(),
            still: 0,
            run_mark: None,
            open_files: None,
            shows_sockets: None,
            end: None,
            is_gone: false,
            is_due: true,
            must_be_read: false,
            is_read: true,
            is_new: true,
            wants_io: false,
            has_row: false,
            row: LastRow::default(),
            known: if moment.tick.interval_us.is_some() { Known::default() } else { Known::settled() },
            check_due_us: super::identity::first_check_us(pid, &moment.tick),
        };
        let io = entry.read_io(source);
        let lifetime = CpuTime { user_us: reading.user_us, system_us: reading.system_us };
        entry.note_peak(lifetime, moment.tick.now_us.saturating_sub(reading.start_us));
        entry.memory.refresh(pid, &entry.reading, moment, source);
        if started_since(entry.reading.start_us, moment) {
            entry.count_from_start(io);
        }
        Ok(entry)
    }

    fn count_from_start(&mut self, disk: Option<ProcessIo>) {
        let reading = &self.reading;
        let cpu = CpuTime { user_us: reading.user_us, system_us: reading.system_us };
        let network = reading.network;
        self.usage = Some(Usage { cpu, major_faults: reading.major_faults, disk, network });
        self.inherited.fresh =
            CpuTime { user_us: reading.children_user_us, system_us: reading.children_system_us };
    }

    /// Forgets what concerned the snapshot before.
    pub(super) fn begin(&mut self) {
        let disk = matches!(self.io, Io::Known(_)).then(ProcessIo::default);
        let network = self.reading.network.map(|_| Traffic::default());
        self.usage = Some(Usage { disk, network, ..Usage::default() });
        (self.is_due, self.is_read, self.is_new, self.has_row) = (false, false, false, false);
        self.must_be_read = false;
        (self.waited_for, self.waited_for_disk_bytes, self.living_children_us) = (0, 0, 0);
        self.told_children = 0;
        self.wants_io = self.keeps_credit;
    }

    /// Reads the process anew. `false`: the pid is another process's now.
    pub(super) fn read(&mut self, moment: &Moment, source: &mut ProcessSource) -> Result<bool, ProcError> {
        if source.rests(self.pid) && !self.keeps_credit {
            self.stay(moment, source);
            return Ok(true);
        }
        let run_mark = self.take_run_mark(source);
        let has_run = run_mark.is_none() || run_mark != self.run_mark;
        if !has_run && !self.must_be_read && !self.wants_io {
            self.stay(moment, source);
            return Ok(true);
        }
        let mut now = source.read(self.pid, &mut self.files)?;
        if now.start_us != self.reading.start_us {
            return Ok(false);
        }
        now.keep_up_with(&self.reading);
        let before = std::mem::replace(&mut self.reading, now);
        let read_before_us = std::mem::replace(&mut self.read_us, moment.tick.now_us);
        self.is_read = true;
        if now.is_alive() {
            self.alive_us = moment.tick.now_us;
        }
        let cpu = now.own().without(before.own());
        self.inherited.fresh.add(CpuTime {
            user_us: now.children_user_us.saturating_sub(before.children_user_us),
            system_us: now.children_system_us.saturating_sub(before.children_system_us),
        });
        self.run_mark = run_mark.filter(|_| now.threads == 1);
        if now.threads != 1 {
            source.forget_runs(&mut self.files);
        }
        let worked = cpu != CpuTime::default();
        let disk = self.disk_since(worked, before.disk_mark, source);
        let network = Traffic::grown(now.network, before.network);
        let major_faults = now.major_faults.saturating_sub(before.major_faults);
        self.usage = Some(Usage { cpu, major_faults, disk, network });
        self.note_peak(cpu, moment.tick.now_us.saturating_sub(read_before_us));
        if (now.user_id, now.exec_mark) != (before.user_id, before.exec_mark) {
            self.shows_sockets = None;
        }
        self.known.compare(&before, &now);
        let moved = now.rss_bytes != before.rss_bytes;
        self.memory.update(self.pid, &now, worked || moved, moment, source);
        self.note_stillness(worked || moved || now.state != before.state, source);
        // Where CPU time is not exact, one that ran a little did not work.
        if worked || (has_run && !source.is_whole()) {
            self.open_files = None;
        }
        Ok(true)
    }

    /// One that works is read in any case.
    fn take_run_mark(&mut self, source: &mut ProcessSource) -> Option<RunMark> {
        let may_rest = self.still > 0 && self.reading.threads == 1;
        may_rest.then(|| source.run_mark(self.pid, &mut self.files)).flatten()
    }

    /// It has not run since the newest reading, so all that a process changes itself is as it was.
    fn stay(&mut self, moment: &Moment, source: &mut ProcessSource) {
        (self.read_us, self.is_read) = (moment.tick.now_us, true);
        if self.reading.is_alive() {
            self.alive_us = moment.tick.now_us;
        }
        let reading = self.reading;
        self.memory.update(self.pid, &reading, false, moment, source);
        self.note_stillness(false, source);
    }

    pub(super) fn life(&self) -> Life {
        Life { start_us: self.reading.start_us, alive_us: self.alive_us }
    }

    /// How many files it has open. One that is known not to have run since is not asked again.
    pub(super) fn count_open_files(&mut self, source: &mut ProcessSource) -> Option<u64> {
        if self.reading.is_kernel_thread {
            return None;
        }
        let is_known_to_rest = source.is_whole() || (self.is_read && self.run_mark.is_some());
        if self.open_files.is_none() || !is_known_to_rest {
            self.open_files = source.read_open_files(self.pid);
        }
        self.open_files
    }

    /// Whether the agent sees its sockets: they are of the agent's own network, and it may see who holds them.
    pub(super) fn shows_sockets(&mut self, source: &mut ProcessSource) -> bool {
        *self.shows_sockets.get_or_insert_with(|| {
            // From `/proc`, disk use takes the same rights.
            let shows_files =
                if source.is_whole() { source.may_see_files(self.pid) } else { !self.io.is_denied() };
            shows_files && source.is_in_own_network(self.pid)
        })
    }

    /// Disk use goes with CPU time: one that did not work is not asked.
    fn disk_since(
        &mut self,
        worked: bool,
        mark_before: Option<u64>,
        source: &mut ProcessSource,
    ) -> Option<ProcessIo> {
        let Io::Known(before) = self.io else {
            // A first reading, or one that may be allowed by now, has nothing to compare with.
            if worked && matches!(self.io, Io::Unknown) {
                self.read_io(source);
            }
            return None;
        };
        if !worked && !self.wants_io {
            return Some(ProcessIo::default());
        }
        let mut now = self.read_io(source)?;
        if let (Some(mark), Some(mark_before)) = (self.reading.disk_mark, mark_before) {
            if mark < mark_before {
                return Some(ProcessIo::default());
            }
            now = larger(now, before);
            self.io = Io::Known(now);
        }
        let mut since = ProcessIo {
            read_bytes: now.read_bytes.checked_sub(before.read_bytes)?,
            write_bytes: now.write_bytes.checked_sub(before.write_bytes)?,
        };
        if self.keeps_credit {
            take_credit(&mut since, &mut self.io_credit, &mut self.children_io);
            (self.io_credit, self.keeps_credit) = (ProcessIo::default(), false);
        }
        Some(since)
    }

    fn read_io(&mut self, source: &mut ProcessSource) -> Option<ProcessIo> {
        self.io = match source.read_io(self.pid, &mut self.files) {
            Ok(io) => Io::Known(io),
            Err(ProcError::Denied { .. }) => Io::Denied,
            Err(_) => Io::Unknown,
        };
        match self.io {
            Io::Known(io) => Some(io),
            Io::Unknown | Io::Denied => None,
        }
    }

    fn note_peak(&mut self, cpu: CpuTime, over_us: u64) {
        let millicores = cpu.total_us().saturating_mul(1000) / over_us.max(1);
        self.peak_millicores = self.peak_millicores.max(millicores);
    }

    fn note_stillness(&mut self, moved: bool, source: &mut ProcessSource) {
        self.still = if moved { 0 } else { self.still.saturating_add(1) };
        if self.is_still() {
            source.rest(&mut self.files);
        }
    }

    pub(super) fn is_still(&self) -> bool {
        self.still >= STILL_READINGS
    }

    /// CPU time that this process explains of the host's.
    pub(super) fn accounted_us(&self) -> u64 {
        let own = self.usage.map_or(0, |usage| usage.cpu.total_us());
        own.saturating_add(self.inherited.fresh.total_us())
    }
}

/// The process was not there at the snapshot before. One that was, but could not be read, must not have its
/// whole past counted now. Start times are whole ticks, rounded down.
pub(super) fn started_since(start_us: u64, moment: &Moment) -> bool {
    const TICK_US: u64 = 10_000;
    let Some(interval_us) = moment.tick.interval_us else { return false };
    let previous_us = moment.tick.now_us.saturating_sub(interval_us);
    start_us.saturating_add(TICK_US) > previous_us
}

/// What moves from a thread to its process while a pass goes on may be in neither.
fn larger(now: ProcessIo, before: ProcessIo) -> ProcessIo {
    ProcessIo {
        read_bytes: now.read_bytes.max(before.read_bytes),
        write_bytes: now.write_bytes.max(before.write_bytes),
    }
}

/// Takes off what was counted already, as far as it goes, and adds it to what was taken off before.
pub(super) fn take_credit(since: &mut ProcessIo, credit: &mut ProcessIo, taken: &mut ProcessIo) {
    let (read, written) =
        (since.read_bytes.min(credit.read_bytes), since.write_bytes.min(credit.write_bytes));
    since.read_bytes -= read;
    since.write_bytes -= written;
    credit.read_bytes -= read;
    credit.write_bytes -= written;
    taken.read_bytes = taken.read_bytes.saturating_add(read);
    taken.write_bytes = taken.write_bytes.saturating_add(written);
}

impl Reading {
    /// Its end has not begun.
    pub(super) fn is_alive(&self) -> bool {
        !self.is_exiting && !matches!(self.state, b'Z' | b'X')
    }

    pub(super) fn own(&self) -> CpuTime {
        CpuTime { user_us: self.user_us, system_us: self.system_us }
    }

    /// Counters of a process never go back: what moves from a thread to its process while a pass goes on comes
    /// with the next, and time that the kernel parts anew stays where it was told to be.
    fn keep_up_with(&mut self, before: &Self) {
        let cpu = self.own().kept_up_with(before.own());
        (self.user_us, self.system_us) = (cpu.user_us, cpu.system_us);
        self.major_faults = self.major_faults.max(before.major_faults);
    }

    /// CPU time counted for the process and for children of it that ended: what its parent gets at its end.
    pub(super) fn seen(&self) -> CpuTime {
        CpuTime {
            user_us: self.user_us.saturating_add(self.children_user_us),
            system_us: self.system_us.saturating_add(self.children_system_us),
        }
    }
}

impl Io {
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Denied)
    }
}
