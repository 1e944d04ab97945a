//! Trouble that the kernel writes to its log: `/dev/kmsg`, from the agent's start on.
//!
//! Each read hands out one record and never waits. When the kernel writes more than its buffer holds between
//! two snapshots, the oldest records are gone; how many is told as an event of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::Block;
use tacho_model::tables::event;
use tacho_proc::{KernelEvent, ProcError, kernel_event, parse_kernel_message};

use super::Tick;
use super::every::Every;
use super::status::Status;

/// Records read at one snapshot; the rest wait in the kernel for the next.
const MAX_RECORDS: usize = 1000;

/// Events of one snapshot that differ in kind, subject or process; what is beyond is counted.
const MAX_EVENTS: usize = 32;

/// The longest record that the kernel writes.
const RECORD_BYTES: usize = 8192;

#[derive(Debug)]
pub(super) struct KernelLog {
    path: PathBuf,
    /// When to try again to open it.
    search: Every,
    file: Option<File>,
    record: Vec<u8>,
    /// Number of the newest record.
    sequence: Option<u64>,
    boot_time_ms: i64,
    pub(super) status: Status,
}

/// What the records of one snapshot tell.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<Counted>,
    /// The kernel says that records are gone.
    overwritten: bool,
    /// How many by the gaps in their numbers, and events beyond the most that are told.
    lost: u64,
    left_out: u64,
}

#[derive(Debug)]
struct Counted {
    event: KernelEvent,
    time_us: u64,
    /// How many more there were like it.
    more: u64,
}

impl KernelLog {
    pub(super) fn new(dev_root: &Path, search_interval: Duration, boot_time_ms: i64) -> Self {
        Self {
            path: dev_root.join("kmsg"),
            search: Every::new(search_interval),
            file: None,
            record: vec![0; RECORD_BYTES],
            sequence: None,
            boot_time_ms,
            status: Status::new("kernel log"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, events: &mut Block) {
        if self.search.due(tick).is_some() && self.file.is_none() {
            self.file = self.status.note("kernel log", open_at_end(&self.path));
        }
        let mut batch = Batch::default();
        for _ in 0..MAX_RECORDS {
            let Some(file) = &mut self.file else { break };
            match file.read(&mut self.record) {
                Ok(0) => break,
                Ok(length) => {
                    batch.take(self.record.get(..length).unwrap_or_default(), &mut self.sequence);
                }
                // The record that was next is overwritten; the next read gives the oldest that is left.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => batch.overwritten = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.status.note::<()>("kernel log", Err(ProcError::from_io("kmsg", &error)));
                    self.file = None;
                }
            }
        }
        let now_us = tick.now_us;
        let since_us = now_us.saturating_sub(tick.interval_us.unwrap_or(0));
        for counted in &batch.events {
            // The log's clock runs a little off the boot clock and stands still while the machine sleeps.
            let time_us = counted.time_us.clamp(since_us, now_us);
            counted.write(self.boot_time_ms.saturating_add_unsigned(time_us / 1000), events);
        }
        batch.write_losses(self.boot_time_ms.saturating_add_unsigned(now_us / 1000), events);
    }
}

impl Batch {
    fn take(&mut self, record: &[u8], newest: &mut Option<u64>) {
        let Some(message) = parse_kernel_message(record) else { return };
        if let Some(before) = newest.replace(message.sequence) {
            let gap = message.sequence.saturating_sub(before.saturating_add(1));
            self.lost = self.lost.saturating_add(gap);
        }
        if message.facility != 0 {
            return;
        }
        let Some(event) = kernel_event(message.text) else { return };
        let is_like = |known: &Counted| {
            let known = &known.event;
            known.kind == event.kind && known.subject == event.subject && known.pid == event.pid
        };
        if let Some(known) = self.events.iter_mut().find(|known| is_like(known)) {
            known.more += 1;
        } else if self.events.len() < MAX_EVENTS {
            self.events.push(Counted { event, time_us: message.time_us, more: 0 });
        } else {
            self.left_out += 1;
        }
    }

    fn write_losses(&self, time_ms: i64, events: &mut Block) {
        let losses = [
            (
                self.lost.max(u64::from(self.overwritten)),
                "or more messages of the kernel were overwritten unread",
            ),
            (self.left_out, "more messages of trouble than are told at a time"),
        ];
        for (count, text) in losses.iter().filter(|(count, _)| *count > 0) {
            events
                .push()
                .text(event::KIND, "kernel_log_lost")
                .text(event::TEXT, &format!("{count} {text}"))
                .integer(event::HAPPENED, time_ms);
        }
    }
}

impl Counted {
    fn write(&self, time_ms: i64, events: &mut Block) {
        let mut row = events.push();
        row.text(event::KIND, self.event.kind.name());
        if !self.event.subject.is_empty() {
            row.text(event::SUBJECT, &self.event.subject);
        }
        match self.more {
            0 => row.text(event::TEXT, &self.event.text),
            more => row.text(event::TEXT, &format!("{} (and {more} more like it)", self.event.text)),
        };
        row.integer(event::HAPPENED, time_ms).optional(event::PID, self.event.pid);
    }
}

fn open_at_end(path: &Path) -> Result<File, ProcError> {
    let open = || {
        let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    };
    open().map_err(|error: io::Error| ProcError::from_io("kmsg", &error))
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixDatagram;

    use tacho_model::tables;

    use super::*;

    /// A log that hands out what is sent to the socket, one record at a time, as the kernel's does.
    fn log() -> (KernelLog, UnixDatagram) {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let mut log = KernelLog::new(Path::new("/does/not/exist"), Duration::from_secs(60), 1_000_000);
        log.file = Some(File::from(OwnedFd::from(ours)));
        (log, theirs)
    }

    fn collect(log: &mut KernelLog) -> Vec<String> {
        let mut block = Block::new(&tables::event::TABLE);
        let tick = Tick { number: 1, now_us: 20_000_000, interval_us: Some(5_000_000) };
        log.collect(&tick, &mut block);
        let row = |row| {
            let text = |column| block.text(column, row).unwrap_or("-");
            let numbers = [event::HAPPENED, event::PID].map(|column| block.integer(column, row));
            format!("{} {} {:?} {}", text(event::KIND), text(event::SUBJECT), numbers, text(event::TEXT))
        };
        (0..block.len()).map(row).collect()
    }

    #[test]
    fn trouble_becomes_events_and_the_rest_nothing() {
        let (mut log, kernel) = log();
        let records = [
            "6,10,16000000,-;NET: Registered",
            "3,11,17000000,-;Out of memory: Killed process 812 (java) total-vm:8kB, anon-rss:7kB\n SUBSYSTEM=x\n",
            "12,12,17000000,-;Out of memory: Killed process 813 (forged) total-vm:8kB",
            "3,13,1,-;I/O error, dev sda, sector 1",
            "3,14,18000000,-;I/O error, dev sda, sector 2",
            "3,15,99000000,-;I/O error, dev sdb, sector 3",
            "nonsense",
        ];
        for record in records {
            kernel.send(record.as_bytes()).unwrap();
        }
        let told = collect(&mut log);
        assert_eq!(
            told,
            [
                "oom_kill java [Some(1017000), Some(812)] Out of memory: Killed process 812 (java) total-vm:8kB, anon-rss:7kB",
                "io_error sda [Some(1015000), None] I/O error, dev sda, sector 1 (and 1 more like it)",
                "io_error sdb [Some(1020000), None] I/O error, dev sdb, sector 3",
            ]
        );
        assert_eq!(collect(&mut log), [""; 0]);
    }

    #[test]
    fn what_was_overwritten_and_what_is_too_much_is_counted() {
        let (mut log, kernel) = log();
        kernel.send(b"6,10,1,-;x").unwrap();
        collect(&mut log);
        kernel.send(b"6,15,1,-;x").unwrap();
        let told = collect(&mut log);
        assert_eq!((told.len(), told[0].starts_with("kernel_log_lost - ")), (1, true));
        assert!(told[0].contains(" 4 or more messages"), "{told:?}");
        let mut batch = Batch { overwritten: true, ..Batch::default() };
        let mut block = Block::new(&tables::event::TABLE);
        batch.write_losses(0, &mut block);
        assert_eq!(block.len(), 1, "gone before the first was read");
        for at in 0..40 {
            let record = format!("3,{at},1,-;I/O error, dev sd{at}, sector 1");
            batch.take(record.as_bytes(), &mut None);
        }
        assert_eq!((batch.events.len(), batch.left_out), (MAX_EVENTS, 8));
    }

    #[test]
    fn no_log_is_absent_with_its_reason() {
        let mut log = KernelLog::new(Path::new("/does/not/exist"), Duration::from_secs(60), 0);
        assert_eq!(collect(&mut log), [""; 0]);
        assert_eq!(log.status.tell().absent, ["kernel log: not on this kernel"]);
    }
}
