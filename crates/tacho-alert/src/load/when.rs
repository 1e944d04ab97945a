//! The part of a rule that says what it looks for, and on which hosts.

use tacho_model::{Table, tables};

use super::keys::Keys;
use super::{DAY_MS, DEFAULT_GROUP_WAIT_MS, DEFAULT_REPEAT_MS, MINUTE_MS};
use crate::condition::event::EventMatch;
use crate::condition::filesystem::DiskFilling;
use crate::condition::hog::ProcessHog;
use crate::condition::reading::{ClockOffset, Reading, Rows, State, Threshold};
use crate::condition::watch::ProcessWatch;
use crate::condition::{Condition, KINDS};
use crate::glob::Glob;
use crate::host::Selector;

pub(super) const DEFAULT_TEXT: &str = "{{host}}: {{rule}} {{entity}} {{text}} {{value}}";

/// A share above which one process is a hog.
const HOG_RATIO: f64 = 0.5;

/// Times that hold unless the rule says otherwise: `for`, `keep_firing_for`, `repeat`, `group_wait`.
pub(super) fn times(condition: &Condition) -> (i64, i64, i64, i64) {
    let (repeat_ms, wait_ms) = (DEFAULT_REPEAT_MS, DEFAULT_GROUP_WAIT_MS);
    match condition {
        // Looked at again at the next snapshot.
        Condition::ProcessHog(_) => (5_000, 0, repeat_ms, wait_ms),
        // An event is over when it is told; it stays to be seen.
        Condition::Event(_) => (0, 10 * MINUTE_MS, repeat_ms, wait_ms),
        Condition::ProcessWatch(_) => (0, 0, repeat_ms, wait_ms),
        // Hosts behind one broken cable do not fall silent in one instant.
        Condition::HostSilent { .. } => (0, 0, 10 * MINUTE_MS, 5_000),
        _ => (0, 0, repeat_ms, wait_ms),
    }
}

pub(super) fn selector(keys: &mut Keys<'_, '_>) -> Selector {
    let read = keys.inner("hosts", |keys| Selector {
        name: keys.globs("name"),
        tags: keys.globs("tags"),
        os: keys.globs("os"),
        kernel: keys.globs("kernel"),
        architecture: keys.globs("architecture"),
        virtualization: keys.globs("virtualization"),
        address: keys.globs("address"),
    });
    read.unwrap_or_default()
}

/// `when` as a text or a table; absent when it is wrong, which is then among the problems.
pub(super) fn condition(keys: &mut Keys<'_, '_>) -> Option<Condition> {
    const SAY: &str = r#"write "host.memory_used_ratio > 0.9" or { kind = "process_hog", cpu = 0.5 }"#;
    if !keys.has("when") {
        keys.problem("when", format_args!("is missing; {SAY}"));
        return None;
    }
    if keys.is_text("when") {
        let text = keys.text("when")?;
        return short(&text).map_err(|problem| keys.problem("when", problem)).ok();
    }
    keys.inner("when", table).flatten()
}

/// `host.memory_used_ratio > 0.9`.
fn short(text: &str) -> Result<Condition, String> {
    let wrong =
        || format!(r#"is {text:?}; write a reading, > or <, and a number: "host.memory_used_ratio > 0.9""#);
    let (reading, mark, limit) = text
        .split_once('>')
        .map(|(reading, limit)| (reading, '>', limit))
        .or_else(|| text.split_once('<').map(|(reading, limit)| (reading, '<', limit)))
        .ok_or_else(wrong)?;
    let limit = limit.trim().parse::<f64>().ok().filter(|limit| limit.is_finite()).ok_or_else(wrong)?;
    let reading = number(Reading::parse(reading.trim())?)?;
    let rows = Rows::default();
    Ok(Condition::Threshold(Threshold { reading, is_above: mark == '>', limit, until: limit, rows }))
}

/// Kinds whose place is kept: their names, the tables that they will look at, and what to do until then.
const LATER: [(&str, &str, &str); 2] = [
    ("probe", "probe", r#"meanwhile run a check on the host as a script and write { kind = "script" }"#),
    ("log", "log", r#"meanwhile look for the pattern in a script and write { kind = "script" }"#),
];

fn table(keys: &mut Keys<'_, '_>) -> Option<Condition> {
    let kind = keys.text("kind").unwrap_or_default();
    Some(match kind.as_str() {
        "threshold" => threshold(keys)?,
        "state" => state(keys)?,
        "process_hog" => hog(keys),
        "process_watch" => watch(keys)?,
        "host_silent" => Condition::HostSilent {
            after_ms: keys.duration("after", 10_000, DAY_MS).unwrap_or(2 * MINUTE_MS),
        },
        "disk_filling" => Condition::DiskFilling(DiskFilling {
            within_ms: keys.duration("within", 10 * MINUTE_MS, 30 * DAY_MS).unwrap_or(DAY_MS),
            over_ms: keys.duration("over", 30 * MINUTE_MS, DAY_MS / 4).unwrap_or(DAY_MS / 8),
            above: ratio(keys, "above").unwrap_or(0.5),
            fs_type: keys.globs("fs_type"),
            mount_point: keys.globs("mount_point"),
        }),
        "clock_offset" => Condition::ClockOffset(ClockOffset {
            above_ms: keys.duration("above", 1, DAY_MS).unwrap_or(5_000),
        }),
        "temperature" => temperature(keys),
        "read_only" => {
            Condition::ReadOnly { fs_type: keys.globs("fs_type"), mount_point: keys.globs("mount_point") }
        }
        "event" => {
            let event = event(keys, Vec::new());
            if event.kind.is_empty() {
                keys.problem(
                    "event",
                    r#"is missing; write the kind of event, such as "login" or "oom_kill""#,
                );
            }
            Condition::Event(event)
        }
        "oom_kill" => Condition::Event(event(keys, exactly("oom_kill"))),
        "login" => Condition::Event(event(keys, exactly("login"))),
        "agent_over_budget" => Condition::Event(event(keys, exactly("agent"))),
        "script" => script(keys),
        _ => {
            keys.ask_all();
            match LATER.iter().find(|(later, _, _)| *later == kind) {
                Some((_, table, meanwhile)) => keys.problem("kind", format_args!(
                    "is {kind:?}, whose readings no agent takes yet: they will come as the table {table:?}; {meanwhile}"
                )),
                None => keys.problem("kind", format_args!("is {kind:?}; write one of {}", KINDS.join(", "))),
            }
            return None;
        }
    })
}

fn threshold(keys: &mut Keys<'_, '_>) -> Option<Condition> {
    let reading = reading(keys);
    let (above, below) = (keys.number("above"), keys.number("below"));
    let until = keys.number("until");
    let rows = reading.as_ref().map(|reading| rows(keys, reading.table)).unwrap_or_default();
    let reading = number(reading?).map_err(|problem| keys.problem("reading", problem)).ok()?;
    let (is_above, limit) = match (above, below) {
        (Some(limit), None) => (true, limit),
        (None, Some(limit)) => (false, limit),
        _ => {
            keys.problem("above", "write one of above and below");
            return None;
        }
    };
    let until = until.unwrap_or(limit);
    if is_above && until > limit || !is_above && until < limit {
        keys.problem("until", "lies on the wrong side: it says where an alert that fires may end");
    }
    Some(Condition::Threshold(Threshold { reading, is_above, limit, until, rows }))
}

fn state(keys: &mut Keys<'_, '_>) -> Option<Condition> {
    let reading = reading(keys);
    let is = keys.globs("is");
    if is.is_empty() {
        keys.problem("is", r#"is missing; write the texts that are trouble, such as ["critical"]"#);
    }
    let rows = reading.as_ref().map(|reading| rows(keys, reading.table)).unwrap_or_default();
    Some(Condition::State(State { reading: reading?, is, rows, about: None }))
}

fn temperature(keys: &mut Keys<'_, '_>) -> Condition {
    let level =
        Some(keys.globs("level")).filter(|level| !level.is_empty()).unwrap_or_else(|| exactly("warning"));
    let sensor = keys.globs("sensor");
    let table = &tables::sensor::TABLE;
    Condition::State(State {
        reading: known(table, "level"),
        is: level,
        rows: Rows(vec![(known(table, "sensor"), sensor)]),
        about: Some(known(table, "temperature_celsius")),
    })
}

fn script(keys: &mut Keys<'_, '_>) -> Condition {
    let is = Some(keys.globs("is")).filter(|is| !is.is_empty());
    let name = keys.globs("script");
    let table = &tables::script::TABLE;
    let trouble = || ["critical", "failed", "timeout", "not-started"].into_iter().flat_map(exactly).collect();
    Condition::State(State {
        reading: known(table, "state"),
        is: is.unwrap_or_else(trouble),
        rows: Rows(vec![(known(table, "script"), name)]),
        about: Some(known(table, "text")),
    })
}

fn hog(keys: &mut Keys<'_, '_>) -> Condition {
    let keys_of = ["cpu", "memory", "disk", "network"];
    let shares = keys_of.map(|key| ratio(keys, key));
    // Without any share all four are looked at.
    let [cpu, memory, disk, network] =
        if keys_of.iter().any(|key| keys.has(key)) { shares } else { [Some(HOG_RATIO); 4] };
    let [name, user, unit] = ["name", "user", "unit"].map(|key| keys.globs(key));
    Condition::ProcessHog(ProcessHog { cpu, memory, disk, network, name, user, unit })
}

fn watch(keys: &mut Keys<'_, '_>) -> Option<Condition> {
    let [name, command, user, unit] = ["name", "command", "user", "unit"].map(|key| keys.globs(key));
    let mut watch = ProcessWatch {
        pid: keys.integer("pid", 1, i64::from(u32::MAX)),
        port: keys.integer("port", 1, 65_535),
        min: keys.integer("min", 0, 100_000).map(|min| min as u64),
        max: keys.integer("max", 0, 256).map(|max| max as u64),
        restarted: keys.boolean("restarted").unwrap_or(false),
        name,
        command,
        user,
        unit,
    };
    let lists = [&watch.name, &watch.command, &watch.user, &watch.unit];
    if watch.pid.is_none() && watch.port.is_none() && lists.iter().all(|list| list.is_empty()) {
        keys.problem("name", "says of no process; write one of name, command, user, unit, pid, port");
        return None;
    }
    if watch.min.is_none() && watch.max.is_none() && !watch.restarted {
        watch.min = Some(1);
    }
    Some(Condition::ProcessWatch(watch))
}

fn event(keys: &mut Keys<'_, '_>, kind: Vec<Glob>) -> EventMatch {
    let kind = if kind.is_empty() { keys.globs("event") } else { kind };
    let [subject, user, text] = ["subject", "user", "text"].map(|key| keys.globs(key));
    EventMatch { kind, subject, user, text }
}

fn reading(keys: &mut Keys<'_, '_>) -> Option<Reading> {
    let Some(text) = keys.text("reading") else {
        if !keys.has("reading") {
            keys.problem("reading", r#"is missing; write table.column, such as "filesystem.used_ratio""#);
        }
        return None;
    };
    Reading::parse(&text).map_err(|problem| keys.problem("reading", problem)).ok()
}

fn number(reading: Reading) -> Result<Reading, String> {
    if reading.is_number() {
        return Ok(reading);
    }
    Err(format!("{} is text; compare it with {{ kind = \"state\", is = [\"…\"] }}", reading.name()))
}

fn rows(keys: &mut Keys<'_, '_>, table: &'static Table) -> Rows {
    let mut rows = Vec::new();
    for (column, globs) in keys.lists("where") {
        match Reading::of(table, &column) {
            Some(reading) => rows.push((reading, globs)),
            None => keys.problem("where", format_args!("table {} has no column {column:?}", table.name)),
        }
    }
    Rows(rows)
}

fn ratio(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<f64> {
    let number = keys.number(key)?;
    if !(0.0..=1.0).contains(&number) {
        keys.problem(key, format_args!("is {number}; write a share from 0 to 1, such as 0.5 for half"));
        return None;
    }
    Some(number)
}

fn exactly(text: &str) -> Vec<Glob> {
    Glob::new(text).into_iter().collect()
}

/// A column that the code names, which a test of every kind goes through.
fn known(table: &'static Table, column: &str) -> Reading {
    Reading::of(table, column).expect("a column of the table")
}
