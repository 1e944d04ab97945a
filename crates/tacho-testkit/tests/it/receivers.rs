//! Alerts of a real server reach every kind of receiver: services that check signatures as their documents say, and
//! mail servers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tacho_testkit::daemons::{Agent, Server, binary, post, wait_until};

use super::peers::{KEY, Peers, USER, make_certificates};

/// Receivers of every kind. Secrets are in files of the directory.
fn receivers(directory: &Path, peers: &Peers) -> String {
    let http = peers.port("http").unwrap();
    let secret = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let key = secret("key", KEY);
    let mut text = String::new();
    for (kind, address, has_key) in [
        ("webhook", "webhook", true),
        ("wecom", "wecom/cgi-bin/webhook/send?key=wecom-key", false),
        ("dingtalk", "dingtalk/robot/send?access_token=dingtalk-token", true),
        ("feishu", "feishu/open-apis/bot/v2/hook/x", true),
        ("slack", "slack/T0/B0/secret", false),
        ("telegram", "telegram/bot1:token/sendMessage?chat_id=-1001", false),
        ("alertmanager", "api/v2/alerts", false),
    ] {
        let url = secret(&format!("{kind}.url"), &format!("http://127.0.0.1:{http}/{address}\n"));
        text.push_str(&format!("[[receiver]]\nname = \"{kind}\"\nkind = \"{kind}\"\nurl_file = \"{url}\"\n"));
        if has_key {
            text.push_str(&format!("key_file = \"{key}\"\n"));
        }
    }
    text.push_str(&format!(
        "[[receiver]]\nname = \"wecomapp\"\nkind = \"wecom_app\"\nurl = \"http://127.0.0.1:{http}/wecomapp\"\n\
         corp_id = \"ww-corp\"\nagent_id = 1000002\nsecret_file = \"{key}\"\nusers = [\"ann\", \"bob\"]\n\
         parties = [\"2\"]\nformat = \"markdown\"\n"
    ));
    if let (Some(plain), Some(starttls)) = (peers.port("smtp"), peers.port("smtp_starttls")) {
        text.push_str(&format!(
            "[[receiver]]\nname = \"email\"\nkind = \"email\"\nsmtp_server = \"127.0.0.1:{plain}\"\n\
             smtp_security = \"none\"\nfrom = \"tacho@example.org\"\nto = [\"ops@example.org\"]\nlanguage = \"zh\"\n\
             [[receiver]]\nname = \"email-starttls\"\nkind = \"email\"\nsmtp_server = \"localhost:{starttls}\"\n\
             user = \"{USER}\"\npassword_file = \"{key}\"\nfrom = \"tacho@example.org\"\nto = [\"ops@example.org\"]\n\
             severity = \"critical\"\n"
        ));
    }
    text
}

/// Settings with rules of their own beside those that are built in, which say nothing here.
fn configure(directory: &Path, rules: &str, receivers: &str) {
    let rules_dir = directory.join("rules.d");
    fs::create_dir_all(&rules_dir).unwrap();
    fs::write(rules_dir.join("test.toml"), rules).unwrap();
    let text = format!(
        "rules_dir = \"{}\"\npage_url = \"https://tacho.example.org/\"\n{receivers}",
        rules_dir.display()
    );
    fs::write(directory.join("server.toml"), text).unwrap();
}

/// Holds as long as no such process is there.
const MISSING: &str = "[[rule]]\nname = \"missing\"\nwhen = { kind = \"process_watch\", name = \"tacho-nobody\" }\n\
                       labels = { team = \"db\" }\ntext = \"{{host}}: nobody {{text}}\"\n";

/// Holds on every host that works at all.
const BUSY: &str = "[[rule]]\nname = \"busy\"\nwhen = { kind = \"threshold\", reading = \"host.cpu_cores\", above = 0 }\nfor = \"2s\"\n\
                    text = \"{{host}} works\"\n";

fn notify_test(directory: &Path, name: &str, authorities: &Path) -> Output {
    Command::new(binary("tacho-server").unwrap())
        .args(["--config", &directory.join("server.toml").display().to_string(), "notify-test", name])
        .env("SSL_CERT_FILE", authorities)
        .output()
        .unwrap()
}

#[test]
fn every_kind_of_receiver_is_told_with_evidence_and_can_be_tried() {
    let directory = tempfile::tempdir().unwrap();
    let directory = fs::canonicalize(directory.path()).unwrap();
    make_certificates(&directory);
    let authority = directory.join("authority.pem");
    let peers = Peers::start(Some(&directory), 0);
    configure(&directory, BUSY, &receivers(&directory, &peers));
    let server = Server::start(&directory, &[]).unwrap();
    let _agent = Agent::start(&directory, &server, "troubled", &[("interval", "1s")]).unwrap();
    let kinds = ["webhook", "wecom", "dingtalk", "feishu", "slack", "telegram"];
    for kind in kinds {
        let heard = peers.wait(kind, &["[FIRING] warning: troubled works"]);
        let text = heard["text"].as_str().unwrap();
        assert!(text.contains("page: https://tacho.example.org/hosts/troubled?from="), "{text}");
        assert!(text.contains("\n#1: ") && text.contains("CPU "), "{text}");
    }
    let heard = peers.wait("wecomapp", &["**\\[FIRING\\] warning: troubled works**"]);
    assert_eq!((&heard["body"]["touser"], &heard["body"]["toparty"]), (&"ann|bob".into(), &"2".into()));
    // Its token carries one message, so a second one needs another token.
    let path = "/api/v1/receivers/wecomapp/test";
    let (status, body) = post(server.http, path, server.token(), "*/*", &serde_json::json!({})).unwrap();
    let said = String::from_utf8(body).unwrap();
    assert!(status == 200 && said.contains("\"delivered\":true"), "{status} {said}");
    assert!(peers.heard("wecomapp_token", &["token-"]).len() >= 2);
    for kind in ["wecom", "telegram"] {
        peers.wait(kind, &["picture of "]);
    }
    let hook = peers.wait("webhook", &["troubled works"]);
    let details = &hook["body"]["items"][0]["details"];
    assert!(
        details["processes"].as_array().is_some_and(|top| !top.is_empty() && top.len() <= 5),
        "{details}"
    );
    let alert = &peers.wait("api", &["troubled works"])["body"][0];
    assert_eq!(
        (&alert["labels"]["alertname"], &alert["labels"]["host"]),
        (&"busy".into(), &"troubled".into())
    );
    if peers.port("smtp").is_some() {
        let mail = peers.wait("email", &["[告警] 警告: troubled works"]);
        assert_eq!(mail["subject"], "[告警] 警告: troubled works");
        assert_eq!(mail["pictures"], serde_json::json!(["<chart>"]));
        assert!(
            mail["html"].as_str().unwrap().contains("<a href=\"https://tacho.example.org/hosts/troubled"),
            "{mail}"
        );
        let sent = notify_test(&directory, "email-starttls", &authority);
        assert!(sent.status.success(), "{sent:?}");
        let mail = peers.wait("email_starttls", &["a test"]);
        assert_eq!((&mail["signed_in"], &mail["tls"]), (&true.into(), &true.into()));
        let untrusted = notify_test(&directory, "email-starttls", &directory.join("key"));
        assert!(!untrusted.status.success(), "a certificate that nobody vouches for");
    }
    let sent = notify_test(&directory, "dingtalk", &authority);
    assert!(sent.status.success(), "{sent:?}");
    fs::write(directory.join("key"), "another").unwrap();
    for (name, part) in [
        ("dingtalk", "sign not match"),
        ("webhook", "401"),
        ("feishu", "sign match fail"),
        ("x", "there are: webhook"),
    ] {
        let refused = notify_test(&directory, name, &authority);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(part), "{said}");
        assert!(!said.contains("another") && !said.contains("dingtalk-token"), "{said}");
    }
}

#[test]
fn what_a_receiver_could_not_take_is_told_once_after_the_server_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let directory = fs::canonicalize(directory.path()).unwrap();
    let peers = Peers::start(None, 0);
    let port = peers.port("http").unwrap();
    let url = format!("http://127.0.0.1:{port}/wecom/cgi-bin/webhook/send?key=wecom-key");
    drop(peers);
    let receiver = format!("[[receiver]]\nname = \"ops\"\nkind = \"wecom\"\nurl = \"{url}\"\n");
    configure(&directory, &format!("{BUSY}{MISSING}"), &receiver);
    let mut server = Server::start(&directory, &[]).unwrap();
    let _agent = Agent::start(&directory, &server, "troubled", &[("interval", "1s")]).unwrap();
    let queued = |server: &Server| {
        let answer = server.get("/api/v1/receivers").unwrap();
        let receiver = answer["receivers"][0].clone();
        (receiver["queued"].as_i64().unwrap(), receiver["error"].as_str().map(str::to_owned))
    };
    wait_until("a message waits, and why it does is known", || {
        let (queued, error) = queued(&server);
        Ok((queued > 0 && error.is_some_and(|error| error.contains("cannot reach 127.0.0.1"))).then_some(()))
    })
    .unwrap();
    server.kill();
    let peers = Peers::start(None, port);
    server.restart().unwrap();
    peers.wait("wecom", &["troubled works"]);
    wait_until("nothing waits", || Ok((queued(&server).0 == 0).then_some(()))).unwrap();
    let heard = peers.heard("wecom", &["troubled works"]);
    assert_eq!(heard.len(), 1, "{heard:?}");
}
