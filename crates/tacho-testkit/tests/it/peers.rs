//! Where messages to people go: `peers/receivers.py`, which shares nothing with what it checks, and certificates for it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tacho_testkit::daemons::wait_until;

/// Signs what goes to services that check it, and is the password of the mail server with sign-in.
pub(crate) const KEY: &str = "a-key-that-signs";
/// Who signs in there.
pub(crate) const USER: &str = "tacho";
/// Debian's own before that of a version manager, which lacks Debian's packages.
const PYTHONS: [&str; 2] = ["/usr/bin/python3", "python3"];

/// The other side, and what it took and refused; ends with its value.
pub(crate) struct Peers {
    child: Child,
    addresses: Value,
    heard: Arc<Mutex<Vec<Value>>>,
    /// What it complains about, and be it that a client went away as it was meant to.
    complaints: File,
}

impl Drop for Peers {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut complaints = String::new();
            if self.complaints.rewind().and_then(|()| self.complaints.read_to_string(&mut complaints)).is_ok()
            {
                eprintln!("where messages go: {complaints}");
            }
        }
        // Both fail when it has ended by itself, which is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Peers {
    /// On any port, or on one that it had before; with TLS too, where there are certificates of
    /// [`make_certificates`].
    pub(crate) fn start(certificates: Option<&Path>, port: u64) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/receivers.py");
        let mut command = Command::new(python());
        command.arg(script).args(["--key", KEY, "--user", USER, "--port", &port.to_string()]);
        if let Some(directory) = certificates {
            command.arg("--certificate").arg(directory.join("certificate.pem"));
            command.arg("--certificate-key").arg(directory.join("key.pem"));
        }
        let complaints = tempfile::tempfile().unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addresses = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let heard = Arc::<Mutex<Vec<Value>>>::default();
        let hearing = Arc::clone(&heard);
        // Ends with the program.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hearing.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, addresses, heard, complaints }
    }

    /// `http`, `https`, `smtp` or `smtp_starttls`; mail takes a Python with aiosmtpd.
    pub(crate) fn port(&self, name: &str) -> Option<u64> {
        let port = self.addresses[name].as_u64();
        if port.is_none() && name.starts_with("smtp") {
            eprintln!("not checked: e-mail, for which there is no aiosmtpd (Debian: python3-aiosmtpd)");
        }
        port
    }

    /// Messages of a kind that have all the words.
    pub(crate) fn heard(&self, kind: &str, words: &[&str]) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        let says = |message: &&Value| {
            let text = message["text"].as_str().unwrap_or_default();
            message["kind"] == kind && words.iter().all(|word| text.contains(word))
        };
        heard.iter().filter(says).cloned().collect()
    }

    /// The first message of a kind that has all the words.
    pub(crate) fn wait(&self, kind: &str, words: &[&str]) -> Value {
        self.wait_for(kind, words, 1)
    }

    /// The message of a kind with all the words that was the so manyth of them.
    pub(crate) fn wait_for(&self, kind: &str, words: &[&str], number: usize) -> Value {
        wait_until(&format!("{kind} hears {words:?} {number} times"), || {
            Ok(self.heard(kind, words).into_iter().nth(number - 1))
        })
        .unwrap()
    }

    /// Whether nothing came at all, good or bad.
    pub(crate) fn heard_nothing(&self) -> bool {
        self.heard.lock().unwrap().is_empty()
    }
}

/// One with aiosmtpd, where there is one.
fn python() -> &'static str {
    let has_it = |python: &&&str| {
        let tried = Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    PYTHONS.iter().find(has_it).unwrap_or(&PYTHONS[0])
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
