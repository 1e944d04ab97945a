//! What is said.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

/// A message, before it takes the shape of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Names the kind of message for programs, such as `server_unreachable`.
    pub event: String,
    /// One line.
    pub title: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// When it happened, in milliseconds since the epoch.
    pub time_ms: i64,
    /// The same for programs, one for each thing that happened; for a webhook and for Alertmanager.
    pub items: Vec<Item>,
    /// PNG, for channels that take pictures.
    pub picture: Option<Vec<u8>>,
}

/// One of several things that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// What it is; the same labels again are the same thing.
    pub labels: BTreeMap<String, String>,
    /// One sentence.
    pub text: String,
    /// Milliseconds since the epoch.
    pub starts_ms: i64,
    /// Absent while it lasts.
    pub ends_ms: Option<i64>,
    /// Where to look.
    pub link: Option<String>,
    /// JSON for a webhook.
    pub details: Value,
}

impl Message {
    /// Title and fields, a line each.
    pub fn text(&self) -> String {
        let mut text = self.title.clone();
        for (name, value) in &self.fields {
            write!(text, "\n{name}: {value}").expect("writing to a string does not fail");
        }
        text
    }

    /// [`Self::text`], cut to so many bytes at a character's end.
    pub fn text_within(&self, bytes: usize) -> String {
        let mut text = self.text();
        if text.len() > bytes {
            let end =
                (0..=bytes.saturating_sub('…'.len_utf8())).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
            text.push('…');
        }
        text
    }

    /// Title and fields as HTML that mail programs show; what fields say stays text.
    pub fn html(&self) -> String {
        let mut html = format!("<html><body><h3>{}</h3>\n<table>\n", escaped(&self.title));
        for (name, value) in &self.fields {
            let value = escaped(value);
            let value = if value.starts_with("https://") || value.starts_with("http://") {
                format!("<a href=\"{value}\">{value}</a>")
            } else {
                value
            };
            let name = escaped(name);
            writeln!(html, "<tr><td valign=\"top\"><b>{name}</b></td><td>{value}</td></tr>")
                .expect("writing to a string does not fail");
        }
        write!(html, "</table>\n<p>{}</p></body></html>\n", self.time_text())
            .expect("writing to a string does not fail");
        html
    }

    /// When it happened, as RFC 3339 in UTC.
    pub fn time_text(&self) -> String {
        time_text(self.time_ms)
    }
}

/// RFC 3339 in UTC.
pub(crate) fn time_text(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| time_ms.to_string(), |time| format!("{time:.0}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character() {
        let message = Message {
            event: "e".to_owned(),
            title: "Tücken".to_owned(),
            fields: vec![("host".to_owned(), "web".to_owned())],
            ..Message::default()
        };
        assert_eq!(message.text(), "Tücken\nhost: web");
        assert_eq!(message.text_within(100), message.text());
        for bytes in 3..16 {
            assert!(message.text_within(bytes).len() <= bytes);
        }
        assert_eq!(message.text_within(5), "T…");
        assert_eq!(message.time_text(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn html_holds_what_fields_say_as_text() {
        let fields = [("process", "<script>\"&"), ("page", "https://a/?x=1&y=\"><b>")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let message = Message { title: "a<b".to_owned(), fields: fields.into(), ..Message::default() };
        let html = message.html();
        assert!(html.contains("<h3>a&lt;b</h3>") && html.contains("&lt;script&gt;&quot;&amp;"), "{html}");
        let link = "<a href=\"https://a/?x=1&amp;y=&quot;&gt;&lt;b&gt;\">";
        assert!(html.contains(link), "{html}");
    }
}
