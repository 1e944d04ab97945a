use std::sync::LazyLock;

use tacho_model::{HostFacts, HostKey};

use super::*;
use crate::alert::{AlertKey, alert_id};
use crate::evidence::Evidence;
use crate::load::{default_rules, load};
use crate::rule::Severity;

const NOW_MS: i64 = 1_790_000_000_000;

struct World {
    dispatcher: Dispatcher,
    silences: Vec<Silence>,
    maintenance: Vec<Maintenance>,
    acknowledged: BTreeSet<String>,
    hosts: Vec<Host>,
}

fn host(number: usize) -> Host {
    let facts = HostFacts {
        addresses: vec![format!("10.1.{}.{}", number / 200, number % 200)],
        os: "Debian 13".to_owned(),
        ..HostFacts::default()
    };
    let key = HostKey { id: Arc::from(format!("id{number}")), name: Arc::from(format!("web-{number}")) };
    Host { key, facts: Arc::new(facts), tags: Arc::from([]) }
}

static RULES: LazyLock<crate::RuleSet> = LazyLock::new(default_rules);

fn alert(rule: &str, number: usize) -> Alert {
    let host = host(number);
    let key = AlertKey { host_id: Arc::clone(&host.key.id), rule: Arc::from(rule), entity: String::new() };
    let rule = RULES.rules.iter().find(|known| *known.name == *rule).unwrap();
    let mut alert = Alert::begin(key.clone(), &host, rule, NOW_MS, std::collections::VecDeque::new());
    (alert.id, alert.fired_ms) = (Some(alert_id(&key, NOW_MS)), Some(NOW_MS));
    alert.evidence = Evidence::default();
    alert.text = format!("trouble on web-{number}");
    alert
}

impl World {
    fn new(hosts: usize) -> Self {
        Self {
            dispatcher: Dispatcher::new(Some(Route::default())),
            silences: Vec::new(),
            maintenance: Vec::new(),
            acknowledged: BTreeSet::new(),
            hosts: (0..hosts).map(host).collect(),
        }
    }

    fn fire(&mut self, rule: &str, number: usize, at: i64) {
        let change = Change { kind: ChangeKind::Fired, alert: alert(rule, number) };
        let rule = RULES.rules.iter().find(|known| *known.name == *rule).cloned();
        self.dispatcher.take(&change, rule.as_deref(), false, NOW_MS + at);
    }

    fn end(&mut self, rule: &str, number: usize, at: i64) {
        let kind = ChangeKind::Resolved { time_ms: NOW_MS + at, reason: String::new() };
        self.dispatcher.take(&Change { kind, alert: alert(rule, number) }, None, false, NOW_MS + at);
    }

    fn flush(&mut self, at: i64) -> Vec<Notification> {
        let muted = Muted {
            silences: &self.silences,
            maintenance: &self.maintenance,
            acknowledged: &self.acknowledged,
            hosts: &self.hosts,
        };
        self.dispatcher.flush(NOW_MS + at, muted)
    }

    /// What is told once what waits for others has waited for a second.
    fn told(&mut self, at: i64) -> Vec<Notification> {
        let mut told = self.flush(at);
        told.extend(self.flush(at + 1_000));
        told
    }
}

#[test]
fn two_thousand_hosts_that_fall_silent_are_one_message_and_so_is_their_return() {
    let mut world = World::new(3000);
    for number in 0..2000 {
        world.fire("host-silent", number, 0);
    }
    assert!(world.flush(0).is_empty() && world.flush(4_000).is_empty(), "it waits for more");
    let told = world.flush(5_000);
    assert_eq!(told.len(), 1);
    let message = &told[0];
    assert_eq!((message.firing.len(), message.firing_more, message.told_firing.len()), (20, 1980, 2000));
    assert_eq!(message.title, "host-silent on web-0, web-1, web-10 and 1997 more hosts");
    for number in 0..2000 {
        world.end("host-silent", number, 60_000);
    }
    assert!(world.flush(60_000).is_empty());
    let told = world.flush(65_000);
    assert_eq!((told.len(), told[0].told_resolved.len(), told[0].firing_in_all), (1, 2000, 0));
    assert!(world.flush(10_000_000).is_empty());
}

#[test]
fn what_the_hosts_behind_a_cut_link_share_is_said() {
    let mut world = World::new(1000);
    (200..400).for_each(|number| world.fire("host-silent", number, 0));
    world.flush(0);
    assert_eq!(world.flush(5_000)[0].shared, ["network 10.1.1.0/24 (all 200 of its hosts)"]);
}

#[test]
fn a_silent_host_inhibits_the_rest_of_it() {
    let mut world = World::new(10);
    world.fire("host-silent", 1, 0);
    world.fire("memory-full", 1, 0);
    world.fire("memory-full", 2, 0);
    world.flush(0);
    let told = world.flush(5_000);
    let told: Vec<_> = told.iter().map(|message| (&*message.rule, message.told_firing.len())).collect();
    assert_eq!(told, [("host-silent", 1), ("memory-full", 1)]);
    world.end("host-silent", 1, 20_000);
    world.flush(20_000);
    let told = world.flush(26_000);
    assert_eq!(told.len(), 2, "it is back, and its memory is still full");
}

#[test]
fn silenced_is_told_when_the_silence_ends_and_only_if_it_still_fires() {
    let mut world = World::new(10);
    let json = r#"{"id":"s","matchers":[{"label":"host","pattern":"web-*"}],"starts_ms":0,"ends_ms":1790000060000,"author":"ann","comment":""}"#;
    world.silences = vec![serde_json::from_str(json).unwrap()];
    world.fire("memory-full", 1, 0);
    world.fire("memory-full", 2, 0);
    assert!(world.flush(0).is_empty() && world.flush(59_000).is_empty());
    world.end("memory-full", 2, 59_500);
    assert!(world.flush(60_000).is_empty());
    let told = world.flush(60_300);
    assert_eq!(told[0].title, "trouble on web-1");
    assert!(world.silences[0].check().is_ok());
    world.silences[0].matchers.clear();
    assert_eq!(world.silences[0].check(), Err(SilenceProblem::Matchers));
}

#[test]
fn what_goes_on_is_repeated_until_somebody_looks_after_it() {
    let mut world = World::new(10);
    world.fire("host-silent", 1, 0);
    world.flush(0);
    assert_eq!(world.flush(5_000).len(), 1);
    assert!(world.flush(604_000).is_empty());
    let again = world.flush(605_000);
    assert_eq!(
        (again.len(), again[0].is_repeat, again[0].title.as_str()),
        (1, true, "still trouble on web-1")
    );
    world.acknowledged.insert(alert("host-silent", 1).id.unwrap());
    assert!(world.flush(2_000_000).is_empty());
    world.end("host-silent", 1, 2_000_000);
    world.flush(2_000_000);
    assert_eq!(world.flush(2_005_000).len(), 1, "its end is told all the same");
}

#[test]
fn flapping_in_one_group_is_held_back() {
    let mut world = World::new(10);
    let mut messages = 0;
    for second in 0..100 {
        world.fire("memory-full", 1, second * 1000);
        messages += world.flush(second * 1000).len();
        messages += world.flush(second * 1000 + 400).len();
        world.end("memory-full", 1, second * 1000 + 500);
        messages += world.flush(second * 1000 + 900).len();
    }
    assert!((1..=11).contains(&messages), "{messages}");
}

#[test]
fn a_maintenance_window_comes_again_and_may_cross_midnight() {
    let text = "[[maintenance]]\nname = \"m\"\nmatch = { host = \"web-1\" }\ndays = [\"sat\"]\nfrom = \"23:00\"\nto = \"01:30\"\ntime_zone = \"UTC\"\n";
    let window = load([("m.toml", text)]).unwrap().maintenance.remove(0);
    for (time, open) in [
        ("2026-11-21T22:59:59Z", false),
        ("2026-11-21T23:00:00Z", true),
        ("2026-11-22T01:29:59Z", true),
        ("2026-11-22T01:30:00Z", false),
        ("2026-11-22T23:30:00Z", false),
        ("2026-11-28T23:30:00Z", true),
    ] {
        let time: jiff::Timestamp = time.parse().unwrap();
        assert_eq!(window.is_open(time.as_millisecond()), open, "{time}");
    }
    let wrong = text.replace("UTC", "Mars/Base").replace("sat", "saturday").replace("01:30", "25:00");
    let error = load([("m.toml", wrong.as_str())]).unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
}

fn window(days: &[&str], from: &str, to: &str, time_zone: &str) -> Maintenance {
    let text = MaintenanceText {
        name: "m".to_owned(),
        matchers: Vec::new(),
        days: days.iter().map(|day| (*day).to_owned()).collect(),
        from: from.to_owned(),
        to: to.to_owned(),
        time_zone: time_zone.to_owned(),
        comment: String::new(),
    };
    Maintenance::read(text, MaintenanceOrigin::Stored("1".to_owned())).unwrap()
}

#[test]
fn a_window_says_when_it_opens_and_closes() {
    let berlin = "Europe/Berlin";
    for (days, from, to, zone, now, starts, ends) in [
        (&["sat"][..], "23:00", "01:30", "UTC", "2026-11-20T12:00", "2026-11-21T23:00", "2026-11-22T01:30"),
        (&["sat"], "23:00", "01:30", "UTC", "2026-11-21T23:00", "", "2026-11-22T01:30"),
        (&["sat"], "23:00", "01:30", "UTC", "2026-11-22T01:30", "2026-11-28T23:00", "2026-11-29T01:30"),
        // Whole days beside each other are one time.
        (
            &["sat", "sun"],
            "00:00",
            "24:00",
            "UTC",
            "2026-11-20T12:00",
            "2026-11-21T00:00",
            "2026-11-23T00:00",
        ),
        (&[], "00:00", "24:00", "UTC", "2026-11-20T12:00", "", ""),
        (
            &["fri"],
            "22:00",
            "06:00",
            "Asia/Shanghai",
            "2026-11-19T12:00",
            "2026-11-20T14:00",
            "2026-11-20T22:00",
        ),
        // On 29 March 2026 clocks there go from 02:00 to 03:00, on 25 October from 03:00 to 02:00.
        (&[], "01:00", "04:00", berlin, "2026-03-28T12:00", "2026-03-29T00:00", "2026-03-29T02:00"),
        (&["sun"], "02:15", "04:00", berlin, "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-29T02:00"),
        (&["sun"], "02:15", "02:45", berlin, "2026-03-28T12:00", "2026-04-05T00:15", "2026-04-05T00:45"),
        (&["sun"], "01:00", "04:00", berlin, "2026-10-24T12:00", "2026-10-24T23:00", "2026-10-25T03:00"),
        (&["sun"], "02:15", "02:45", berlin, "2026-10-25T00:30", "", "2026-10-25T00:45"),
        (&["sun"], "02:15", "02:45", berlin, "2026-10-25T00:50", "2026-10-25T01:15", "2026-10-25T01:45"),
    ] {
        let ms = |text: &str| {
            let time = (!text.is_empty()).then(|| format!("{text}:00Z").parse::<jiff::Timestamp>().unwrap());
            time.map(jiff::Timestamp::as_millisecond)
        };
        let found = window(days, from, to, zone).opening(ms(now).unwrap());
        let expected = Opening { starts_ms: ms(starts), ends_ms: ms(ends) };
        assert_eq!(found, expected, "{days:?} {from}-{to} {zone} at {now}");
    }
}

proptest::proptest! {
    /// What is said of the times to come is what will be.
    #[test]
    fn a_window_opens_and_closes_when_it_says(
        now_ms in 1_740_000_000_000_i64..1_900_000_000_000,
        (from, to) in (0_i64..=1440, 0_i64..=1440),
        days in proptest::sample::subsequence(vec!["mon", "wed", "thu", "sat", "sun"], 0..5),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ) {
        let clock = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = window(&days, &clock(from), &clock(to), zone);
        let opening = window.opening(now_ms);
        let is_open = window.is_open(now_ms);
        proptest::prop_assert!(opening.starts_ms.is_none() || !is_open);
        let next = if is_open { opening.ends_ms } else { opening.starts_ms };
        let step = 7 * 60_000;
        let until = next.unwrap_or(now_ms + 10 * 86_400_000).min(now_ms + 10 * 86_400_000);
        let mut at = now_ms;
        while at < until {
            proptest::prop_assert_eq!(window.is_open(at), is_open, "at {}", at);
            at += step;
        }
        if let Some(next) = next {
            proptest::prop_assert_eq!((window.is_open(next - 1), window.is_open(next)), (is_open, !is_open));
        }
    }
}

#[test]
fn a_window_is_about_hosts_by_name_and_tags_whatever_the_alert() {
    let mut host = host(1);
    host.tags = ["db".to_owned(), "dc=eu".to_owned()].into();
    let mut window = window(&[], "00:00", "24:00", "UTC");
    assert!(window.is_about(&host));
    for (label, pattern, expected) in [
        ("host", "web-?", true),
        ("host", "!web-*", false),
        ("host_id", "id1", true),
        ("tag", "db", true),
        ("tag", "!db", false),
        ("tag.dc", "us", false),
        ("rule", "nothing", true),
        ("severity", "info", true),
    ] {
        window.text.matchers =
            vec![Matcher { label: label.to_owned(), pattern: crate::Glob::new(pattern).unwrap() }];
        assert_eq!(window.is_about(&host), expected, "{label} {pattern}");
    }
}

#[test]
fn a_receiver_hears_of_what_its_route_takes() {
    let mut world = World::new(3);
    let matcher = Matcher { label: "host".to_owned(), pattern: crate::Glob::new("web-1").unwrap() };
    let route = Route { matchers: vec![matcher], ..Route::default() };
    world.dispatcher = Dispatcher::new(Some(route));
    world.fire("process-hog", 1, 0);
    world.fire("process-hog", 2, 0);
    let told = world.told(0);
    assert_eq!((told.len(), told[0].told_firing.len(), &*told[0].firing[0].host), (1, 1, "web-1"));
    world.end("process-hog", 2, 20_000);
    assert!(world.told(20_000).is_empty());
    world.end("process-hog", 1, 30_000);
    assert_eq!(world.told(30_000).len(), 1);
    world.dispatcher = Dispatcher::new(Some(Route { severity: Severity::Critical, ..Route::default() }));
    world.fire("process-hog", 1, 40_000);
    assert!(world.told(40_000).is_empty(), "it is a warning");
}

#[test]
fn what_nobody_looks_after_goes_one_step_up() {
    let mut world = World::new(3);
    world.dispatcher = Dispatcher::new(Some(Route { after_ms: 600_000, ..Route::default() }));
    for number in [1, 2] {
        world.fire("process-hog", number, 0);
    }
    assert!(world.flush(1_000).is_empty() && world.flush(599_999).is_empty());
    world.acknowledged.insert(alert("process-hog", 1).id.unwrap());
    assert!(world.flush(600_000).is_empty(), "it waits for others");
    let told = world.flush(601_000);
    assert_eq!((told.len(), &*told[0].firing[0].host, told[0].firing.len()), (1, "web-2", 1));
    for number in [1, 2] {
        world.end("process-hog", number, 700_000);
    }
    let told = world.told(700_000);
    assert_eq!(told[0].told_resolved.len(), 1, "of the other one nobody was told");
}

#[test]
fn a_receiver_hears_at_its_times_and_of_what_still_fires_when_they_begin() {
    let mut world = World::new(3);
    // NOW_MS is 2026-09-21T14:13:20Z, a Monday.
    let times = Times::read(&["mon 15:00-16:00".to_owned()], "UTC").unwrap();
    world.dispatcher = Dispatcher::new(Some(Route { times, ..Route::default() }));
    let opens = 2_800_000;
    for number in [1, 2] {
        world.fire("process-hog", number, 0);
    }
    world.end("process-hog", 2, 60_000);
    assert!(world.told(60_000).is_empty() && world.told(opens - 2_000).is_empty());
    let told = world.told(opens);
    assert_eq!((told.len(), &*told[0].firing[0].host), (1, "web-1"));
    assert!(world.told(opens + 5 * 3_600_000).is_empty(), "what goes on is not repeated at other times");
    world.end("process-hog", 1, opens + 6 * 3_600_000);
    assert_eq!(world.told(opens + 6 * 3_600_000).len(), 1, "its end is told whenever it comes");
}

#[test]
fn a_receiver_that_is_not_told_of_silent_hosts_is_spared_their_alerts_all_the_same() {
    let mut world = World::new(3);
    let matcher = Matcher { label: "rule".to_owned(), pattern: crate::Glob::new("process-*").unwrap() };
    world.dispatcher = Dispatcher::new(Some(Route { matchers: vec![matcher], ..Route::default() }));
    world.fire("host-silent", 1, 0);
    world.fire("process-hog", 1, 0);
    assert!(world.flush(10_000).is_empty());
    world.end("host-silent", 1, 20_000);
    assert_eq!(world.told(20_000).len(), 1);
}

#[test]
fn alerts_are_chosen_by_the_tags_of_their_hosts() {
    let mut alert = alert("host-silent", 1);
    alert.tags = ["db".to_owned(), "dc=eu".to_owned()].into();
    let takes = |label: &str, pattern: &str| {
        let matcher = Matcher { label: label.to_owned(), pattern: crate::Glob::new(pattern).unwrap() };
        Route { matchers: vec![matcher], ..Route::default() }.takes(&alert)
    };
    for (label, pattern, expected) in [
        ("tag", "db", true),
        ("tag", "dc=*", true),
        ("tag", "web", false),
        ("tag", "!db", false),
        ("tag", "!web", true),
        ("tag.dc", "e?", true),
        ("tag.dc", "us", false),
        ("tag.rack", "?*", false),
        ("tag.rack", "!7", true),
    ] {
        assert_eq!(takes(label, pattern), expected, "{label} {pattern}");
    }
    let rule =
        load([("t.toml", "[[rule]]\nname = \"r\"\nwhen = \"host.load1 > 8\"\ngroup_by = [\"tag.dc\"]")]);
    let rule = rule.unwrap().find("r").cloned().unwrap();
    assert_eq!(GroupKey::new(&alert, Some(&rule)).labels, ["eu"]);
}

#[test]
fn a_receiver_that_is_not_told_says_why() {
    let mut alert = alert("host-silent", 1);
    alert.tags = ["dc=eu".to_owned()].into();
    let matcher =
        |pattern: &str| Matcher { label: "tag.dc".to_owned(), pattern: crate::Glob::new(pattern).unwrap() };
    let times = Times::read(&["sat,sun".to_owned()], "UTC").unwrap();
    let route = Route {
        severity: Severity::Critical,
        matchers: vec![matcher("eu"), matcher("us")],
        after_ms: 0,
        times,
    };
    let sunday_ms = NOW_MS - 86_400_000;
    assert_eq!(route.refusal(&alert, sunday_ms), Some(Refusal::Matcher(&matcher("us"))));
    let route = Route { matchers: vec![matcher("eu")], ..route };
    assert_eq!(route.refusal(&alert, sunday_ms), None);
    assert_eq!(route.refusal(&alert, NOW_MS), Some(Refusal::Time), "a Monday");
    alert.severity = Severity::Warning;
    assert_eq!(route.refusal(&alert, sunday_ms), Some(Refusal::Severity));
}
