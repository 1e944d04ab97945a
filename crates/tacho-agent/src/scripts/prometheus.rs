//! Text exposition format of Prometheus 0.0.4: `http_requests_total{method="post",code="200"} 1027 1395066363000`
//!
//! Comments (help, types) and timestamps are ignored; a histogram or summary is the lines it consists of.
//! NaN and infinite values are absent.

use super::reading::{Parsed, Reading, parse_series};

/// At most `limit` readings of `text`.
pub fn parse_prometheus(text: &str, limit: usize) -> Parsed {
    let mut parsed = Parsed::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            parsed.add(index + 1, limit, parse_sample(line));
        }
    }
    parsed
}

fn parse_sample(line: &str) -> Result<Reading, &'static str> {
    let (name, labels, rest) = parse_series(line, is_name)?;
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("has no value")?;
    let value = value.parse().map_err(|_| "the value is no number")?;
    let timestamp = words.next();
    if timestamp.is_some_and(|timestamp| timestamp.parse::<i64>().is_err()) || words.next().is_some() {
        return Err("has more than a value and a timestamp");
    }
    Ok(Reading { name, labels, value, unit: String::new() })
}

fn is_name(at: usize, c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (at > 0 && c.is_ascii_digit())
}
