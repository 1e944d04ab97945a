//! As much of an HTTP client as tests need: one request, one connection, over plain HTTP/1.1.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::PATIENCE;

const BETWEEN_TRIES: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// GETs a path with an API token, which may be empty.
pub fn get(address: SocketAddr, path: &str, token: &str) -> anyhow::Result<Answer> {
    request("GET", address, path, token)
}

/// Any request without a body.
pub(super) fn request(method: &str, address: SocketAddr, path: &str, token: &str) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8(text).context("the answer is not UTF-8")?;
    let (head, body) = text.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked {
        chunks(body).with_context(|| format!("{path}: cut off in the middle"))?
    } else {
        body.to_owned()
    };
    Ok(Answer { status, body })
}

/// The body that chunks carry; nothing when the last chunk is missing.
fn chunks(mut text: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..length)?);
        text = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// Tries again and again until there is something. The one way tests wait for another process.
pub fn wait_until<T>(what: &str, mut tried: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(result) = tried()? {
            return Ok(result);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    bail!("waited {} s in vain until {what}", PATIENCE.as_secs())
}

/// The `time` of each row of a `rows` answer, as milliseconds since the epoch.
pub(super) fn times(rows: &Value) -> anyhow::Result<Vec<i64>> {
    let rows = rows.get("rows").unwrap_or(rows).as_array().context("rows are not a list")?;
    rows.iter()
        .map(|row| row.get("time").and_then(Value::as_str).context("a row without time").and_then(parse_time))
        .collect()
}

/// `2026-11-20T03:12:05.123Z` in milliseconds since the epoch.
fn parse_time(text: &str) -> anyhow::Result<i64> {
    let time: jiff::Timestamp = text.parse().with_context(|| format!("{text} is not a time"))?;
    Ok(time.as_millisecond())
}
