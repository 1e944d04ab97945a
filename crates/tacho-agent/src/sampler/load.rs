//! Load, uptime, threads and open files of the whole host.

use std::path::Path;

use tacho_model::Row;
use tacho_model::tables::host;
use tacho_proc::{Buffer, KeptFile, ProcError, parse_file_nr, parse_loadavg};

use super::status::Status;

#[derive(Debug)]
pub(super) struct Load {
    loadavg: KeptFile,
    uptime: KeptFile,
    file_nr: KeptFile,
    pub(super) status: Status,
}

impl Load {
    pub(super) fn new(proc_root: &Path) -> Self {
        Self {
            loadavg: KeptFile::new(proc_root, "loadavg"),
            uptime: KeptFile::new(proc_root, "uptime"),
            file_nr: KeptFile::new(proc_root, "sys/fs/file-nr"),
            status: Status::new("load"),
        }
    }

    /// Answers how many threads there are.
    pub(super) fn collect(&mut self, buffer: &mut Buffer, host: &mut Row<'_>) -> Option<u64> {
        let load = read(&mut self.loadavg, buffer, "loadavg", parse_loadavg);
        let load = self.status.note("load", load);
        if let Some(load) = &load {
            host.float(host::LOAD1, load.load1)
                .float(host::LOAD5, load.load5)
                .float(host::LOAD15, load.load15);
            host.optional(host::THREADS, load.threads);
        }
        let uptime = read(&mut self.uptime, buffer, "uptime", tacho_proc::parse_uptime);
        host.optional(host::UPTIME_SECONDS, self.status.note("uptime", uptime));
        let files = read(&mut self.file_nr, buffer, "sys/fs/file-nr", parse_file_nr);
        if let Some(files) = self.status.note("open files", files) {
            host.unsigned(host::OPEN_FILES, files.open).unsigned(host::OPEN_FILES_MAX, files.max);
        }
        load?.threads
    }
}

fn read<T>(
    file: &mut KeptFile,
    buffer: &mut Buffer,
    name: &'static str,
    parse: fn(&[u8]) -> Option<T>,
) -> Result<T, ProcError> {
    parse(file.read_numbers(buffer)?).ok_or(ProcError::Malformed { file: name })
}
