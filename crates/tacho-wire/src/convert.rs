//! Model types to and from their messages.

use tacho_model::{CollectorStatus, GapReason, HostFacts, ProcessIdentity, ProcessKey, SequenceSet};

use crate::v1;

pub fn identity_to_wire(id: u32, identity: &ProcessIdentity) -> v1::ProcessIdentity {
    v1::ProcessIdentity {
        id,
        pid: identity.key.pid,
        start_time_ms: identity.key.start_time_ms,
        parent_pid: identity.parent_pid,
        name: identity.name.clone(),
        command: identity.command.clone(),
        user_id: identity.user_id,
        user: identity.user.clone(),
        cgroup: identity.cgroup.clone(),
        unit: identity.unit.clone(),
        container: identity.container.clone(),
    }
}

pub fn identity_from_wire(wire: v1::ProcessIdentity) -> ProcessIdentity {
    ProcessIdentity {
        key: ProcessKey { pid: wire.pid, start_time_ms: wire.start_time_ms },
        parent_pid: wire.parent_pid,
        name: wire.name,
        command: wire.command,
        user_id: wire.user_id,
        user: wire.user,
        cgroup: wire.cgroup,
        unit: wire.unit,
        container: wire.container,
    }
}

pub fn facts_to_wire(facts: &HostFacts) -> v1::HostFacts {
    let facts = facts.clone();
    v1::HostFacts {
        host_name: facts.host_name,
        os: facts.os,
        kernel: facts.kernel,
        architecture: facts.architecture,
        cpu_model: facts.cpu_model,
        cpu_cores: facts.cpu_cores,
        memory_bytes: facts.memory_bytes,
        boot_time_ms: facts.boot_time_ms,
        boot_id: facts.boot_id,
        virtualization: facts.virtualization,
        addresses: facts.addresses,
        agent_version: facts.agent_version,
        agent_user: facts.agent_user,
        sampler: facts.sampler,
        network: facts.network,
        exits: facts.exits,
        tags: facts.tags,
        collectors: facts.collectors.into_iter().map(collector_to_wire).collect(),
    }
}

pub fn facts_from_wire(wire: v1::HostFacts) -> HostFacts {
    HostFacts {
        host_name: wire.host_name,
        os: wire.os,
        kernel: wire.kernel,
        architecture: wire.architecture,
        cpu_model: wire.cpu_model,
        cpu_cores: wire.cpu_cores,
        memory_bytes: wire.memory_bytes,
        boot_time_ms: wire.boot_time_ms,
        boot_id: wire.boot_id,
        virtualization: wire.virtualization,
        addresses: wire.addresses,
        agent_version: wire.agent_version,
        agent_user: wire.agent_user,
        sampler: wire.sampler,
        network: wire.network,
        exits: wire.exits,
        tags: wire.tags,
        collectors: wire.collectors.into_iter().map(collector_from_wire).collect(),
    }
}

pub fn ranges_to_wire(set: &SequenceSet) -> Vec<v1::SequenceRange> {
    set.ranges().map(|range| v1::SequenceRange { first: *range.start(), last: *range.end() }).collect()
}

/// A reason that this version does not know is unknown.
pub fn gap_reason_from_wire(reason: i32) -> GapReason {
    match v1::GapReason::try_from(reason).unwrap_or(v1::GapReason::Unknown) {
        v1::GapReason::Unknown => GapReason::Unknown,
        v1::GapReason::Space => GapReason::Space,
        v1::GapReason::Age => GapReason::Age,
        v1::GapReason::Damage => GapReason::Damage,
        v1::GapReason::Disk => GapReason::Disk,
    }
}

/// A reversed range adds nothing.
pub fn ranges_from_wire(ranges: &[v1::SequenceRange]) -> SequenceSet {
    ranges.iter().map(|range| range.first..=range.last).collect()
}

fn collector_to_wire(status: CollectorStatus) -> v1::CollectorStatus {
    v1::CollectorStatus { name: status.name, absent: status.absent, error: status.error }
}

fn collector_from_wire(wire: v1::CollectorStatus) -> CollectorStatus {
    CollectorStatus { name: wire.name, absent: wire.absent, error: wire.error }
}
