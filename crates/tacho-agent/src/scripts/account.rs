//! The account that a script runs as, from `/etc/passwd` and `/etc/group`. Accounts of a directory service are
//! not there.

use std::path::Path;

use tacho_proc::{parse_group, parse_passwd};

/// User, group and further groups of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user_id: u32,
    pub(super) group_id: u32,
    pub(super) groups: Vec<u32>,
}

/// Looks up an account by its name.
pub(super) fn account(etc_root: &Path, name: &str) -> Result<Account, String> {
    let unreadable = |error| format!("the accounts of this host can not be read: {error}");
    let passwd = std::fs::read(etc_root.join("passwd")).map_err(unreadable)?;
    let entry = parse_passwd(&passwd).find(|entry| entry.name == name.as_bytes());
    let found = entry.and_then(|entry| Some((entry.user_id, entry.group_id?)));
    let (user_id, group_id) = found.ok_or_else(|| format!("there is no user {name:?}"))?;
    // Without the file an account has no further groups.
    let group = std::fs::read(etc_root.join("group")).unwrap_or_default();
    let is_member =
        |entry: &tacho_proc::GroupEntry<'_>| entry.members().any(|member| member == name.as_bytes());
    let mut groups = vec![group_id];
    groups.extend(parse_group(&group).filter(is_member).filter_map(|entry| entry.group_id));
    groups.sort_unstable();
    groups.dedup();
    Ok(Account { user_id, group_id, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_its_group_and_those_it_is_a_member_of() {
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(etc.path().join("passwd"), "root:x:0:0::/:/bin/sh\nann:x:1000:1001::/:/bin/sh\n")
            .unwrap();
        std::fs::write(etc.path().join("group"), "ann:x:1001:\nadm:x:4:bob,ann\ndisk:x:6:bob\n").unwrap();
        let ann = Account { user_id: 1000, group_id: 1001, groups: vec![4, 1001] };
        assert_eq!(account(etc.path(), "ann"), Ok(ann));
        assert_eq!(account(etc.path(), "bill"), Err(r#"there is no user "bill""#.to_owned()));
    }
}
