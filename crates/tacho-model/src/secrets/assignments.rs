//! `name=value` and `"name": "value"` where the name says that the value is a secret.

use super::SCRUBBED;
use super::names::{is_name_byte, is_secret_name};

/// Headers whose value stands right behind the colon, quotes or not.
const HEADERS: [&str; 3] = ["authorization", "private-token", "proxy-authorization"];

/// Copies one argument without the values of its secret names.
pub(super) fn push_without_assigned(argument: &str, out: &mut String) {
    let (mut copied, mut from) = (0, 0);
    while let Some(separator) = find_from(argument, from, ['=', ':']) {
        from = separator + 1;
        let Some(value) = secret_value(argument, separator) else { continue };
        if value.is_empty() {
            continue;
        }
        out.push_str(argument.get(copied..value.start).unwrap_or_default());
        out.push_str(SCRUBBED);
        (copied, from) = (value.end, value.end);
    }
    out.push_str(argument.get(copied..).unwrap_or_default());
}

fn find_from(text: &str, from: usize, wanted: [char; 2]) -> Option<usize> {
    Some(from + text.get(from..)?.find(wanted)?)
}

/// The value behind the separator at `at`, when the name before it says that it is a secret.
fn secret_value(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let before = text.get(..at)?;
    let unquoted = before.trim_end_matches(['"', '\'', '\\']);
    let start = unquoted.bytes().rposition(|byte| !is_name_byte(byte)).map_or(0, |last| last + 1);
    let name = unquoted.get(start..)?.trim_start_matches('-');
    let is_colon = text.as_bytes().get(at) == Some(&b':');
    let quoted = unquoted.len() < before.len();
    let (named, spaces_may_follow) = match is_colon {
        false => (is_secret_name(name), false),
        true if quoted => (is_secret_name(name), true),
        // `secret:1.0` may be the tag of an image; headers and OpenSSL's `pass:` are not.
        true => (is_header(name) || (start == 0 && name == "pass"), false),
    };
    if !named {
        return None;
    }
    let mut value_at = at + 1;
    if spaces_may_follow {
        value_at += text.get(value_at..)?.len() - text.get(value_at..)?.trim_start().len();
    }
    let place = Place::of(text, start);
    Some(value_range(text, value_at, place))
}

fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HEADERS.contains(&name.as_str()) || (name.starts_with("x-") && is_secret_name(&name))
}

/// Where a name stands, which decides how far its value goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An option that is the whole argument: to its end.
    Option,
    /// First in a word: to the next space.
    Word,
    /// Among others, as in the query of a URL: to the next that separates them.
    Inside,
}

impl Place {
    fn of(text: &str, name_start: usize) -> Self {
        match text.get(..name_start).and_then(|before| before.chars().next_back()) {
            None if text.starts_with('-') => Self::Option,
            None => Self::Word,
            Some(before) if before.is_whitespace() => Self::Word,
            Some(_) => Self::Inside,
        }
    }
}

fn value_range(text: &str, at: usize, place: Place) -> std::ops::Range<usize> {
    let rest = text.get(at..).unwrap_or_default();
    let escape = rest.len() - rest.trim_start_matches('\\').len();
    if let Some(quote) =
        rest.get(escape..).and_then(|rest| rest.chars().next()).filter(|c| matches!(c, '"' | '\''))
    {
        let start = at + escape + 1;
        let inner = text.get(start..).unwrap_or_default();
        let end = closing_quote(inner, quote, escape > 0);
        return start..start + end;
    }
    let end = match place {
        Place::Option => rest.len(),
        Place::Word => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        Place::Inside => rest
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | '}'))
            .unwrap_or(rest.len()),
    };
    at..at + end
}

/// Where the quoted value ends: at its quote, one behind a backslash left out unless it was opened so.
fn closing_quote(inner: &str, quote: char, escaped: bool) -> usize {
    let closes = |at: &usize| inner.get(..*at).is_some_and(|before| before.ends_with('\\')) == escaped;
    let at = inner.match_indices(quote).map(|(at, _)| at).find(closes).unwrap_or(inner.len());
    if escaped && at < inner.len() { at.saturating_sub(1) } else { at }
}
