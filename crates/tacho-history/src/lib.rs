//! The history: head, flush to Parquet, compaction, retention, and the one way to read it.
//!
//! Frames are [appended](History::append) to the *head* in memory. A *flush* writes the head as Parquet
//! files, makes them durable, and then, in one catalog transaction, names the files and marks the frames as
//! stored; only then is a [`Commit`] announced and an agent may forget its frames. So the agents are the
//! write-ahead log, and a frame is stored once however often it is sent and whatever crashes in between.
//!
//! Readers see head and files as one view that is swapped under a lock: each row exactly once
//! before, during and after a flush or a compaction. They read local files synchronously on tokio's blocking
//! threads: files are pruned by the catalog's host and time, row groups and pages by their
//! statistics.
//!
//! Nothing of Arrow or Parquet shows outside this crate, but for the program that answers SQL ([`outside`],
//! [`schema`]).

mod archive;
mod columns;
mod compact;
mod config;
mod counters;
mod directory;
mod encode;
mod error;
mod files;
mod flush;
mod head;
mod history;
mod id;
mod inner;
mod lake;
mod levels;
mod maintenance;
mod merge;
mod notes;
pub mod outside;
mod pages;
mod query;
mod rebuild;
mod retention;
mod rollup;
mod rows;
mod scan;
mod scrub;
mod state;
mod stats;
mod storage;
#[cfg(test)]
mod testing;
mod time;
mod writer;

pub use archive::Imported;
pub use columns::schema;
pub use config::{HistoryConfig, NowMs, TableRetention};
pub use error::HistoryError;
pub use history::{Appended, Commit, Gap, History, Lane, Offered};
pub use query::{
    Aggregate, ByteStream, Change, Changed, Changes, ChangesQuery, Connection, ConnectionLabel, Event,
    EventPlace, Events, EventsQuery, Exit, Exits, ExitsQuery, Extreme, Figure, Figures, FleetEvent,
    FleetEvents, FleetProcesses, FleetQuery, HostRow, MetricLabel, OnHost, ProcessDetails, ProcessGroup,
    ProcessLabel, ProcessOrder, ProcessQuery, ProcessRow, ProcessSeriesQuery, ProcessText, ProcessUsage,
    ProcessesAt, ProcessesOver, ProcessesQuery, Recorded, RowsQuery, Series, SeriesQuery, Summary,
    SummaryQuery, TableView, TopSeries, TopSeriesQuery, buckets_of,
};
pub use rebuild::{RebuildReport, rebuild_catalog};
pub use rollup::{Level, stored_table, stored_tables};
pub use scan::{ReadReport, TextMatch};
pub use stats::HistoryStats;
pub use storage::{DayStorage, StorageReport, TableStorage};
pub use tacho_catalog::StreamKey;
pub use tacho_model::derived;
