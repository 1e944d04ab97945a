//! Why a reading could not be had.

use std::io;

/// Why a file of the kernel could not be read. Small and free of heap, because on some kernels the same
/// file is missing at every snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProcError {
    /// This kernel, or this machine, does not have it.
    #[error("{file} is not there")]
    Missing { file: &'static str },
    /// The agent's user may not read it.
    #[error("{file}: permission denied")]
    Denied { file: &'static str },
    /// The process it was about has ended.
    #[error("{file}: the process has ended")]
    Ended { file: &'static str },
    /// The kernel refused for another reason.
    #[error("{file}: {}", io::Error::from_raw_os_error(*errno))]
    Failed { file: &'static str, errno: i32 },
    /// The text is not what any known kernel writes.
    #[error("{file} is not in a known format")]
    Malformed { file: &'static str },
    /// The text is longer than the reader's bound.
    #[error("{file} is longer than {limit} bytes")]
    TooLong { file: &'static str, limit: usize },
}

impl ProcError {
    /// Sorts an error of the operating system by what it means for a reading of `file`.
    pub fn from_io(file: &'static str, error: &io::Error) -> Self {
        match error.raw_os_error() {
            // Pressure files exist on kernels where the feature is switched off; reading them says so.
            Some(libc::ENOENT | libc::ENOTDIR | libc::EOPNOTSUPP) => Self::Missing { file },
            Some(libc::EACCES | libc::EPERM) => Self::Denied { file },
            Some(libc::ESRCH) => Self::Ended { file },
            Some(errno) => Self::Failed { file, errno },
            None => Self::Failed { file, errno: libc::EIO },
        }
    }

    /// The process is gone: its directory or what it stood for is no longer there.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Ended { .. })
    }

    /// The kernel refused with this number.
    pub(crate) fn is_of(self, number: i32) -> bool {
        matches!(self, Self::Failed { errno, .. } if errno == number)
    }

    /// A state of the machine rather than a fault: the reading is absent and will stay so.
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Denied { .. })
    }
}
