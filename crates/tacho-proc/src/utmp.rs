//! Login records: `/run/utmp` (who is logged in), `/var/log/wtmp` (all logins and logouts) and
//! `/var/log/lastlog` (the last login of each account).
//!
//! The files are arrays of C structures of glibc. Most architectures keep the sizes of 32-bit time, some of
//! the younger ones do not; see utmp(5).

/// How this architecture's glibc lays records out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginLayout {
    /// 32-bit time: x86, POWER, RISC-V, s390x and others.
    Compact,
    /// 64-bit time: 64-bit ARM and LoongArch.
    Wide,
}

/// One login record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginRecord<'t> {
    pub kind: LoginKind,
    pub pid: i64,
    /// Terminal without `/dev/`: `pts/0`.
    pub terminal: &'t [u8],
    pub user: &'t [u8],
    /// Name or address of the machine the user came from; empty or a display for local ones.
    pub origin: &'t [u8],
    pub time_s: i64,
}

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginKind {
    /// A user is logged in.
    User,
    /// A session has ended.
    Ended,
    /// The machine started.
    Boot,
    Other,
}

const TERMINAL: std::ops::Range<usize> = 8..40;
const USER: std::ops::Range<usize> = 44..76;
const ORIGIN: std::ops::Range<usize> = 76..332;

impl LoginLayout {
    /// What the machine that runs this writes.
    pub fn of_this_machine() -> Self {
        match cfg!(any(target_arch = "aarch64", target_arch = "loongarch64")) {
            true => Self::Wide,
            false => Self::Compact,
        }
    }

    /// Bytes of a record of `utmp` and `wtmp`.
    pub fn record_bytes(self) -> usize {
        match self {
            Self::Compact => 384,
            Self::Wide => 400,
        }
    }

    /// Bytes of a record of `lastlog`, which has one for each user id.
    pub fn lastlog_bytes(self) -> usize {
        match self {
            Self::Compact => 292,
            Self::Wide => 296,
        }
    }
}

/// Whole records of `utmp` or `wtmp` in the order of the file.
pub fn parse_logins(
    bytes: &[u8],
    layout: LoginLayout,
) -> impl DoubleEndedIterator<Item = LoginRecord<'_>> + '_ {
    bytes.chunks_exact(layout.record_bytes()).filter_map(move |record| parse_record(record, layout))
}

/// When the account of this record of `lastlog` logged in last; `None` for never.
pub fn parse_lastlog(record: &[u8], layout: LoginLayout) -> Option<i64> {
    time(record, 0, layout).filter(|time| *time > 0)
}

fn parse_record(record: &[u8], layout: LoginLayout) -> Option<LoginRecord<'_>> {
    let kind = match i16::from_ne_bytes(record.get(..2)?.try_into().ok()?) {
        7 => LoginKind::User,
        8 => LoginKind::Ended,
        2 => LoginKind::Boot,
        _ => LoginKind::Other,
    };
    let time_at = if layout == LoginLayout::Compact { 340 } else { 344 };
    Some(LoginRecord {
        kind,
        pid: i64::from(i32::from_ne_bytes(record.get(4..8)?.try_into().ok()?)),
        terminal: text(record.get(TERMINAL)?),
        user: text(record.get(USER)?),
        origin: text(record.get(ORIGIN)?),
        time_s: time(record, time_at, layout)?,
    })
}

/// Text that ends with a zero byte unless it fills its field.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn time(record: &[u8], at: usize, layout: LoginLayout) -> Option<i64> {
    match layout {
        // Unsigned, so that it lasts until 2106.
        LoginLayout::Compact => Some(i64::from(u32::from_ne_bytes(record.get(at..at + 4)?.try_into().ok()?))),
        LoginLayout::Wide => Some(i64::from_ne_bytes(record.get(at..at + 8)?.try_into().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, user: &str, layout: LoginLayout) -> Vec<u8> {
        let mut bytes = vec![0; layout.record_bytes()];
        bytes[..2].copy_from_slice(&kind.to_ne_bytes());
        bytes[4..8].copy_from_slice(&77i32.to_ne_bytes());
        bytes[8..13].copy_from_slice(b"pts/0");
        bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
        bytes[76..86].copy_from_slice(b"192.0.2.17");
        match layout {
            LoginLayout::Compact => bytes[340..344].copy_from_slice(&1_700_000_000u32.to_ne_bytes()),
            LoginLayout::Wide => bytes[344..352].copy_from_slice(&1_700_000_000i64.to_ne_bytes()),
        }
        bytes
    }

    #[test]
    fn both_layouts() {
        for layout in [LoginLayout::Compact, LoginLayout::Wide] {
            let long = "x".repeat(32);
            let bytes = [record(7, "ann", layout), record(8, &long, layout), vec![7; 30]].concat();
            let records: Vec<_> = parse_logins(&bytes, layout).collect();
            let ann = LoginRecord {
                kind: LoginKind::User,
                pid: 77,
                terminal: b"pts/0",
                user: b"ann",
                origin: b"192.0.2.17",
                time_s: 1_700_000_000,
            };
            assert_eq!((records.len(), records[0]), (2, ann));
            assert_eq!((records[1].kind, records[1].user), (LoginKind::Ended, long.as_bytes()));
        }
    }

    #[test]
    fn last_logins() {
        let mut record = vec![0; 292];
        assert_eq!(parse_lastlog(&record, LoginLayout::Compact), None);
        record[..4].copy_from_slice(&5u32.to_ne_bytes());
        assert_eq!(parse_lastlog(&record, LoginLayout::Compact), Some(5));
        assert_eq!(parse_lastlog(&record[..3], LoginLayout::Compact), None);
    }
}
