//! Whatever processes do: in the end the sums are what they used, to the tick and the byte.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tacho_model::tables::host;

use super::machine::{Fake, Machine, TICK_US};

#[derive(Debug, Clone)]
enum Event {
    /// A child of one of the living; it has used so much when it is first seen.
    Start {
        parent: usize,
        user: u64,
    },
    /// So much CPU time, and bytes written if there is any.
    Work {
        who: usize,
        user: u64,
        system: u64,
        written: u64,
    },
    /// One without children works a little more, ends, and is waited for.
    End {
        who: usize,
        user: u64,
    },
    /// A child that comes and goes between two snapshots.
    Flash {
        parent: usize,
        user: u64,
        written: u64,
    },
    Rest,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<usize>(), 0u64..50).prop_map(|(parent, user)| Event::Start { parent, user }),
        (any::<usize>(), 0u64..100, 0u64..20, 0u64..5000)
            .prop_map(|(who, user, system, written)| Event::Work { who, user, system, written }),
        (any::<usize>(), 0u64..60).prop_map(|(who, user)| Event::End { who, user }),
        (any::<usize>(), 1u64..30, 0u64..5000).prop_map(|(parent, user, written)| Event::Flash {
            parent,
            user,
            written
        }),
        Just(Event::Rest),
    ]
}

/// What really happens, beside what the sampler tells of it.
struct World {
    alive: BTreeMap<u32, Fake>,
    next_pid: u32,
    cpu: u64,
    written: u64,
}

impl World {
    fn pick(&self, index: usize) -> u32 {
        *self.alive.keys().nth(index % self.alive.len()).unwrap()
    }

    fn apply(&mut self, event: &Event, machine: &Machine) {
        match *event {
            Event::Start { parent, user } => {
                let (pid, parent) = (self.next_pid, self.pick(parent));
                self.next_pid += 3;
                self.cpu += user;
                self.alive
                    .insert(pid, Fake { parent, user, start: machine.start_now() - 300, ..Fake::new(pid) });
            }
            Event::Work { who, user, system, written } => {
                let fake = self.alive.get_mut(&self.pick(who)).unwrap();
                let written = if user + system > 0 { written } else { 0 };
                fake.user += user;
                fake.system += system;
                fake.io = fake.io.map(|(read, before)| (read, before + written));
                self.cpu += user + system;
                self.written += written;
            }
            Event::End { who, user } => {
                let pid = self.pick(who);
                let has_children = self.alive.values().any(|fake| fake.parent == pid);
                if pid == 1 || has_children {
                    return;
                }
                let ended = self.alive.remove(&pid).unwrap();
                machine.remove_if_there(pid);
                self.cpu += user;
                self.inherit(ended.parent, ended.user + user + ended.children_user, ended.io.unwrap().1);
                let parent = self.alive.get_mut(&ended.parent).unwrap();
                parent.children_system += ended.system + ended.children_system;
            }
            Event::Flash { parent, user, written } => {
                self.cpu += user;
                self.written += written;
                self.inherit(self.pick(parent), user, written);
            }
            Event::Rest => {}
        }
    }

    fn inherit(&mut self, parent: u32, user: u64, written: u64) {
        let parent = self.alive.get_mut(&parent).unwrap();
        parent.children_user += user;
        parent.io = parent.io.map(|(read, before)| (read, before + written));
    }
}

impl Machine {
    fn remove_if_there(&self, pid: u32) {
        std::fs::remove_dir_all(self.path(&format!("proc/{pid}"))).ok();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn sums_are_what_was_used(
        rounds in prop::collection::vec(prop::collection::vec(event(), 0..4), 1..25),
        process_rows in 0usize..8,
        tells_runs: bool,
    ) {
        let mut machine = Machine::with(process_rows, tells_runs);
        let mut world = World { alive: BTreeMap::from([(1, Fake::new(1))]), next_pid: 10, cpu: 0, written: 0 };
        machine.tick();
        let (mut cpu, mut written) = (0, 0);
        // What rests is read within half a minute, and what nobody claims is told one snapshot after. The first
        // process writes at last, so that what its children left with it is asked for.
        let mut last = rounds.clone();
        last.push(vec![Event::Work { who: 0, user: 1, system: 0, written: 0 }]);
        last.extend(vec![Vec::new(); 10]);
        for events in &last {
            events.iter().for_each(|event| world.apply(event, &machine));
            world.alive.values().for_each(|fake| machine.put(fake));
            machine.tick();
            cpu += machine.host(host::PROCESSES_CPU_USER_US).unwrap() + machine.host(host::PROCESSES_CPU_SYSTEM_US).unwrap();
            written += machine.host(host::PROCESSES_DISK_WRITE_BYTES).unwrap();
        }
        prop_assert_eq!(cpu, i64::try_from(world.cpu).unwrap() * TICK_US);
        let expected = i64::try_from(world.written).unwrap();
        prop_assert!(written <= expected, "{} of {}", written, expected);
    }
}
