//! The sample configurations are the defaults, and document every key.

use tacho_runtime::config::Environment;

/// A key that is none makes the reader list all there are.
const NO_KEY: &str = "a_key_that_is_far_from_all_others = 1";

/// The sample with the comment signs before its keys taken off.
fn uncommented(sample: &str) -> String {
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.starts_with(|first: char| first.is_ascii_lowercase()) => key,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn check_keys(sample: &str, problem: &str) {
    let keys = problem.rsplit_once("there are: ").unwrap().1;
    for key in keys.split(", ") {
        let written = [format!("\n#{key} = "), format!("\n# [[{key}]]\n"), format!("\n# [{key}]\n")];
        assert!(written.iter().any(|line| sample.contains(line)), "{key} is not documented");
    }
}

#[test]
fn the_sample_of_the_server_is_its_defaults() {
    let sample = include_str!("../../../../packaging/etc/server.toml");
    let parse = |text: &str| tacho_server::config::parse(text, &Environment::new(), "sample");
    assert_eq!(parse(&uncommented(sample)).unwrap(), parse("").unwrap());
    assert_eq!(parse(sample).unwrap(), parse("").unwrap());
    check_keys(sample, &parse(NO_KEY).unwrap_err().to_string());
}

#[test]
fn the_sample_of_the_agent_is_its_defaults() {
    let sample = include_str!("../../../../packaging/etc/agent.toml");
    let parse = |text: &str| tacho_agent::config::parse(text, &Environment::new(), "sample");
    assert_eq!(parse(&uncommented(sample)).unwrap(), parse("").unwrap());
    assert_eq!(parse(sample).unwrap(), parse("").unwrap());
    check_keys(sample, &parse(NO_KEY).unwrap_err().to_string());
}
