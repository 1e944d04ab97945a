//! Rules that people make by the API: stored in the catalog, above those of files and the default ones, with one
//! history of who changed what.

use std::collections::BTreeMap;
use std::sync::Arc;

use tacho_alert::{LoadError, MAX_RULES, Rule, RuleSet, STORED_ORIGIN, StoredRule, read_rule};
use tacho_catalog::{CatalogError, RuleChange, RuleRecord, RuleStore};

use super::{Alerts, Core};

/// Names that are words of the API's addresses.
const TAKEN: [&str; 2] = ["check", "history"];

/// What a person wants of a rule.
#[derive(Debug)]
pub(crate) enum RuleEdit {
    /// A new one.
    Create {
        definition: String,
        enabled: bool,
    },
    /// In place of what is there.
    Replace {
        definition: String,
        enabled: Option<bool>,
    },
    Enable(bool),
    /// What people made is gone; what lies below it holds.
    Remove,
}

/// Who changes a rule.
#[derive(Debug)]
pub(crate) struct RuleEditor {
    pub(crate) author: String,
    pub(crate) note: String,
    /// The change that the person has seen last; empty: none. Absent: it does not matter.
    pub(crate) revision: Option<String>,
}

/// Why a rule was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuleEditError {
    #[error(transparent)]
    Wrong(#[from] LoadError),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// A rule as it is before a change.
struct Before<'a> {
    /// In force or switched off.
    rule: Option<Arc<Rule>>,
    enabled: bool,
    stored: Option<&'a RuleRecord>,
    /// The one of the files or the default one, and whether it holds.
    below: Option<(Arc<Rule>, bool)>,
}

/// What a change comes to.
struct Outcome {
    action: &'static str,
    /// Absent: the stored one goes.
    put: Option<(Option<String>, bool)>,
    before: Option<String>,
    after: Option<String>,
}

impl Alerts {
    /// Changes a rule, from the hosts' next snapshots on.
    pub(crate) async fn edit_rule(
        &self,
        name: &str,
        edit: RuleEdit,
        editor: RuleEditor,
    ) -> Result<(), RuleEditError> {
        let _writing = self.inner.writing.lock().await;
        self.take_news().await?;
        let outcome = self.outcome(name, edit, editor.revision.as_deref())?;
        let change = RuleChange {
            id: self.new_id(),
            time_ms: self.now_ms(),
            rule: name.to_owned(),
            author: editor.author,
            action: outcome.action.to_owned(),
            note: editor.note,
            before: outcome.before,
            after: outcome.after,
        };
        tracing::info!(rule = name, by = change.author, action = outcome.action, "alert rule");
        let store = match &outcome.put {
            Some((definition, enabled)) => {
                RuleStore::Put { definition: definition.as_deref(), enabled: *enabled }
            }
            None => RuleStore::Remove,
        };
        self.catalog().change_alert_rules(&[(change, store)]).await?;
        Ok(self.take_stored_rules().await?)
    }

    fn outcome(&self, name: &str, edit: RuleEdit, revision: Option<&str>) -> Result<Outcome, RuleEditError> {
        let core = self.core();
        let before = Before::of(&core, name);
        before.check_revision(name, revision)?;
        if let RuleEdit::Create { definition, .. } | RuleEdit::Replace { definition, .. } = &edit {
            check_definition(name, definition)?;
            let rules = core.engine.rules();
            if before.rule.is_none() && rules.rules.len() + rules.off.len() >= MAX_RULES {
                let text = format!("there are {MAX_RULES} rules; remove some first");
                return Err(RuleEditError::Invalid(text));
            }
        }
        before.outcome(name, edit)
    }

    /// Takes rules of files in place of those before, and notes in the history what is other about them.
    pub(crate) async fn take_files(&self, files: RuleSet) -> Result<(), CatalogError> {
        let _writing = self.inner.writing.lock().await;
        let before = Arc::clone(&self.core().files);
        let changes: Vec<_> = differences(&before, &files)
            .into_iter()
            .map(|(rule, outcome, author)| {
                let change = RuleChange {
                    id: self.new_id(),
                    time_ms: self.now_ms(),
                    rule,
                    author,
                    action: outcome.action.to_owned(),
                    note: String::new(),
                    before: outcome.before,
                    after: outcome.after,
                };
                (change, RuleStore::Keep)
            })
            .collect();
        self.core().files = Arc::new(files);
        let noted = self.catalog().change_alert_rules(&changes).await;
        self.apply_rules();
        noted
    }

    /// Takes the rules and maintenance windows of people as the catalog has them. To be called with `writing` held, or
    /// before anybody else knows of these alerts.
    pub(super) async fn take_stored_rules(&self) -> Result<(), CatalogError> {
        let (stored, windows) = (self.catalog().alert_rules().await?, self.read_windows().await?);
        {
            let mut core = self.core();
            (core.stored_rules, core.windows) = (stored, windows);
        }
        self.apply_rules();
        Ok(())
    }

    fn apply_rules(&self) {
        self.with_changes(|core, now_ms| {
            let rules = core.combined_rules();
            core.engine.replace_rules(rules, now_ms)
        });
    }
}

impl Core {
    fn combined_rules(&self) -> Arc<RuleSet> {
        let stored: Vec<_> = self
            .stored_rules
            .iter()
            .map(|record| StoredRule {
                name: record.name.clone(),
                definition: record.definition.clone(),
                enabled: record.enabled,
            })
            .collect();
        let (mut rules, problems) = self.files.with_stored(&stored);
        rules.maintenance.extend(self.windows.iter().map(|stored| stored.window.clone()));
        for problem in problems {
            tracing::error!(error = %problem, "a stored rule can not be used");
        }
        Arc::new(rules)
    }
}

impl<'a> Before<'a> {
    fn of(core: &'a Core, name: &str) -> Self {
        let rules = core.engine.rules();
        let find = |rules: &[Arc<Rule>]| rules.iter().find(|rule| *rule.name == *name).cloned();
        let below = find(&core.files.rules).map(|rule| (rule, true));
        Self {
            enabled: find(&rules.rules).is_some(),
            rule: rules.find(name).cloned(),
            stored: core.stored_rules.iter().find(|record| record.name == name),
            below: below.or_else(|| find(&core.files.off).map(|rule| (rule, false))),
        }
    }

    /// Refuses a change of what somebody else changed meanwhile.
    fn check_revision(&self, name: &str, seen: Option<&str>) -> Result<(), RuleEditError> {
        let now = self.stored.map_or("", |record| record.revision.as_str());
        if seen.is_none_or(|seen| seen == now) {
            return Ok(());
        }
        let who = self.stored.map_or(String::new(), |record| format!(" ({} changed it last)", record.author));
        let text = format!("the rule {name:?} is not as you saw it any more{who}; look at it again");
        Err(RuleEditError::Conflict(text))
    }

    fn text(&self) -> Option<String> {
        let stored = self.stored.and_then(|record| record.definition.clone());
        stored.or_else(|| self.rule.as_ref().map(|rule| rule.definition.to_string()))
    }

    fn outcome(&self, name: &str, edit: RuleEdit) -> Result<Outcome, RuleEditError> {
        match edit {
            RuleEdit::Create { definition, enabled } => match &self.rule {
                None => Ok(Outcome {
                    action: "created",
                    before: None,
                    after: Some(definition.clone()),
                    put: Some((Some(definition), enabled)),
                }),
                Some(rule) => Err(RuleEditError::Conflict(format!(
                    "there is a rule {name:?} already ({}); give the new one another name, or change that one by PUT",
                    place(rule)
                ))),
            },
            RuleEdit::Replace { definition, enabled } => Ok(Outcome {
                action: if self.rule.is_none() { "created" } else { "changed" },
                before: self.text(),
                after: Some(definition.clone()),
                put: Some((Some(definition), enabled.unwrap_or(self.enabled || self.rule.is_none()))),
            }),
            RuleEdit::Enable(enabled) => {
                let text = self.text().ok_or_else(|| unknown(name))?;
                let definition = self.stored.and_then(|record| record.definition.clone());
                let as_below = definition.is_none()
                    && self.below.as_ref().is_some_and(|(_, below_enabled)| *below_enabled == enabled);
                Ok(Outcome {
                    action: if enabled { "enabled" } else { "disabled" },
                    before: self.enabled.then(|| text.clone()),
                    after: enabled.then_some(text),
                    put: (!as_below).then_some((definition, enabled)),
                })
            }
            RuleEdit::Remove => match (&self.stored, &self.below) {
                (Some(_), below) => Ok(Outcome {
                    action: "removed",
                    before: self.text(),
                    after: below.as_ref().map(|(rule, _)| rule.definition.to_string()),
                    put: None,
                }),
                (None, Some((rule, _))) => Err(RuleEditError::Conflict(format!(
                    "the rule {name:?} was not made by the API ({}); switch it off instead",
                    place(rule)
                ))),
                (None, None) => Err(unknown(name)),
            },
        }
    }
}

fn check_definition(name: &str, definition: &str) -> Result<(), RuleEditError> {
    let rule = read_rule(definition)?;
    if *rule.name != *name {
        let text = format!(
            "the definition is of the rule {:?}; make a new rule of it, or call it {name:?}",
            rule.name
        );
        return Err(RuleEditError::Invalid(text));
    }
    if TAKEN.contains(&name) {
        return Err(RuleEditError::Invalid(format!("no rule may be called {name:?}; choose another name")));
    }
    Ok(())
}

fn unknown(name: &str) -> RuleEditError {
    RuleEditError::NotFound(format!("no rule is called {name:?}; /api/v1/rules lists them"))
}

fn place(rule: &Rule) -> String {
    match rule.origin.as_str() {
        STORED_ORIGIN => "made by the API".to_owned(),
        "default" => "a default rule".to_owned(),
        file => format!("in {file}, line {}", rule.line),
    }
}

/// What is other about the rules of files: names, what became of them, and the file.
fn differences(before: &RuleSet, after: &RuleSet) -> Vec<(String, Outcome, String)> {
    let all = |set: &RuleSet| -> BTreeMap<String, (Arc<Rule>, bool)> {
        let on = set.rules.iter().map(|rule| (rule.name.to_string(), (Arc::clone(rule), true)));
        let off = set.off.iter().map(|rule| (rule.name.to_string(), (Arc::clone(rule), false)));
        on.chain(off).collect()
    };
    let (before, after) = (all(before), all(after));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names
        .filter_map(|name| {
            let (old, new) = (before.get(name), after.get(name));
            let action = match (old, new) {
                (None, _) => "created",
                (_, None) => "removed",
                (Some((old, _)), Some((new, _))) if old.definition != new.definition => "changed",
                (Some((_, true)), Some((_, false))) => "disabled",
                (Some((_, false)), Some((_, true))) => "enabled",
                _ => return None,
            };
            let origins = [new, old].into_iter().flatten().map(|(rule, _)| rule.origin.as_str());
            let author = origins.min_by_key(|origin| *origin == "default").unwrap_or_default().to_owned();
            let text = |side: Option<&(Arc<Rule>, bool)>| side.map(|(rule, _)| rule.definition.to_string());
            let outcome = Outcome { action, put: None, before: text(old), after: text(new) };
            Some((name.clone(), outcome, author))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tacho_alert::load;

    use super::*;

    #[test]
    fn what_is_other_about_files_is_said_by_rule() {
        let rule = |name: &str, limit: u32| {
            format!("[[rule]]\nname = \"{name}\"\nwhen = \"host.load1 > {limit}\"\n")
        };
        let before = load([("a.toml", (rule("same", 1) + &rule("other", 1) + &rule("gone", 1)).as_str())]);
        let text = format!("disable = [\"hot\"]\n{}{}{}", rule("same", 1), rule("other", 2), rule("new", 1));
        let after = load([("a.toml", text.as_str())]);
        let found = differences(&before.unwrap(), &after.unwrap());
        let said: Vec<_> = found
            .iter()
            .map(|(name, outcome, author)| (name.as_str(), outcome.action, author.as_str()))
            .collect();
        assert_eq!(
            said,
            [
                ("gone", "removed", "a.toml"),
                ("hot", "disabled", "default"),
                ("other", "changed", "a.toml"),
                ("new", "created", "a.toml"),
            ]
        );
        assert!(found[2].1.after.as_ref().is_some_and(|text| text.contains("> 2")));
    }
}
