//! Tags of hosts: plain words (`canary`) and keys with a value (`dc=eu`), of which a host has one value each.

use std::fmt;

/// Tags of one host. More are refused, and left out where nobody can be told.
pub const MAX_TAGS: usize = 32;
/// Characters of one tag.
const MAX_TAG_CHARS: usize = 64;

/// What is wrong with tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagProblem {
    Empty,
    TooLong(String),
    Character(String, char),
    NoValue(String),
    /// The key has two values.
    Twice(String),
    TooMany(usize),
}

impl fmt::Display for TagProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                r#"a tag is empty; write a word such as "canary", or key and value such as "dc=eu""#,
            ),
            Self::TooLong(tag) => write!(f, "the tag {tag:?} is longer than {MAX_TAG_CHARS} characters"),
            Self::Character(tag, bad) => write!(
                f,
                "the tag {tag:?} has {bad:?} in it; tags are of letters, digits and - _ . : / @ +, with one = \
                 between key and value"
            ),
            Self::NoValue(tag) => write!(f, "the tag {tag:?} needs something before and after its one ="),
            Self::Twice(key) => write!(f, "the key {key:?} is there twice; a host has one value of each"),
            Self::TooMany(tags) => write!(f, "there are {tags} tags; a host has at most {MAX_TAGS}"),
        }
    }
}

impl std::error::Error for TagProblem {}

/// What comes before `=`; absent for a plain word.
pub fn tag_key(tag: &str) -> Option<&str> {
    tag.split_once('=').map(|(key, _)| key)
}

/// Whether that is a tag.
pub fn check_tag(tag: &str) -> Result<(), TagProblem> {
    if tag.is_empty() {
        return Err(TagProblem::Empty);
    }
    if tag.chars().count() > MAX_TAG_CHARS {
        let start: String = tag.chars().take(MAX_TAG_CHARS).collect();
        return Err(TagProblem::TooLong(format!("{start}…")));
    }
    // No commas, quotes, spaces, or what patterns are made of.
    let is_good = |c: char| c.is_alphanumeric() || "-_.:/@+=".contains(c);
    if let Some(bad) = tag.chars().find(|c| !is_good(*c)) {
        return Err(TagProblem::Character(tag.to_owned(), bad));
    }
    match tag.split_once('=') {
        Some((key, value)) if key.is_empty() || value.is_empty() || value.contains('=') => {
            Err(TagProblem::NoValue(tag.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Tags as they were written, in order and each once; or what is wrong with the first that is none.
pub fn check_tags<T: AsRef<str>>(written: &[T]) -> Result<Vec<String>, TagProblem> {
    let mut tags = Vec::new();
    for tag in written.iter().map(|tag| tag.as_ref().trim()) {
        check_tag(tag)?;
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    tags.sort();
    if tags.len() > MAX_TAGS {
        return Err(TagProblem::TooMany(tags.len()));
    }
    // Between two values of one key nothing else can stand.
    let twice = tags.iter().zip(tags.iter().skip(1)).find(|(tag, next)| is_same_key(tag, next));
    match twice.and_then(|(tag, _)| tag_key(tag)) {
        Some(key) => Err(TagProblem::Twice(key.to_owned())),
        None => Ok(tags),
    }
}

/// All tags of a host, in order: those that were set on the server, and those of its agent's settings whose key has
/// no other value there. What an agent says is not trusted: what is no tag, or is beyond the bound, is left out.
pub fn merge_tags(own: &[String], of_agent: &[String]) -> Vec<String> {
    let mut tags = own.to_vec();
    for tag in of_agent {
        let is_known = tags.iter().any(|known| known == tag || is_same_key(known, tag));
        if tags.len() < MAX_TAGS && !is_known && check_tag(tag).is_ok() {
            tags.push(tag.clone());
        }
    }
    tags.sort();
    tags
}

/// Is one the other with another value?
pub fn is_same_key(tag: &str, other: &str) -> bool {
    tag_key(tag).is_some_and(|key| tag_key(other) == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn tags_are_words_and_keys_with_a_value() {
        for good in ["db", "dc=eu", "机房=上海", "k8s.io/role=web", "a@b", &"x".repeat(64)] {
            assert_eq!(check_tag(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a,b", "!a", "we*", "=eu", "dc=", "a=b=c", "\"a\"", "a\n", &"x".repeat(65)] {
            assert!(check_tag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_come_in_order_and_once_and_with_one_value_each() {
        assert_eq!(check_tags(&[" web", "dc=eu", "web"]), Ok(strings(&["dc=eu", "web"])));
        assert_eq!(check_tags(&["dc=eu", "dc=us"]), Err(TagProblem::Twice("dc".to_owned())));
        assert_eq!(check_tags(&["a=1", "a-b=1", "a=2"]), Err(TagProblem::Twice("a".to_owned())));
        let many: Vec<_> = (0..33).map(|number| number.to_string()).collect();
        assert_eq!(check_tags(&many), Err(TagProblem::TooMany(33)));
        assert_eq!(check_tags(&many[..32]).map(|tags| tags.len()), Ok(32));
    }

    #[test]
    fn what_was_set_on_the_server_goes_before_what_the_agent_says() {
        let own = strings(&["dc=eu", "web"]);
        let of_agent = strings(&["dc=us", "rack=7", "web", "no tag", "!x"]);
        assert_eq!(merge_tags(&own, &of_agent), strings(&["dc=eu", "rack=7", "web"]));
        let many: Vec<_> = (0..99).map(|number| number.to_string()).collect();
        assert_eq!(merge_tags(&own, &many).len(), MAX_TAGS);
    }
}
