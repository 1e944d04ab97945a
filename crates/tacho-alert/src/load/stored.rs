//! Rules that people made by the API, above those of files and the default ones.

use std::sync::Arc;

use super::{LoadError, MAX_RULES, Problem, RuleSet, disabled, load_file};
use crate::rule::Rule;

/// Origin of rules that people made by the API.
pub const STORED_ORIGIN: &str = "api";
/// Longest text of one rule.
pub const MAX_DEFINITION_BYTES: usize = 16 * 1024;

/// What people said of a rule by the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRule {
    pub name: String,
    /// Text of one `[[rule]]`; absent: the one of the files or the default one.
    pub definition: Option<String>,
    pub enabled: bool,
}

/// Reads the text of one `[[rule]]`, by the same rules as a file.
pub fn read_rule(text: &str) -> Result<Arc<Rule>, LoadError> {
    let mut problems = Vec::new();
    let problem = |line, text: &str| Problem { file: STORED_ORIGIN.to_owned(), line, text: text.to_owned() };
    if text.len() > MAX_DEFINITION_BYTES {
        return Err(LoadError { problems: vec![problem(1, "has more than 16 KiB")] });
    }
    let set = load_file(STORED_ORIGIN, text, &mut problems);
    if let Some(window) = set.maintenance.first() {
        let text = format!(
            "maintenance {:?} is no part of a rule; it belongs into a file of rules_dir, or is made by itself",
            window.text.name
        );
        problems.push(problem(1, &text));
    }
    if !disabled(text).is_empty() {
        problems.push(problem(
            1,
            "disable belongs into a file of rules_dir; here a rule is switched off by itself",
        ));
    }
    if problems.is_empty() && set.rules.len() != 1 {
        problems.push(problem(1, &format!("holds {} rules; write one [[rule]]", set.rules.len())));
    }
    match (set.rules.into_iter().next(), problems.is_empty()) {
        (Some(rule), true) => Ok(rule),
        _ => Err(LoadError { problems }),
    }
}

impl RuleSet {
    /// These rules (the default ones and those of files) with what people said by the API above them: a stored rule
    /// takes the place of any other with its name. What can not be read, because another version stored it, is left
    /// out and handed back: the rule below it holds.
    pub fn with_stored(&self, stored: &[StoredRule]) -> (Self, Vec<LoadError>) {
        let mut set = self.clone();
        let mut problems = Vec::new();
        for entry in stored {
            let below = set.take(&entry.name);
            let own = entry.definition.as_ref().map(|text| read_rule(text)).transpose();
            let rule = match own {
                Ok(own) => own.or(below),
                Err(error) => {
                    problems.push(error);
                    below
                }
            };
            let Some(rule) = rule else { continue };
            if entry.enabled { set.rules.push(rule) } else { set.off.push(rule) }
        }
        if set.rules.len() > MAX_RULES {
            let text = format!("{} rules; there may be {MAX_RULES}", set.rules.len());
            problems.push(LoadError {
                problems: vec![Problem { file: STORED_ORIGIN.to_owned(), line: 0, text }],
            });
            set.rules.truncate(MAX_RULES);
        }
        (set, problems)
    }

    /// Also one that was taken out.
    pub fn find(&self, name: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().chain(&self.off).find(|rule| *rule.name == *name)
    }

    fn take(&mut self, name: &str) -> Option<Arc<Rule>> {
        let lists = [&mut self.rules, &mut self.off];
        lists.into_iter().find_map(|rules| {
            let place = rules.iter().position(|rule| *rule.name == *name)?;
            Some(rules.remove(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{default_rules, load};

    const OWN: &str = "[[rule]]\nname = \"memory-full\"\nwhen = \"host.memory_used_ratio > 0.5\"\n";

    fn names(rules: &[Arc<Rule>]) -> Vec<&str> {
        rules.iter().map(|rule| &*rule.name).collect()
    }

    #[test]
    fn every_default_rule_is_read_back_from_its_own_text() {
        for rule in default_rules().rules {
            let again = read_rule(&rule.definition).unwrap_or_else(|error| panic!("{}: {error}", rule.name));
            assert_eq!(format!("{:?}", again.condition), format!("{:?}", rule.condition));
            assert_eq!((&again.name, &again.text.to_string()), (&rule.name, &rule.text.to_string()));
            assert_eq!(again.definition, rule.definition);
        }
    }

    #[test]
    fn a_definition_has_its_own_tables_and_not_what_is_said_of_the_next_rule() {
        let text = "# of all\n[[rule]]\nname = \"a\"\nwhen = \"host.load1 > 5\"\n  [rule.labels]\n  team = \"db\"\n\n\
                    # of b\n[[rule]]\nname = \"b\"\nwhen = \"host.load1 > 5\"\ngroup_by = [\n  \"host\",\n]\n";
        let set = load([("x.toml", text)]).unwrap();
        let [a, b] = ["a", "b"].map(|name| set.find(name).unwrap().definition.to_string());
        assert!(a.starts_with("[[rule]]\nname = \"a\"") && a.ends_with("team = \"db\""), "{a}");
        assert!(b.starts_with("[[rule]]\nname = \"b\"") && b.ends_with("]"), "{b}");
    }

    #[test]
    fn what_people_said_lies_above_files_and_defaults() {
        let base = load([("a.toml", "disable = [\"root-login\"]")]).unwrap();
        let entry = |name: &str, definition: Option<&str>, enabled| StoredRule {
            name: name.to_owned(),
            definition: definition.map(str::to_owned),
            enabled,
        };
        let stored = [
            entry("memory-full", Some(OWN), true),
            entry("hot", None, false),
            entry("root-login", None, true),
            entry("gone", None, true),
            entry("swapping", Some("when ="), true),
        ];
        let (set, problems) = base.with_stored(&stored);
        assert_eq!(set.find("memory-full").unwrap().origin, "api");
        assert_eq!(names(&set.off), ["hot"]);
        assert!(names(&set.rules).contains(&"root-login"));
        assert_eq!(set.find("swapping").unwrap().origin, "default");
        assert_eq!((problems.len(), set.rules.len()), (1, default_rules().rules.len() - 1));
    }

    #[test]
    fn one_rule_and_nothing_else_is_a_definition() {
        for (text, part) in [
            ("", "holds 0 rules"),
            (&OWN.repeat(2), "already"),
            ("[[rule]]\nname = \"x\"\n", "api:1: rule \"x\": when: is missing"),
            (&format!("disable = [\"hot\"]\n{OWN}"), "switched off by itself"),
            (&"#".repeat(MAX_DEFINITION_BYTES + 1), "16 KiB"),
        ] {
            let error = read_rule(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
