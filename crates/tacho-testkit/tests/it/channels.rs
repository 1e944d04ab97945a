//! Messages about the server through a mail server with STARTTLS and over HTTPS: other people's servers, certificates
//! of an authority that the system trusts or not.

use std::path::Path;

use tacho_testkit::daemons::{Agent, Server, free_addresses, wait_until};

use super::peers::{KEY, Peers, USER, make_certificates};

/// A server that hands both channels to an agent that watches it; `None` where there is no mail server.
fn start(directory: &Path, peers: &Peers, environment: &[(&str, &str)]) -> Option<(Server, Agent)> {
    let (smtp, https) = (peers.port("smtp_starttls")?, peers.port("https")?);
    let path = directory.join("key");
    let key = path.display();
    std::fs::write(&path, KEY).unwrap();
    let settings = format!(
        "[sentinel]\nsettle = '1s'\n\
         [[sentinel.channel]]\nkind = 'email'\nsmtp_server = 'localhost:{smtp}'\nsmtp_security = 'starttls'\n\
         user = '{USER}'\npassword_file = '{key}'\nfrom = 'tacho@example.org'\nto = ['a@example.org', 'b@example.org']\n\
         [[sentinel.channel]]\nkind = 'webhook'\nurl = 'https://localhost:{https}/webhook'\nkey_file = '{key}'\n",
    );
    std::fs::write(directory.join("server.toml"), settings).unwrap();
    let server = Server::start(directory, &[("flush_interval", "1s")]).unwrap();
    let [address, _] = free_addresses().unwrap();
    let address = address.to_string();
    let settings = [("interval", "1s"), ("sentinel_listen", address.as_str()), ("sentinel_check", "1s")];
    let mut agent = Agent::join(directory, &server, "watcher", &settings).unwrap();
    environment.iter().for_each(|(key, value)| agent.set_environment(key, value));
    agent.restart().unwrap();
    wait_until("it keeps its duty", || Ok(agent.data_dir.join("sentinel").exists().then_some(()))).unwrap();
    Some((server, agent))
}

#[test]
fn people_hear_of_the_server_by_starttls_and_https() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let peers = Peers::start(Some(directory.path()), 0);
    let authority = directory.path().join("authority.pem").display().to_string();
    let started = start(directory.path(), &peers, &[("SSL_CERT_FILE", &authority)]);
    let Some((mut server, agent)) = started else { return };
    server.kill();
    for (count, event) in [(1, "server_unreachable"), (2, "server_reachable")] {
        let mail = peers.wait_for("email_starttls", &["host: watcher"], count);
        assert_eq!((&mail["tls"], &mail["signed_in"]), (&true.into(), &true.into()));
        assert_eq!((&mail["sender"], &mail["to"][1]), (&"tacho@example.org".into(), &"b@example.org".into()));
        assert!(mail["subject"].as_str().is_some_and(|subject| !subject.is_empty()), "{mail}");
        // Only what is signed with the key gets there.
        let hook = peers.wait_for("webhook", &[], count);
        assert_eq!((&hook["tls"], &hook["body"]["event"]), (&true.into(), &event.into()));
        if count == 1 {
            server.restart().unwrap();
        }
    }
    assert!(!agent.log().contains(KEY) && !agent.log().contains("/webhook"), "{}", agent.log());
}

#[test]
fn servers_whose_certificate_nobody_vouches_for_hear_nothing() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let peers = Peers::start(Some(directory.path()), 0);
    let Some((mut server, agent)) = start(directory.path(), &peers, &[]) else { return };
    server.kill();
    wait_until("both were tried and refused", || {
        let log = agent.log();
        let refused = log.lines().filter(|line| line.contains("UnknownIssuer")).count();
        Ok((refused >= 2).then_some(()))
    })
    .unwrap();
    assert!(peers.heard_nothing());
}
