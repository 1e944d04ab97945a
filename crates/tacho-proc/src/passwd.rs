//! `/etc/passwd`: account names.

use crate::bytes::{lines, number};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswdEntry<'t> {
    pub name: &'t [u8],
    pub user_id: u32,
}

/// `daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin`
pub fn parse_passwd(text: &[u8]) -> impl Iterator<Item = PasswdEntry<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let user_id = u32::try_from(number(fields.nth(1)?)?).ok()?;
        Some(PasswdEntry { name, user_id })
    })
}
