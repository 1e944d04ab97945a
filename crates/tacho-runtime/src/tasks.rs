//! Long-lived tasks of a daemon: named, owned, stopped in order.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The tasks of one daemon. When one of them ends before it was asked to, all are stopped.
#[derive(Debug)]
pub struct TaskGroup {
    tasks: JoinSet<(&'static str, Result<(), TaskError>)>,
    stop: CancellationToken,
}

/// Why a task ended.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

impl TaskGroup {
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), stop }
    }

    /// Starts a task under a name for the log.
    pub fn spawn<F, E>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError> + 'static,
    {
        self.tasks.spawn(async move { (name, task.await.map_err(Into::into)) });
    }

    /// Waits until all tasks have ended. The first to end starts the stop; those not done `grace` later are
    /// dropped. Answers with the first error.
    pub async fn wait(mut self, grace: Duration) -> Result<(), TaskError> {
        let mut first_error = None;
        let mut deadline = None;
        while !self.tasks.is_empty() {
            let next = async {
                match deadline {
                    Some(deadline) => {
                        tokio::time::timeout_at(deadline, self.tasks.join_next()).await.unwrap_or(None)
                    }
                    None => self.tasks.join_next().await,
                }
            };
            let Some(ended) = next.await else {
                tracing::warn!(tasks = self.tasks.len(), "tasks did not stop in time; leaving without them");
                break;
            };
            let stopping = self.stop.is_cancelled();
            self.stop.cancel();
            deadline.get_or_insert_with(|| tokio::time::Instant::now() + grace);
            match ended {
                Ok((name, Ok(()))) if stopping => tracing::debug!(name, "stopped"),
                Ok((name, Ok(()))) => tracing::warn!(name, "ended by itself; stopping"),
                Ok((name, Err(error))) => {
                    tracing::error!(name, error = %crate::logging::chain(error.as_ref()), "failed; stopping");
                    first_error.get_or_insert(error);
                }
                Err(error) => {
                    tracing::error!(%error, "a task panicked; stopping");
                    first_error.get_or_insert(error.into());
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// Cancels `stop` at the first SIGTERM or SIGINT; the second ends the process at once.
pub fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping");
        stop.cancel();
        next().await;
        tracing::warn!("second signal; leaving at once");
        std::process::exit(1);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_task_stops_the_others_and_is_the_answer() {
        let stop = CancellationToken::new();
        let mut group = TaskGroup::new(stop.clone());
        let stopped = stop.clone();
        group.spawn("waits", async move {
            stopped.cancelled().await;
            Ok::<(), std::io::Error>(())
        });
        group.spawn("fails", async { Err(std::io::Error::other("broken")) });
        let error = group.wait(Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_left_behind() {
        let stop = CancellationToken::new();
        let mut group = TaskGroup::new(stop.clone());
        group.spawn("hangs", std::future::pending::<Result<(), std::io::Error>>());
        group.spawn("ends", async { Ok::<(), std::io::Error>(()) });
        group.wait(Duration::from_secs(5)).await.unwrap();
        assert!(stop.is_cancelled());
    }
}
