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

mod columns;
mod compact;
mod config;
mod counters;
pub mod derived;
mod directory;
mod error;
mod files;
mod flush;
mod head;
mod history;
mod id;
mod inner;
mod maintenance;
mod merge;
pub mod outside;
mod query;
mod rows;
mod scan;
mod state;
mod stats;
#[cfg(test)]
mod testing;
mod time;
mod writer;

pub use columns::schema;
pub use config::{HistoryConfig, NowMs};
pub use error::HistoryError;
pub use history::{Appended, Commit, History};
pub use query::{
    Aggregate, ByteStream, HostRow, ProcessGroup, ProcessOrder, ProcessRow, ProcessSeriesQuery, ProcessUsage,
    ProcessesAt, ProcessesOver, ProcessesQuery, RowsQuery, Series, SeriesQuery, TableView, bucket_ms,
};
pub use stats::HistoryStats;
pub use tacho_catalog::StreamKey;
