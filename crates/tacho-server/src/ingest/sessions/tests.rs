use std::net::Ipv4Addr;

use tacho_wire::v1::{Answer, OpenFiles, OpenFilesQuestion, QuestionKind};
use tonic::Code;

use super::*;
use crate::ingest::AskError;

struct Fixture {
    sessions: Sessions,
    conflicts: Conflicts,
    sender: Sender,
    receiver: mpsc::Receiver<Result<FromServer, Status>>,
}

fn key() -> HostKey {
    HostKey { id: "h".into(), name: "web".into() }
}

fn agent() -> AgentRecord {
    AgentRecord {
        agent_id: "a".to_owned(),
        host: key(),
        revoked: false,
        machine: "aa".to_owned(),
        not_after_ms: 1_000,
    }
}

fn entry(revoked_ms: Option<i64>, name: &str) -> AgentEntry {
    let host = HostKey { name: name.into(), ..key() };
    AgentEntry { agent_id: "a".to_owned(), host, created_ms: 0, not_after_ms: 1_000, revoked_ms }
}

impl Fixture {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(4);
        Self { sessions: Sessions::default(), conflicts: Conflicts::default(), sender, receiver }
    }

    /// Follows agents that were asked for just now.
    fn follow(&self, agents: &[AgentEntry]) -> Vec<Change> {
        self.sessions.follow(agents, self.sessions.next_number())
    }

    fn claim_of(&self, start: u8, machine_hash: &str) -> Claim {
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, start));
        Claim {
            agent: agent(),
            start: vec![start; 16],
            machine: Machine { address, host_name: format!("machine-{start}") },
            machine_hash: machine_hash.to_owned(),
            sender: self.sender.clone(),
        }
    }

    async fn claim(&self, start: u8) -> Result<Session, Status> {
        self.sessions.claim(self.claim_of(start, ""), &self.conflicts, i64::from(start)).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_start_takes_over_and_another_one_only_from_the_dead() {
    let mut fixture = Fixture::new();
    let first = fixture.claim(1).await.unwrap();
    let second = fixture.claim(1).await.unwrap();
    assert_eq!(first.ended().await.code(), Code::Aborted);
    assert!(!fixture.sessions.release("a", &first));

    // The agent answers the ping: two machines, and both are named.
    let pong = Arc::clone(&second.pong);
    let claim = fixture.claim_of(2, "");
    let agent = async {
        fixture.receiver.recv().await.unwrap().unwrap();
        pong.notify_waiters();
    };
    let (refused, ()) = tokio::join!(fixture.sessions.claim(claim, &fixture.conflicts, 5), agent);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert!(refused.message().contains("10.0.0.1 (machine-1)"), "{}", refused.message());
    let conflict = fixture.conflicts.of("h", 5).unwrap();
    assert_eq!(conflict.connected.unwrap().host_name, "machine-1");
    assert_eq!(conflict.other.host_name, "machine-2");

    // It does not answer: the old connection is dead.
    let third = fixture.claim(2).await.unwrap();
    assert_eq!(second.ended().await.code(), Code::Aborted);
    assert!(fixture.sessions.release("a", &third));
}

#[tokio::test(start_paused = true)]
async fn two_that_take_turns_are_both_named_and_a_restart_is_nothing() {
    let fixture = Fixture::new();
    for start in [1, 2] {
        let session = fixture.claim(start).await.unwrap();
        fixture.sessions.release("a", &session);
    }
    assert_eq!(fixture.conflicts.of("h", 2), None, "an agent that started anew");
    fixture.claim(1).await.unwrap();
    let conflict = fixture.conflicts.of("h", 2).unwrap();
    assert_eq!(conflict.connected.unwrap().host_name, "machine-1");
    assert_eq!(conflict.other.host_name, "machine-2");
}

#[tokio::test(start_paused = true)]
async fn a_machine_with_another_id_than_the_one_that_joined_is_told_to_join() {
    let fixture = Fixture::new();
    let refused = fixture.sessions.claim(fixture.claim_of(1, "bb"), &fixture.conflicts, 1).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("token create join"), "{}", refused.message());
    let conflict = fixture.conflicts.of("h", 1).unwrap();
    assert_eq!((conflict.connected, conflict.other.host_name.as_str()), (None, "machine-1"));
    assert!(fixture.sessions.claim(fixture.claim_of(1, "aa"), &fixture.conflicts, 1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn sessions_follow_the_inventory() {
    let fixture = Fixture::new();
    let session = fixture.claim(1).await.unwrap();
    assert!(fixture.follow(&[entry(None, "web")]).is_empty());
    assert!(fixture.sessions.follow(&[], 0).is_empty(), "it joined while the agents were asked for");
    fixture.sessions.end_expired(999);
    assert!(session.end.why.get().is_none());
    let renamed = HostKey { name: "shop".into(), ..key() };
    assert_eq!(fixture.follow(&[entry(None, "shop")]), [Change::Renamed(renamed)]);
    assert_eq!(session.ended().await.code(), Code::Unavailable);
    assert_eq!(fixture.follow(&[]), [Change::Removed(key().id)]);

    let session = fixture.claim(1).await.unwrap();
    assert!(fixture.follow(&[entry(Some(5), "web")]).is_empty());
    let told = session.ended().await;
    assert_eq!(told.code(), Code::PermissionDenied);
    assert!(told.message().contains("revoked") && told.message().contains("token create join"));

    let session = fixture.claim(1).await.unwrap();
    fixture.sessions.end_expired(1_000);
    assert_eq!(session.ended().await.code(), Code::Unauthenticated);
}

fn about() -> OpenFilesQuestion {
    OpenFilesQuestion { pid: 1, start_time_ms: 2 }
}

async fn ask(sessions: &Sessions) -> Result<OpenFiles, AskError> {
    sessions.ready("h", QuestionKind::OpenFiles)?.open_files("ann", about()).await
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_asked_between_its_welcome_and_its_end() {
    let mut fixture = Fixture::new();
    assert_eq!(ask(&fixture.sessions).await, Err(AskError::NotConnected));
    let session = fixture.claim(1).await.unwrap();
    assert_eq!(ask(&fixture.sessions).await, Err(AskError::NotConnected), "nothing comes before the welcome");
    session.asked.open(&[], || ());
    assert_eq!(ask(&fixture.sessions).await, Err(AskError::TooOld));
    session.asked.open(&[99, QuestionKind::OpenFiles.into()], || ());
    assert_eq!(ask(&fixture.sessions).await, Err(AskError::Silent));
    let Some(Ok(FromServer { message: Some(from_server::Message::Question(first)) })) =
        fixture.receiver.recv().await
    else {
        panic!("no question")
    };
    // What comes too late, or was never asked for, is nobody's.
    for id in [first.id, 77] {
        session.asked.answered(Answer { id, answer: None });
    }
    let asked = async {
        let message = fixture.receiver.recv().await.unwrap().unwrap().message;
        let Some(from_server::Message::Question(question)) = message else { panic!("no question") };
        assert_eq!((question.asker.as_str(), question.id > first.id), ("ann", true));
        session.asked.close();
    };
    let (answer, ()) = tokio::join!(ask(&fixture.sessions), asked);
    assert_eq!(answer, Err(AskError::NotConnected), "the agent went away meanwhile");
}

#[tokio::test(start_paused = true)]
async fn questions_at_once_are_bounded() {
    let fixture = Fixture::new();
    let session = fixture.claim(1).await.unwrap();
    session.asked.open(&[QuestionKind::OpenFiles.into()], || ());
    let five = std::iter::repeat_with(|| ask(&fixture.sessions)).take(5);
    let answers = futures_of(five).await;
    let busy = answers.iter().filter(|answer| **answer == Err(AskError::Busy)).count();
    assert_eq!((busy, answers.len()), (1, 5), "{answers:?}");
    // They were given up: there is room again.
    assert_eq!(ask(&fixture.sessions).await, Err(AskError::Silent));
    let ready = || fixture.sessions.ready("h", QuestionKind::OpenFiles);
    let all: Vec<_> = std::iter::from_fn(|| ready().ok()).take(1000).collect();
    assert_eq!(all.len(), 64, "of all hosts together");
    assert_eq!(ready().map(drop), Err(AskError::Busy));
}

/// Runs them beside each other.
async fn futures_of<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pinned.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pinned.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
