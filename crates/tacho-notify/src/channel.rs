//! Where a message can go.

use std::fmt;

/// Text that nothing prints: an address that lets its holder speak, a key, a password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Webhook,
    Wecom,
    Dingtalk,
    Feishu,
    Slack,
    Telegram,
    Alertmanager,
    Email,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Webhook,
        Self::Wecom,
        Self::Dingtalk,
        Self::Feishu,
        Self::Slack,
        Self::Telegram,
        Self::Alertmanager,
        Self::Email,
    ];

    /// As in configurations and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Slack => "slack",
            Self::Telegram => "telegram",
            Self::Alertmanager => "alertmanager",
            Self::Email => "email",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Messages a minute that the service takes, or that people can read.
    ///
    /// WeCom and DingTalk: 20 for each robot. Feishu: 100. Slack: one a second. Telegram: 20 to one group.
    pub fn per_minute(self) -> usize {
        match self {
            Self::Wecom | Self::Dingtalk | Self::Telegram => 20,
            Self::Slack | Self::Email => 60,
            Self::Feishu => 100,
            Self::Webhook | Self::Alertmanager => 600,
        }
    }

    /// Bytes of text that the service takes in one message.
    ///
    /// WeCom: 2048 bytes. DingTalk and Feishu: 20 kB for the whole request. Slack: 40 000 characters, of which it
    /// shows 4000 well. Telegram: 4096 characters.
    pub(crate) fn text_bytes(self) -> usize {
        match self {
            Self::Wecom => 2048,
            Self::Slack | Self::Telegram => 4000,
            Self::Dingtalk | Self::Feishu => 8000,
            Self::Webhook | Self::Alertmanager | Self::Email => 64 << 10,
        }
    }

    /// Whether a picture is a message of its own.
    pub fn sends_pictures(self) -> bool {
        matches!(self, Self::Wecom | Self::Telegram)
    }

    /// Whether messages can be signed with a key.
    pub fn has_key(self) -> bool {
        matches!(self, Self::Webhook | Self::Dingtalk | Self::Feishu)
    }
}

/// One place to speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub kind: Kind,
    /// Of the hook or robot; empty for e-mail. For Telegram it ends with the chat: `…/sendMessage?chat_id=-100123`.
    pub url: Secret,
    /// Signs the messages, where [`Kind::has_key`].
    pub key: Option<Secret>,
    /// For e-mail.
    pub smtp: Option<Smtp>,
}

/// A mail server, and who writes to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// `host:port`.
    pub server: String,
    pub security: Security,
    /// Empty: no sign-in.
    pub user: String,
    pub password: Secret,
    pub from: String,
    pub to: Vec<String>,
}

/// How the connection to a mail server is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// From a command on; refused where the server does not offer it.
    Starttls,
    None,
}

impl Security {
    pub const ALL: [Self; 3] = [Self::Tls, Self::Starttls, Self::None];

    pub fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }

    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|security| security.name() == name)
    }

    /// Port where servers listen for it.
    pub fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let smtp = Smtp {
            server: "mail:25".to_owned(),
            security: Security::None,
            user: "u".to_owned(),
            password: Secret::new("hidden-1"),
            from: String::new(),
            to: Vec::new(),
        };
        let channel = Channel {
            kind: Kind::Email,
            url: Secret::new("https://hidden-2"),
            key: Some(Secret::new("hidden-3")),
            smtp: Some(smtp),
        };
        assert!(!format!("{channel:?}").contains("hidden"), "{channel:?}");
    }

    #[test]
    fn names_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_name(kind.name()), Some(kind));
        }
        for security in Security::ALL {
            assert_eq!(Security::by_name(security.name()), Some(security));
        }
        assert_eq!((Kind::by_name("fax"), Security::by_name("")), (None, None));
    }
}
