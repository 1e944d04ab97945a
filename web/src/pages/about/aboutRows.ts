/** The server's own numbers, as rows that can be read. */
import type { Host } from '../../api/hosts';
import { type Sample, sumOf } from '../../api/metrics';
import { formatBytes, formatCount, formatDuration, formatRate } from '../../lib/format';
import { compareWords } from '../../lib/words';
import { text } from '../../text';

export interface AboutRow {
  readonly label: string;
  readonly value: string;
}

export interface AboutSection {
  readonly title: string;
  readonly rows: readonly AboutRow[];
}

/** The server's version, and how many agents have which. */
export function buildVersions(samples: readonly Sample[], hosts: readonly Host[]): readonly AboutRow[] {
  const words = text.about.versions;
  const server = samples.find(({ name }) => name === 'tacho_build_info')?.labels['version'];
  const agents = new Map<string, number>();
  for (const { agentVersion } of hosts) {
    if (agentVersion !== null) agents.set(agentVersion, (agents.get(agentVersion) ?? 0) + 1);
  }
  const byVersion = [...agents].sort(([left], [right]) => compareWords(right, left));
  return [
    ...(server === undefined ? [] : [{ label: words.server, value: server }]),
    ...byVersion.map(([version, count]) => ({ label: words.agent(version), value: text.fleet.hosts(count) })),
  ];
}

type Format = (value: number | null) => string;

const METRICS: Readonly<
  Record<
    'agents' | 'history' | 'queries',
    Readonly<Record<string, readonly [metric: string, format: Format]>>
  >
> = {
  agents: {
    streams: ['tacho_agent_streams', formatCount],
    frames: ['tacho_frames_received_total', formatCount],
    backfill: ['tacho_frames_backfill_total', formatCount],
    duplicate: ['tacho_frames_duplicate_total', formatCount],
    rejected: ['tacho_frames_rejected_total', formatCount],
    received: ['tacho_frame_bytes_total', formatBytes],
    pace: ['tacho_backfill_pace_bytes_per_second', formatRate],
  },
  history: {
    bytes: ['tacho_history_bytes', formatBytes],
    files: ['tacho_history_files', formatCount],
    rows: ['tacho_history_rows', formatCount],
    head: ['tacho_history_head_bytes', formatBytes],
    flush: ['tacho_history_flush_seconds', formatDuration],
    flushFailures: ['tacho_history_flush_failures_total', formatCount],
    damaged: ['tacho_history_files_damaged_total', formatCount],
  },
  queries: {
    requests: ['tacho_http_requests_total', formatCount],
    live: ['tacho_live_streams', formatCount],
    read: ['tacho_history_bytes_read_total', formatBytes],
    rowsRead: ['tacho_history_rows_read_total', formatCount],
    signIns: ['tacho_sign_ins_failed_total', formatCount],
  },
};

/** What the server does not tell is left out. */
export function buildAboutRows(samples: readonly Sample[]): readonly AboutSection[] {
  return (['agents', 'history', 'queries'] as const).map((section) => {
    const words = text.about[section];
    const names: Readonly<Record<string, string>> = words.rows;
    const rows = Object.entries(METRICS[section]).flatMap(([key, [metric, format]]): AboutRow[] => {
      const value = sumOf(samples, metric);
      return value === null ? [] : [{ label: names[key] ?? key, value: format(value) }];
    });
    return { title: words.title, rows };
  });
}

export interface RouteRow {
  readonly method: string;
  readonly route: string;
  readonly requests: string;
  /** Mean time until the answer began. */
  readonly mean: string;
  readonly failed: string;
}

/** Calls by the time they took in all, the most first. */
export function slowestRoutes(samples: readonly Sample[], most: number): readonly RouteRow[] {
  const calls = new Map<
    string,
    { method: string; route: string; count: number; seconds: number; failed: number }
  >();
  for (const { name, labels, value } of samples) {
    const { method = '', route = '', status = '' } = labels;
    const key = `${method} ${route}`;
    const call = calls.get(key) ?? { method, route, count: 0, seconds: 0, failed: 0 };
    if (name === 'tacho_http_requests_total') {
      call.count += value;
      if (status.startsWith('5')) call.failed += value;
    } else if (name === 'tacho_http_request_seconds_total') call.seconds += value;
    else continue;
    calls.set(key, call);
  }
  return [...calls.values()]
    .sort((left, right) => right.seconds - left.seconds)
    .slice(0, most)
    .map(({ method, route, count, seconds, failed }) => ({
      method,
      route,
      requests: formatCount(count),
      mean: formatDuration(count === 0 ? null : seconds / count),
      failed: formatCount(failed),
    }));
}
