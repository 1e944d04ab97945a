//! Messages about the server through a mail server with STARTTLS and over HTTPS: other people's servers, certificates
//! of an authority that the system trusts or not.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tacho_testkit::daemons::{Agent, Server, free_addresses, wait_until};

const USER: &str = "tacho";
const PASSWORD: &str = "correct horse";
/// Debian's own before that of a version manager, which lacks Debian's packages.
const PYTHONS: [&str; 2] = ["/usr/bin/python3", "python3"];

/// `tests/receivers.py`, ended with its value.
struct Receivers {
    child: Child,
    smtp: u64,
    https: u64,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Receivers {
    /// `None` where there is no Python with aiosmtpd.
    fn start(directory: &Path) -> Option<Self> {
        let has_it = |python: &&&str| {
            let tried = Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
            tried.is_ok_and(|status| status.success())
        };
        let Some(python) = PYTHONS.iter().find(has_it) else {
            eprintln!("not checked: there is no aiosmtpd (Debian: apt-get install python3-aiosmtpd)");
            return None;
        };
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receivers.py"))
            .args([directory.join("certificate.pem"), directory.join("key.pem")])
            .args([USER, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ports: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        // Ends with the program.
        std::thread::spawn(move || {
            for line in lines {
                keep.lock().unwrap().push(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        let port = |name: &str| ports[name].as_u64().unwrap();
        Some(Self { smtp: port("smtp"), https: port("https"), child, heard })
    }

    fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} messages came by {kind}"), || {
            let heard = self.heard.lock().unwrap();
            let of_kind: Vec<Value> =
                heard.iter().filter(|message| message["kind"] == kind).cloned().collect();
            Ok((of_kind.len() >= count).then_some(of_kind))
        })
        .unwrap()
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        // Both fail when it has ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An authority, and a certificate of it for `localhost`: `authority.pem`, `certificate.pem`, `key.pem`.
pub(crate) fn make_certificates(directory: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer);
    for (name, pem) in [
        ("authority.pem", authority_pem),
        ("certificate.pem", certificate.unwrap().pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(directory.join(name), pem).unwrap();
    }
}

/// A server that hands both channels to an agent that watches it.
fn start(directory: &Path, receivers: &Receivers, environment: &[(&str, &str)]) -> (Server, Agent) {
    let path = |name: &str| directory.join(name).display().to_string();
    std::fs::write(path("password"), PASSWORD).unwrap();
    std::fs::write(path("signing-key"), "a key").unwrap();
    let settings = format!(
        "[sentinel]\nsettle = '1s'\n\
         [[sentinel.channel]]\nkind = 'email'\nsmtp_server = 'localhost:{}'\nsmtp_security = 'starttls'\n\
         user = '{USER}'\npassword_file = '{}'\nfrom = 'tacho@example.org'\nto = ['a@example.org', 'b@example.org']\n\
         [[sentinel.channel]]\nkind = 'webhook'\nurl = 'https://localhost:{}/hook'\nkey_file = '{}'\n",
        receivers.smtp,
        path("password"),
        receivers.https,
        path("signing-key"),
    );
    std::fs::write(path("server.toml"), settings).unwrap();
    let server = Server::start(directory, &[("flush_interval", "1s")]).unwrap();
    let [address, _] = free_addresses().unwrap();
    let address = address.to_string();
    let settings = [("interval", "1s"), ("sentinel_listen", address.as_str()), ("sentinel_check", "1s")];
    let mut agent = Agent::join(directory, &server, "watcher", &settings).unwrap();
    environment.iter().for_each(|(key, value)| agent.set_environment(key, value));
    agent.restart().unwrap();
    wait_until("it keeps its duty", || Ok(agent.data_dir.join("sentinel").exists().then_some(()))).unwrap();
    (server, agent)
}

#[test]
fn people_hear_of_the_server_by_starttls_and_https() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let Some(receivers) = Receivers::start(directory.path()) else { return };
    let authority = directory.path().join("authority.pem").display().to_string();
    let (mut server, agent) = start(directory.path(), &receivers, &[("SSL_CERT_FILE", &authority)]);
    server.kill();
    for (count, event) in [(1, "server_unreachable"), (2, "server_reachable")] {
        let mail = receivers.wait_for("email", count).pop().unwrap();
        assert_eq!((&mail["tls"], &mail["signed_in"]), (&true.into(), &true.into()));
        assert_eq!((&mail["from"], &mail["to"][1]), (&"tacho@example.org".into(), &"b@example.org".into()));
        let content = mail["content"].as_str().unwrap();
        assert!(content.contains("Subject: ") && content.contains("host: watcher"), "{content}");
        let hook = receivers.wait_for("https", count).pop().unwrap();
        let body: Value = serde_json::from_str(hook["body"].as_str().unwrap()).unwrap();
        assert_eq!((&hook["path"], &body["event"]), (&"/hook".into(), &event.into()));
        assert!(hook["signature"].as_str().unwrap().starts_with("sha256="), "{hook}");
        if count == 1 {
            server.restart().unwrap();
        }
    }
    assert!(!agent.log().contains(PASSWORD) && !agent.log().contains("/hook"), "{}", agent.log());
}

#[test]
fn servers_whose_certificate_nobody_vouches_for_hear_nothing() {
    let directory = tempfile::tempdir().unwrap();
    make_certificates(directory.path());
    let Some(receivers) = Receivers::start(directory.path()) else { return };
    let (mut server, agent) = start(directory.path(), &receivers, &[]);
    server.kill();
    wait_until("both were tried and refused", || {
        let log = agent.log();
        let refused = log.lines().filter(|line| line.contains("UnknownIssuer")).count();
        Ok((refused >= 2).then_some(()))
    })
    .unwrap();
    assert!(receivers.heard.lock().unwrap().is_empty());
}
