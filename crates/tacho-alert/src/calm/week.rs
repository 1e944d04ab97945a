//! Times of the week that come again, by the clock on the wall of some place.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

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

/// From one time of the day to another, on some days.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    /// On which it begins; empty means every day.
    pub(super) days: Vec<Weekday>,
    /// Minutes since midnight. An end that is not after the start is one of the next day.
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Some windows; none: always.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    windows: Vec<Window>,
    texts: Vec<String>,
    zone: TimeZone,
    zone_name: String,
}

impl Default for Times {
    /// Always.
    fn default() -> Self {
        let zone_name = "UTC".to_owned();
        Self { windows: Vec::new(), texts: Vec::new(), zone: TimeZone::UTC, zone_name }
    }
}

impl Times {
    /// Reads windows such as `mon-fri 08:00-18:00`, `sat,sun` and `22:00-06:00`, by the clock of a place such as
    /// `Europe/Berlin`, whose rules come from the machine's time zone database. What is wrong, and about which of
    /// `during` and `time_zone`.
    pub fn read(during: &[String], time_zone: &str) -> Result<Self, Vec<(&'static str, String)>> {
        let mut problems = Vec::new();
        let zone = zone(time_zone).map_err(|problem| problems.push(("time_zone", problem))).ok();
        let windows: Vec<Window> = during
            .iter()
            .filter_map(|text| window(text).map_err(|problem| problems.push(("during", problem))).ok())
            .collect();
        match zone {
            Some(zone) if problems.is_empty() => {
                Ok(Self { windows, texts: during.to_vec(), zone, zone_name: time_zone.to_owned() })
            }
            _ => Err(problems),
        }
    }

    /// Is it one of these times?
    pub fn include(&self, now_ms: i64) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.is_open(&self.zone, now_ms))
    }

    /// As they were read.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Name of the place.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }
}

impl Window {
    pub(super) fn is_open(&self, zone: &TimeZone, now_ms: i64) -> bool {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return false };
        let now = now.to_zoned(zone.clone());
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

/// Days that [`Window::boundaries`] looks ahead: a window that falls into the hour that a clock skips opens a week later.
const DAYS_AHEAD: i64 = 15;

impl Window {
    /// Moments around `now_ms` at which it may open or close, in order: its times of the day by the clock on the wall, and
    /// when that clock is set.
    pub(super) fn boundaries(&self, zone: &TimeZone, now_ms: i64) -> Vec<i64> {
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return Vec::new() };
        let today = now.to_zoned(zone.clone()).date();
        let mut moments = Vec::new();
        for day in -1..=DAYS_AHEAD {
            for minute in [self.from, self.to] {
                let time = today
                    .at(0, 0, 0, 0)
                    .checked_add(Span::new().days(day))
                    .and_then(|time| time.checked_add(Span::new().minutes(minute)));
                let Ok(time) = time else { continue };
                // Where a clock is set back it shows a time twice.
                let both =
                    [zone.to_ambiguous_timestamp(time).earlier(), zone.to_ambiguous_timestamp(time).later()];
                moments.extend(both.into_iter().flatten().map(Timestamp::as_millisecond));
            }
        }
        let last_ms = moments.iter().copied().max().unwrap_or(now_ms);
        let set = zone.following(now).map(|set| set.timestamp().as_millisecond());
        moments.extend(set.take_while(|ms| *ms <= last_ms));
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

/// A zone by its name.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        format!(
            r#"is {name:?}, which this machine does not know; write one such as "Europe/Berlin" or "UTC""#
        )
    })
}

/// A day by its short name.
pub(super) fn day(text: &str) -> Result<Weekday, String> {
    let known = DAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
    known.ok_or_else(|| {
        let names = DAYS.map(|(name, _)| name).join(", ");
        format!("names {text:?}; write some of {names}")
    })
}

/// Minutes since midnight of a text such as `02:30`; `24:00` is the day's end.
pub(super) fn minute(text: &str) -> Result<i64, String> {
    let read = text.split_once(':').and_then(|(hour, minute)| {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute) =
            (Some(hour).filter(|it| is_number(it))?, Some(minute).filter(|it| is_number(it))?);
        let (hour, minute) = (hour.parse::<u8>().ok()?, minute.parse::<u8>().ok().filter(|it| *it < 60)?);
        let minutes = i64::from(hour) * 60 + i64::from(minute);
        (0..=MINUTES_PER_DAY).contains(&minutes).then_some(minutes)
    });
    read.ok_or_else(|| format!(r#"is {text:?}; write a time of the day, such as "02:30""#))
}

/// `mon-fri 08:00-18:00`, `sat,sun`, `22:00-06:00`.
fn window(text: &str) -> Result<Window, String> {
    let wrong =
        || format!(r#"has {text:?}; write days, times, or both, such as "mon-fri 08:00-18:00" or "sat,sun""#);
    let mut window = Window { days: Vec::new(), from: 0, to: MINUTES_PER_DAY };
    let mut parts = text.split_whitespace();
    let first = parts.next().ok_or_else(wrong)?;
    let times = if first.contains(':') {
        Some(first)
    } else {
        for part in first.split(',') {
            window.days.extend(days(part)?);
        }
        parts.next()
    };
    if let Some(times) = times {
        let (from, to) = times.split_once('-').ok_or_else(wrong)?;
        (window.from, window.to) = (minute(from)?, minute(to)?);
    }
    if parts.next().is_some() { Err(wrong()) } else { Ok(window) }
}

/// `mon`, or `fri-mon` with all between.
fn days(text: &str) -> Result<Vec<Weekday>, String> {
    let Some((first, last)) = text.split_once('-') else { return Ok(vec![day(text)?]) };
    let (first, last) = (day(first)?, day(last)?);
    let mut days = vec![first];
    let mut next = first;
    while next != last {
        next = next.next();
        days.push(next);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(during: &[&str], zone: &str) -> Result<Times, Vec<(&'static str, String)>> {
        let during: Vec<String> = during.iter().map(|text| (*text).to_owned()).collect();
        Times::read(&during, zone)
    }

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn windows_are_open_at_their_times() {
        // 2026-11-21 is a Saturday.
        let work = times(&["mon-fri 08:00-18:00"], "UTC").unwrap();
        let rest = times(&["mon-fri 18:00-08:00", "sat,sun"], "UTC").unwrap();
        let night = times(&["22:00-06:00"], "UTC").unwrap();
        let long_weekend = times(&["fri-mon"], "UTC").unwrap();
        for (time, expected) in [
            ("2026-11-20T07:59:59Z", [false, true, false, true]),
            ("2026-11-20T08:00:00Z", [true, false, false, true]),
            ("2026-11-20T18:00:00Z", [false, true, false, true]),
            ("2026-11-20T22:00:00Z", [false, true, true, true]),
            ("2026-11-21T05:59:59Z", [false, true, true, true]),
            ("2026-11-21T12:00:00Z", [false, true, false, true]),
            ("2026-11-23T23:59:59Z", [false, true, true, true]),
            ("2026-11-24T00:00:00Z", [false, true, true, false]),
            ("2026-11-24T09:00:00Z", [true, false, false, false]),
        ] {
            let open = [&work, &rest, &night, &long_weekend].map(|times| times.include(ms(time)));
            assert_eq!(open, expected, "{time}");
        }
        assert!(Times::default().include(0));
    }

    #[test]
    fn the_clock_on_the_wall_counts_also_when_it_is_set() {
        let Ok(berlin) = times(&["08:00-18:00"], "Europe/Berlin") else { return };
        assert!(berlin.include(ms("2026-07-01T06:00:00Z")) && !berlin.include(ms("2026-07-01T05:59:00Z")));
        assert!(berlin.include(ms("2026-12-01T07:00:00Z")) && !berlin.include(ms("2026-12-01T06:59:00Z")));
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let problems =
            times(&["", "mo", "mon 8-18", "mon 25:00-26:00", "mon 08:00-09:00 x", "mon-"], "Mars/Base");
        let problems = problems.unwrap_err();
        let about: Vec<_> = problems.iter().map(|problem| problem.0).collect();
        assert_eq!(about, ["time_zone", "during", "during", "during", "during", "during", "during"]);
        assert!(problems[2].1.contains("mon, tue, wed"), "{problems:?}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_window_or_a_problem(text in "[a-z0-9:, -]{0,24}|.{0,12}") {
            drop(times(&[&text], "UTC"));
        }
    }
}
