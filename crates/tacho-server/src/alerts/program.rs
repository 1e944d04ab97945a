//! A program on this machine that is told, by its standard input.

use std::process::Stdio;
use std::time::Duration;

use tacho_notify::{Message, payload};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::receiver::ReceiverError;

/// Of one run; what takes longer is killed.
const LIMIT: Duration = Duration::from_secs(30);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `command` with the message as JSON at its standard input, as a webhook gets it. Exit code 0 means that it
/// was taken. No shell reads any of it.
pub(super) async fn run(command: &[String], message: &Message) -> Result<(), ReceiverError> {
    let (program, arguments) =
        command.split_first().map_or(("", command), |(first, rest)| (first.as_str(), rest));
    let failed = |source| ReceiverError::Program { program: program.to_owned(), source };
    let ran = async {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // A program that does not read what it is told may be content with being run.
            let written = input.write_all(payload::webhook(message).to_string().as_bytes()).await;
            drop((written, input));
        }
        let status = child.wait().await.map_err(failed)?;
        if status.success() {
            Ok(())
        } else {
            Err(ReceiverError::Ended { program: program.to_owned(), status })
        }
    };
    match tokio::time::timeout(LIMIT, ran).await {
        Ok(ran) => ran,
        Err(_) => Err(ReceiverError::Slow { program: program.to_owned(), limit: LIMIT }),
    }
}
