//! Messages of a WeCom application, to people, departments and tags of the company.
//!
//! A token is fetched with the company's id and the application's secret, and serves until it expires
//! (<https://developer.work.weixin.qq.com/document/path/91039>); messages are sent with it
//! (<https://developer.work.weixin.qq.com/document/path/90236>). A token may end earlier than it was said to: the answers
//! 40014 and 42001 mean that another one is needed (<https://developer.work.weixin.qq.com/document/path/90313>).

use std::path::PathBuf;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tacho_runtime::config::Reader;
use tokio::sync::Mutex;

use crate::channel::Secret;
use crate::error::SendError;
use crate::http::exchange_within;
use crate::message::Message;
use crate::payload::{Request, percent_encoded_text, refusal};
use crate::settings::{LoadError, read_secret};

const ADDRESS: &str = "https://qyapi.weixin.qq.com";
/// Bytes of a text or a markdown text.
const TEXT_BYTES: usize = 2048;
/// To one person in a minute.
const PER_MINUTE: usize = 30;
const MOST_USERS: usize = 1000;
const MOST_PARTIES: usize = 100;
/// Of a token's time, the part that is left unused: clocks and ways differ.
const TOKEN_MARGIN: Duration = Duration::from_secs(300);
const LONGEST_TOKEN: Duration = Duration::from_secs(24 * 3600);
/// `invalid access_token` and `access_token expired`.
const TOKEN_ENDED: [i64; 2] = [40014, 42001];

/// An application and whom it speaks to, as a configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WecomAppSettings {
    url: String,
    corp_id: String,
    agent_id: i64,
    secret_file: PathBuf,
    users: Vec<String>,
    parties: Vec<String>,
    tags: Vec<String>,
    markdown: bool,
}

/// An application, with its token.
#[derive(Debug)]
pub struct WecomApp {
    settings: WecomAppSettings,
    secret: Secret,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    until: Instant,
}

impl WecomAppSettings {
    /// Reads the keys of an application.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.text("url", ADDRESS).trim_end_matches('/').to_owned();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            reader.problem("url", "does not begin with https:// or http://");
        }
        let corp_id = reader.text("corp_id", "");
        if corp_id.is_empty() {
            reader.problem("corp_id", "is missing; write the company's id, such as \"ww1a2b3c\"");
        }
        let agent_id = reader.integer("agent_id", 0, 0..=i64::MAX as u64);
        if agent_id == 0 && !reader.has_problem("agent_id") {
            reader.problem("agent_id", "is missing; write the application's number, such as 1000002");
        }
        let secret_file = reader.path("secret_file", "");
        if secret_file.as_os_str().is_empty() && !reader.has_problem("secret_file") {
            reader.problem(
                "secret_file",
                "is missing; write the path of a file that holds the application's secret",
            );
        }
        let mut ids = |key, most: usize| {
            let ids = reader.list(key, |id| match id.contains('|') || id.is_empty() {
                true => Err(format!("has {id:?}; write one id each")),
                false => Ok(id.to_owned()),
            });
            if ids.len() > most {
                reader.problem(key, format_args!("has {}; at most {most} can be", ids.len()));
            }
            ids
        };
        let (users, parties, tags) =
            (ids("users", MOST_USERS), ids("parties", MOST_PARTIES), ids("tags", MOST_PARTIES));
        if users.is_empty() && parties.is_empty() && tags.is_empty() {
            reader.problem(
                "users",
                "write users, parties or tags; users = [\"@all\"] means all who see the application",
            );
        }
        let markdown = reader.choice("format", "text", &["text", "markdown"]) == "markdown";
        let agent_id = i64::try_from(agent_id).unwrap_or(i64::MAX);
        Self { url, corp_id, agent_id, secret_file, users, parties, tags, markdown }
    }

    /// Reads the secret.
    pub fn load(&self) -> Result<WecomApp, LoadError> {
        let secret = read_secret(&self.secret_file)?;
        Ok(WecomApp { settings: self.clone(), secret, token: Mutex::new(None) })
    }

    fn token_request(&self, secret: &Secret) -> Request {
        let (corp_id, secret) = (percent_encoded_text(&self.corp_id), percent_encoded_text(secret.expose()));
        let url = format!("{}/cgi-bin/gettoken?corpid={corp_id}&corpsecret={secret}", self.url);
        Request::json(Secret::new(url), String::new())
    }

    fn message_request(&self, message: &Message, token: &Secret) -> Request {
        let token = percent_encoded_text(token.expose());
        let url = format!("{}/cgi-bin/message/send?access_token={token}", self.url);
        let kind = if self.markdown { "markdown" } else { "text" };
        let text = if self.markdown { markdown(message) } else { message.text_within(TEXT_BYTES) };
        let mut body = json!({ "msgtype": kind, "agentid": self.agent_id, kind: { "content": text } });
        for (key, ids) in [("touser", &self.users), ("toparty", &self.parties), ("totag", &self.tags)] {
            if !ids.is_empty() {
                body[key] = Value::from(ids.join("|"));
            }
        }
        Request::json(Secret::new(url), body.to_string())
    }
}

impl WecomApp {
    /// Messages a minute that it takes.
    pub fn per_minute(&self) -> usize {
        PER_MINUTE
    }

    /// Says a message. A token that ended before its time is fetched anew, once.
    pub async fn say(&self, message: &Message) -> Result<(), SendError> {
        let first = self.token(None).await?;
        let answer = self.send(message, &first).await?;
        if !answer.number().is_some_and(|number| TOKEN_ENDED.contains(&number)) {
            return answer.check();
        }
        let second = self.token(Some(&first)).await?;
        self.send(message, &second).await?.check()
    }

    /// A token that holds, and is not `ended`.
    async fn token(&self, ended: Option<&Secret>) -> Result<Secret, SendError> {
        let mut held = self.token.lock().await;
        let is_good = |token: &&Token| token.until > Instant::now() && ended != Some(&token.text);
        if let Some(token) = held.as_ref().filter(is_good) {
            return Ok(token.text.clone());
        }
        *held = None;
        let began = Instant::now();
        let request = self.settings.token_request(&self.secret);
        let answer = Said::of(&exchange_within(Method::GET, &request).await?)?;
        answer.check()?;
        let text = answer.0.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            return Err(SendError::Refused("the answer has no access_token".to_owned()));
        }
        let seconds = answer.0.get("expires_in").and_then(Value::as_u64).unwrap_or(0);
        let lasts = Duration::from_secs(seconds).min(LONGEST_TOKEN).saturating_sub(TOKEN_MARGIN);
        let text = Secret::new(text);
        *held = Some(Token { text: text.clone(), until: began + lasts });
        Ok(text)
    }

    async fn send(&self, message: &Message, token: &Secret) -> Result<Said, SendError> {
        let request = self.settings.message_request(message, token);
        Said::of(&exchange_within(Method::POST, &request).await?)
    }
}

/// An answer.
struct Said(Value);

impl Said {
    fn of(answer: &crate::http::Answer) -> Result<Self, SendError> {
        if !(200..300).contains(&answer.status) {
            return Err(SendError::Status { status: answer.status });
        }
        Ok(Self(serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }

    fn number(&self) -> Option<i64> {
        self.0.get("errcode").and_then(Value::as_i64)
    }

    fn check(&self) -> Result<(), SendError> {
        match self.number() {
            Some(0) => Ok(()),
            Some(number) => Err(refusal(number, self.0.get("errmsg"))),
            None => Err(SendError::Refused("the answer has no errcode".to_owned())),
        }
    }
}

/// Title in bold, names of fields quoted. What means something in markdown is written so that it does not.
fn markdown(message: &Message) -> String {
    let plain = |text: &str| {
        let mut plain = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '<' => plain.push_str("&lt;"),
                '>' => plain.push_str("&gt;"),
                '*' | '`' | '[' | ']' | '#' | '_' | '\\' => plain.extend(['\\', c]),
                c => plain.push(c),
            }
        }
        plain
    };
    let mut text = format!("**{}**", plain(&message.title));
    for (name, value) in &message.fields {
        let is_address = value.starts_with("https://") || value.starts_with("http://");
        let is_address = is_address && !value.contains(['(', ')', '<', '>', ' ']);
        let line = match is_address {
            true => format!("\n[{}]({value})", plain(name)),
            false => format!("\n> {}: {}", plain(name), plain(value)),
        };
        // A line that does not fit would break off within a link.
        if text.len() + line.len() > TEXT_BYTES {
            break;
        }
        text.push_str(&line);
    }
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use tacho_runtime::config::Environment;

    use super::*;

    fn read(text: &str) -> Result<WecomAppSettings, Vec<String>> {
        let environment = Environment::new();
        let mut reader = Reader::new(text, "T", &environment);
        let settings = WecomAppSettings::read(&mut reader);
        reader.finish("test").map(|()| settings).map_err(|error| error.problems)
    }

    const GOOD: &str =
        "corp_id = 'ww1'\nagent_id = 7\nsecret_file = '/s'\nusers = ['ann', 'bob']\nparties = ['2']";

    fn message() -> Message {
        let fields = [("page", "https://a/b?x=1"), ("host", "<web> *1*")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Message { title: "disk [full]".to_owned(), fields, ..Message::default() }
    }

    #[test]
    fn requests_are_those_of_the_documents() {
        let settings = read(GOOD).unwrap();
        let request = settings.token_request(&Secret::new("a b&c"));
        assert_eq!(
            request.url.expose(),
            "https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=ww1&corpsecret=a%20b%26c"
        );
        let request = settings.message_request(&message(), &Secret::new("t"));
        assert!(request.url.expose().ends_with("/cgi-bin/message/send?access_token=t"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let expected = json!({
            "touser": "ann|bob", "toparty": "2", "msgtype": "text", "agentid": 7,
            "text": { "content": "disk [full]\npage: https://a/b?x=1\nhost: <web> *1*" },
        });
        assert_eq!(body, expected);
        let settings = read(&format!("{GOOD}\nformat = 'markdown'")).unwrap();
        let body: Value =
            serde_json::from_slice(&settings.message_request(&message(), &Secret::new("t")).body).unwrap();
        let text = "**disk \\[full\\]**\n[page](https://a/b?x=1)\n> host: &lt;web&gt; \\*1\\*";
        assert_eq!(body["markdown"], json!({ "content": text }));
    }

    #[test]
    fn a_markdown_text_keeps_to_what_is_taken() {
        let long = Message { title: "ü".repeat(2000), ..message() };
        assert!(markdown(&long).len() <= TEXT_BYTES);
        let fields = vec![("x".to_owned(), "y".repeat(1500)); 3];
        assert!(markdown(&Message { fields, ..message() }).len() <= TEXT_BYTES);
    }

    #[test]
    fn all_that_is_wrong_with_an_application_is_said() {
        assert_eq!(read("").unwrap_err().len(), 4);
        assert_eq!(read(&GOOD.replace("'ann'", "'a|b'")).unwrap_err().len(), 1);
        assert_eq!(read(&format!("{GOOD}\nformat = 'html'\nurl = 'x'")).unwrap_err().len(), 2);
    }
}
