//! `/etc/passwd`, `/etc/group` and `/etc/login.defs`: accounts and groups of this host.

use crate::bytes::{lines, number, words};

/// First user id of people where `login.defs` does not say.
const DEFAULT_UID_MIN: u32 = 1000;

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswdEntry<'t> {
    pub name: &'t [u8],
    pub user_id: u32,
    pub group_id: Option<u32>,
}

/// A group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupEntry<'t> {
    pub name: &'t [u8],
    pub group_id: Option<u32>,
    members: &'t [u8],
}

impl<'t> GroupEntry<'t> {
    /// Members beside those whose first group it is.
    pub fn members(&self) -> impl Iterator<Item = &'t [u8]> + use<'t> {
        self.members.split(|byte| *byte == b',').filter(|name| !name.is_empty())
    }
}

/// `daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin`
pub fn parse_passwd(text: &[u8]) -> impl Iterator<Item = PasswdEntry<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let user_id = u32::try_from(number(fields.nth(1)?)?).ok()?;
        let group_id = fields.next().and_then(number).and_then(|id| u32::try_from(id).ok());
        Some(PasswdEntry { name, user_id, group_id })
    })
}

/// `sudo:x:27:ann,bob`
pub fn parse_group(text: &[u8]) -> impl Iterator<Item = GroupEntry<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let group_id = fields.nth(1).and_then(number).and_then(|id| u32::try_from(id).ok());
        Some(GroupEntry { name, group_id, members: fields.next().unwrap_or_default() })
    })
}

/// `UID_MIN 1000`: from which user id on accounts are those of people.
pub fn parse_uid_min(login_defs: &[u8]) -> u32 {
    let value = lines(login_defs).find_map(|line| {
        let mut words = words(line);
        (words.next() == Some(b"UID_MIN")).then(|| number(words.next()?)).flatten()
    });
    value.and_then(|value| u32::try_from(value).ok()).unwrap_or(DEFAULT_UID_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_the_first_ordinary_user() {
        let text = b"root:x:0:\nsudo:x:27:ann,,bob\nbroken\n:x:1:a\n";
        let groups: Vec<_> = parse_group(text).collect();
        assert_eq!((groups.len(), groups[1].group_id), (3, Some(27)));
        assert_eq!(groups[1].members().collect::<Vec<_>>(), [b"ann", b"bob"]);
        assert_eq!((groups[2].group_id, groups[2].members().count()), (None, 0));
        assert_eq!(parse_uid_min(b"#UID_MIN 5\nUID_MIN\t\t 500\nUID_MAX 60000\n"), 500);
        assert_eq!((parse_uid_min(b""), parse_uid_min(b"UID_MIN x\n")), (1000, 1000));
    }
}
