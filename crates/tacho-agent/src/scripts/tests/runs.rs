//! Real processes that behave badly. Nothing here depends on how long anything takes: limits are far off
//! where they must not be reached, and what hangs hangs until the limit.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tacho_model::tables::script;
use tacho_model::{Block, tables};
use tacho_runtime::config::{Environment, Reader};
use tokio_util::sync::CancellationToken;

use crate::scripts::{
    Mailbox, Outcome, Reading, ScriptConfig, Scripts as Schedule, State, read_scripts, run_once,
};

struct Scripts {
    directory: tempfile::TempDir,
}

impl Scripts {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Writes it by another process. This one may fork while it has the file open, and a file that is open for
    /// writing anywhere can not be executed.
    fn write(&self, body: &str) -> PathBuf {
        let (text, path) = (self.directory.path().join("text"), self.directory.path().join("script"));
        fs::write(&text, format!("#!/bin/sh\n{body}\n")).unwrap();
        let mut install = std::process::Command::new("install");
        assert!(install.args(["-m", "755"]).args([&text, &path]).status().unwrap().success());
        path
    }

    /// Runs a script with this body, and settings beside the usual.
    async fn run(&self, body: &str, settings: &str) -> Outcome {
        let path = self.write(body);
        run(&config(&path, settings)).await
    }
}

fn config(path: &Path, settings: &str) -> ScriptConfig {
    let text = format!(
        "[[script]]\nname = 'test'\ncommand = [{path:?}, 'an argument']\ninterval = '1h'\n{settings}\n{}",
        if settings.contains("timeout") { "" } else { "timeout = '10m'" }
    );
    let environment = Environment::new();
    let mut reader = Reader::new(&text, "T", &environment);
    let scripts = read_scripts(&mut reader);
    reader.finish("test").unwrap();
    scripts.into_iter().next().unwrap()
}

async fn run(config: &ScriptConfig) -> Outcome {
    run_once(config, Path::new("/etc"), &CancellationToken::new()).await.unwrap()
}

/// Whether a process is there and no zombie.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
}

/// Waits until it is gone: being killed is certain, and takes the kernel a moment.
fn wait_until_gone(pid: &str) {
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

const TEXT: &str = "format = 'text'";

#[tokio::test]
async fn a_good_run_gives_its_readings() {
    let scripts = Scripts::new();
    let outcome = scripts
        .run(r#"echo '# queues'; echo "depth{queue=\"mail\"}=3"; echo age=7"#, "format = 'keyvalue'")
        .await;
    assert_eq!((outcome.state, outcome.exit_code), (State::Ok, Some(0)));
    assert_eq!((outcome.output_bytes, outcome.text.as_str()), (Some(37), r#"depth{queue="mail"}=3"#));
    let names: Vec<_> =
        outcome.readings.iter().map(|Reading { name, value, .. }| (name.as_str(), *value)).collect();
    assert_eq!(names, [("depth", 3.0), ("age", 7.0)]);
    assert!(outcome.duration_us > Some(0));
}

#[tokio::test]
async fn it_sees_little_of_the_agent() {
    let scripts = Scripts::new();
    let body = r#"echo "$1"; cat; env; pwd; echo $$ $(cut -d ' ' -f 5,6 /proc/$$/stat)"#;
    let outcome = scripts.run(&format!("out=$({body}); echo \"$out\" | tr '\\n' '~'"), TEXT).await;
    let lines: Vec<_> = outcome.text.split('~').collect();
    assert_eq!(lines[0], "an argument");
    let variables: Vec<_> =
        lines.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    // The shell sets PWD (and some shells SHLVL and _) by itself.
    assert!(
        variables.iter().all(|name| ["LANG", "PATH", "PWD", "SHLVL", "_", "OLDPWD"].contains(name)),
        "{lines:?}"
    );
    assert!(lines.contains(&"/"), "{lines:?}");
    let ids: Vec<_> = lines.iter().find(|line| line.split(' ').count() == 3).unwrap().split(' ').collect();
    assert!(ids[0] == ids[1] && ids[0] == ids[2], "pid, process group and session: {ids:?}");
}

#[tokio::test]
async fn nagios_states_come_from_the_exit_code() {
    let scripts = Scripts::new();
    for (code, state) in [
        (0, State::Ok),
        (1, State::Warning),
        (2, State::Critical),
        (3, State::Unknown),
        (4, State::Failed),
        (127, State::Failed),
    ] {
        let body = format!("echo 'DISK | /=42%;80;90'; exit {code}");
        let outcome = scripts.run(&body, "format = 'nagios'").await;
        assert_eq!((outcome.state, outcome.exit_code), (state, Some(code)));
        assert_eq!((outcome.readings.len(), outcome.readings[0].unit.as_str()), (3, "%"));
        assert!(state == State::Failed || outcome.text == "DISK", "{}", outcome.text);
    }
}

#[tokio::test]
async fn other_formats_fail_with_their_exit_code_and_say_why() {
    let scripts = Scripts::new();
    let outcome = scripts.run("echo out; echo 'no such queue' >&2; exit 3", TEXT).await;
    assert_eq!((outcome.state, outcome.exit_code), (State::Failed, Some(3)));
    assert_eq!(outcome.text, "exit code 3: no such queue");
    let outcome = scripts.run("kill -9 $$", TEXT).await;
    assert_eq!(
        (outcome.state, outcome.exit_code, outcome.text.as_str()),
        (State::Failed, None, "ended by signal 9")
    );
    let outcome = scripts.run("echo 'no reading'; echo 'a 1'", "format = 'prometheus'").await;
    assert_eq!((outcome.state, outcome.text.as_str()), (State::Failed, "line 1: the value is no number"));
    assert_eq!(outcome.readings.len(), 1, "the good line counts");
}

#[tokio::test]
async fn a_line_that_matches_a_pattern_sets_the_state() {
    let scripts = Scripts::new();
    let patterns = "format = 'keyvalue'\nwarning_pattern = '^WARN'\ncritical_pattern = '(?i)error \\d+'";
    let outcome = scripts.run("echo a=1; echo 'WARN: slow'", patterns).await;
    assert_eq!(
        (outcome.state, outcome.text.as_str(), outcome.readings.len()),
        (State::Warning, "WARN: slow", 1)
    );
    let outcome = scripts.run("echo 'WARN: slow'; echo 'Error 17'", patterns).await;
    assert_eq!((outcome.state, outcome.text.as_str()), (State::Critical, "Error 17"));
    let outcome = scripts.run("echo 'Error 17'; exit 9", patterns).await;
    assert_eq!(outcome.state, State::Failed, "a pattern makes nothing better");
}

#[tokio::test]
async fn what_hangs_is_stopped_with_all_its_children() {
    let scripts = Scripts::new();
    let pids = scripts.directory.path().join("pids");
    // The shell and its child ignore SIGTERM, so only SIGKILL ends them.
    let body = format!(
        "trap '' TERM; sleep 1000 & echo $! > {0}; echo $$ >> {0}; echo a=1; wait; wait",
        pids.display()
    );
    let outcome = scripts.run(&body, "format = 'keyvalue'\ntimeout = '500ms'").await;
    assert_eq!((outcome.state, outcome.exit_code), (State::Timeout, None));
    assert_eq!(outcome.text, "still running after 500ms; stopped");
    assert!(outcome.readings.is_empty());
    fs::read_to_string(&pids).unwrap_or_default().lines().for_each(wait_until_gone);
}

#[tokio::test]
async fn what_hangs_is_stopped_with_those_that_made_sessions_of_their_own() {
    let scripts = Scripts::new();
    let pids = scripts.directory.path().join("pids");
    // Both ignore SIGTERM, and are in three sessions.
    let body = format!(
        "trap '' TERM; setsid sh -c 'setsid sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait; wait' & wait; wait",
        pids.display()
    );
    let outcome = scripts.run(&body, "format = 'keyvalue'\ntimeout = '1s'").await;
    assert_eq!(outcome.state, State::Timeout);
    let pids = fs::read_to_string(&pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    pids.lines().for_each(wait_until_gone);
}

#[tokio::test]
async fn what_prints_without_end_is_stopped() {
    let scripts = Scripts::new();
    for body in ["yes a=1", "yes a=1 >&2", "head -c 1000000000 /dev/zero", "head -c 1048577 /dev/zero"] {
        let outcome = scripts.run(body, "format = 'keyvalue'").await;
        assert_eq!(
            (outcome.state, outcome.text.as_str()),
            (State::Failed, "printed more than 1MiB; stopped"),
            "{body}"
        );
        assert!(outcome.readings.is_empty() && outcome.output_bytes <= Some((1 << 20) + (8 << 10)));
    }
    let outcome = scripts.run("head -c 1048575 /dev/zero; echo", TEXT).await;
    assert_eq!(
        (outcome.state, outcome.output_bytes),
        (State::Ok, Some(1 << 20)),
        "the limit itself is allowed"
    );
}

#[tokio::test]
async fn children_that_outlive_it_are_killed() {
    let scripts = Scripts::new();
    let outcome = scripts.run("sleep 1000 & echo $!", TEXT).await;
    assert_eq!(outcome.state, State::Ok);
    wait_until_gone(&outcome.text);
}

#[tokio::test]
async fn a_child_that_left_the_group_is_not_waited_for() {
    let scripts = Scripts::new();
    let outcome = scripts.run("setsid sleep 1000 & echo $!", TEXT).await;
    assert_eq!(outcome.state, State::Ok);
    // Not the agent's business any more, but this test's.
    assert!(std::process::Command::new("kill").arg(outcome.text.trim()).status().is_ok());
}

#[tokio::test]
async fn closed_output_is_no_end() {
    let scripts = Scripts::new();
    let outcome = scripts.run("echo a=1; exec >&- 2>&-; cat /dev/null; exit 3", "format = 'nagios'").await;
    assert_eq!((outcome.state, outcome.exit_code), (State::Unknown, Some(3)));
}

#[tokio::test]
async fn what_can_not_be_run_says_why() {
    let scripts = Scripts::new();
    let path = scripts.write("echo hello");
    let check = async |config: &ScriptConfig, reason: &str| {
        let outcome = run(config).await;
        assert_eq!((outcome.state, outcome.exit_code, outcome.duration_us), (State::NotStarted, None, None));
        assert!(outcome.text.contains(reason), "{}", outcome.text);
    };
    check(&config(&path, "user = 'no-such-user'"), r#"there is no user "no-such-user""#).await;
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    check(&config(&path, ""), "is not executable").await;
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    check(&config(&path, ""), "can be written by everybody").await;
    fs::remove_file(&path).unwrap();
    check(&config(&path, ""), "can not be looked at: No such file").await;
}

#[tokio::test]
async fn a_stop_of_the_agent_ends_a_run_without_an_outcome() {
    let scripts = Scripts::new();
    let fifo = scripts.directory.path().join("started");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let path = scripts.write(&format!("echo $$ > {}; sleep 1000", fifo.display()));
    let (stop, config) = (CancellationToken::new(), config(&path, TEXT));
    let stopper = stop.clone();
    // Opening the pipe waits for the script to open its end.
    let started = tokio::task::spawn_blocking(move || {
        let pid = fs::read_to_string(fifo).unwrap();
        stopper.cancel();
        pid
    });
    assert_eq!(run_once(&config, Path::new("/etc"), &stop).await, None);
    wait_until_gone(&started.await.unwrap());
}

/// Only root can become somebody else; others are told so.
#[tokio::test]
async fn user_and_nice_are_set() {
    let scripts = Scripts::new();
    let directory = scripts.directory.path();
    fs::set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
    let outcome = scripts
        .run(
            "echo $(id -un) $(id -gn) $(id -G | wc -w) $(nice)",
            "format = 'text'\nuser = 'nobody'\nnice = 7",
        )
        .await;
    if tacho_proc::effective_user_id() == 0 {
        let group = std::process::Command::new("id").args(["-gn", "nobody"]).output().unwrap().stdout;
        let expected = format!("nobody {} 1 7", String::from_utf8(group).unwrap().trim());
        assert_eq!((outcome.state, outcome.text.as_str()), (State::Ok, expected.as_str()));
    } else {
        assert_eq!(outcome.state, State::NotStarted);
        assert!(
            outcome.text.starts_with("to run a script as another user (nobody) takes root"),
            "{}",
            outcome.text
        );
    }
}

/// Gives this thread a capability that it hands on to what it starts. `false`: it has it not itself.
#[expect(unsafe_code, reason = "calls of the kernel")]
fn hand_on(capability: u32) -> bool {
    let header = [0x2008_0522u32, 0];
    // Effective, permitted and inheritable ones, the low 32 of each, then the high.
    let mut sets = [0u32; 6];
    // SAFETY: pointers are to arrays of the sizes that this version of the call has, which live across the calls.
    unsafe {
        libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr());
        sets[2] |= 1 << capability;
        libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr());
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0
    }
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that can not run says why")]
async fn a_script_has_none_of_the_agents_capabilities() {
    const READ_ANYTHING: u32 = 2;
    if !hand_on(READ_ANYTHING) {
        return eprintln!("left out: takes a capability to hand on");
    }
    let scripts = Scripts::new();
    let outcome = scripts.run("grep CapAmb /proc/self/status", TEXT).await;
    assert_eq!(outcome.text.split_whitespace().last(), Some("0000000000000000"));
}

/// The schedule with real runs: each script runs again and again, never twice at once, and a stop ends what is
/// under way.
#[tokio::test]
async fn the_schedule_runs_a_script_again_but_never_twice_at_once() {
    let scripts = Scripts::new();
    let (lock, doubles) = (scripts.directory.path().join("lock"), scripts.directory.path().join("doubles"));
    let path = scripts.write(&format!(
        "mkdir {0} || echo twice >> {1}; rmdir {0}; echo runs=1",
        lock.display(),
        doubles.display()
    ));
    let quick = ScriptConfig { interval: Duration::from_millis(20), ..config(&path, "format = 'keyvalue'") };
    let hangs = ScriptConfig {
        name: "hangs".to_owned(),
        command: vec!["/bin/sleep".to_owned(), "1000".to_owned()],
        ..quick.clone()
    };
    let (stop, mailbox) = (CancellationToken::new(), Arc::new(Mailbox::default()));
    let schedule = Schedule {
        scripts: vec![quick, hangs],
        mailbox: Arc::clone(&mailbox),
        etc_root: PathBuf::from("/etc"),
    };
    let running = tokio::spawn(schedule.run(stop.clone()));
    let (mut script_rows, mut metric_rows) =
        (Block::new(&tables::script::TABLE), Block::new(&tables::metric::TABLE));
    while script_rows.len() < 5 {
        tokio::task::yield_now().await;
        mailbox.drain(&mut script_rows, &mut metric_rows);
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!((0..5).all(|row| script_rows.text(script::STATE, row) == Some("ok")));
    assert!((0..5).all(|row| script_rows.text(script::SCRIPT, row) == Some("test")), "the other still hung");
    assert!(metric_rows.len() >= 5);
    assert!(!doubles.exists());
}
