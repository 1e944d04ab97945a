import type { Span } from '../lib/range';
import { request } from './client';
import { follow } from './streams/follow';
import { parseTime, writeTime } from './wire';

export interface AlertProcess {
  readonly pid: number;
  readonly startMs: number | null;
  readonly name: string;
  readonly command: string;
  readonly user: string;
  readonly unit: string;
  readonly cpu_ratio: number | null;
  readonly memory_bytes: number | null;
  readonly disk_bytes_per_second: number | null;
  readonly network_bytes_per_second: number | null;
}

export type Severity = 'info' | 'warning' | 'critical';

export interface Alert {
  /** Absent while it is pending. */
  readonly id: string | null;
  readonly rule: string;
  readonly state: 'pending' | 'firing' | 'resolved';
  readonly severity: Severity;
  readonly host: string;
  readonly entity: string;
  readonly text: string;
  readonly sinceMs: number;
  readonly firedMs: number | null;
  readonly resolvedMs: number | null;
  readonly muted: string | null;
  readonly acknowledged: { readonly author: string; readonly note: string } | null;
  readonly process: AlertProcess | null;
  readonly links: Readonly<Record<string, string>>;
}

export interface AlertDetail extends Alert {
  readonly values: readonly number[];
  readonly processes: readonly AlertProcess[];
  /** Receivers that were told that it fires. */
  readonly told: readonly string[];
}

type WireProcess = Omit<AlertProcess, 'startMs'> & { readonly start_time: string };

type WireAlert = Omit<Alert, 'sinceMs' | 'firedMs' | 'resolvedMs' | 'process'> & {
  readonly since: string;
  readonly fired: string | null;
  readonly resolved: string | null;
  readonly process: WireProcess | null;
};

type WireDetail = WireAlert & {
  readonly values: readonly { readonly value: number }[];
  readonly processes: readonly WireProcess[];
  readonly told?: readonly string[];
};

function readProcess({ start_time, ...rest }: WireProcess): AlertProcess {
  return { ...rest, startMs: parseTime(start_time) };
}

export function readAlert({ since, fired, resolved, process, ...rest }: WireAlert): Alert {
  return {
    ...rest,
    sinceMs: parseTime(since) ?? 0,
    firedMs: parseTime(fired),
    resolvedMs: parseTime(resolved),
    process: process ? readProcess(process) : null,
  };
}

export const alertsKey = ['alerts'] as const;

/** Those that there are, and those that ended since `fromMs`. */
export async function fetchAlerts(fromMs: number, signal: AbortSignal): Promise<readonly Alert[]> {
  const query = { from: writeTime(fromMs) };
  const { alerts } = await request<{ alerts: WireAlert[] }>('alerts', { query, signal });
  return alerts.map(readAlert);
}

/** Below the list's key: what the server tells of alerts asks for it again, too. */
export const alertCountKey = [...alertsKey, 'count'] as const;

export interface AlertCount {
  readonly firing: number;
  readonly pending: number;
}

/** Calls when something became of an alert, until what it returns is called. */
export const followAlerts = (onChange: () => void): (() => void) =>
  follow('alerts', ({ kind }) => {
    if (kind === 'alerts') onChange();
  });

export function fetchAlertCount(signal: AbortSignal): Promise<AlertCount> {
  return request<AlertCount>('alerts/count', { signal });
}

/** Those of one host that were there within a range. */
export async function fetchAlertsOf(
  host: string,
  { fromMs, toMs }: Span,
  signal: AbortSignal,
): Promise<readonly Alert[]> {
  const query = { host, from: writeTime(fromMs), to: writeTime(toMs) };
  const answer = await request<{ alerts: WireAlert[] }>('alerts', { query, signal });
  return answer.alerts.map(readAlert);
}

export const alertKey = (id: string): readonly [string, string] => ['alert', id];

export async function fetchAlert(id: string, signal: AbortSignal): Promise<AlertDetail> {
  const wire = await request<WireDetail>(`alerts/${encodeURIComponent(id)}`, { signal });
  const { values, processes, told = [], ...alert } = wire;
  return {
    ...readAlert(alert),
    values: values.map(({ value }) => value),
    processes: processes.map(readProcess),
    told,
  };
}

export async function acknowledgeAlert(id: string, note: string): Promise<void> {
  await request(`alerts/${encodeURIComponent(id)}/acknowledge`, { method: 'POST', body: { note } });
}
