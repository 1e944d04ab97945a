//! What a run gave: tables for people, JSON for programs.

use serde_json::{Value, json};

use super::healthy::HealthyOutcome;
use super::herd::HerdOutcome;
use super::mixed::{AgentOutcome, MixedOutcome};
use super::outage::OutageOutcome;
use super::verdict::Counts;

const MEGABYTE: f64 = 1e6;
/// Frames without a trace that are named one by one.
const NAMED: usize = 10;

/// Of the longest bar of a histogram.
const BAR: usize = 40;

/// Lines of text with columns that stand below each other; the first column to the left, the others right.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            match widths.get_mut(column) {
                Some(width) => *width = (*width).max(cell.chars().count()),
                None => widths.push(cell.chars().count()),
            }
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += &if column == 0 { format!("{cell:<width$}") } else { format!("  {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The tables of a mixed run.
pub fn mixed_text(outcome: &MixedOutcome) -> String {
    let mut text = table(&counts_rows(outcome));
    let faults: Vec<String> = outcome.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let packets = outcome.packets;
    let mut line = |name: &str, value: String| text += &format!("{name:<22} {value}\n");
    line("faults", faults.join(", "));
    for (kind, reason) in &outcome.left_out {
        line("left out", format!("{}: {reason}", kind.name()));
    }
    line(
        "packets",
        format!(
            "{} passed, {} of them held back, {} dropped",
            packets.passed, packets.held_back, packets.dropped
        ),
    );
    line(
        "all accounted for",
        outcome.recovered_after.map_or_else(
            || "never".to_owned(),
            |after| format!("{:.1} s after the last fault", after.as_secs_f64()),
        ),
    );
    let server = outcome.server_peak;
    line(
        "server",
        format!(
            "{} starts, {} ends of its own, {} slow stops, at most {:.1} MB resident, {:.1} MB on disk",
            outcome.server_starts,
            outcome.server_own_ends.len(),
            outcome.server_slow_stops,
            server.rss_bytes as f64 / MEGABYTE,
            server.disk_bytes as f64 / MEGABYTE
        ),
    );
    outcome.server_own_ends.iter().for_each(|end| line("  it ended by itself", end.clone()));
    outcome.damaged.iter().for_each(|damage| line("damaged", damage.clone()));
    for agent in &outcome.agents {
        agent.own_ends.iter().for_each(|end| line(&format!("{} ended", agent.name), end.clone()));
        for key in agent.missing.iter().take(NAMED) {
            line(&format!("{} misses", agent.name), format!("{} of stream {}", key.sequence, key.stream));
        }
    }
    text
}

fn counts_rows(outcome: &MixedOutcome) -> Vec<Vec<String>> {
    let mut head = vec![String::new()];
    head.extend(outcome.agents.iter().map(|agent| agent.name.clone()));
    head.push("all".to_owned());
    let total = outcome.total();
    let mut rows = vec![head];
    let mut row = |name: &str, value: &dyn Fn(&Counts) -> u64| {
        let mut cells = vec![name.to_owned()];
        cells.extend(outcome.agents.iter().map(|agent| value(&agent.counts).to_string()));
        cells.push(value(&total).to_string());
        rows.push(cells);
    };
    row("frames recorded", &|counts| counts.produced);
    row("stored", &|counts| counts.stored);
    for reason in total.dropped.keys() {
        row(&format!("reported dropped: {reason}"), &|counts| {
            counts.dropped.get(reason).copied().unwrap_or(0)
        });
    }
    row("missing", &|counts| counts.missing);
    row("stored twice", &|counts| counts.duplicates);
    row("stored, not in the log", &|counts| counts.unlogged);
    row("dropped, yet stored", &|counts| counts.dropped_and_stored);
    row("equal times", &|counts| counts.equal_times);
    row("out of order", &|counts| counts.out_of_order);
    row("overlapping streams", &|counts| counts.overlapping);
    row("farthest off, ms", &|counts| counts.worst_time_ms.unsigned_abs());
    let mut of_agents = |name: &str, value: &dyn Fn(&AgentOutcome) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(outcome.agents.iter().map(value));
        rows.push(cells);
    };
    of_agents("dropped by the gap map", &|agent| agent.gap_map.frames.to_string());
    of_agents("starts", &|agent| agent.starts.to_string());
    of_agents("connections", &|agent| agent.connections.to_string());
    of_agents("certificates renewed", &|agent| agent.renewals.to_string());
    of_agents("ends of its own", &|agent| agent.own_ends.len().to_string());
    of_agents("resident at most, MB", &|agent| format!("{:.1}", agent.peak.rss_bytes as f64 / MEGABYTE));
    of_agents("of it at its start, MB", &|agent| format!("{:.1}", agent.peak.hwm_bytes as f64 / MEGABYTE));
    of_agents("spool at most, MB", &|agent| format!("{:.2}", agent.peak.disk_bytes as f64 / MEGABYTE));
    rows
}

/// The same for programs.
pub fn mixed_json(outcome: &MixedOutcome) -> Value {
    let agents: Vec<Value> = outcome
        .agents
        .iter()
        .map(|agent| {
            let mut value = counts_json(&agent.counts);
            value["name"] = json!(agent.name);
            value["starts"] = json!(agent.starts);
            value["renewals"] = json!(agent.renewals);
            value["connections"] = json!(agent.connections);
            value["own_ends"] = json!(agent.own_ends);
            value["slow_stops"] = json!(agent.slow_stops);
            value["rss_bytes_max"] = json!(agent.peak.rss_bytes);
            value["hwm_bytes_max"] = json!(agent.peak.hwm_bytes);
            value["spool_bytes_max"] = json!(agent.peak.disk_bytes);
            value["gap_map_dropped"] = json!(agent.gap_map.frames);
            value["panics"] = json!(agent.panics);
            value
        })
        .collect();
    let left_out: Vec<Value> =
        outcome.left_out.iter().map(|(kind, why)| json!({"fault": kind.name(), "reason": why})).collect();
    json!({
        "faults": outcome.faults,
        "left_out": left_out,
        "agents": agents,
        "total": counts_json(&outcome.total()),
        "server": {
            "starts": outcome.server_starts,
            "own_ends": outcome.server_own_ends,
            "slow_stops": outcome.server_slow_stops,
            "rss_bytes_max": outcome.server_peak.rss_bytes,
            "disk_bytes_max": outcome.server_peak.disk_bytes,
        },
        "packets": {
            "passed": outcome.packets.passed,
            "held_back": outcome.packets.held_back,
            "dropped": outcome.packets.dropped,
        },
        "damaged": outcome.damaged,
        "recovered_after_seconds": outcome.recovered_after.map(|after| after.as_secs_f64()),
        "problems": outcome.problems(),
    })
}

/// The figures of an outage.
pub fn outage_text(outcome: &OutageOutcome) -> String {
    let seconds = |duration: std::time::Duration| format!("{:.2} s", duration.as_secs_f64());
    let interval = outcome.interval.as_secs_f64();
    let counts = &outcome.counts;
    let dropped: u64 = counts.dropped.values().sum();
    lines(&[
        (
            "outage",
            format!(
                "{}, {} frames at {}",
                seconds(outcome.outage),
                outcome.frames,
                seconds(outcome.interval)
            ),
        ),
        ("connected again after", seconds(outcome.connected_after)),
        (
            "first live snapshot",
            format!(
                "{} after that, {:.1} intervals",
                seconds(outcome.live_after),
                outcome.live_after.as_secs_f64() / interval
            ),
        ),
        (
            "alert of what is wrong",
            format!(
                "{} after it was, {:.1} intervals; {} frames of the backlog to come",
                seconds(outcome.alert_after),
                outcome.alert_after.as_secs_f64() / interval,
                outcome.waiting_at_alert
            ),
        ),
        ("alerts of what was over", outcome.stale_alerts.to_string()),
        ("backlog gone", format!("{} after that", seconds(outcome.backlog_gone_after))),
        ("frames recorded", counts.produced.to_string()),
        ("stored", counts.stored.to_string()),
        ("reported dropped", dropped.to_string()),
        ("missing", counts.missing.to_string()),
        ("stored twice", counts.duplicates.to_string()),
        ("out of order", counts.out_of_order.to_string()),
        ("agent, resident at most", format!("{:.1} MB", outcome.peak.rss_bytes as f64 / MEGABYTE)),
        ("spool at most", format!("{:.2} MB", outcome.peak.disk_bytes as f64 / MEGABYTE)),
        ("spool afterwards", format!("{} bytes", outcome.disk_bytes_after)),
        (
            "frames queued afterwards",
            outcome.queued_after.map_or("unknown".to_owned(), |frames| frames.to_string()),
        ),
    ])
}

/// The same for programs.
pub fn outage_json(outcome: &OutageOutcome) -> Value {
    json!({
        "interval_seconds": outcome.interval.as_secs_f64(),
        "outage_seconds": outcome.outage.as_secs_f64(),
        "frames": outcome.frames,
        "connected_after_seconds": outcome.connected_after.as_secs_f64(),
        "live_after_seconds": outcome.live_after.as_secs_f64(),
        "alert_after_seconds": outcome.alert_after.as_secs_f64(),
        "waiting_at_alert": outcome.waiting_at_alert,
        "stale_alerts": outcome.stale_alerts,
        "backlog_gone_after_seconds": outcome.backlog_gone_after.as_secs_f64(),
        "counts": counts_json(&outcome.counts),
        "rss_bytes_max": outcome.peak.rss_bytes,
        "spool_bytes_max": outcome.peak.disk_bytes,
        "spool_bytes_after": outcome.disk_bytes_after,
        "queued_after": outcome.queued_after,
        "problems": outcome.problems(),
    })
}

/// What a healthy agent wrote.
pub fn healthy_text(outcome: &HealthyOutcome) -> String {
    lines(&[
        ("watched", format!("{:.0} s, {} snapshots", outcome.duration.as_secs_f64(), outcome.snapshots)),
        ("written to disks", format!("{} bytes", outcome.written_bytes)),
        ("files changed", outcome.changed_files.len().to_string()),
    ])
}

/// The same for programs.
pub fn healthy_json(outcome: &HealthyOutcome) -> Value {
    json!({
        "duration_seconds": outcome.duration.as_secs_f64(),
        "snapshots": outcome.snapshots,
        "written_bytes": outcome.written_bytes,
        "changed_files": outcome.changed_files,
        "problems": outcome.problems(),
    })
}

/// Connections by the second, and how soon all were live.
pub fn herd_text(outcome: &HerdOutcome) -> String {
    let per_second = outcome.per_second();
    let most = per_second.iter().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    for (second, count) in per_second.iter().enumerate() {
        text += &format!("{second:>4} s  {count:>5}  {}\n", "#".repeat((count * BAR).div_ceil(most)));
    }
    let live = outcome
        .all_live_after
        .map_or("never".to_owned(), |after| format!("after {:.1} s", after.as_secs_f64()));
    text + &lines(&[
        ("agents", outcome.agents.to_string()),
        ("connections opened", outcome.connections.len().to_string()),
        ("most in one second", most.to_string()),
        ("most in a tenth of one", outcome.most_in_a_tenth().to_string()),
        ("all live", live),
    ])
}

/// The same for programs.
pub fn herd_json(outcome: &HerdOutcome) -> Value {
    json!({
        "agents": outcome.agents,
        "connections": outcome.connections.len(),
        "connections_per_second": outcome.per_second(),
        "connections_in_a_tenth_of_a_second_max": outcome.most_in_a_tenth(),
        "live": outcome.live,
        "all_live_after_seconds": outcome.all_live_after.map(|after| after.as_secs_f64()),
        "problems": outcome.problems(),
    })
}

fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<26} {value}\n")).collect()
}

fn counts_json(counts: &Counts) -> Value {
    json!({
        "produced": counts.produced,
        "stored": counts.stored,
        "dropped": counts.dropped,
        "missing": counts.missing,
        "duplicates": counts.duplicates,
        "unlogged": counts.unlogged,
        "dropped_and_stored": counts.dropped_and_stored,
        "equal_times": counts.equal_times,
        "out_of_order": counts.out_of_order,
        "overlapping": counts.overlapping,
        "worst_time_ms": counts.worst_time_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let cells = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let text = table(&[cells(&["", "one"]), cells(&["frames", "1000"])]);
        assert_eq!(text, "         one\nframes  1000\n");
    }
}
