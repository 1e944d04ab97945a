//! The PostgreSQL wire protocol with psql.

use std::process::Output;

use crate::fixture::Fixture;

struct Psql {
    fixture: std::sync::Arc<Fixture>,
    password: String,
    connection: String,
}

impl Psql {
    fn new() -> Self {
        let fixture = Fixture::shared();
        Self {
            password: fixture.server.token().to_owned(),
            fixture,
            connection: "sslmode=require".to_owned(),
        }
    }

    fn run(&self, command: &str) -> Option<Output> {
        let mut psql = self.fixture.psql(&self.password, &self.connection)?;
        Some(psql.args(["-c", command]).output().unwrap())
    }

    /// What a good command prints; `None` without psql.
    fn good(&self, command: &str) -> Option<String> {
        let output = self.run(command)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The message of a refused one.
    fn refused(&self, command: &str) -> Option<String> {
        let output = self.run(command)?;
        assert!(!output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
        Some(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

#[test]
fn psql_lists_and_describes_and_selects() {
    let psql = Psql::new();
    let Some(tables) = psql.good("\\d") else { return };
    for name in ["process", "host", "host_rates", "busiest_process", "process_1h"] {
        assert!(tables.lines().any(|line| line.contains(&format!("|{name}|"))), "{name}: {tables}");
    }
    let columns = psql.good("\\d process").unwrap();
    for column in ["time|timestamp", "host_id|", "pid|bigint", "name|", "rss_bytes|bigint"] {
        assert!(columns.lines().any(|line| line.starts_with(column)), "{column}: {columns}");
    }
    let databases = psql.good("\\l").unwrap();
    assert!(databases.lines().any(|line| line.starts_with("tacho|")), "{databases}");
    let count = psql.good("SELECT count(*) FROM host WHERE host = 'web-1'").unwrap();
    assert_eq!(count, "360");
    let times = psql.good("SELECT min(time) FROM host WHERE host = 'web-1'").unwrap();
    assert!(times.starts_with("20") && times.contains("00:00"), "{times}");
    assert!(psql.good("EXPLAIN SELECT * FROM host").unwrap().contains("HistoryScan: table=host"));
    assert_eq!(psql.good("BEGIN; SELECT 1; COMMIT").unwrap().lines().nth(1), Some("1"));
}

#[test]
fn nobody_comes_in_without_a_token() {
    let mut psql = Psql::new();
    psql.password = "wrong".to_owned();
    let Some(message) = psql.refused("SELECT 1") else { return };
    assert!(message.contains("API token"), "{message}");
    let revoked = psql.fixture.server.create_token(&["join"]).unwrap();
    psql.password = revoked;
    assert!(psql.refused("SELECT 1").unwrap().contains("API token"));
}

#[test]
fn clients_can_check_who_they_speak_to() {
    let mut psql = Psql::new();
    let authority = psql.fixture.server.data_dir.join("ca.pem");
    psql.connection = format!("sslmode=verify-full sslrootcert={}", authority.display());
    let Some(one) = psql.good("SELECT 1") else { return };
    assert_eq!(one, "1");
    // A name that is not this server's.
    psql.connection += " host=elsewhere.example hostaddr=127.0.0.1";
    assert!(psql.refused("SELECT 1").unwrap().contains("does not match host name"));
    psql.connection = "sslmode=disable".to_owned();
    assert_eq!(psql.good("SELECT 1").unwrap(), "1", "from this machine");
}

#[test]
fn nothing_can_be_written() {
    let psql = Psql::new();
    for statement in [
        "CREATE TABLE t (a int)",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1 AS a INTO t",
        "INSERT INTO process (pid) VALUES (1)",
        "UPDATE process SET pid = 1",
        "DELETE FROM process",
        "DROP TABLE process",
        "DROP VIEW host_rates",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "COPY process TO '/tmp/tacho-process.csv'",
    ] {
        let Some(message) = psql.refused(statement) else { return };
        // What the dialect does not have is refused as such.
        assert!(
            message.contains("read only") || message.contains("sql parser error"),
            "{statement}: {message}"
        );
    }
    assert!(psql.good("\\d").is_some_and(|tables| !tables.contains("|t|")));
    let memory = "SELECT value FROM information_schema.df_settings WHERE name LIKE '%.batch_size'";
    let before = psql.good(memory).unwrap();
    psql.good("SET datafusion.execution.batch_size = 1").unwrap();
    assert_eq!(psql.good(memory).unwrap(), before, "settings are not shared");
}
