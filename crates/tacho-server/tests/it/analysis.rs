//! Questions about the whole fleet, and what of a host is worth a look, over the real API.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::{HostChange, StreamKey};
use tacho_model::tables::{event, host, process};
use tacho_model::{Block, ProcessIdentity, ProcessKey, Snapshot};

use crate::fixture::{BUSY, INTERVAL_MS, Server, at};

/// The server of all tests, and a second host of 20 minutes, half of them flushed. Its `miner` takes one core from the
/// tenth minute on; the clock stands at the end.
async fn fleet() -> Server {
    let server = Server::with_history().await;
    let key = server.join("db").await;
    let stream = StreamKey { agent_id: "agent-db".into(), stream: [2; 16] };
    for number in 0..240 {
        let time_ms = at(number * INTERVAL_MS);
        server.set_now(time_ms);
        let snapshot = Arc::new(snapshot(number, time_ms));
        let sequence = u64::try_from(number).unwrap() + 1;
        server.state.history.append(&key, &stream, sequence, snapshot).await.unwrap();
        if number == 119 {
            server.state.history.flush().await.unwrap();
        }
    }
    server.advance(INTERVAL_MS);
    server
}

fn snapshot(number: i64, time_ms: i64) -> Snapshot {
    let mining = if number >= 120 { 5_000_000 } else { 0 };
    let mut of_host = Block::new(&host::TABLE);
    of_host
        .push()
        .integer(host::CPU_USER_US, 100_000 + mining)
        .integer(host::CPU_SYSTEM_US, 0)
        .integer(host::CPU_IDLE_US, 9_900_000 - mining);
    let mut block = Block::new(&process::TABLE);
    let mut processes = Vec::new();
    for (pid, name, cpu_us) in [(300, "postgres", 100_000), (301, "miner", mining)] {
        block
            .push()
            .integer(process::CPU_USER_US, cpu_us)
            .integer(process::CPU_SYSTEM_US, 0)
            .integer(process::RSS_BYTES, 100 * pid);
        let key = ProcessKey { pid, start_time_ms: at(-60_000) };
        let (name, command) = (name.to_owned(), format!("/usr/bin/{name} -D /var"));
        let user = "root".to_owned();
        processes.push(Arc::new(ProcessIdentity { key, name, command, user, ..ProcessIdentity::other() }));
    }
    let mut blocks = vec![of_host, block];
    if number == 120 {
        let mut events = Block::new(&event::TABLE);
        events
            .push()
            .text(event::KIND, "login")
            .text(event::SUBJECT, "eve")
            .text(event::TEXT, "eve logged in");
        blocks.push(events);
    }
    blocks.iter_mut().for_each(|block| block.interval_ms = INTERVAL_MS);
    Snapshot { time_ms, blocks, processes }
}

fn names(lines: &Value) -> Vec<(&str, &str)> {
    let lines = lines.as_array().unwrap();
    lines.iter().map(|line| (line["host"].as_str().unwrap(), line["name"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_busiest_processes_of_the_fleet_come_first() {
    let server = fleet().await;
    let range = format!("from={}&to={}", at(0), at(1_200_000));
    let top = server.json(&format!("/api/v1/top?{range}&debug=1")).await;
    let all = [("db", "miner"), ("web", "busy"), ("db", "postgres"), ("web", "sleepd")];
    assert_eq!(names(&top["processes"]), all);
    assert_eq!(top["processes"][0]["cpu_seconds"], 600.0);
    assert_eq!((&top["processes"][1]["pid"], &top["processes"][1]["user"]), (&json!(BUSY), &json!("ann")));
    assert_eq!((&top["hosts"][0]["host"], &top["hosts"][0]["host_id"]), (&json!("db"), &json!("id-db")));
    assert_eq!((&top["host_count"], &top["complete"]), (&json!(2), &json!(true)));
    // Widened to whole minutes.
    assert_eq!(
        (&top["from"], &top["to"]),
        (&json!("2026-09-21T14:13:00.000Z"), &json!("2026-09-21T14:34:00.000Z"))
    );
    assert!(top["debug"]["files"].as_u64().unwrap() > 0);

    let one = server.json(&format!("/api/v1/top?{range}&limit=1&by=memory")).await;
    assert_eq!(names(&one["processes"]), [("db", "miner")]);
    assert_eq!(one["totals"]["cpu_user_us"], top["totals"]["cpu_user_us"]);
    let rest = one["totals"]["cpu_user_us"].as_i64().unwrap() - 600_000_000;
    assert_eq!(one["other"]["cpu_user_us"], rest);
    // A renamed host is told by its new name.
    let renamed = HostChange { id: "1".to_owned(), time_ms: at(0), author: "ann".to_owned() };
    server.state.catalog.rename_host("id-db", "store", &renamed).await.unwrap();
    assert_eq!(names(&server.json("/api/v1/top").await["processes"])[0], ("store", "miner"));
}

#[tokio::test]
async fn processes_are_found_on_all_hosts_by_what_they_are_called() {
    let server = fleet().await;
    let range = format!("from={}&to={}", at(0), at(1_200_000));
    let search = async |query: &str| server.json(&format!("/api/v1/processes/search?{query}&{range}")).await;
    let found = search("command=/USR/bin").await;
    assert_eq!(found["host_count"], 2);
    assert_eq!(found["processes"].as_array().unwrap().len(), 4);
    let found = search("name=gres&user=root").await;
    assert_eq!(names(&found["processes"]), [("db", "postgres")]);
    assert_eq!(found["hosts"][0]["first_seen"], "2026-09-21T14:13:20.000Z");
    assert_eq!(found["hosts"][0]["last_seen"], "2026-09-21T14:33:15.000Z");
    assert_eq!(
        (&found["totals"]["cpu_seconds"], &found["other"]["cpu_seconds"]),
        (&json!(24.0), &Value::Null)
    );
    assert_eq!(search("name=gres&exact=name").await["processes"], json!([]));
    assert_eq!(search("unit=busy.service&exact=unit").await["processes"][0]["host"], "web");
    let nothing = server.invalid("/api/v1/processes/search").await;
    assert!(nothing.contains("say what to search for"), "{nothing}");
    let wrong = server.invalid("/api/v1/processes/search?name=&exact=user").await;
    assert!(wrong.contains("`exact`: \"user\" is not") && wrong.contains("`name` is empty"), "{wrong}");
}

#[tokio::test]
async fn a_range_is_told_in_plain_figures() {
    let server = fleet().await;
    let range = format!("from={}&to={}", at(0), at(1_200_000));
    let summary = server.json(&format!("/api/v1/hosts/db/summary?{range}&debug=1")).await;
    let busy = &summary["host"]["cpu_used_ratio"];
    assert!((busy["average"].as_f64().unwrap() - 0.26).abs() < 1e-9, "{busy}");
    let first = json!({ "value": 0.51, "time": "2026-09-21T14:23:20.000Z", "within_ms": 0 });
    assert_eq!(busy["max"], first);
    assert_eq!(busy["sum"], Value::Null);
    assert_eq!(summary["host"]["swap_used_bytes"]["average"], Value::Null, "absent, not 0");
    let most: Vec<_> = ["cpu", "memory", "disk", "network"]
        .map(|by| summary["processes"][by][0]["name"].as_str().unwrap_or_default().to_owned())
        .to_vec();
    assert_eq!(most, ["miner", "miner", "", ""]);
    assert_eq!(summary["gaps"]["totals"]["delivered_frames"], 239, "the one at the start tells of before");
    assert_eq!(summary["events"]["counts"], json!({ "login": 1 }));
    assert_eq!(summary["events"]["newest"][0]["text"], "eve logged in");
    assert!(summary["debug"]["rows_read"].as_u64().unwrap() > 0);
    let web = server.json(&format!("/api/v1/hosts/web/summary?{range}")).await;
    assert_eq!(web["disks"][0]["entity"], json!({ "device": "sda" }));
    assert_eq!(web["disks"][0]["columns"]["read_bytes"]["sum"], 24.0 * 50_000.0);
    assert_eq!(web["filesystems"][0]["columns"]["used_ratio"]["max"]["value"], 0.3);
    let long = server.invalid("/api/v1/hosts/db/summary?from=0&to=4000000000").await;
    assert!(long.contains("longer than 35 days"), "{long}");
}

#[tokio::test]
async fn what_changed_ranks_the_culprit_first() {
    let server = fleet().await;
    let range = format!("from={}&to={}", at(600_000), at(1_200_000));
    let changed = server.json(&format!("/api/v1/hosts/db/whatchanged?{range}&debug=1")).await;
    let first = &changed["processes"][0];
    assert_eq!((&first["name"], &first["pid"]), (&json!("miner"), &Value::Null), "put together by name");
    assert_eq!(first["changes"][0]["column"], "cpu_ratio");
    assert!(first["score"].as_f64().unwrap() > 10.0, "{first}");
    assert_eq!(changed["metrics"][0]["table"], "host");
    assert_eq!(changed["metrics"][0]["column"], "cpu_used_ratio");
    assert_eq!(changed["connections"], json!([]));
    assert_eq!(changed["against"]["to"], changed["from"], "right before");
    assert!(changed["debug"]["files"].as_u64().unwrap() > 0);
    let each = server.json(&format!("/api/v1/hosts/db/whatchanged?{range}&group=process&limit=1")).await;
    assert_eq!(each["processes"][0]["pid"], 301);
    assert_eq!(each["processes"].as_array().unwrap().len(), 1);
    let overlap =
        server.invalid(&format!("/api/v1/hosts/db/whatchanged?{range}&against={}", at(300_000))).await;
    assert!(overlap.contains("`against`") && overlap.contains("overlaps"), "{overlap}");
}

#[tokio::test]
async fn only_who_may_read_asks_and_wrong_questions_are_refused() {
    let server = fleet().await;
    for path in [
        "/api/v1/top",
        "/api/v1/processes/search?name=a",
        "/api/v1/hosts/db/summary",
        "/api/v1/hosts/db/whatchanged",
    ] {
        let answer = server.call(Method::GET, path).send().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        let sign = if path.contains('?') { '&' } else { '?' };
        let wrong = server.invalid(&format!("{path}{sign}form=1&limit=0&debug=2&from=9&to=5")).await;
        for problem in ["`form`", "`limit`", "`debug`", "`from` must be before `to`"] {
            assert!(wrong.contains(problem), "{path}: {wrong}");
        }
    }
    for path in ["/api/v1/hosts/nobody/summary", "/api/v1/hosts/nobody/whatchanged"] {
        assert_eq!(server.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
