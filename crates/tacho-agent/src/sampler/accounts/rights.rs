//! Who can become root.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use tacho_proc::{GroupEntry, Include, PasswdEntry, Sudoers, parse_group, parse_sudoers};

use super::{Places, lossy, read, read_or_say, reason};

/// Groups whose members are let become root wherever such a group has members, by `sudo`, `su` or polkit.
const ROOT_GROUPS: [&[u8]; 3] = [b"sudo", b"wheel", b"admin"];

/// Files of rules at most.
const MAX_RULE_FILES: usize = 256;

/// Accounts with user id 0, members of the groups of administrators, and whom the rules of sudo name.
pub(super) fn can_become_root(
    places: &Places,
    accounts: &[PasswdEntry<'_>],
    absent: &mut Vec<String>,
) -> Vec<String> {
    let text = read_or_say(&places.etc_root.join("group"), "groups", absent).unwrap_or_default();
    let groups: Vec<GroupEntry<'_>> = parse_group(&text).collect();
    let rules = rules(places, absent);
    let mut names: BTreeSet<String> = rules.users;
    for account in accounts {
        if account.user_id == 0 || rules.everybody || rules.user_ids.contains(&account.user_id) {
            names.insert(lossy(account.name));
        }
    }
    for group in &groups {
        let is_named = ROOT_GROUPS.contains(&group.name)
            || rules.groups.contains(&*String::from_utf8_lossy(group.name))
            || group.group_id.is_some_and(|id| rules.group_ids.contains(&id));
        if is_named {
            names.extend(members(group, accounts));
        }
    }
    names.into_iter().collect()
}

/// Members of the group, and accounts whose first group it is.
fn members(group: &GroupEntry<'_>, accounts: &[PasswdEntry<'_>]) -> Vec<String> {
    let first = |account: &&PasswdEntry<'_>| group.group_id.is_some() && account.group_id == group.group_id;
    let by_first = accounts.iter().filter(first).map(|account| account.name);
    group.members().chain(by_first).map(lossy).collect()
}

/// All rules of sudo, read as one text, because an alias of one file may be used in another. A host without sudo
/// has none.
fn rules(places: &Places, absent: &mut Vec<String>) -> Sudoers {
    let main = places.etc_root.join("sudoers");
    if !main.exists() {
        return Sudoers::default();
    }
    let mut all = String::new();
    let (mut waiting, mut seen) = (vec![main], HashSet::new());
    while let Some(path) = waiting.pop() {
        if seen.len() >= MAX_RULE_FILES || !seen.insert(path.clone()) {
            continue;
        }
        match read(&path) {
            Ok(text) => {
                let text = String::from_utf8_lossy(&text);
                let includes = parse_sudoers(&text).includes;
                waiting.extend(includes.iter().flat_map(|include| included(include, places, absent)));
                all.push_str(&text);
                all.push('\n');
            }
            Err(error) => {
                absent.push(format!("rules of sudo in {}: {}", shown(&path, places), reason(&error)));
            }
        }
    }
    parse_sudoers(&all)
}

/// Files that an include names. In a directory, sudo passes over names with a dot or a tilde at the end.
fn included(include: &Include, places: &Places, absent: &mut Vec<String>) -> Vec<PathBuf> {
    let (Include::File(name) | Include::Directory(name)) = include;
    let path = below_root(Path::new(name), places);
    if matches!(include, Include::File(_)) {
        return vec![path];
    }
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) => {
            absent.push(format!("rules of sudo in {}: {}", shown(&path, places), reason(&error)));
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        !name.contains('.') && !name.ends_with('~') && file.is_file()
    });
    files.sort();
    files
}

/// Where a path of the rules is: they know `/etc`, which may be another place here.
fn below_root(path: &Path, places: &Places) -> PathBuf {
    match path.strip_prefix("/etc") {
        Ok(rest) => places.etc_root.join(rest),
        Err(_) => places.etc_root.join(path),
    }
}

fn shown(path: &Path, places: &Places) -> String {
    let shown =
        path.strip_prefix(&places.etc_root).map_or(path.to_owned(), |rest| Path::new("/etc").join(rest));
    shown.display().to_string()
}
