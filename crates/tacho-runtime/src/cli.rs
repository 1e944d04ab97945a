//! What the command lines of all daemons do alike: load settings, check a file, end with an exit code.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::config::{ConfigError, Environment, process_environment, read_file};

/// `EX_CONFIG` of sysexits.h: what is wrong is the configuration, so a restart will not help.
const EXIT_CONFIG: u8 = 78;

/// Where a daemon's settings are, and what makes settings of a file's text and the environment; the last argument
/// names the file in errors.
#[derive(Debug)]
pub struct Settings<C> {
    pub default_file: &'static str,
    pub parse: fn(&str, &Environment, &str) -> Result<C, ConfigError>,
}

impl<C> Settings<C> {
    /// The settings of `path`, or of the default file, and of this process's environment.
    pub fn load(&self, path: Option<&Path>) -> Result<C, ConfigError> {
        let (origin, text) = read_file(path, Path::new(self.default_file))?;
        (self.parse)(&text, &process_environment(), &origin)
    }

    /// Says on standard output that the settings are good, or fails with all that is wrong with them.
    pub fn check(&self, path: Option<PathBuf>) -> anyhow::Result<()> {
        self.load(path.as_deref())?;
        let shown = path.unwrap_or_else(|| self.default_file.into());
        writeln!(io::stdout(), "{}: good", shown.display()).context("cannot write to standard output")
    }
}

/// What `program` ends with; an error goes to standard error with all its causes.
pub fn exit_code(program: &str, result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.is::<ConfigError>() { EXIT_CONFIG } else { 1 };
            // Nothing is left to do when standard error is closed.
            drop(writeln!(io::stderr(), "{program}: {error:#}"));
            ExitCode::from(code)
        }
    }
}
