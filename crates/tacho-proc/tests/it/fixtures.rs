//! Every parser against files recorded from a Linux 6.18 virtual machine.

use std::path::{Path, PathBuf};

use tacho_proc::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.18")
}

fn text(name: &str) -> Vec<u8> {
    std::fs::read(root().join(name)).expect("a recorded file")
}

#[test]
fn cpu_times_and_counters() {
    let mut stat = SystemStat::default();
    parse_stat(&text("stat"), &mut stat).unwrap();
    let core = CpuTimes {
        user: 32_499,
        system: 8_172,
        idle: 493_781,
        iowait: 441,
        softirq: 28,
        steal: 49,
        ..CpuTimes::default()
    };
    assert_eq!((stat.cores.len(), stat.cores[0]), (2, (0, core)));
    assert_eq!((stat.total.user, stat.total.idle), (66_869, 984_459));
    assert_eq!((stat.interrupts, stat.context_switches), (Some(766_587), Some(1_201_746)));
    assert_eq!((stat.forks, stat.running, stat.blocked), (Some(26_589), Some(3), Some(0)));
    // Kernels before 2.6.11 have no steal; before 2.6.33 no guest time.
    parse_stat(b"cpu 1 2 3 4\ncpu0 1 2 3 4 5 6 7\ncpux 1\n", &mut stat).unwrap();
    assert_eq!((stat.cores.len(), stat.cores[0].1.softirq, stat.forks), (1, 7, None));
    assert_eq!(parse_stat(b"intr 1\n", &mut stat), Err(ProcError::Malformed { file: "stat" }));
}

#[test]
fn memory() {
    let meminfo = parse_meminfo(&text("meminfo"));
    assert_eq!(meminfo.total, Some(24_684_092 << 10));
    let fields = [
        meminfo.free,
        meminfo.available,
        meminfo.buffers,
        meminfo.cached,
        meminfo.shared,
        meminfo.anonymous,
        meminfo.mapped,
        meminfo.active,
        meminfo.inactive,
        meminfo.slab_reclaimable,
        meminfo.slab_unreclaimable,
        meminfo.dirty,
        meminfo.writeback,
        meminfo.page_tables,
        meminfo.kernel_stack,
        meminfo.unevictable,
        meminfo.committed,
        meminfo.commit_limit,
        meminfo.huge_pages_total,
        meminfo.huge_pages_free,
        meminfo.swap_total,
        meminfo.swap_free,
        meminfo.swap_cached,
    ];
    assert!(fields.iter().all(Option::is_some), "{meminfo:?}");
    let vmstat = parse_vmstat(&text("vmstat"));
    assert_eq!((vmstat.swap_in, vmstat.swap_out, vmstat.oom_kills), (Some(0), Some(0), Some(0)));
    assert!(vmstat.page_faults > vmstat.page_faults_major && vmstat.page_faults_major.is_some());
}

#[test]
fn pressure_load_and_files() {
    for name in ["cpu", "memory", "io"] {
        let pressure = parse_pressure(&text(&format!("pressure/{name}")));
        assert!(pressure.some_us.is_some() && pressure.full_us.is_some(), "{name}: {pressure:?}");
    }
    assert!(parse_loadavg(&text("loadavg")).unwrap().threads.is_some());
    assert!(parse_uptime(&text("uptime")).unwrap() > 5000);
    let files = parse_file_nr(&text("sys/fs/file-nr")).unwrap();
    assert_eq!((files.open, files.max), (files.open.max(1), 2_466_177));
}

#[test]
fn disks_and_mounts() {
    let diskstats = text("diskstats");
    let disks: Vec<_> = parse_diskstats(&diskstats).collect();
    assert_eq!(disks.len(), 10);
    let disk = disks.iter().find(|disk| disk.name == b"vda").unwrap();
    assert_eq!((disk.reads, disk.sectors_read, disk.sectors_written), (273_081, 24_100_754, 8_985_688));
    assert_eq!((disk.busy_ms, disk.queue_ms), (26_068, 417_232));
    assert_eq!((disk.discards, disk.flushes), (Some(12_461), Some(3653)));
    let mounts = data_mounts(parse_mountinfo(&text("self/mountinfo")), 100);
    let places: Vec<_> =
        mounts.iter().map(|mount| (mount.mount_point.as_str(), mount.source.as_str())).collect();
    assert_eq!(places, [("/", "/dev/vda")]);
}

#[test]
fn network() {
    let dev = text("net/dev");
    let names: Vec<_> =
        parse_net_dev(&dev).map(|interface| String::from_utf8_lossy(interface.name)).collect();
    assert_eq!(names, ["lo", "ifb0", "ifb1", "eth0"]);
    let ethernet = parse_net_dev(&dev).last().unwrap();
    assert_eq!((ethernet.rx_bytes, ethernet.rx_packets), (627_041_936, 22_126));
    assert_eq!((ethernet.tx_bytes, ethernet.tx_packets), (1_477_403, 13_612));
    let protocols = parse_snmp(&text("net/snmp"));
    assert!(protocols.tcp_segments_in.is_some() && protocols.udp_errors_in.is_some(), "{protocols:?}");
    let mut sockets = SocketCounts::default();
    parse_sockstat(&text("net/sockstat"), &mut sockets);
    parse_sockstat(&text("net/sockstat6"), &mut sockets);
    assert_eq!((sockets.udp, sockets.tcp_time_wait), (Some(0), Some(0)));
    let mut states = TcpStates::default();
    parse_tcp_table(&text("net/tcp"), &mut states);
    assert_eq!(states.count(TcpStates::LISTEN), 2);
}

#[test]
fn a_process_and_a_kernel_thread() {
    let stat = parse_process_stat(&text("101/stat")).unwrap();
    assert_eq!((stat.comm.as_bytes(), stat.state, stat.parent), (&b"sleep"[..], b'S', 1));
    assert_eq!((stat.start, stat.threads, stat.resident_pages), (536_670, 1, 420));
    assert!(stat.start_stack > 0 && !stat.is_kernel_thread());
    assert_eq!(parse_statm_resident(&text("101/statm")), Some(447));
    assert_eq!(parse_process_io(&text("101/io")), Some(ProcessIo { read_bytes: 16_384, write_bytes: 0 }));
    assert_eq!(parse_swap(&text("101/status")), Some(0));
    assert_eq!(split_arguments(&text("101/cmdline")), ["sleep", "300"]);
    assert_eq!(parse_cgroup(&text("101/cgroup")), b"/");
    let kernel = parse_process_stat(&text("2/stat")).unwrap();
    assert!(kernel.is_kernel_thread() && kernel.comm.as_bytes() == b"kthreadd");
    assert_eq!((parse_swap(&text("2/status")), split_arguments(&text("2/cmdline")).len()), (None, 0));
}

#[test]
fn the_machine() {
    assert_eq!(parse_cpu_model(&text("cpuinfo")).as_deref(), Some("AMD EPYC"));
    assert_eq!(virtualization(&root(), Path::new("/does/not/exist")), "vm");
}
