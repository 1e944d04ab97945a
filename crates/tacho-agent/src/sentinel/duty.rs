//! What the server told about watching it, kept for a restart while it is away.

use std::path::{Path, PathBuf};

use prost::Message as _;
use tacho_notify::{Channel, Kind, Secret, Security, Smtp};
use tacho_runtime::files::write_private;
use tacho_wire::v1::{NoticeChannel, Sentinel};

/// Sentinels that are asked at most.
pub(super) const MAX_BEFORE: usize = 16;
const MAX_CHANNELS: usize = 16;
/// More is no duty of a server.
const MAX_BYTES: u64 = 256 << 10;

/// The file with the newest duty; only the agent can read it, for there are secrets in it.
#[derive(Debug)]
pub struct DutyFile {
    path: PathBuf,
}

impl DutyFile {
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("sentinel") }
    }

    /// The duty of before the restart; absent when there is none that can be read.
    pub fn read(&self) -> Option<Sentinel> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        let bytes = if metadata.len() <= MAX_BYTES { std::fs::read(&self.path).ok()? } else { return None };
        Sentinel::decode(bytes.as_slice()).ok()
    }

    /// Keeps a duty, unless it is there already.
    pub fn write(&self, duty: &Sentinel) {
        if self.read().unwrap_or_default() == *duty {
            return;
        }
        if let Err(error) = write_private(&self.path, &duty.encode_to_vec()) {
            tracing::warn!(path = %self.path.display(), %error, "cannot keep what the server told about watching it; a restart forgets it");
        }
    }
}

/// Channels that this version knows; others are left out.
pub fn channels_from_wire(channels: &[NoticeChannel]) -> Vec<Channel> {
    channels.iter().take(MAX_CHANNELS).filter_map(channel_from_wire).collect()
}

fn channel_from_wire(channel: &NoticeChannel) -> Option<Channel> {
    let kind = Kind::by_name(&channel.kind)?;
    let key = Some(channel.key.as_str()).filter(|key| !key.is_empty()).map(Secret::new);
    let smtp = match &channel.smtp {
        Some(smtp) => Some(Smtp {
            server: smtp.server.clone(),
            security: Security::by_name(&smtp.security)?,
            user: smtp.user.clone(),
            password: Secret::new(smtp.password.as_str()),
            from: smtp.from.clone(),
            to: smtp.to.clone(),
        }),
        None if kind == Kind::Email => return None,
        None => None,
    };
    Some(Channel { kind, url: Secret::new(channel.url.as_str()), key, smtp })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tacho_wire::v1::SentinelPeer;

    use super::*;

    #[test]
    fn a_duty_outlives_a_restart_and_is_nobodys_business() {
        let directory = tempfile::tempdir().unwrap();
        let file = DutyFile::new(directory.path());
        assert_eq!(file.read(), None);
        let channel = |kind: &str| NoticeChannel {
            kind: kind.to_owned(),
            url: "http://hook".to_owned(),
            ..NoticeChannel::default()
        };
        let channels = vec![channel("slack"), channel("fax"), channel("email")];
        let duty = Sentinel { rank: 2, before: vec![SentinelPeer::default()], channels };
        file.write(&duty);
        assert_eq!(DutyFile::new(directory.path()).read(), Some(duty.clone()));
        let mode = std::fs::metadata(directory.path().join("sentinel")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let known = channels_from_wire(&duty.channels);
        assert_eq!(known.iter().map(|channel| channel.kind).collect::<Vec<_>>(), [Kind::Slack]);
        std::fs::write(directory.path().join("sentinel"), b"\xff\xff damaged").unwrap();
        assert_eq!(file.read(), None);
    }
}
