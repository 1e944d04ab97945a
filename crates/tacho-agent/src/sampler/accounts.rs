//! Accounts of this host: how many people have one, who was active last, who can become root, who is logged in.
//!
//! Read from files below `/etc`, `/run` and `/var`, so accounts of a directory service (LDAP, SSSD) show only
//! once they log in. What can not be read is said in [`UsersOverview::absent`] and never guessed.

mod rights;
mod sessions;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tacho_proc::{
    LoginKind, LoginLayout, PasswdEntry, parse_lastlog, parse_logins, parse_passwd, parse_uid_min,
};

pub use sessions::LoggedIn;
pub(super) use sessions::SessionSource;

/// How many accounts are told as active last.
const RECENT: usize = 3;

/// First user id that means nobody.
const NOBODY: u32 = 65_534;

/// Longer files are not read.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The newest part of `wtmp` that is looked at: some thousand logins.
const MAX_WTMP_BYTES: u64 = 1 << 20;

/// Where the files of accounts and logins are.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/etc`, or a tree like it.
    pub etc_root: PathBuf,
    /// `/run`, or a tree like it.
    pub run_root: PathBuf,
    /// `/var`, or a tree like it.
    pub var_root: PathBuf,
    /// `/dev`, or a tree like it: terminals tell when they were used last.
    pub dev_root: PathBuf,
}

/// The users of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsersOverview {
    /// Accounts of people: user ids from `UID_MIN` of `login.defs` on. `None` when `passwd` can not be read.
    pub ordinary: Option<usize>,
    /// The three accounts active last, the most recent first: those logged in by the last use of their
    /// terminal, then the others by their last login.
    pub recent: Vec<String>,
    /// Accounts that are root, or may run commands as root; sorted.
    pub can_become_root: Vec<String>,
    /// Sessions of users, in the order in which they began.
    pub logged_in: Vec<LoggedIn>,
    /// What of this could not be read, each a whole sentence.
    pub absent: Vec<String>,
}

impl Default for Places {
    fn default() -> Self {
        let root = Path::new("/");
        Self {
            etc_root: root.join("etc"),
            run_root: root.join("run"),
            var_root: root.join("var"),
            dev_root: root.join("dev"),
        }
    }
}

/// Reads what there is to know of the users now. Some dozen files.
pub fn overview(places: &Places) -> UsersOverview {
    let mut overview = UsersOverview::default();
    let passwd = read_or_say(&places.etc_root.join("passwd"), "accounts", &mut overview.absent);
    let accounts: Vec<PasswdEntry<'_>> = parse_passwd(passwd.as_deref().unwrap_or_default()).collect();
    let uid_min = parse_uid_min(&read(&places.etc_root.join("login.defs")).unwrap_or_default());
    let is_ordinary = |account: &&PasswdEntry<'_>| (uid_min..NOBODY).contains(&account.user_id);
    overview.ordinary = passwd.as_ref().map(|_| accounts.iter().filter(is_ordinary).count());
    overview.can_become_root = rights::can_become_root(places, &accounts, &mut overview.absent);
    match SessionSource::find(places).read() {
        Ok(sessions) => overview.logged_in = sessions,
        Err(problem) => overview.absent.push(format!("users logged in: {problem}")),
    }
    overview.recent = recent(places, &overview.logged_in, &accounts);
    overview
}

/// The accounts active last.
fn recent(places: &Places, logged_in: &[LoggedIn], accounts: &[PasswdEntry<'_>]) -> Vec<String> {
    let mut active: BTreeMap<&str, i64> = BTreeMap::new();
    for session in logged_in {
        let used_ms = terminal_used_ms(places, &session.terminal).or(session.since_ms).unwrap_or(0);
        let newest = active.entry(&session.user).or_insert(used_ms);
        *newest = used_ms.max(*newest);
    }
    let mut recent = newest_first(active);
    if recent.len() < RECENT {
        for name in last_logins(places, accounts) {
            if !recent.contains(&name) {
                recent.push(name);
            }
        }
    }
    recent.truncate(RECENT);
    recent
}

/// When somebody typed at the terminal last.
fn terminal_used_ms(places: &Places, terminal: &str) -> Option<i64> {
    let is_plain = !terminal.is_empty() && !terminal.contains("..") && !terminal.starts_with('/');
    let metadata = is_plain.then(|| std::fs::metadata(places.dev_root.join(terminal)).ok())??;
    metadata.atime().checked_mul(1000)
}

/// Accounts by their last login, the newest first: from `wtmp`, and where that knows nobody (it is gone from
/// young distributions) from `lastlog`.
fn last_logins(places: &Places, accounts: &[PasswdEntry<'_>]) -> Vec<String> {
    let layout = LoginLayout::of_this_machine();
    let mut logins: BTreeMap<String, i64> = BTreeMap::new();
    let wtmp = read_end(&places.var_root.join("log/wtmp"), layout.record_bytes()).unwrap_or_default();
    for record in parse_logins(&wtmp, layout).filter(|record| record.kind == LoginKind::User) {
        let newest = logins.entry(lossy(record.user)).or_insert(record.time_s);
        *newest = record.time_s.max(*newest);
    }
    if logins.is_empty() {
        logins = logins_by_lastlog(places, accounts, layout);
    }
    newest_first(logins)
}

fn logins_by_lastlog(
    places: &Places,
    accounts: &[PasswdEntry<'_>],
    layout: LoginLayout,
) -> BTreeMap<String, i64> {
    let Ok(file) = std::fs::File::open(places.var_root.join("log/lastlog")) else { return BTreeMap::new() };
    let mut record = [0; 8];
    let mut last = |account: &PasswdEntry<'_>| {
        let at = u64::from(account.user_id).checked_mul(layout.lastlog_bytes() as u64)?;
        file.read_exact_at(&mut record, at).ok()?;
        Some((lossy(account.name), parse_lastlog(&record, layout)?))
    };
    accounts.iter().filter_map(&mut last).collect()
}

fn newest_first<N: AsRef<str> + Ord>(times: BTreeMap<N, i64>) -> Vec<String> {
    let mut names: Vec<(i64, N)> = times.into_iter().map(|(name, time)| (time, name)).collect();
    names.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    names.into_iter().map(|(_, name)| name.as_ref().to_owned()).collect()
}

/// The file as it is, unless it is absurdly long.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > MAX_FILE_BYTES {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    std::fs::read(path)
}

fn read_or_say(path: &Path, what: &str, absent: &mut Vec<String>) -> Option<Vec<u8>> {
    match read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            absent.push(format!("{what}: {}", reason(&error)));
            None
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "denied".to_owned(),
        io::ErrorKind::NotFound => "not on this host".to_owned(),
        _ => error.to_string(),
    }
}

/// The newest whole records of a file that grows at its end.
fn read_end(path: &Path, record_bytes: usize) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let (length, record) = (file.metadata()?.len(), record_bytes as u64);
    let wanted = (length / record).min(MAX_WTMP_BYTES / record) * record;
    let mut bytes = vec![0; usize::try_from(wanted).unwrap_or(0)];
    file.read_exact_at(&mut bytes, length / record * record - wanted)?;
    Ok(bytes)
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
pub(super) use tests::record;

#[cfg(test)]
mod tests;
