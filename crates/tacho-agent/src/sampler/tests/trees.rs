//! The whole sampler over each tree of `tacho-proc/fixtures/hosts`, whose README says where they come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tacho_model::tables::{cgroup, disk, filesystem, gpu, host, interface, numa, raid, sensor};
use tacho_model::{Block, FloatColumn, HostFacts, IntegerColumn, Table, TextColumn};

use super::machine::BOOT_TIME_MS;
use crate::sampler::accounts::{Places, UsersOverview, overview};
use crate::sampler::{PartsConfig, Sample, Sampler, SamplerConfig};

/// Two snapshots of a tree: states are in the first, deltas in the second.
struct Host {
    first: Sample,
    second: Sample,
    facts: HostFacts,
    root: PathBuf,
}

impl Host {
    fn of(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tacho-proc/fixtures/hosts").join(name);
        let config = SamplerConfig {
            proc_root: root.join("proc"),
            sys_root: root.join("sys"),
            etc_root: root.join("etc"),
            process_rows: 100,
            idle_process_interval: Duration::from_secs(60),
            filesystem_interval: Duration::from_secs(60),
            boot_time_ms: BOOT_TIME_MS,
            parts: PartsConfig::below(&root),
        };
        let mut sampler = Sampler::new(config).unwrap();
        let (mut first, mut second) = (Sample::default(), Sample::default());
        sampler.sample(1_000_000_000, &mut first);
        sampler.sample(1_005_000_000, &mut second);
        Self { first, second, facts: sampler.facts(), root }
    }

    fn block(&self, table: &Table) -> &Block {
        self.first.blocks.iter().find(|block| block.table().id == table.id).unwrap()
    }

    fn host<const N: usize>(&self, columns: [IntegerColumn; N]) -> [Option<i64>; N] {
        columns.map(|column| self.block(&host::TABLE).integer(column, 0))
    }

    /// A column of the second snapshot.
    fn delta(&self, column: IntegerColumn) -> Option<i64> {
        let block = self.second.blocks.iter().find(|block| block.table().id == host::TABLE.id);
        block.unwrap().integer(column, 0)
    }

    fn integers(&self, table: &Table, column: IntegerColumn) -> Vec<Option<i64>> {
        let block = self.block(table);
        (0..block.len()).map(|row| block.integer(column, row)).collect()
    }

    fn floats(&self, table: &Table, column: FloatColumn) -> Vec<Option<f64>> {
        let block = self.block(table);
        (0..block.len()).map(|row| block.float(column, row)).collect()
    }

    fn texts(&self, table: &Table, column: TextColumn) -> Vec<&str> {
        let block = self.block(table);
        (0..block.len()).map(|row| block.text(column, row).unwrap_or("-")).collect()
    }

    /// What all collectors say is absent, each with the collector's name before it.
    fn absent(&self) -> Vec<String> {
        let told = self.facts.collectors.iter().flat_map(|status| {
            assert_eq!(status.error, "", "{}", status.name);
            status.absent.iter().map(|absent| format!("{}: {absent}", status.name))
        });
        told.collect()
    }

    fn check_absent(&self, expected: &[&str]) {
        let absent = self.absent();
        for expected in expected {
            assert!(absent.iter().any(|absent| absent == expected), "{expected}: {absent:#?}");
        }
    }

    fn users(&self) -> UsersOverview {
        let at = |name| self.root.join(name);
        let (etc_root, run_root) = (at("etc"), at("run"));
        overview(&Places { etc_root, run_root, var_root: at("var"), dev_root: at("dev") })
    }

    /// What every host tells, whatever its kernel.
    fn check_basics(&self) {
        let basics = [
            host::UPTIME_SECONDS,
            host::CPU_CORES,
            host::TASKS_RUNNING,
            host::PROCESSES,
            host::THREADS,
            host::MEMORY_TOTAL_BYTES,
            host::MEMORY_AVAILABLE_BYTES,
            host::SWAP_TOTAL_BYTES,
            host::PROCESSES_RSS_BYTES,
            host::OPEN_FILES,
            host::SOCKETS,
            host::TCP_LISTEN,
            host::KERNEL_TAINT,
        ];
        for column in basics {
            let name = host::TABLE.columns[usize::from(column.0)].name;
            assert!(self.host([column])[0].is_some(), "{name}");
        }
        let deltas = [
            host::CPU_USER_US,
            host::CPU_IDLE_US,
            host::CONTEXT_SWITCHES,
            host::PAGE_FAULTS,
            host::DISK_READ_BYTES,
            host::NET_RX_BYTES,
            host::TCP_RETRANSMITS,
            host::PROCESSES_CPU_USER_US,
        ];
        for column in deltas {
            let name = host::TABLE.columns[usize::from(column.0)].name;
            assert_eq!((self.host([column]), self.delta(column)), ([None], Some(0)), "{name}");
        }
        let average = self.block(&host::TABLE).float(host::MEMORY_USED_AVERAGE_RATIO, 0).unwrap();
        assert!(average > 0.0 && average < 1.0, "{average}");
        for table in [&disk::TABLE, &interface::TABLE, &filesystem::TABLE] {
            assert!(!self.block(table).is_empty(), "{}", table.name);
        }
    }
}

#[test]
fn linux_6_18() {
    let host = Host::of("linux-6.18");
    host.check_basics();
    assert_eq!(host.facts.os, "Debian GNU/Linux 12 (bookworm)");
    assert_eq!(host.integers(&numa::TABLE, numa::MEMORY_TOTAL_BYTES), [Some(21_063_884 << 10)]);
    assert!(host.host([host::CONNTRACK_MAX])[0] > Some(0));
    assert_eq!(host.delta(host::IO_PRESSURE_FULL_US), Some(0));
    host.check_absent(&[
        "sensor: temperature: no sensor here",
        "raid: software RAID: not on this kernel",
        "cgroup: control groups: no unit and no container here",
        "pressure: irq pressure: not on this kernel",
        "gpu: AMD GPUs: none here",
        "login: users logged in: neither utmp nor a login manager here",
    ]);
}

#[test]
fn linux_3_10() {
    let host = Host::of("linux-3.10");
    host.check_basics();
    assert_eq!(host.facts.kernel, "3.10.0-1160.el7.x86_64");
    let estimate = (402_144 + 2_108 + 2_400_320) << 10;
    assert_eq!(host.host([host::MEMORY_AVAILABLE_BYTES, host::USERS_LOGGED_IN]), [Some(estimate), Some(1)]);
    assert_eq!((host.delta(host::OOM_KILLS), host.delta(host::CPU_PRESSURE_SOME_US)), (None, None));
    assert_eq!(host.texts(&sensor::TABLE, sensor::SENSOR), ["coretemp/Physical id 0"]);
    assert_eq!(host.texts(&sensor::TABLE, sensor::LEVEL), ["note"]);
    assert_eq!(host.texts(&raid::TABLE, raid::ARRAY), ["md127", "md126"]);
    assert_eq!(host.texts(&raid::TABLE, raid::STATE), ["active", "inactive"]);
    assert_eq!(host.texts(&cgroup::TABLE, cgroup::CGROUP), ["/system.slice"]);
    assert_eq!(
        host.integers(&cgroup::TABLE, cgroup::MEMORY_LIMIT_BYTES),
        [None],
        "no limit is a huge number"
    );
    assert_eq!(host.integers(&cgroup::TABLE, cgroup::MEMORY_ANONYMOUS_BYTES), [Some(100_000_000)]);
    host.check_absent(&[
        "pressure: cpu pressure: not on this kernel",
        "cgroup: tasks: not counted by control groups here",
        "cgroup: pressure: not counted by control groups here",
        "kernel: tracked connections: not on this kernel",
    ]);
    let users = host.users();
    assert_eq!((users.ordinary, users.recent.as_slice()), (Some(1), &["ann".to_owned()][..]));
    assert_eq!(users.can_become_root, ["ann", "root"]);
}

#[test]
fn linux_5_4_with_containers() {
    let host = Host::of("linux-5.4-containers");
    host.check_basics();
    assert_eq!(host.facts.virtualization, "vm");
    assert_eq!(host.texts(&filesystem::TABLE, filesystem::MOUNT_POINT), ["/"]);
    assert_eq!(host.host([host::CONNTRACK_ENTRIES, host::KERNEL_TAINT]), [Some(1204), Some(4096)]);
    assert_eq!(
        (host.delta(host::NFS_CLIENT_CALLS), host.delta(host::NFS_CLIENT_RETRANSMITS)),
        (Some(0), Some(0))
    );
    assert_eq!(host.delta(host::CPU_PRESSURE_SOME_US), Some(0));
    assert_eq!(host.texts(&cgroup::TABLE, cgroup::CONTAINER), ["4c01db0b339c", "-"]);
    assert_eq!(host.texts(&cgroup::TABLE, cgroup::UNIT), ["-", "containerd.service"]);
    assert_eq!(host.floats(&cgroup::TABLE, cgroup::CPU_LIMIT_CORES)[0], Some(1.5));
    assert_eq!(host.integers(&cgroup::TABLE, cgroup::MEMORY_LIMIT_BYTES)[0], Some(512 << 20));
    let containers: Vec<&str> =
        host.first.new_identities.iter().map(|(_, identity)| identity.container.as_str()).collect();
    assert!(containers.contains(&"4c01db0b339c"), "{containers:?}");
    host.check_absent(&[
        "pressure: irq pressure: not on this kernel",
        "kernel: nfs server: not on this kernel",
    ]);
    let users = host.users();
    assert_eq!(
        (users.can_become_root.as_slice(), users.logged_in.len()),
        (&["root".to_owned(), "ubuntu".to_owned()][..], 0)
    );
}

#[test]
fn raspberry_pi() {
    let host = Host::of("raspberry-pi-6.1");
    host.check_basics();
    assert_eq!(host.facts.cpu_cores, 4);
    assert_eq!(host.facts.cpu_model, "Raspberry Pi 3 Model B Rev 1.2");
    assert_eq!(
        host.texts(&sensor::TABLE, sensor::SENSOR),
        ["cpu_thermal/temp1", "thermal_zone0/cpu-thermal"]
    );
    let hottest = host.block(&host::TABLE).float(host::TEMPERATURE_MAX_CELSIUS, 0);
    assert_eq!(hottest, Some(52.616));
    assert_eq!(host.texts(&cgroup::TABLE, cgroup::UNIT), ["system.slice", "ssh.service"]);
    assert_eq!(host.integers(&cgroup::TABLE, cgroup::MEMORY_BYTES), [None, None]);
    assert_eq!(host.integers(&cgroup::TABLE, cgroup::TASKS_LIMIT), [None, Some(1077)]);
    host.check_absent(&[
        "cgroup: memory: not counted by control groups here",
        "pressure: memory pressure: not on this kernel",
        "numa: nodes: not on this kernel",
        "sensor: fans: no sensor here",
    ]);
    assert_eq!(host.users().can_become_root, ["pi", "root"]);
}

#[test]
fn linux_6_12_with_two_nodes() {
    let host = Host::of("linux-6.12-two-nodes");
    host.check_basics();
    assert_eq!(host.integers(&numa::TABLE, numa::HUGE_PAGES_FREE), [Some(0), Some(100)]);
    assert_eq!(host.host([host::MEMORY_HUGE_PAGES_TOTAL_BYTES]), [Some(2 << 30)]);
    assert_eq!(
        (host.delta(host::IRQ_PRESSURE_FULL_US), host.delta(host::NFS_SERVER_CALLS)),
        (Some(0), Some(0))
    );
    assert_eq!(host.texts(&raid::TABLE, raid::ACTION), ["recovery"]);
    assert_eq!(host.integers(&raid::TABLE, raid::DISKS_FAILED), [Some(1)]);
    assert_eq!(host.floats(&raid::TABLE, raid::ACTION_DONE_RATIO), [Some(0.374)]);
    let sensors = host.texts(&sensor::TABLE, sensor::SENSOR);
    let expected = [
        "k10temp/Tctl",
        "k10temp/Tccd1",
        "nvme/Composite",
        "nct6798/temp7",
        "nct6798/fan1",
        "nct6798/CPU Fan",
    ];
    assert_eq!(sensors, expected);
    assert_eq!(host.texts(&sensor::TABLE, sensor::LEVEL)[..3], ["warning", "note", "normal"]);
    assert_eq!(host.texts(&gpu::TABLE, gpu::MODEL), ["AMD Instinct MI100"]);
    assert_eq!(host.floats(&gpu::TABLE, gpu::POWER_WATTS), [Some(34.0)]);
    assert_eq!(host.block(&cgroup::TABLE).len(), 4);
    assert_eq!(host.floats(&cgroup::TABLE, cgroup::CPU_LIMIT_CORES), [None, Some(4.0), None, None]);
    assert_eq!(host.host([host::USERS_LOGGED_IN]), [Some(2)]);
    let users = host.users();
    assert_eq!(
        (users.ordinary, users.can_become_root.as_slice()),
        (Some(2), &["ann".to_owned(), "root".to_owned()][..])
    );
    host.check_absent(&["kernel: nfs client: not on this kernel", "kernel: clock: not on this kernel"]);
}
