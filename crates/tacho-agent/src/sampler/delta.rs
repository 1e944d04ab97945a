//! Differences of counters.

/// What a counter grew by. Unknown when either reading is absent, and when it went back: then it was reset,
/// or the thing it counts for is another one.
pub(super) fn grown(now: Option<u64>, before: Option<u64>) -> Option<u64> {
    now?.checked_sub(before?)
}

/// The same for a total kept over more than one thing: unknown parts count for nothing, all unknown is unknown.
pub(super) fn add(total: &mut Option<u64>, part: Option<u64>) {
    if let Some(part) = part {
        *total = Some(total.unwrap_or(0).saturating_add(part));
    }
}
