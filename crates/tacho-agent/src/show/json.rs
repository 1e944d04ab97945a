//! The same for machines. The keys are a promise: they stay, and others may join them.

use serde_json::{Value, json};
use tacho_model::tables::{host, interface, listener, process, sensor};

use super::data::{self, Disk};
use super::format::local_time;
use super::machine::View;
use super::{Topic, tables};

/// One object with `time`, `time_ms` and one key for each topic.
pub(super) fn topics(view: &View<'_>, topics: &[Topic], top: usize) -> String {
    let mut object = beginning(view);
    for topic in topics {
        object[topic.name()] = match topic {
            Topic::Cpu => cpu(view),
            Topic::Memory => memory(view),
            Topic::Disk => data::disks(view).iter().map(disk).collect(),
            Topic::System => system(view),
            Topic::Users => users(view),
            Topic::Processes => processes(view, top),
            Topic::Network => network(view),
            Topic::Sensors => sensors(view),
            Topic::Spool => view.spool.clone().unwrap_or_default(),
            Topic::Files | Topic::All => Value::Null,
        };
    }
    format!("{object}\n")
}

/// What can be asked, and what this machine does not tell.
pub(super) fn overview(view: &View<'_>) -> String {
    let mut object = beginning(view);
    object["topics"] = Topic::EACH.iter().map(|topic| topic.name()).collect();
    let missing = |(collector, reason): (&str, String)| json!({ "collector": collector, "reason": reason });
    object["missing"] = view.missing().into_iter().map(missing).collect();
    format!("{object}\n")
}

fn beginning(view: &View<'_>) -> Value {
    json!({ "time": local_time(view.time_ms), "time_ms": view.time_ms })
}

fn cpu(view: &View<'_>) -> Value {
    let [load1, load5, load15] = data::load(view);
    let temperature = data::cpu_temperature(view);
    json!({
        "load1": load1,
        "load5": load5,
        "load15": load15,
        "cores": view.integer(host::CPU_CORES),
        "usage_ratio": data::cpu_usage(view),
        "temperature_celsius": temperature.as_ref().map(|temperature| temperature.degrees),
        "level": temperature.map(|temperature| temperature.level),
    })
}

fn memory(view: &View<'_>) -> Value {
    let memory = data::memory(view);
    json!({
        "total_bytes": memory.total,
        "free_bytes": memory.free,
        "used_ratio": memory.used_ratio,
        "used_average_ratio": memory.average_ratio,
        "swap_total_bytes": view.integer(host::SWAP_TOTAL_BYTES),
        "swap_free_bytes": view.integer(host::SWAP_FREE_BYTES),
        "level": level(memory.used_ratio),
    })
}

fn disk(disk: &Disk) -> Value {
    json!({
        "flag": u8::from(disk.mount_point.is_some()),
        "name": disk.mount_point.as_deref().unwrap_or("disk"),
        "total_bytes": disk.total,
        "used_bytes": disk.used,
        "free_bytes": disk.free,
        "used_ratio": disk.used_ratio(),
        "level": level(disk.used_ratio()),
    })
}

fn system(view: &View<'_>) -> Value {
    let disk = data::disks(view).into_iter().next().unwrap_or_default();
    let memory = data::memory(view);
    let temperature = data::cpu_temperature(view);
    json!({
        "hostname": view.facts.host_name,
        "os": view.facts.os,
        "kernel": view.facts.kernel,
        "uptime_seconds": view.integer(host::UPTIME_SECONDS),
        "load": data::load(view),
        "disk_total_bytes": disk.total,
        "disk_used_ratio": disk.used_ratio(),
        "memory_total_bytes": memory.total,
        "memory_used_ratio": memory.used_ratio,
        "cpu_temperature_celsius": temperature.as_ref().map(|temperature| temperature.degrees),
        "disk_level": level(disk.used_ratio()),
        "memory_level": level(memory.used_ratio),
        "cpu_level": temperature.map(|temperature| temperature.level),
    })
}

fn users(view: &View<'_>) -> Value {
    let users = &view.users;
    let session = |session: &crate::sampler::accounts::LoggedIn| {
        json!({
            "user": session.user,
            "address": session.address,
            "terminal": session.terminal,
            "since_ms": session.since_ms,
        })
    };
    json!({
        "ordinary": users.ordinary,
        "recent": users.recent,
        "can_become_root": users.can_become_root,
        "logged_in": users.logged_in.iter().map(session).collect::<Vec<_>>(),
    })
}

fn processes(view: &View<'_>, top: usize) -> Value {
    let Some(block) = view.block(&process::TABLE) else { return json!([]) };
    let row = |row: usize| {
        let identity = view.process(row)?;
        Some(json!({
            "pid": identity.key.pid,
            "user": identity.user,
            "name": identity.name,
            "command": identity.command,
            "cpu_ratio": tables::cpu_ratio(block, row),
            "memory_bytes": tables::memory(block, row),
            "disk_read_bytes_per_second": View::rate(block, process::DISK_READ_BYTES, row),
            "disk_write_bytes_per_second": View::rate(block, process::DISK_WRITE_BYTES, row),
        }))
    };
    tables::busiest(view, block).into_iter().filter_map(row).take(top).collect()
}

fn network(view: &View<'_>) -> Value {
    let interfaces = view.block(&interface::TABLE).map_or_else(Vec::new, |block| {
        let row = |row: usize| {
            json!({
                "name": block.text(interface::INTERFACE, row),
                "up": block.integer(interface::UP, row).map(|up| up == 1),
                "speed_bits_per_second": block.integer(interface::SPEED_BITS_PER_SECOND, row),
                "received_bytes_per_second": View::rate(block, interface::RX_BYTES, row),
                "sent_bytes_per_second": View::rate(block, interface::TX_BYTES, row),
            })
        };
        (0..block.len()).map(row).collect()
    });
    let listeners = view.block(&listener::TABLE).map(|block| {
        let row = |row: usize| {
            json!({
                "protocol": block.text(listener::PROTOCOL, row),
                "address": block.text(listener::ADDRESS, row),
                "port": block.integer(listener::PORT, row),
                "pid": block.integer(listener::PID, row),
                "name": block.text(listener::NAME, row),
            })
        };
        let open = (0..block.len()).filter(|row| block.integer(listener::OPEN, *row) != Some(0));
        open.map(row).collect::<Vec<_>>()
    });
    json!({ "interfaces": interfaces, "listeners": listeners })
}

fn sensors(view: &View<'_>) -> Value {
    let Some(block) = view.block(&sensor::TABLE) else { return json!([]) };
    let row = |row: usize| {
        json!({
            "name": block.text(sensor::SENSOR, row),
            "kind": block.text(sensor::KIND, row),
            "temperature_celsius": block.float(sensor::TEMPERATURE_CELSIUS, row),
            "fan_rpm": block.integer(sensor::FAN_RPM, row),
            "level": block.text(sensor::LEVEL, row),
        })
    };
    (0..block.len()).map(row).collect()
}

fn level(used_ratio: Option<f64>) -> Option<&'static str> {
    used_ratio.map(|ratio| data::level(Some(ratio)))
}
