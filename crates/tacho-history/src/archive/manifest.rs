//! What an export says about itself. It is the last entry of the archive: one that was cut off has none.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tacho_catalog::{Acknowledgement, AlertRecord, GapRecord, HostPart, StreamKey};
use tacho_model::GapReason;

use crate::rollup::{Level, stored_table};
use crate::time::HOUR_MS;

/// Name of its entry.
pub(super) const NAME: &str = "manifest.json";

/// Of the archive as a whole. A reader refuses a greater one.
const FORMAT: u32 = 1;

/// Names are on disk in other places; fields are only added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Of Tacho that wrote it.
    version: String,
    pub(super) exported_ms: i64,
    /// What is in it: whole hours, the end not included.
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    host: Host,
    pub(super) parts: Vec<Part>,
    gaps: Vec<Gap>,
    alerts: Vec<Alert>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Host {
    id: String,
    name: String,
    /// JSON as the catalog keeps it.
    facts: Option<String>,
    created_ms: i64,
    last_seen_ms: Option<i64>,
    /// Absent in archives of before there were any.
    #[serde(default)]
    tags: Vec<String>,
}

/// A Parquet file in the archive: rows of one table, sorted as in the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) path: String,
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// CRC-32 of all bytes.
    pub(super) checksum: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Gap {
    agent_id: String,
    /// 32 hexadecimal digits.
    stream: String,
    first_sequence: u64,
    last_sequence: u64,
    frames: u64,
    first_time_ms: i64,
    last_time_ms: i64,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Alert {
    id: String,
    rule: String,
    severity: String,
    fired_ms: i64,
    /// Absent when it still fired.
    resolved_ms: Option<i64>,
    reason: String,
    acknowledged: Option<Acknowledged>,
    data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Acknowledged {
    time_ms: i64,
    author: String,
    note: String,
}

impl Manifest {
    /// Does every table of which it has other rollups have those of a level? Once there were none of some.
    pub(super) fn has(&self, level: Level) -> bool {
        let tables = |level| {
            let stored = self.parts.iter().filter_map(|part| stored_table(&part.table));
            stored.filter(move |(.., of)| *of == level).map(|(_, raw, _)| raw.name).collect::<HashSet<_>>()
        };
        let of = tables(level);
        [Level::Minute, Level::Hour].into_iter().all(|other| tables(other).is_subset(&of))
    }

    pub(super) fn new(part: HostPart, range: std::ops::Range<i64>, exported_ms: i64) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            exported_ms,
            from_ms: range.start,
            to_ms: range.end,
            host: Host {
                id: part.id,
                name: part.name,
                facts: part.facts,
                created_ms: part.created_ms,
                last_seen_ms: part.last_seen_ms,
                tags: part.tags,
            },
            parts: Vec::new(),
            gaps: part.gaps.into_iter().map(Gap::of).collect(),
            alerts: part.alerts.into_iter().map(Alert::of).collect(),
        }
    }

    /// Reads it and checks what it says; the error says what is wrong.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            version: String,
        }
        let version: Version =
            serde_json::from_slice(json).map_err(|error| format!("its {NAME} is not one: {error}"))?;
        if version.format > FORMAT {
            return Err(format!("a newer Tacho wrote it ({}): use that one", version.version));
        }
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| format!("its {NAME} is not one: {error}"))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let Host { id, name, .. } = &self.host;
        let is_bad_in_id = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
        if id.is_empty() || id.len() > 64 || id.contains(is_bad_in_id) {
            return Err("the id of its host is none".to_owned());
        }
        if name.is_empty() || name.len() > 253 || name.contains(|c: char| c.is_control() || c == '/') {
            return Err("the name of its host is none".to_owned());
        }
        let whole = self.from_ms.rem_euclid(HOUR_MS) == 0 && self.to_ms.rem_euclid(HOUR_MS) == 0;
        if self.from_ms >= self.to_ms || !whole {
            return Err("its range of time is none".to_owned());
        }
        for part in &self.parts {
            if stored_table(&part.table).is_none() {
                return Err(format!("it has a table {} that this version does not know", part.table));
            }
        }
        Ok(())
    }

    pub(super) fn host_id(&self) -> &str {
        &self.host.id
    }

    /// What goes into a catalog. An alert that still fired ends with the export: nobody watches the host here.
    pub(super) fn host_part(&self) -> HostPart {
        let host = self.host.clone();
        let gaps = self.gaps.iter().filter_map(|gap| gap.record(&host.id)).collect();
        let alerts = self.alerts.iter().map(|alert| alert.record(&host, self.exported_ms)).collect();
        HostPart {
            id: host.id,
            name: host.name,
            facts: host.facts,
            created_ms: host.created_ms,
            last_seen_ms: host.last_seen_ms,
            tags: host.tags,
            gaps,
            alerts,
        }
    }
}

impl Gap {
    fn of(gap: GapRecord) -> Self {
        Self {
            agent_id: gap.key.agent_id.to_string(),
            stream: format!("{:032x}", u128::from_be_bytes(gap.key.stream)),
            first_sequence: gap.first_sequence,
            last_sequence: gap.last_sequence,
            frames: gap.frames,
            first_time_ms: gap.first_time_ms,
            last_time_ms: gap.last_time_ms,
            reason: gap.reason.as_str().to_owned(),
        }
    }

    fn record(&self, host_id: &str) -> Option<GapRecord> {
        let stream = u128::from_str_radix(&self.stream, 16).ok()?.to_be_bytes();
        Some(GapRecord {
            host_id: host_id.to_owned(),
            key: StreamKey { agent_id: self.agent_id.as_str().into(), stream },
            first_sequence: self.first_sequence,
            last_sequence: self.last_sequence,
            frames: self.frames,
            first_time_ms: self.first_time_ms,
            last_time_ms: self.last_time_ms,
            reason: GapReason::of_text(&self.reason),
        })
    }
}

impl Alert {
    fn of(alert: AlertRecord) -> Self {
        Self {
            id: alert.id,
            rule: alert.rule,
            severity: alert.severity,
            fired_ms: alert.fired_ms,
            resolved_ms: alert.resolved_ms,
            reason: alert.reason,
            acknowledged: alert.acknowledged.map(|by| Acknowledged {
                time_ms: by.time_ms,
                author: by.author,
                note: by.note,
            }),
            data: alert.data,
        }
    }

    fn record(&self, host: &Host, exported_ms: i64) -> AlertRecord {
        let reason = match self.resolved_ms {
            Some(_) => self.reason.clone(),
            None => "still fired when it was exported".to_owned(),
        };
        AlertRecord {
            id: self.id.clone(),
            rule: self.rule.clone(),
            host_id: host.id.clone(),
            host: host.name.clone(),
            entity: String::new(),
            severity: self.severity.clone(),
            fired_ms: self.fired_ms,
            resolved_ms: Some(self.resolved_ms.unwrap_or(exported_ms)),
            reason,
            acknowledged: self.acknowledged.as_ref().map(|by| Acknowledgement {
                time_ms: by.time_ms,
                author: by.author.clone(),
                note: by.note.clone(),
            }),
            data: self.data.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part_of_host() -> HostPart {
        HostPart {
            id: "h1".to_owned(),
            name: "web".to_owned(),
            facts: None,
            created_ms: 1,
            last_seen_ms: None,
            tags: vec!["dc=eu".to_owned()],
            gaps: Vec::new(),
            alerts: Vec::new(),
        }
    }

    fn json(change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
        let mut manifest = Manifest::new(part_of_host(), 0..HOUR_MS, 5);
        change(&mut manifest);
        serde_json::to_vec(&manifest).unwrap()
    }

    fn check(change: impl FnOnce(&mut Manifest), expected: &str) {
        let error = Manifest::parse(&json(change)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_cannot_be_taken_in_is_refused_with_the_reason() {
        assert_eq!(Manifest::parse(&json(|_| {})).unwrap().host_part(), part_of_host());
        check(|manifest| manifest.format = 2, "a newer Tacho wrote it (0.1.0)");
        check(|manifest| manifest.host.id = "../x".to_owned(), "the id of its host");
        check(|manifest| manifest.host.name = "a/b".to_owned(), "the name of its host");
        check(|manifest| manifest.to_ms += 1, "its range");
        check(
            |manifest| {
                manifest.parts.push(Part {
                    path: "x".into(),
                    table: "colours".into(),
                    rows: 0,
                    bytes: 0,
                    checksum: 0,
                });
            },
            "a table colours",
        );
    }

    #[test]
    fn an_archive_of_before_a_level_is_known() {
        let has = |tables: &[&str]| {
            let part = |table: &&str| Part {
                path: "x".into(),
                table: (*table).to_owned(),
                rows: 0,
                bytes: 0,
                checksum: 0,
            };
            let parts = tables.iter().map(part).collect();
            Manifest { parts, ..Manifest::new(part_of_host(), 0..HOUR_MS, 5) }.has(Level::TenMinutes)
        };
        assert!(has(&[]) && has(&["host", "event"]) && has(&["host_1m", "host_10m", "host_1h"]));
        assert!(!has(&["host_1m", "host_1h"]) && !has(&["host_1m", "host_10m", "disk_1m"]));
    }

    #[test]
    fn an_alert_that_fires_ends_with_the_export() {
        let alert = AlertRecord {
            id: "a".to_owned(),
            rule: "cpu".to_owned(),
            host_id: "h1".to_owned(),
            host: "web".to_owned(),
            entity: String::new(),
            severity: "warning".to_owned(),
            fired_ms: 3,
            resolved_ms: None,
            reason: String::new(),
            acknowledged: Some(Acknowledgement { time_ms: 4, author: "me".into(), note: "on it".into() }),
            data: "{}".to_owned(),
        };
        let part = HostPart { alerts: vec![alert.clone()], ..part_of_host() };
        let json = serde_json::to_vec(&Manifest::new(part, 0..HOUR_MS, 5)).unwrap();
        let ended = AlertRecord {
            resolved_ms: Some(5),
            reason: "still fired when it was exported".to_owned(),
            ..alert
        };
        assert_eq!(Manifest::parse(&json).unwrap().host_part().alerts, [ended]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_manifest_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Manifest::parse(&bytes).ok();
        }
    }
}
