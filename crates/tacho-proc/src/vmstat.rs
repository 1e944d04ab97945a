//! `/proc/vmstat`: paging since boot.

use crate::bytes::{number, words};

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
    /// Where in the text the last of these lines ends.
    pub end: usize,
}

impl Vmstat {
    /// It has everything that `other` has.
    pub fn covers(&self, other: &Self) -> bool {
        let fields = |vmstat: &Self| {
            let Self { swap_in, swap_out, page_faults, page_faults_major, oom_kills, .. } = *vmstat;
            [swap_in, swap_out, page_faults, page_faults_major, oom_kills]
        };
        fields(self).iter().zip(fields(other)).all(|(own, other)| own.is_some() || other.is_none())
    }
}

/// `pgfault 24694531`
pub fn parse_vmstat(text: &[u8]) -> Vmstat {
    let mut vmstat = Vmstat::default();
    let mut end = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
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
        vmstat.end = end;
    }
    vmstat
}
