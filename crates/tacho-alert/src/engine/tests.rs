use proptest::prelude::*;
use tacho_model::tables::{host, process};
use tacho_model::{Block, HostFacts, ProcessIdentity, ProcessKey};

use super::*;
use crate::load::load;

const START_MS: i64 = 1_790_000_000_000;

fn rules(text: &str) -> Arc<RuleSet> {
    let mut set = load([("test.toml", text)]).unwrap();
    set.rules.retain(|rule| rule.origin == "test.toml");
    Arc::new(set)
}

fn host_called(name: &str) -> Host {
    let key = HostKey { id: Arc::from("h1"), name: Arc::from(name) };
    Host { key, facts: Arc::new(HostFacts::default()), tags: Arc::from([]) }
}

fn load_of(time_ms: i64, load: Option<f64>) -> Snapshot {
    let mut block = Block::new(&host::TABLE);
    block.interval_ms = 5_000;
    let mut row = block.push();
    if let Some(load) = load {
        row.float(host::LOAD1, load);
    }
    Snapshot { time_ms, blocks: vec![block], processes: Vec::new() }
}

const LOAD: &str = "[[rule]]\nname = \"load\"\nfor = \"10s\"\nkeep_firing_for = \"20s\"\n\
                    when = { kind = \"threshold\", reading = \"host.load1\", above = 8, until = 4 }\n";

/// The same, said as simply as can be: what one alert is at each moment.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    since: Option<i64>,
    fired: bool,
    active: i64,
    seen: i64,
    fires: Vec<i64>,
}

impl Model {
    /// Whether it fires or ends at this reading.
    fn see(&mut self, at: i64, load: Option<f64>) -> Option<&'static str> {
        let Some(load) = load else {
            self.seen = self.seen.min(at);
            if self.since.is_some() && at - self.seen >= 180_000 {
                return self.end();
            }
            return None;
        };
        if load > if self.since.is_some() { 4.0 } else { 8.0 } {
            let broken = at - self.seen > 180_000 || at < self.seen;
            match self.since {
                Some(_) if broken && !self.fired => self.since = Some(at),
                Some(since) => self.since = Some(since.min(at)),
                None => self.since = Some(at),
            }
            (self.active, self.seen) = (at, at);
            if !self.fired && at - self.since.unwrap() >= 9_500 {
                self.fired = true;
                self.fires.retain(|fired| (0..3_600_000).contains(&(at - fired)));
                self.fires.push(at);
                if self.fires.len() > 5 {
                    self.fires.remove(0);
                }
                return Some("fired");
            }
            return None;
        }
        self.since?;
        (self.seen, self.active) = (at, self.active.min(at));
        let keep = if self.fires.len() >= 5 { 600_000 } else { 20_000 };
        if !self.fired || at - self.active >= keep { self.end() } else { None }
    }

    fn end(&mut self) -> Option<&'static str> {
        let fired = std::mem::take(&mut self.fired);
        self.since = None;
        fired.then_some("resolved")
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Reading {
        after_ms: i64,
        load: Option<f64>,
    },
    Restart,
    /// The host's agent goes to the other of two servers.
    Move,
}

fn happening() -> impl Strategy<Value = Happening> {
    let after_ms = prop_oneof![
        12 => Just(5_000_i64),
        2 => 1_000_i64..30_000,
        1 => 100_000_i64..400_000,
        1 => -200_000_i64..0,
    ];
    let load = prop_oneof![5 => Just(Some(9.0)), 3 => Just(Some(1.0)), 2 => Just(Some(6.0)), 1 => Just(None)];
    prop_oneof![
        14 => (after_ms, load).prop_map(|(after_ms, load)| Happening::Reading { after_ms, load }),
        1 => Just(Happening::Restart),
        1 => Just(Happening::Move),
    ]
}

proptest! {
    #[test]
    fn alerts_do_what_a_simple_model_does(happenings in prop::collection::vec(happening(), 1..150)) {
        let rules = rules(LOAD);
        let host = host_called("web");
        let mut engine = Engine::new(Arc::clone(&rules), Limits::default());
        let mut other = Engine::new(Arc::clone(&rules), Limits::default());
        let mut model = Model::default();
        let mut at = START_MS;
        for happening in happenings {
            match happening {
                Happening::Restart => {
                    let json = serde_json::to_string(&engine.memory()).unwrap();
                    let before = engine.memory();
                    engine = Engine::new(Arc::clone(&rules), Limits::default());
                    let changes = engine.restore(serde_json::from_str(&json).unwrap(), at);
                    prop_assert!(changes.is_empty(), "a restart says nothing");
                    prop_assert_eq!(engine.memory(), before);
                }
                Happening::Move => {
                    if let Some(memory) = engine.memory_of("h1") {
                        let json = serde_json::to_string(&memory).unwrap();
                        other.adopt("h1", serde_json::from_str(&json).unwrap());
                        prop_assert_eq!(other.memory(), engine.memory());
                    }
                    std::mem::swap(&mut engine, &mut other);
                }
                Happening::Reading { after_ms, load } => {
                    at += after_ms;
                    let changes = engine.frame(&host, &load_of(at, load), &[], at);
                    for change in &changes {
                        match change.kind {
                            ChangeKind::Fired => drop(other.take_firing(change.alert.clone())),
                            _ => prop_assert!(other.take_end(&change.alert)),
                        }
                    }
                    let told: Vec<_> = changes.iter().map(|change| match change.kind {
                        ChangeKind::Fired => "fired",
                        ChangeKind::Resolved { .. } => "resolved",
                        ChangeKind::Dropped { .. } => "dropped",
                    }).collect();
                    let expected: Vec<_> = model.see(at, load).into_iter().collect();
                    prop_assert_eq!(told, expected, "at {}", at - START_MS);
                }
            }
            let found = engine.alerts().next();
            prop_assert_eq!(found.map(|alert| alert.since_ms), model.since);
            prop_assert_eq!(found.is_some_and(Alert::is_firing), model.fired);
            prop_assert!(found.is_none_or(|alert| alert.evidence.values.len() <= crate::MAX_POINTS));
        }
    }
}

fn fire(engine: &mut Engine, host: &Host, at: i64) -> Vec<Change> {
    let mut changes = engine.frame(host, &load_of(at, Some(9.0)), &[], at);
    changes.extend(engine.frame(host, &load_of(at + 10_000, Some(9.0)), &[], at + 10_000));
    changes
}

#[test]
fn late_snapshots_never_fire_and_a_marked_one_neither() {
    let mut engine = Engine::new(rules(LOAD), Limits::default());
    let host = host_called("web");
    for at in (0..600_000).step_by(5_000) {
        let snapshot = load_of(START_MS + at, Some(9.0));
        assert!(engine.frame(&host, &snapshot, &[], START_MS + at + 61_000).is_empty());
    }
    assert_eq!(engine.alerts().count(), 0);
}

#[test]
fn a_renamed_host_keeps_its_alert_and_a_removed_one_has_none() {
    let mut engine = Engine::new(rules(LOAD), Limits::default());
    assert_eq!(fire(&mut engine, &host_called("web"), START_MS).len(), 1);
    let at = START_MS + 15_000;
    assert!(engine.frame(&host_called("www"), &load_of(at, Some(9.0)), &[], at).is_empty());
    assert_eq!(engine.alerts().map(|alert| &*alert.host).collect::<Vec<_>>(), ["www"]);
    let changes = engine.remove_host("h1", at);
    assert!(matches!(&changes[..], [Change { kind: ChangeKind::Dropped { .. }, .. }]), "{changes:?}");
    assert_eq!((engine.alerts().count(), engine.counts.len(), engine.host_ids().len()), (0, 0, 0));
}

#[test]
fn an_alert_whose_rule_is_gone_is_dropped() {
    let mut engine = Engine::new(rules(LOAD), Limits::default());
    fire(&mut engine, &host_called("web"), START_MS);
    assert!(engine.replace_rules(rules(LOAD), START_MS).is_empty(), "the same rules change nothing");
    let other = LOAD.replace("[[rule]]\n", "[[rule]]\nhosts = { name = \"db-*\" }\n");
    assert_eq!(engine.replace_rules(rules(&other), START_MS).len(), 1);
    assert_eq!(engine.alerts().count(), 0);
}

#[test]
fn there_are_never_more_alerts_than_the_limits_say() {
    let text = "[[rule]]\nname = \"m\"\nwhen = \"metric.value > 0\"\n";
    let mut engine = Engine::new(rules(text), Limits { alerts_per_host: 7, ..Limits::default() });
    let mut block = Block::new(&tables::metric::TABLE);
    for number in 0..1000 {
        block.push().text(tables::metric::NAME, &format!("m{number}")).float(tables::metric::VALUE, 1.0);
    }
    let snapshot = Snapshot { time_ms: START_MS, blocks: vec![block], processes: Vec::new() };
    assert_eq!(engine.frame(&host_called("web"), &snapshot, &[], START_MS).len(), 7);
    assert_eq!((engine.alerts().count(), engine.left_out()), (7, 993));
}

#[test]
fn a_server_that_stood_still_blames_no_host() {
    let mut engine = Engine::new(
        rules("[[rule]]\nname = \"silent\"\nwhen = { kind = \"host_silent\" }\n"),
        Limits::default(),
    );
    let tick = |engine: &mut Engine, at: i64, heard: i64| {
        let (host, heard_ms) = (host_called("web"), START_MS + heard);
        engine.tick(&[Presence { host, heard_ms, interval_ms: 5_000 }], START_MS + at).len()
    };
    for at in (0..100_000).step_by(5_000) {
        assert_eq!(tick(&mut engine, at, at), 0);
    }
    // A long pause of the server.
    assert_eq!(tick(&mut engine, 1_000_000, 95_000), 0);
    for at in (1_005_000..1_120_000).step_by(5_000) {
        assert_eq!(tick(&mut engine, at, 95_000), 0, "{at}");
    }
    assert_eq!(tick(&mut engine, 1_120_000, 95_000), 1, "silent since it listens again");
    assert_eq!(tick(&mut engine, 1_125_000, 1_124_000), 1, "heard again");
}

#[test]
fn a_hog_with_a_small_share_is_among_the_five_all_the_same() {
    let mut hosts = Block::new(&host::TABLE);
    hosts.push().integer(host::CPU_CORES, 8);
    let mut rows = Block::new(&process::TABLE);
    rows.interval_ms = 5_000;
    let mut processes = Vec::new();
    for pid in 1..=7 {
        let used_us = if pid == 7 { 1_000_000 } else { 3_000_000 };
        rows.push().integer(process::CPU_USER_US, used_us).integer(process::CPU_SYSTEM_US, 0);
        let name = if pid == 7 { "small" } else { "big" };
        let key = ProcessKey { pid, start_time_ms: START_MS };
        processes.push(Arc::new(identity(key, name)));
    }
    let snapshot = Snapshot { time_ms: START_MS, blocks: vec![hosts, rows], processes };
    let rule = "[[rule]]\nname = \"small\"\nwhen = { kind = \"process_hog\", cpu = 0.01, name = \"small\" }\nfor = \"0s\"\n";
    let mut engine = Engine::new(rules(rule), Limits::default());
    let changes = engine.frame(&host_called("web"), &snapshot, &[], START_MS);
    let evidence = &changes[0].alert.evidence;
    let names: Vec<&str> = evidence.processes.iter().map(|process| process.name.as_str()).collect();
    assert_eq!(names, ["big", "big", "big", "big", "small"]);
    assert_eq!(evidence.process.as_ref().map(|process| process.pid), Some(7));
}

fn identity(key: ProcessKey, name: &str) -> ProcessIdentity {
    ProcessIdentity {
        key,
        parent_pid: 1,
        name: name.to_owned(),
        command: String::new(),
        user_id: 0,
        user: "root".to_owned(),
        cgroup: String::new(),
        unit: String::new(),
        container: String::new(),
    }
}

#[test]
fn a_host_may_have_a_threshold_of_its_own() {
    let rule = "[[rule]]\nname = \"load\"\nfor = \"0s\"\n\
                when = { kind = \"threshold\", reading = \"host.load1\", above = 8, until = 4 }\n";
    let mut engine = Engine::new(rules(rule), Limits::default());
    let threshold = |hosts: &str, threshold| HostThreshold {
        rule: "load".to_owned(),
        hosts: crate::HostPattern::new(hosts).unwrap(),
        threshold,
    };
    let web = host_called("web-1");
    let see = |engine: &mut Engine, seconds: i64, load: f64| {
        let at = START_MS + seconds * 1000;
        engine.frame(&web, &load_of(at, Some(load)), &[], at)
    };
    assert!(see(&mut engine, 0, 3.0).is_empty());
    engine.replace_thresholds(vec![threshold("web-*", 2.0), threshold("db-*", 1.0)]);
    let fired = see(&mut engine, 5, 3.0);
    assert_eq!(fired[0].alert.evidence.threshold, Some(2.0));
    assert_eq!(engine.rule("load").and_then(|rule| rule.threshold()), Some(8.0));
    engine.replace_thresholds(vec![threshold("web-*", 2.0), threshold("web-1", 20.0)]);
    assert!(see(&mut engine, 10, 17.0).is_empty(), "it goes on until 16");
    assert!(matches!(see(&mut engine, 15, 15.0)[0].kind, ChangeKind::Resolved { .. }));
    engine.replace_thresholds(Vec::new());
    assert_eq!(see(&mut engine, 20, 9.0)[0].kind, ChangeKind::Fired);
}

#[test]
fn a_rule_by_tag_holds_while_the_host_has_the_tag() {
    let rule = "[[rule]]\nname = \"load\"\nfor = \"0s\"\nhosts = { tags = [\"dc=*\", \"!test\"] }\n\
                when = \"host.load1 > 8\"\ntext = \"{{host}} in {{tag.dc}}{{tag.rack}}\"\n";
    let mut engine = Engine::new(rules(rule), Limits::default());
    let see = |engine: &mut Engine, seconds: i64, tags: &[&str]| {
        let at = START_MS + seconds * 1000;
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        engine.frame(&Host { tags, ..host_called("web-1") }, &load_of(at, Some(9.0)), &[], at)
    };
    assert!(see(&mut engine, 0, &["db"]).is_empty());
    let fired = see(&mut engine, 5, &["db", "dc=eu"]);
    assert_eq!((&*fired[0].alert.text, fired[0].alert.tags.len()), ("web-1 in eu", 2));
    assert!(see(&mut engine, 10, &["dc=us"]).is_empty(), "it goes on");
    assert_eq!(engine.alerts().next().map(|alert| alert.tags.to_vec()), Some(vec!["dc=us".to_owned()]));
    let dropped = see(&mut engine, 15, &["dc=us", "test"]);
    assert!(matches!(&dropped[0].kind, ChangeKind::Dropped { reason, .. } if reason.contains("other hosts")));
    assert_eq!(engine.alerts().count(), 0);
}
