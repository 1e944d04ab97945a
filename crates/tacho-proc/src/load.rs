//! One-line files of the whole host: `loadavg`, `uptime`, `sys/fs/file-nr`.

use crate::bytes::{decimal, number, words};

/// `/proc/loadavg`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoadAverage {
    pub load1: f64,
    pub load5: f64,
    pub load15: f64,
    /// Threads alive.
    pub threads: Option<u64>,
}

/// `/proc/sys/fs/file-nr`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileHandles {
    pub open: u64,
    pub max: u64,
}

/// `0.12 0.30 0.37 1/100 23529`
pub fn parse_loadavg(text: &[u8]) -> Option<LoadAverage> {
    let mut words = words(text);
    let mut load = || decimal(words.next()?);
    let (load1, load5, load15) = (load()?, load()?, load()?);
    let threads = words.next().and_then(|word| number(word.split(|byte| *byte == b'/').nth(1)?));
    Some(LoadAverage { load1, load5, load15, threads })
}

/// `1762.64 2769.98`: whole seconds since boot.
pub fn parse_uptime(text: &[u8]) -> Option<u64> {
    number(words(text).next()?.split(|byte| *byte == b'.').next()?)
}

/// `512 0 2466177`: handles allocated, free (always 0 since 2.6), maximum.
pub fn parse_file_nr(text: &[u8]) -> Option<FileHandles> {
    let mut words = words(text).map(number);
    let (allocated, free, max) = (words.next()??, words.next()??, words.next()??);
    Some(FileHandles { open: allocated.saturating_sub(free), max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        let load = parse_loadavg(b"0.12 0.30 10.37 1/100 23529\n").unwrap();
        assert_eq!((load.load1, load.load5, load.load15, load.threads), (0.12, 0.3, 10.37, Some(100)));
        assert_eq!(parse_loadavg(b"0.12 0.30"), None);
        assert_eq!((parse_uptime(b"1762.64 2769.98\n"), parse_uptime(b"x")), (Some(1762), None));
        assert_eq!(parse_file_nr(b"512\t12\t9223372036854775807\n").map(|files| files.open), Some(500));
    }
}
