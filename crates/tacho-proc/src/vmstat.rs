//! `/proc/vmstat`: paging since boot.

use crate::bytes::{lines, number, words};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vmstat {
    /// Pages read back from swap.
    pub swap_in: Option<u64>,
    /// Pages written to swap.
    pub swap_out: Option<u64>,
    pub page_faults: Option<u64>,
    pub page_faults_major: Option<u64>,
    /// Since Linux 4.13.
    pub oom_kills: Option<u64>,
}

/// `pgfault 24694531`
pub fn parse_vmstat(text: &[u8]) -> Vmstat {
    let mut vmstat = Vmstat::default();
    for line in lines(text) {
        // Two hundred lines: look at the first letters before splitting.
        if !matches!(line.first(), Some(b'p' | b'o')) {
            continue;
        }
        let mut words = words(line);
        let field = match words.next() {
            Some(b"pswpin") => &mut vmstat.swap_in,
            Some(b"pswpout") => &mut vmstat.swap_out,
            Some(b"pgfault") => &mut vmstat.page_faults,
            Some(b"pgmajfault") => &mut vmstat.page_faults_major,
            Some(b"oom_kill") => &mut vmstat.oom_kills,
            _ => continue,
        };
        *field = words.next().and_then(number);
    }
    vmstat
}
