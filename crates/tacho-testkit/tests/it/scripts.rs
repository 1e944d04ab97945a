//! Readings of scripts and text files, from the program that prints them to the API.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tacho_testkit::daemons::{Agent, Daemon, Server, binary, wait_until};

fn write_script(path: &Path, body: &str) {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

fn write_config(directory: &Path) -> String {
    let config = directory.join("agent.toml");
    let shown = directory.display();
    let text = format!(
        "textfile_dir = \"{shown}/textfiles\"
         [[script]]\nname = \"queue\"\ncommand = [\"{shown}/queue\"]\ninterval = \"1s\"\nformat = \"keyvalue\"
         [[script]]\nname = \"hangs\"\ncommand = [\"{shown}/hangs\"]\ninterval = \"1h\"\ntimeout = \"1h\""
    );
    fs::write(&config, text).unwrap();
    config.display().to_string()
}

fn rows(server: &Server, table: &str) -> anyhow::Result<String> {
    Ok(server.get(&format!("/api/v1/hosts/scripted/rows?table={table}"))?["rows"].to_string())
}

#[test]
fn readings_of_scripts_and_text_files_are_stored() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write_script(&directory.join("queue"), "echo 'depth{queue=\"mail\"}=17'");
    let started = directory.join("started");
    write_script(&directory.join("hangs"), &format!("echo $$ > {}; sleep 1000", started.display()));
    fs::create_dir(directory.join("textfiles")).unwrap();
    fs::write(directory.join("textfiles/backup.prom"), "backup_age_seconds 42\n").unwrap();
    let server = Server::start(directory, &[]).unwrap();
    let agent = Agent::join(directory, &server, "scripted", &[]).unwrap();
    let settings = [("data_dir", agent.data_dir.display().to_string()), ("interval", "1s".to_owned())]
        .map(|(key, value)| (key.to_owned(), value));
    let config = write_config(directory);
    let daemon = Daemon::start(
        &binary("tacho-agent").unwrap(),
        &["run", "--config", &config],
        "TACHO_AGENT",
        &settings,
        &directory.join("scripted.log"),
    )
    .unwrap();
    wait_until("a run is stored", || Ok(rows(&server, "script")?.contains("queue").then_some(()))).unwrap();
    wait_until("readings of both are stored", || {
        let rows = rows(&server, "metric")?;
        Ok((rows.contains("depth") && rows.contains("backup_age_seconds")).then_some(()))
    })
    .unwrap();
    let metrics = rows(&server, "metric").unwrap();
    assert!(metrics.contains(r#"queue=\"mail\""#) && metrics.contains("17"), "{metrics}");
    let pid = wait_until("the other hangs", || {
        Ok(Some(fs::read_to_string(&started).unwrap_or_default()).filter(|pid| pid.ends_with('\n')))
    })
    .unwrap();
    assert_eq!(daemon.stop().unwrap(), 0);
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the agent's stop ends its scripts");
}
