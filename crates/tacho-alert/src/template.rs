//! Texts with places for values: `{{host}}: memory {{value}}`.
//!
//! A value is put in as it is and never read again, so what a process calls itself can not become a place of its
//! own; control characters are replaced, and every value and the whole are cut to a length.

use std::fmt;

/// Longest template.
const MAX_TEMPLATE_BYTES: usize = 2048;
/// Characters of one value.
const MAX_VALUE_CHARS: usize = 200;
/// Characters of the whole.
const MAX_TEXT_CHARS: usize = 1000;

/// Names that a template may use.
pub(crate) const NAMES: &[&str] = &[
    "host",
    "rule",
    "severity",
    "entity",
    "value",
    "threshold",
    "since",
    "text",
    "process.name",
    "process.pid",
    "process.command",
    "process.user",
    "process.unit",
];

/// A text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

impl Template {
    /// Reads a template; the error says what to write instead.
    pub fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(format!("has {} bytes; a text has at most {MAX_TEMPLATE_BYTES}", source.len()));
        }
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                return Err("has `{{` without `}}`".to_owned());
            };
            let name = name.trim();
            let of_kind = |kind| name.strip_prefix(kind).is_some_and(|rest: &str| !rest.is_empty());
            let is_label = of_kind("label.") || of_kind("tag.");
            if !NAMES.contains(&name) && !is_label {
                return Err(format!(
                    "names {{{{{name}}}}}, which is not known; write one of {}, label.NAME or tag.KEY",
                    NAMES.join(", ")
                ));
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Place(name.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { source: source.to_owned(), pieces })
    }

    /// The text with values in their places; one that is not known is `?`.
    pub fn fill(&self, value: impl Fn(&str) -> Option<String>) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Place(name) => {
                    text.push_str(&clean(&value(name).unwrap_or_else(|| "?".to_owned()), MAX_VALUE_CHARS));
                }
            }
        }
        clean(&text, MAX_TEXT_CHARS)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// The text without control characters (line ends of the template included) or marks that turn the direction of
/// writing, cut to a number of characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let unwanted = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut cleaned: String = text.chars().take(limit).map(|c| if unwanted(c) { ' ' } else { c }).collect();
    if text.chars().nth(limit).is_some() {
        cleaned.pop();
        cleaned.push('…');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_stand_in_their_places_and_what_is_not_known_is_refused() {
        let template = Template::new("{{host}}: {{ value }} over {{label.team}}").unwrap();
        let fill = |name: &str| (name != "label.team").then(|| format!("<{name}>"));
        assert_eq!(template.fill(fill), "<host>: <value> over ?");
        for (wrong, part) in
            [("{{hsot}}", "write one of host"), ("{{host", "without `}}`"), ("{{label.}}", "label.")]
        {
            let error = Template::new(wrong).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_hostile_value_stays_a_value() {
        let template = Template::new("[{{process.name}}]").unwrap();
        let fill = |value: &str| template.fill(|_| Some(value.to_owned()));
        assert_eq!(fill("{{host}}"), "[{{host}}]");
        assert_eq!(fill("a\nb\u{1b}[2Jc\u{202e}d"), "[a b [2Jc d]");
        assert_eq!(fill(&"x".repeat(100_000)).chars().count(), 202);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_all_are_bounded(source in ".{0,300}", value in ".{0,3000}") {
            if let Ok(template) = Template::new(&source) {
                prop_assert!(template.fill(|_| Some(value.clone())).chars().count() <= MAX_TEXT_CHARS);
            }
        }
    }
}
