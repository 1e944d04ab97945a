//! The sampler on the machine that runs the tests, against `/proc` read beside it.

use tacho_model::tables::{host, process};
use tacho_proc::{parse_process_stat, process_cpu_time_us};

use crate::sampler::{ExitsChoice, Sample, Sampler, SamplerChoice, SamplerConfig};

pub(super) fn sampler(choice: SamplerChoice, exits: ExitsChoice) -> Sampler {
    let config = SamplerConfig { sampler: choice, exits, process_rows: 100_000, ..SamplerConfig::default() };
    Sampler::new(config).unwrap()
}

/// CPU time of this process by its own `stat`, in microseconds.
fn own_cpu_us() -> i64 {
    let stat = parse_process_stat(&std::fs::read("/proc/self/stat").unwrap()).unwrap();
    i64::try_from((stat.user + stat.system) * 10_000).unwrap()
}

pub(super) fn boot_us() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    (uptime.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e6) as u64
}

#[test]
fn this_process_is_seen_as_proc_tells_it() {
    // By BPF a thread that runs on another CPU may have a tick of its time not counted yet.
    for (choice, slack_us) in [(SamplerChoice::Proc, 0), (SamplerChoice::Auto, 40_000)] {
        see_this_process(choice, slack_us);
    }
}

fn see_this_process(choice: SamplerChoice, slack_us: i64) {
    let (mut sampler, mut sample) = (sampler(choice, ExitsChoice::Auto), Sample::default());
    let before_first = own_cpu_us();
    sampler.sample(boot_us(), &mut sample);
    let after_first = own_cpu_us();
    let pid = i64::from(std::process::id());
    let (own, identity) = sample.new_identities.iter().find(|(_, identity)| identity.key.pid == pid).unwrap();
    let own = *own;
    assert!(identity.command.contains("tacho_agent"), "{}", identity.command);
    let until_us = process_cpu_time_us().unwrap() + 50_000;
    while process_cpu_time_us().unwrap() < until_us {
        std::hint::black_box(0);
    }
    let before_second = own_cpu_us();
    sampler.sample(boot_us() + 1_000_000, &mut sample);
    let after_second = own_cpu_us();
    let row = sample.processes.iter().position(|id| *id == own).unwrap();
    let block = sample.blocks.iter().find(|block| block.table().id == process::TABLE.id).unwrap();
    let cpu: i64 = [process::CPU_USER_US, process::CPU_SYSTEM_US]
        .iter()
        .map(|column| block.integer(*column, row).unwrap())
        .sum();
    let limits = before_second - after_first - slack_us..=after_second - before_first + slack_us;
    assert!(limits.contains(&cpu), "{cpu} is not in {limits:?}");
    let hosts = sample.blocks.iter().find(|block| block.table().id == host::TABLE.id).unwrap();
    assert!(hosts.integer(host::PROCESSES_CPU_USER_US, 0).is_some());
    assert!(hosts.integer(host::AGENT_RSS_BYTES, 0) > Some(1 << 20));
    assert!(hosts.integer(host::AGENT_SNAPSHOT_US, 0).is_some());
}
