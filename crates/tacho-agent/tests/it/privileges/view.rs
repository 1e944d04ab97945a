//! An agent's sampler as a process of its own, which answers what it sees of two processes.

use std::collections::HashMap;
use std::sync::Arc;

use tacho_agent::sampler::{NetworkChoice, Sample, Sampler, SamplerConfig};
use tacho_model::tables::{connection, cpu, disk, host, listener, process};
use tacho_model::{Block, IntegerColumn, ProcessIdentity, Table};

use super::super::watch::{self, boot_us};

/// The test that is the agent.
pub(super) const AGENT: &str = "privileges::view::runs_as_an_agent";

pub(super) type Cell = String;

/// Rows of the table, in the order of [`View::cells`].
pub(super) const READINGS: [&str; 12] = [
    "How processes are read",
    "Host: CPU, memory, disks, network",
    "Processes: name, user, command line",
    "Processes: CPU time, memory, threads",
    "Processes: bytes read from and written to disk",
    "Processes: bytes received and sent",
    "Processes: open files",
    "Processes that begin and end between two snapshots, one by one",
    "Connections: addresses, state, bytes, retransmits, round-trip time",
    "Connections: process",
    "Listeners: address, port",
    "Listeners: process",
];

struct View {
    sampler: Sampler,
    sample: Sample,
    now_us: u64,
    identities: HashMap<u32, Arc<ProcessIdentity>>,
    /// Rows of listeners so far: port, pid.
    listeners: HashMap<i64, Option<i64>>,
}

/// A process that is asked about, and the port it listens on.
#[derive(Clone, Copy)]
struct Asked {
    pid: i64,
    port: i64,
}

#[test]
fn runs_as_an_agent() {
    let mut view = None;
    super::super::peer::obey(|verb, argument| {
        // `diag` or `cgroup` looks by that way and by BPF, or not at all.
        let network = match verb {
            "diag" => NetworkChoice::Diag,
            "cgroup" => NetworkChoice::Cgroup,
            _ => NetworkChoice::Auto,
        };
        let view = view.get_or_insert_with(|| View::new(network));
        if verb == "remarks" {
            return view.remarks();
        }
        let numbers: Vec<i64> = argument.split(' ').map(|number| number.parse().unwrap()).collect();
        let asked = |at: usize| Asked { pid: numbers[at], port: numbers[at + 1] };
        view.look([asked(0), asked(2)]).join(",")
    });
}

impl View {
    fn new(network: NetworkChoice) -> Self {
        Self {
            sampler: Sampler::new(SamplerConfig { network, ..watch::config() }).unwrap(),
            sample: Sample::default(),
            now_us: boot_us(),
            identities: HashMap::new(),
            listeners: HashMap::new(),
        }
    }

    /// What is said of processes.
    fn remarks(&mut self) -> String {
        let collectors = self.sampler.facts().collectors;
        let status = collectors.iter().find(|status| status.name == "process");
        status.map(|status| status.absent.join("; ")).unwrap_or_default()
    }

    fn look(&mut self, asked: [Asked; 2]) -> Vec<Cell> {
        self.now_us += 5_000_000;
        self.sampler.sample(self.now_us, &mut self.sample);
        let new = self.sample.new_identities.iter();
        self.identities.extend(new.map(|(id, identity)| (*id, Arc::clone(identity))));
        let rows = self.block(&listener::TABLE);
        let new: Vec<_> = (0..rows.len())
            .filter_map(|row| Some((rows.integer(listener::PORT, row)?, rows.integer(listener::PID, row))))
            .collect();
        self.listeners.extend(new);
        self.cells(asked)
    }

    fn cells(&mut self, asked: [Asked; 2]) -> Vec<Cell> {
        let sampler = match self.sampler.facts().sampler.as_str() {
            "bpf" => "BPF".to_owned(),
            _ => "`/proc`".to_owned(),
        };
        let is_identified = |asked: Asked| {
            let row = self.row(asked);
            row.is_some_and(|(_, identity)| !identity.name.is_empty() && !identity.command.is_empty())
        };
        let of_processes = |columns: &[IntegerColumn]| {
            asked.map(|asked| columns.iter().all(|column| self.value(asked, *column).is_some()))
        };
        let listens = |asked: Asked| self.listeners.get(&asked.port);
        vec![
            sampler,
            yes(self.sees_host()),
            of_both(asked.map(is_identified)),
            of_both(of_processes(&[process::CPU_USER_US, process::RSS_BYTES, process::THREADS])),
            of_both(of_processes(&[process::DISK_READ_BYTES, process::DISK_WRITE_BYTES])),
            of_both(of_processes(&[process::NET_RX_BYTES, process::NET_TX_BYTES])),
            of_both(of_processes(&[process::OPEN_FILES])),
            yes(self.block(&host::TABLE).integer(host::PROCESSES_ENDED, 0).is_some()),
            of_both(asked.map(|asked| self.connection(asked).is_some())),
            of_both(asked.map(|asked| self.connection(asked).flatten() == Some(asked.pid))),
            of_both(asked.map(|asked| listens(asked).is_some())),
            of_both(asked.map(|asked| listens(asked) == Some(&Some(asked.pid)))),
        ]
    }

    fn sees_host(&self) -> bool {
        let of_host = [host::CPU_USER_US, host::MEMORY_AVAILABLE_BYTES, host::NET_RX_BYTES];
        let row = self.block(&host::TABLE);
        of_host.iter().all(|column| row.integer(*column, 0).is_some())
            && [&cpu::TABLE, &disk::TABLE].iter().all(|table| !self.block(table).is_empty())
    }

    fn block(&self, table: &Table) -> &Block {
        self.sample.blocks.iter().find(|block| block.table().id == table.id).unwrap()
    }

    fn row(&self, asked: Asked) -> Option<(usize, &ProcessIdentity)> {
        let rows = self.sample.processes.iter().enumerate();
        let mut rows = rows.filter_map(|(row, id)| Some((row, self.identities.get(id)?.as_ref())));
        rows.find(|(_, identity)| identity.key.pid == asked.pid)
    }

    fn value(&self, asked: Asked, column: IntegerColumn) -> Option<i64> {
        self.block(&process::TABLE).integer(column, self.row(asked)?.0)
    }

    /// The process of the connection whose local port is the one asked about, if there is a row of it.
    fn connection(&self, asked: Asked) -> Option<Option<i64>> {
        let rows = self.block(&connection::TABLE);
        let row =
            (0..rows.len()).find(|row| rows.integer(connection::LOCAL_PORT, *row) == Some(asked.port))?;
        rows.integer(connection::RX_BYTES, row)?;
        Some(rows.integer(connection::PID, row))
    }
}

fn yes(sees: bool) -> Cell {
    if sees { "yes" } else { "no" }.to_owned()
}

/// Whether it sees the agent's user's and another user's.
fn of_both(sees: [bool; 2]) -> Cell {
    match sees {
        [true, true] => "all",
        [true, false] => "of its own user",
        [false, true] => "of other users",
        [false, false] => "no",
    }
    .to_owned()
}
