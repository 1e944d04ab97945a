//! The three formats: tables of examples, and any text at all.

use proptest::prelude::*;

use crate::scripts::{Parsed, parse_keyvalue, parse_nagios, parse_prometheus};

/// Readings as `name{labels} value unit`, and the problem last.
fn show(parsed: Parsed) -> Vec<String> {
    let shown = parsed.readings.iter().map(|reading| {
        let text = format!("{}{{{}}} {} {}", reading.name, reading.labels, reading.value, reading.unit);
        text.trim_end().replace("{}", "")
    });
    shown.chain(parsed.problem.map(|problem| format!("! {problem}"))).collect()
}

#[test]
fn prometheus() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(show(parse_prometheus(text, 3)), expected, "{text}");
    };
    check("", &[]);
    check(
        "# HELP up Is it?\n# TYPE up gauge\nup 1\n\n  other\t2.5e3 1395066363000\n",
        &["up 1", "other 2500"],
    );
    check(r#"h_bucket{le="+Inf", code = "200" ,} 3"#, &[r#"h_bucket{code="200",le="+Inf"} 3"#]);
    check(
        r#"f{path="C:\\DIR\\x.TXT",error="no \"file\"\nhere",empty=""} 1"#,
        &[r#"f{error="no \"file\"\nhere",path="C:\\DIR\\x.TXT"} 1"#],
    );
    check("a NaN\nb +Inf\nc -Inf\nd -0", &["d -0"]);
    check("a 1\na 2", &["a 1", "! line 2: the reading is there twice"]);
    check("a 1\nb 2\nc 3\nd 4", &["a 1", "b 2", "c 3", "! line 4: more than 3 readings"]);
    check("up", &["! line 1: has no value"]);
    check("up one", &["! line 1: the value is no number"]);
    check("up 1 2 3", &["! line 1: has more than a value and a timestamp"]);
    check("up 1 now", &["! line 1: has more than a value and a timestamp"]);
    check("9up 1\nup 1", &["up 1", "! line 1: begins with no name"]);
    check(r#"a{b="c} 1"#, &["! line 1: a label's value has no closing quote"]);
    check(r#"a{b="c"x="d"} 1"#, &["! line 1: labels end with no brace"]);
    check(r#"a{9="c"} 1"#, &["! line 1: a label's name is not one"]);
    check(r#"a{b="1",b="2"} 1"#, &["! line 1: a label is there twice, or there are too many"]);
}

#[test]
fn keyvalue() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(show(parse_keyvalue(text, 100)), expected, "{text}");
    };
    check("# queues\nqueue.depth=17\n age = -1.5 \n", &["queue.depth 17", "age -1.5"]);
    check(r#"depth{queue="mail"}=3"#, &[r#"depth{queue="mail"} 3"#]);
    check("a=nan", &[]);
    check("all is well\nb=2", &["b 2", "! line 1: is not key=value"]);
    check("a=much", &["! line 1: the value is no number"]);
}

#[test]
fn nagios() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(show(parse_nagios(text, 100)), expected, "{text}");
    };
    check("OK", &[]);
    check(
        "PING OK | rta=0.5ms;100.0;500.0;0 pl=0%;20;60;0",
        &[
            "rta 0.5 ms",
            "rta_warning 100 ms",
            "rta_critical 500 ms",
            "rta_min 0 ms",
            "pl 0 %",
            "pl_warning 20 %",
            "pl_critical 60 %",
            "pl_min 0 %",
        ],
    );
    check(
        "x|'/ used'=8234MB;@10:20;~:5;0;20000",
        &["/ used 8234 MB", "/ used_min 0 MB", "/ used_max 20000 MB"],
    );
    check("x|'it''s'=1c", &["it's 1 c"]);
    check("x|time=U;1;2 size=3B;;;0", &["size 3 B", "size_min 0 B"]);
    check("first | a=1\nlong text\nmore | b=2\nc=3\nd=4", &["a 1", "b 2", "c 3", "d 4"]);
    check("x|a=1 nonsense", &["a 1", "! line 1: performance data is not label=value"]);
    check("x|'open=1", &["! line 1: performance data is not label=value"]);
    check("x|a=--1 b=2", &["b 2", "! line 1: the value of performance data is no number"]);
}

fn label_value() -> impl Strategy<Value = String> {
    r#"[a-zäß \\"\n{}=,|;']{1,12}"#
}

proptest! {
    #[test]
    fn no_text_panics_and_limits_hold(text in r#"[a-c=|;'"{}\\,. 0-9\n\t-ä€#]{0,120}"#, any in ".{0,60}") {
        for text in [text, any] {
            for parse in [parse_prometheus, parse_keyvalue, parse_nagios] {
                let parsed = parse(&text, 2);
                prop_assert!(parsed.readings.len() <= 2);
                prop_assert!(parsed.readings.iter().all(|reading| reading.value.is_finite()));
                prop_assert!(parsed.readings.iter().all(|reading| !reading.name.is_empty()));
            }
        }
    }

    /// What is written by the rules of the format is read as it was meant, and the notation of labels reads
    /// back to itself.
    #[test]
    fn labels_survive(value in label_value(), number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let escaped = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let line = format!(r#"x{{z="1",a="{escaped}"}} {number}"#);
        let parsed = parse_prometheus(&line, 1);
        prop_assert_eq!(&parsed.problem, &None);
        let reading = &parsed.readings[0];
        prop_assert_eq!(&reading.labels, &format!(r#"a="{escaped}",z="1""#));
        prop_assert_eq!(reading.value, number);
        let again = parse_keyvalue(&format!("x{{{}}}={number}", reading.labels), 1);
        prop_assert_eq!(again, parsed);
    }

    #[test]
    fn performance_data_is_read_as_it_was_meant(label in "[a-z '/:äß]{1,12}", number in -1e6..1e6_f64) {
        let quoted = label.replace('\'', "''");
        let parsed: Parsed = parse_nagios(&format!("OK|'{quoted}'={number:.3}ms;1"), 9);
        prop_assert_eq!(&parsed.problem, &None);
        prop_assert_eq!(&parsed.readings[0].name, &label);
        prop_assert!((parsed.readings[0].value - number).abs() <= 0.0005);
        prop_assert_eq!(parsed.readings[1].value, 1.0);
    }
}
