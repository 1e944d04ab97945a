//! For those who watch this server: health, readiness, metrics.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use tacho_history::{HistoryStats, StorageReport, TableStorage};

use super::ApiState;
use super::error::{ApiError, ErrorKind};
use crate::live::HostState;
use crate::metrics::{Counters, MetricsText};

/// The process runs and answers. Open to everybody.
#[utoipa::path(get, path = "/-/healthy", tag = "status", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn healthy() -> &'static str {
    "healthy\n"
}

/// Requests and agents are served: the catalog answers, and the server is not stopping. Open to everybody.
#[utoipa::path(get, path = "/-/ready", tag = "status", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn ready(State(state): State<ApiState>) -> Result<&'static str, ApiError> {
    if state.stop.is_cancelled() {
        return Err(ApiError::new(ErrorKind::Unavailable, "the server is stopping"));
    }
    state.catalog.user("").await.map_err(|error| {
        ApiError::new(ErrorKind::Unavailable, "the catalog does not answer").with_source(error)
    })?;
    Ok("ready\n")
}

/// This server's own metrics, in Prometheus text format 0.0.4.
#[utoipa::path(get, path = "/metrics", tag = "status",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<ApiState>) -> Response {
    let mut text = MetricsText::default();
    text.family("tacho_build_info", "Which version this is.", "gauge");
    text.sample("tacho_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    hosts(&mut text, &state);
    ingest(&mut text, &state.metrics);
    history(&mut text, &state.history.stats());
    storage(&mut text, &state.history.storage());
    http(&mut text, &state.metrics);
    let content_type = HeaderValue::from_static(MetricsText::CONTENT_TYPE);
    ([(CONTENT_TYPE, content_type)], text.finish()).into_response()
}

fn hosts(text: &mut MetricsText, state: &ApiState) {
    let now_ms = (state.now)();
    let hosts = state.live.hosts();
    text.family("tacho_hosts", "Hosts that connected since the start, by state.", "gauge");
    for (name, state) in [("up", HostState::Up), ("silent", HostState::Silent), ("down", HostState::Down)] {
        let count = hosts.iter().filter(|host| host.state(now_ms) == state).count();
        text.sample("tacho_hosts", &[("state", name)], count);
    }
}

fn ingest(text: &mut MetricsText, counters: &Counters) {
    let c = counters;
    text.gauge("tacho_connections", "Connections open now, of any kind.", c.connections.get());
    text.counter(
        "tacho_handshakes_failed_total",
        "TLS handshakes that did not come to an end.",
        c.handshakes_failed.get(),
    );
    text.gauge("tacho_agent_streams", "Streams of agents open now.", c.agent_streams.get());
    text.counter(
        "tacho_agent_streams_refused_total",
        "Streams of agents refused.",
        c.agent_streams_refused.get(),
    );
    text.counter("tacho_joins_total", "Agents that joined.", c.joins.get());
    text.counter(
        "tacho_joins_refused_total",
        "Agents that tried to join and were refused.",
        c.joins_refused.get(),
    );
    text.counter(
        "tacho_frames_received_total",
        "Frames received, those sent again included.",
        c.frames_received.get(),
    );
    text.counter(
        "tacho_frames_backfill_total",
        "Frames received from backlogs; the rest came as they were taken.",
        c.frames_backfill.get(),
    );
    text.counter("tacho_gaps_received_total", "Gaps that agents told of.", c.gaps_received.get());
    text.gauge(
        "tacho_agents_backfilling",
        "Agents that are sending their backlog.",
        c.agents_backfilling.get(),
    );
    text.gauge(
        "tacho_backfill_pace_bytes_per_second",
        "What each of them may send; 0 while the head is nearly full.",
        c.backfill_pace.get(),
    );
    text.counter(
        "tacho_frames_duplicate_total",
        "Frames received that were there before.",
        c.frames_duplicate.get(),
    );
    text.counter("tacho_frames_rejected_total", "Frames that could not be read.", c.frames_rejected.get());
    text.counter(
        "tacho_frame_bytes_total",
        "Size of the frames received, as they came.",
        c.frame_bytes.get(),
    );
}

fn history(text: &mut MetricsText, stats: &HistoryStats) {
    let s = stats;
    text.counter(
        "tacho_history_frames_stored_total",
        "Frames whose rows are durable.",
        s.frames_stored_total,
    );
    text.counter(
        "tacho_history_frames_duplicate_total",
        "Frames that were stored before.",
        s.frames_duplicate_total,
    );
    text.counter(
        "tacho_history_frames_dropped_total",
        "Frames that agents told to have dropped; they are in no history.",
        s.frames_dropped_total,
    );
    text.counter("tacho_history_rows_stored_total", "Rows made durable.", s.rows_total);
    text.gauge("tacho_history_files", "Files of the history.", s.files);
    text.gauge("tacho_history_bytes", "Size of these files.", s.bytes_on_disk);
    text.gauge("tacho_history_rows", "Rows in these files.", s.rows_on_disk);
    text.gauge("tacho_history_head_bytes", "Memory of frames that are not durable yet.", s.head_bytes);
    text.gauge("tacho_history_head_frames", "Frames that are not durable yet.", s.head_frames);
    text.gauge(
        "tacho_history_appends_waiting",
        "Frames that wait because the head is full.",
        s.appends_waiting,
    );
    text.counter("tacho_history_flushes_total", "Times the head was written out.", s.flushes_total);
    text.counter("tacho_history_flush_failures_total", "Times it could not be.", s.flush_failures_total);
    let failing = u8::from(s.last_flush_error.is_some());
    text.gauge(
        "tacho_history_flush_failing",
        "1 while the head can not be written out; the log says why.",
        failing,
    );
    text.gauge(
        "tacho_history_flush_seconds",
        "How long the newest flush took.",
        s.last_flush_ms as f64 / 1000.0,
    );
    text.counter("tacho_history_compactions_total", "Times files were merged.", s.compactions_total);
    text.counter(
        "tacho_history_compaction_failures_total",
        "Times they could not be.",
        s.compaction_failures_total,
    );
    text.counter("tacho_history_files_expired_total", "Files removed by age.", s.files_expired_total);
    text.counter(
        "tacho_history_files_over_limit_total",
        "Files removed because there were too many bytes.",
        s.files_over_limit_total,
    );
    text.counter(
        "tacho_history_files_scrubbed_total",
        "Files compared with their checksum in the background.",
        s.files_scrubbed_total,
    );
    text.counter(
        "tacho_history_files_damaged_total",
        "Files set aside because they could not be read.",
        s.files_damaged_total,
    );
    text.counter("tacho_history_files_read_total", "Files that queries looked at.", s.files_read_total);
    text.counter(
        "tacho_history_row_groups_read_total",
        "Row groups that queries read.",
        s.row_groups_read_total,
    );
    text.counter("tacho_history_rows_read_total", "Rows that queries read.", s.rows_read_total);
    text.counter("tacho_history_bytes_read_total", "Bytes that queries read.", s.bytes_read_total);
}

fn storage(text: &mut MetricsText, report: &StorageReport) {
    let mut family = |name: &str, help: &str, value: fn(&TableStorage) -> u64| {
        text.family(name, help, "gauge");
        for table in &report.tables {
            text.sample(name, &[("table", table.table), ("level", table.level.name())], value(table));
        }
    };
    family("tacho_storage_bytes", "Size of the files of a table at one level.", |table| table.bytes);
    family("tacho_storage_files", "Number of these files.", |table| table.files);
    family("tacho_storage_rows", "Rows in these files.", |table| table.rows);
    if let Some(bytes) = report.limit_bytes {
        text.gauge("tacho_storage_limit_bytes", "Most bytes of all files, as configured.", bytes);
    }
    if let Some(bytes) = report.projected_bytes {
        let help = "What all files come to when everything is as old as it may become.";
        text.gauge("tacho_storage_projected_bytes", help, bytes);
    }
}

fn http(text: &mut MetricsText, counters: &Counters) {
    text.gauge("tacho_live_streams", "Live streams to browsers and programs.", counters.live_streams.get());
    text.gauge("tacho_exports", "Exports of rows running now.", counters.exports.get());
    text.counter(
        "tacho_sign_ins_failed_total",
        "Sign-ins with a wrong user or password.",
        counters.sign_ins_failed.get(),
    );
    text.counter(
        "tacho_sign_ins_limited_total",
        "Sign-ins refused because there were too many.",
        counters.sign_ins_limited.get(),
    );
    let requests = counters.requests();
    text.family("tacho_http_requests_total", "Requests answered.", "counter");
    for (key, totals) in &requests {
        let labels =
            [("route", key.route.as_str()), ("method", key.method), ("status", &key.status.to_string())];
        text.sample("tacho_http_requests_total", &labels, totals.requests);
    }
    text.family("tacho_http_request_seconds_total", "Time until the answer began.", "counter");
    for (key, totals) in &requests {
        let labels =
            [("route", key.route.as_str()), ("method", key.method), ("status", &key.status.to_string())];
        text.sample("tacho_http_request_seconds_total", &labels, totals.micros as f64 / 1e6);
    }
}
