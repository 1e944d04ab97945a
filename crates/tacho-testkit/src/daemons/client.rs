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
    let (status, body) = exchange(&format!("{method} {path}"), address, token, "*/*", "")?;
    Ok(Answer { status, body: String::from_utf8(body).context("the answer is not UTF-8")? })
}

/// POSTs JSON; status and body. `accept` is the kind of body that is asked for.
pub fn post(
    address: SocketAddr,
    path: &str,
    token: &str,
    accept: &str,
    json: &Value,
) -> anyhow::Result<(u16, Vec<u8>)> {
    exchange(&format!("POST {path}"), address, token, accept, &json.to_string())
}

fn exchange(
    call: &str,
    address: SocketAddr,
    token: &str,
    accept: &str,
    json: &str,
) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = json.len();
    write!(
        stream,
        "{call} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: {accept}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{json}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let (head, body) = split(&answer, b"\r\n\r\n").context("the answer has no end of its head")?;
    let head = std::str::from_utf8(head).context("the answer's head is not UTF-8")?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked {
        chunks(body).with_context(|| format!("{call}: cut off in the middle"))?
    } else {
        body.to_owned()
    };
    Ok((status, body))
}

/// What is before the first `separator`, and what is after it.
fn split<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).position(|window| window == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

/// The body that chunks carry; nothing when the last chunk is missing.
fn chunks(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (length, rest) = split(bytes, b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(length).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        bytes = rest.get(length..)?.strip_prefix(b"\r\n")?;
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
