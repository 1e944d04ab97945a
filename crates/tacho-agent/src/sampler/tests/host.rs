//! The host's own readings, from files recorded from a real machine.

use std::path::Path;

use tacho_model::six_digits;
use tacho_model::tables::{cpu, disk, filesystem, host, interface};

use super::machine::{Machine, TICK_US};

/// A machine with the recorded files of a kernel, processes left out.
fn recorded() -> Machine {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tacho-proc/fixtures/linux-6.18");
    let machine = Machine::new(10);
    for name in [
        "stat",
        "meminfo",
        "vmstat",
        "loadavg",
        "uptime",
        "diskstats",
        "cpuinfo",
        "net/dev",
        "net/snmp",
        "net/sockstat",
        "net/sockstat6",
        "net/tcp",
        "pressure/cpu",
        "pressure/memory",
        "pressure/io",
        "sys/fs/file-nr",
        "self/mountinfo",
    ] {
        machine.write(&format!("proc/{name}"), &std::fs::read_to_string(fixtures.join(name)).unwrap());
    }
    machine.write("sys/block/vda/size", "1");
    machine.write("sys/block/loop0/size", "1");
    machine.write("sys/class/net/eth0/device/vendor", "1");
    machine.write("sys/class/net/eth0/carrier", "1\n");
    machine.write("sys/class/net/eth0/speed", "10000\n");
    machine.write("sys/class/net/lo/speed", "-1\n");
    machine
}

fn edit(machine: &Machine, name: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(machine.path(name)).unwrap();
    assert!(text.contains(from), "{name}: {from}");
    machine.write(name, &text.replacen(from, to, 1));
}

#[test]
fn states_are_there_at_once() {
    let mut machine = recorded();
    machine.tick();
    assert_eq!(machine.host(host::MEMORY_TOTAL_BYTES), Some(24_684_092 << 10));
    assert_eq!(machine.host(host::CPU_CORES), Some(2));
    assert_eq!((machine.host(host::SOCKETS), machine.host(host::TCP_LISTEN)), (Some(18), Some(2)));
    assert_eq!(
        (machine.host(host::OPEN_FILES_MAX), machine.host(host::SWAP_TOTAL_BYTES)),
        (Some(2_466_177), Some(0))
    );
    assert!(machine.block(&host::TABLE).float(host::LOAD1, 0).is_some());
    let file_systems = machine.block(&filesystem::TABLE);
    assert_eq!(file_systems.len(), 1);
    assert_eq!(file_systems.text(filesystem::MOUNT_POINT, 0), Some("/"));
    assert_eq!(file_systems.text(filesystem::FS_TYPE, 0), Some("ext4"));
    assert!(
        file_systems.integer(filesystem::SIZE_BYTES, 0)
            > file_systems.integer(filesystem::AVAILABLE_BYTES, 0)
    );
    assert_eq!(machine.block(&cpu::TABLE).len(), 0, "cores have nothing but deltas");
    machine.tick();
    assert_eq!(machine.block(&filesystem::TABLE).len(), 0, "due again in a minute");
}

#[test]
fn counters_become_deltas() {
    let mut machine = recorded();
    machine.tick();
    edit(&machine, "proc/stat", "cpu  66869 0 17005 984459", "cpu  66969 0 17005 984759");
    edit(&machine, "proc/stat", "cpu1 34369 0 8833 490677", "cpu1 34469 0 8833 490676");
    edit(&machine, "proc/stat", "ctxt 1201746", "ctxt 1201846");
    edit(&machine, "proc/diskstats", "273081 34838 24100754 395073", "273091 34838 24100854 395173");
    edit(&machine, "proc/net/dev", "627041936   22126", "627051936   22136");
    edit(&machine, "proc/vmstat", "pgmajfault ", "pgmajfault 1");
    machine.tick();
    assert_eq!(
        (machine.host(host::CPU_USER_US), machine.host(host::CPU_IDLE_US)),
        (Some(1_000_000), Some(3_000_000))
    );
    assert_eq!((machine.host(host::CONTEXT_SWITCHES), machine.host(host::INTERRUPTS)), (Some(100), Some(0)));
    assert_eq!(
        (machine.host(host::DISK_READ_BYTES), machine.host(host::DISK_WRITE_BYTES)),
        (Some(51_200), Some(0))
    );
    assert_eq!((machine.host(host::NET_RX_BYTES), machine.host(host::NET_TX_BYTES)), (Some(10_000), Some(0)));
    assert!(machine.host(host::PAGE_FAULTS_MAJOR) > Some(0));
    assert_eq!(
        (machine.host(host::IO_PRESSURE_SOME_US), machine.host(host::IRQ_PRESSURE_FULL_US)),
        (Some(0), None)
    );
    let cores = machine.block(&cpu::TABLE);
    assert_eq!((cores.len(), cores.integer(cpu::USER_US, 1)), (2, Some(100 * TICK_US)));
    assert_eq!(cores.integer(cpu::IDLE_US, 1), Some(0), "the kernel takes back a guess");
    let disks = machine.block(&disk::TABLE);
    assert_eq!(
        (disks.len(), disks.text(disk::DEVICE, 0), disks.integer(disk::WHOLE, 0)),
        (1, Some("vda"), Some(1))
    );
    assert_eq!((disks.integer(disk::READS, 0), disks.integer(disk::READ_US, 0)), (Some(10), Some(100_000)));
    let interfaces = machine.block(&interface::TABLE);
    let row = (0..interfaces.len())
        .find(|row| interfaces.text(interface::INTERFACE, *row) == Some("eth0"))
        .unwrap();
    assert_eq!(interfaces.integer(interface::SPEED_BITS_PER_SECOND, row), Some(10_000_000_000));
    assert_eq!(
        (interfaces.integer(interface::UP, row), interfaces.integer(interface::PHYSICAL, row)),
        (Some(1), Some(1))
    );
    assert_eq!(interfaces.integer(interface::SPEED_BITS_PER_SECOND, 0), None, "-1 is unknown");
}

#[test]
fn the_moving_average_of_memory_in_use() {
    let mut machine = recorded();
    let put = |machine: &Machine, available: u64| {
        machine.write("proc/meminfo", &format!("MemTotal: 1000 kB\nMemAvailable: {available} kB\n"));
    };
    let average = |machine: &mut Machine| {
        machine.tick();
        machine.block(&host::TABLE).float(host::MEMORY_USED_AVERAGE_RATIO, 0)
    };
    put(&machine, 600);
    assert_eq!(average(&mut machine), Some(six_digits(0.4)), "the first is its own average");
    put(&machine, 500);
    assert_eq!(average(&mut machine), Some(six_digits(0.3 * 0.4 + 0.7 * 0.5)));
    machine.write("proc/meminfo", "MemTotal: 1000 kB\n");
    assert_eq!(average(&mut machine), None);
    put(&machine, 500);
    let after = 0.3 * (0.3 * 0.4 + 0.7 * 0.5) + 0.7 * 0.5;
    assert_eq!(average(&mut machine), Some(six_digits(after)), "a gap is skipped");
}

#[test]
fn a_counter_that_goes_back_is_absent_once() {
    let mut machine = recorded();
    machine.tick();
    edit(&machine, "proc/net/dev", "627041936", "5");
    edit(&machine, "proc/diskstats", "273081", "5");
    machine.tick();
    assert_eq!(machine.host(host::NET_RX_BYTES), None);
    assert_eq!(machine.block(&disk::TABLE).integer(disk::READS, 0), None);
    machine.tick();
    assert_eq!(machine.host(host::NET_RX_BYTES), Some(0));
}

#[test]
fn one_broken_file_costs_only_itself() {
    let mut machine = recorded();
    machine.tick();
    machine.write("proc/loadavg", "not a load");
    std::fs::remove_file(machine.path("proc/pressure/io")).unwrap();
    std::fs::remove_file(machine.path("proc/diskstats")).unwrap();
    machine.write("proc/meminfo", "");
    // Files are kept open; a removed one is still read until it fails.
    let mut other = recorded();
    for name in ["proc/diskstats", "proc/pressure/io", "proc/stat"] {
        std::fs::remove_file(other.path(name)).unwrap();
    }
    other.write("proc/loadavg", "not a load");
    for machine in [&mut machine, &mut other] {
        machine.tick();
        assert!(machine.host(host::UPTIME_SECONDS).is_some() && machine.host(host::PROCESSES).is_some());
    }
    let facts = other.sampler().facts();
    let absent = |name: &str| {
        let status = facts.collectors.iter().find(|status| status.name == name).unwrap();
        (status.absent.join(", "), status.error.clone())
    };
    assert_eq!(absent("load"), ("load: failed".to_owned(), "loadavg is not in a known format".to_owned()));
    assert_eq!(absent("disk").0, "disks: not on this kernel");
    assert_eq!(absent("cpu").0, "cpu: not on this kernel");
    assert!(absent("pressure").0.contains("io pressure: not on this kernel"));
}

#[test]
fn facts() {
    let mut machine = recorded();
    machine.write("proc/sys/kernel/hostname", "web1\n");
    machine.write("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
    machine.write("proc/sys/kernel/random/boot_id", "0b-1\n");
    machine.write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    let facts = machine.sampler().facts();
    assert_eq!((facts.host_name.as_str(), facts.kernel.as_str()), ("web1", "6.1.0-28-amd64"));
    assert_eq!((facts.os.as_str(), facts.boot_id.as_str()), ("Debian GNU/Linux 12 (bookworm)", "0b-1"));
    assert_eq!((facts.cpu_model.as_str(), facts.cpu_cores), ("AMD EPYC", 2));
    assert_eq!((facts.memory_bytes, facts.boot_time_ms), (24_684_092 << 10, super::machine::BOOT_TIME_MS));
    assert_eq!((facts.virtualization.as_str(), facts.sampler.as_str()), ("vm", "proc"));
    assert_eq!(facts.collectors.len(), 19);
}
