//! Which files a process holds open, asked of its host now.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use tacho_wire::v1;
use tacho_wire::v1::{OpenFilesQuestion, QuestionKind, Refusal};
use utoipa::ToSchema;

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::hosts::find_host;
use super::parameters::{PathOf, Problems};
use super::series::process_key;
use super::time::Time;
use crate::auth::Caller;
use crate::ingest::AskError;

/// What a process holds open, as its host says now.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenFilesAnswer {
    /// Of the answer.
    time: Time,
    /// Those with the lowest numbers, at most 1000.
    files: Vec<OpenFileEntry>,
    /// How many there are; null: they were not counted to the end.
    total: Option<u64>,
    /// There are more than those listed.
    more: bool,
}

/// An open file, as the kernel tells it.
#[derive(Serialize, ToSchema)]
struct OpenFileEntry {
    /// Number of the descriptor.
    fd: u32,
    /// `file`, `directory`, `socket`, `pipe`, `device`, `anonymous` or `other`.
    kind: &'static str,
    /// A path, or what the kernel calls it. What does not show is escaped (`\n`, `\t`, `\\`, `\xHH`), what looks
    /// like a secret is `********`.
    name: String,
    /// The path is gone; the file takes its space as long as it is open.
    deleted: bool,
    /// `read`, `write`, `read-write` or `path`; null when unknown.
    access: Option<&'static str>,
    /// Where the next read or write begins, in bytes; null where that means nothing.
    position: Option<u64>,
    /// Of a file on a file system of its host; null of one that another machine or a program answers for.
    size_bytes: Option<u64>,
    inode: Option<u64>,
    /// Null where it is no socket, or the host's tables do not have it.
    socket: Option<SocketEntry>,
}

/// Both ends of a socket.
#[derive(Serialize, ToSchema)]
struct SocketEntry {
    /// `tcp`, `udp` or `unix`.
    protocol: String,
    /// Address, or path of a Unix socket; empty: it has none.
    local_address: String,
    /// 0: none.
    local_port: u32,
    /// Empty: not connected, or not told.
    remote_address: String,
    remote_port: u32,
    /// Of TCP, such as `established`; else empty.
    state: String,
}

/// Asks the host which files a process holds open now. The answer comes from its agent, within 5 s or not at all, and
/// is not kept; that it was asked for is noted in the audit list. `error.reason` says why there is none:
/// `not_connected`, `no_answer`, `agent_too_old`, `not_allowed` (by the agent's settings), `denied` (to the agent's user),
/// `not_supported`, `gone` (the process), `too_many` (questions at once) or `failed`. Role: operator.
#[utoipa::path(post, path = "/api/v1/hosts/{host}/processes/{pid}/{start_time}/open-files", tag = "hosts",
    params(
        ("host" = String, Path, description = "Name or id."),
        ("pid" = i64, Path, description = "Process id."),
        ("start_time" = String, Path, description = "When it started, RFC 3339 or milliseconds since the epoch."),
    ),
    responses((status = 200, body = OpenFilesAnswer)))]
pub(crate) async fn ask_open_files(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathOf((host, pid, start_time)): PathOf<(String, String, String)>,
) -> Result<Json<OpenFilesAnswer>, ApiError> {
    let mut problems = Problems::default();
    let key = process_key(&pid, &start_time, &mut problems);
    problems.finish()?;
    let host = find_host(&state, &host).await?;
    let failed = |error| refusal(error, &host.name);
    let agent = state.sessions.ready(&host.id, QuestionKind::OpenFiles).map_err(failed)?;
    let asker = caller.name.clone();
    let process = format!("pid {}, started {}", key.pid, Time(key.start_time_ms));
    // Noted first: nobody is told what was not noted.
    state.catalog.note_open_files(&host.name, process, &state.host_change(caller)).await?;
    let question = OpenFilesQuestion { pid: key.pid, start_time_ms: key.start_time_ms };
    let found = agent.open_files(&asker, question).await.map_err(failed)?;
    let files: Vec<OpenFileEntry> = found.files.into_iter().map(OpenFileEntry::from).collect();
    let more = found.total.is_none_or(|total| total > files.len() as u64);
    Ok(Json(OpenFilesAnswer { time: Time((state.now)()), files, total: found.total, more }))
}

fn refusal(error: AskError, host: &str) -> ApiError {
    let (kind, reason, message) = match error {
        AskError::NotConnected => (
            ErrorKind::Unavailable,
            "not_connected",
            format!("the agent of {host} is not connected to this server, so that it cannot be asked"),
        ),
        AskError::Silent => (
            ErrorKind::Unavailable,
            "no_answer",
            format!("the agent of {host} did not answer in time; try again"),
        ),
        AskError::TooOld => (
            ErrorKind::Conflict,
            "agent_too_old",
            format!("the agent of {host} is too old to be asked; upgrade it"),
        ),
        AskError::Busy | AskError::Refused(Refusal::TooMany) => {
            return ApiError::overloaded(format!("too many questions to {host} at once; try again"), 2)
                .because("too_many");
        }
        AskError::Refused(Refusal::Gone) => {
            (ErrorKind::NotFound, "gone", format!("{host} has no such process any more"))
        }
        AskError::Refused(Refusal::NotAllowed) => (
            ErrorKind::Forbidden,
            "not_allowed",
            format!("the settings of the agent of {host} do not allow it: questions.open_files is false"),
        ),
        AskError::Refused(Refusal::Denied) => (
            ErrorKind::Forbidden,
            "denied",
            format!(
                "the agent of {host} runs as a user that may not see it; that takes CAP_SYS_PTRACE and \
                 CAP_DAC_READ_SEARCH"
            ),
        ),
        AskError::Refused(Refusal::NotSupported) => (
            ErrorKind::Conflict,
            "not_supported",
            format!("the agent of {host} does not know this question; upgrade it"),
        ),
        AskError::Refused(Refusal::Failed | Refusal::Unknown) => (
            ErrorKind::Unavailable,
            "failed",
            format!("the agent of {host} could not read it, or not in time; try again"),
        ),
    };
    ApiError::new(kind, message).because(reason)
}

impl From<v1::OpenFile> for OpenFileEntry {
    fn from(file: v1::OpenFile) -> Self {
        let (kind, access) = (kind_name(file.kind()), access_name(file.access()));
        Self {
            fd: file.number,
            kind,
            name: file.name,
            deleted: file.deleted,
            access,
            position: file.position,
            size_bytes: file.size_bytes,
            inode: file.inode,
            socket: file.socket.map(SocketEntry::from),
        }
    }
}

impl From<v1::SocketEnds> for SocketEntry {
    fn from(ends: v1::SocketEnds) -> Self {
        Self {
            protocol: ends.protocol,
            local_address: ends.local_address,
            local_port: ends.local_port,
            remote_address: ends.remote_address,
            remote_port: ends.remote_port,
            state: ends.state,
        }
    }
}

fn kind_name(kind: v1::OpenFileKind) -> &'static str {
    match kind {
        v1::OpenFileKind::File => "file",
        v1::OpenFileKind::Directory => "directory",
        v1::OpenFileKind::Socket => "socket",
        v1::OpenFileKind::Pipe => "pipe",
        v1::OpenFileKind::Device => "device",
        v1::OpenFileKind::Anonymous => "anonymous",
        v1::OpenFileKind::Other => "other",
    }
}

fn access_name(access: v1::FileAccess) -> Option<&'static str> {
    match access {
        v1::FileAccess::Unknown => None,
        v1::FileAccess::Read => Some("read"),
        v1::FileAccess::Write => Some("write"),
        v1::FileAccess::ReadWrite => Some("read-write"),
        v1::FileAccess::Path => Some("path"),
    }
}
