//! Rules of the operator: the files of one directory.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tacho_alert::{LoadError, RuleSet, load};

/// Files of rules; more are refused.
const MAX_FILES: usize = 200;
/// Longest file of rules.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why the rules could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("cannot read the rules in {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: {problem}", path.display())]
    Unusable { path: PathBuf, problem: &'static str },
    #[error(transparent)]
    Wrong(#[from] LoadError),
}

/// Rules of all `*.toml` files of a directory, and the default ones. A directory that is not there has no files.
pub fn load_rules(directory: &Path) -> Result<RuleSet, RulesError> {
    let mut files = Vec::new();
    for path in paths(directory)? {
        let read = |source| RulesError::Read { path: path.clone(), source };
        if std::fs::metadata(&path).map_err(read)?.len() > MAX_FILE_BYTES {
            return Err(RulesError::Unusable { path, problem: "has more than 1 MiB; split it" });
        }
        let text = std::fs::read_to_string(&path).map_err(read)?;
        files.push((path.display().to_string(), text));
    }
    Ok(load(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))?)
}

/// Says whether the files are still the same: names, sizes, times.
pub(super) fn fingerprint(directory: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let paths = paths(directory).unwrap_or_default();
    let of = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok();
        let size = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        (path, size, metadata.and_then(|metadata| metadata.modified().ok()))
    };
    paths.into_iter().map(of).collect()
}

fn paths(directory: &Path) -> Result<Vec<PathBuf>, RulesError> {
    let failed = |source| RulesError::Read { path: directory.to_owned(), source };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    if paths.len() > MAX_FILES {
        return Err(RulesError::Unusable { path: directory.to_owned(), problem: "has more than 200 files" });
    }
    paths.sort();
    Ok(paths)
}
