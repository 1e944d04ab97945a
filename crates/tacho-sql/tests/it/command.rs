//! The command line.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacho-sql"));
    command.args(arguments).env_remove("TACHO_SQL_MEMORY").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_has_examples() {
    let help = text(&run(&["--help"]).stdout);
    assert!(
        help.contains("Examples:") && help.contains("psql") && help.contains("tacho-sql check"),
        "{help}"
    );
}

#[test]
fn a_configuration_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sql.toml");
    std::fs::write(&file, "memory = \"2GiB\"\n").unwrap();
    let good = run(&["check", file.to_str().unwrap()]);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), format!("{}: good\n", file.display())));
    std::fs::write(&file, "memory = \"2 potatoes\"\nqueri = 3\n").unwrap();
    let bad = run(&["check", file.to_str().unwrap()]);
    let said = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(78), "{said}");
    assert!(said.contains("memory") && said.contains("queri"), "{said}");
    let bad = run(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(78));
}

#[test]
fn two_programs_do_not_share_a_directory() {
    let fixture = crate::fixture::Fixture::shared();
    let mut second = Command::new(env!("CARGO_BIN_EXE_tacho-sql"));
    second.arg("run").env("TACHO_SQL_DATA_DIR", &fixture.server.data_dir);
    second.env("TACHO_SQL_POSTGRES_LISTEN", "127.0.0.1:0");
    let output = second.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("another tacho-sql answers"), "{}", text(&output.stderr));
}
