//! Where the daemons' binaries are: built beside this test program, as the same build.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, ensure};

static DIRECTORY: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Takes the daemons of a directory, which must be there, instead of building them. Call it before anything is
/// started.
pub fn use_binaries(directory: PathBuf) -> anyhow::Result<()> {
    for name in ["tacho-agent", "tacho-server"] {
        ensure!(directory.join(name).is_file(), "there is no {name} in {}", directory.display());
    }
    ensure!(DIRECTORY.set(Ok(directory)).is_ok(), "the daemons were chosen before");
    Ok(())
}

/// Set by `make test`, which has built the daemons: where they are.
const BUILT: &str = "TACHO_BIN";

/// The binary called `name`. The first call has cargo build all of them unless that is done, so a test is never left with
/// yesterday's.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let built = || std::env::var_os(BUILT).map(PathBuf::from);
    let directory =
        DIRECTORY.get_or_init(|| built().map_or_else(build, Ok).map_err(|error| format!("{error:#}")));
    let directory = directory.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(directory.join(name))
}

fn build() -> anyhow::Result<PathBuf> {
    // target/debug/deps/it-0123 is a test program, target/debug/tacho-faults one of ours.
    let program = std::env::current_exe().context("this program has no path")?;
    let beside = program.parent().context("this program is not in a target directory")?;
    let directory = if beside.ends_with("deps") { beside.parent() } else { Some(beside) };
    let directory = directory.context("this program is not in a target directory")?;
    let target = directory.parent().context("this program is not in a target directory")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target);
    if directory.ends_with("release") {
        command.arg("--release");
    }
    // Set by the cargo that runs the tests; build scripts that look at them would build anew what is built.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    let built = command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()
        .context("cargo does not run")?;
    ensure!(built.success(), "the daemons do not build");
    Ok(directory.to_owned())
}
