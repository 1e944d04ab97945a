//! Finds damaged files before a query needs them.
//!
//! A small file is compared with its checksum when it is first opened; this does it for all others, a little in each
//! round of housekeeping, once per start of the server. What is damaged is set aside and reported.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::inner::Inner;
use crate::maintenance::chain;
use crate::scan;

/// Read in one round, a file more or less: 2 MB/s over half a minute.
const ROUND_BYTES: i64 = 64 << 20;

impl Inner {
    pub(crate) async fn scrub(self: &Arc<Self>) {
        let mut left = ROUND_BYTES;
        let mut due = Vec::new();
        for file in self.state().files.iter().filter(|file| !file.verified.load(Ordering::Relaxed)) {
            if left <= 0 {
                break;
            }
            left -= file.record.bytes;
            due.push(Arc::clone(file));
        }
        if due.is_empty() {
            return;
        }
        let inner = Arc::clone(self);
        let work = move || {
            for file in due {
                if inner.stopping.load(Ordering::Relaxed) {
                    break;
                }
                scan::scrub(&inner, &file)?;
                inner.counters.files_scrubbed.add(1);
            }
            Ok(())
        };
        if let Err(error) = self.background(work).await {
            tracing::warn!(error = chain(&error), "cannot check files of the history");
        }
    }
}
