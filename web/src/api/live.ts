import type { Latest, WireLatest } from './hosts';
import type { OtherProcesses, Process, WireProcess } from './processes';

import { apiPath } from './client';
import { readLatest } from './hosts';
import { readProcess } from './processes';
import { isReachable, onReachable } from './reachable';

/** A host's newest snapshot, as it arrived. */
export interface LiveSnapshot {
  readonly host: string;
  readonly latest: Latest;
  /** Only on a stream of one host. */
  readonly processes: readonly Process[] | null;
  readonly other: OtherProcesses | null;
}

export type LiveState = 'connecting' | 'open' | 'lost';

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

/** A browser gives up on an event stream after some errors (a 502 of a proxy, say); the page does not. */
const REOPEN_MS = 5000;

/** Follows one host, or all of them. Returns how to stop. */
export function openLive(host: string | null, listener: LiveListener): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const open = (): void => {
    source = new EventSource(apiPath('live', { host }));
    source.addEventListener('open', () => listener.onState('open'));
    source.addEventListener('snapshot', (event) => {
      const snapshot = readSnapshot((event as MessageEvent<string>).data);
      if (snapshot) listener.onSnapshot(snapshot);
    });
    source.addEventListener('state', () => listener.onPresence());
    source.addEventListener('error', () => {
      listener.onState('lost');
      if (source?.readyState === EventSource.CLOSED) {
        timer = setTimeout(open, REOPEN_MS);
      }
    });
  };

  listener.onState('connecting');
  open();
  // A stream that was cut off may never notice: when the server answers again, it is opened anew.
  const forget = onReachable(() => {
    if (!isReachable()) return;
    clearTimeout(timer);
    source?.close();
    open();
  });
  return () => {
    forget();
    clearTimeout(timer);
    source?.close();
  };
}

/** A stream that was opened before anything was drawn. */
interface EarlyLive {
  readonly host: string;
  state: LiveState;
  newest: LiveSnapshot | null;
  /** Who took it. */
  listener: LiveListener | null;
}

let early: (EarlyLive & { readonly stop: () => void }) | null = null;
/** A stream that nobody took by then is closed. */
const EARLY_MS = 5000;

/** Follows a host for whoever is going to follow it soon; settles when its newest snapshot is there. */
export function openLiveEarly(host: string): Promise<void> {
  const live: EarlyLive = { host, state: 'connecting', newest: null, listener: null };
  return new Promise((resolve) => {
    const stop = openLive(host, {
      onSnapshot: (snapshot) => {
        live.newest = snapshot;
        live.listener?.onSnapshot(snapshot);
        resolve();
      },
      onState: (state) => {
        live.state = state;
        live.listener?.onState(state);
      },
      onPresence: () => live.listener?.onPresence(),
    });
    const opened = Object.assign(live, { stop });
    early = opened;
    setTimeout(() => {
      if (!live.listener) stop();
      if (early === opened) early = null;
    }, EARLY_MS);
  });
}

/** What the stream that was opened early brought of a host. */
export const earlySnapshot = (host: string | null): LiveSnapshot | null =>
  early?.host === host ? early.newest : null;

/** As `openLive`, with the stream that is open already where there is one. */
export function takeLive(host: string | null, listener: LiveListener): () => void {
  const live = early;
  if (live?.host !== host || live.listener) return openLive(host, listener);
  live.listener = listener;
  listener.onState(live.state);
  if (live.newest) listener.onSnapshot(live.newest);
  return live.stop;
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
