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
    let files = names.iter().map(|name| std::fs::read(root.join(name)).expect("a recorded file"));
    files.chain([socket_dump()]).collect()
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

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
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
