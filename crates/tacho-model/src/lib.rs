//! The nouns of Tacho: tables and their columns, readings, snapshots, process keys, host facts.
//!
//! Everything that travels from a collector to a Parquet file is described once, in [`tables`]: the
//! agent fills a [`Block`] of a table, the wire carries it by column id, the history stores it by the
//! same id. This crate does no I/O and knows no runtime.

mod block;
pub mod derived;
mod digits;
mod facts;
mod gap;
mod identity;
mod secrets;
mod sequence;
mod snapshot;
mod table;
pub mod tables;
mod tags;

pub use block::{Block, Cell, ColumnValues, Row};
pub use digits::six_digits;
pub use facts::{CollectorStatus, HostFacts};
pub use gap::GapReason;
pub use identity::{OTHER_NAME, ProcessIdentity, ProcessKey};
pub use secrets::scrub_command;
pub use sequence::SequenceSet;
pub use snapshot::{HostKey, Snapshot};
pub use table::{Column, ColumnType, FloatColumn, IntegerColumn, Meaning, Table, TextColumn, Unit};
pub use tags::{MAX_TAGS, TagProblem, check_tag, check_tags, is_same_key, merge_tags, tag_key};
