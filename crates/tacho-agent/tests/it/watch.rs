//! Takes snapshots of this machine and adds up what they say of connections.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tacho_agent::sampler::{Sample, Sampler, SamplerConfig};
use tacho_model::tables::{connection, host, listener, process};
use tacho_model::{Block, IntegerColumn, Table, TextColumn};
use tacho_proc::SocketDiag;

/// Much longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Watch {
    sampler: Sampler,
    sample: Sample,
    now_us: u64,
    pids: HashMap<u32, i64>,
    /// By local and remote address.
    pub(crate) connections: HashMap<(SocketAddr, SocketAddr), Seen>,
    /// By protocol and address: the newest row's pid and whether it was open.
    pub(crate) listeners: HashMap<(String, SocketAddr), (Option<i64>, i64)>,
    /// Bytes received and sent by pid.
    pub(crate) processes: HashMap<i64, (i64, i64)>,
    /// The newest row of each pid tells what it received and sent.
    pub(crate) tells_network: HashMap<i64, bool>,
}

/// Rows of one connection, summed up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) rx_bytes: i64,
    pub(crate) tx_bytes: i64,
    pub(crate) retransmits: i64,
    /// Of the newest row.
    pub(crate) pid: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) state: String,
    pub(crate) rtt_us: Option<i64>,
    pub(crate) rows: usize,
}

/// This kernel tells of sockets; a test that needs it is left out elsewhere.
pub(crate) fn has_socket_diagnosis() -> bool {
    let answer = SocketDiag::open().and_then(|mut diag| diag.tcp_sockets(&mut Vec::new(), |_| true));
    answer.is_ok()
}

/// This machine, with rows for all.
pub(crate) fn config() -> SamplerConfig {
    SamplerConfig { process_rows: 100_000, connection_rows: 1000, ..SamplerConfig::default() }
}

/// Who holds a socket is checked by start times, so the clock has to be the machine's.
pub(crate) fn boot_us() -> u64 {
    tacho_proc::parse_uptime(&std::fs::read("/proc/uptime").unwrap()).unwrap() * 1_000_000
}

impl Watch {
    /// Has taken its first snapshot.
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: SamplerConfig) -> Self {
        let mut watch = Self {
            sampler: Sampler::new(config).unwrap(),
            sample: Sample::default(),
            now_us: boot_us(),
            pids: HashMap::new(),
            connections: HashMap::new(),
            listeners: HashMap::new(),
            processes: HashMap::new(),
            tells_network: HashMap::new(),
        };
        watch.sample();
        watch
    }

    /// Where bytes of processes come from.
    pub(crate) fn network(&mut self) -> String {
        self.sampler.facts().network
    }

    /// Takes snapshots until `is_reached`.
    pub(crate) fn until(&mut self, what: &str, is_reached: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_reached(self) {
            assert!(Instant::now() < deadline, "{what}: {:?} {:?}", self.connections, self.listeners);
            self.sample();
        }
    }

    /// Takes a snapshot, as if five seconds after the one before.
    pub(crate) fn sample(&mut self) {
        self.now_us += 5_000_000;
        self.sampler.sample(self.now_us, &mut self.sample);
        let identities = self.sample.new_identities.iter();
        self.pids.extend(identities.map(|(id, identity)| (*id, identity.key.pid)));
        self.add_connections();
        self.add_listeners();
        self.add_processes();
    }

    fn block(&self, table: &Table) -> Block {
        self.sample.blocks.iter().find(|block| block.table().id == table.id).unwrap().clone()
    }

    fn add_connections(&mut self) {
        let block = self.block(&connection::TABLE);
        for row in 0..block.len() {
            assert_eq!(block.text(connection::PROTOCOL, row), Some("tcp"));
            // With little traffic not every snapshot looks.
            let interval_ms = block.interval_ms;
            assert!(interval_ms % 5000 == 0 && (5000..=30_000).contains(&interval_ms), "{interval_ms} ms");
            let local = address(&block, row, connection::LOCAL_ADDRESS, connection::LOCAL_PORT);
            let remote = address(&block, row, connection::REMOTE_ADDRESS, connection::REMOTE_PORT);
            let value = |column| block.integer(column, row);
            let seen = self.connections.entry((local, remote)).or_default();
            seen.rx_bytes += value(connection::RX_BYTES).unwrap();
            seen.tx_bytes += value(connection::TX_BYTES).unwrap();
            seen.retransmits += value(connection::RETRANSMITS).unwrap();
            (seen.pid, seen.rtt_us) = (value(connection::PID), value(connection::RTT_US));
            seen.name = block.text(connection::NAME, row).map(str::to_owned);
            seen.state = block.text(connection::STATE, row).unwrap().to_owned();
            seen.rows += 1;
        }
    }

    fn add_listeners(&mut self) {
        let block = self.block(&listener::TABLE);
        for row in 0..block.len() {
            let protocol = block.text(listener::PROTOCOL, row).unwrap().to_owned();
            let address = address(&block, row, listener::ADDRESS, listener::PORT);
            let open = block.integer(listener::OPEN, row).unwrap();
            self.listeners.insert((protocol, address), (block.integer(listener::PID, row), open));
        }
    }

    /// Adds up what processes received and sent, and checks that rows and the `other` row are the total.
    fn add_processes(&mut self) {
        let block = self.block(&process::TABLE);
        let mut sums = (0, 0);
        for (row, id) in self.sample.processes.iter().enumerate() {
            let of = |column| block.integer(column, row).unwrap_or(0);
            let (rx_bytes, tx_bytes) = (of(process::NET_RX_BYTES), of(process::NET_TX_BYTES));
            sums = (sums.0 + rx_bytes, sums.1 + tx_bytes);
            if let Some(pid) = self.pids.get(id) {
                let is_told = block.integer(process::NET_RX_BYTES, row).is_some();
                self.tells_network.insert(*pid, is_told);
                let sum = self.processes.entry(*pid).or_default();
                *sum = (sum.0 + rx_bytes, sum.1 + tx_bytes);
            }
        }
        let hosts = self.block(&host::TABLE);
        let of = |column| hosts.integer(column, 0).unwrap_or(0);
        assert_eq!(sums, (of(host::PROCESSES_NET_RX_BYTES), of(host::PROCESSES_NET_TX_BYTES)));
    }
}

fn address(block: &Block, row: usize, address: TextColumn, port: IntegerColumn) -> SocketAddr {
    let port = block.integer(port, row).unwrap().try_into().unwrap();
    SocketAddr::new(block.text(address, row).unwrap().parse().unwrap(), port)
}
