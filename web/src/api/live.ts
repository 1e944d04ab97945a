import type { Latest, WireLatest } from './hosts';
import type { OtherProcesses, Process, WireProcess } from './processes';

import { apiPath } from './client';
import { readLatest } from './hosts';
import { readProcess } from './processes';
import { follow } from './streams/follow';
import type { StreamState } from './streams/changing';

/** A host's newest snapshot, as it arrived. */
export interface LiveSnapshot {
  readonly host: string;
  readonly latest: Latest;
  /** Only on a stream of one host. */
  readonly processes: readonly Process[] | null;
  readonly other: OtherProcesses | null;
}

export type LiveState = StreamState;

export interface LiveListener {
  readonly onSnapshot: (snapshot: LiveSnapshot) => void;
  readonly onState: (state: LiveState) => void;
  /** A host came or went. */
  readonly onPresence: () => void;
}

interface WireSnapshot {
  readonly host: string;
  readonly latest: WireLatest | null;
  readonly processes?: readonly WireProcess[];
  readonly other?: OtherProcesses | null;
}

/** Follows one host, or all of them. Returns how to stop. */
export function openLive(host: string | null, listener: LiveListener): () => void {
  return follow({ live: host }, (what) => {
    if (what.kind === 'state') listener.onState(what.state);
    if (what.kind === 'presence') listener.onPresence();
    if (what.kind === 'snapshots') what.texts.forEach((text) => hear(text, listener));
  });
}

function hear(text: string, listener: LiveListener): void {
  // Shown already.
  if (text === early?.text) return;
  const snapshot = readSnapshot(text);
  if (snapshot) listener.onSnapshot(snapshot);
}

/** The newest snapshot of a host, asked for before anything was drawn. */
interface EarlyLive {
  readonly host: string;
  text: string | null;
  newest: LiveSnapshot | null;
  /** Who follows the host by now. */
  listener: LiveListener | null;
}

let early: EarlyLive | null = null;
/** A snapshot that did not come, or that nobody took by then, is not waited for. */
const EARLY_MS = 5000;

/**
 * Asks for the newest snapshot of a host for whoever is going to follow it soon; settles when it is there, or when there is none.
 * Only for that: a stream that stayed open in each tab would take one of the few connections that a browser opens.
 */
export function openLiveEarly(host: string): Promise<void> {
  const live: EarlyLive = { host, text: null, newest: null, listener: null };
  early = live;
  return new Promise((resolve) => {
    const source = new EventSource(apiPath('live', { host }));
    const end = (): void => {
      source.close();
      resolve();
    };
    source.addEventListener('snapshot', (event) => {
      live.text = (event as MessageEvent<string>).data;
      live.newest = readSnapshot(live.text);
      if (live.newest) live.listener?.onSnapshot(live.newest);
      end();
    });
    source.addEventListener('state', end);
    // Who follows the host is told of errors.
    source.addEventListener('error', end);
    setTimeout(() => {
      source.close();
      if (early === live) early = null;
    }, EARLY_MS);
  });
}

/** What was asked for early of a host. */
export const earlySnapshot = (host: string | null): LiveSnapshot | null =>
  early?.host === host ? early.newest : null;

/** As `openLive`, beginning with the snapshot that was asked for early, where there is one. */
export function takeLive(host: string | null, listener: LiveListener): () => void {
  const live = early;
  if (live?.host !== host || live.listener) return openLive(host, listener);
  live.listener = listener;
  if (!live.newest) {
    const stop = openLive(host, listener);
    return () => {
      live.listener = null;
      stop();
    };
  }
  listener.onState('open');
  listener.onSnapshot(live.newest);
  const onState = (state: LiveState): void => {
    // What came is newer than a stream that is only about to be opened.
    if (state !== 'connecting') listener.onState(state);
  };
  return openLive(host, { ...listener, onState });
}

function readSnapshot(data: string): LiveSnapshot | null {
  let wire: WireSnapshot;
  try {
    wire = JSON.parse(data) as WireSnapshot;
  } catch {
    return null;
  }
  const latest = readLatest(wire.latest);
  if (!latest) return null;
  return {
    host: wire.host,
    latest,
    processes: wire.processes?.map(readProcess) ?? null,
    other: wire.other ?? null,
  };
}
