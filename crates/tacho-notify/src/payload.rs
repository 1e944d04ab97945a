//! The shape that each kind of channel wants a message in, and how it says that it took it. Pure.
//!
//! WeCom: <https://developer.work.weixin.qq.com/document/path/91770>. DingTalk, with its signature:
//! <https://open.dingtalk.com/document/robots/customize-robot-security-settings>. Feishu, with its signature:
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>. Slack:
//! <https://api.slack.com/messaging/webhooks>. Telegram: <https://core.telegram.org/bots/api#sendmessage>,
//! <https://core.telegram.org/bots/api#sendphoto>.
//! Alertmanager: <https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use ring::hmac;
use serde_json::{Value, json};

use crate::channel::{Channel, Kind, Secret};
use crate::error::SendError;
use crate::message::{Item, Message, time_text};

/// Alertmanager forgets what is not told again; Tacho tells it again after some hours and when it ends.
const ALERTMANAGER_KEEPS_MS: i64 = 24 * 3_600_000;
/// WeCom: 2 MB before the encoding.
const WECOM_PICTURE_BYTES: usize = 2_000_000;
/// Between the parts of a body; no PNG of a chart has it by chance.
const BOUNDARY: &str = "tacho-7MA4YWxkTrZu0gW-part";
/// Of an answer's words in an error.
const QUOTED_CHARACTERS: usize = 200;

/// A POST to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub url: Secret,
    pub content_type: String,
    pub body: Vec<u8>,
    /// HMAC-SHA-256 of the body in hexadecimal, for the header `X-Tacho-Signature`.
    pub signature: Option<String>,
}

/// The request that says `message` through `channel`.
pub fn request(channel: &Channel, message: &Message, now_ms: i64) -> Result<Request, SendError> {
    let text = message.text_within(channel.kind.text_bytes());
    let mut url = channel.url.clone();
    let key = channel.key.as_ref().filter(|key| !key.is_empty());
    let body = match channel.kind {
        Kind::Webhook => webhook(message),
        Kind::Wecom => json!({ "msgtype": "text", "text": { "content": text } }),
        Kind::Dingtalk => {
            url = key.map_or(url.clone(), |key| dingtalk_url(&url, key, now_ms));
            json!({ "msgtype": "text", "text": { "content": text } })
        }
        Kind::Feishu => feishu(&text, key, now_ms),
        Kind::Slack => json!({ "text": slack_text(&text) }),
        Kind::Telegram => {
            let (address, chat) = telegram_chat(url.expose()).ok_or(SendError::Chat)?;
            let body = json!({
                "chat_id": chat, "text": text, "link_preview_options": { "is_disabled": true },
            });
            url = Secret::new(address);
            body
        }
        Kind::Alertmanager => alertmanager(message),
        Kind::Email => return Err(SendError::Address),
    };
    let body = body.to_string();
    let signature = key
        .filter(|_| channel.kind == Kind::Webhook)
        .map(|key| hex(&sign(key.expose().as_bytes(), body.as_bytes())));
    Ok(Request { signature, ..Request::json(url, body) })
}

/// The request that shows a picture, a PNG, after the message that it belongs to; absent where the channel takes none,
/// or has it in the message.
pub fn picture_request(channel: &Channel, png: &[u8]) -> Option<Request> {
    match channel.kind {
        Kind::Wecom if png.len() <= WECOM_PICTURE_BYTES => {
            let image = json!({ "base64": STANDARD.encode(png), "md5": hex(&Md5::digest(png)) });
            let body = json!({ "msgtype": "image", "image": image });
            Some(Request::json(channel.url.clone(), body.to_string()))
        }
        Kind::Telegram => {
            let (address, chat) = telegram_chat(channel.url.expose())?;
            let address = format!("{}/sendPhoto", address.strip_suffix("/sendMessage")?);
            let fields = [("chat_id", chat), ("disable_notification", "true")];
            let mut body = Vec::with_capacity(png.len() + 1024);
            for (name, value) in fields {
                let part = format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                );
                body.extend_from_slice(part.as_bytes());
            }
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"chart.png\"\r\n\
                 Content-Type: image/png\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(png);
            body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
            let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
            Some(Request { url: Secret::new(address), content_type, body, signature: None })
        }
        _ => None,
    }
}

impl Request {
    pub(crate) fn json(url: Secret, body: String) -> Self {
        let content_type = "application/json; charset=utf-8".to_owned();
        Self { url, content_type, body: body.into_bytes(), signature: None }
    }
}

/// Whether the other side took the message: robots say so in the body, with status 200 in any case.
pub fn check_answer(kind: Kind, status: u16, body: &[u8]) -> Result<(), SendError> {
    if !(200..300).contains(&status) {
        return Err(SendError::Status { status });
    }
    let (code, words) = match kind {
        Kind::Wecom | Kind::Dingtalk => ("errcode", "errmsg"),
        Kind::Feishu => ("code", "msg"),
        Kind::Webhook | Kind::Slack | Kind::Telegram | Kind::Alertmanager | Kind::Email => return Ok(()),
    };
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    // An older robot of Feishu answers with StatusCode.
    let number = answer.get(code).or_else(|| answer.get("StatusCode")).and_then(Value::as_i64);
    match number {
        Some(0) => Ok(()),
        Some(number) => Err(refusal(number, answer.get(words))),
        None => Err(SendError::Refused(format!("the answer has no {code}"))),
    }
}

/// The other side said no, with a number and words.
pub(crate) fn refusal(number: i64, words: Option<&Value>) -> SendError {
    let words = words.and_then(Value::as_str).unwrap_or_default();
    let words: String = words.chars().filter(|c| !c.is_control()).take(QUOTED_CHARACTERS).collect();
    SendError::Refused(format!("{number} {words}").trim_end().to_owned())
}

/// What a webhook gets.
pub fn webhook(message: &Message) -> Value {
    let fields: serde_json::Map<String, Value> =
        message.fields.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let items: Vec<Value> = message
        .items
        .iter()
        .map(|item| {
            json!({
                "labels": item.labels, "text": item.text, "starts": time_text(item.starts_ms),
                "ends": item.ends_ms.map(time_text), "link": item.link, "details": item.details,
            })
        })
        .collect();
    json!({
        "event": message.event, "title": message.title, "text": message.text(),
        "time": message.time_text(), "fields": fields, "items": items,
    })
}

/// One alert for each item, or for the message where it has none.
fn alertmanager(message: &Message) -> Value {
    let alone = Item {
        labels: message.fields.iter().cloned().collect(),
        text: message.text(),
        starts_ms: message.time_ms,
        ..Item::default()
    };
    let items = if message.items.is_empty() { std::slice::from_ref(&alone) } else { &message.items };
    let alerts = items.iter().map(|item| {
        let mut labels: serde_json::Map<String, Value> = item
            .labels
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (label_name(name), Value::from(value.as_str())))
            .collect();
        labels.entry("alertname").or_insert_with(|| Value::from(message.event.as_str()));
        let ends_ms = item.ends_ms.unwrap_or(message.time_ms.saturating_add(ALERTMANAGER_KEEPS_MS));
        let mut alert = json!({
            "labels": labels, "annotations": { "summary": item.text, "description": message.text() },
            "startsAt": time_text(item.starts_ms), "endsAt": time_text(ends_ms),
        });
        if let Some(link) = &item.link {
            alert["generatorURL"] = Value::from(link.as_str());
        }
        alert
    });
    alerts.collect()
}

/// Letters, digits and `_`, no digit first, as Alertmanager wants names of labels.
fn label_name(name: &str) -> String {
    let mut name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert(0, '_');
    }
    name
}

/// The address without its chat, and the chat.
pub(crate) fn telegram_chat(url: &str) -> Option<(&str, &str)> {
    url.rsplit_once("?chat_id=").filter(|(_, chat)| !chat.is_empty() && !chat.contains('&'))
}

/// `timestamp` in milliseconds, and the signature of timestamp and key under the key.
fn dingtalk_url(url: &Secret, key: &Secret, now_ms: i64) -> Secret {
    let key = key.expose();
    let signature = STANDARD.encode(sign(key.as_bytes(), format!("{now_ms}\n{key}").as_bytes()));
    let url = url.expose();
    let separator = if url.contains('?') { '&' } else { '?' };
    Secret::new(format!("{url}{separator}timestamp={now_ms}&sign={}", percent_encoded(&signature)))
}

/// `timestamp` in seconds, and the signature of nothing under timestamp and key.
fn feishu(text: &str, key: Option<&Secret>, now_ms: i64) -> Value {
    let mut body = json!({ "msg_type": "text", "content": { "text": text } });
    if let Some(key) = key {
        let seconds = now_ms.div_euclid(1000);
        let signature = STANDARD.encode(sign(format!("{seconds}\n{}", key.expose()).as_bytes(), b""));
        body["timestamp"] = Value::from(seconds.to_string());
        body["sign"] = Value::from(signature);
    }
    body
}

/// Slack reads `&`, `<` and `>` as markup.
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For a value in a query.
pub(crate) fn percent_encoded_text(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The characters of base64 that mean something in a query.
fn percent_encoded(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            event: "server_unreachable".to_owned(),
            title: "server <unreachable>".to_owned(),
            fields: vec![("host".to_owned(), "web".to_owned())],
            time_ms: 1_000,
            items: Vec::new(),
            picture: None,
        }
    }

    fn made(kind: Kind, url: &str, key: Option<&str>) -> (String, Value, Option<String>) {
        let channel = Channel { kind, url: Secret::new(url), key: key.map(Secret::new), smtp: None };
        let request = request(&channel, &message(), 1_599_360_473_000).unwrap();
        (request.url.expose().to_owned(), serde_json::from_slice(&request.body).unwrap(), request.signature)
    }

    #[test]
    fn each_kind_has_its_shape() {
        let text = "server <unreachable>\nhost: web";
        let (_, body, _) = made(Kind::Webhook, "http://a/", None);
        assert_eq!(body["event"], "server_unreachable");
        assert_eq!((&body["fields"]["host"], &body["time"]), (&json!("web"), &json!("1970-01-01T00:00:01Z")));
        let robot = json!({ "msgtype": "text", "text": { "content": text } });
        assert_eq!(made(Kind::Wecom, "http://a/", None).1, robot);
        assert_eq!(made(Kind::Dingtalk, "http://a/", None).1, robot);
        let feishu = json!({ "msg_type": "text", "content": { "text": text } });
        assert_eq!(made(Kind::Feishu, "http://a/", None).1, feishu);
        let slack = json!({ "text": "server &lt;unreachable&gt;\nhost: web" });
        assert_eq!(made(Kind::Slack, "http://a/", None).1, slack);
        let (url, body, _) = made(Kind::Telegram, "http://a/bot1:k/sendMessage?chat_id=-5", None);
        assert_eq!(url, "http://a/bot1:k/sendMessage");
        assert_eq!((&body["chat_id"], &body["text"]), (&json!("-5"), &json!(text)));
    }

    #[test]
    fn alertmanager_gets_an_alert_for_each_item() {
        let (_, body, _) = made(Kind::Alertmanager, "http://a/api/v2/alerts", None);
        assert_eq!(body[0]["labels"], json!({ "alertname": "server_unreachable", "host": "web" }));
        assert_eq!(body[0]["endsAt"], "1970-01-02T00:00:01Z");
        let labels = [("alertname", "full"), ("mount point", "/"), ("1st", "x"), ("entity", "")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let item =
            Item { labels, ends_ms: Some(2_000), link: Some("http://p".to_owned()), ..Item::default() };
        let body = alertmanager(&Message { items: vec![item], ..message() });
        assert_eq!(body[0]["labels"], json!({ "alertname": "full", "mount_point": "/", "_1st": "x" }));
        assert_eq!(
            (&body[0]["endsAt"], &body[0]["generatorURL"]),
            (&json!("1970-01-01T00:00:02Z"), &json!("http://p"))
        );
    }

    #[test]
    fn texts_keep_to_what_services_take() {
        let long = Message { title: "ü".repeat(50_000), ..message() };
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Email) {
            let url = Secret::new("http://a/?chat_id=1");
            let channel = Channel { kind, url, key: None, smtp: None };
            let body = request(&channel, &long, 0).unwrap().body;
            let most = if kind == Kind::Wecom { 2048 + 100 } else { 20_000 };
            let robot = !matches!(kind, Kind::Webhook | Kind::Alertmanager);
            assert!(!robot || body.len() <= most, "{kind:?}: {}", body.len());
        }
    }

    /// Expected values from Python: `base64.b64encode(hmac.new(key, text, hashlib.sha256).digest())`.
    #[test]
    fn signatures_are_those_of_the_documents() {
        let (url, _, _) = made(Kind::Dingtalk, "http://a/send?access_token=t", Some("SECtest"));
        assert_eq!(
            url,
            "http://a/send?access_token=t&timestamp=1599360473000&sign=9uMBwWNha8Pcr4QQCL9YQitwL0E0g2JIxycWz23gAkE%3D"
        );
        let (_, body, _) = made(Kind::Feishu, "http://a/", Some("demo"));
        assert_eq!(
            (&body["timestamp"], &body["sign"]),
            (&json!("1599360473"), &json!("l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="))
        );
        let (_, _, signature) = made(Kind::Webhook, "http://a/", Some("key"));
        assert_eq!(signature.map(|text| text.len()), Some(64));
    }

    /// The MD5 is Python's `hashlib.md5(b"png").hexdigest()`.
    #[test]
    fn pictures_go_where_they_are_taken() {
        let of = |kind, url: &str| {
            let channel = Channel { kind, url: Secret::new(url), key: None, smtp: None };
            picture_request(&channel, b"png")
        };
        let request = of(Kind::Wecom, "http://a/?key=k").unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let image = json!({ "base64": "cG5n", "md5": "bff139fa05ac583f685a523ab3d110a0" });
        assert_eq!(body, json!({ "msgtype": "image", "image": image }));
        let request = of(Kind::Telegram, "http://a/bot1:k/sendMessage?chat_id=-5").unwrap();
        assert_eq!(request.url.expose(), "http://a/bot1:k/sendPhoto");
        let body = String::from_utf8(request.body).unwrap();
        assert!(
            body.contains("name=\"chat_id\"\r\n\r\n-5\r\n") && body.contains("\r\n\r\npng\r\n--"),
            "{body}"
        );
        assert_eq!(of(Kind::Slack, "http://a/"), None);
        let channel = Channel { kind: Kind::Wecom, url: Secret::new("http://a/"), key: None, smtp: None };
        assert_eq!(picture_request(&channel, &vec![0; 2_000_001]), None);
    }

    #[test]
    fn a_robot_that_refuses_is_heard() {
        assert!(check_answer(Kind::Wecom, 200, br#"{"errcode":0,"errmsg":"ok"}"#).is_ok());
        assert!(check_answer(Kind::Feishu, 200, br#"{"StatusCode":0,"StatusMessage":"success"}"#).is_ok());
        assert!(check_answer(Kind::Feishu, 200, br#"{"code":0}"#).is_ok());
        assert!(check_answer(Kind::Slack, 200, b"ok").is_ok());
        assert!(check_answer(Kind::Webhook, 204, b"").is_ok());
        let error = check_answer(Kind::Dingtalk, 200, br#"{"errcode":310000,"errmsg":"sign not match"}"#);
        assert_eq!(error.unwrap_err().to_string(), "refused: 310000 sign not match");
        for (kind, status, body) in [
            (Kind::Webhook, 302, ""),
            (Kind::Slack, 404, "no_service"),
            (Kind::Wecom, 200, "<html>"),
            (Kind::Feishu, 200, "{}"),
        ] {
            assert!(check_answer(kind, status, body.as_bytes()).is_err(), "{kind:?} {status}");
        }
    }
}
