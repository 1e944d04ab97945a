//! A full disk: at a flush the server keeps running, says so, and loses nothing once there is room; at its start it
//! says so and ends.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tacho_testkit::daemons::{Agent, Server, wait_until};

/// A small file system of its own, taken down with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tacho-test"]).arg(at).status();
        status.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    /// Writes until there is no room; the file to remove.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server's last files may still be open.
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

/// Cut to nothing, because a file that is only removed keeps its room for as long as a program that another test starts
/// has it open.
fn make_room(filler: &Path) {
    File::create(filler).unwrap();
    std::fs::remove_file(filler).unwrap();
}

#[test]
fn a_full_disk_costs_nothing_once_there_is_room_again() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("server")) else {
        eprintln!("not checked: this user may not mount a file system");
        return;
    };
    let mut server = Server::start(directory.path(), &[("flush_interval", "1s")]).unwrap();
    let agent = Agent::start(directory.path(), &server, "patient", &[("interval", "1s")]).unwrap();
    let stored = |server: &Server| server.metric("tacho_history_frames_stored_total");
    wait_until("the first snapshots are stored", || Ok((stored(&server)? >= 2.0).then_some(()))).unwrap();

    let filler = disk.fill();
    wait_until("a flush fails", || {
        Ok((server.metric("tacho_history_flush_failures_total")? >= 2.0).then_some(()))
    })
    .unwrap();
    assert!(
        server.log().contains("No space left on device"),
        "the log says what is the matter: {}",
        server.log()
    );
    let during = server.snapshot_times("patient").unwrap();
    wait_until("snapshots are taken in all the same", || {
        Ok((server.snapshot_times("patient")?.len() > during.len()).then_some(()))
    })
    .unwrap();

    let seen = server.snapshot_times("patient").unwrap();
    make_room(&filler);
    let before = stored(&server).unwrap();
    wait_until("the flush goes through", || {
        Ok((stored(&server)? >= before + seen.len() as f64 / 2.0).then_some(()))
    })
    .unwrap();
    drop(agent);
    assert_eq!(server.stop().unwrap(), 0, "{}", server.log());
    server.restart().unwrap();
    let mut kept = server.snapshot_times("patient").unwrap();
    kept.sort_unstable();
    let count = kept.len();
    kept.dedup();
    assert_eq!(kept.len(), count, "nothing is there twice");
    assert!(seen.iter().all(|time| kept.binary_search(time).is_ok()), "seen {seen:?}, kept {kept:?}");

    // Started on the full disk, with files that SQLite has to make: it says what to do, and starts once that is done.
    server.kill();
    std::fs::remove_file(server.data_dir.join("catalog.sqlite-shm")).unwrap();
    let filler = disk.fill();
    let ended = server.run(&["run"]).unwrap_err().to_string();
    assert!(ended.contains("exit code 1:") && ended.contains("make room there"), "{ended}");
    make_room(&filler);
    server.restart().unwrap();
    let again = server.snapshot_times("patient").unwrap();
    assert!(kept.iter().all(|time| again.contains(time)), "kept {kept:?}, again {again:?}");
    drop(server);
}
