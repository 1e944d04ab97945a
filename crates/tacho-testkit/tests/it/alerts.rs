//! Alerts of real trouble: a busy loop, a full file system, a killed process, a silent host. Each is told to a file,
//! names who it was, and ends.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tacho_testkit::daemons::{Agent, Daemon, Server, binary, wait_until};

/// A process that ends with its value.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A small file system, taken down with its value.
struct SmallDisk(PathBuf);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

impl SmallDisk {
    /// ext4 in a file: the agent leaves file systems in memory out. `None` where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let image = at.with_extension("image");
        fs::write(&image, vec![0; 8 << 20]).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image).status();
        let mounted = made.is_ok_and(|status| status.success())
            && Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(at)
                .status()
                .is_ok_and(|it| it.success());
        mounted.then(|| Self(at.to_owned()))
    }

    /// Writes until there is no room.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        path
    }
}

/// Runs a program under a name of its own.
fn start(directory: &Path, name: &str, arguments: &[&str]) -> Started {
    let program = fs::canonicalize(if arguments.len() == 1 { "/bin/sleep" } else { "/bin/sh" }).unwrap();
    let path = directory.join(name);
    fs::copy(program, &path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    Started(Command::new(path).args(arguments).spawn().unwrap())
}

/// Rules about this disk and processes of these names: agents of other tests run on this machine at the same time, and see the
/// hogs of all.
fn configure(directory: &Path, disk: &Path, hog: &str) -> String {
    let rules = directory.join("rules.d");
    fs::create_dir(&rules).unwrap();
    let disk = disk.display();
    let text = format!(
        "[[rule]]\nname = \"hog\"\nwhen = {{ kind = \"process_hog\", cpu = 0.002, name = \"{hog}\" }}\nfor = \"1s\"\n\
         text = \"{{{{host}}}}: {{{{process.name}}}} {{{{process.pid}}}} takes {{{{value}}}}\"\n\
         [[rule]]\nname = \"full\"\nwhen = {{ kind = \"threshold\", reading = \"filesystem.used_ratio\", above = 0.9, \
         where = {{ mount_point = \"{disk}\" }} }}\ntext = \"{{{{entity}}}} is {{{{value}}}} full\"\n\
         [[rule]]\nname = \"victim\"\nwhen = {{ kind = \"process_watch\", name = \"tacho-victim\" }}\n\
         text = \"the victim {{{{text}}}}\"\n\
         [[rule]]\nname = \"host-silent\"\nwhen = {{ kind = \"host_silent\", after = \"10s\" }}\ngroup_wait = \"0s\"\n\
         text = \"{{{{host}}}} is silent\"\n"
    );
    fs::write(rules.join("test.toml"), text).unwrap();
    let config = directory.join("server.toml");
    let shown = directory.display();
    let text = format!(
        "rules_dir = \"{shown}/rules.d\"\n[[receiver]]\nkind = \"file\"\npath = \"{shown}/alerts.log\"\n"
    );
    fs::write(&config, text).unwrap();
    config.display().to_string()
}

/// Starts the server again with a configuration file.
fn run(server: &Server, config: &str, directory: &Path) -> Daemon {
    let settings = [
        ("data_dir", server.data_dir.display().to_string()),
        ("http_listen", server.http.to_string()),
        ("listen", server.tls.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let server = binary("tacho-server").unwrap();
    let log = directory.join("watching.log");
    Daemon::start(&server, &["run", "--config", config], "TACHO_SERVER", &settings, &log).unwrap()
}

/// The line of the file that has all the words.
fn told(directory: &Path, words: &[&str]) -> String {
    wait_until(&format!("the file says {words:?}"), || {
        let text = fs::read_to_string(directory.join("alerts.log")).unwrap_or_default();
        Ok(text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned))
    })
    .unwrap()
}

/// Word and time of each line of the file about a hog.
fn said_of(directory: &Path, hog: &Started) -> Vec<(&'static str, String)> {
    let text = fs::read_to_string(directory.join("alerts.log")).unwrap_or_default();
    let about = format!(" {} takes", hog.0.id());
    let said = |line: &str| {
        let word = ["FIRING", "RESOLVED"].into_iter().find(|word| line.contains(&format!(" {word} ")))?;
        Some((word, line.split(' ').next()?.to_owned()))
    };
    text.lines().filter(|line| line.contains(&about)).filter_map(said).collect()
}

/// Alerts of the hog that a server shows, by their ids.
fn hogs(server: &Server) -> anyhow::Result<Vec<String>> {
    let alerts = server.get("/api/v1/alerts?rule=hog&state=firing")?;
    let id = |alert: &serde_json::Value| alert["id"].as_str().map(str::to_owned);
    Ok(alerts["alerts"].as_array().into_iter().flatten().filter_map(id).collect())
}

#[test]
fn an_alert_is_told_once_by_two_servers_whichever_the_agent_is_with_and_whichever_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let directory = fs::canonicalize(directory.path()).unwrap();
    let config = configure(&directory, Path::new("/nowhere"), "tacho-hog-moved");
    fs::copy(config, directory.join("second.toml")).unwrap();
    let mut first = Server::start(&directory, &[]).unwrap();
    let mut agent = Agent::start(&directory, &first, "moving", &[("interval", "1s")]).unwrap();
    let second = first.beside(&directory, "second", &[]).unwrap();

    let hog = start(&directory, "tacho-hog-moved", &["-c", "while :; do :; done"]);
    told(&directory, &["FIRING", "hog:", "moving", &format!(" {} takes", hog.0.id())]);
    wait_until("both servers show the same", || {
        let (here, there) = (hogs(&first)?, hogs(&second)?);
        Ok((!here.is_empty() && here == there).then_some(()))
    })
    .unwrap();

    // The agent goes to the other server while it fires: not another alert, and not its end.
    agent.set("servers", &second.tls.to_string());
    agent.restart().unwrap();
    wait_until("the other server hears the host", || {
        Ok((second.get("/api/v1/hosts/moving")?["state"] == "up").then_some(()))
    })
    .unwrap();
    kill_and_wait(&directory, hog);

    // The server that tells is killed, and what is to be told comes after.
    first.kill();
    let hog = start(&directory, "tacho-hog-moved", &["-c", "while :; do :; done"]);
    told(&directory, &["FIRING", "hog:", &format!(" {} takes", hog.0.id())]);
    first.restart().unwrap();
    kill_and_wait(&directory, hog);
    for server in [&first, &second] {
        wait_until("nothing fires any more", || Ok(hogs(server)?.is_empty().then_some(()))).unwrap();
    }
}

/// Ends a hog, and waits for its end to be told. On a busy machine it may have been too slow for a moment, and have fired
/// more than once; but no line is there twice.
fn kill_and_wait(directory: &Path, mut hog: Started) {
    hog.0.kill().unwrap();
    hog.0.wait().unwrap();
    let said = wait_until("its end is told", || {
        let said = said_of(directory, &hog);
        let count = |wanted| said.iter().filter(|(word, _)| *word == wanted).count();
        let is_over = count("FIRING") > 0 && count("FIRING") == count("RESOLVED");
        Ok(is_over.then_some(said))
    })
    .unwrap();
    let once: std::collections::BTreeSet<_> = said.iter().collect();
    assert_eq!(once.len(), said.len(), "{said:?}");
}

#[test]
fn real_trouble_is_told_with_its_culprit_and_so_is_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let directory = fs::canonicalize(directory.path()).unwrap();
    let mut server = Server::start(&directory, &[]).unwrap();
    server.stop().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.join("small")) else {
        eprintln!("not checked: this user may not mount a file system");
        return;
    };
    let filler = disk.fill();
    let config = configure(&directory, &disk.0, "tacho-hog");
    let daemon = run(&server, &config, &directory);
    let victim = start(&directory, "tacho-victim", &["1000"]);
    let mut agent = Agent::start(&directory, &server, "troubled", &[("interval", "1s")]).unwrap();

    told(&directory, &["FIRING", "troubled", "full:", &disk.0.display().to_string()]);
    fs::remove_file(filler).unwrap();

    let hog = start(&directory, "tacho-hog", &["-c", "while :; do :; done"]);
    let line = told(&directory, &["FIRING", "hog:", "tacho-hog", &hog.0.id().to_string()]);
    assert!(line.contains(&format!("tacho-hog[{}]", hog.0.id())), "{line}");
    let alerts = server.get("/api/v1/alerts?rule=hog").unwrap();
    let id = alerts["alerts"][0]["id"].as_str().unwrap().to_owned();
    let evidence = server.get(&format!("/api/v1/alerts/{id}")).unwrap();
    assert_eq!(evidence["process"]["pid"], hog.0.id(), "{evidence}");
    assert!(evidence["processes"].as_array().is_some_and(|processes| !processes.is_empty()), "{evidence}");
    drop(hog);
    told(&directory, &["RESOLVED", "hog:"]);

    wait_until("the victim is seen", || {
        let processes = server.get("/api/v1/hosts/troubled/processes")?.to_string();
        Ok(processes.contains("tacho-victim").then_some(()))
    })
    .unwrap();
    drop(victim);
    told(&directory, &["FIRING", "victim:", "is not running"]);
    let victim = start(&directory, "tacho-victim", &["1000"]);
    told(&directory, &["RESOLVED", "victim:"]);
    told(&directory, &["RESOLVED", "full:"]);

    agent.kill();
    told(&directory, &["FIRING", "troubled is silent"]);
    // A server that is killed says nothing twice and forgets nothing; what the file took just then it may say again.
    wait_until("the server knows that the file took it", || {
        Ok((server.get("/api/v1/receivers")?["receivers"][0]["queued"] == 0).then_some(()))
    })
    .unwrap();
    let count = |word: &str| {
        let text = fs::read_to_string(directory.join("alerts.log")).unwrap();
        text.lines().filter(|line| line.contains(word) && line.contains("is silent")).count()
    };
    let firing = count("FIRING");
    drop(daemon);
    let daemon = run(&server, &config, &directory);
    agent.restart().unwrap();
    wait_until("its end is told", || Ok((count("RESOLVED") == firing).then_some(()))).unwrap();
    assert_eq!(count("FIRING"), firing);
    drop((daemon, victim));
}
