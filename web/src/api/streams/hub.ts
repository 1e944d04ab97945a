/**
 * Event streams for all tabs of a browser. Without TLS a browser opens six connections to a server, whatever the number of
 * tabs; a hub holds two streams at most, one of hosts and one of alerts, and hands on what they bring to those that follow it.
 * It runs in a shared worker, and in the tab itself where there is none.
 */

import { ChangingStream, type Source, type StreamState, type World } from './changing';

/** What is followed: one host with its processes, all hosts (null), or what becomes of alerts. */
export type Topic = { readonly live: string | null } | 'alerts';

/** What a follower says; `follow` also says that it is still there. */
export type FollowerSays =
  | { readonly kind: 'follow'; readonly topic: Topic }
  /** It has shown what it got last. */
  | { readonly kind: 'taken' }
  /** The server answers again, after it did not. */
  | { readonly kind: 'again' }
  | { readonly kind: 'leave' };

export type HubSays =
  | { readonly kind: 'state'; readonly state: StreamState }
  /** The newest of each host, as JSON: text costs less to hand on than what is in it. */
  | { readonly kind: 'snapshots'; readonly texts: readonly string[] }
  /** A host came or went. */
  | { readonly kind: 'presence' }
  /** Something became of an alert. */
  | { readonly kind: 'alerts' };

const LIVE_PATH = '/api/v1/live';
const ALERTS_PATH = '/api/v1/alert-events';

/** The server takes so many: of more, those that were opened last are followed. */
const MOST_NAMED = 64;
/** A tab that goes from one page to another leaves one topic and takes the next: that is one change. */
const SETTLE_MS = 10;
/** Followers say that they are there once a minute. A tab that crashed does not, and is forgotten. */
export const HERE_MS = 60_000;
const SILENT_MS = 5 * HERE_MS;

interface Follower {
  readonly say: (what: HubSays) => void;
  topic: Topic;
  heardMs: number;
  /** It has not yet shown what it got last: what comes meanwhile waits here, of each host the newest. */
  isBusy: boolean;
  readonly waiting: Map<string, string>;
}

export class Hub {
  private readonly followers = new Set<Follower>();
  /** The newest of each host, for who comes later. */
  private readonly newest = new Map<string, string>();
  /** By which name a host is known, by id: one that was renamed is told to those that know it by the other. */
  private readonly names = new Map<string, string>();
  private readonly hosts: ChangingStream;
  private readonly alerts: ChangingStream;
  private readonly clock: () => number;
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(world: World) {
    this.clock = world.clock;
    this.hosts = new ChangingStream(
      world,
      (source) => this.listenToHosts(source),
      (state) => this.sayAll(isLive, { kind: 'state', state }),
    );
    this.alerts = new ChangingStream(
      world,
      (source) => this.listenToAlerts(source),
      (state) => this.sayAll(isOfAlerts, { kind: 'state', state }),
    );
  }

  /** Somebody new; returns what takes its messages. */
  join(say: (what: HubSays) => void): (what: FollowerSays) => void {
    const follower: Follower = { say, topic: 'alerts', heardMs: 0, isBusy: false, waiting: new Map() };
    return (what) => this.hear(follower, what);
  }

  /** Forgets those that have not been heard of for long. */
  sweep(): void {
    const oldest = this.clock() - SILENT_MS;
    for (const follower of this.followers) {
      if (follower.heardMs < oldest) this.leave(follower);
    }
  }

  private hear(follower: Follower, what: FollowerSays): void {
    follower.heardMs = this.clock();
    switch (what.kind) {
      case 'follow':
        if (!this.followers.has(follower)) this.follow(follower, what.topic);
        return;
      case 'taken':
        follower.isBusy = false;
        this.send(follower);
        return;
      case 'again':
        this.hosts.again();
        this.alerts.again();
        return;
      case 'leave':
        this.leave(follower);
    }
  }

  private follow(follower: Follower, topic: Topic): void {
    follower.topic = topic;
    follower.isBusy = false;
    follower.waiting.clear();
    this.followers.add(follower);
    if (isLive(follower)) {
      for (const [host, data] of this.newest) {
        if (concerns(follower, host)) follower.waiting.set(host, data);
      }
      this.send(follower);
    }
    const path = isLive(follower) ? this.livePath() : ALERTS_PATH;
    const stream = isLive(follower) ? this.hosts : this.alerts;
    const isOpen = path !== null && stream.isOpenFor(path);
    follower.say({ kind: 'state', state: isOpen ? 'open' : 'connecting' });
    this.settle();
  }

  private leave(follower: Follower): void {
    if (!this.followers.delete(follower)) return;
    follower.waiting.clear();
    this.settle();
  }

  private settle(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const followers = [...this.followers];
      const wanted = followers.filter(isLive);
      for (const host of this.newest.keys()) {
        if (!wanted.some((follower) => concerns(follower, host))) this.newest.delete(host);
      }
      if (wanted.length === 0) this.names.clear();
      this.hosts.want(this.livePath());
      this.alerts.want(followers.some(isOfAlerts) ? ALERTS_PATH : null);
    }, SETTLE_MS);
  }

  /** What brings all that is followed. */
  private livePath(): string | null {
    const topics = [...this.followers].flatMap(({ topic }) => (topic === 'alerts' ? [] : [topic.live]));
    if (topics.length === 0) return null;
    const latestFirst = topics.filter((host) => host !== null).toReversed();
    const named = [...new Set(latestFirst)].slice(0, MOST_NAMED).sort();
    const params = new URLSearchParams();
    if (named.length > 0) params.set('host', named.join(','));
    if (named.length > 0 && topics.includes(null)) params.set('others', 'true');
    const search = params.toString();
    return search === '' ? LIVE_PATH : `${LIVE_PATH}?${search}`;
  }

  private listenToHosts(source: Source): void {
    source.addEventListener('snapshot', (event) => {
      const told = readTold(event);
      if (!told) return;
      const { host, id, data } = told;
      // A stream begins with what the one before may have brought.
      if (this.newest.get(host) === data) return;
      this.newest.set(host, data);
      this.names.set(id, host);
      for (const follower of this.followers) {
        if (!isLive(follower) || !concerns(follower, host)) continue;
        follower.waiting.set(host, data);
        this.send(follower);
      }
    });
    source.addEventListener('state', (event) => {
      const told = readTold(event);
      if (!told) return;
      const { host, id } = told;
      const before = this.names.get(id) ?? host;
      this.names.set(id, host);
      const isTold = (follower: Follower): boolean =>
        isLive(follower) && (concerns(follower, host) || concerns(follower, before));
      this.sayAll(isTold, { kind: 'presence' });
    });
  }

  private listenToAlerts(source: Source): void {
    for (const name of ['fired', 'resolved', 'missed']) {
      source.addEventListener(name, () => this.sayAll(isOfAlerts, { kind: 'alerts' }));
    }
  }

  private send(follower: Follower): void {
    const { waiting } = follower;
    if (follower.isBusy || waiting.size === 0) return;
    follower.isBusy = true;
    follower.say({ kind: 'snapshots', texts: [...waiting.values()] });
    waiting.clear();
  }

  private sayAll(to: (follower: Follower) => boolean, what: HubSays): void {
    for (const follower of this.followers) {
      if (to(follower)) follower.say(what);
    }
  }
}

const isOfAlerts = ({ topic }: Follower): boolean => topic === 'alerts';
const isLive = (follower: Follower): boolean => !isOfAlerts(follower);

const concerns = ({ topic }: Follower, host: string): boolean =>
  topic !== 'alerts' && (topic.live === null || topic.live === host);

interface Told {
  readonly host: string;
  readonly id: string;
  readonly data: string;
}

function readTold(event: Event): Told | null {
  const { data } = event as MessageEvent<string>;
  try {
    const { host, id } = JSON.parse(data) as { host: string; id: string };
    return { host, id, data };
  } catch {
    return null;
  }
}
