//! A table of the history for the query engine: the server's files and the rows that are in none.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::union::UnionExec;
use tacho_history::outside::{TableFile, TableFiles};
use tacho_model::Table;

use crate::bounds::Bounds;
use crate::history_scan::{HistoryScan, Summary};
use crate::reader::{Reader, schema_of};

#[derive(Debug)]
pub(crate) struct HistoryTable {
    table: &'static Table,
    schema: SchemaRef,
    reader: Reader,
}

impl HistoryTable {
    pub(crate) fn new(table: &'static Table, reader: Reader) -> Self {
        Self { table, schema: schema_of(table), reader }
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        files: &TableFiles,
        filters: &[Expr],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut source = ParquetSource::new(&self.schema)
            .with_table_parquet_options(state.table_options().parquet.clone())
            .with_pushdown_filters(true)
            .with_enable_page_index(true);
        if let Some(condition) = conjunction(filters.iter().cloned()) {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(condition, &schema)?);
        }
        let groups = groups(files, state.config().target_partitions());
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// Files of one group are read one after the other; groups have about as many bytes.
fn groups(files: &TableFiles, count: usize) -> Vec<FileGroup> {
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = Vec::new();
    let mut by_size: Vec<&TableFile> = files.files.iter().collect();
    by_size.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    for file in by_size {
        let path = files.directory.join(&file.path).to_string_lossy().into_owned();
        let partitioned = PartitionedFile::new(path, file.bytes);
        if groups.len() < count.max(1) {
            groups.push((file.bytes, vec![partitioned]));
        } else if let Some(smallest) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            smallest.0 += file.bytes;
            smallest.1.push(partitioned);
        }
    }
    groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
}

#[async_trait]
impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Files and pages are left out by what their statistics say; the engine checks the rows once more.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let bounds = Bounds::of(filters);
        let view = self.reader.view(self.table, &self.schema, &bounds).await;
        let view = view.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let summary = Summary {
            table: self.table.name,
            files: view.files.files.len(),
            files_left_out: view.files.left_out,
            bytes: view.files.files.iter().map(|file| file.bytes).sum(),
            head_rows: view.head.iter().map(RecordBatch::num_rows).sum(),
        };
        let head: Arc<dyn ExecutionPlan> =
            MemorySourceConfig::try_new_exec(&[view.head], Arc::clone(&self.schema), projection.cloned())?;
        let rows = match view.files.files.is_empty() {
            true => head,
            false => {
                let files = self.scan_files(state, &view.files, filters, projection, limit)?;
                UnionExec::try_new(vec![files, head])?
            }
        };
        Ok(Arc::new(HistoryScan::new(rows, summary)))
    }
}
