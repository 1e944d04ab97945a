use super::*;

fn problems(text: &str) -> Vec<String> {
    load([("web.toml", text)]).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_said_at_once_with_its_line_and_what_to_write() {
    let text = r#"
[[rule]]
name = "a b"
severity = "high"
when = "host.memory > 0.9"
for = "5"

[[rule]]
name = "hog"
when = { kind = "process_hog", cpu = 50, after = "2m" }
text = "{{hots}}"

[[rule]]
name = "hog"
when = { kind = "host_down" }
labels = "x"

[[rule]]
name = "none"
"#;
    let said = problems(text);
    for (line, part) in [
        (3, "letters, digits"),
        (4, "write info, warning or critical"),
        (5, "names \"memory\", which table host does not have"),
        (6, "write a number with a unit"),
        (10, "write a share from 0 to 1"),
        (10, "after: no such key here; keys are cpu, disk"),
        (11, "write one of host, rule"),
        (15, "write one of threshold, state, process_hog"),
        (16, "write { team = \"db\" }"),
        (18, "when: is missing; write \"host.memory_used_ratio > 0.9\""),
    ] {
        let start = format!("web.toml:{line}: ");
        assert!(
            said.iter().any(|text| text.starts_with(&start) && text.contains(part)),
            "{line} {part}: {said:#?}"
        );
    }
}

#[test]
fn kinds_whose_readings_are_still_to_come_say_so() {
    for kind in ["probe", "log"] {
        let said =
            problems(&format!("[[rule]]\nname = \"a\"\nwhen = {{ kind = \"{kind}\", target = \"x\" }}\n"));
        let start =
            format!("web.toml:3: rule \"a\": when: kind: is \"{kind}\", whose readings no agent takes yet");
        assert!(said.len() == 1 && said[0].starts_with(&start), "{said:#?}");
    }
}

#[test]
fn what_is_no_toml_has_its_line() {
    let said = problems("[[rule]]\nname = \"a\"\nwhen = = 3\n");
    assert!(said[0].starts_with("web.toml:3: not TOML"), "{said:?}");
}

#[test]
fn a_rule_takes_the_place_of_a_default_one_and_one_can_be_taken_out() {
    let text = "disable = [\"root-login\"]\n[[rule]]\nname = \"memory-full\"\nwhen = \"host.memory_used_ratio > 0.5\"\n";
    let set = load([("a.toml", text)]).unwrap();
    let origins = |name: &str| -> Vec<String> {
        set.rules.iter().filter(|rule| *rule.name == *name).map(|rule| rule.origin.clone()).collect()
    };
    assert_eq!(origins("memory-full"), ["a.toml"]);
    assert_eq!(origins("root-login"), [""; 0]);
    assert_eq!(set.rules.len(), default_rules().rules.len() - 1);
    assert!(problems("disable = [\"nope\"]")[0].contains("default rules are "));
    let rule = "[[rule]]\nname = \"x\"\nwhen = \"host.load1 > 5\"\n";
    let error = load([("a.toml", rule), ("b.toml", rule)]).unwrap_err().to_string();
    assert!(error.contains("b.toml:1: rule \"x\" is in a.toml:1 already"), "{error}");
}
