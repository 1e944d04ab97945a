//! Questions to agents, and who waits for the answers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tacho_wire::v1::{Answer, OpenFiles, OpenFilesQuestion, Question, QuestionKind, Refusal};
use tacho_wire::v1::{FromServer, answer, from_server, question};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::sessions::{Session, Sessions};

/// Questions under way to all agents, each with an answer of at most one message.
pub(super) const MOST_AT_ONCE: usize = 64;
/// To one agent; it refuses more itself.
const MOST_OF_HOST: usize = 4;
/// An agent tells no more.
const MOST_FILES: usize = 1000;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskError {
    /// The agent is not connected to this server, or was not any more while it was asked.
    NotConnected,
    /// It does not know such questions yet.
    TooOld,
    /// Too many questions are under way.
    Busy,
    /// It did not answer in time.
    Silent,
    /// What it says.
    Refused(Refusal),
}

/// What a connection was asked. Until the agent was welcomed, and once it is gone, it cannot be asked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    /// Those that the agent knows.
    kinds: Vec<i32>,
    last_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

/// An agent that can be asked, and leave to ask it.
#[derive(Debug)]
pub struct Ready {
    session: Session,
    patience: std::time::Duration,
    _permit: OwnedSemaphorePermit,
}

/// Forgets the question when nobody waits any more.
struct Place<'a> {
    asked: &'a Asked,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(open) = &mut *self.asked.lock() {
            open.waiting.remove(&self.id);
        }
    }
}

impl Asked {
    /// Welcomes an agent that knows these questions: none comes before the welcome, and who has read it can be asked.
    pub(super) fn open(&self, kinds: &[i32], welcome: impl FnOnce()) {
        // One that says more than there are says nothing more.
        let known = |kind: &i32| *kind == i32::from(QuestionKind::OpenFiles);
        let kinds = kinds.iter().copied().filter(known).take(1).collect();
        let mut open = self.lock();
        welcome();
        *open = Some(Open { kinds, last_id: 0, waiting: HashMap::new() });
    }

    /// The agent is gone: who waits hears so.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    /// Hands an answer to who waits for it; one that nobody waits for any more is dropped.
    pub(super) fn answered(&self, answer: Answer) {
        let waiting = self.lock().as_mut().and_then(|open| open.waiting.remove(&answer.id));
        if let Some(waiting) = waiting {
            waiting.send(answer).ok();
        }
    }

    fn check(&self, kind: QuestionKind) -> Result<(), AskError> {
        match &*self.lock() {
            None => Err(AskError::NotConnected),
            Some(open) if !open.kinds.contains(&kind.into()) => Err(AskError::TooOld),
            Some(open) if open.waiting.len() >= MOST_OF_HOST => Err(AskError::Busy),
            Some(_) => Ok(()),
        }
    }

    fn place(&self) -> Result<(Place<'_>, oneshot::Receiver<Answer>), AskError> {
        let mut lock = self.lock();
        let open = lock.as_mut().ok_or(AskError::NotConnected)?;
        if open.waiting.len() >= MOST_OF_HOST {
            return Err(AskError::Busy);
        }
        open.last_id += 1;
        let (sender, receiver) = oneshot::channel();
        open.waiting.insert(open.last_id, sender);
        Ok((Place { asked: self, id: open.last_id }, receiver))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        // Nothing panics while the lock is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// The agent of a host, if it can be asked such a question now. Nothing is sent yet.
    pub fn ready(&self, host_id: &str, kind: QuestionKind) -> Result<Ready, AskError> {
        let session = self.of_host(host_id).ok_or(AskError::NotConnected)?;
        session.asked.check(kind)?;
        let permit = self.question_permit().ok_or(AskError::Busy)?;
        Ok(Ready { session, patience: self.patience(), _permit: permit })
    }
}

impl Ready {
    /// Asks which files a process holds open. `asker` is told to the agent.
    pub async fn open_files(self, asker: &str, question: OpenFilesQuestion) -> Result<OpenFiles, AskError> {
        match self.ask(asker, question::Question::OpenFiles(question)).await? {
            answer::Answer::OpenFiles(mut found) => {
                found.files.truncate(MOST_FILES);
                Ok(found)
            }
            answer::Answer::Refused(refusal) => {
                Err(AskError::Refused(Refusal::try_from(refusal).unwrap_or(Refusal::Unknown)))
            }
        }
    }

    async fn ask(&self, asker: &str, question: question::Question) -> Result<answer::Answer, AskError> {
        let (place, receiver) = self.session.asked.place()?;
        let question = Question { id: place.id, asker: asker.to_owned(), question: Some(question) };
        let message = FromServer { message: Some(from_server::Message::Question(question)) };
        let asked = async {
            self.session.sender.send(Ok(message)).await.map_err(|_| AskError::NotConnected)?;
            receiver.await.map_err(|_| AskError::NotConnected)
        };
        let answer = timeout(self.patience, asked).await.map_err(|_| AskError::Silent)??;
        // Of a newer agent.
        answer.answer.ok_or(AskError::Refused(Refusal::Unknown))
    }
}
