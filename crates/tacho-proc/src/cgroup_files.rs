//! Files of a control group, in version 2 and in version 1.

use crate::bytes::{key_and_rest, lines, number, words};

/// Limits of version 1 are this many bytes when there is none: the largest whole page of an `i64`, or on
/// kernels before 3.19 the largest `i64`. All plausible limits are far below.
const NO_LIMIT: u64 = 1 << 62;

/// `cpu.stat` and, of version 1, `cpuacct.stat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupCpu {
    pub user_us: Option<u64>,
    pub system_us: Option<u64>,
    pub throttled_us: Option<u64>,
}

/// Bytes moved to and from disks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupIo {
    pub read_bytes: u64,
    pub write_bytes: u64,
}

/// Version 2: `user_usec 123`, `throttled_usec 5`. Version 1: `throttled_time 5000`, in nanoseconds.
pub fn parse_group_cpu(text: &[u8]) -> GroupCpu {
    let mut cpu = GroupCpu::default();
    for (key, value) in pairs(text) {
        match key {
            b"user_usec" => cpu.user_us = Some(value),
            b"system_usec" => cpu.system_us = Some(value),
            b"throttled_usec" => cpu.throttled_us = Some(value),
            b"throttled_time" => cpu.throttled_us = Some(value / 1000),
            _ => {}
        }
    }
    cpu
}

/// How many groups of version 1 there are, summed over controllers: `/proc/cgroups`, lines such as
/// `cpuacct 2 45 1`. `None`: none.
pub fn parse_cgroup_count(text: &[u8]) -> Option<u64> {
    let counts =
        lines(text).filter(|line| !line.starts_with(b"#")).filter_map(|line| number(words(line).nth(2)?));
    counts.reduce(u64::saturating_add)
}

/// Version 1, in clock ticks: `user 12`, `system 3`.
pub fn parse_group_cpuacct(text: &[u8], ticks_per_second: u64) -> GroupCpu {
    let us = |ticks: u64| Some(ticks.saturating_mul(1_000_000 / ticks_per_second.clamp(1, 1_000_000)));
    GroupCpu {
        user_us: group_value(text, b"user").and_then(us),
        system_us: group_value(text, b"system").and_then(us),
        throttled_us: None,
    }
}

/// The number beside `key`: `anon 12288`, `oom_kill 0`, `total_rss 4096`.
pub fn group_value(text: &[u8], key: &[u8]) -> Option<u64> {
    pairs(text).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// A file of one number.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    number(text.trim_ascii())
}

/// A file of one number that may be `max`, or in version 1 absurdly large, where there is no limit.
pub fn parse_group_limit(text: &[u8]) -> Option<u64> {
    parse_number(text).filter(|limit| *limit < NO_LIMIT)
}

/// CPUs that `cpu.max` lets the group use: `150000 100000` is 1.5, `max 100000` no limit.
pub fn parse_cpu_max(text: &[u8]) -> Option<f64> {
    let mut words = words(text);
    cores_of_quota(number(words.next()?)?, number(words.next()?)?)
}

/// CPUs that a quota for each period is; in version 1 both are in files of their own, and no limit is a quota
/// of -1, which is no number here.
pub fn cores_of_quota(quota: u64, period: u64) -> Option<f64> {
    (period > 0).then(|| quota as f64 / period as f64)
}

/// Version 2, a line for each device: `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`.
pub fn parse_group_io(text: &[u8]) -> GroupIo {
    let mut io = GroupIo::default();
    for word in lines(text).flat_map(|line| words(line).skip(1)) {
        let Some((key, value)) = key_and_rest(word, b'=') else { continue };
        let field = match key {
            b"rbytes" => &mut io.read_bytes,
            b"wbytes" => &mut io.write_bytes,
            _ => continue,
        };
        *field = field.saturating_add(number(value).unwrap_or(0));
    }
    io
}

/// Version 1, some lines for each device and a total: `8:0 Read 4096`, `Total 4096`.
pub fn parse_group_blkio(text: &[u8]) -> GroupIo {
    let mut io = GroupIo::default();
    for line in lines(text) {
        let mut words = words(line).skip(1);
        let field = match words.next() {
            Some(b"Read") => &mut io.read_bytes,
            Some(b"Write") => &mut io.write_bytes,
            _ => continue,
        };
        *field = field.saturating_add(words.next().and_then(number).unwrap_or(0));
    }
    io
}

fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(text).filter_map(|line| {
        let mut words = words(line);
        Some((words.next()?, number(words.next()?)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_over_all_controllers() {
        let text = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\ncpu\t1\t45\t1\nbad\n";
        assert_eq!(parse_cgroup_count(text), Some(46));
        assert_eq!(parse_cgroup_count(b""), None);
    }

    #[test]
    fn version_2() {
        let cpu = parse_group_cpu(
            b"usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_throttled 1\nthrottled_usec 7\n",
        );
        assert_eq!(cpu, GroupCpu { user_us: Some(20), system_us: Some(10), throttled_us: Some(7) });
        let io = parse_group_io(
            b"8:0 rbytes=4096 wbytes=1 rios=1 wios=0 dbytes=0 dios=0\n8:16 rbytes=4 wbytes=x\n8:32\n",
        );
        assert_eq!(io, GroupIo { read_bytes: 4100, write_bytes: 1 });
        assert_eq!((parse_cpu_max(b"150000 100000\n"), parse_cpu_max(b"max 100000\n")), (Some(1.5), None));
        assert_eq!((parse_group_limit(b"max\n"), parse_group_limit(b"4096\n")), (None, Some(4096)));
        assert_eq!(group_value(b"low 0\noom 3\noom_kill 2\n", b"oom_kill"), Some(2));
    }

    #[test]
    fn version_1() {
        let cpu = parse_group_cpu(b"nr_periods 0\nnr_throttled 0\nthrottled_time 5000000\n");
        assert_eq!(cpu, GroupCpu { throttled_us: Some(5000), ..GroupCpu::default() });
        let cpu = parse_group_cpuacct(b"user 12\nsystem 3\n", 100);
        assert_eq!((cpu.user_us, cpu.system_us), (Some(120_000), Some(30_000)));
        let io = parse_group_blkio(
            b"8:0 Read 4096\n8:0 Write 1\n8:0 Sync 4097\n8:0 Total 4097\n8:16 Read 4\nTotal 9\n",
        );
        assert_eq!(io, GroupIo { read_bytes: 4100, write_bytes: 1 });
        assert_eq!(
            (cores_of_quota(50_000, 100_000), cores_of_quota(1, 0), parse_number(b"-1\n")),
            (Some(0.5), None, None)
        );
        assert_eq!(parse_group_limit(b"9223372036854771712\n"), None);
    }
}
