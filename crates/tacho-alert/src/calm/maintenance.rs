//! Maintenance windows: times of the week at which alerts are not told.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::silence::{Matcher, matches_all, matches_host};
use super::week::{self, Window};
use crate::alert::Alert;
use crate::host::Host;
use crate::load::keys::Keys;

/// What people write of a window, in a file or by the API; the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MaintenanceText {
    pub name: String,
    /// All have to match; none: every alert.
    pub matchers: Vec<Matcher>,
    /// On which it begins, such as `sat`; none: every day.
    pub days: Vec<String>,
    /// Times of the day such as `02:30`. An end that is not after the start is one of the next day.
    pub from: String,
    pub to: String,
    /// The place whose clock on the wall counts.
    pub time_zone: String,
    #[serde(default)]
    pub comment: String,
}

/// Where a window comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaintenanceOrigin {
    /// Lines count from 1.
    File { file: String, line: usize },
    /// Made by the API; its id.
    Stored(String),
}

/// A time of the week that comes again.
#[derive(Debug, Clone)]
pub struct Maintenance {
    pub text: MaintenanceText,
    pub origin: MaintenanceOrigin,
    window: Window,
    zone: TimeZone,
}

/// When a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Absent while it is open, and where it does not open in the days to come.
    pub starts_ms: Option<i64>,
    /// Absent where it does not close in the days to come.
    pub ends_ms: Option<i64>,
}

impl Maintenance {
    /// The zone's rules come from the machine's time zone database. What is wrong, and about which field.
    pub fn read(
        text: MaintenanceText,
        origin: MaintenanceOrigin,
    ) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let mut days: Vec<Weekday> = Vec::new();
        for name in &text.days {
            match week::day(name) {
                Ok(day) => days.push(day),
                Err(problem) => problems.push(("days", problem)),
            }
        }
        let mut minute = |field, text: &str| {
            week::minute(text).map_err(|problem| problems.push((field, problem))).unwrap_or_default()
        };
        let (from, to) = (minute("from", &text.from), minute("to", &text.to));
        let zone = week::zone(&text.time_zone).map_err(|problem| problems.push(("time_zone", problem))).ok();
        match zone {
            Some(zone) if problems.is_empty() => {
                Ok(Self { text, origin, window: Window { days, from, to }, zone })
            }
            _ => Err(problems),
        }
    }

    pub(crate) fn mutes(&self, alert: &Alert, now_ms: i64) -> bool {
        self.is_open(now_ms) && matches_all(&self.text.matchers, alert)
    }

    /// Is it that time?
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.window.is_open(&self.zone, now_ms)
    }

    /// Until when it is open, or when it opens next.
    pub fn opening(&self, now_ms: i64) -> Opening {
        let boundaries = self.window.boundaries(&self.zone, now_ms);
        let next = |from_ms: i64, open: bool| {
            boundaries.iter().copied().find(|ms| *ms > from_ms && self.is_open(*ms) == open)
        };
        let starts_ms = if self.is_open(now_ms) { None } else { next(now_ms, true) };
        let is_ever_open = starts_ms.is_some() || self.is_open(now_ms);
        let ends_ms = is_ever_open.then(|| next(starts_ms.unwrap_or(now_ms), false)).flatten();
        Opening { starts_ms, ends_ms }
    }

    /// Can it mute alerts of this host?
    pub fn is_about(&self, host: &Host) -> bool {
        matches_host(&self.text.matchers, host)
    }
}

/// Reads a `[[maintenance]]` of a file.
pub(crate) fn maintenance(keys: &mut Keys<'_, '_>, file: &str) -> Option<Maintenance> {
    let name = keys.text("name").unwrap_or_default();
    keys.name_it(&name);
    let matchers = keys.lists("match").into_iter().flat_map(|(label, globs)| {
        globs.into_iter().map(move |pattern| Matcher { label: label.clone(), pattern })
    });
    let text = MaintenanceText {
        matchers: matchers.collect(),
        days: keys.strings("days"),
        from: keys.text("from").unwrap_or_default(),
        to: keys.text("to").unwrap_or_default(),
        time_zone: keys.text("time_zone").unwrap_or_else(|| "UTC".to_owned()),
        comment: keys.text("comment").unwrap_or_default(),
        name,
    };
    let origin = MaintenanceOrigin::File { file: file.to_owned(), line: keys.line() };
    let read = Maintenance::read(text, origin);
    read.map_err(|problems| problems.into_iter().for_each(|(key, problem)| keys.problem(key, problem))).ok()
}
