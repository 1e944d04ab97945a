//! Two looks at this machine, half a second apart.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tacho_model::{Block, FloatColumn, HostFacts, IntegerColumn, ProcessIdentity, Table, tables};
use tacho_runtime::clock;

use crate::config::Config;
use crate::sampler::accounts::{self, Places, UsersOverview};
use crate::sampler::{PartsConfig, Sample, Sampler, SamplerConfig};
use crate::{app, waiting};

/// Rates are measured over this.
const MEASURE_TIME: Duration = Duration::from_millis(500);
/// More processes than a machine has.
const PROCESS_ROWS: usize = 100_000;

/// Reads this machine.
pub(super) struct Machine {
    sampler: Sampler,
    runtime_dir: PathBuf,
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    sample: Sample,
}

/// What one look saw.
pub(super) struct View<'m> {
    pub(super) time_ms: i64,
    pub(super) facts: HostFacts,
    pub(super) users: UsersOverview,
    /// What the running agent says that waits for a server, or why that is not known.
    pub(super) spool: Result<Value, String>,
    sample: &'m Sample,
    identities: &'m HashMap<u32, Arc<ProcessIdentity>>,
}

impl Machine {
    pub(super) fn open(config: &Config) -> anyhow::Result<Self> {
        let boot_ms = i64::try_from(clock::boot_us() / 1000).unwrap_or(0);
        // Everything is read at every look, however slowly it changes.
        let parts = PartsConfig { slow_interval: Duration::ZERO, ..app::parts(config) };
        let sampler = Sampler::new(SamplerConfig {
            sampler: config.sampler,
            exits: config.exits,
            network: config.network,
            process_rows: PROCESS_ROWS,
            idle_process_interval: Duration::ZERO,
            filesystem_interval: Duration::ZERO,
            listener_interval: Duration::ZERO,
            boot_time_ms: clock::wall_ms().saturating_sub(boot_ms),
            parts,
            ..SamplerConfig::default()
        })?;
        let runtime_dir = config.spool.runtime_dir.clone();
        let mut machine =
            Self { sampler, runtime_dir, identities: HashMap::new(), sample: Sample::default() };
        machine.read();
        Ok(machine)
    }

    /// Looks, and looks again: what changes in between is a rate.
    pub(super) fn look(&mut self) -> View<'_> {
        self.read();
        std::thread::sleep(MEASURE_TIME);
        self.read();
        View {
            time_ms: clock::wall_ms(),
            facts: self.sampler.facts(),
            users: accounts::overview(&Places::default()),
            spool: waiting::read(&self.runtime_dir),
            sample: &self.sample,
            identities: &self.identities,
        }
    }

    fn read(&mut self) {
        self.sampler.sample(clock::boot_us(), &mut self.sample);
        self.identities.extend(self.sample.new_identities.iter().cloned());
    }
}

impl View<'_> {
    /// Rows of a table; `None` when nothing was read of it.
    pub(super) fn block(&self, table: &Table) -> Option<&Block> {
        self.sample.blocks.iter().find(|block| block.table().id == table.id && !block.is_empty())
    }

    pub(super) fn integer(&self, column: IntegerColumn) -> Option<u64> {
        u64::try_from(self.block(&tables::host::TABLE)?.integer(column, 0)?).ok()
    }

    pub(super) fn float(&self, column: FloatColumn) -> Option<f64> {
        self.block(&tables::host::TABLE)?.float(column, 0)
    }

    /// Per second, of a delta in `block`.
    pub(super) fn rate(block: &Block, column: IntegerColumn, row: usize) -> Option<f64> {
        let seconds = block.interval_ms as f64 / 1000.0;
        block.integer(column, row).filter(|_| seconds > 0.0).map(|delta| delta as f64 / seconds)
    }

    /// Identity of a row of the process table; `None` for the `other` row.
    pub(super) fn process(&self, row: usize) -> Option<&ProcessIdentity> {
        self.sample.processes.get(row).and_then(|id| self.identities.get(id)).map(Arc::as_ref)
    }

    /// Collector and reason for all that could not be read.
    pub(super) fn missing(&self) -> Vec<(&str, String)> {
        let mut missing = Vec::new();
        for collector in &self.facts.collectors {
            let reasons =
                collector.absent.iter().chain(Some(&collector.error).filter(|error| !error.is_empty()));
            missing.extend(reasons.map(|reason| (collector.name.as_str(), reason.clone())));
        }
        missing.extend(self.users.absent.iter().map(|reason| ("users", reason.clone())));
        missing.extend(self.spool.as_ref().err().map(|reason| ("spool", reason.clone())));
        missing.dedup();
        missing
    }
}
