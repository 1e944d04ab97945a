use tacho_alert::{AlertKey, Evidence, Severity};

use super::*;

const NOW_MS: i64 = 1_790_000_000_000;

fn alert(host: &str) -> Alert {
    let process = ProcessLine {
        pid: 4711,
        start_time_ms: NOW_MS - 60_500,
        name: "stress-ng".to_owned(),
        command: "stress-ng --cpu 4".to_owned(),
        user: "ann".to_owned(),
        unit: "stress.service".to_owned(),
        cpu_ratio: Some(3.98),
        memory_bytes: Some(1_200_000_000),
        disk_bytes_per_second: None,
        network_bytes_per_second: Some(0.0),
    };
    // As the catalog has it, since an alert is made by the engine alone.
    let mut alert: Alert = serde_json::from_value(serde_json::json!({
        "key": AlertKey { host_id: "id".into(), rule: "process-hog".into(), entity: String::new() },
        "id": "a1", "host": host, "severity": Severity::Warning, "labels": { "team": "db" }, "links": {},
        "text": format!("{host}: stress-ng takes 3.98 cores"), "since_ms": NOW_MS - 5_000, "fired_ms": NOW_MS,
        "active_ms": NOW_MS, "seen_ms": NOW_MS, "flapping": false, "momentary": false,
        "evidence": Evidence::default(), "fired_before_ms": [],
    }))
    .unwrap();
    alert.evidence = Evidence {
        value: Some(0.98),
        threshold: Some(0.5),
        unit: "ratio".to_owned(),
        process: Some(process.clone()),
        values: (0..40).map(|step| (NOW_MS + step, step as f64 / 40.0)).collect(),
        processes: vec![process; 5],
        order: "cpu".to_owned(),
        ..Evidence::default()
    };
    alert
}

fn notification(firing: Vec<Alert>) -> Notification {
    Notification {
        rule: "process-hog".into(),
        severity: Severity::Warning,
        time_ms: NOW_MS,
        title: "web 1: stress-ng takes 3.98 cores".to_owned(),
        firing,
        firing_more: 0,
        resolved: Vec::new(),
        resolved_more: 0,
        firing_in_all: 1,
        shared: Vec::new(),
        is_repeat: false,
        told_firing: Vec::new(),
        told_resolved: Vec::new(),
    }
}

fn field<'a>(message: &'a Message, name: &str) -> &'a str {
    &message.fields.iter().find(|(field, _)| field == name).unwrap().1
}

#[test]
fn a_message_says_what_since_when_who_and_where_to_look() {
    let said = message(&notification(vec![alert("web 1")]), "https://tacho:9300", Words::of("en"));
    assert_eq!(said.title, "[FIRING] warning: web 1: stress-ng takes 3.98 cores");
    assert_eq!(field(&said, "value"), "98.0 % (threshold 50.0 %)");
    assert_eq!(field(&said, "since"), "2026-09-21T14:13:15Z");
    let chart = field(&said, "last minutes");
    assert!(chart.starts_with('▁') && chart.ends_with("█ 0.0 % … 97.5 %"), "{chart}");
    assert_eq!(chart.chars().filter(|c| BARS.contains(c)).count(), CHART_COLUMNS);
    assert_eq!(
        field(&said, "page"),
        "https://tacho:9300/hosts/web%201?from=2026-09-21T14:03:20Z&to=2026-09-21T14:18:20Z\
         &at=2026-09-21T14:13:20Z&process=4711@2026-09-21T14:12:19.500Z"
    );
    assert_eq!(
        field(&said, "#5"),
        "stress-ng[4711] ann, stress.service: CPU 398 %, memory 1.2 GB, network 0 B/s; stress-ng --cpu 4"
    );
    let item = &said.items[0];
    assert_eq!((item.labels["team"].as_str(), item.labels["alertname"].as_str()), ("db", "process-hog"));
    assert_eq!(item.details["processes"].as_array().unwrap().len(), 5);
    assert_eq!(item.details["process"]["pid"], 4711);
}

#[test]
fn an_end_says_so_and_names_nobody() {
    let ended =
        tacho_alert::Ended { alert: alert("web"), time_ms: NOW_MS + 1, reason: "rule gone".to_owned() };
    let over =
        Notification { resolved: vec![ended], title: "resolved: x".to_owned(), ..notification(Vec::new()) };
    let said = message(&over, "https://t", Words::of("en"));
    assert_eq!(said.title, "[RESOLVED] warning: x");
    assert_eq!(field(&said, "ended"), "2026-09-21T14:13:20.001Z (rule gone)");
    assert!(said.fields.iter().all(|(name, _)| !name.starts_with('#')));
    assert_eq!(
        (said.items[0].ends_ms, &said.items[0].details["state"]),
        (Some(NOW_MS + 1), &"resolved".into())
    );
}

#[test]
fn many_are_one_message_with_what_they_share() {
    let alerts: Vec<Alert> = (0..20).map(|number| alert(&format!("web-{number}"))).collect();
    let many = Notification {
        firing_more: 580,
        shared: vec!["network 10.1.2.0/24 (all 600 of its hosts)".to_owned()],
        is_repeat: true,
        title: "still process-hog on web-0, web-1, web-2 and 597 more hosts".to_owned(),
        ..notification(alerts)
    };
    let said = message(&many, "https://t", Words::of("zh"));
    assert_eq!(said.title, "[持续告警] 警告: process-hog on web-0, web-1, web-2 and 597 more hosts");
    assert_eq!(
        (field(&said, "共同点"), field(&said, "更多")),
        ("network 10.1.2.0/24 (all 600 of its hosts)", "590")
    );
    assert!(field(&said, "web-0 #1").contains("内存 1.2 GB"));
    assert_eq!(said.items.len(), 20);
}
