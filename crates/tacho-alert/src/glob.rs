//! Patterns with `*` and `?`, as people write them for names of hosts.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Longer patterns are refused.
const MAX_PATTERN_BYTES: usize = 256;
/// What a compiled pattern may hold in memory.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// `*` stands for any text, `?` for one character; a `!` before it turns it round. Matching is linear in the text.
#[derive(Clone)]
pub struct Glob {
    text: String,
    negated: bool,
    pattern: Regex,
}

impl Glob {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(format!("has {} bytes; a pattern has at most {MAX_PATTERN_BYTES}", text.len()));
        }
        let (negated, body) = text.strip_prefix('!').map_or((false, text), |body| (true, body));
        let mut expression = String::from("^");
        for character in body.chars() {
            match character {
                '*' => expression.push_str(".*"),
                '?' => expression.push('.'),
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push('$');
        let pattern = RegexBuilder::new(&expression)
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED_BYTES)
            .build()
            .map_err(|error| format!("is {text:?}, which is no pattern: {error}"))?;
        Ok(Self { text: text.to_owned(), negated, pattern })
    }

    pub fn matches(&self, text: &str) -> bool {
        self.pattern.is_match(text) != self.negated
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Does a list match? Patterns that are turned round each have to hold; of the others one has to. An empty list
/// matches all.
pub(crate) fn any_of(globs: &[Glob], text: &str) -> bool {
    let (without, with): (Vec<_>, Vec<_>) = globs.iter().partition(|glob| glob.negated);
    without.iter().all(|glob| glob.matches(text))
        && (with.is_empty() || with.iter().any(|glob| glob.matches(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(patterns: &[&str], text: &str) -> bool {
        let globs: Vec<_> = patterns.iter().map(|pattern| Glob::new(pattern).unwrap()).collect();
        any_of(&globs, text)
    }

    #[test]
    fn patterns() {
        for (patterns, text, expected) in [
            (&[][..], "web-1", true),
            (&["web-*"], "web-1", true),
            (&["web-*"], "xweb-1", false),
            (&["web-?"], "web-10", false),
            (&["web-?"], "web-ä", true),
            (&["db", "web-*"], "web-1", true),
            (&["!web-1"], "web-1", false),
            (&["!web-1"], "web-2", true),
            (&["web-*", "!web-1"], "web-1", false),
            (&["web-*", "!web-1"], "db", false),
            (&["a.b"], "axb", false),
            (&["(["], "([", true),
        ] {
            assert_eq!(matches(patterns, text), expected, "{patterns:?} {text}");
        }
        assert!(Glob::new(&"x".repeat(300)).is_err());
    }

    proptest! {
        #[test]
        fn no_pattern_panics_and_one_of_plain_text_matches_itself(text in "[^*?!]{0,40}", pattern in ".{0,40}") {
            prop_assert!(Glob::new(&text).unwrap().matches(&text));
            drop(Glob::new(&pattern).map(|glob| glob.matches(&text)));
        }
    }
}
