//! Maintenance windows: times of the week at which alerts are not told.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::silence::{Matcher, matches_all};
use crate::alert::Alert;
use crate::load::keys::Keys;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

const MINUTES_PER_DAY: i64 = 24 * 60;

/// A time of the week that comes again.
#[derive(Debug, Clone)]
pub struct Maintenance {
    pub name: String,
    matchers: Vec<Matcher>,
    /// On which it begins; empty means every day.
    days: Vec<Weekday>,
    /// Minutes since midnight. An end before the start is one of the next day.
    from: i64,
    to: i64,
    zone: TimeZone,
}

impl Maintenance {
    pub(crate) fn mutes(&self, alert: &Alert, now_ms: i64) -> bool {
        self.is_open(now_ms) && matches_all(&self.matchers, alert)
    }

    /// Is it that time?
    pub fn is_open(&self, now_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return false };
        let now = now.to_zoned(self.zone.clone());
        let minute = i64::from(now.hour()) * 60 + i64::from(now.minute());
        let begins_on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        let today = begins_on(now.weekday());
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        let yesterday = begins_on(now.weekday().previous());
        today && minute >= self.from || yesterday && minute < self.to
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
    let zone = if zone == "UTC" {
        Some(TimeZone::UTC)
    } else {
        TimeZone::get(&zone)
            .map_err(|_| {
                keys.problem("time_zone", format_args!(
                r#"is {zone:?}, which this machine does not know; write one such as "Europe/Berlin" or "UTC""#
            ));
            })
            .ok()
    };
    Some(Maintenance { name, matchers, days, from: from?, to: to?, zone: zone? })
}

fn days(keys: &mut Keys<'_, '_>) -> Vec<Weekday> {
    let mut days = Vec::new();
    for text in keys.strings("days") {
        match DAYS.iter().find(|(name, _)| *name == text) {
            Some((_, day)) => days.push(*day),
            None => {
                let names = DAYS.map(|(name, _)| name).join(", ");
                keys.problem("days", format_args!("names {text:?}; write some of {names}"));
            }
        }
    }
    days
}

fn minute(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<i64> {
    let text = keys.text(key).unwrap_or_default();
    let read = text.split_once(':').and_then(|(hour, minute)| {
        let minutes = hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok().filter(|m| *m < 60)?;
        (0..=MINUTES_PER_DAY).contains(&minutes).then_some(minutes)
    });
    if read.is_none() {
        keys.problem(key, format_args!(r#"is {text:?}; write a time of the day, such as "02:30""#));
    }
    read
}
