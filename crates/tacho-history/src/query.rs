//! What can be asked of the history, and the answers. Times are milliseconds since the epoch; a range
//! includes its start and not its end.

mod processes_at;
mod processes_over;
mod recorded;
pub(crate) mod rows;
pub(crate) mod series;
mod table_view;

pub use processes_at::{HostRow, ProcessRow, ProcessesAt};
pub use processes_over::{ProcessGroup, ProcessOrder, ProcessUsage, ProcessesOver, ProcessesQuery};
pub use recorded::Recorded;
pub use rows::{ByteStream, RowsQuery};
pub use series::{Aggregate, ProcessSeriesQuery, Series, SeriesQuery, buckets_of};
pub use table_view::TableView;

#[cfg(test)]
mod tests;
