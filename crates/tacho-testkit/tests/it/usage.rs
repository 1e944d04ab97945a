//! "Which process did it?": what a process used is what the kernel says it used.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, wait_until};

const HOST: &str = "busy";
const WRITTEN: usize = 500_000_000;
const BUSY_TICKS: u64 = 600;

/// A process of ours, killed with its value.
struct Culprit(Child);

impl Drop for Culprit {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Culprit {
    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid())).unwrap()
    }

    /// User and system time, in the kernel's ticks.
    fn cpu_ticks(&self) -> u64 {
        let stat = self.read("stat");
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn write_bytes(&self) -> u64 {
        let io = self.read("io");
        io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap().success());
    }
}

fn start(directory: &Path) -> (Server, Agent) {
    let server = Server::start(directory, &[("flush_interval", "1s")]).unwrap();
    let agent = Agent::start(directory, &server, HOST, &[("interval", "1s")]).unwrap();
    wait_until("the host is there", || Ok((!snapshot_times(&server).is_empty()).then_some(()))).unwrap();
    (server, agent)
}

fn snapshot_times(server: &Server) -> Vec<i64> {
    server.snapshot_times(HOST).unwrap_or_default()
}

/// Waits until the second snapshot from now: it covers everything that has happened until now.
fn wait_until_recorded(server: &Server) {
    let before = snapshot_times(server).len();
    wait_until("two more snapshots", || Ok((snapshot_times(server).len() >= before + 2).then_some(())))
        .unwrap();
}

fn processes_by(server: &Server, by: &str) -> Value {
    server.get(&format!("/api/v1/hosts/{HOST}/processes?from=0&to=4102444800000&by={by}&limit=1000")).unwrap()
}

fn row_of(answer: &Value, pid: u32) -> (usize, Value) {
    let rows = answer["processes"].as_array().unwrap();
    let position = rows.iter().position(|row| row["pid"] == pid).unwrap();
    (position, rows[position].clone())
}

#[test]
fn a_busy_loop_has_the_cpu_time_that_the_kernel_says() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _agent) = start(directory.path());
    let culprit = Culprit(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap());
    wait_until("it has been busy for a while", || Ok((culprit.cpu_ticks() >= BUSY_TICKS).then_some(())))
        .unwrap();
    // Stopped, so that both sides can be read at leisure.
    culprit.signal("-STOP");
    wait_until_recorded(&server);
    let expected = culprit.cpu_ticks() as f64 / 100.0;
    let answer = processes_by(&server, "cpu");
    let (position, row) = row_of(&answer, culprit.pid());
    let recorded = row["cpu_seconds"].as_f64().unwrap();
    assert!((recorded / expected - 1.0).abs() < 0.02, "recorded {recorded} s, the kernel says {expected} s");
    // First, but for what another process of this machine really used in the meantime.
    for before in &answer["processes"].as_array().unwrap()[..position] {
        assert!(before["cpu_seconds"].as_f64().unwrap() >= recorded, "{before}");
    }
    assert_sums_are_exact(&answer, "cpu_seconds");
}

#[test]
fn a_writer_has_the_bytes_that_the_kernel_says() {
    // Below target, because what goes to a tmpfs never reaches a disk.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (server, _agent) = start(directory.path());
    let output = File::create(directory.path().join("written")).unwrap();
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(output).spawn().unwrap();
    let mut culprit = Culprit(child);
    let mut input = culprit.0.stdin.take().unwrap();
    input.write_all(&vec![b'x'; WRITTEN]).unwrap();
    // It has everything once the file has: then nothing is on its way any more, and it waits for more.
    wait_until("the file is written", || {
        Ok((std::fs::metadata(directory.path().join("written"))?.len() == WRITTEN as u64).then_some(()))
    })
    .unwrap();
    wait_until_recorded(&server);
    let answer = processes_by(&server, "disk");
    let (position, row) = row_of(&answer, culprit.pid());
    let recorded = row["disk_write_bytes"].as_u64().unwrap();
    assert_eq!(recorded, culprit.write_bytes());
    assert!(recorded >= WRITTEN as u64, "{recorded}");
    let disk = |row: &Value| {
        row["disk_read_bytes"].as_u64().unwrap_or(0) + row["disk_write_bytes"].as_u64().unwrap_or(0)
    };
    for before in &answer["processes"].as_array().unwrap()[..position] {
        assert!(disk(before) >= recorded, "{before}");
    }
    drop(input);
    assert_sums_are_exact(&answer, "disk_write_bytes");
}

/// Process rows plus `other` are what all processes used, which the agent counts apart.
fn assert_sums_are_exact(answer: &Value, column: &str) {
    let number = |value: &Value| value[column].as_f64().unwrap_or(0.0);
    let rows: f64 = answer["processes"].as_array().unwrap().iter().map(number).sum();
    let sum = rows + number(&answer["other"]);
    let total = number(&answer["totals"]);
    assert!(
        (sum - total).abs() <= total.abs() * 1e-6 + 1e-3,
        "{column}: rows and other {sum}, totals {total}"
    );
}
