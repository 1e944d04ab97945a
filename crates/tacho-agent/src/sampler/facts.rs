//! Facts of this host.

use std::path::Path;

use tacho_model::{CollectorStatus, HostFacts};
use tacho_proc::{
    SystemStat, addresses, effective_user_id, machine_name, parse_cpu_model, parse_meminfo, parse_os_release,
    parse_stat, read_small, virtualization,
};

use super::SamplerConfig;
use super::users::Users;
use super::ways::Ways;

/// Reads all facts; what the machine does not tell stays empty.
pub(super) fn read(config: &SamplerConfig, ways: &Ways, collectors: Vec<CollectorStatus>) -> HostFacts {
    let kernel = |name: &str| read_small(&config.proc_root.join("sys/kernel").join(name)).unwrap_or_default();
    let bytes = |name: &str| std::fs::read(config.proc_root.join(name)).unwrap_or_default();
    HostFacts {
        host_name: kernel("hostname"),
        os: os(&config.etc_root),
        kernel: kernel("osrelease"),
        architecture: machine_name(),
        cpu_model: cpu_model(config, &bytes("cpuinfo")),
        cpu_cores: cpu_cores(&bytes("stat")),
        memory_bytes: parse_meminfo(&bytes("meminfo")).total.unwrap_or(0),
        boot_time_ms: config.boot_time_ms,
        boot_id: kernel("random/boot_id"),
        virtualization: virtualization(&config.proc_root, &config.sys_root).to_owned(),
        addresses: addresses().unwrap_or_default().iter().map(ToString::to_string).collect(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        agent_user: Users::new(&config.etc_root).name(effective_user_id()),
        sampler: ways.sampler.name().to_owned(),
        network: ways.network.name().to_owned(),
        exits: ways.exits.name().to_owned(),
        tags: Vec::new(),
        collectors,
    }
}

/// `/etc/os-release` may be a link into `/usr/lib` that leads nowhere in another root.
fn os(etc_root: &Path) -> String {
    let texts = [etc_root.join("os-release"), etc_root.join("../usr/lib/os-release")];
    let mut names = texts.iter().filter_map(|path| parse_os_release(&read_small(path).ok()?).name);
    names.next().unwrap_or_default()
}

/// Boards with a device tree name themselves there.
fn cpu_model(config: &SamplerConfig, cpuinfo: &[u8]) -> String {
    let board = || read_small(&config.sys_root.join("firmware/devicetree/base/model")).ok();
    let model = parse_cpu_model(cpuinfo).or_else(board).unwrap_or_default();
    model.trim_end_matches('\0').to_owned()
}

fn cpu_cores(stat: &[u8]) -> u32 {
    let mut parsed = SystemStat::default();
    if parse_stat(stat, &mut parsed).is_err() {
        return 0;
    }
    u32::try_from(parsed.cores.len()).unwrap_or(u32::MAX)
}
