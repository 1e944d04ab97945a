//! Settings of `[questions]`.

use tacho_runtime::config::Reader;

/// What of this host the server may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionSettings {
    /// Which files a process holds open.
    pub open_files: bool,
}

/// Reads the table `[questions]`.
pub fn read_questions(reader: &mut Reader<'_>) -> QuestionSettings {
    reader.table("questions", "TACHO_AGENT_QUESTIONS", |reader| QuestionSettings {
        open_files: reader.flag("open_files", true),
    })
}
