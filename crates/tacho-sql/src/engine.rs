//! The query engine, its limits, and who may run how much at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::memory::Halves;
use crate::reader::Reader;
use crate::table::HistoryTable;
use crate::views;
use crate::yielding::YieldingJoins;

/// What clients that show a database's name show.
pub(crate) const DATABASE: &str = "tacho";
const SCHEMA: &str = "public";

/// Bounds of the engine, and of one query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For all queries together; what sorts and groups more than that goes to `spill_directory`.
    pub memory_bytes: usize,
    pub spill_directory: PathBuf,
    pub spill_bytes: u64,
    /// A query that takes longer is stopped.
    pub time: Duration,
    /// Rows of an answer.
    pub rows: u64,
    /// Queries that run at once; more are told to come back.
    pub queries: usize,
}

/// Runs queries. Clones share the limits.
#[derive(Clone)]
pub struct Engine {
    context: Arc<SessionContext>,
    limits: Limits,
    permits: Arc<Semaphore>,
}

/// A query at work. Dropped, it stops.
pub(crate) struct Running {
    pub(crate) rows: SendableRecordBatchStream,
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("{}", message(.0))]
    Refused(#[source] DataFusionError),
    #[error("{0} queries run already; try again in a moment")]
    Busy(usize),
    #[error("the query took longer than {} and was stopped; ask for a shorter range of `time`", tacho_runtime::config::format_duration(*.0))]
    Timeout(Duration),
}

/// Without what the engine adds for its own developers, and with settings called as they are here.
fn message(error: &DataFusionError) -> String {
    error
        .strip_backtrace()
        .replace("datafusion.runtime.memory_limit", "memory")
        .replace("datafusion.runtime.max_temp_directory_size", "spill")
}

impl Engine {
    /// An engine over what `reader` tells of.
    pub async fn new(reader: &Reader, limits: Limits) -> Result<Self, DataFusionError> {
        let parts = SessionConfig::new().target_partitions();
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(Halves::new(limits.memory_bytes, parts)))
            .with_disk_manager_builder(spill(&limits.spill_directory, limits.spill_bytes))
            .build_arc()?;
        let mut config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(DATABASE, SCHEMA)
            .with_create_default_catalog_and_schema(true);
        // A sort sets this aside to merge what it wrote to disk; the engine's default is too much of a small memory.
        let merge = &mut config.options_mut().execution.sort_spill_reservation_bytes;
        *merge = (*merge).min(limits.memory_bytes / 64);
        // Times are stored to the millisecond, in UTC.
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_physical_optimizer_rule(Arc::new(YieldingJoins))
            .build();
        let context = SessionContext::new_with_state(state);
        for table in tacho_history::stored_tables() {
            let provider: Arc<dyn TableProvider> = Arc::new(HistoryTable::new(table, reader.clone()));
            context.register_table(table.name, provider)?;
        }
        for statement in views::statements() {
            context.sql(&statement).await?;
        }
        let permits = Arc::new(Semaphore::new(limits.queries));
        Ok(Self { context: Arc::new(context), limits, permits })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn context(&self) -> &Arc<SessionContext> {
        &self.context
    }

    /// A place among the queries that run.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, QueryError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        permit.map_err(|_| QueryError::Busy(self.limits.queries))
    }

    /// Starts a query that reads.
    pub(crate) async fn start(&self, query: &str) -> Result<Running, QueryError> {
        let permit = self.admit()?;
        let options =
            SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        let started = async {
            let plan = self.context.sql_with_options(query, options).await?;
            plan.execute_stream().await
        };
        match tokio::time::timeout(self.limits.time, started).await {
            Ok(rows) => Ok(Running { rows: rows.map_err(QueryError::Refused)?, permit }),
            Err(_) => Err(QueryError::Timeout(self.limits.time)),
        }
    }
}

fn spill(directory: &Path, bytes: u64) -> DiskManagerBuilder {
    DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![directory.to_owned()]))
        .with_max_temp_directory_size(bytes)
}
