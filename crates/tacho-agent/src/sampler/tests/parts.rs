//! Sensors, nodes, arrays and single figures of the kernel.

use tacho_model::tables::{event, host, numa, raid, sensor};

use super::machine::{BOOT_TIME_MS, Machine};

/// Sensor, level, and temperature or speed of each row.
fn sensors(machine: &Machine) -> Vec<(String, String, f64)> {
    let block = machine.block(&sensor::TABLE);
    let row = |row| {
        let value = block.float(sensor::TEMPERATURE_CELSIUS, row);
        let value = value.unwrap_or_else(|| block.integer(sensor::FAN_RPM, row).unwrap() as f64);
        let text = |column| block.text(column, row).unwrap_or_default().to_owned();
        (text(sensor::SENSOR), text(sensor::LEVEL), value)
    };
    (0..block.len()).map(row).collect()
}

fn row(name: &str, level: &str, value: f64) -> (String, String, f64) {
    (name.to_owned(), level.to_owned(), value)
}

#[test]
fn sensors_each_minute_and_when_their_level_changes() {
    let mut machine = Machine::new(10);
    for (name, text) in [
        ("hwmon/hwmon0/name", "coretemp\n"),
        ("hwmon/hwmon0/temp1_input", "45000\n"),
        ("hwmon/hwmon0/temp1_label", "Package id 0\n"),
        ("hwmon/hwmon0/temp10_input", "not there\n"),
        ("hwmon/hwmon2/name", "nvme\n"),
        ("hwmon/hwmon2/temp1_input", "38850\n"),
        ("hwmon/hwmon10/name", "nvme\n"),
        ("hwmon/hwmon10/temp1_input", "71850\n"),
        ("hwmon/hwmon10/fan1_input", "1200\n"),
        ("hwmon/hwmon11/temp1_input", "1\n"),
        ("thermal/thermal_zone0/type", "acpitz\n"),
        ("thermal/thermal_zone0/temp", "27800\n"),
        ("thermal/cooling_device0/type", "Processor\n"),
    ] {
        machine.write(&format!("sys/class/{name}"), text);
    }
    machine.tick();
    let expected = [
        row("coretemp/Package id 0", "normal", 45.0),
        row("nvme/temp1", "normal", 38.85),
        row("nvme-2/temp1", "warning", 71.85),
        row("nvme/fan1", "", 1200.0),
        row("thermal_zone0/acpitz", "normal", 27.8),
    ];
    assert_eq!(sensors(&machine), expected);
    let hottest = |machine: &Machine| machine.block(&host::TABLE).float(host::TEMPERATURE_MAX_CELSIUS, 0);
    assert_eq!(hottest(&machine), Some(71.85));
    assert_eq!(machine.absent("sensor"), [""; 0]);
    machine.write("sys/class/hwmon/hwmon10/temp1_input", "20000\n");
    machine.write("sys/class/hwmon/hwmon0/temp1_input", "49999\n");
    machine.tick();
    assert_eq!(
        (sensors(&machine), hottest(&machine)),
        (Vec::new(), Some(71.85)),
        "a disk is asked once a minute"
    );
    machine.write("sys/class/hwmon/hwmon0/temp1_input", "50000\n");
    machine.tick();
    assert_eq!(sensors(&machine), [row("coretemp/Package id 0", "note", 50.0)]);
    machine.write("sys/class/hwmon/hwmon0/temp1_input", "70000\n");
    machine.tick();
    assert_eq!(sensors(&machine), [row("coretemp/Package id 0", "warning", 70.0)]);
    for _ in 0..8 {
        machine.tick();
        assert!(sensors(&machine).is_empty());
    }
    machine.tick();
    assert_eq!((sensors(&machine).len(), hottest(&machine)), (5, Some(70.0)));
}

#[test]
fn what_a_machine_does_not_have_is_absent_with_its_reason() {
    let mut machine = Machine::new(10);
    machine.tick();
    assert_eq!(machine.absent("sensor"), ["temperature: no sensor here", "fans: no sensor here"]);
    assert_eq!(machine.absent("numa"), ["nodes: not on this kernel"]);
    assert_eq!(machine.absent("raid"), ["software RAID: not on this kernel"]);
    assert_eq!(machine.absent("cgroup"), ["control groups: not on this kernel"]);
    assert_eq!(machine.absent("kernel log"), ["kernel log: not on this kernel"]);
    let kernel = machine.absent("kernel");
    for reading in ["tracked connections", "taint", "nfs client", "nfs server", "clock"] {
        assert!(kernel.contains(&format!("{reading}: not on this kernel")), "{kernel:?}");
    }
}

#[test]
fn nodes_each_minute() {
    let mut machine = Machine::new(10);
    let put = |machine: &Machine, node: u32, hits: u32| {
        let directory = format!("sys/devices/system/node/node{node}");
        let meminfo = format!(
            "Node {node} MemTotal: 100 kB\nNode {node} MemFree: 40 kB\nNode {node} HugePages_Total: 4\n"
        );
        machine.write(&format!("{directory}/meminfo"), &meminfo);
        machine.write(&format!("{directory}/numastat"), &format!("numa_hit {hits}\nnuma_miss 3\n"));
    };
    put(&machine, 0, 10);
    put(&machine, 1, 20);
    machine.write("sys/devices/system/node/online", "0-1\n");
    machine.tick();
    let block = machine.block(&numa::TABLE);
    assert_eq!((block.len(), block.integer(numa::NODE, 1)), (2, Some(1)));
    assert_eq!(block.integer(numa::MEMORY_FREE_BYTES, 0), Some(40 << 10));
    assert_eq!((block.integer(numa::HITS, 0), block.integer(numa::HUGE_PAGES_TOTAL, 0)), (None, Some(4)));
    put(&machine, 1, 25);
    for _ in 0..11 {
        machine.tick();
        assert!(machine.block(&numa::TABLE).is_empty());
    }
    machine.tick();
    let block = machine.block(&numa::TABLE);
    assert_eq!((block.interval_ms, block.integer(numa::HITS, 1)), (60_000, Some(5)));
    assert_eq!((block.integer(numa::MISSES, 1), block.integer(numa::FOREIGN, 1)), (Some(0), None));
}

#[test]
fn arrays_each_minute_and_when_they_change() {
    let mut machine = Machine::new(10);
    let put = |machine: &Machine, disks: &str, state: &str, action: &str| {
        let text = format!(
            "Personalities : [raid1]\nmd0 : active raid1 {disks}\n      9 blocks {state}\n{action}\nunused devices: <none>\n"
        );
        machine.write("proc/mdstat", &text);
    };
    let texts = |machine: &Machine| -> Vec<String> {
        let block = machine.block(&event::TABLE);
        (0..block.len()).map(|row| block.text(event::TEXT, row).unwrap().to_owned()).collect()
    };
    put(&machine, "sdb1[1] sda1[0]", "[2/2] [UU]", "");
    machine.tick();
    assert_eq!((machine.block(&raid::TABLE).len(), texts(&machine).len()), (1, 0));
    machine.tick();
    assert!(machine.block(&raid::TABLE).is_empty());
    put(&machine, "sdb1[1] sda1[0](F)", "[2/1] [_U]", "");
    let now_ms = BOOT_TIME_MS + i64::try_from(machine.now_s * 1000).unwrap();
    machine.tick();
    let block = machine.block(&raid::TABLE);
    let numbers =
        [raid::DISKS, raid::DISKS_ACTIVE, raid::DISKS_FAILED].map(|column| block.integer(column, 0));
    assert_eq!(numbers, [Some(2), Some(1), Some(1)]);
    assert_eq!(
        texts(&machine),
        ["md0 is active, 1 of 2 disks work, 1 failed; it was active, 2 of 2 disks work"]
    );
    let events = machine.block(&event::TABLE);
    assert_eq!((events.text(event::KIND, 0), events.text(event::SUBJECT, 0)), (Some("raid"), Some("md0")));
    assert_eq!(events.integer(event::HAPPENED, 0), Some(now_ms));
    put(&machine, "sdc1[2] sdb1[1]", "[2/1] [_U]", "      [=>...]  recovery = 12.5% (1/8)");
    machine.tick();
    assert_eq!(texts(&machine).len(), 1);
    assert_eq!(machine.block(&raid::TABLE).text(raid::ACTION, 0), Some("recovery"));
    put(&machine, "sdc1[2] sdb1[1]", "[2/1] [_U]", "      [==>..]  recovery = 25.0% (2/8)");
    machine.tick();
    assert_eq!((machine.block(&raid::TABLE).len(), texts(&machine).len()), (0, 0), "progress is no news");
    machine.write("proc/mdstat", "Personalities : [raid1]\nunused devices: <none>\n");
    machine.tick();
    assert_eq!(texts(&machine), ["md0 is no longer there"]);
}

#[test]
fn single_figures_of_the_kernel() {
    let mut machine = Machine::new(10);
    machine.write("proc/sys/net/netfilter/nf_conntrack_count", "812\n");
    machine.write("proc/sys/net/netfilter/nf_conntrack_max", "262144\n");
    machine.write("proc/sys/kernel/tainted", "4096\n");
    machine.write("proc/net/rpc/nfs", "net 0 0 0 0\nrpc 100 2 100\n");
    machine.write("proc/net/rpc/nfsd", "rc 0 0 0\nrpc 1000 0 0 0 0\n");
    machine.tick();
    assert_eq!(
        (machine.host(host::CONNTRACK_ENTRIES), machine.host(host::CONNTRACK_MAX)),
        (Some(812), Some(262_144))
    );
    assert_eq!((machine.host(host::KERNEL_TAINT), machine.host(host::NFS_CLIENT_CALLS)), (Some(4096), None));
    assert_eq!(
        (machine.host(host::CLOCK_SYNCHRONIZED), machine.host(host::CLOCK_ERROR_MAX_US)),
        (None, None)
    );
    machine.write("proc/net/rpc/nfs", "net 0 0 0 0\nrpc 150 5 150\n");
    machine.write("proc/net/rpc/nfsd", "rc 0 0 0\nrpc 1000 0 0 0 0\n");
    machine.tick();
    let nfs = [host::NFS_CLIENT_CALLS, host::NFS_CLIENT_RETRANSMITS, host::NFS_SERVER_CALLS];
    assert_eq!(nfs.map(|column| machine.host(column)), [Some(50), Some(3), Some(0)]);
}

#[test]
fn how_well_the_clock_is_kept() {
    use std::path::Path;

    use tacho_model::Block;
    use tacho_model::tables;
    use tacho_proc::{Buffer, ClockState};

    use crate::sampler::kernel::Kernel;

    let clock = || Ok(ClockState { synchronized: true, error_max_us: Some(1500) });
    let mut kernel = Kernel::new(Path::new("/does/not/exist"), clock);
    let mut block = Block::new(&tables::host::TABLE);
    kernel.collect(&mut Buffer::default(), &mut block.push());
    assert_eq!(block.integer(host::CLOCK_SYNCHRONIZED, 0), Some(1));
    assert_eq!(block.integer(host::CLOCK_ERROR_MAX_US, 0), Some(1500));
}
