//! Which hosts the files tell of.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMillisecondType;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use tacho_catalog::{FileRecord, FoundHost};
use tacho_model::tables;

use crate::columns::{FIRST, HOST, HOST_ID, TIME, layout};
use crate::rollup::{Level, spec, stored_table};

/// By id. Rows of table `host` that are in rollups too are not looked at again. A file that can not be read any more is
/// left out, with a word in the log.
pub(super) fn of_files(root: &Path, files: &[FileRecord]) -> Vec<FoundHost> {
    let mut hosts = BTreeMap::new();
    for file in files {
        let Some(columns) = columns(file) else { continue };
        if let Err(why) = add_file(&mut hosts, &root.join(&file.path), columns) {
            tracing::warn!(path = %root.join(&file.path).display(), why, "hosts of a file stay unknown");
        }
    }
    hosts.into_values().collect()
}

/// What of a file tells of hosts: id, name, and times of the first and the last row that a row stands for.
fn columns(file: &FileRecord) -> Option<[&'static str; 4]> {
    let (table, raw, level) = stored_table(&file.table)?;
    let spec = spec(raw).filter(|_| raw.id == tables::host::TABLE.id)?;
    let name = |position: usize| layout(table).schema.field(position).name().as_str();
    let times = match level {
        Level::Raw if !file.rolled => [name(TIME), name(TIME)],
        Level::Hour | Level::Day => [name(FIRST + spec.first_time), name(FIRST + spec.last_time)],
        _ => return None,
    };
    Some([name(HOST_ID), name(HOST), times[0], times[1]])
}

fn add_file(hosts: &mut BTreeMap<String, FoundHost>, path: &Path, columns: [&str; 4]) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let file = File::open(path).map_err(|error| text(&error))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options);
    let builder = builder.map_err(|error| text(&error))?;
    let wanted = ProjectionMask::columns(builder.parquet_schema(), columns);
    let rows = builder.with_projection(wanted).build().map_err(|error| text(&error))?;
    for batch in rows {
        add_rows(hosts, &batch.map_err(|error| text(&error))?, columns).ok_or("it lacks a column")?;
    }
    Ok(())
}

/// Rows of one host are neighbours. `None` when these are not the columns of the history.
fn add_rows(hosts: &mut BTreeMap<String, FoundHost>, batch: &RecordBatch, columns: [&str; 4]) -> Option<()> {
    let text = |name| batch.column_by_name(name)?.as_string_opt::<i32>();
    let times =
        |name| Some(batch.column_by_name(name)?.as_primitive_opt::<TimestampMillisecondType>()?.values());
    let (ids, names) = (text(columns[0])?, text(columns[1])?);
    let (firsts, lasts) = (times(columns[2])?, times(columns[3])?);
    let mut start = 0;
    while start < batch.num_rows() {
        let (id, name) = (ids.value(start), names.value(start));
        let same = |row: &usize| ids.value(*row) == id && names.value(*row) == name;
        let count = (start..batch.num_rows()).take_while(same).count();
        let run = start..start + count;
        let (first_ms, last_ms) = (*firsts.get(run.clone())?.iter().min()?, *lasts.get(run)?.iter().max()?);
        let host = hosts.entry(id.to_owned()).or_insert_with(|| FoundHost {
            id: id.to_owned(),
            name: name.to_owned(),
            first_ms,
            last_ms,
        });
        if last_ms > host.last_ms {
            name.clone_into(&mut host.name);
        }
        host.first_ms = host.first_ms.min(first_ms);
        host.last_ms = host.last_ms.max(last_ms);
        start += count;
    }
    Some(())
}
