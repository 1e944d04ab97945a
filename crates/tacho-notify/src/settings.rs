//! Channels in a configuration. Secrets are read from files, so that the configuration may be shown to anybody.

use std::path::{Path, PathBuf};

use tacho_runtime::config::Reader;

use crate::channel::{Channel, Kind, Secret, Security, Smtp};
use crate::payload::telegram_chat;

/// Each may hold up the others for as long as a send takes.
const MAX_CHANNELS: usize = 16;
const MAX_RECEIVERS: usize = 64;
/// A secret is one line.
const SECRET_BYTES: u64 = 4096;
/// Names of all kinds.
pub const KINDS: &[&str] =
    &["webhook", "wecom", "dingtalk", "feishu", "slack", "telegram", "alertmanager", "email"];

/// A channel as a configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSettings {
    pub kind: Kind,
    url: Secret,
    url_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    smtp: Option<Smtp>,
    password_file: Option<PathBuf>,
}

/// Why a channel can not be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("a Telegram bot's address has to end with its chat, such as …/sendMessage?chat_id=-100123")]
    Chat,
    #[error("{} is empty, is longer than {SECRET_BYTES} bytes, or is no text; write the secret on one line", path.display())]
    Content { path: PathBuf },
}

/// Reads all tables `[[channel]]` of `reader`.
pub fn read_channels(reader: &mut Reader<'_>) -> Vec<ChannelSettings> {
    let channels = reader.tables("channel", |reader| {
        let name = reader.choice("kind", "webhook", KINDS);
        read_channel(reader, Kind::by_name(&name).unwrap_or(Kind::Webhook))
    });
    if channels.len() > MAX_CHANNELS {
        reader
            .problem("channel", format_args!("there are {}; at most {MAX_CHANNELS} can be", channels.len()));
    }
    channels
}

impl ChannelSettings {
    /// Reads the secrets.
    pub fn load(&self) -> Result<Channel, LoadError> {
        let url = self.url_file.as_deref().map(read_secret).transpose()?.unwrap_or_else(|| self.url.clone());
        let key = self.key_file.as_deref().map(read_secret).transpose()?;
        let mut smtp = self.smtp.clone();
        if let (Some(smtp), Some(file)) = (&mut smtp, &self.password_file) {
            smtp.password = read_secret(file)?;
        }
        if self.kind == Kind::Telegram && telegram_chat(url.expose()).is_none() {
            return Err(LoadError::Chat);
        }
        Ok(Channel { kind: self.kind, url, key, smtp })
    }
}

/// Reads the keys of a channel of a kind.
pub fn read_channel(reader: &mut Reader<'_>, kind: Kind) -> ChannelSettings {
    let name = kind.name();
    let url = reader.text("url", "");
    let file = |reader: &mut Reader<'_>, key| Some(reader.text(key, "")).filter(|text| !text.is_empty());
    let (url_file, key_file) = (file(reader, "url_file"), file(reader, "key_file"));
    let password_file = file(reader, "password_file");
    let smtp = read_smtp(reader, kind, password_file.is_some());
    if kind == Kind::Email {
        if !url.is_empty() || url_file.is_some() {
            reader.problem("url", "an e-mail has none; write smtp_server, from and to");
        }
    } else if url.is_empty() == url_file.is_none() {
        reader.problem("url", "write url, or url_file with the path of a file that holds it");
    } else if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
        reader.problem("url", "does not begin with https:// or http://");
    }
    if key_file.is_some() && !kind.has_key() {
        reader.problem("key_file", format_args!("{name} signs nothing"));
    }
    let path = |text: Option<String>| text.map(PathBuf::from);
    let (url_file, key_file, password_file) = (path(url_file), path(key_file), path(password_file));
    ChannelSettings { kind, url: Secret::new(url), url_file, key_file, smtp, password_file }
}

fn read_smtp(reader: &mut Reader<'_>, kind: Kind, has_password: bool) -> Option<Smtp> {
    let server = reader.text("smtp_server", "");
    let security = reader.choice("smtp_security", "starttls", &["tls", "starttls", "none"]);
    let security = Security::by_name(&security).unwrap_or(Security::Starttls);
    let user = reader.text("user", "");
    let from = reader.text("from", "");
    let to = reader.list("to", |address| {
        if address.contains('@') {
            Ok(address.to_owned())
        } else {
            Err(format!("is {address:?}; write an e-mail address"))
        }
    });
    if kind != Kind::Email {
        if !server.is_empty() || !from.is_empty() || !to.is_empty() || !user.is_empty() || has_password {
            reader.problem(
                "smtp_server",
                "only kind = \"email\" has smtp_server, user, password_file, from and to",
            );
        }
        return None;
    }
    if server.is_empty() {
        reader.problem(
            "smtp_server",
            r#"is missing; write a host, or host and port, such as "mail.example.org:587""#,
        );
    }
    if !from.contains('@') {
        reader.problem("from", format_args!("is {from:?}; write the e-mail address that messages come from"));
    }
    if (to.is_empty() && !reader.has_problem("to")) || to.len() > MAX_RECEIVERS {
        reader.problem("to", format_args!("has {} addresses; write 1 to {MAX_RECEIVERS}", to.len()));
    }
    if user.is_empty() == has_password {
        reader.problem("user", "user and password_file go together");
    }
    if security == Security::None && !user.is_empty() {
        reader.problem("smtp_security", "a password is not sent without TLS; write \"tls\" or \"starttls\"");
    }
    Some(Smtp { server, security, user, password: Secret::default(), from, to })
}

pub(crate) fn read_secret(path: &Path) -> Result<Secret, LoadError> {
    use std::io::Read as _;
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(read)?.take(SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
    let content = || LoadError::Content { path: path.to_owned() };
    let text =
        String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= SECRET_BYTES).ok_or_else(content)?;
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_control) { Err(content()) } else { Ok(Secret::new(text)) }
}

#[cfg(test)]
mod tests {
    use tacho_runtime::config::Environment;

    use super::*;

    fn read(text: &str) -> Result<Vec<ChannelSettings>, Vec<String>> {
        let environment = Environment::new();
        let mut reader = Reader::new(text, "T", &environment);
        let channels = read_channels(&mut reader);
        reader.finish("test").map(|()| channels).map_err(|error| error.problems)
    }

    #[test]
    fn secrets_come_from_files() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let (url, key) = (file("url", " https://hook.example.org/abc\n"), file("key", "k\n"));
        let text = format!("[[channel]]\nkind = 'dingtalk'\nurl_file = '{url}'\nkey_file = '{key}'");
        let channel = read(&text).unwrap()[0].load().unwrap();
        assert_eq!(channel.url.expose(), "https://hook.example.org/abc");
        assert_eq!(channel.key.unwrap().expose(), "k");
        for (name, content) in [("empty", " \n"), ("two", "a\nb"), ("long", &"a".repeat(5000))] {
            let path = file(name, content);
            let text = format!("[[channel]]\nurl_file = '{path}'");
            let error = read(&text).unwrap()[0].load().unwrap_err();
            assert!(error.to_string().contains(&path), "{error}");
        }
    }

    #[test]
    fn an_email_wants_server_sender_and_receivers() {
        let good = "[[channel]]\nkind = 'email'\nsmtp_server = 'm:25'\nsmtp_security = 'none'\nfrom = 'a@b'\nto = ['c@d']";
        let smtp = read(good).unwrap()[0].load().unwrap().smtp.unwrap();
        assert_eq!((smtp.security, smtp.to.len()), (Security::None, 1));
        let problems =
            read("[[channel]]\nkind = 'email'\nurl = 'http://x'\nuser = 'u'\nto = ['nobody']").unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
        assert_eq!(read(&format!("{good}\nuser='u'\npassword_file='/p'")).unwrap_err().len(), 1);
    }

    #[test]
    fn a_hook_wants_one_address() {
        assert_eq!(read("[[channel]]\nkind = 'slack'").unwrap_err().len(), 1);
        assert_eq!(read("[[channel]]\nkind = 'slack'\nurl = 'ftp://a'").unwrap_err().len(), 1);
        assert_eq!(
            read("[[channel]]\nkind = 'slack'\nurl = 'http://a'\nkey_file = '/k'").unwrap_err().len(),
            1
        );
        assert_eq!(read("[[channel]]\nkind = 'slack'\nurl = 'http://a'\nfrom = 'a@b'").unwrap_err().len(), 1);
        assert_eq!(read(&"[[channel]]\nurl = 'http://a'\n".repeat(17)).unwrap_err().len(), 1);
    }
}
