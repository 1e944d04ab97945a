//! The committed object is made of the committed source.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf")
}

fn made_of() -> String {
    std::fs::read_to_string(directory().join("made-of")).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().fold(
        String::new(),
        |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        },
    )
}

fn source_files() -> Vec<String> {
    let names = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "c" || end == "h"))
        .collect();
    names.sort();
    names
}

#[test]
fn the_object_was_made_of_this_source() {
    let mut expected = String::new();
    for name in source_files() {
        let hash = sha256(&std::fs::read(directory().join(&name)).unwrap());
        writeln!(expected, "{hash}  {name}").unwrap();
    }
    let text = made_of();
    let (compiler, sums) = text.split_once('\n').unwrap();
    assert!(compiler.starts_with("compiler "), "{compiler}");
    assert_eq!(sums, expected, "the source has changed: `make bpf`");
}

#[test]
fn the_same_compiler_makes_the_same_object() {
    // What it starts has copies of this process's sockets for a moment, which other tests say they alone have.
    let _room = crate::ring();
    let compiler = Command::new("clang").arg("--version").output();
    let version = compiler.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = version.unwrap_or_default().lines().next().unwrap_or("none").to_owned();
    let text = made_of();
    if text.lines().next() != Some(&format!("compiler {version}")) {
        eprintln!("not tested, the compiler here is {version}");
        return;
    }
    let to = std::env::temp_dir().join(format!("tacho-bpf-{}", std::process::id()));
    std::fs::create_dir_all(&to).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/bpf");
    let built = Command::new(script).arg(&to).status().unwrap();
    let object = std::fs::read(to.join("tacho.bpf.o")).unwrap_or_default();
    std::fs::remove_dir_all(&to).unwrap();
    assert!(built.success());
    assert!(
        object == std::fs::read(directory().join("tacho.bpf.o")).unwrap(),
        "the object is another: `make bpf`"
    );
}
