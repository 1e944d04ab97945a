//! Who logs in and out.

use std::time::{Duration, SystemTime};

use tacho_model::tables::{event, host};
use tacho_model::{Block, Row};

use super::Tick;
use super::accounts::{LoggedIn, Places, SessionSource};
use super::every::Every;
use super::status::Status;

/// Sessions are read again when their source changes, which costs one `stat` at each snapshot, and now and
/// then, because there may be another source by then.
#[derive(Debug)]
pub(super) struct Logins {
    places: Places,
    source: SessionSource,
    search: Every,
    /// When the source had changed at the newest reading.
    changed: Option<SystemTime>,
    /// `None` until they were read, and while they can not be.
    sessions: Option<Vec<LoggedIn>>,
    boot_time_ms: i64,
    pub(super) status: Status,
}

impl Logins {
    pub(super) fn new(places: Places, search_interval: Duration, boot_time_ms: i64) -> Self {
        Self {
            source: SessionSource::find(&places),
            places,
            search: Every::new(search_interval),
            changed: None,
            sessions: None,
            boot_time_ms,
            status: Status::new("login"),
        }
    }

    pub(super) fn collect(&mut self, tick: &Tick, host: &mut Row<'_>, events: &mut Block) {
        let searched = self.search.due(tick).is_some();
        if searched {
            let source = SessionSource::find(&self.places);
            if source != self.source {
                (self.source, self.sessions) = (source, None);
            }
        }
        let changed = self.source.changed();
        if searched || changed != self.changed {
            self.changed = changed;
            self.read(tick, events);
        }
        let count = self.sessions.as_ref().map(|sessions| sessions.len() as u64);
        host.optional(host::USERS_LOGGED_IN, count);
    }

    fn read(&mut self, tick: &Tick, events: &mut Block) {
        self.status.remarks.clear();
        let now = match self.source.read() {
            Ok(sessions) => sessions,
            Err(problem) => {
                self.status.remarks.push(format!("users logged in: {problem}"));
                self.sessions = None;
                return;
            }
        };
        // Who was logged in before the agent looked for the first time did not log in now.
        let before = self.sessions.replace(now);
        if let (Some(before), Some(now)) = (before, &self.sessions) {
            let time_ms = self.boot_time_ms.saturating_add_unsigned(tick.now_us / 1000);
            for session in now.iter().filter(|session| !before.contains(session)) {
                write_event("login", session, session.since_ms.unwrap_or(time_ms), events);
            }
            for session in before.iter().filter(|session| !now.contains(session)) {
                write_event("logout", session, time_ms, events);
            }
        }
    }
}

fn write_event(kind: &str, session: &LoggedIn, happened_ms: i64, events: &mut Block) {
    let mut text = format!("{} logged {}", session.user, if kind == "login" { "in" } else { "out" });
    for (word, place) in [(" on ", &session.terminal), (" from ", &session.address)] {
        if !place.is_empty() {
            text.push_str(word);
            text.push_str(place);
        }
    }
    let mut row = events.push();
    row.text(event::KIND, kind)
        .text(event::SUBJECT, &session.user)
        .text(event::TEXT, &text)
        .integer(event::HAPPENED, happened_ms)
        .text(event::USER, &session.user)
        .text(event::ADDRESS, &session.address)
        .text(event::TERMINAL, &session.terminal);
    if let Some(pid) = session.pid {
        row.integer(event::PID, pid);
    }
}
