//! Files of one process.

mod stat;

pub use stat::{Comm, ProcessStat, parse_process_stat};

use crate::bytes::{key_and_rest, lines, number, words};

/// What a process caused on disk since its start, children it waited for included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessIo {
    pub read_bytes: u64,
    pub write_bytes: u64,
}

/// `/proc/PID/io`: `read_bytes: 4096`. `None` unless both numbers are there.
pub fn parse_process_io(text: &[u8]) -> Option<ProcessIo> {
    let (mut read, mut written) = (None, None);
    for line in lines(text) {
        match key_and_rest(line, b':') {
            Some((b"read_bytes", rest)) => read = number(rest),
            Some((b"write_bytes", rest)) => written = number(rest),
            _ => {}
        }
    }
    Some(ProcessIo { read_bytes: read?, write_bytes: written? })
}

/// How much and how often a thread has run: while this stays the same, it has done nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunMark {
    runtime_ns: u64,
    /// How often it was put on a CPU.
    turns: u64,
}

/// `/proc/PID/schedstat`, of the first thread: `4205188 1043 17`, nanoseconds on a CPU, nanoseconds spent waiting for one, and
/// how often it was put on one. `None` where the kernel does not count, and says `0 0 0`.
pub fn parse_run_mark(text: &[u8]) -> Option<RunMark> {
    let mut words = words(text);
    let runtime_ns = number(words.next()?)?;
    let turns = words.nth(1).and_then(number).filter(|turns| *turns > 0)?;
    Some(RunMark { runtime_ns, turns })
}

/// `/proc/PID/statm`: `766 436 408 5 0 89 0`; the second number, resident pages. Newer kernels (6.18 for one) make it exact,
/// where `stat` is off by what each CPU has not yet added up.
pub fn parse_statm_resident(text: &[u8]) -> Option<u64> {
    words(text).nth(1).and_then(number)
}

/// `VmSwap:        0 kB` of `/proc/PID/status`, in bytes. A process without memory of its own has no such line.
pub fn parse_swap(text: &[u8]) -> Option<u64> {
    let rest = lines(text).find_map(|line| line.strip_prefix(b"VmSwap:"))?;
    words(rest).next().and_then(number)?.checked_mul(1024)
}

/// The arguments in `/proc/PID/cmdline`, as lossy text. A process that wrote a title of its own over them
/// gives one argument that is the title, without the bytes that pad it.
pub fn split_arguments(text: &[u8]) -> Vec<String> {
    let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = text.get(..end).unwrap_or_default();
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_needs_both_numbers() {
        let io =
            parse_process_io(b"rchar: 7\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 1\n");
        assert_eq!(io, Some(ProcessIo { read_bytes: 4096, write_bytes: 8192 }));
        assert_eq!(parse_process_io(b"read_bytes: 4096\n"), None);
    }

    #[test]
    fn a_thread_that_ran_has_another_mark() {
        let mark = parse_run_mark(b"4205188 1043 17\n");
        assert!(mark.is_some());
        assert_eq!(parse_run_mark(b"4205188 2000 17\n"), mark, "waiting is not running");
        assert_ne!(parse_run_mark(b"4205189 1043 17\n"), mark);
        assert_ne!(parse_run_mark(b"4205188 1043 18\n"), mark);
        for text in ["0 0 0\n", "", "1 2", "1 2 x", "x 2 3"] {
            assert_eq!(parse_run_mark(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn memory() {
        assert_eq!(parse_statm_resident(b"766 436 408 5 0 89 0\n"), Some(436));
        assert_eq!(parse_swap(b"Name:\tx\nVmSwap:\t      12 kB\n"), Some(12 << 10));
        assert_eq!(parse_swap(b"Name:\tkthreadd\n"), None);
    }

    #[test]
    fn arguments_keep_their_spaces_and_lose_their_padding() {
        assert_eq!(split_arguments(b"sh\0-c\0echo  a\0"), ["sh", "-c", "echo  a"]);
        assert_eq!(split_arguments(b"a\0\0b\0"), ["a", "", "b"]);
        assert_eq!(split_arguments(b"nginx: worker process\0\0\0"), ["nginx: worker process"]);
        assert_eq!(split_arguments(b"\0\0"), Vec::<String>::new());
        assert_eq!(split_arguments(b"\xff"), ["\u{fffd}"]);
    }
}
