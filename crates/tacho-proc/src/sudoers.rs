//! `/etc/sudoers`: who may run commands as root. See sudoers(5).
//!
//! Not a judge of each single command: whoever has any rule as root counts, because many an innocent command
//! starts a shell. Hosts of rules are not looked at, and netgroups and groups of plugins are left out.

use std::collections::{BTreeMap, BTreeSet};

/// Aliases that name one another are followed so deep.
const ALIAS_DEPTH: usize = 8;

/// Whom the rules of some files name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sudoers {
    pub users: BTreeSet<String>,
    pub user_ids: BTreeSet<u32>,
    pub groups: BTreeSet<String>,
    pub group_ids: BTreeSet<u32>,
    /// Everybody may.
    pub everybody: bool,
    /// Files and directories that are to be read too, in the order of the text.
    pub includes: Vec<Include>,
}

/// What `@include` and `@includedir` name, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Include {
    File(String),
    Directory(String),
}

type Aliases = BTreeMap<String, Vec<String>>;

/// Whom the rules of `text` let run commands as root.
///
/// `%sudo ALL=(ALL:ALL) ALL`, `User_Alias ADMINS = ann, bob`, `@includedir /etc/sudoers.d`
pub fn parse_sudoers(text: &str) -> Sudoers {
    let mut sudoers = Sudoers::default();
    let (mut users, mut runas) = (Aliases::new(), Aliases::new());
    let mut rules = Vec::new();
    for line in logical_lines(text) {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        match first {
            "@include" | "#include" => sudoers.includes.push(Include::File(unquoted(rest))),
            "@includedir" | "#includedir" => sudoers.includes.push(Include::Directory(unquoted(rest))),
            "User_Alias" => add_aliases(rest, &mut users),
            "Runas_Alias" => add_aliases(rest, &mut runas),
            "Host_Alias" | "Cmnd_Alias" | "Cmd_Alias" => {}
            _ if first.starts_with("Defaults") => {}
            _ => rules.push(line),
        }
    }
    for rule in &rules {
        if let Some((whom, _, what)) = split_rule(rule)
            && may_be_root(what, &runas)
        {
            whom.split(',').for_each(|name| sudoers.add(name.trim(), &users, 0));
        }
    }
    sudoers
}

impl Sudoers {
    fn add(&mut self, name: &str, aliases: &Aliases, depth: usize) {
        if let Some(members) = aliases.get(name) {
            let members = members.iter().filter(|_| depth < ALIAS_DEPTH);
            return members.for_each(|member| self.add(member, aliases, depth + 1));
        }
        let name = unquoted(name);
        let name = name.as_str();
        if name == "ALL" {
            self.everybody = true;
        } else if let Some(id) = name.strip_prefix("%#") {
            self.group_ids.extend(id.parse::<u32>().ok());
        } else if let Some(id) = name.strip_prefix('#') {
            self.user_ids.extend(id.parse::<u32>().ok());
        } else if let Some(group) = name.strip_prefix('%').filter(|group| !group.starts_with(':')) {
            self.groups.insert(group.to_owned());
        } else if !name.is_empty() && !name.starts_with(['!', '+', '%']) {
            self.users.insert(name.to_owned());
        }
    }
}

/// Lines with continued ones joined and comments taken off; `#` before a digit is a user id and before
/// `include` an old way to write that.
fn logical_lines(text: &str) -> impl Iterator<Item = String> {
    let joined = text.replace("\\\n", " ");
    let lines: Vec<String> = joined.lines().map(|line| uncommented(line).trim().to_owned()).collect();
    lines.into_iter().filter(|line| !line.is_empty())
}

fn uncommented(line: &str) -> &str {
    if line.starts_with("#include") {
        return line;
    }
    let is_comment = |at: &usize| {
        let after = line.get(at + 1..).and_then(|rest| rest.bytes().next());
        let escaped = line.get(..*at).is_some_and(|before| before.ends_with('\\'));
        !escaped && !after.is_some_and(|byte| byte.is_ascii_digit())
    };
    let at = line.match_indices('#').map(|(at, _)| at).find(is_comment);
    at.and_then(|at| line.get(..at)).unwrap_or(line)
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').replace('\\', "")
}

/// `ADMINS = ann, bob : OTHERS = eve`
fn add_aliases(text: &str, aliases: &mut Aliases) {
    for definition in text.split(':') {
        if let Some((name, members)) = definition.split_once('=') {
            let members = members.split(',').map(|member| member.trim().to_owned()).collect();
            aliases.insert(name.trim().to_owned(), members);
        }
    }
}

/// `ann, %wheel ALL = (root) ALL` as users, hosts, and the rest. A list has spaces only beside its commas.
fn split_rule(rule: &str) -> Option<(&str, &str, &str)> {
    let (left, what) = rule.split_once('=')?;
    let mut previous = ',';
    let mut after_space = false;
    for (at, letter) in left.char_indices() {
        if letter.is_whitespace() {
            after_space = true;
            continue;
        }
        if after_space && previous != ',' && letter != ',' {
            return Some((left.get(..at)?.trim_end(), left.get(at..)?.trim(), what));
        }
        (previous, after_space) = (letter, false);
    }
    None
}

/// `(ALL:ALL) NOPASSWD: ALL`: without a list of users to become, root is meant.
fn may_be_root(what: &str, aliases: &Aliases) -> bool {
    let Some((list, _)) = what.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')) else {
        return !what.trim().is_empty();
    };
    let users = list.split(':').next().unwrap_or_default();
    users.split(',').any(|name| is_root(name.trim(), aliases, 0))
}

fn is_root(name: &str, aliases: &Aliases, depth: usize) -> bool {
    match aliases.get(name) {
        Some(members) if depth < ALIAS_DEPTH => {
            members.iter().any(|member| is_root(member, aliases, depth + 1))
        }
        _ => matches!(name, "ALL" | "root" | "#0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_become_root() {
        let sudoers = parse_sudoers(
            "# a comment\nDefaults env_reset\nDefaults:eve !lecture\nUser_Alias ADMINS = ann, \\\n  bob : NONE = LOOP\n\
             User_Alias LOOP = NONE\nRunas_Alias OP = root, operator\nroot ALL=(ALL:ALL) ALL\n%sudo\tALL=(ALL:ALL) ALL\n\
             ADMINS ALL = (OP) /bin/ls # why not\n#1005 ALL=ALL\n%#44 ALL=(root) NOPASSWD: ALL\ncarl , dora web1=ALL\n\
             backup ALL=(postgres) ALL\n+netgroup ALL=ALL\n!mallory ALL=ALL\n%:plugin ALL=ALL\n%domain\\ users ALL=ALL\n\
             LOOP ALL=ALL\nnonsense\n@includedir /etc/sudoers.d\n#include /etc/sudoers.local\n",
        );
        let names: Vec<&str> = sudoers.users.iter().map(String::as_str).collect();
        assert_eq!(names, ["ann", "bob", "carl", "dora", "root"], "a loop ends");
        assert_eq!((sudoers.user_ids.len(), sudoers.group_ids.first()), (1, Some(&44)));
        assert!(sudoers.groups.contains("sudo") && !sudoers.everybody);
        assert_eq!(
            sudoers.includes,
            [Include::Directory("/etc/sudoers.d".into()), Include::File("/etc/sudoers.local".into())]
        );
        assert!(parse_sudoers("ALL ALL=(ALL) ALL").everybody);
    }
}
