//! `/proc/PID/stat`: nearly everything about a process in one line.

use crate::bytes::{number, signed_number, words};

/// The longest name the kernel prints: 15 bytes of its own, or the work of a kernel worker appended.
const COMM_BYTES: usize = 64;

/// Flags in the ninth field: of kernel threads, and of those whose end has begun.
const KERNEL_THREAD: u64 = 0x0020_0000;
const EXITING: u64 = 0x4;

/// The kernel's short name of a process, held in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Comm {
    bytes: [u8; COMM_BYTES],
    length: u8,
}

/// Times are in clock ticks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessStat {
    pub comm: Comm,
    /// A letter.
    pub state: u8,
    pub parent: u32,
    pub flags: u64,
    pub major_faults: u64,
    pub user: u64,
    pub system: u64,
    /// Of children that ended and were waited for, and of theirs.
    pub children_user: u64,
    pub children_system: u64,
    pub threads: u64,
    /// Since boot.
    pub start: u64,
    pub resident_pages: u64,
    /// Where the stack began at exec: another number after another exec. 0 where the agent may not see it.
    pub start_stack: u64,
}

impl Comm {
    /// Cuts `name` to what is kept.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; COMM_BYTES];
        let length = name.len().min(COMM_BYTES);
        bytes.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        Self { bytes, length: length as u8 }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// A kernel worker's name without the work it happens to do: `kworker/0:2` of `kworker/0:2-events`.
    fn without_work(name: &[u8]) -> &[u8] {
        match name.strip_prefix(b"kworker/") {
            // Rescuers (`kworker/R-name`) are named after their queue for good.
            Some(rest) if !rest.starts_with(b"R-") => {
                let end = name.iter().position(|byte| matches!(byte, b'-' | b'+')).unwrap_or(name.len());
                name.get(..end).unwrap_or(name)
            }
            _ => name,
        }
    }
}

impl Default for Comm {
    fn default() -> Self {
        Self { bytes: [0; COMM_BYTES], length: 0 }
    }
}

impl std::fmt::Debug for Comm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

impl ProcessStat {
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// Its end has begun; until that is done, its state is that of one that runs.
    pub fn is_exiting(&self) -> bool {
        self.flags & EXITING != 0
    }
}

/// `16271 (cat) R 16255 16255 13930 0 -1 4194304 101 0 0 0 0 0 0 0 20 0 1 0 128363 3133440 402 184… 945… 945… 140…`
///
/// The name may hold spaces and parentheses; after it there are only numbers and one letter, so the last
/// parenthesis ends it.
pub fn parse_process_stat(text: &[u8]) -> Option<ProcessStat> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(open + 1..close)?;
    let mut fields = words(text.get(close + 1..)?);
    let state = *fields.next()?.first()?;
    let parent = u32::try_from(signed_number(fields.next()?)?).ok()?;
    let flags = number(fields.nth(4)?)?;
    let major_faults = number(fields.nth(2)?)?;
    let user = number(fields.nth(1)?)?;
    let mut next = || signed_number(fields.next()?);
    let (system, children_user, children_system) = (next()?, next()?, next()?);
    let threads = number(fields.nth(2)?)?;
    let start = number(fields.nth(1)?)?;
    let resident_pages = signed_number(fields.nth(1)?)?;
    let start_stack = fields.nth(3).and_then(number).unwrap_or(0);
    let mut stat = ProcessStat {
        comm: Comm::default(),
        state,
        parent,
        flags,
        major_faults,
        user,
        system,
        children_user,
        children_system,
        threads,
        start,
        resident_pages,
        start_stack,
    };
    stat.comm = Comm::new(if stat.is_kernel_thread() { Comm::without_work(name) } else { name });
    Some(stat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_where_it_belongs() {
        let line = b"16271 (cat) R 16255 1 2 0 -1 4194304 101 102 103 104 11 12 13 14 20 0 5 0 128363 3133440 402 99 1 2 777 0 0";
        let stat = parse_process_stat(line).unwrap();
        assert_eq!((stat.comm.as_bytes(), stat.state, stat.parent), (&b"cat"[..], b'R', 16255));
        assert_eq!((stat.major_faults, stat.user, stat.system), (103, 11, 12));
        assert_eq!((stat.children_user, stat.children_system, stat.threads), (13, 14, 5));
        assert_eq!((stat.start, stat.resident_pages, stat.start_stack), (128_363, 402, 777));
    }

    #[test]
    fn names_hold_anything() {
        let line = |name: &str, flags: u64| {
            format!("1 ({name}) S 0 1 1 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0 0 0 0 0")
        };
        let name = |name: &str, flags| {
            let stat = parse_process_stat(line(name, flags).as_bytes()).unwrap();
            String::from_utf8_lossy(stat.comm.as_bytes()).into_owned()
        };
        assert_eq!(name("a) R 1 (b", 0), "a) R 1 (b");
        assert_eq!(name("", 0), "");
        assert_eq!(name("kworker/u8:3+events_unbound", KERNEL_THREAD), "kworker/u8:3");
        assert_eq!(name("kworker/R-kvfree_rcu", KERNEL_THREAD), "kworker/R-kvfree_rcu");
        assert_eq!(name("kworker/0:2-x", 0), "kworker/0:2-x", "only the kernel's own");
        assert_eq!(name(&"x".repeat(80), 0).len(), 64);
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for text in ["", "1", "1 (a", "1 (a)", "1 )a(", "1 (a) S 0 1 1 0 -1 5 0 0 0 0 0 0 0 0 20 0 1 0 7 0"] {
            assert_eq!(parse_process_stat(text.as_bytes()), None, "{text:?}");
        }
    }
}
