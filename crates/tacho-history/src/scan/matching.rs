//! Conditions on texts, such as names of processes.

/// What a text must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    text: String,
    exact: bool,
}

impl TextMatch {
    /// Just this text.
    pub fn exact(text: &str) -> Self {
        Self { text: text.to_owned(), exact: true }
    }

    /// A text with this one in it; case of ASCII letters does not count.
    pub fn containing(text: &str) -> Self {
        Self { text: text.to_ascii_lowercase(), exact: false }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        match self.exact {
            true => text == self.text,
            false => contains(text.as_bytes(), self.text.as_bytes()),
        }
    }
}

/// Compares without a copy of the text; `part` is in lower case.
fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn containing_is_what_lower_case_contains(text in "[aAbBé]{0,8}", part in "[aAbBé]{0,3}") {
            let expected = text.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
            prop_assert_eq!(TextMatch::containing(&part).holds(&text), expected);
        }
    }

    #[test]
    fn exact_is_exact() {
        assert!(TextMatch::exact("nginx").holds("nginx"));
        assert!(!TextMatch::exact("nginx").holds("Nginx") && !TextMatch::exact("nginx").holds("nginx2"));
    }
}
