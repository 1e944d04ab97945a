//! E-mail over SMTP.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use crate::channel::{Kind, Security, Smtp};
use crate::error::SendError;
use crate::message::Message;

/// Of each step of the conversation.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// Of all of it.
const TIMEOUT: Duration = Duration::from_secs(30);
/// By which the HTML names the picture.
const PICTURE: &str = "chart";
const PNG: &str = "image/png";

/// Hands `message` to the mail server.
pub(crate) async fn send(smtp: &Smtp, message: &Message) -> Result<(), SendError> {
    let email = email(smtp, message)?;
    let transport = transport(smtp)?;
    match tokio::time::timeout(TIMEOUT, transport.send(email)).await {
        Ok(sent) => Ok(sent.map(drop)?),
        Err(_) => Err(SendError::Timeout { seconds: TIMEOUT.as_secs() }),
    }
}

fn email(smtp: &Smtp, message: &Message) -> Result<lettre::Message, SendError> {
    // A line break in a title would begin another header.
    let subject: String = message.title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut builder = lettre::Message::builder().from(mailbox(&smtp.from)?).subject(subject);
    for to in &smtp.to {
        builder = builder.to(mailbox(to)?);
    }
    let text = format!("{}\n\n{}\n", message.text_within(Kind::Email.text_bytes()), message.time_text());
    let Some(png) = &message.picture else {
        return Ok(builder.multipart(MultiPart::alternative_plain_html(text, message.html()))?);
    };
    let html = format!("{}<p><img src=\"cid:{PICTURE}\" alt=\"\"></p>", message.html());
    let png = Attachment::new_inline(PICTURE.to_owned())
        .body(png.clone(), ContentType::parse(PNG).expect("it is a content type"));
    let html = MultiPart::related().singlepart(SinglePart::html(html)).singlepart(png);
    Ok(builder.multipart(MultiPart::alternative().singlepart(SinglePart::plain(text)).multipart(html))?)
}

fn mailbox(text: &str) -> Result<Mailbox, SendError> {
    let wrong = |source| SendError::EmailAddress { address: text.to_owned(), source };
    Ok(Mailbox::new(None, text.parse::<Address>().map_err(wrong)?))
}

fn transport(smtp: &Smtp) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
    type Transport = AsyncSmtpTransport<Tokio1Executor>;
    let (host, port) = match smtp.server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| SendError::Address)?),
        None => (smtp.server.as_str(), smtp.security.port()),
    };
    let host = host.trim_matches(['[', ']']);
    let builder = match smtp.security {
        Security::Tls => Transport::relay(host)?,
        Security::Starttls => Transport::starttls_relay(host)?,
        Security::None => Transport::builder_dangerous(host),
    };
    let builder = builder.port(port).timeout(Some(STEP_TIMEOUT));
    if smtp.user.is_empty() {
        return Ok(builder.build());
    }
    let credentials = Credentials::new(smtp.user.clone(), smtp.password.expose().to_owned());
    Ok(builder.credentials(credentials).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Secret;

    #[test]
    fn an_email_has_one_subject_whatever_the_title_holds() {
        let smtp = Smtp {
            server: "mail".to_owned(),
            security: Security::None,
            user: String::new(),
            password: Secret::default(),
            from: "tacho@example.org".to_owned(),
            to: vec!["a@example.org".to_owned(), "b@example.org".to_owned()],
        };
        let message = Message {
            event: "e".to_owned(),
            title: "down\r\nBcc: x@example.org".to_owned(),
            fields: vec![("since".to_owned(), "now".to_owned())],
            ..Message::default()
        };
        let text = String::from_utf8(email(&smtp, &message).unwrap().formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("To: a@example.org, b@example.org") && text.contains("since: now"), "{text}");
        let pictured = Message { picture: Some(vec![1, 2, 3]), ..message.clone() };
        let text = String::from_utf8(email(&smtp, &pictured).unwrap().formatted()).unwrap();
        assert!(text.contains("cid:chart") && text.contains("Content-ID: <chart>"), "{text}");
        assert!(text.contains("Content-Type: image/png"), "{text}");
        assert!(email(&Smtp { from: "nobody".to_owned(), ..smtp }, &message).is_err());
    }
}
