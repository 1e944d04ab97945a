//! What can go wrong with a message. No text here has a secret in it: neither address nor key of a hook.

/// Why a message did not arrive, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("the address of a Telegram bot has to end with its chat, such as …/sendMessage?chat_id=-100123")]
    Chat,
    #[error("the address is none that a message can be sent to")]
    Address,
    #[error("cannot reach {host}")]
    Connect { host: String, source: std::io::Error },
    #[error("the system's certificate authorities cannot be used")]
    Roots(#[source] rustls::Error),
    #[error("talking to {host} failed")]
    Http { host: String, source: hyper::Error },
    #[error("the answer is longer than {limit} bytes or broke off")]
    Answer { limit: usize },
    #[error("no answer within {seconds} s")]
    Timeout { seconds: u64 },
    #[error("refused with status {status}")]
    Status { status: u16 },
    #[error("refused: {0}")]
    Refused(String),
    #[error("the e-mail cannot be put together")]
    Email(#[from] lettre::error::Error),
    #[error("{address:?} is no e-mail address")]
    EmailAddress { address: String, source: lettre::address::AddressError },
    #[error("the mail server did not take the message")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

impl SendError {
    /// Whether the same message will hardly be taken at another time either: the other side finds fault with what
    /// it says.
    pub fn is_of_content(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 413 | 422 } | Self::Email(_))
    }
}
