//! What the server may ask of this host now. The kinds are a closed list, each is answered by reading and by nothing
//! else, and the settings say which are.
//!
//! A question is answered on a thread of its own, so that neither a snapshot nor a frame waits for it. One is at work
//! at a time, a few wait; a thread that the kernel does not let go keeps its place, and the agent goes on without it.

mod allowance;
pub mod open_files;
mod settings;
mod text;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tacho_wire::v1::{Answer, OpenFilesQuestion, Question, QuestionKind, Refusal, answer, question};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use allowance::Allowance;
use open_files::Refused;
pub use settings::{QuestionSettings, read_questions};
use text::escape;

/// Questions of a connection that are at work or wait; further ones are refused.
pub const MOST_AT_ONCE: usize = 5;

/// A reading needs little more than a path at a time.
const STACK_BYTES: usize = 256 << 10;
/// Longer names of people say nothing more.
const ASKER_CHARACTERS: usize = 64;

/// How long an answer may take. By default 4 s in all, which is below the server's patience of 5 s.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Longest wait for those before.
    pub wait: Duration,
    /// A reading stops by itself after this, with what it has.
    pub reading: Duration,
    /// A reading that has not stopped by then is not waited for.
    pub longest_reading: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { wait: seconds(2), reading: seconds(1), longest_reading: seconds(2) }
    }
}

/// Answers questions. Outlives connections, so that its limits hold over all of them.
#[derive(Debug)]
pub struct Desk {
    settings: QuestionSettings,
    /// `/proc`.
    proc_root: PathBuf,
    /// What start times of processes are reckoned from, as in snapshots.
    boot_time_ms: i64,
    times: Times,
    at_work: Arc<Semaphore>,
    allowance: Mutex<Allowance>,
}

impl Desk {
    pub fn new(settings: QuestionSettings, proc_root: PathBuf, boot_time_ms: i64, times: Times) -> Self {
        let (at_work, allowance) = (Arc::new(Semaphore::new(1)), Mutex::new(Allowance::default()));
        Self { settings, proc_root, boot_time_ms, times, at_work, allowance }
    }

    /// Questions that this agent knows, as the hello tells them: also those that its settings refuse.
    pub fn known() -> Vec<i32> {
        vec![QuestionKind::OpenFiles.into()]
    }

    /// Answers within the times for waiting and reading.
    pub async fn answer(&self, asked: Question, now_us: u64) -> Answer {
        let Question { id, asker, question } = asked;
        let answer = match question {
            Some(question::Question::OpenFiles(question)) => self.open_files(&asker, question, now_us).await,
            // Of a newer server.
            None => Err(Refusal::NotSupported),
        };
        Answer { id, answer: Some(answer.unwrap_or_else(|refusal| answer::Answer::Refused(refusal.into()))) }
    }

    async fn open_files(
        &self,
        asker: &str,
        question: OpenFilesQuestion,
        now_us: u64,
    ) -> Result<answer::Answer, Refusal> {
        if !self.settings.open_files {
            return Err(Refusal::NotAllowed);
        }
        if !self.allowance.lock().unwrap_or_else(PoisonError::into_inner).take(now_us) {
            return Err(Refusal::TooMany);
        }
        let asker: String = escape(asker.as_bytes()).chars().take(ASKER_CHARACTERS).collect();
        tracing::info!(pid = question.pid, asker, "the server asks which files a process holds open");
        let permit = timeout(self.times.wait, Arc::clone(&self.at_work).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Refusal::TooMany) };
        let (root, boot_time_ms, time) = (self.proc_root.clone(), self.boot_time_ms, self.times.reading);
        let read = move || {
            let until = Instant::now() + time;
            let key = open_files::Key { pid: question.pid, start_time_ms: question.start_time_ms };
            open_files::read_of(&root, key, boot_time_ms, &|| Instant::now() >= until)
        };
        match timeout(self.times.longest_reading, on_thread(permit, read)).await {
            Ok(Some(Ok(files))) => Ok(answer::Answer::OpenFiles(wire::to_wire(files))),
            Ok(Some(Err(Refused::Gone))) => Err(Refusal::Gone),
            Ok(Some(Err(Refused::Denied))) => Err(Refusal::Denied),
            Ok(Some(Err(Refused::Failed(_))) | None) | Err(_) => Err(Refusal::Failed),
        }
    }
}

/// The refusal of a question that there is no room for.
pub fn too_many(id: u64) -> Answer {
    Answer { id, answer: Some(answer::Answer::Refused(Refusal::TooMany.into())) }
}

/// Runs `read` on a thread that nobody joins: the program may end while the kernel still holds it. `None` when there
/// is no thread to be had.
async fn on_thread<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    read: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    let run = move || {
        // Nobody may wait any more.
        sender.send(read()).ok();
        drop(permit);
    };
    let builder = std::thread::Builder::new().name("question".to_owned()).stack_size(STACK_BYTES);
    builder.spawn(run).ok()?;
    receiver.await.ok()
}

#[cfg(test)]
mod tests;
