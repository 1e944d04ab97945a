//! Live readings as server-sent events.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::{Deserialize, Serialize};
use tacho_model::HostKey;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use utoipa::{IntoParams, ToSchema};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use super::hosts::{Presence, find_host};
use super::latest::Latest;
use super::parameters::{Problems, QueryOf, Unknown, list};
use super::processes::{OtherEntry, ProcessEntry, Reading};
use crate::auth::Caller;
use crate::live::{LiveEvent, LiveEventKind, LiveHost};
use crate::metrics::Counted;

/// Streams that may be open at one time; more are told to come back.
const STREAMS: i64 = 512;

/// How often a stream makes sure that its caller may still read.
const CHECK_MS: i64 = 30_000;

/// Hosts that one stream brings the processes of: some for each tab of a browser.
const NAMED_HOSTS: usize = 64;

/// Keeps proxies from closing a stream on which nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveParameters {
    /// Only these hosts, by name or id with commas between them, and their processes with them; all hosts when
    /// absent. At most 64. Of several, one that is not known yet comes when it is.
    host: Option<String>,
    /// `true`: all other hosts too, without their processes.
    others: Option<String>,
    #[serde(flatten)]
    #[param(ignore)]
    unknown: Unknown,
}

/// Data of an event `snapshot`, and without readings of an event `state`.
#[derive(Serialize, ToSchema)]
pub(crate) struct LiveData {
    /// Name.
    host: String,
    id: String,
    state: Presence,
    /// Only in an event `state` that tells of a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest: Option<Latest>,
    /// Only of hosts that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<Vec<ProcessEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<OtherEntry>,
}

impl LiveData {
    fn new(key: &HostKey, state: Presence) -> Self {
        Self {
            host: key.name.to_string(),
            id: key.id.to_string(),
            state,
            tags: None,
            latest: None,
            processes: None,
            other: None,
        }
    }
}

/// The newest snapshot of every host, or of some with their processes, at once and whenever a newer one arrives:
/// server-sent events `snapshot`. An event `state` says that a host came or went, or has other tags or another name;
/// the first one of a host that was asked for and has no snapshot since the server started says that.
#[utoipa::path(get, path = "/api/v1/live", tag = "hosts", params(LiveParameters),
    responses((status = 200, description = "Events that end only with the connection.",
        content((LiveData = "text/event-stream")))))]
pub(crate) async fn follow(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    QueryOf(parameters): QueryOf<LiveParameters>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let wanted = Wanted::read(&state, &parameters).await?;
    let counted = state
        .metrics
        .count_up_to(STREAMS, |counters| &counters.live_streams)
        .ok_or_else(|| ApiError::overloaded("too many live streams are open", 30))?;
    let follower = Follower::new(state, caller, wanted, counted);
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Which hosts a stream is about.
struct Wanted {
    /// Ids of those whose processes are sent too.
    named: HashSet<Arc<str>>,
    /// Of those, which had no snapshot when last looked.
    silent: Vec<HostKey>,
    /// Those of which no host had the name or id when last looked.
    unknown: Vec<String>,
    others: bool,
}

impl Wanted {
    async fn read(state: &ApiState, parameters: &LiveParameters) -> Result<Self, ApiError> {
        let mut problems = Problems::new(&parameters.unknown);
        let names = match parameters.host.as_deref() {
            // Names may have commas.
            Some(name) if state.live.host(name).is_some() => vec![name.to_owned()],
            names => list(names),
        };
        if names.len() > NAMED_HOSTS {
            problems.add(format_args!("`host`: {} hosts; at most {NAMED_HOSTS}", names.len()));
        }
        if parameters.host.is_some() && names.is_empty() {
            problems.add("`host` names none");
        }
        let choices = [("false", false), ("true", true)];
        let others = problems.choice("others", parameters.others.as_deref(), &choices, names.is_empty());
        problems.finish()?;
        let mut wanted = Self {
            named: HashSet::new(),
            silent: Vec::new(),
            unknown: Vec::new(),
            others: others || names.is_empty(),
        };
        let mut missing = None;
        for name in names {
            match find_host(state, &name).await {
                Ok(key) => {
                    wanted.named.insert(Arc::clone(&key.id));
                    if state.live.host(&key.id).is_none_or(|host| host.newest().is_none()) {
                        wanted.silent.push(key);
                    }
                }
                Err(error) if error.kind == ErrorKind::NotFound => {
                    missing = Some(error);
                    wanted.unknown.push(name);
                }
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if wanted.named.is_empty() && !wanted.others => Err(error),
            _ => Ok(wanted),
        }
    }

    /// Notes by the way that a host has come which was asked for.
    fn takes(&mut self, key: &HostKey) -> bool {
        if let Some(at) = self.unknown.iter().position(|name| **name == *key.name || **name == *key.id) {
            self.unknown.swap_remove(at);
            self.named.insert(Arc::clone(&key.id));
        }
        self.others || self.named.contains(&key.id)
    }

    fn takes_processes(&self, key: &HostKey) -> bool {
        self.named.contains(&key.id)
    }
}

/// One caller's stream.
struct Follower {
    state: ApiState,
    caller: Caller,
    wanted: Wanted,
    receiver: Receiver<Arc<LiveEvent>>,
    /// Hosts whose current state is still to be sent, each once, however many events there were of it: a slow
    /// reader gets the newest and skips what it missed.
    waiting: VecDeque<Arc<LiveHost>>,
    /// Time of the snapshot that was sent last, by host id: several events may be about one snapshot.
    sent: HashMap<Arc<str>, i64>,
    /// When the caller was last known to be allowed to read.
    checked_ms: i64,
    /// Wakes a stream on which nothing happens, to check then too.
    wake: Interval,
    _counted: Counted,
}

impl Follower {
    fn new(state: ApiState, caller: Caller, wanted: Wanted, counted: Counted) -> Self {
        // Subscribed first: what arrives in between is sent twice rather than not at all.
        let receiver = state.live.subscribe();
        let check = Duration::from_millis(CHECK_MS.unsigned_abs());
        let mut wake = interval_at(tokio::time::Instant::now() + check, check);
        wake.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let checked_ms = (state.now)();
        let (waiting, sent) = (VecDeque::new(), HashMap::new());
        let mut follower =
            Self { state, caller, wanted, receiver, waiting, sent, checked_ms, wake, _counted: counted };
        follower.wait_for_all();
        follower
    }

    /// The next event; absent when the stream ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.may_still_read().await {
                return None;
            }
            while let Some(host) = self.waiting.pop_front() {
                if let Some(event) = self.snapshot(&host) {
                    return Some(event);
                }
            }
            if let Some(event) = self.absence() {
                return Some(event);
            }
            let received = tokio::select! {
                () = self.state.stop.cancelled() => return None,
                received = self.receiver.recv() => received,
                _ = self.wake.tick() => continue,
            };
            let event = match received {
                Ok(event) => self.take(&event),
                Err(RecvError::Lagged(_)) => {
                    self.wait_for_all();
                    None
                }
                Err(RecvError::Closed) => return None,
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// An event to send at once; a snapshot waits its turn behind others of the same kind.
    fn take(&mut self, event: &LiveEvent) -> Option<Event> {
        if !self.wanted.takes(event.host.key()) {
            return None;
        }
        if event.kind != LiveEventKind::Snapshot {
            self.sent.remove(&event.host.key().id);
            let tags = Some(event.host.tags().to_vec());
            let data = LiveData { tags, ..self.data(&event.host) };
            return Event::default().event("state").json_data(data).ok();
        }
        if !self.waiting.iter().any(|host| Arc::ptr_eq(host, &event.host)) {
            self.waiting.push_back(Arc::clone(&event.host));
        }
        None
    }

    fn wait_for_all(&mut self) {
        let waiting: HashSet<_> = self.waiting.iter().map(|host| Arc::clone(&host.key().id)).collect();
        let mut hosts = self.state.live.hosts();
        hosts.retain(|host| self.wanted.takes(host.key()) && !waiting.contains(&host.key().id));
        // Who asked for a host by name looks at it.
        hosts.sort_by_key(|host| !self.wanted.takes_processes(host.key()));
        self.waiting.extend(hosts);
    }

    /// The newest snapshot; absent when there is none that was not sent.
    fn snapshot(&mut self, host: &LiveHost) -> Option<Event> {
        let newest_ms = host.newest()?.time_ms;
        if self.sent.insert(Arc::clone(&host.key().id), newest_ms) == Some(newest_ms) {
            return None;
        }
        let mut data = self.data(host);
        data.latest = Some(Latest::of_host(host)?);
        if self.wanted.takes_processes(host.key()) {
            (data.processes, data.other) = processes(host);
        }
        Event::default().event("snapshot").json_data(data).ok()
    }

    /// Who asked for a host is told that there is nothing to wait for.
    fn absence(&mut self) -> Option<Event> {
        let key = self.wanted.silent.pop()?;
        let data = match self.state.live.host(&key.id) {
            Some(host) => self.data(&host),
            None => LiveData::new(&key, Presence::Down),
        };
        Event::default().event("state").json_data(data).ok()
    }

    fn data(&self, host: &LiveHost) -> LiveData {
        LiveData::new(host.key(), host.state((self.state.now)()).into())
    }

    /// Looks the caller up again now and then. A catalog that does not answer ends the stream as well; the
    /// browser opens another.
    async fn may_still_read(&mut self) -> bool {
        let now_ms = (self.state.now)();
        if now_ms.saturating_sub(self.checked_ms) < CHECK_MS {
            return true;
        }
        self.checked_ms = now_ms;
        matches!(self.caller.credential.caller(&self.state.catalog, now_ms).await, Ok(Some(_)))
    }
}

fn processes(host: &LiveHost) -> (Option<Vec<ProcessEntry>>, Option<OtherEntry>) {
    let Some(newest) = host.newest() else { return (None, None) };
    let mut other = None;
    let mut processes = Vec::new();
    for process in host.processes() {
        let Some(reading) = Reading::of_live(&process, newest.time_ms) else { continue };
        if process.identity.key.is_other() {
            other = Some(OtherEntry::new(reading));
        } else {
            processes.push(ProcessEntry::new(&process.identity, reading));
        }
    }
    (Some(processes), other)
}
