//! Hosts that other servers of the catalog hear. Pure.

use std::collections::{BTreeMap, HashMap};

use crate::live::LiveHost;

/// A server that says nothing new for this long is taken to be gone, and what it said is dropped.
const GONE_MS: i64 = 600_000;

/// When each host that is connected was heard last, as one server tells the others.
pub(super) fn said<'a>(hosts: impl Iterator<Item = &'a LiveHost>) -> String {
    let times: BTreeMap<&str, i64> = hosts
        .filter(|host| host.is_connected())
        .filter_map(|host| Some((&*host.key().id, host.heard_ms()?)))
        .collect();
    super::json(&times)
}

/// What other servers said. Only that it changes counts, by the clock of whoever reads it: theirs may be wrong.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    servers: HashMap<String, Said>,
    /// When what a server said of a host was something new.
    changed_ms: HashMap<String, i64>,
}

#[derive(Debug)]
struct Said {
    text: String,
    times: HashMap<String, i64>,
    since_ms: i64,
}

impl Elsewhere {
    /// Takes in what all other servers say now; those that are gone.
    pub(super) fn take(&mut self, said: Vec<(String, String)>, now_ms: i64) -> Vec<String> {
        self.servers.retain(|server, _| said.iter().any(|(other, _)| other == server));
        let mut gone = Vec::new();
        for (server, text) in said {
            let before = self.servers.get(&server);
            if let Some(before) = before.filter(|before| before.text == text) {
                if now_ms.saturating_sub(before.since_ms) > GONE_MS {
                    gone.push(server);
                }
                continue;
            }
            // What cannot be read is of a newer version, and says nothing here.
            let times: HashMap<String, i64> = serde_json::from_str(&text).unwrap_or_default();
            for (host, time_ms) in &times {
                let known = before.and_then(|before| before.times.get(host));
                if known.is_some_and(|known| known != time_ms) {
                    self.changed_ms.insert(host.clone(), now_ms);
                }
            }
            self.servers.insert(server, Said { text, times, since_ms: now_ms });
        }
        gone
    }

    /// When a host was heard elsewhere last.
    pub(super) fn heard_ms(&self, host_id: &str) -> Option<i64> {
        self.changed_ms.get(host_id).copied()
    }

    /// Forgets hosts that are not known any more.
    pub(super) fn keep(&mut self, is_known: impl Fn(&str) -> bool) {
        self.changed_ms.retain(|host, _| is_known(host));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_heard_elsewhere_when_a_server_says_something_new_of_it() {
        let mut elsewhere = Elsewhere::default();
        let say =
            |text: &str| vec![("a".to_owned(), text.to_owned()), ("b".to_owned(), "{\"h\":7}".to_owned())];
        assert!(elsewhere.take(say(r#"{"h":5000,"i":1}"#), 100).is_empty());
        assert_eq!(elsewhere.heard_ms("h"), None, "it may have been silent for long");
        elsewhere.take(say(r#"{"h":4000,"i":1}"#), 200);
        assert_eq!((elsewhere.heard_ms("h"), elsewhere.heard_ms("i")), (Some(200), None));
        elsewhere.take(say(r#"{"h":4000}"#), 300);
        elsewhere.take(say("nonsense"), 400);
        assert_eq!(elsewhere.heard_ms("h"), Some(200));
        assert!(elsewhere.take(say("nonsense"), 100 + GONE_MS).is_empty());
        assert_eq!(elsewhere.take(say("nonsense"), 401 + GONE_MS), ["a", "b"]);
        elsewhere.keep(|host| host == "i");
        assert_eq!(elsewhere.heard_ms("h"), None);
    }
}
