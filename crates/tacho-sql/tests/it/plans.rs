//! Files and row groups that can have nothing to say are left out, and the plan tells so.

use serde_json::Value;

use crate::answers::at;
use crate::fixture::{Fixture, HOUR_MS};

/// A number of the line about the history, such as `files=3`.
fn number(plan: &str, name: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("HistoryScan")).unwrap_or_else(|| panic!("{plan}"));
    let text = line.split([' ', ',']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    text.unwrap_or_else(|| panic!("no {name}: {line}")).parse().unwrap()
}

/// A metric of the Parquet reader, summed over the plan.
fn metric(plan: &str, name: &str) -> Option<String> {
    plan.split([',', '['])
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
}

#[test]
fn files_outside_of_the_time_asked_for_are_left_out() {
    let fixture = Fixture::shared();
    let all = fixture.explain("EXPLAIN SELECT count(*) FROM process");
    assert_eq!(number(&all, "files_left_out"), 0);
    let files = number(&all, "files");
    assert!(files >= 3, "an hour has files of its own: {all}");
    let to = at(fixture.from_ms + HOUR_MS);
    for condition in [
        format!("time < {to}"),
        format!("{to} > time"),
        format!("time BETWEEN '2020-01-01' AND {to} - INTERVAL '1 millisecond'"),
        format!("time < {to} AND name LIKE 'p%'"),
        format!("extract(hour FROM time) >= 0 AND time < {to}"),
    ] {
        let plan = fixture.explain(&format!("EXPLAIN SELECT count(*) FROM process WHERE {condition}"));
        assert!(number(&plan, "files_left_out") > 0, "{condition}: {plan}");
        let known = number(&plan, "files") + number(&plan, "files_left_out");
        assert!(known >= files, "{condition}: {plan}");
    }
    let recent = "EXPLAIN SELECT count(*) FROM process WHERE time > now() - INTERVAL '30 minutes'";
    let plan = fixture.explain(recent);
    assert!(number(&plan, "files_left_out") > 0, "{plan}");
    let future = fixture.explain("EXPLAIN SELECT * FROM host WHERE time > now() + INTERVAL '1 hour'");
    assert_eq!(number(&future, "files"), 0, "{future}");
}

#[test]
fn what_is_left_out_had_nothing_to_say() {
    let fixture = Fixture::shared();
    let (from, to) = (at(fixture.from_ms + HOUR_MS / 3), at(fixture.from_ms + HOUR_MS));
    let pruned = format!(
        "SELECT count(*), sum(pid) FROM process WHERE time >= {from} AND time < {to} AND host <> 'live'"
    );
    // Nothing is known of a time that is computed.
    let whole = format!(
        "SELECT count(*), sum(pid) FROM process WHERE time + INTERVAL '0 seconds' >= {from}
         AND time + INTERVAL '0 seconds' < {to} AND host <> 'live'"
    );
    let plan = fixture.explain(&format!("EXPLAIN {whole}"));
    assert_eq!(number(&plan, "files_left_out"), 0, "{plan}");
    assert_eq!(fixture.rows(&pruned), fixture.rows(&whole));
}

#[test]
fn pages_of_other_hosts_and_processes_are_not_decoded() {
    let fixture = Fixture::shared();
    let id = fixture.cell("SELECT DISTINCT host_id FROM host WHERE host = 'web-1'");
    let Value::String(id) = id else { panic!("{id}") };
    let plan =
        fixture.explain(&format!("EXPLAIN SELECT time FROM process WHERE host_id = '{id}' AND pid = 1"));
    assert!(plan.contains("pruning_predicate="), "{plan}");
    let plan = fixture
        .explain(&format!("EXPLAIN ANALYZE SELECT time FROM process WHERE host_id = '{id}' AND pid < 0"));
    let groups = metric(&plan, "row_groups_pruned_statistics");
    assert!(groups.as_deref().is_some_and(|pruned| !pruned.starts_with('0')), "{groups:?} in {plan}");
    let rows = fixture.rows(&format!("SELECT count(*) FROM process WHERE host_id = '{id}'"));
    let by_name = fixture.rows("SELECT count(*) FROM process WHERE host = 'web-1'");
    assert_eq!(rows, by_name);
}
