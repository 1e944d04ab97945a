/**
 * The live stream of the page that is shown: of one host on its page, of all hosts otherwise. One stream at
 * a time; what arrives is kept here and told to those that show it, at most once per frame of the screen.
 */
import {
  type JSX,
  type ReactNode,
  createContext,
  useCallback,
  useContext,
  useEffect,
  useState,
  useSyncExternalStore,
} from 'react';
import { useQueryClient } from '@tanstack/react-query';

import { type LiveSnapshot, type LiveState, earlySnapshot, takeLive } from '../api/live';
import { hostKey, hostsKey } from '../api/hosts';
import { isReachable, onReachable } from '../api/reachable';
import { sessionKey } from '../api/session';
import { seldom } from '../lib/seldom';

/** From so many hosts on something arrives all the time: it is shown once a second. */
const LARGE_FLEET = 200;
const LARGE_WAIT_MS = 1000;
/** When a server starts, all its hosts come at once. */
const PRESENCE_MS = 2000;

export class LiveStore {
  private state: LiveState = 'connecting';
  private snapshots: ReadonlyMap<string, LiveSnapshot>;
  private arrived: LiveSnapshot[] = [];
  private frame = 0;
  private readonly listeners = new Set<() => void>();

  /** `first` is there when the page is first drawn. */
  constructor(first: LiveSnapshot | null = null) {
    if (first) this.state = 'open';
    this.snapshots = new Map(first ? [[first.host, first]] : []);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): LiveState => this.state;
  readonly getSnapshots = (): ReadonlyMap<string, LiveSnapshot> => this.snapshots;

  setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.tell();
  }

  add(snapshot: LiveSnapshot): void {
    this.arrived.push(snapshot);
    if (this.frame !== 0) return;
    // A timer, not an animation frame: those stop in a background tab, and the list would grow.
    const wait = this.snapshots.size > LARGE_FLEET ? LARGE_WAIT_MS : 16;
    this.frame = window.setTimeout(() => this.publish(), wait);
  }

  reset(): void {
    window.clearTimeout(this.frame);
    this.frame = 0;
    this.arrived = [];
    this.snapshots = new Map();
    this.state = 'connecting';
    this.tell();
  }

  private publish(): void {
    this.frame = 0;
    const next = new Map(this.snapshots);
    for (const snapshot of this.arrived) {
      const known = next.get(snapshot.host);
      if (!known || known.latest.timeMs <= snapshot.latest.timeMs) next.set(snapshot.host, snapshot);
    }
    this.arrived = [];
    this.snapshots = next;
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

const LiveContext = createContext<LiveStore | null>(null);

export function LiveProvider(props: {
  readonly host: string | null;
  readonly children: ReactNode;
}): JSX.Element {
  const { host, children } = props;
  const [store] = useState(() => new LiveStore(earlySnapshot(host)));
  const client = useQueryClient();
  useEffect(() => {
    // What is asked already is not given up for it: while all hosts come back there would never be an answer.
    const ask = { cancelRefetch: false };
    const presence = seldom(() => {
      void client.invalidateQueries({ queryKey: hostsKey }, ask);
      if (host !== null) void client.invalidateQueries({ queryKey: hostKey(host) }, ask);
    }, PRESENCE_MS);
    const stop = takeLive(host, {
      onSnapshot: (snapshot) => store.add(snapshot),
      onState: (state) => {
        // A stream does not tell why it ended; the session may be over.
        if (state === 'lost') void client.invalidateQueries({ queryKey: sessionKey });
        store.setState(state);
      },
      onPresence: presence.run,
    });
    return () => {
      presence.stop();
      stop();
      store.reset();
    };
  }, [host, store, client]);
  return <LiveContext value={store}>{children}</LiveContext>;
}

function useLiveStore(): LiveStore {
  const store = useContext(LiveContext);
  if (!store) throw new Error('live data is used outside of its provider');
  return store;
}

export function useLiveState(): LiveState {
  const store = useLiveStore();
  const state = useSyncExternalStore(store.subscribe, store.getState);
  return useSyncExternalStore(onReachable, isReachable) ? state : 'lost';
}

export function useLiveSnapshots(): ReadonlyMap<string, LiveSnapshot> {
  const store = useLiveStore();
  return useSyncExternalStore(store.subscribe, store.getSnapshots);
}

export function useLiveHost(host: string): LiveSnapshot | null {
  const store = useLiveStore();
  const get = useCallback(() => store.getSnapshots().get(host) ?? null, [store, host]);
  return useSyncExternalStore(store.subscribe, get);
}
