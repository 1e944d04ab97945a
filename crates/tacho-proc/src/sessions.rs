//! Session files of systemd's login manager, `/run/systemd/sessions/*`: who is logged in where there is no
//! `utmp` any more.

use crate::bytes::{key_and_rest, lines, number};

/// One session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Session<'t> {
    pub user: &'t [u8],
    /// Terminal without `/dev/`, or a seat's display.
    pub terminal: &'t [u8],
    /// Name or address of the machine the user came from.
    pub origin: &'t [u8],
    /// When it began, in microseconds since the epoch.
    pub since_us: Option<u64>,
    pub leader: Option<u64>,
}

/// The session that a file tells of, when it is one of a user and has not ended.
///
/// `USER=ann`, `CLASS=user`, `STATE=active`, `TTY=pts/0`, `REMOTE_HOST=192.0.2.17`, `REALTIME=1700000000000000`
pub fn parse_session(text: &[u8]) -> Option<Session<'_>> {
    let mut session = Session::default();
    let mut is_user = false;
    for line in lines(text) {
        let Some((key, value)) = key_and_rest(line, b'=') else { continue };
        match key {
            b"USER" => session.user = value,
            b"TTY" | b"DISPLAY" if session.terminal.is_empty() => session.terminal = value,
            b"REMOTE_HOST" => session.origin = value,
            b"REALTIME" => session.since_us = number(value),
            b"LEADER" => session.leader = number(value),
            b"CLASS" => is_user = matches!(value, b"user" | b"user-early" | b"user-light"),
            b"STATE" if value == b"closing" => return None,
            _ => {}
        }
    }
    (is_user && !session.user.is_empty()).then_some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_users_that_live() {
        let text = b"# This is private data. Do not parse.\nUID=1000\nUSER=ann\nACTIVE=1\nSTATE=active\nREMOTE=1\n\
                     TYPE=tty\nCLASS=user\nTTY=pts/0\nREMOTE_HOST=192.0.2.17\nLEADER=77\nREALTIME=1700000000000000\n";
        let ann = Session {
            user: b"ann",
            terminal: b"pts/0",
            origin: b"192.0.2.17",
            since_us: Some(1_700_000_000_000_000),
            leader: Some(77),
        };
        assert_eq!(parse_session(text), Some(ann));
        assert_eq!(parse_session(b"USER=ann\nCLASS=manager\n"), None);
        assert_eq!(parse_session(b"USER=ann\nCLASS=user\nSTATE=closing\n"), None);
        assert_eq!(parse_session(b"CLASS=user\n=\nx\n"), None);
    }
}
