//! Control groups of both versions.

use tacho_model::tables::cgroup;
use tacho_model::{FloatColumn, IntegerColumn};

use super::machine::Machine;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The row of a control group.
fn row_of(machine: &Machine, path: &str) -> Option<usize> {
    let block = machine.block(&cgroup::TABLE);
    (0..block.len()).find(|row| block.text(cgroup::CGROUP, *row) == Some(path))
}

fn integers<const N: usize>(machine: &Machine, path: &str, columns: [IntegerColumn; N]) -> [Option<i64>; N] {
    let row = row_of(machine, path).unwrap();
    columns.map(|column| machine.block(&cgroup::TABLE).integer(column, row))
}

fn float(machine: &Machine, path: &str, column: FloatColumn) -> Option<f64> {
    machine.block(&cgroup::TABLE).float(column, row_of(machine, path).unwrap())
}

fn put(machine: &Machine, group: &str, files: &[(&str, &str)]) {
    for (name, text) in files {
        machine.write(&format!("sys/fs/cgroup/{group}/{name}"), text);
    }
}

fn cpu(user: u64, system: u64) -> String {
    format!(
        "usage_usec {}\nuser_usec {user}\nsystem_usec {system}\nnr_throttled 0\nthrottled_usec 50\n",
        user + system
    )
}

#[test]
fn version_2() {
    let mut machine = Machine::new(10);
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    let ssh = "system.slice/ssh.service";
    put(
        &machine,
        ssh,
        &[
            ("cpu.stat", &cpu(1000, 500)),
            ("cpu.max", "150000 100000\n"),
            ("memory.current", "4096\n"),
            ("memory.max", "max\n"),
            ("memory.stat", "anon 1024\nfile 3072\n"),
            ("memory.swap.current", "0\n"),
            ("memory.events", "low 0\noom_kill 0\n"),
            ("pids.current", "3\n"),
            ("pids.max", "100\n"),
            ("io.stat", "8:0 rbytes=100 wbytes=200 rios=1\n"),
            ("cpu.pressure", "some avg10=0.00 total=10\n"),
            ("memory.pressure", "some avg10=0.00 total=20\nfull avg10=0.00 total=5\n"),
        ],
    );
    put(&machine, "system.slice", &[("cpu.stat", &cpu(9000, 9000))]);
    let container = format!("system.slice/docker-{ID}.scope");
    put(&machine, &container, &[("cpu.stat", &cpu(5, 5)), ("memory.current", "1\n")]);
    put(&machine, &format!("{container}/nested"), &[("cpu.stat", &cpu(5, 5))]);
    put(&machine, "user.slice/user-0.slice/session-1.scope", &[("memory.current", "7\n")]);
    machine.tick();
    let block = machine.block(&cgroup::TABLE);
    let paths: Vec<_> = (0..block.len()).map(|row| block.text(cgroup::CGROUP, row).unwrap()).collect();
    let docker = format!("/{container}");
    let expected =
        ["/system.slice", &docker, "/system.slice/ssh.service", "/user.slice/user-0.slice/session-1.scope"];
    assert_eq!(paths, expected, "not the slices below the top, nothing without readings");
    assert_eq!(block.text(cgroup::UNIT, 0), Some("system.slice"));
    assert_eq!(
        (block.text(cgroup::CONTAINER, 1), block.text(cgroup::CONTAINER, 2)),
        (Some("0123456789ab"), None)
    );
    let ssh_path = "/system.slice/ssh.service";
    let states = [
        cgroup::MEMORY_BYTES,
        cgroup::MEMORY_LIMIT_BYTES,
        cgroup::MEMORY_ANONYMOUS_BYTES,
        cgroup::TASKS,
        cgroup::TASKS_LIMIT,
    ];
    assert_eq!(integers(&machine, ssh_path, states), [Some(4096), None, Some(1024), Some(3), Some(100)]);
    assert_eq!(float(&machine, ssh_path, cgroup::CPU_LIMIT_CORES), Some(1.5));
    assert_eq!(integers(&machine, ssh_path, [cgroup::CPU_USER_US, cgroup::DISK_READ_BYTES]), [None, None]);

    put(
        &machine,
        ssh,
        &[
            ("cpu.stat", &cpu(1700, 600)),
            ("memory.events", "low 0\noom_kill 2\n"),
            ("io.stat", "8:0 rbytes=1100 wbytes=200 rios=1\n"),
            ("memory.pressure", "some avg10=0.00 total=27\nfull avg10=0.00 total=6\n"),
        ],
    );
    machine.tick();
    assert_eq!(machine.block(&cgroup::TABLE).len(), 1, "the others did nothing");
    let deltas = [
        cgroup::CPU_USER_US,
        cgroup::CPU_SYSTEM_US,
        cgroup::CPU_THROTTLED_US,
        cgroup::OOM_KILLS,
        cgroup::DISK_READ_BYTES,
    ];
    assert_eq!(integers(&machine, ssh_path, deltas), [Some(700), Some(100), Some(0), Some(2), Some(1000)]);
    let pressure = [
        cgroup::CPU_PRESSURE_SOME_US,
        cgroup::MEMORY_PRESSURE_SOME_US,
        cgroup::MEMORY_PRESSURE_FULL_US,
        cgroup::IO_PRESSURE_SOME_US,
    ];
    assert_eq!(integers(&machine, ssh_path, pressure), [Some(0), Some(7), Some(1), None]);
    for _ in 0..10 {
        machine.tick();
        assert!(machine.block(&cgroup::TABLE).is_empty());
    }
    put(&machine, "system.slice/new.service", &[("cpu.stat", &cpu(1, 1)), ("memory.current", "1\n")]);
    std::fs::remove_dir_all(machine.path("sys/fs/cgroup/user.slice")).unwrap();
    machine.tick();
    assert_eq!(
        machine.block(&cgroup::TABLE).len(),
        4,
        "idle ones once a minute, and what came and went is known"
    );
    assert!(row_of(&machine, "/system.slice/new.service").is_some());
}

#[test]
fn a_group_that_is_made_is_found_soon_and_brings_all_of_its_own() {
    let mut machine = Machine::new(10);
    let count = |machine: &Machine, groups: u32| {
        put(machine, "", &[("cgroup.stat", &format!("nr_descendants {groups}\nnr_dying_descendants 0\n"))]);
    };
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
    count(&machine, 1);
    put(&machine, "system.slice", &[("cpu.stat", &cpu(70, 70))]);
    machine.tick();
    assert_eq!(integers(&machine, "/system.slice", [cgroup::CPU_USER_US]), [None]);
    put(&machine, "system.slice/new.service", &[("cpu.stat", &cpu(30, 20))]);
    count(&machine, 2);
    machine.tick();
    assert!(row_of(&machine, "/system.slice/new.service").is_none(), "just searched");
    machine.tick();
    let new = integers(&machine, "/system.slice/new.service", [cgroup::CPU_USER_US, cgroup::CPU_SYSTEM_US]);
    assert_eq!(new, [Some(30), Some(20)]);
    machine.tick();
    assert!(machine.block(&cgroup::TABLE).is_empty());
}

#[test]
fn a_group_of_version_1_that_is_made_is_found_soon_too() {
    let mut machine = Machine::new(10);
    let count = |machine: &Machine, groups: u32| {
        let text = format!("#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuacct\t2\t{groups}\t1\n");
        machine.write("proc/cgroups", &text);
    };
    put(&machine, "cpuacct/system.slice", &[("cpuacct.stat", "user 7\nsystem 7\n")]);
    count(&machine, 2);
    machine.tick();
    put(&machine, "cpuacct/system.slice/new.service", &[("cpuacct.stat", "user 3\nsystem 2\n")]);
    count(&machine, 3);
    machine.tick();
    machine.tick();
    let new = integers(&machine, "/system.slice/new.service", [cgroup::CPU_USER_US, cgroup::CPU_SYSTEM_US]);
    assert_eq!(new, [Some(30_000), Some(20_000)], "all of its own");
}

#[test]
fn version_1() {
    let mut machine = Machine::new(10);
    let web = format!("docker/{ID}");
    put(&machine, &format!("systemd/{web}"), &[("tasks", "1\n")]);
    put(
        &machine,
        &format!("cpu,cpuacct/{web}"),
        &[
            ("cpuacct.stat", "user 100\nsystem 50\n"),
            ("cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 7000000\n"),
            ("cpu.cfs_quota_us", "50000\n"),
            ("cpu.cfs_period_us", "100000\n"),
        ],
    );
    put(
        &machine,
        &format!("memory/{web}"),
        &[
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.stat", "rss 1\ntotal_rss 1024\ntotal_swap 0\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
        ],
    );
    put(&machine, &format!("pids/{web}"), &[("pids.current", "3\n"), ("pids.max", "max\n")]);
    put(
        &machine,
        &format!("blkio/{web}"),
        &[("blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 20\nTotal 30\n")],
    );
    put(&machine, "systemd/system.slice/ssh.service", &[("tasks", "1\n")]);
    machine.tick();
    let path = format!("/{web}");
    let columns = [
        cgroup::MEMORY_BYTES,
        cgroup::MEMORY_LIMIT_BYTES,
        cgroup::MEMORY_ANONYMOUS_BYTES,
        cgroup::SWAP_BYTES,
        cgroup::TASKS,
    ];
    assert_eq!(integers(&machine, &path, columns), [Some(4096), None, Some(1024), Some(0), Some(3)]);
    assert_eq!(float(&machine, &path, cgroup::CPU_LIMIT_CORES), Some(0.5));
    let row = row_of(&machine, &path).unwrap();
    assert_eq!(machine.block(&cgroup::TABLE).text(cgroup::CONTAINER, row), Some("0123456789ab"));
    assert_eq!(machine.block(&cgroup::TABLE).text(cgroup::UNIT, row), None);
    assert_eq!(machine.absent("cgroup"), ["pressure: not counted by control groups here"]);
    put(
        &machine,
        &format!("cpu,cpuacct/{web}"),
        &[
            ("cpuacct.stat", "user 130\nsystem 50\n"),
            ("cpu.stat", "nr_periods 9\nnr_throttled 2\nthrottled_time 9000000\n"),
        ],
    );
    put(
        &machine,
        &format!("blkio/{web}"),
        &[("blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 50\nTotal 60\n")],
    );
    machine.tick();
    let deltas = [
        cgroup::CPU_USER_US,
        cgroup::CPU_SYSTEM_US,
        cgroup::CPU_THROTTLED_US,
        cgroup::DISK_READ_BYTES,
        cgroup::DISK_WRITE_BYTES,
        cgroup::OOM_KILLS,
    ];
    assert_eq!(
        integers(&machine, &path, deltas),
        [Some(300_000), Some(0), Some(2000), Some(0), Some(30), Some(0)]
    );
}

#[test]
fn more_groups_than_are_wanted() {
    let mut machine = Machine::new(10);
    machine.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
    put(&machine, "system.slice", &[("cpu.stat", &cpu(1, 1))]);
    for at in 0..250 {
        put(&machine, &format!("system.slice/unit{at}.service"), &[("cpu.stat", &cpu(1, 1))]);
    }
    machine.tick();
    assert_eq!(machine.block(&cgroup::TABLE).len(), 200);
    assert!(machine.absent("cgroup").contains(&"control groups beyond the limit: too many".to_owned()));
}
