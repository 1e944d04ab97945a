//! Where notifications go.

use std::path::PathBuf;
use std::time::Duration;

use tacho_alert::{Notification, Route};
use tacho_notify::{Channel, ChannelSettings, LoadError, Message, SendError, WecomApp, WecomAppSettings};
use tacho_runtime::logging;

use super::message::{message, test_message};
use super::words::Words;
use super::{file, program};

mod settings;

pub use settings::{ReceiverSettings, read_receivers};

/// Messages a minute to a program.
const PROGRAM_PER_MINUTE: usize = 60;

/// One place that notifications go to.
#[derive(Debug)]
pub struct Receiver {
    pub name: String,
    pub kind: ReceiverKind,
    /// What it is told of.
    pub route: Route,
    /// The language of its messages.
    pub words: &'static Words,
}

/// How a receiver is reached.
#[derive(Debug)]
pub enum ReceiverKind {
    /// One line for each alert, at the end of a file.
    File { path: PathBuf },
    /// A program on this machine, which reads JSON from its standard input.
    Program { command: Vec<String> },
    /// A hook, a robot, a mail server.
    Channel(Box<Channel>),
    /// A WeCom application, which needs a token.
    WecomApp(Box<WecomApp>),
}

/// Why a receiver did not take a message. No text has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("cannot write {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot run {program}")]
    Program { program: String, source: std::io::Error },
    #[error("{program} ended with {status}")]
    Ended { program: String, status: std::process::ExitStatus },
    #[error("{program} took longer than {} s", limit.as_secs())]
    Slow { program: String, limit: Duration },
    #[error(transparent)]
    Send(#[from] SendError),
}

impl ReceiverError {
    /// Whether the same message will hardly be taken at another time either.
    pub(super) fn is_of_content(&self) -> bool {
        matches!(self, Self::Send(error) if error.is_of_content())
    }
}

impl Receiver {
    /// Without any limits of what it is told of.
    pub fn new(name: &str, kind: ReceiverKind) -> Self {
        Self { name: name.to_owned(), kind, route: Route::default(), words: Words::of("en") }
    }

    /// As in the settings.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            ReceiverKind::File { .. } => "file",
            ReceiverKind::Program { .. } => "program",
            ReceiverKind::Channel(channel) => channel.kind.name(),
            ReceiverKind::WecomApp(_) => "wecom_app",
        }
    }

    /// Messages that it takes in a minute.
    pub(crate) fn per_minute(&self) -> usize {
        match &self.kind {
            ReceiverKind::File { .. } => usize::MAX,
            ReceiverKind::Program { .. } => PROGRAM_PER_MINUTE,
            // A message may be followed by its picture.
            ReceiverKind::Channel(channel) if channel.kind.sends_pictures() => channel.kind.per_minute() / 2,
            ReceiverKind::Channel(channel) => channel.kind.per_minute(),
            ReceiverKind::WecomApp(app) => app.per_minute(),
        }
    }

    /// Hands a notification over, once, within a bounded time.
    pub(super) async fn send(
        &self,
        notification: &Notification,
        page_url: &str,
        now_ms: i64,
    ) -> Result<(), ReceiverError> {
        match &self.kind {
            ReceiverKind::File { path } => file::append(path, file::lines(notification)).await,
            _ => self.say(&message(notification, page_url, self.words), now_ms).await,
        }
    }

    /// Says something to try the way out.
    pub async fn test(&self, page_url: &str, now_ms: i64) -> Result<(), ReceiverError> {
        self.say(&test_message(&self.name, page_url, self.words, now_ms), now_ms).await
    }

    async fn say(&self, message: &Message, now_ms: i64) -> Result<(), ReceiverError> {
        match &self.kind {
            ReceiverKind::File { path } => {
                file::append(path, format!("{} TEST {}\n", message.time_text(), message.title)).await
            }
            ReceiverKind::Program { command } => program::run(command, message).await,
            ReceiverKind::Channel(channel) => {
                tacho_notify::send(channel, message, now_ms).await?;
                // The message was taken: it is not said again for want of a picture.
                if let Err(error) = tacho_notify::show_picture(channel, message).await {
                    let (receiver, error) = (&self.name, logging::chain(&error));
                    tracing::warn!(receiver, error, "the picture of a message was not taken");
                }
                Ok(())
            }
            ReceiverKind::WecomApp(app) => Ok(app.say(message).await?),
        }
    }
}

/// A receiver as the settings have it, with its secrets still in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KindSettings {
    File { path: PathBuf },
    Program { command: Vec<String> },
    Channel(Box<ChannelSettings>),
    WecomApp(Box<WecomAppSettings>),
}

impl KindSettings {
    fn load(&self) -> Result<ReceiverKind, LoadError> {
        Ok(match self {
            Self::File { path } => ReceiverKind::File { path: path.clone() },
            Self::Program { command } => ReceiverKind::Program { command: command.clone() },
            Self::Channel(settings) => ReceiverKind::Channel(Box::new(settings.load()?)),
            Self::WecomApp(settings) => ReceiverKind::WecomApp(Box::new(settings.load()?)),
        })
    }
}
