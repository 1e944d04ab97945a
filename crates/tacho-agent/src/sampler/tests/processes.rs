//! Single processes through what can happen to them.

use std::collections::BTreeMap;

use tacho_model::Meaning;
use tacho_model::tables::{host, process};

use super::machine::{BOOT_TIME_MS, Fake, Machine, PAGE, TICK_US};

/// CPU time in ticks, user and system.
fn cpu(machine: &Machine, row: usize) -> Option<(i64, i64)> {
    let of = |column| machine.value(row, column).map(|us| us / TICK_US);
    of(process::CPU_USER_US).zip(of(process::CPU_SYSTEM_US))
}

fn disk(machine: &Machine, row: usize) -> Option<(i64, i64)> {
    machine.value(row, process::DISK_READ_BYTES).zip(machine.value(row, process::DISK_WRITE_BYTES))
}

#[test]
fn the_first_sample_shows_everyone_and_no_usage() {
    let mut machine = Machine::new(10);
    machine.put_busy(500);
    machine.put(&Fake { user: 300, io: Some((5, 6)), ..Fake::new(7) });
    machine.tick();
    assert!(!machine.has_any(Meaning::Delta), "nothing to compare with");
    let found = machine.row_of(7);
    assert_eq!(machine.value(found.row, process::RSS_BYTES), Some(100 * PAGE));
    assert_eq!((machine.value(found.row, process::THREADS), machine.state(found.row)), (Some(1), Some("S")));
    assert_eq!((found.identity.name.as_str(), found.identity.command.as_str()), ("p7", "/bin/p7 --flag"));
    assert_eq!((found.identity.unit.as_str(), found.identity.parent_pid), ("p.service", 1));
    assert_eq!(found.identity.key.start_time_ms, BOOT_TIME_MS);
    assert_eq!(machine.host(host::PROCESSES), Some(2));
    machine.tick();
    assert_eq!(machine.host(host::PROCESSES_CPU_USER_US), Some(0), "from the second on there are deltas");
}

#[test]
fn usage_is_what_was_added_and_a_new_process_brings_all_of_its_own() {
    let mut machine = Machine::new(10);
    machine.put(&Fake { user: 300, ..Fake::new(7) });
    machine.tick();
    machine.put(&Fake { user: 310, system: 5, io: Some((4096, 0)), rss: 200, ..Fake::new(7) });
    machine.put(&Fake { user: 20, io: Some((0, 8192)), start: machine.start_now() - 300, ..Fake::new(8) });
    machine.tick();
    let (old, new) = (machine.row_of(7), machine.row_of(8));
    assert_eq!((cpu(&machine, old.row), disk(&machine, old.row)), (Some((10, 5)), Some((4096, 0))));
    assert_eq!((cpu(&machine, new.row), disk(&machine, new.row)), (Some((20, 0)), Some((0, 8192))));
    assert_eq!(machine.value(old.row, process::RSS_BYTES), Some(200 * PAGE));
    assert_eq!(machine.block(&process::TABLE).interval_ms, 5000);
}

#[test]
fn a_process_that_was_there_but_unreadable_does_not_bring_its_past() {
    let mut machine = Machine::new(10);
    machine.tick();
    machine.put(&Fake { user: 30_000, start: 10, ..Fake::new(7) });
    machine.tick();
    assert_eq!(cpu(&machine, machine.row_of(7).row), None);
    machine.put(&Fake { user: 30_001, start: 10, ..Fake::new(7) });
    machine.tick();
    assert_eq!(cpu(&machine, machine.row_of(7).row), Some((1, 0)));
}

#[test]
fn a_pid_in_use_again_is_another_process() {
    let mut machine = Machine::new(10);
    machine.put(&Fake { user: 300, io: Some((9, 9)), ..Fake::new(7) });
    machine.tick();
    let first = machine.row_of(7).id;
    let start = machine.start_now() - 300;
    machine.put(&Fake { user: 2, io: Some((4, 0)), start, name: "new".into(), ..Fake::new(7) });
    machine.tick();
    let rows = machine.rows_of(7);
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0].id, machine.state(rows[0].row), cpu(&machine, rows[0].row)),
        (first, Some("X"), None)
    );
    assert_eq!((cpu(&machine, rows[1].row), disk(&machine, rows[1].row)), (Some((2, 0)), Some((4, 0))));
    assert_eq!(rows[1].identity.key.start_time_ms, BOOT_TIME_MS + i64::try_from(start).unwrap() * 10);
    assert_eq!(machine.sample.retired, [first]);
    assert_eq!(machine.host(host::PROCESSES), Some(2), "the ended one is not counted");
}

#[test]
fn what_a_process_used_at_last_is_its_own_and_not_counted_for_its_parent_again() {
    let mut machine = Machine::new(10);
    let parent = Fake { io: Some((1000, 2000)), ..Fake::new(7) };
    let child = Fake { parent: 7, ..Fake::new(8) };
    machine.put(&parent);
    machine.put(&child);
    machine.tick();
    machine.put(&Fake { user: 450, system: 40, io: Some((100, 500)), ..child.clone() });
    machine.tick();
    assert_eq!(disk(&machine, machine.row_of(8).row), Some((100, 500)));
    // It works on for 3 s, ends, and its parent waits for it: the kernel adds all it ever used to the parent.
    machine.remove(8);
    machine.put(&Fake { children_user: 700, children_system: 50, io: Some((1130, 2600)), ..parent.clone() });
    machine.tick();
    let ended = machine.row_of(8);
    assert_eq!(machine.state(ended.row), Some("X"));
    assert_eq!(cpu(&machine, ended.row), Some((250, 10)));
    assert_eq!(disk(&machine, ended.row), Some((30, 100)));
    assert_eq!(machine.value(ended.row, process::RSS_BYTES), None, "what has ended holds nothing");
    assert_eq!(machine.host(host::PROCESSES_DISK_WRITE_BYTES), Some(100));
    for _ in 0..10 {
        machine.tick();
        assert!(machine.rows_of(8).is_empty(), "told once");
        assert_eq!(machine.host(host::PROCESSES_CPU_USER_US), Some(0));
    }
}

#[test]
fn children_that_end_together_share_by_what_they_did_before() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    machine.put(&Fake { parent: 7, user: 50, io: Some((0, 3000)), ..Fake::new(8) });
    machine.put(&Fake { parent: 7, user: 1, ..Fake::new(9) });
    machine.tick();
    machine.remove(8);
    machine.remove(9);
    machine.put(&Fake { children_user: 52, io: Some((10, 3400)), ..Fake::new(7) });
    machine.tick();
    assert_eq!(disk(&machine, machine.row_of(8).row), Some((10, 400)));
    assert_eq!(disk(&machine, machine.row_of(9).row), None);
}

#[test]
fn a_parent_that_works_itself_keeps_what_can_not_be_told_apart() {
    let mut machine = Machine::new(10);
    let child = Fake { parent: 7, user: 5, io: Some((0, 500)), ..Fake::new(8) };
    machine.put(&Fake::new(7));
    machine.put(&child);
    machine.tick();
    machine.remove(8);
    machine.put(&Fake { user: 100, children_user: 5, io: Some((0, 1700)), ..Fake::new(7) });
    machine.tick();
    assert_eq!(
        disk(&machine, machine.row_of(7).row),
        Some((0, 1200)),
        "its own and the rest, without the 500"
    );
    assert_eq!(disk(&machine, machine.row_of(8).row), None);
}

#[test]
fn children_that_no_snapshot_saw_are_in_the_other_row() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    machine.tick();
    machine.put(&Fake { children_user: 30, children_system: 3, ..Fake::new(7) });
    machine.tick();
    assert_eq!(machine.other_cpu(), 33);
}

#[test]
fn an_end_that_shows_in_the_parent_before_the_list_is_not_counted_twice() {
    let mut machine = Machine::new(10);
    let child = Fake { parent: 7, ..Fake::new(8) };
    machine.put(&Fake::new(7));
    machine.put(&child);
    machine.tick();
    machine.put(&Fake { user: 400, ..child.clone() });
    // The parent was read after the end, the list and the child before it.
    machine.put(&Fake { user: 1, children_user: 450, ..Fake::new(7) });
    machine.tick();
    let mut total = machine.host(host::PROCESSES_CPU_USER_US).unwrap();
    machine.remove(8);
    machine.put(&Fake { user: 2, children_user: 450, ..Fake::new(7) });
    for _ in 0..3 {
        machine.tick();
        total += machine.host(host::PROCESSES_CPU_USER_US).unwrap();
    }
    assert_eq!(total / TICK_US, 450 + 2);
}

#[test]
fn parent_and_child_that_end_together_are_claimed_of_the_grandparent() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    machine.put(&Fake { parent: 7, user: 100, io: Some((0, 10)), ..Fake::new(9) });
    machine.put(&Fake { parent: 9, user: 200, io: Some((0, 20)), ..Fake::new(8) });
    machine.tick();
    machine.remove(8);
    machine.remove(9);
    machine.put(&Fake { children_user: 330, io: Some((0, 37)), ..Fake::new(7) });
    let (mut cpu, mut disk) = (0, 0);
    for _ in 0..10 {
        machine.tick();
        cpu += machine.host(host::PROCESSES_CPU_USER_US).unwrap();
        disk += machine.host(host::PROCESSES_DISK_WRITE_BYTES).unwrap();
    }
    assert_eq!((cpu / TICK_US, disk), (30, 7));
}

#[test]
fn a_child_that_nobody_waited_for_ends_without_usage() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    machine.put(&Fake { parent: 7, user: 100, ..Fake::new(8) });
    machine.tick();
    machine.remove(8);
    machine.tick();
    assert_eq!(cpu(&machine, machine.row_of(8).row), None, "unknown is not zero");
}

#[test]
fn idle_processes_show_every_minute_and_not_all_at_once() {
    let mut machine = Machine::new(100);
    (10..34).for_each(|pid| machine.put(&Fake::new(pid)));
    let mut seen: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..40 {
        machine.tick();
        let at = machine.now_s;
        for pid in 10..34 {
            if machine.rows_of(pid).is_empty() {
                assert!(at - seen[&pid] < 60, "pid {pid} at {at}, last {}", seen[&pid]);
            } else {
                seen.insert(pid, at);
            }
        }
        let rows = machine.sample.processes.len() - 1;
        assert!(at <= 1005 || rows <= 6, "{rows} rows of idle processes at {at}");
    }
}

#[test]
fn a_resting_process_that_wakes_is_read_at_once_when_the_host_shows_it() {
    let mut machine = Machine::new(100);
    machine.put_busy(1000);
    (10..20).for_each(|pid| machine.put(&Fake::new(pid)));
    for _ in 0..7 {
        machine.tick();
    }
    for pid in 10..20 {
        let busy = u64::from(pid - 9) * 100;
        machine.put(&Fake { user: 100, ..Fake::new(pid) });
        machine.put_busy(1000 + busy);
        machine.tick();
        assert_eq!(cpu(&machine, machine.row_of(pid).row), Some((100, 0)));
    }
}

#[test]
fn a_resting_process_that_wakes_a_little_is_late_but_exact() {
    let mut machine = Machine::new(100);
    machine.put_busy(1000);
    machine.put(&Fake::new(10));
    for _ in 0..8 {
        machine.tick();
    }
    machine.put(&Fake { user: 3, io: Some((0, 4096)), ..Fake::new(10) });
    let (mut ticks, mut bytes) = (0, 0);
    for _ in 0..6 {
        machine.tick();
        ticks += machine.host(host::PROCESSES_CPU_USER_US).unwrap() / TICK_US;
        bytes += machine.host(host::PROCESSES_DISK_WRITE_BYTES).unwrap();
    }
    assert_eq!((ticks, bytes), (3, 4096));
}

#[test]
fn a_process_of_one_thread_that_has_not_run_is_not_read_until_its_row_is_due() {
    let mut machine = Machine::with(100, true);
    // Their rows are due at the same time, and their turns come together.
    let fakes = [(12, 1), (24, 1), (36, 3)].map(|(pid, threads)| Fake { threads, ..Fake::new(pid) });
    fakes.iter().for_each(|fake| machine.put(fake));
    for _ in 0..4 {
        machine.tick();
    }
    let read_mark = |machine: &Machine, pid| {
        std::fs::read_to_string(machine.path(&format!("proc/{pid}/schedstat"))).unwrap()
    };
    let marks = [12, 36].map(|pid| (pid, read_mark(&machine, pid)));
    for fake in &fakes {
        machine.put(&Fake { user: 5, rss: 1000, ..fake.clone() });
    }
    // The first thread did not run; of one thread no kernel tells this.
    for (pid, mark) in &marks {
        machine.write(&format!("proc/{pid}/schedstat"), mark);
    }
    let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
    for number in 0..12 {
        machine.tick();
        for pid in [12, 24, 36] {
            if machine.rows_of(pid).iter().any(|found| cpu(&machine, found.row) == Some((5, 0))) {
                assert_eq!(machine.value(machine.row_of(pid).row, process::RSS_BYTES), Some(1000 * PAGE));
                seen.insert(pid, number);
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen[&12] > seen[&24] && seen[&24] == seen[&36], "{seen:?}");
    machine.put(&Fake { user: 9, rss: 1000, ..fakes[0].clone() });
    let mut ticks = 0;
    for _ in 0..6 {
        machine.tick();
        ticks += machine.host(host::PROCESSES_CPU_USER_US).unwrap() / TICK_US;
    }
    assert_eq!(ticks, 4, "it ran, and is read");
}

#[test]
fn resting_processes_are_read_in_turn_however_many_find_no_room() {
    let mut machine = Machine::new(3);
    machine.put_busy(1000);
    (10..70).for_each(|pid| machine.put(&Fake::new(pid)));
    for _ in 0..30 {
        machine.tick();
    }
    (10..70).for_each(|pid| machine.put(&Fake { user: 3, ..Fake::new(pid) }));
    let mut ticks = Vec::new();
    for _ in 0..13 {
        machine.tick();
        ticks.push(machine.host(host::PROCESSES_CPU_USER_US).unwrap() / TICK_US);
    }
    assert!(ticks[0] < 90, "half of them were read in one snapshot: {ticks:?}");
    assert_eq!(ticks.iter().sum::<i64>(), 180);
}

#[test]
fn the_busiest_get_the_rows() {
    let mut machine = Machine::new(3);
    machine.put(&Fake::new(1));
    (10..20).for_each(|pid| machine.put(&Fake::new(pid)));
    machine.tick();
    machine.put(&Fake { user: 5, ..Fake::new(11) });
    machine.put(&Fake { user: 50, ..Fake::new(12) });
    machine.put(&Fake { user: 1, io: Some((0, 1 << 20)), ..Fake::new(13) });
    machine.put(&Fake { user: 1, ..Fake::new(14) });
    machine.tick();
    let pids: Vec<i64> = machine
        .sample
        .processes
        .iter()
        .filter(|id| **id != 0)
        .map(|id| machine.identities[id].key.pid)
        .collect();
    assert_eq!(pids, [11, 12, 13]);
    assert_eq!(machine.other_cpu(), 1);
    let other = machine.sample.processes.len() - 1;
    assert_eq!(machine.value(other, process::PROCESSES), Some(8));
}

#[test]
fn disk_use_that_may_not_be_seen_is_absent() {
    let mut machine = Machine::new(10);
    machine.put(&Fake { io: None, ..Fake::new(1) });
    std::fs::remove_file(machine.path("proc/1/io")).unwrap();
    machine.put(&Fake { io: None, ..Fake::new(7) });
    machine.tick();
    for user in 1..6 {
        machine.put(&Fake { io: None, user, ..Fake::new(7) });
        machine.tick();
        let row = machine.row_of(7).row;
        assert_eq!((cpu(&machine, row), disk(&machine, row)), (Some((1, 0)), None));
        assert_eq!(machine.host(host::PROCESSES_DISK_READ_BYTES), None);
    }
    // Once it may be seen, only what comes after counts.
    machine.put(&Fake { io: Some((1 << 30, 0)), user: 6, ..Fake::new(7) });
    machine.tick();
    assert_eq!(disk(&machine, machine.row_of(7).row), None);
    machine.put(&Fake { io: Some(((1 << 30) + 512, 0)), user: 7, ..Fake::new(7) });
    machine.tick();
    assert_eq!(disk(&machine, machine.row_of(7).row), Some((512, 0)));
}

#[test]
fn exec_and_moves_give_a_new_identity_of_the_same_process() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    machine.tick();
    let first = machine.row_of(7);
    machine.put(&Fake {
        user: 1,
        stack: 2000,
        command: "/bin/other\0--password\0x\0".into(),
        ..Fake::new(7)
    });
    machine.tick();
    let second = machine.row_of(7);
    assert_ne!(first.id, second.id);
    assert_eq!(first.identity.key, second.identity.key);
    assert_eq!(second.identity.command, "/bin/other --password ********");
    assert_eq!(machine.sample.retired, [first.id]);
    assert_eq!(cpu(&machine, second.row), Some((1, 0)), "its counters go on");
    // A move between control groups shows in no counter; it is found within a few minutes.
    machine.put(&Fake { user: 1, stack: 2000, cgroup: "/b.slice/b.service".into(), ..Fake::new(7) });
    let mut units = Vec::new();
    for _ in 0..80 {
        machine.tick();
        units.extend(machine.rows_of(7).into_iter().map(|found| found.identity.unit.clone()));
    }
    assert_eq!(units.last().map(String::as_str), Some("b.service"));
}

#[test]
fn a_name_that_changes_all_the_time_does_not_flood() {
    let mut machine = Machine::new(10);
    let mut given = 0;
    for user in 0..60 {
        machine.put(&Fake { user, name: format!("job {user}"), ..Fake::new(7) });
        machine.tick();
        given += machine.sample.new_identities.iter().filter(|(_, identity)| identity.key.pid == 7).count();
    }
    assert!((4..=6).contains(&given), "{given}");
}

#[test]
fn a_change_of_state_or_of_memory_earns_a_row() {
    let mut machine = Machine::new(10);
    machine.put(&Fake::new(7));
    (0..2).for_each(|_| machine.tick());
    assert!(machine.rows_of(7).is_empty());
    machine.put(&Fake { state: 'D', ..Fake::new(7) });
    machine.tick();
    assert_eq!(machine.state(machine.row_of(7).row), Some("D"));
    machine.put(&Fake { state: 'D', rss: 1000, ..Fake::new(7) });
    machine.tick();
    assert_eq!(machine.value(machine.row_of(7).row, process::RSS_BYTES), Some(1000 * PAGE));
    machine.put(&Fake { state: 'D', rss: 1001, ..Fake::new(7) });
    machine.tick();
    assert!(machine.rows_of(7).is_empty(), "a page more is nothing");
}

#[test]
fn the_list_is_made_again_when_something_came_or_went() {
    let mut machine = Machine::new(10);
    let put_counters = |machine: &Machine, forks: u32, threads: u32| {
        machine.write("proc/stat", &format!("cpu 1 0 0 1\nprocesses {forks}\n"));
        machine.write("proc/loadavg", &format!("0.00 0.00 0.00 1/{threads} 9\n"));
    };
    put_counters(&machine, 50, 1);
    machine.tick();
    let now = machine.start_now();
    machine.put(&Fake { start: now, ..Fake::new(7) });
    put_counters(&machine, 51, 2);
    machine.tick();
    assert_eq!(machine.host(host::PROCESSES), Some(2));
    machine.remove(7);
    put_counters(&machine, 51, 1);
    machine.tick();
    assert_eq!((machine.host(host::PROCESSES), machine.state(machine.row_of(7).row)), (Some(1), Some("X")));
    machine.put(&Fake { start: now, ..Fake::new(8) });
    machine.tick();
    assert_eq!(machine.host(host::PROCESSES), Some(1), "the kernel says that nothing came, so nobody looks");
    put_counters(&machine, 52, 2);
    machine.tick();
    assert_eq!(machine.host(host::PROCESSES), Some(2));
}
