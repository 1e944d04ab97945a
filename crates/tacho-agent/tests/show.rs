//! `tacho-agent show` of the real program on the machine that runs the tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

use regex::Regex;

const TIME: &str = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}";
const SIZE: &str = "(?:[0-9]{1,4}B|[0-9]{1,4}[.][0-9][KMGTPE]iB|-)";
const PERCENT: &str = "(?:[0-9]{1,3}[.][0-9]%|-)";
const LOAD: &str = "[0-9]+[.][0-9]{2}";
const DEGREES: &str = "(?:-?[0-9]{1,3}[.][0-9]°C|-)";
const LEVEL: &str = "(?:normal|note|warning|-)";

fn show(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacho-agent"));
    // A file of its own, so that the machine's settings do not matter.
    command.args(["--config", "/dev/null", "show"]).args(arguments).env_clear().env("TZ", "UTC");
    command.output().unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = show(arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Each line of the output has this form.
fn check(arguments: &[&str], form: &[&str]) -> String {
    let text = text(arguments);
    let form = Regex::new(&format!("^{}$", form.join(" "))).unwrap();
    assert!(!text.is_empty());
    for line in text.lines() {
        assert!(form.is_match(line), "{line:?} is not {form}");
    }
    text
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&text(arguments)).unwrap()
}

#[test]
fn the_cpu_line() {
    let text = check(&["cpu"], &[TIME, LOAD, LOAD, LOAD, PERCENT, DEGREES, LEVEL]);
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains('%'), "usage is known on every machine: {text}");
}

#[test]
fn the_memory_line() {
    let text = check(&["memory"], &[TIME, SIZE, SIZE, PERCENT, PERCENT]);
    assert!(!text.contains(" - ") && text.lines().count() == 1, "{text}");
}

#[test]
fn the_disk_lines() {
    let text = check(&["disk"], &[TIME, "(?:0 disk|1 /[^ ]*)", SIZE, SIZE, PERCENT]);
    let flags: Vec<_> = text.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(flags[0], "0");
    assert!(flags.len() > 1 && flags[1..].iter().all(|flag| *flag == "1"), "{text}");
}

#[test]
fn the_system_line() {
    let loads = format!("{LOAD},{LOAD},{LOAD}");
    let word = "[^ ]+";
    let uptime = "(?:[0-9]+d)?(?:[0-9]+h)?[0-9]+m";
    let form =
        [TIME, word, word, word, uptime, &loads, SIZE, PERCENT, SIZE, PERCENT, DEGREES, LEVEL, LEVEL, LEVEL];
    let text = check(&["system"], &form);
    let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(text.split(' ').nth(1), Some(host_name.trim()));
}

#[test]
fn the_users_line() {
    let text = check(&["users"], &[TIME, "(?:[0-9]+|-)", "[^ ]+", "[^ ]+", "[^ ]+"]);
    assert_eq!(text.lines().count(), 1);
    let recent = text.split(' ').nth(2).unwrap();
    assert!(recent.split(',').count() <= 3, "{text}");
}

#[test]
fn the_process_table_has_its_rows_by_cpu() {
    let text = text(&["processes", "--top", "3"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].trim_start().starts_with("PID  USER"), "{text}");
    assert!((2..=4).contains(&lines.len()), "{text}");
    let processes = json(&["processes", "--json", "--top", "5000"])["processes"].as_array().unwrap().clone();
    let own = std::process::id();
    assert!(processes.iter().any(|process| process["pid"] == own), "the test itself is missing");
    let cpu: Vec<_> = processes.iter().filter_map(|process| process["cpu_ratio"].as_f64()).collect();
    assert!(cpu.is_sorted_by(|a, b| a >= b), "{cpu:?}");
}

#[test]
fn json_has_its_keys_for_everything() {
    let all = json(&["all", "--json"]);
    for topic in ["cpu", "memory", "disk", "system", "users", "processes", "network", "sensors"] {
        assert!(!all[topic].is_null(), "{topic}");
    }
    assert!(all["time_ms"].as_i64() > Some(1_600_000_000_000));
    let usage = all["cpu"]["usage_ratio"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&usage), "{usage}");
    assert!(all["memory"]["total_bytes"].as_u64() > Some(1 << 20));
    assert_eq!((&all["disk"][0]["flag"], &all["disk"][0]["name"]), (&0.into(), &"disk".into()));
    assert!(all["network"]["interfaces"].is_array());
}

#[test]
fn without_a_topic_it_says_what_there_is() {
    let text = text(&[]);
    for topic in
        ["cpu", "memory", "disk", "system", "users", "processes", "network", "sensors", "spool", "all"]
    {
        assert!(text.contains(&format!("\n  {topic} ")), "{topic}: {text}");
    }
    assert!(json(&["--json"])["missing"].is_array());
    assert!(!text.contains('\x1b'), "no colours where there is no terminal");
    assert!(!show(&["nonsense"]).status.success());
}

#[test]
fn the_spool_line_is_what_the_running_agent_wrote() {
    let directory = tempfile::tempdir().unwrap();
    let show = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacho-agent"));
        command.args(["--config", "/dev/null", "show"]).args(arguments).env_clear().env("TZ", "UTC");
        let output = command.env("TACHO_AGENT_RUNTIME_DIR", directory.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(show(&["spool"]), "- - - - - - -\n");
    assert!(show(&[]).contains("does the agent run?"));
    let state = tacho_spool::State { records: 12, hot_bytes: 2048, ..tacho_spool::State::default() };
    let state = tacho_agent::waiting::describe(1_790_000_000_000, &state, &[], true);
    tacho_agent::waiting::write(directory.path(), &state).unwrap();
    assert_eq!(show(&["spool"]), "2026-09-21T14:13:20+00:00 12 2.0KiB 0B 0 0 yes\n");
    let told: serde_json::Value = serde_json::from_str(&show(&["spool", "--json"])).unwrap();
    assert_eq!((&told["spool"]["frames"], &told["spool"]["gaps"]), (&12.into(), &serde_json::json!([])));
}
