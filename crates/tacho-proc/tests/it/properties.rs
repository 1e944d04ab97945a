//! No bytes make a parser panic: random ones, and real files cut, doctored and spliced.

use std::path::Path;

use proptest::prelude::*;
use tacho_proc::*;

/// Runs every parser there is over `bytes`.
fn parse_all(bytes: &[u8]) {
    let mut stat = SystemStat::default();
    parse_stat(bytes, &mut stat).ok();
    let mut sockets = SocketCounts::default();
    parse_sockstat(bytes, &mut sockets);
    let mut states = TcpStates::default();
    parse_tcp_table(bytes, &mut states);
    parse_socket_table(bytes).for_each(drop);
    parse_socket(bytes);
    parse_socket_link(bytes);
    let _ = (parse_socket_line(bytes), parse_unix_socket(bytes));
    let _ = (parse_file_link(bytes), parse_fdinfo(bytes));
    parse_local_mounts(bytes).for_each(drop);
    for kind in [18, 20] {
        parse_dump(bytes, kind, 1, |body| {
            parse_socket(body);
        })
        .ok();
    }
    parse_directory_entries(bytes, |_| ());
    parse_meminfo(bytes).available_or_estimate();
    parse_vmstat(bytes);
    parse_pressure(bytes);
    let _ = (parse_loadavg(bytes), parse_uptime(bytes), parse_file_nr(bytes));
    parse_diskstats(bytes).for_each(drop);
    parse_net_dev(bytes).for_each(drop);
    parse_snmp(bytes);
    data_mounts(parse_mountinfo(bytes), 10);
    parse_passwd(bytes).for_each(drop);
    parse_process_stat(bytes);
    parse_process_io(bytes);
    parse_statm_resident(bytes);
    parse_swap(bytes);
    split_arguments(bytes);
    let cgroup = String::from_utf8_lossy(parse_cgroup(bytes)).into_owned();
    let _ = (unit_of(&cgroup), container_of(&cgroup));
    parse_cpu_model(bytes);
    parse_os_release(&String::from_utf8_lossy(bytes));
    parse_host_files(bytes);
}

/// Logins, accounts, sensors, arrays, control groups and the kernel's log.
fn parse_host_files(bytes: &[u8]) {
    for layout in [LoginLayout::Compact, LoginLayout::Wide] {
        parse_logins(bytes, layout).for_each(drop);
        parse_lastlog(bytes, layout);
    }
    parse_session(bytes);
    parse_group(bytes).flat_map(|group| group.members()).for_each(drop);
    parse_uid_min(bytes);
    parse_sudoers(&String::from_utf8_lossy(bytes));
    let _ = (parse_node_memory(bytes), parse_node_pages(bytes), parse_rpc(bytes));
    for array in parse_mdstat(bytes) {
        assert!(array.action_done.is_none_or(|done| (0.0..=1.0).contains(&done)));
    }
    let _ = (parse_millidegrees(bytes), sensor_number(bytes, b"temp"));
    let _ = (parse_group_cpu(bytes), parse_group_cpuacct(bytes, 100), parse_group_limit(bytes));
    let _ = (parse_cpu_max(bytes), group_value(bytes, b"anon"));
    let _ = (parse_group_io(bytes), parse_group_blkio(bytes));
    if let Some(message) = parse_kernel_message(bytes) {
        check_event(message.text);
    }
    check_event(bytes);
}

fn check_event(text: &[u8]) {
    if let Some(event) = kernel_event(text) {
        assert!(event.text.len() <= 500 && event.subject.len() <= 64);
        assert!(!event.text.chars().any(char::is_control), "{:?}", event.text);
    }
}

fn recorded() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/linux-6.18");
    let names = [
        "stat",
        "meminfo",
        "vmstat",
        "diskstats",
        "loadavg",
        "cpuinfo",
        "net/dev",
        "net/snmp",
        "net/sockstat",
        "net/tcp",
        "pressure/io",
        "self/mountinfo",
        "101/stat",
        "101/io",
        "101/status",
        "101/cgroup",
        "101/cmdline",
    ];
    let mut files: Vec<_> =
        names.iter().map(|name| std::fs::read(root.join(name)).expect("a recorded file")).collect();
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts");
    let names = [
        "linux-6.12-two-nodes/proc/mdstat",
        "linux-6.12-two-nodes/sys/devices/system/node/node1/numastat",
        "linux-6.12-two-nodes/sys/fs/cgroup/system.slice/cpu.stat",
        "linux-5.4-containers/etc/sudoers",
        "linux-5.4-containers/proc/net/rpc/nfs",
        "linux-3.10/run/systemd/sessions/12",
    ];
    files.extend(names.iter().map(|name| std::fs::read(hosts.join(name)).expect("a file of a tree")));
    files.extend(WRITTEN.iter().map(|text| text.as_bytes().to_vec()));
    files.push(socket_dump());
    files
}

/// A dump of one socket with its attributes, each length as it should be.
fn socket_dump() -> Vec<u8> {
    let mut body = vec![2; 72];
    for (kind, length) in [(5u16, 6u16), (2, 260), (8, 5)] {
        body.extend([length.to_ne_bytes(), kind.to_ne_bytes()].concat());
        body.resize(body.len() + usize::from(length - 4).next_multiple_of(4), 1);
    }
    let header = [body.len() as u32 + 16, 18, 1, 0].map(u32::to_ne_bytes).concat();
    [header, body].concat().repeat(2)
}

/// Small files of kinds that the recorded machine does not have.
const WRITTEN: [&str; 6] = [
    "md0 : active raid1 sdb1[1] sda1[0](F)\n      1 blocks [2/1] [_U]\n      [=>..] recovery = 12.6% (1/2)\n",
    "Defaults x\nUser_Alias A = ann, B : B = A\nA ALL = (root, \\\n op) ALL\n@includedir /etc/sudoers.d\n",
    "4,1,2,-;Memory cgroup out of memory: Killed process 812 (a) b) total-vm:8kB, anon-rss:7kB\n SUBSYSTEM=x\n",
    "INFO: task kworker/0:1:12 blocked for more than 120 seconds. EXT4-fs error (device sda1): x I/O error, dev a, b",
    "8:0 rbytes=4096 wbytes=18446744073709551615 rios=1\n8:1 rbytes=18446744073709551615\n",
    "USER=ann\nCLASS=user\nTTY=pts/0\nREALTIME=1\n",
];

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        parse_all(&bytes);
    }

    #[test]
    fn text_of_the_kernels_alphabet(text in "[0-9a-z():=\" \t\n./,\\\\-]{0,300}") {
        parse_all(text.as_bytes());
    }

    #[test]
    fn doctored_recordings(
        file in prop::sample::select(recorded()),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        number in any::<u64>(),
    ) {
        let mut bytes = file;
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        bytes.extend(number.to_string().bytes().cycle().take(30));
        parse_all(&bytes);
    }
}
