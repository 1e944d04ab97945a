use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str, pairs: &[(&str, &str)]) -> (Duration, u64, Vec<String>, Result<(), ConfigError>) {
    let environment = environment(pairs);
    let mut reader = Reader::new(text, "T", &environment);
    let second = Duration::from_secs(1);
    let interval = reader.duration("interval", 5 * second, second..=600 * second);
    let size = reader.bytes("size", 64, 1..=1 << 30);
    let servers = reader.list("servers", |item| {
        if item.contains(':') { Ok(item.to_owned()) } else { Err(format!("is {item:?}; write host:port")) }
    });
    (interval, size, servers, reader.finish("test.toml"))
}

#[test]
fn defaults_then_file_then_environment() {
    let second = Duration::from_secs(1);
    assert_eq!(read("", &[]), (5 * second, 64, vec![], Ok(())));
    let file = "interval = '2s'\nsize = 10\nservers = ['a:1']";
    assert_eq!(read(file, &[]), (2 * second, 10, vec!["a:1".to_owned()], Ok(())));
    let (interval, _, servers, result) =
        read(file, &[("T_INTERVAL", "3s"), ("T_SERVERS", "b:1, c:2"), ("OTHER", "x")]);
    assert_eq!((interval, servers, result), (3 * second, vec!["b:1".to_owned(), "c:2".to_owned()], Ok(())));
}

#[test]
fn all_mistakes_are_reported_together() {
    let file = "intervall = '2s'\nsize = 'big'\nservers = ['a', 7]\n[extra]\nx = 1";
    let error = read(file, &[("T_INTERVAL", "1h"), ("T_SIZ", "1")]).3.unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"test.toml: 7 problems
  T_INTERVAL (environment): is 1h; it has to be from 1s to 10m
  size: is "big"; write a number with a unit, such as "64MiB" or "30MB"
  servers[0]: is "a"; write host:port
  servers[1]: is 7; write text in quotes
  extra: no such key; there are: interval, servers, size
  intervall: no such key; did you mean interval?
  T_SIZ (environment): no such key; did you mean size?"#
    );
}

#[test]
fn broken_toml_is_one_problem_with_its_place() {
    let error = read("interval = \n", &[]).3.unwrap_err();
    assert_eq!(error.problems.len(), 1);
    assert!(
        error.problems[0].starts_with("not TOML: TOML parse error at line 1, column 12"),
        "{}",
        error.problems[0]
    );
}

#[test]
fn each_table_of_an_array_has_its_own_mistakes() {
    let environment = environment(&[]);
    let file = "[[job]]\nname = 'a'\n[[job]]\nnam = 'b'\nsize = 'big'";
    let mut reader = Reader::new(file, "T", &environment);
    let jobs = reader.tables("job", |job| (job.text("name", ""), job.bytes("size", 1, 0..=9)));
    assert_eq!(jobs, [("a".to_owned(), 1), (String::new(), 1)]);
    assert_eq!(
        reader.finish("test.toml").unwrap_err().problems,
        [
            r#"job[1].size: is "big"; write a number with a unit, such as "64MiB" or "30MB""#,
            "job[1].nam: no such key; did you mean name?"
        ]
    );
    let mut reader = Reader::new("job = ['a']", "T", &environment);
    assert!(reader.tables("job", |job| job.text("name", "")).is_empty());
    assert_eq!(
        reader.finish("t").unwrap_err().problems,
        ["job: is a list; write [[job]] and its keys below"]
    );
}

#[test]
fn a_flag_is_true_or_false() {
    let read = |text: &str, environment: &Environment| {
        let mut reader = Reader::new(text, "T", environment);
        let flag = reader.flag("a", true);
        reader.finish("test").map(|()| flag).map_err(|error| error.problems)
    };
    let variable = |value: &str| [("T_A".to_owned(), value.to_owned())].into_iter().collect::<Environment>();
    assert_eq!(read("", &Environment::new()), Ok(true));
    assert_eq!(read("a = false", &Environment::new()), Ok(false));
    assert_eq!(read("a = true", &variable("false")), Ok(false));
    assert_eq!(read("a = 1", &Environment::new()), Err(vec!["a: is 1; write true or false".to_owned()]));
    assert!(read("", &variable("no")).is_err());
}

#[test]
fn a_table_has_keys_and_variables_of_its_own() {
    let environment: Environment = [("T_X_A".to_owned(), "7".to_owned())].into_iter().collect();
    let read = |text: &str, environment: &Environment| {
        let mut reader = Reader::new(text, "T", environment);
        let a = reader.table("x", "T_X", |reader| reader.integer("a", 1, 0..=9));
        reader.finish("test").map(|()| a)
    };
    assert_eq!(read("", &Environment::new()), Ok(1));
    assert_eq!(read("[x]\na = 2", &Environment::new()), Ok(2));
    assert_eq!(read("[x]\na = 2", &environment), Ok(7));
    let wrong: Environment = [("T_X_B".to_owned(), "7".to_owned())].into_iter().collect();
    let error = read("[x]\na = 20\nc = 1", &wrong).unwrap_err();
    assert_eq!(
        error.problems,
        [
            "x.a: is 20; it has to be a whole number from 0 to 9",
            "x.c: no such key; did you mean a?",
            "T_X_B (environment): no such key; did you mean a?",
        ]
    );
    assert_eq!(
        read("x = 1", &Environment::new()).unwrap_err().problems,
        ["x: is 1; write it as [x], with its keys below"]
    );
}
