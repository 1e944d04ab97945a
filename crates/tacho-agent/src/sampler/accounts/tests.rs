use std::time::{Duration, UNIX_EPOCH};

use super::*;

/// A tree with accounts of several kinds.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        tree.write("etc/login.defs", b"UID_MIN 1000\n");
        tree.write(
            "etc/passwd",
            b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/\nann:x:1000:1000::/:/\n\
              bob:x:1001:1001::/:/\ncarl:x:1002:27::/:/\ndora:x:1003:1003::/:/\nnobody:x:65534:65534::/:/\n",
        );
        tree.write("etc/group", b"root:x:0:\nsudo:x:27:ann\nops:x:50:bob\nusers:x:100:dora\n");
        tree
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn places(&self) -> Places {
        let at = |name| self.0.path().join(name);
        Places { etc_root: at("etc"), run_root: at("run"), var_root: at("var"), dev_root: at("dev") }
    }

    fn overview(&self) -> UsersOverview {
        overview(&self.places())
    }
}

/// A login record as glibc of this machine writes it.
pub(in crate::sampler) fn record(
    kind: i16,
    user: &str,
    terminal: &str,
    origin: &str,
    time_s: u32,
) -> Vec<u8> {
    let layout = LoginLayout::of_this_machine();
    let mut bytes = vec![0; layout.record_bytes()];
    bytes[..2].copy_from_slice(&kind.to_ne_bytes());
    bytes[4..8].copy_from_slice(&77i32.to_ne_bytes());
    for (at, text) in [(8, terminal), (44, user), (76, origin)] {
        bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let time_at = if layout == LoginLayout::Compact { 340 } else { 344 };
    bytes[time_at..time_at + 4].copy_from_slice(&time_s.to_le_bytes());
    bytes
}

#[test]
fn people_and_who_can_become_root() {
    let tree = Tree::new();
    let overview = tree.overview();
    assert_eq!(overview.ordinary, Some(4));
    assert_eq!(
        overview.can_become_root,
        ["ann", "carl", "root", "toor"],
        "sudo by its members and first group"
    );
    assert_eq!(overview.absent, ["users logged in: neither utmp nor a login manager here"]);
    tree.write("etc/sudoers", b"User_Alias OPS = %ops\nroot ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n");
    tree.write("etc/sudoers.d/ops", b"OPS ALL=(root) NOPASSWD: /usr/bin/systemctl\n");
    tree.write("etc/sudoers.d/ops.bak", b"dora ALL=ALL\n");
    assert_eq!(tree.overview().can_become_root, ["ann", "bob", "carl", "root", "toor"]);
    tree.write("etc/sudoers", b"#include sudoers\n#include /etc/missing\nALL ALL=(ALL) ALL\n");
    let overview = tree.overview();
    assert_eq!(overview.can_become_root.len(), 8, "everybody");
    assert!(overview.absent.contains(&"rules of sudo in /etc/missing: not on this host".to_owned()));
    std::fs::remove_file(tree.0.path().join("etc/passwd")).unwrap();
    let overview = tree.overview();
    assert_eq!(overview.ordinary, None);
    assert!(overview.absent.contains(&"accounts: not on this host".to_owned()), "{:?}", overview.absent);
}

#[test]
fn sessions_of_utmp_and_who_was_active_last() {
    let tree = Tree::new();
    let utmp = [
        record(2, "reboot", "~", "6.1.0", 900),
        record(7, "bob", "pts/1", "192.0.2.17", 1100),
        record(8, "", "pts/2", "", 1000),
        record(7, "ann", "tty1", ":0", 1000),
        record(7, "bob", "pts/../x", "", 1200),
    ];
    tree.write("run/utmp", &utmp.concat());
    tree.write("dev/tty1", b"");
    let wtmp = [
        record(2, "reboot", "~", "", 9000),
        record(7, "root", "tty1", "", 10),
        record(7, "dora", "tty1", "", 20),
        record(7, "carl", "tty1", "", 15),
        record(7, "carl", "tty1", "", 30),
    ];
    tree.write("var/log/wtmp", &wtmp.concat());
    let overview = tree.overview();
    let shown: Vec<_> = overview
        .logged_in
        .iter()
        .map(|session| (session.user.as_str(), session.terminal.as_str(), session.address.as_str()))
        .collect();
    assert_eq!(shown, [("ann", "tty1", ""), ("bob", "pts/1", "192.0.2.17"), ("bob", "pts/../x", "")]);
    assert_eq!((overview.logged_in[1].since_ms, overview.logged_in[1].pid), (Some(1_100_000), Some(77)));
    assert_eq!(overview.recent, ["ann", "bob", "carl"], "ann's terminal was used just now");
    let tty = std::fs::File::open(tree.0.path().join("dev/tty1")).unwrap();
    tty.set_times(std::fs::FileTimes::new().set_accessed(UNIX_EPOCH + Duration::from_secs(1050))).unwrap();
    assert_eq!(tree.overview().recent, ["bob", "ann", "carl"]);
}

#[test]
fn the_last_logins_of_accounts_where_there_is_no_list_of_logins() {
    let tree = Tree::new();
    let layout = LoginLayout::of_this_machine();
    let mut lastlog = vec![0; layout.lastlog_bytes() * 1003];
    for (user, time) in [(0usize, 50u32), (1001, 70), (1002, 60)] {
        let at = user * layout.lastlog_bytes();
        lastlog[at..at + 4].copy_from_slice(&time.to_le_bytes());
    }
    tree.write("var/log/lastlog", &lastlog);
    assert_eq!(tree.overview().recent, ["bob", "carl", "root"]);
}

#[test]
fn sessions_of_the_login_manager() {
    let tree = Tree::new();
    let session =
        "USER=ann\nCLASS=user\nSTATE=active\nTTY=pts/0\nREMOTE_HOST=2001:db8::7\nREALTIME=5000000\n";
    tree.write("run/systemd/sessions/3", session.as_bytes());
    tree.write("run/systemd/sessions/c1", b"USER=gdm\nCLASS=greeter\nSTATE=online\n");
    let overview = tree.overview();
    assert_eq!(overview.logged_in.len(), 1);
    assert_eq!(
        (overview.logged_in[0].address.as_str(), overview.logged_in[0].since_ms),
        ("2001:db8::7", Some(5000))
    );
    assert_eq!((overview.recent.as_slice(), overview.absent.len()), (&["ann".to_owned()][..], 0));
}

#[test]
fn this_machine_answers() {
    let overview = overview(&Places::default());
    assert!(overview.ordinary.is_some());
    assert!(overview.can_become_root.contains(&"root".to_owned()));
}
