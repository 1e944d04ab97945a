//! Logins and logouts between snapshots.

use tacho_model::tables::{event, host};

use super::machine::{BOOT_TIME_MS, Machine};
use crate::sampler::accounts::record;

fn put(machine: &Machine, records: &[Vec<u8>]) {
    let path = machine.path("run/utmp");
    let before = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
    machine.write_bytes("run/utmp", &records.concat());
    // Two changes may come within the file system's clock tick.
    if let Ok(before) = before {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(before + std::time::Duration::from_secs(5)).unwrap();
    }
}

/// Kind, account, address and terminal of each event, and when it happened.
fn events(machine: &Machine) -> Vec<(String, i64)> {
    let block = machine.block(&event::TABLE);
    let text = |column, row| block.text(column, row).unwrap_or_default().to_owned();
    let told = |row| {
        let columns = [event::KIND, event::USER, event::ADDRESS, event::TERMINAL];
        let told = columns.map(|column| text(column, row)).join(" ");
        (told, block.integer(event::HAPPENED, row).unwrap())
    };
    (0..block.len()).map(told).collect()
}

#[test]
fn logins_and_logouts_are_events() {
    let mut machine = Machine::new(10);
    let ann = record(7, "ann", "tty1", "", 1_700_000_100);
    let bob = record(7, "bob", "pts/0", "192.0.2.17", 1_700_001_000);
    put(&machine, std::slice::from_ref(&ann));
    machine.tick();
    assert_eq!(machine.host(host::USERS_LOGGED_IN), Some(1));
    assert_eq!(events(&machine), [], "who is logged in already did not log in now");
    put(&machine, &[ann.clone(), bob.clone()]);
    machine.tick();
    assert_eq!(machine.host(host::USERS_LOGGED_IN), Some(2));
    assert_eq!(events(&machine), [("login bob 192.0.2.17 pts/0".to_owned(), 1_700_001_000_000)]);
    let block = machine.block(&event::TABLE);
    assert_eq!(block.text(event::TEXT, 0), Some("bob logged in on pts/0 from 192.0.2.17"));
    machine.tick();
    assert_eq!((events(&machine).len(), machine.host(host::USERS_LOGGED_IN)), (0, Some(2)));
    let now_ms = BOOT_TIME_MS + i64::try_from(machine.now_s * 1000).unwrap();
    put(&machine, &[bob, record(8, "", "tty1", "", 1_700_001_100)]);
    machine.tick();
    assert_eq!(events(&machine), [("logout ann  tty1".to_owned(), now_ms)]);
}

#[test]
fn a_host_that_tells_nothing_of_logins_says_so() {
    let mut machine = Machine::new(10);
    machine.tick();
    assert_eq!(machine.host(host::USERS_LOGGED_IN), None);
    let facts = machine.sampler().facts();
    let login = facts.collectors.iter().find(|status| status.name == "login").unwrap();
    assert_eq!(login.absent, ["users logged in: neither utmp nor a login manager here"]);
    put(&machine, &[]);
    for _ in 0..13 {
        machine.tick();
    }
    assert_eq!(machine.host(host::USERS_LOGGED_IN), Some(0), "found within a minute");
    assert!(
        machine
            .sampler()
            .facts()
            .collectors
            .iter()
            .all(|status| status.name != "login" || status.absent.is_empty())
    );
}
