//! What is said about the server. Pure.

use std::time::Duration;

use tacho_notify::Message;
use tacho_runtime::config::format_duration;

/// Of an error's text.
const ERROR_CHARACTERS: usize = 300;

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Unreachable { since_ms: i64, error: String },
    Reachable { since_ms: i64 },
}

pub(super) fn message(host: &str, servers: &[String], outcome: &Outcome, now_ms: i64) -> Message {
    let list = servers.join(", ");
    let since = |since_ms| Message { time_ms: since_ms, ..Message::default() }.time_text();
    let field = |name: &str, value: String| (name.to_owned(), value);
    let (event, title, mut fields) = match outcome {
        Outcome::Unreachable { since_ms, error } => (
            "server_unreachable",
            format!("Tacho server unreachable: {list}"),
            vec![
                field("since", since(*since_ms)),
                field("error", error.chars().take(ERROR_CHARACTERS).collect()),
            ],
        ),
        Outcome::Reachable { since_ms } => {
            let seconds = u64::try_from(now_ms.saturating_sub(*since_ms) / 1000).unwrap_or(0);
            (
                "server_reachable",
                format!("Tacho server reachable again: {list}"),
                vec![
                    field("since", since(*since_ms)),
                    field("duration", format_duration(Duration::from_secs(seconds))),
                ],
            )
        }
    };
    fields.insert(0, field("host", host.to_owned()));
    fields.insert(1, field("servers", list));
    Message { event: event.to_owned(), title, fields, time_ms: now_ms, ..Message::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_what_and_since_when() {
        let servers = ["a:9300".to_owned(), "b:9300".to_owned()];
        let down = Outcome::Unreachable { since_ms: 0, error: "connection refused".to_owned() };
        let text = message("web", &servers, &down, 5_000).text();
        for part in
            ["host: web", "servers: a:9300, b:9300", "since: 1970-01-01T00:00:00Z", "connection refused"]
        {
            assert!(text.contains(part), "{text}");
        }
        let up = message("web", &servers, &Outcome::Reachable { since_ms: 0 }, 125_000);
        assert_eq!(up.event, "server_reachable");
        assert!(up.text().contains("duration: 2m5s"), "{}", up.text());
    }
}
