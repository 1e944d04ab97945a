//! Who is logged in: `utmp`, or where there is none any more, the files of systemd's login manager.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tacho_proc::{LoginKind, LoginLayout, parse_logins, parse_session};

use super::{Places, lossy, read, reason};

/// More sessions than this are left out.
const MAX_SESSIONS: usize = 1000;

/// A session of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedIn {
    /// When it began, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    pub user: String,
    /// Terminal without `/dev/`; empty when it has none.
    pub terminal: String,
    /// Name or address of the machine the user came from; empty for local sessions.
    pub address: String,
    /// Process that leads the session.
    pub pid: Option<i64>,
}

/// Where sessions are told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sampler) enum SessionSource {
    Utmp(PathBuf),
    LoginManager(PathBuf),
}

impl SessionSource {
    /// `utmp` when it is there; else the login manager, whether it is there or not.
    pub(in crate::sampler) fn find(places: &Places) -> Self {
        let utmp = [places.run_root.join("utmp"), places.var_root.join("run/utmp")];
        match utmp.into_iter().find(|path| path.exists()) {
            Some(path) => Self::Utmp(path),
            None => Self::LoginManager(places.run_root.join("systemd/sessions")),
        }
    }

    /// When a session came or went last; `None` when it can not be told.
    pub(in crate::sampler) fn changed(&self) -> Option<SystemTime> {
        let (Self::Utmp(path) | Self::LoginManager(path)) = self;
        std::fs::metadata(path).ok()?.modified().ok()
    }

    /// All sessions, in the order in which they began; why there are none to be had otherwise.
    pub(in crate::sampler) fn read(&self) -> Result<Vec<LoggedIn>, String> {
        let mut sessions = match self {
            Self::Utmp(path) => from_utmp(&read(path).map_err(|error| reason(&error))?),
            Self::LoginManager(path) => from_login_manager(path)?,
        };
        sessions.sort();
        sessions.truncate(MAX_SESSIONS);
        Ok(sessions)
    }
}

fn from_utmp(bytes: &[u8]) -> Vec<LoggedIn> {
    let records = parse_logins(bytes, LoginLayout::of_this_machine());
    let users = records.filter(|record| record.kind == LoginKind::User && !record.user.is_empty());
    let session = |record: tacho_proc::LoginRecord<'_>| LoggedIn {
        since_ms: record.time_s.checked_mul(1000),
        user: lossy(record.user),
        terminal: lossy(record.terminal),
        address: remote(&lossy(record.origin)),
        pid: Some(record.pid).filter(|pid| *pid > 0),
    };
    users.map(session).collect()
}

/// A display such as `:0` is no place to come from.
fn remote(origin: &str) -> String {
    if origin.starts_with(':') && !origin.starts_with("::") { String::new() } else { origin.to_owned() }
}

fn from_login_manager(directory: &Path) -> Result<Vec<LoggedIn>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "neither utmp nor a login manager here".to_owned(),
        _ => reason(&error),
    })?;
    let mut sessions = Vec::new();
    for entry in entries.flatten().take(2 * MAX_SESSIONS) {
        // Beside each session there is a pipe that must not be opened.
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let Ok(text) = read(&entry.path()) else { continue };
        let Some(session) = parse_session(&text) else { continue };
        sessions.push(LoggedIn {
            since_ms: session.since_us.and_then(|us| i64::try_from(us / 1000).ok()),
            user: lossy(session.user),
            terminal: lossy(session.terminal),
            address: remote(&lossy(session.origin)),
            pid: session.leader.and_then(|pid| i64::try_from(pid).ok()),
        });
    }
    Ok(sessions)
}
