//! The lines: a fixed number of fields, parted by one space.

use super::data::{self, Disk, Temperature};
use super::format::{Paint, field, local_time, or_dash, percent, size, uptime};
use super::machine::View;
use tacho_model::tables::host;

/// `time load1 load5 load15 usage temperature level`
pub(super) fn cpu(view: &View<'_>, paint: Paint) -> String {
    let load = data::load(view).map(|load| or_dash(load, |load| format!("{load:.2}"))).join(" ");
    let usage = or_dash(data::cpu_usage(view), percent);
    let temperature = data::cpu_temperature(view);
    let (degrees, level) = (degrees(temperature.as_ref()), temperature_level(temperature.as_ref()));
    line(&[local_time(view.time_ms), load, usage, degrees, paint.level(&level)])
}

/// `time total free used moving-average`
pub(super) fn memory(view: &View<'_>) -> String {
    let memory = data::memory(view);
    line(&[
        local_time(view.time_ms),
        or_dash(memory.total, size),
        or_dash(memory.free, size),
        or_dash(memory.used_ratio, percent),
        or_dash(memory.average_ratio, percent),
    ])
}

/// `time flag name total free used`, first of all file systems together, then of each.
pub(super) fn disk(view: &View<'_>) -> String {
    let time = local_time(view.time_ms);
    let one = |disk: &Disk| {
        line(&[
            time.clone(),
            u8::from(disk.mount_point.is_some()).to_string(),
            disk.mount_point.as_deref().map_or_else(|| "disk".to_owned(), field),
            or_dash(disk.total, size),
            or_dash(disk.free, size),
            or_dash(disk.used_ratio(), percent),
        ])
    };
    data::disks(view).iter().map(one).collect()
}

/// `time hostname os kernel uptime loadavg disk-total disk-used mem-total mem-used cpu-temperature disk-level
/// mem-level cpu-level`
pub(super) fn system(view: &View<'_>, paint: Paint) -> String {
    let load = data::load(view).map(|load| or_dash(load, |load| format!("{load:.2}"))).join(",");
    let disk = data::disks(view).into_iter().next().unwrap_or_default();
    let memory = data::memory(view);
    let temperature = data::cpu_temperature(view);
    line(&[
        local_time(view.time_ms),
        field(&view.facts.host_name),
        field(&view.facts.os),
        field(&view.facts.kernel),
        or_dash(view.integer(host::UPTIME_SECONDS), uptime),
        load,
        or_dash(disk.total, size),
        or_dash(disk.used_ratio(), percent),
        or_dash(memory.total, size),
        or_dash(memory.used_ratio, percent),
        degrees(temperature.as_ref()),
        paint.level(data::level(disk.used_ratio())),
        paint.level(data::level(memory.used_ratio)),
        paint.level(&temperature_level(temperature.as_ref())),
    ])
}

/// `time ordinary-users recently-active can-become-root logged-in_ADDRESS_TERMINAL`; names in a field are parted
/// by commas.
pub(super) fn users(view: &View<'_>) -> String {
    let users = &view.users;
    let names = |names: &[String]| field(&names.join(","));
    let session = |session: &crate::sampler::accounts::LoggedIn| {
        [&session.user, &session.address, &session.terminal].map(|part| field(part)).join("_")
    };
    let sessions: Vec<String> = users.logged_in.iter().map(session).collect();
    line(&[
        local_time(view.time_ms),
        or_dash(users.ordinary, |count| count.to_string()),
        names(&users.recent),
        names(&users.can_become_root),
        names(&sessions),
    ])
}

/// `time frames memory disk dropped gaps delivering`, as of the agent's newest snapshot.
pub(super) fn spool(view: &View<'_>) -> String {
    let state = view.spool.as_ref().ok();
    let number = |key: &str| state.and_then(|state| state[key].as_u64());
    let count = |key: &str| or_dash(number(key), |count| count.to_string());
    let time = state.and_then(|state| state["time_ms"].as_i64());
    let delivering = state.and_then(|state| state["delivering"].as_bool());
    line(&[
        or_dash(time, local_time),
        count("frames"),
        or_dash(number("memory_bytes"), size),
        or_dash(number("disk_bytes"), size),
        count("dropped_frames"),
        count("gap_count"),
        or_dash(delivering, |is| if is { "yes" } else { "no" }.to_owned()),
    ])
}

fn degrees(temperature: Option<&Temperature>) -> String {
    or_dash(temperature, |temperature| format!("{:.1}°C", temperature.degrees))
}

fn temperature_level(temperature: Option<&Temperature>) -> String {
    or_dash(temperature, |temperature| temperature.level.clone())
}

fn line(fields: &[String]) -> String {
    fields.join(" ") + "\n"
}
