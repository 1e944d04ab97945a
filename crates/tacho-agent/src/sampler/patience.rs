//! Asks questions that may never be answered, without waiting for ever.
//!
//! A file system whose server is gone, or a process whose memory map is locked by a thread that waits for
//! such a file system, blocks whoever asks. Here another thread asks; when no answer comes in time, that
//! thread is left behind and another one asks the next question. Only a few are ever left behind.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Threads that may wait for an answer at one time; with all of them waiting nothing more is asked.
const MAX_WAITING: usize = 4;

/// The questions are a system call or two.
const STACK_BYTES: usize = 64 << 10;

/// Puts questions of one kind.
#[derive(Debug)]
pub(super) struct Patience<Q, A> {
    /// Name of the threads.
    name: &'static str,
    answer: fn(Q) -> A,
    idle: Option<Worker<Q, A>>,
    waiting: Vec<Worker<Q, A>>,
}

#[derive(Debug)]
struct Worker<Q, A> {
    questions: SyncSender<Q>,
    answers: Receiver<A>,
}

impl<Q: Send + 'static, A: Send + 'static> Patience<Q, A> {
    pub(super) fn new(name: &'static str, answer: fn(Q) -> A) -> Self {
        Self { name, answer, idle: None, waiting: Vec::new() }
    }

    /// `None` when there is no answer within `limit`, or when too many questions are still open.
    pub(super) fn ask(&mut self, question: Q, limit: Duration) -> Option<A> {
        let worker = self.worker()?;
        worker.questions.send(question).ok()?;
        match worker.answers.recv_timeout(limit) {
            Ok(answer) => {
                self.idle = Some(worker);
                Some(answer)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.waiting.push(worker);
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn worker(&mut self) -> Option<Worker<Q, A>> {
        if let Some(worker) = self.idle.take() {
            return Some(worker);
        }
        // An answer that came too late frees its thread.
        if let Some(position) = self.waiting.iter().position(|worker| worker.answers.try_recv().is_ok()) {
            return Some(self.waiting.swap_remove(position));
        }
        if self.waiting.len() >= MAX_WAITING {
            return None;
        }
        self.start()
    }

    fn start(&self) -> Option<Worker<Q, A>> {
        let (questions, asked) = sync_channel::<Q>(1);
        let (answered, answers) = sync_channel(1);
        let answer = self.answer;
        let work = move || {
            asked.iter().map(answer).try_for_each(|answer| answered.send(answer).ok()).unwrap_or_default()
        };
        let thread = thread::Builder::new().name(self.name.to_owned()).stack_size(STACK_BYTES).spawn(work);
        thread.is_ok().then_some(Worker { questions, answers })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_question_without_an_answer_stops_nobody() {
        type Question = Option<Arc<Barrier>>;
        let answer = |question: Question| question.map_or(7, |barrier| barrier.wait().is_leader() as i32);
        let mut patience = Patience::new("test", answer);
        let long = Duration::from_secs(60);
        assert_eq!(patience.ask(None, long), Some(7));
        let barriers: Vec<_> = (0..MAX_WAITING).map(|_| Arc::new(Barrier::new(2))).collect();
        for barrier in &barriers {
            assert_eq!(patience.ask(Some(Arc::clone(barrier)), Duration::ZERO), None);
        }
        assert_eq!(patience.ask(None, long), None, "all threads wait");
        barriers[1].wait();
        let mut answer = None;
        while answer.is_none() {
            answer = patience.ask(None, long);
            thread::yield_now();
        }
        assert_eq!(answer, Some(7), "the thread that was freed answers again");
        for barrier in [&barriers[0], &barriers[2], &barriers[3]] {
            barrier.wait();
        }
    }
}
