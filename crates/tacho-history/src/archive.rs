//! One host's range of time as one file: a tar archive of Parquet files, one table each, and a manifest as its last
//! entry, which names them with their checksums and has the host's facts, gaps and alerts.
//!
//! Ranges are whole hours, so that an hour is told in one way only: by its rows, or, where these are gone, by its
//! rollups. Who takes an archive in rolls its rows up as if they came late.

mod export;
mod import;
mod manifest;

pub use import::Imported;

/// Bytes of a part from which the next rows go into another one; each is in memory while it is written or read.
const PART_BYTES: usize = 32 << 20;

/// A part cannot be larger: those of an export end soon after [`PART_BYTES`].
const MOST_PART_BYTES: u64 = 256 << 20;

/// Of the manifest: a part takes some 150 bytes of it, an alert some 2000.
const MOST_MANIFEST_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests;
