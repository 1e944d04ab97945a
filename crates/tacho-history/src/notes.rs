//! What a file says about itself, in the key-value metadata of its footer: enough to rebuild a lost catalog.

use parquet::file::metadata::KeyValue;
use tacho_catalog::{FileRecord, StreamKey};
use tacho_model::SequenceSet;

const TABLE: &str = "tacho.table";
const LEVEL: &str = "tacho.level";
const ROLLED: &str = "tacho.rolled";
const WRITTEN: &str = "tacho.written_ms";
const REPLACES: &str = "tacho.replaces";
const SOURCES: &str = "tacho.sources";
const JOB: &str = "tacho.job";
const GROUP: &str = "tacho.group";
const WITH: &str = "tacho.with";
const MORE: &str = "tacho.more";
const MARKS: &str = "tacho.marks";

/// Beside what the catalog's row of the file has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Ids of files that this one replaces: all their rows are in it.
    pub(crate) replaces: Vec<String>,
    /// Of a rollup: whose rows are in it, by [`Self::job`], or by id of a file that was rolled up as it was.
    pub(crate) sources: Vec<String>,
    /// The compaction that rolled this file's rows up while it wrote it.
    pub(crate) job: Option<String>,
    /// Of a file of a flush: the id of the file of table `host` that was completed after it.
    pub(crate) group: Option<String>,
    /// Of that file, and of the last of several that were written by hosts: ids of the others.
    pub(crate) with: Vec<String>,
    /// Others with further hosts were to follow: without the one that names this in [`Self::with`] it is nothing.
    pub(crate) more: bool,
    /// Which frames are in the group, or in the groups that were merged into this file.
    pub(crate) marks: Vec<(StreamKey, SequenceSet)>,
}

/// What was read of them, and the part of the catalog's row that only they know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) table: String,
    pub(crate) level: i64,
    pub(crate) rolled: bool,
    pub(crate) written_ms: i64,
    pub(crate) notes: Notes,
}

impl Notes {
    pub(crate) fn to_pairs(&self, record: &FileRecord) -> Vec<KeyValue> {
        let mut pairs = vec![
            pair(TABLE, record.table.clone()),
            pair(LEVEL, record.level.to_string()),
            pair(ROLLED, i64::from(record.rolled).to_string()),
            pair(WRITTEN, record.written_ms.to_string()),
        ];
        let mut list = |key, ids: &[String]| {
            if !ids.is_empty() {
                pairs.push(pair(key, ids.join(",")));
            }
        };
        list(REPLACES, &self.replaces);
        list(SOURCES, &self.sources);
        list(WITH, &self.with);
        list(JOB, self.job.as_slice());
        list(GROUP, self.group.as_slice());
        if self.more {
            pairs.push(pair(MORE, "1".to_owned()));
        }
        if !self.marks.is_empty() {
            pairs.push(pair(MARKS, self.marks.iter().map(mark_text).collect::<Vec<_>>().join("\n")));
        }
        pairs
    }

    /// `None` where something is not as it was written, or it was written before there were notes.
    pub(crate) fn parse(pairs: &[KeyValue]) -> Option<Stated> {
        let text =
            |key: &str| pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_deref());
        let list = |key: &str| -> Vec<String> {
            text(key).map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
        };
        let marks = text(MARKS).map(|text| text.lines().map(parse_mark).collect::<Option<Vec<_>>>());
        Some(Stated {
            table: text(TABLE)?.to_owned(),
            level: text(LEVEL)?.parse().ok()?,
            rolled: text(ROLLED)? == "1",
            written_ms: text(WRITTEN)?.parse().ok()?,
            notes: Self {
                replaces: list(REPLACES),
                sources: list(SOURCES),
                job: text(JOB).map(str::to_owned),
                group: text(GROUP).map(str::to_owned),
                with: list(WITH),
                more: text(MORE) == Some("1"),
                marks: match marks {
                    Some(marks) => marks?,
                    None => Vec::new(),
                },
            },
        })
    }

    /// Adds the marks of another file.
    pub(crate) fn add_marks(&mut self, marks: &[(StreamKey, SequenceSet)]) {
        for (key, stored) in marks {
            match self.marks.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => known.extend(stored),
                None => self.marks.push((key.clone(), stored.clone())),
            }
        }
    }
}

fn pair(key: &str, value: String) -> KeyValue {
    KeyValue::new(key.to_owned(), value)
}

/// `7b1c… 000102… 1-90,95`
fn mark_text((key, stored): &(StreamKey, SequenceSet)) -> String {
    let ranges: Vec<_> = stored.ranges().map(|range| format!("{}-{}", range.start(), range.end())).collect();
    format!("{} {:032x} {}", key.agent_id, u128::from_be_bytes(key.stream), ranges.join(","))
}

fn parse_mark(line: &str) -> Option<(StreamKey, SequenceSet)> {
    let mut words = line.rsplitn(3, ' ');
    let (ranges, stream, agent) = (words.next()?, words.next()?, words.next()?);
    let stream = u128::from_str_radix(stream, 16).ok()?.to_be_bytes();
    let range = |text: &str| {
        let (first, last) = text.split_once('-')?;
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    let stored = ranges.split(',').map(range).collect::<Option<SequenceSet>>()?;
    Some((StreamKey { agent_id: agent.into(), stream }, stored))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> FileRecord {
        FileRecord {
            id: "01".into(),
            table: "host".into(),
            path: "x".into(),
            level: 1,
            host_min: "a".into(),
            host_max: "b".into(),
            time_min_ms: 1,
            time_max_ms: 2,
            rows: 3,
            bytes: 4,
            checksum: 5,
            written_ms: 6,
            rolled: true,
        }
    }

    proptest! {
        #[test]
        fn notes_survive_their_text(
            ids in proptest::collection::vec("[0-9A-Z]{26}", 0..5),
            group in proptest::option::of("[0-9A-Z]{26}"),
            first_only: bool,
            marks in proptest::collection::vec(("[a-z0-9-]{1,12}", any::<[u8; 16]>(), 0u64..1000, 0u64..9), 0..5),
        ) {
            let mut notes = Notes {
                replaces: ids.clone(),
                sources: ids.clone(),
                job: group.clone(),
                group,
                with: ids,
                more: first_only,
                marks: Vec::new(),
            };
            for (agent, stream, first, length) in marks {
                let key = StreamKey { agent_id: agent.into(), stream };
                notes.add_marks(&[(key, [first..=first + length].into_iter().collect())]);
            }
            let stated = Notes::parse(&notes.to_pairs(&record())).unwrap();
            prop_assert_eq!(stated, Stated { table: "host".into(), level: 1, rolled: true, written_ms: 6, notes });
        }

        #[test]
        fn any_text_is_a_mark_or_nothing(text in ".{0,60}") {
            parse_mark(&text);
        }
    }
}
