//! Scripted cases: one and more for each kind of rule, and those of the manual.

#![allow(clippy::unwrap_used, reason = "a test that fails says where by panicking")]

use std::sync::Arc;

use tacho_alert::{RuleSet, default_rules, load, run_script};

const RULES: &str = include_str!("../../../../docs/examples/alert-rules.toml");

fn run(file: &str, text: &str, rules: RuleSet) -> usize {
    let outcomes = run_script(file, text, &Arc::new(rules)).unwrap_or_else(|error| panic!("{error}"));
    for outcome in &outcomes {
        assert!(outcome.failures.is_empty(), "{file}: {}: {:#?}", outcome.case, outcome.failures);
    }
    outcomes.len()
}

#[test]
fn each_kind_of_rule_fires_and_ends() {
    assert_eq!(run("cases.toml", include_str!("cases.toml"), default_rules()), 8);
}

#[test]
fn the_cases_of_the_manual_hold() {
    let text = include_str!("../../../../docs/examples/alert-cases.toml");
    assert_eq!(run("alert-cases.toml", text, load([("alert-rules.toml", RULES)]).unwrap()), 7);
}

#[test]
fn a_case_that_fails_says_what_was_and_what_should_have_been() {
    let text = "[[case]]\nname = \"x\"\n[[case.load]]\ntable = \"host\"\nrows = [{ load1 = 1.0 }]\n\
                [[case.expect]]\nat = \"10s\"\nrule = \"memory-full\"\n";
    let outcomes = run_script("x.toml", text, &Arc::new(default_rules())).unwrap();
    assert_eq!(outcomes[0].failures, ["line 6: at 10s memory-full is none, not firing"]);
    let wrong =
        "[[case]]\nname = \"x\"\n[[case.load]]\ntable = \"hots\"\n[[case.expect]]\nrule = \"nope\"\nstat = 1";
    let error = run_script("x.toml", wrong, &Arc::new(default_rules())).unwrap_err().to_string();
    for part in ["x.toml:4: ", "tables are host", "which is no rule", "stat: no such key here"] {
        assert!(error.contains(part), "{error}");
    }
}
