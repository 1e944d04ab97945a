//! psycopg, pyarrow and DuckDB, from the Python environment that `scripts/sql-clients` makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::Fixture;

/// `None` where the environment was not made.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/sql-clients/bin/python");
    if !python.exists() {
        eprintln!("left out: there are no Python clients; scripts/sql-clients installs them");
        return None;
    }
    Some(python)
}

/// Runs one of the scripts beside this file against a fixture.
fn run(script: &str) {
    let Some(python) = python() else { return };
    let fixture = Fixture::shared();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(script);
    let output = Command::new(python)
        .arg(script)
        .env("TACHO_URL", format!("http://{}", fixture.server.http))
        .env("TACHO_TOKEN", fixture.server.token())
        .env("TACHO_DATA", &fixture.server.data_dir)
        .env("TACHO_FROM_MS", fixture.from_ms.to_string())
        .env("PGHOST", fixture.postgres.ip().to_string())
        .env("PGPORT", fixture.postgres.port().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn psycopg_selects_with_parameters_and_cancels() {
    run("psycopg_client.py");
}

#[test]
fn grafana_gets_the_answers_it_asks_for() {
    run("grafana_queries.py");
}

#[test]
fn pyarrow_reads_answers_and_files() {
    run("pyarrow_client.py");
}

#[test]
fn duckdb_reads_answers_and_files() {
    run("duckdb_client.py");
}

#[test]
fn duckdb_attaches_the_catalog() {
    run("ducklake_client.py");
}
