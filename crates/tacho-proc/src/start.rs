//! Gives back memory that a start needed.

#![expect(unsafe_code, reason = "two calls of libc")]

use std::ops::Range;

/// Drops this process's code from its resident memory, and what its allocator keeps free. The code that is still
/// needed comes back from the page cache, page by page, as it runs. After a start that ran much code once (reading
/// settings, loading BPF programs) that is a third of a small process.
pub fn give_start_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointer; the allocator guards itself.
    unsafe {
        libc::malloc_trim(0);
    }
    let maps = std::fs::read("/proc/self/maps").unwrap_or_default();
    for range in code_mappings(&maps) {
        // SAFETY: the range is a mapping of a file without write permission, so that the kernel can only drop
        // pages equal to the file's and reads them again when they are used.
        unsafe { libc::madvise(range.start as *mut libc::c_void, range.len(), libc::MADV_DONTNEED) };
    }
}

/// Executable mappings of files, and those that begin such a file (relocations, constants, tables for back-traces),
/// from the text of `/proc/PID/maps` (proc_pid_maps(5)). Writable ones are left out, and so are readable ones further
/// on in a file: they can hold addresses that the loader wrote.
fn code_mappings(maps: &[u8]) -> Vec<Range<usize>> {
    let text = String::from_utf8_lossy(maps);
    let of_line = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (range, permissions, offset) = (fields.next()?, fields.next()?, fields.next()?);
        let is_file = fields.nth(2)?.starts_with('/');
        let is_code =
            permissions == "r-xp" || permissions == "r--p" && offset.bytes().all(|digit| digit == b'0');
        let (start, end) = range.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        (is_code && is_file && range.start < range.end).then_some(range)
    };
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_dropped() {
        let maps = b"\
55a0-55b0 r--p 00000000 fe:00 12 /usr/bin/tacho-agent
55b0-55c0 r-xp 00010000 fe:00 12 /usr/bin/tacho-agent
55c0-55c8 r--p 00020000 fe:00 12 /usr/bin/tacho-agent
55c0-55d0 rw-p 00020000 fe:00 12 /usr/bin/tacho-agent
7f00-7f10 rwxp 00000000 fe:00 13 /usr/lib/odd.so
7f10-7f20 r-xp 00000000 00:00 0
7f20-7f30 r-xp 00000000 00:00 0 [vdso]
7f40-7f30 r-xp 00000000 fe:00 13 /usr/lib/odd.so
nonsense
";
        assert_eq!(code_mappings(maps), vec![0x55a0..0x55b0, 0x55b0..0x55c0]);
    }

    #[test]
    fn a_process_goes_on_without_its_code_in_memory() {
        give_start_back();
        assert!(!code_mappings(&std::fs::read("/proc/self/maps").unwrap()).is_empty());
    }
}
