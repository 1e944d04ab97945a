//! What is said.

use std::fmt::Write as _;

/// A message, before it takes the shape of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Names the kind of message for programs, such as `server_unreachable`.
    pub event: String,
    /// One line.
    pub title: String,
    /// Names and values, in order.
    pub fields: Vec<(String, String)>,
    /// When it happened, in milliseconds since the epoch.
    pub time_ms: i64,
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

    /// When it happened, as RFC 3339 in UTC.
    pub fn time_text(&self) -> String {
        jiff::Timestamp::from_millisecond(self.time_ms)
            .map_or_else(|_| self.time_ms.to_string(), |time| format!("{time:.0}"))
    }
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
            time_ms: 0,
        };
        assert_eq!(message.text(), "Tücken\nhost: web");
        assert_eq!(message.text_within(100), message.text());
        for bytes in 3..16 {
            assert!(message.text_within(bytes).len() <= bytes);
        }
        assert_eq!(message.text_within(5), "T…");
        assert_eq!(message.time_text(), "1970-01-01T00:00:00Z");
    }
}
