//! One reading a line: `queue_depth=17`, or with labels `queue_depth{queue="mail"}=17`. Empty lines and lines that begin
//! with `#` are ignored.

use super::reading::{Parsed, Reading, parse_series};

/// At most `limit` readings of `text`.
pub fn parse_keyvalue(text: &str, limit: usize) -> Parsed {
    let mut parsed = Parsed::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            parsed.add(index + 1, limit, parse_line(line));
        }
    }
    parsed
}

fn parse_line(line: &str) -> Result<Reading, &'static str> {
    let (name, labels, rest) = parse_series(line, is_name)?;
    let value = rest.strip_prefix('=').ok_or("is not key=value")?.trim();
    let value = value.parse().map_err(|_| "the value is no number")?;
    Ok(Reading { name, labels, value, unit: String::new() })
}

fn is_name(at: usize, c: char) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || (at > 0 && (c.is_ascii_digit() || matches!(c, '.' | ':' | '-' | '/')))
}
