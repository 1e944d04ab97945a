//! Series and processes out of a real history.

use http::StatusCode;
use serde_json::{Value, json};
use tacho_catalog::Role;

use crate::fixture::{BUSY, IDLE, Server, at};

fn process(answer: &Value, pid: i64) -> &Value {
    let processes = answer["processes"].as_array().unwrap();
    processes.iter().find(|process| process["pid"] == pid).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn hosts_are_listed_with_state_facts_and_newest_readings() {
    let server = Server::with_history().await;
    server.join("db").await;
    server.state.live.disconnected("id-db");
    let list = server.json("/api/v1/hosts").await;
    let names: Vec<_> = list["hosts"].as_array().unwrap().iter().map(|host| &host["name"]).collect();
    assert_eq!(names, ["db", "web"]);
    let db = &list["hosts"][0];
    assert_eq!((&db["state"], &db["latest"]), (&json!("down"), &Value::Null));
    let web = &list["hosts"][1];
    assert_eq!(web["state"], "up");
    assert_eq!(web["last_seen"], "2026-09-21T14:15:15.000Z");
    assert_eq!(web["facts"]["os"], "Debian 13");
    assert_eq!(web["latest"]["time"], "2026-09-21T14:15:15.000Z");
    assert_eq!(web["latest"]["cpu_used_ratio"], 0.25);
    assert_eq!(web["latest"]["memory_used_ratio"], 0.6);
    assert_eq!(web["latest"]["disk_read_bytes_per_second"], 10_000.0);
    assert_eq!(web["latest"]["filesystem_used_ratio_max"], 0.3);
    assert_eq!(web["latest"]["swap_used_ratio"], Value::Null, "absent, not 0");
    assert_eq!(&server.json("/api/v1/hosts/web").await, web);
    assert_eq!(&server.json("/api/v1/hosts/id-web").await, web);
    let mut brief = list.clone();
    for host in brief["hosts"].as_array_mut().unwrap() {
        let host = host.as_object_mut().unwrap();
        assert!(host.remove("facts").is_some() && host.remove("latest").is_some());
    }
    assert_eq!(server.json("/api/v1/hosts?detail=state").await, brief);
    assert!(server.invalid("/api/v1/hosts?detail=none").await.contains("`detail`"));
    server.advance(25_000);
    assert_eq!(server.json("/api/v1/hosts/web").await["state"], "silent");
}

#[tokio::test]
async fn a_removed_host_is_gone_and_only_operators_remove() {
    let server = Server::with_history().await;
    let viewer = server.token(Role::Viewer).await;
    let operator = server.token(Role::Operator).await;
    let remove = |token: String| {
        let call = server.call(http::Method::DELETE, "/api/v1/hosts/web");
        async move { call.bearer(&token).send().await.status }
    };
    assert_eq!(remove(viewer).await, StatusCode::FORBIDDEN);
    assert_eq!(remove(operator.clone()).await, StatusCode::NO_CONTENT);
    assert_eq!(remove(operator).await, StatusCode::NOT_FOUND);
    assert_eq!(server.json("/api/v1/hosts").await["hosts"], json!([]));
    assert!(server.state.live.hosts().is_empty());
}

#[tokio::test]
async fn series_of_the_host_are_flat() {
    let server = Server::with_history().await;
    let path = format!(
        "/api/v1/hosts/web/series?columns=cpu_used_ratio,load1,swap_used_ratio&from={}&to={}&points=24",
        at(0),
        at(120_000)
    );
    let series = server.json(&path).await;
    assert_eq!(series["bucket_ms"], 5_000);
    assert_eq!(series["time"].as_array().unwrap().len(), 24);
    assert_eq!(series["time"][0], "2026-09-21T14:13:20.000Z");
    assert_eq!(series["columns"]["cpu_used_ratio"], json!(vec![0.25; 24]));
    assert_eq!(series["columns"]["load1"], json!(vec![0.5; 24]));
    assert_eq!(series["columns"]["swap_used_ratio"], json!(vec![Value::Null; 24]));
    assert!(series.get("entity").is_none());
}

#[tokio::test]
async fn buckets_without_rows_are_null() {
    let server = Server::with_history().await;
    let path = format!(
        "/api/v1/hosts/web/series?columns=load1&from={}&to={}&points=10&agg=max",
        at(-300_000),
        at(0)
    );
    let series = server.json(&path).await;
    assert_eq!(series["time"].as_array().unwrap().len(), 10);
    assert_eq!(series["columns"]["load1"][0], Value::Null);
}

#[tokio::test]
async fn series_of_a_host_without_history_are_all_null() {
    let server = Server::with_history().await;
    server.join("new").await;
    for query in ["table=host&columns=load1", "table=disk&columns=read_bytes&entity=sda"] {
        let series = server.json(&format!("/api/v1/hosts/new/series?{query}&points=7&from=0&to=100")).await;
        let times = series["time"].as_array().unwrap().len();
        assert!((1..=7).contains(&times), "{series}");
        let columns = series["columns"].as_object().unwrap();
        assert!(columns.values().all(|values| *values == json!(vec![Value::Null; times])), "{series}");
    }
    let sets = server.json("/api/v1/hosts/new/series?table=disk&columns=reads").await;
    assert_eq!(sets["series"], json!([]));
}

#[tokio::test]
async fn series_of_other_tables_come_per_entity_or_for_one() {
    let server = Server::with_history().await;
    let query =
        format!("columns=read_bytes_per_second,busy_ratio&from={}&to={}&points=1", at(0), at(120_000));
    let all = server.json(&format!("/api/v1/hosts/web/series?table=disk&{query}")).await;
    let entities: Vec<_> =
        all["series"].as_array().unwrap().iter().map(|set| set["entity"]["device"].clone()).collect();
    assert_eq!(entities, ["sda", "sdb"]);
    assert_eq!(all["series"][0]["columns"]["read_bytes_per_second"], json!([10_000.0]));
    assert_eq!(all["series"][0]["columns"]["busy_ratio"], json!([0.1]));
    // The range does not start at a whole minute, its bucket does.
    assert_eq!(all["bucket_ms"], 180_000);
    let one = server.json(&format!("/api/v1/hosts/web/series?table=disk&entity=sdb&{query}")).await;
    assert_eq!(one["entity"]["device"], "sdb");
    assert_eq!(one["columns"]["read_bytes_per_second"], json!([0.0]));
}

#[tokio::test]
async fn sums_and_extremes_can_be_asked_for() {
    let server = Server::with_history().await;
    for (aggregate, expected) in
        [("sum", 24.0 * 50_000.0), ("avg", 50_000.0), ("max", 50_000.0), ("min", 0.0)]
    {
        let entity = if aggregate == "min" { "sdb" } else { "sda" };
        let path = format!(
            "/api/v1/hosts/web/series?table=disk&entity={entity}&columns=read_bytes&agg={aggregate}&points=1&from={}&to={}",
            at(0),
            at(120_000)
        );
        assert_eq!(server.json(&path).await["columns"]["read_bytes"], json!([expected]), "{aggregate}");
    }
}

#[tokio::test]
async fn processes_at_an_instant_have_their_latest_row() {
    let server = Server::with_history().await;
    for offset_ms in [57_000, 117_000] {
        let answer = server.json(&format!("/api/v1/hosts/web/processes?at={}", at(offset_ms))).await;
        let snapshot_ms = offset_ms / 5_000 * 5_000;
        let path = format!("/api/v1/hosts/web/processes?at={}", at(snapshot_ms));
        assert_eq!(answer, server.json(&path).await, "the same as at the snapshot itself");
        assert_eq!(answer["processes"].as_array().unwrap().len(), 2);
        let busy = process(&answer, BUSY);
        assert_eq!((&busy["cpu_ratio"], &busy["cpu_user_us"]), (&json!(0.5), &json!(2_000_000)));
        assert_eq!(busy["disk_write_bytes_per_second"], 200.0);
        assert_eq!(busy["disk_read_bytes_per_second"], Value::Null, "absent, not 0");
        assert_eq!((&busy["name"], &busy["command"]), (&json!("busy"), &json!("/usr/bin/busy --all")));
        assert_eq!(
            (&busy["unit"], &busy["user"], &busy["state"]),
            (&json!("busy.service"), &json!("ann"), &json!("R"))
        );
        assert_eq!(busy["seen"], answer["time"]);
        let idle = process(&answer, IDLE);
        assert_eq!((&idle["cpu_ratio"], &idle["cpu_user_us"]), (&json!(0.0), &json!(0)), "did nothing since");
        assert_eq!(idle["rss_bytes"], 2_000);
        assert!(idle["seen"].as_str() < answer["time"].as_str());
        assert_eq!(
            (&answer["other"]["processes"], &answer["other"]["cpu_user_us"]),
            (&json!(3), &json!(1_000))
        );
        assert_eq!(answer["totals"]["cpu_used_ratio"], 0.25);
    }
    let answer = server.json("/api/v1/hosts/web/processes").await;
    assert_eq!(answer["time"], "2026-09-21T14:15:15.000Z", "now, when nothing else is said");
    let long_ago = server.json("/api/v1/hosts/web/processes?at=0").await;
    let nothing = json!({ "time": null, "processes": [], "other": null, "totals": null });
    assert_eq!(long_ago, nothing);
}

#[tokio::test]
async fn processes_over_a_range_add_up() {
    let server = Server::with_history().await;
    let range = format!("from={}&to={}", at(0), at(120_000));
    let answer = server.json(&format!("/api/v1/hosts/web/processes?{range}&by=cpu")).await;
    let busy = &answer["processes"][0];
    assert_eq!((&busy["pid"], &busy["name"]), (&json!(BUSY), &json!("busy")));
    assert_eq!((&busy["cpu_seconds"], &busy["cpu_ratio_max"]), (&json!(60.0), &json!(0.5)));
    assert_eq!((&busy["disk_write_bytes"], &busy["rss_bytes_max"]), (&json!(24_000), &json!(1_023)));
    assert_eq!(busy["first_seen"], "2026-09-21T14:13:20.000Z");
    assert_eq!(busy["last_seen"], "2026-09-21T14:15:15.000Z");
    assert_eq!(answer["processes"][1]["cpu_user_us"], 20_000);
    assert_eq!(answer["other"]["cpu_user_us"], 24_000);
    assert_eq!(answer["totals"]["cpu_user_us"], 24 * 2_000_000 + 20_000 + 24_000);
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!("2026-09-21T14:13:20.000Z"), &json!("2026-09-21T14:15:20.000Z"))
    );

    let least = server.json(&format!("/api/v1/hosts/web/processes?{range}&by=memory&limit=1")).await;
    assert_eq!(least["processes"][0]["pid"], IDLE, "the greater memory");
    assert_eq!(least["processes"].as_array().unwrap().len(), 1);
    assert_eq!(least["other"]["cpu_user_us"], 24 * 2_000_000 + 24_000);
    assert_eq!(least["totals"]["cpu_user_us"], answer["totals"]["cpu_user_us"]);

    let users = server.json(&format!("/api/v1/hosts/web/processes?{range}&group=user")).await;
    assert_eq!(
        (&users["processes"][0]["user"], &users["processes"][0]["pid"]),
        (&json!("ann"), &Value::Null)
    );
}

#[tokio::test]
async fn one_process_over_time() {
    let server = Server::with_history().await;
    let range = format!("from={}&to={}&points=24", at(0), at(120_000));
    let start = at(-10_000);
    let by_number =
        format!("/api/v1/hosts/web/processes/{BUSY}/{start}/series?columns=cpu_ratio,rss_bytes&{range}");
    let series = server.json(&by_number).await;
    assert_eq!(series["columns"]["cpu_ratio"], json!(vec![0.5; 24]));
    assert_eq!(series["columns"]["rss_bytes"][23], 1_023.0);
    assert_eq!(series["entity"], json!({ "pid": "100", "start_time": "2026-09-21T14:13:10.000Z" }));
    let by_text = by_number.replace(&start.to_string(), "2026-09-21T14:13:10Z");
    assert_eq!(server.json(&by_text).await, series);
    let stranger = by_number.replace(&start.to_string(), "5");
    assert_eq!(server.json(&stranger).await["columns"]["cpu_ratio"][0], Value::Null);
}

#[tokio::test]
async fn an_idle_process_has_its_lines_up_to_the_newest_snapshot() {
    let server = Server::with_history().await;
    let series = |to_ms: i64| {
        let query = format!("columns=cpu_ratio,rss_bytes&from={}&to={}&points=24", at(0), at(to_ms));
        format!("/api/v1/hosts/web/processes/{IDLE}/{}/series?{query}", at(-10_000))
    };
    // Its newest row is one minute old, that of the host 5 s.
    let columns = &server.json(&series(120_000)).await["columns"];
    assert_eq!(columns["rss_bytes"], json!(vec![2_000.0; 24]));
    let mut used = [0.0; 24];
    (used[0], used[12]) = (0.002, 0.002);
    assert_eq!(columns["cpu_ratio"], json!(used));
    // Nothing is known of the time after the newest snapshot.
    let columns = &server.json(&series(180_000)).await["columns"];
    let known =
        |values: &Value| values.as_array().unwrap().iter().map(|value| !value.is_null()).collect::<Vec<_>>();
    assert_eq!(known(&columns["rss_bytes"]), [[true; 16].as_slice(), &[false; 8]].concat(), "{columns}");
}

#[tokio::test]
async fn one_reading_of_all_hosts_over_time() {
    let server = Server::with_history().await;
    server.join("new").await;
    let range = format!("from={}&to={}", at(0), at(120_000));
    let answer = server.json(&format!("/api/v1/fleet/series?column=cpu_used_ratio&{range}&points=24")).await;
    assert_eq!((&answer["bucket_ms"], &answer["hosts_total"]), (&json!(5_000), &json!(2)));
    assert_eq!(answer["time"].as_array().unwrap().len(), 24);
    assert_eq!(
        answer["hosts"][0],
        json!({ "host": "new", "host_id": "id-new", "values": vec![Value::Null; 24] })
    );
    assert_eq!(answer["hosts"][1], json!({ "host": "web", "host_id": "id-web", "values": vec![0.25; 24] }));
    // From a minute on buckets are whole minutes, and there are as many values as times.
    let coarse = server.json(&format!("/api/v1/fleet/series?column=load1&{range}&points=2")).await;
    let times = coarse["time"].as_array().unwrap().len();
    assert_eq!(coarse["hosts"][1]["values"].as_array().unwrap().len(), times, "{coarse}");
    let some = format!("/api/v1/fleet/series?column=load1&{range}&points=2&hosts=");
    let named = async |names: &str| {
        let answer = server.json(&(some.clone() + names)).await;
        let hosts = answer["hosts"].as_array().unwrap();
        let names: Vec<_> = hosts.iter().map(|one| one["host"].as_str().unwrap().to_owned()).collect();
        assert_eq!(answer["hosts_total"], json!(hosts.len()));
        names
    };
    assert_eq!(named("web,nobody,id-web").await, ["web"]);
    assert_eq!(named("web,id-new").await, ["new", "web"]);
    assert_eq!(named("").await, [""; 0]);
    let many = format!("column=load1&hosts={}", vec!["a"; 201].join(","));
    for wrong in
        ["", "column=load1,load5", "column=nothing", "column=load1&points=501", "column=load1&x=1", &many]
    {
        let answer = server.get(&format!("/api/v1/fleet/series?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_program_is_found_on_all_hosts() {
    let server = Server::with_history().await;
    let name = server.json("/api/v1/hosts/web/processes").await["processes"][0]["name"].clone();
    let found = server.json(&format!("/api/v1/fleet/processes?name={}", name.as_str().unwrap())).await;
    assert!(found["total"].as_u64().unwrap() >= 1, "{found}");
    assert_eq!((&found["processes"][0]["host"], &found["processes"][0]["name"]), (&json!("web"), &name));
    let nobody = server.json("/api/v1/fleet/processes?name=no-such-program").await;
    assert_eq!(nobody, json!({ "processes": [], "total": 0 }));
    let unnamed = server.get("/api/v1/fleet/processes").await;
    assert_eq!(unnamed.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_busiest_processes_over_time_and_the_rest_add_up() {
    let server = Server::with_history().await;
    let path = format!("/api/v1/hosts/web/processes/series?from={}&to={}&points=24", at(0), at(120_000));
    let answer = server.json(&path).await;
    assert_eq!((&answer["unit"], &answer["bucket_ms"]), (&json!("cores"), &json!(5_000)));
    assert_eq!(answer["complete"], true);
    assert_eq!(answer["time"].as_array().unwrap().len(), 24);
    let pids: Vec<_> = answer["processes"].as_array().unwrap().iter().map(|one| &one["pid"]).collect();
    assert_eq!(pids, [&json!(BUSY), &json!(IDLE)], "greatest first");
    assert_eq!(answer["processes"][0]["name"], "busy");
    assert_eq!(answer["processes"][0]["values"], json!(vec![0.5; 24]));
    for bucket in 0..24 {
        let used =
            |process: usize| answer["processes"][process]["values"][bucket].as_f64().unwrap_or_default();
        let rest = answer["other"][bucket].as_f64().unwrap();
        let total = answer["total"][bucket].as_f64().unwrap();
        assert!((used(0) + used(1) + rest - total).abs() < 1e-9, "{bucket}: {answer}");
        assert!((total - 0.62).abs() < 1e-9, "{bucket}: {total}");
    }
    let one = server.json(&format!("{path}&limit=1")).await;
    assert_eq!(one["processes"].as_array().unwrap().len(), 1);
    let none = server.json(&format!("{path}&by=network")).await;
    assert_eq!(none["processes"], json!([]), "those that used nothing are left out");
    assert_eq!(none["other"], json!(vec![Value::Null; 24]), "absent, not 0");
    let message = server.invalid("/api/v1/hosts/web/processes/series?by=heat&limit=99").await;
    assert!(message.contains("`by`") && message.contains("`limit`"), "{message}");
}

#[tokio::test]
async fn of_many_entities_the_greatest_are_told_and_the_rest_is_added_up() {
    let server = Server::with_history().await;
    let query = format!("columns=read_bytes_per_second&from={}&to={}&points=1", at(0), at(120_000));
    let one = server.json(&format!("/api/v1/hosts/web/series?table=disk&limit=1&{query}")).await;
    assert_eq!(one["series"].as_array().unwrap().len(), 1);
    assert_eq!(one["series"][0]["entity"]["device"], "sda");
    assert_eq!(
        (&one["left_out"], &one["other"]["columns"]["read_bytes_per_second"]),
        (&json!(1), &json!([0.0]))
    );
    let all = server.json(&format!("/api/v1/hosts/web/series?table=disk&limit=9&{query}")).await;
    assert_eq!((all["series"].as_array().unwrap().len(), &all["left_out"]), (2, &json!(0)));
    assert!(all.get("other").is_none(), "{all}");
    let message = server.invalid("/api/v1/hosts/web/series?columns=load1&limit=3").await;
    assert!(message.contains("`limit`"), "{message}");
}

#[tokio::test]
async fn a_process_is_told_with_its_end_and_file_systems_with_theirs() {
    let server = Server::with_history().await;
    let range = format!("from={}&to={}", at(0), at(120_000));
    let path = format!("/api/v1/hosts/web/processes/{BUSY}/{}?{range}", at(-10_000));
    let busy = server.json(&path).await;
    assert_eq!(busy, json!({ "exit": null, "connections": [], "connections_left_out": 0 }));
    let exits = server.json(&format!("/api/v1/hosts/web/exits?name=busy&{range}")).await;
    assert_eq!(exits, json!({ "exits": [], "total": 0 }));
    let message = server.invalid("/api/v1/hosts/web/processes/x/y?limit=0").await;
    assert!(["process id", "start time", "`limit`"].iter().all(|part| message.contains(part)), "{message}");
    let found = server.json(&format!("/api/v1/hosts/web/filesystems?{range}")).await;
    let root = json!({ "mount_point": "/", "used_bytes": 30.0, "available_bytes": 70.0, "bytes_per_day": null,
        "full_in_seconds": null });
    assert_eq!(found, json!({ "filesystems": [root] }));
}

#[tokio::test]
async fn processes_are_grouped_by_their_command_too() {
    let server = Server::with_history().await;
    let path = format!("/api/v1/hosts/web/processes?group=command&from={}&to={}", at(0), at(120_000));
    let answer = server.json(&path).await;
    let commands: Vec<_> =
        answer["processes"].as_array().unwrap().iter().map(|one| (&one["command"], &one["name"])).collect();
    assert_eq!(
        commands,
        [(&json!("/usr/bin/busy --all"), &json!("")), (&json!("/usr/bin/sleepd --all"), &json!("")),]
    );
}
