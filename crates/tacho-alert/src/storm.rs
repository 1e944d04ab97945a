//! What befalls a whole fleet, from readings to messages: rules, states, groups and routes together.

use std::collections::BTreeSet;
use std::sync::Arc;

use tacho_model::tables::host;
use tacho_model::{Block, HostFacts, HostKey, Snapshot};

use crate::{
    Change, Dispatcher, Engine, Host, Limits, Muted, Notification, Presence, Route, RuleSet, Severity,
    default_rules, load,
};

const HOSTS: usize = 2000;
const START_MS: i64 = 1_790_000_000_000;
const MINUTE_MS: i64 = 60_000;

/// A server with two receivers: one hears everything, the other what is critical.
struct Fleet {
    engine: Engine,
    routes: [Dispatcher; 2],
    hosts: Vec<Host>,
}

impl Fleet {
    fn new(rules: RuleSet) -> Self {
        let host = |number: usize| {
            let key =
                HostKey { id: Arc::from(format!("id-{number}")), name: Arc::from(format!("web-{number}")) };
            Host { key, facts: Arc::new(HostFacts::default()), tags: Arc::from([]) }
        };
        let critical = Route { severity: Severity::Critical, ..Route::default() };
        Self {
            engine: Engine::new(Arc::new(rules), Limits::default()),
            routes: [Route::default(), critical].map(|route| Dispatcher::new(Some(route))),
            hosts: (0..HOSTS).map(host).collect(),
        }
    }

    fn take(&mut self, changes: &[Change], at: i64) {
        for change in changes {
            let rule = self.engine.rule(&change.alert.key.rule).cloned();
            for route in &mut self.routes {
                route.take(change, rule.as_deref(), false, at);
            }
        }
    }

    /// What each route tells now.
    fn flush(&mut self, at: i64) -> [Vec<Notification>; 2] {
        let acknowledged = BTreeSet::new();
        let muted =
            Muted { silences: &[], maintenance: &[], acknowledged: &acknowledged, hosts: &self.hosts };
        let [all, critical] = &mut self.routes;
        [all.flush(at, muted), critical.flush(at, muted)]
    }

    /// All hosts but those that `is_silent` were heard of just now.
    fn listen(&mut self, heard_ms: impl Fn(usize) -> i64, at: i64) -> usize {
        let presence = |(number, host): (usize, &Host)| Presence {
            host: host.clone(),
            heard_ms: heard_ms(number),
            interval_ms: 5_000,
        };
        let presences: Vec<_> = self.hosts.iter().enumerate().map(presence).collect();
        let changes = self.engine.tick(&presences, at);
        self.take(&changes, at);
        changes.len()
    }
}

#[test]
fn two_thousand_hosts_that_fall_silent_in_one_second_are_one_message_for_each_route() {
    let mut rules = default_rules();
    rules.rules.retain(|rule| *rule.name == *"host-silent");
    let mut fleet = Fleet::new(rules);
    let silent_ms = START_MS + 3 * MINUTE_MS;
    // Their last snapshots are spread over the second.
    let last_heard = |number: usize| silent_ms + (number % 1000) as i64;
    let back_ms = START_MS + 7 * MINUTE_MS;
    let mut told: [Vec<Notification>; 2] = [Vec::new(), Vec::new()];
    let mut changes = 0;
    for at in (START_MS..START_MS + 8 * MINUTE_MS).step_by(5_000) {
        let heard = |number: usize| if at >= back_ms { at } else { last_heard(number).min(at) };
        changes += fleet.listen(heard, at);
        for step in 0..5 {
            for (told, new) in told.iter_mut().zip(fleet.flush(at + step * 1_000)) {
                told.extend(new);
            }
        }
    }
    assert_eq!(changes, 2 * HOSTS, "each fires once and ends once");
    for told in told {
        let counts = |message: &Notification| (message.told_firing.len(), message.told_resolved.len());
        assert_eq!(told.iter().map(counts).collect::<Vec<_>>(), [(HOSTS, 0), (0, HOSTS)]);
        // What is sent does not grow with the fleet.
        assert!(told.iter().all(|message| message.firing.len() <= 20 && message.resolved.len() <= 20));
    }
}

#[test]
fn two_thousand_flapping_alerts_are_told_as_few_messages() {
    let text = "[[rule]]\nname = \"busy\"\nseverity = \"critical\"\nwhen = \"host.load1 > 8\"\n";
    let mut rules = load([("busy.toml", text)]).unwrap();
    rules.rules.retain(|rule| *rule.name == *"busy");
    let mut fleet = Fleet::new(rules);
    let (mut changes, mut told) = (0, [0, 0]);
    // On for half a minute and off for half a minute, each host at its own moment.
    for at in (START_MS..START_MS + 9 * MINUTE_MS).step_by(10_000) {
        for number in 0..HOSTS {
            let is_busy = (at / 10_000 + number as i64) % 6 < 3;
            let snapshot = load_of(at, if is_busy { 9.0 } else { 1.0 });
            let host = fleet.hosts[number].clone();
            let found = fleet.engine.frame(&host, &snapshot, &[], at);
            changes += found.len();
            fleet.take(&found, at);
        }
        for step in 0..10 {
            for (told, new) in told.iter_mut().zip(fleet.flush(at + step * 1_000)) {
                *told += new.len();
            }
        }
    }
    // Five times each until it is known that it flaps, which it does until the end.
    assert_eq!(changes, 9 * HOSTS);
    assert_eq!(fleet.engine.alerts().filter(|alert| alert.flapping).count(), HOSTS);
    for told in told {
        assert!((1..=32).contains(&told), "one message in 10 s while it is found out, not {told}");
    }
}

fn load_of(time_ms: i64, load: f64) -> Snapshot {
    let mut block = Block::new(&host::TABLE);
    block.push().float(host::LOAD1, load);
    Snapshot { time_ms, blocks: vec![block], processes: Vec::new() }
}
