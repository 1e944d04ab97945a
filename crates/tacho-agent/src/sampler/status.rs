//! What a collector could not read, and why.

use tacho_model::CollectorStatus;
use tacho_proc::ProcError;

/// Kept from snapshot to snapshot, so that what stays the same costs nothing.
#[derive(Debug)]
pub(super) struct Status {
    name: &'static str,
    absent: Vec<Absent>,
    error: Option<ProcError>,
    /// Reasons that name a thing of this host, each a whole sentence.
    pub(super) remarks: Vec<String>,
}

#[derive(Debug)]
struct Absent {
    reading: &'static str,
    reason: &'static str,
}

impl Status {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, absent: Vec::new(), error: None, remarks: Vec::new() }
    }

    /// Takes note of how reading `reading` went, and hands on what there is.
    pub(super) fn note<T>(&mut self, reading: &'static str, result: Result<T, ProcError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.present(reading);
                Some(value)
            }
            Err(ProcError::Denied { .. }) => {
                self.absent(reading, "denied");
                None
            }
            Err(error) if error.is_absence() => {
                self.absent(reading, "not on this kernel");
                None
            }
            Err(error) => {
                self.absent(reading, "failed");
                self.fail(error);
                None
            }
        }
    }

    pub(super) fn absent(&mut self, reading: &'static str, reason: &'static str) {
        match self.absent.iter_mut().find(|absent| absent.reading == reading) {
            Some(absent) => absent.reason = reason,
            None => self.absent.push(Absent { reading, reason }),
        }
    }

    /// Absent for `reason`, or present without one.
    pub(super) fn set_absent(&mut self, reading: &'static str, reason: Option<&'static str>) {
        match reason {
            Some(reason) => self.absent(reading, reason),
            None => self.present(reading),
        }
    }

    pub(super) fn present(&mut self, reading: &'static str) {
        self.absent.retain(|absent| absent.reading != reading);
        if self.error.is_some() && self.absent.iter().all(|absent| absent.reason != "failed") {
            self.error = None;
            tracing::info!(collector = self.name, "reading works again");
        }
    }

    /// Logged when it begins, not at every snapshot.
    fn fail(&mut self, error: ProcError) {
        if self.error.is_none() {
            tracing::warn!(collector = self.name, %error, "a reading failed; it is absent until it works again");
        }
        self.error = Some(error);
    }

    pub(super) fn tell(&self) -> CollectorStatus {
        let absent = self.absent.iter().map(|absent| format!("{}: {}", absent.reading, absent.reason));
        CollectorStatus {
            name: self.name.to_owned(),
            absent: absent.chain(self.remarks.iter().cloned()).collect(),
            error: self.error.map(|error| error.to_string()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_absent_until_it_is_there_again() {
        let mut status = Status::new("load");
        assert_eq!(status.note::<()>("uptime", Err(ProcError::Denied { file: "uptime" })), None);
        assert_eq!(status.note::<()>("load", Err(ProcError::Malformed { file: "loadavg" })), None);
        let told = status.tell();
        assert_eq!(told.absent, ["uptime: denied", "load: failed"]);
        assert_eq!(told.error, "loadavg is not in a known format");
        assert_eq!(status.note("uptime", Ok(1)), Some(1));
        assert_eq!((status.tell().absent.len(), status.tell().error.is_empty()), (1, false));
        assert_eq!(status.note("load", Ok(1)), Some(1));
        assert_eq!((status.tell().absent.len(), status.tell().error.is_empty()), (0, true));
    }
}
