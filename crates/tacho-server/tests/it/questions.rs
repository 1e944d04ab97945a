//! Asking a host now: the road from the API to an agent and back, with an agent that says anything.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tacho_catalog::Role;
use tacho_wire::v1::{
    Answer, FileAccess, OpenFile, OpenFileKind, OpenFiles, QuestionKind, Refusal, SocketEnds, answer,
    from_agent, question,
};

use crate::agents::{Agent, Agents, Joined};
use crate::fixture::{START_MS, Server};

fn path(host: &str, pid: &str) -> String {
    format!("/api/v1/hosts/{host}/processes/{pid}/{START_MS}/open-files")
}

/// Status, and the answer or the error's reason.
async fn ask(server: &Server, path: &str, role: Role) -> (StatusCode, Value) {
    let token = server.token(role).await;
    let answer = server.call(Method::POST, path).bearer(&token).send().await;
    let json = answer.json();
    (answer.status, if answer.status == StatusCode::OK { json } else { json["error"]["reason"].clone() })
}

/// Asks an agent that answers so.
async fn answered(server: &Server, agent: &mut Agent, answer: Option<answer::Answer>) -> (StatusCode, Value) {
    agent.asked = None;
    let path = path("web", "7");
    let says = async {
        agent.until(|agent| agent.asked.is_some()).await;
        let question = agent.asked.clone().unwrap();
        let Some(question::Question::OpenFiles(about)) = &question.question else { panic!("{question:?}") };
        assert_eq!((about.pid, about.start_time_ms), (7, START_MS));
        agent.send(from_agent::Message::Answer(Answer { id: question.id, answer })).await;
        // The server closes no stream over it.
        question.asker
    };
    let (answer, asker) = tokio::join!(ask(server, &path, Role::Operator), says);
    let entries = server.state.catalog.audit_entries(None, 1).await.unwrap();
    assert_eq!(entries[0].author, asker, "the agent hears who asks, and so does the audit list");
    answer
}

async fn connect(agents: &Agents<'_>, joined: &Joined, questions: Vec<i32>) -> Agent {
    let mut hello = agents.hello(1, Vec::new(), 0);
    hello.questions = questions;
    agents.connect_with(joined, hello).await.unwrap()
}

/// The question goes to the agent as its number, and comes back as it was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_asked_and_its_answer_handed_on() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let joined = agents.join("web").await;
    let mut agent = connect(&agents, &joined, vec![QuestionKind::OpenFiles.into()]).await;
    let file = OpenFile {
        number: 3,
        kind: OpenFileKind::File.into(),
        name: r"/var/log/a\nb".to_owned(),
        deleted: true,
        access: FileAccess::ReadWrite.into(),
        position: Some(0),
        size_bytes: Some(4096),
        inode: Some(99),
        socket: None,
    };
    let ends = SocketEnds { protocol: "tcp".to_owned(), local_port: 22, ..SocketEnds::default() };
    // Of a newer agent: kinds that are not known here.
    let socket = OpenFile { number: 4, kind: 77, access: 77, socket: Some(ends), ..OpenFile::default() };
    let found = OpenFiles { files: vec![file, socket], total: Some(5) };
    let (status, shown) = answered(&server, &mut agent, Some(answer::Answer::OpenFiles(found))).await;
    assert_eq!((status, &shown["total"], &shown["more"]), (StatusCode::OK, &json!(5), &json!(true)));
    assert_eq!(
        shown["files"],
        json!([
            { "fd": 3, "kind": "file", "name": r"/var/log/a\nb", "deleted": true, "access": "read-write",
              "position": 0, "size_bytes": 4096, "inode": 99, "socket": null },
            { "fd": 4, "kind": "other", "name": "", "deleted": false, "access": null,
              "position": null, "size_bytes": null, "inode": null,
              "socket": { "protocol": "tcp", "local_address": "", "local_port": 22, "remote_address": "",
                          "remote_port": 0, "state": "" } },
        ])
    );
    let many = vec![OpenFile::default(); 1500];
    let many = OpenFiles { files: many, total: Some(1500) };
    let (_, shown) = answered(&server, &mut agent, Some(answer::Answer::OpenFiles(many))).await;
    assert_eq!((shown["files"].as_array().unwrap().len(), &shown["more"]), (1000, &json!(true)));
    let none = OpenFiles { files: Vec::new(), total: Some(0) };
    let (_, shown) = answered(&server, &mut agent, Some(answer::Answer::OpenFiles(none))).await;
    assert_eq!((&shown["total"], &shown["more"]), (&json!(0), &json!(false)));

    for (refusal, status, reason) in [
        (Refusal::Gone, StatusCode::NOT_FOUND, "gone"),
        (Refusal::NotAllowed, StatusCode::FORBIDDEN, "not_allowed"),
        (Refusal::Denied, StatusCode::FORBIDDEN, "denied"),
        (Refusal::NotSupported, StatusCode::CONFLICT, "not_supported"),
        (Refusal::TooMany, StatusCode::TOO_MANY_REQUESTS, "too_many"),
        (Refusal::Failed, StatusCode::SERVICE_UNAVAILABLE, "failed"),
    ] {
        let refused = answered(&server, &mut agent, Some(answer::Answer::Refused(refusal.into()))).await;
        assert_eq!(refused, (status, reason.into()));
    }
    for nonsense in [Some(answer::Answer::Refused(77)), None] {
        let refused = answered(&server, &mut agent, nonsense).await;
        assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, "failed".into()));
    }
    let audit = server.state.catalog.audit_entries(None, 99).await.unwrap();
    assert_eq!(audit.len(), 11, "every question is noted");
    assert_eq!((audit[0].action.as_str(), audit[0].subject.as_str()), ("host.open_files", "web"));
    assert_eq!(audit[0].after.as_deref(), Some("pid 7, started 2026-09-21T14:13:20.000Z"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_asked_is_not() {
    let server = Server::empty().await;
    let agents = Agents::serve(&server).await;
    let path = path("web", "7");
    let refused = async |path: &str, role| ask(&server, path, role).await;
    assert_eq!(refused(&path, Role::Operator).await, (StatusCode::NOT_FOUND, Value::Null), "no such host");
    let joined = agents.join("web").await;
    let away = (StatusCode::SERVICE_UNAVAILABLE, Value::from("not_connected"));
    assert_eq!(refused(&path, Role::Operator).await, away);
    // As every agent before.
    let old = agents.connect(&joined, 1, Vec::new(), 0).await;
    assert_eq!(refused(&path, Role::Operator).await, (StatusCode::CONFLICT, "agent_too_old".into()));
    assert_eq!(refused(&path, Role::Viewer).await, (StatusCode::FORBIDDEN, Value::Null));
    assert_eq!(
        refused(&path.replace("/7/", "/x/"), Role::Admin).await,
        (StatusCode::BAD_REQUEST, Value::Null)
    );
    assert!(server.state.catalog.audit_entries(None, 9).await.unwrap().is_empty(), "nobody was asked");
    drop(old);
    let mut agent = connect(&agents, &joined, vec![QuestionKind::OpenFiles.into()]).await;
    // It goes away while it is asked.
    let goes = async move {
        agent.until(|agent| agent.asked.is_some()).await;
        drop(agent);
    };
    let (answer, ()) = tokio::join!(refused(&path, Role::Operator), goes);
    assert_eq!(answer, away);
}
