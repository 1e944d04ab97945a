//! What can be asked of the history, and the answers. Times are milliseconds since the epoch; a range
//! includes its start and not its end.

mod changed;
mod events;
mod figures;
mod fleet;
mod fleet_events;
mod one_process;
mod processes_at;
mod processes_over;
mod recorded;
pub(crate) mod rows;
pub(crate) mod series;
mod summary;
mod table_view;
mod top_series;

pub use changed::{Change, Changed, Changes, ChangesQuery, ConnectionLabel, MetricLabel, ProcessLabel};
pub use events::{Event, Events};
pub use figures::{Extreme, Figure, Figures};
pub use fleet::{FleetProcesses, FleetQuery, OnHost, ProcessText};
pub use fleet_events::{EventPlace, EventsQuery, FleetEvent, FleetEvents};
pub use one_process::{Connection, Exit, Exits, ExitsQuery, ProcessDetails, ProcessQuery};
pub use processes_at::{HostRow, ProcessRow, ProcessesAt};
pub use processes_over::{ProcessGroup, ProcessOrder, ProcessUsage, ProcessesOver, ProcessesQuery};
pub use recorded::Recorded;
pub use rows::{ByteStream, RowsQuery};
pub use series::{Aggregate, ProcessSeriesQuery, Series, SeriesQuery, buckets_of};
pub use summary::{Summary, SummaryQuery};
pub use table_view::TableView;
pub use top_series::{TopSeries, TopSeriesQuery};

#[cfg(test)]
mod tests;
