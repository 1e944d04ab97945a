//! Messages to people and programs: webhook, WeCom (robot and application), DingTalk, Feishu, Slack, Telegram, Alertmanager, e-mail.
//!
//! What is said is put together by pure functions ([`payload`]); [`send`] brings it there, once, within a bounded
//! time, and believes no more than a small answer. Addresses of hooks, keys and passwords are [`Secret`]: nothing
//! prints them.

mod channel;
mod email;
mod error;
mod http;
mod message;
pub mod payload;
mod settings;
mod wecom_app;

pub use channel::{Channel, Kind, Secret, Security, Smtp};
pub use error::SendError;
pub use message::{Item, Message};
pub use settings::{ChannelSettings, KINDS, LoadError, read_channel, read_channels};
pub use wecom_app::{WecomApp, WecomAppSettings};

/// Says a message through a channel. `now_ms`: milliseconds since the epoch, for signatures.
pub async fn send(channel: &Channel, message: &Message, now_ms: i64) -> Result<(), SendError> {
    match &channel.smtp {
        Some(smtp) if channel.kind == Kind::Email => email::send(smtp, message).await,
        _ => {
            let request = payload::request(channel, message, now_ms)?;
            let answer = http::post(&request).await?;
            payload::check_answer(channel.kind, answer.status, &answer.body)
        }
    }
}

/// Shows the picture of a message that was said, where the channel takes pictures by themselves. Whether it did.
pub async fn show_picture(channel: &Channel, message: &Message) -> Result<bool, SendError> {
    let png = message.picture.as_deref();
    let Some(request) = png.and_then(|png| payload::picture_request(channel, png)) else { return Ok(false) };
    let answer = http::post(&request).await?;
    payload::check_answer(channel.kind, answer.status, &answer.body).map(|()| true)
}
