//! The short forms of `tacho-faults`: everything that goes wrong, a long outage, a healthy agent, a herd. The
//! figures go to standard output; no time is asserted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use tacho_testkit::faults::disk::SmallDisk;
use tacho_testkit::faults::healthy::{self, HealthyOptions};
use tacho_testkit::faults::herd::{self, HerdOptions};
use tacho_testkit::faults::mixed::{self, MixedOptions};
use tacho_testkit::faults::network::{Condition, Network, address};
use tacho_testkit::faults::outage::{self, OutageOptions};
use tacho_testkit::faults::plan::{Terms, parse_kinds};
use tacho_testkit::faults::{namespace, report};

const SEED: u64 = 4;
const SECOND: Duration = Duration::from_secs(1);

fn say(text: &str) {
    eprintln!("{text}");
}

/// Runs `test` with mounts of its own and an empty directory, where namespaces can be made.
fn in_namespaces(test: impl FnOnce(&Path)) {
    if let Err(error) = namespace::leave_mounts().and_then(|()| Network::new(1, SEED)) {
        return eprintln!("not checked: {error:#}");
    }
    // Below target, because what goes to a tmpfs never reaches a disk.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    test(directory.path());
}

#[test]
fn whatever_goes_wrong_every_frame_is_stored_once_or_reported() {
    in_namespaces(|root| {
        let terms =
            Terms { seed: SEED, duration: 120 * SECOND, kinds: parse_kinds("all").unwrap(), agents: 3 };
        let options = MixedOptions { terms, interval: SECOND, root: root.to_owned() };
        let outcome = mixed::run(&options, &say).unwrap();
        eprintln!("{}", report::mixed_text(&outcome));
        assert_eq!(outcome.problems(), [""; 0]);
        assert!(
            outcome.packets.dropped > 0 && outcome.server_starts > 5,
            "something went wrong: {outcome:?}"
        );
    });
}

#[test]
fn small_disks_run_full_and_turn_read_only_on_demand() {
    in_namespaces(|root| {
        let mut disk = SmallDisk::mount(&root.join("disk"), 1 << 20).unwrap();
        let path = disk.path().join("file");
        let mut file = File::create(&path).unwrap();
        disk.set_full(true).unwrap();
        assert_eq!(file.write_all(&[1; 5000]).unwrap_err().kind(), ErrorKind::StorageFull);
        disk.set_full(false).unwrap();
        file.write_all(&[1; 5000]).unwrap();
        disk.set_read_only(true).unwrap();
        assert_eq!(File::create(&path).unwrap_err().kind(), ErrorKind::ReadOnlyFilesystem);
        file.write_all(&[1; 5000]).unwrap();
        disk.set_read_only(false).unwrap();
        File::options().append(true).open(&path).unwrap().write_all(&[1; 5000]).unwrap();
        assert!(disk.used_bytes() >= 10_000, "{}", disk.used_bytes());
    });
}

#[test]
fn cables_are_cut_in_one_direction_and_delay() {
    in_namespaces(|_| {
        let network = Network::new(2, SEED).unwrap();
        let listener = network.place(0).run(|| UdpSocket::bind((address(0), 0))).unwrap();
        let sender = network.place(1).run(|| UdpSocket::bind((address(1), 0))).unwrap();
        let (to, from) = (listener.local_addr().unwrap(), sender.local_addr().unwrap());
        let mut buffer = [0; 10];
        let delay = Duration::from_millis(300);
        network.set_conditions(HashMap::from([((1, 0), Condition { delay, ..Condition::default() })]));
        let begin = Instant::now();
        sender.send_to(b"one", to).unwrap();
        assert_eq!(listener.recv_from(&mut buffer).unwrap(), (3, from));
        assert!(begin.elapsed() >= delay, "no earlier than the delay: {:?}", begin.elapsed());
        network.set_conditions(HashMap::from([((1, 0), Condition { cut: true, ..Condition::default() })]));
        sender.send_to(b"lost", to).unwrap();
        listener.send_to(b"back", from).unwrap();
        assert_eq!(sender.recv_from(&mut buffer).unwrap(), (4, to));
        assert_eq!(network.packets().dropped, 1);
        network.set_conditions(HashMap::new());
        sender.send_to(b"again", to).unwrap();
        assert_eq!(listener.recv_from(&mut buffer).unwrap().0, 5, "and not what was lost");
    });
}

#[test]
fn after_an_outage_all_is_there_in_order_and_the_spool_is_empty() {
    in_namespaces(|root| {
        let interval = Duration::from_millis(100);
        let options = OutageOptions { frames: 150, interval, seed: SEED, root: root.to_owned() };
        let outcome = outage::run(&options, &say).unwrap();
        eprintln!("{}", report::outage_text(&outcome));
        assert_eq!(outcome.problems(), [""; 0]);
    });
}

#[test]
fn a_healthy_agent_writes_nothing_to_disks() {
    in_namespaces(|root| {
        let options =
            HealthyOptions { duration: 15 * SECOND, interval: SECOND, seed: SEED, root: root.to_owned() };
        let outcome = healthy::run(&options, &say).unwrap();
        eprintln!("{}", report::healthy_text(&outcome));
        assert_eq!(outcome.problems(), [""; 0]);
    });
}

#[test]
fn a_herd_that_loses_its_server_is_live_at_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let options = HerdOptions { agents: 40, interval: SECOND, seed: SEED, root: directory.path().to_owned() };
    let outcome = herd::run(&options, &say).unwrap();
    eprintln!("{}", report::herd_text(&outcome));
    assert_eq!(outcome.problems(), [""; 0]);
}
