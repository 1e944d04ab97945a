//! Maintenance windows: times of the week at which alerts are not told.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::silence::{Matcher, matches_all};
use super::week::{self, Window};
use crate::alert::Alert;
use crate::load::keys::Keys;

/// A time of the week that comes again.
#[derive(Debug, Clone)]
pub struct Maintenance {
    pub name: String,
    matchers: Vec<Matcher>,
    window: Window,
    zone: TimeZone,
}

impl Maintenance {
    pub(crate) fn mutes(&self, alert: &Alert, now_ms: i64) -> bool {
        self.is_open(now_ms) && matches_all(&self.matchers, alert)
    }

    /// Is it that time?
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.window.is_open(&self.zone, now_ms)
    }
}

/// Reads a `[[maintenance]]`; the zone's rules come from the machine's time zone database.
pub(crate) fn maintenance(keys: &mut Keys<'_, '_>) -> Option<Maintenance> {
    let name = keys.text("name").unwrap_or_default();
    keys.name_it(&name);
    let matchers = keys.lists("match").into_iter().flat_map(|(label, globs)| {
        globs.into_iter().map(move |pattern| Matcher { label: label.clone(), pattern })
    });
    let matchers: Vec<_> = matchers.collect();
    let days = days(keys);
    let (from, to) = (minute(keys, "from"), minute(keys, "to"));
    let zone = keys.text("time_zone").unwrap_or_else(|| "UTC".to_owned());
    let zone = week::zone(&zone).map_err(|problem| keys.problem("time_zone", problem)).ok();
    Some(Maintenance { name, matchers, window: Window { days, from: from?, to: to? }, zone: zone? })
}

fn days(keys: &mut Keys<'_, '_>) -> Vec<Weekday> {
    let mut days = Vec::new();
    for text in keys.strings("days") {
        match week::day(&text) {
            Ok(day) => days.push(day),
            Err(problem) => keys.problem("days", problem),
        }
    }
    days
}

fn minute(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<i64> {
    let text = keys.text(key).unwrap_or_default();
    week::minute(&text).map_err(|problem| keys.problem(key, problem)).ok()
}
