import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type FollowerSays, HERE_MS, Hub, type HubSays, type Topic } from './hub';

class FakeSource {
  readyState = 0;
  private readonly listeners = new Map<string, ((event: Event) => void)[]>();
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  addEventListener(type: string, listener: (event: Event) => void): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  close(): void {
    this.readyState = 2;
  }

  tell(type: string, data: unknown = {}): void {
    const event = { data: JSON.stringify(data) } as MessageEvent<string>;
    this.listeners.get(type)?.forEach((listener) => listener(event));
  }

  open(): void {
    this.readyState = 1;
    this.tell('open');
  }
}

let sources: FakeSource[];
let hub: Hub;

const openPaths = (): string[] =>
  sources.filter(({ readyState }) => readyState !== 2).map(({ path }) => decodeURIComponent(path));
const newest = (): FakeSource => {
  const source = sources.at(-1);
  if (!source) throw new Error('nothing was opened');
  return source;
};
const settle = (): void => void vi.advanceTimersByTime(20);

class Tab {
  readonly heard: HubSays[] = [];
  readonly say: (what: FollowerSays) => void;

  constructor(topic: Topic) {
    this.say = hub.join((what) => this.heard.push(what));
    this.say({ kind: 'follow', topic });
  }

  states(): string[] {
    return this.heard.flatMap((what) => (what.kind === 'state' ? [what.state] : []));
  }

  loads(): unknown[] {
    return this.heard.flatMap((what) =>
      what.kind === 'snapshots'
        ? [what.texts.map((text) => (JSON.parse(text) as { load: number }).load)]
        : [],
    );
  }
}

const follow = (topic: Topic): Tab => new Tab(topic);

beforeEach(() => {
  vi.useFakeTimers();
  sources = [];
  hub = new Hub({
    open: (path) => {
      const source = new FakeSource(path);
      sources.push(source);
      return source;
    },
    clock: () => Date.now(),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the streams of many tabs', () => {
  it('are one of hosts, which brings all that is followed, and one of alerts', () => {
    for (const host of ['web', 'db', 'web', null]) {
      const tab = follow({ live: host });
      expect(tab.states()).toEqual(['connecting']);
      expect(follow('alerts').states()).toEqual(['connecting']);
    }
    settle();
    expect(openPaths()).toEqual(['/api/v1/live?host=db,web&others=true', '/api/v1/alert-events']);
  });

  it('name no more hosts than the server takes', () => {
    for (let number = 1000; number < 1100; number += 1) follow({ live: `web${String(number)}` });
    settle();
    const [path = ''] = openPaths();
    expect(path.split(',')).toHaveLength(64);
    expect(path).toContain('web1099');
  });

  it('go on until the one that brings more is open', () => {
    const fleet = follow({ live: null });
    settle();
    const first = newest();
    first.open();
    expect(fleet.states()).toEqual(['connecting', 'open']);
    const web = follow({ live: 'web' });
    settle();
    expect(openPaths()).toEqual(['/api/v1/live', '/api/v1/live?host=web&others=true']);
    first.tell('snapshot', { host: 'web', id: '1', load: 1 });
    expect(fleet.loads()).toEqual([[1]]);
    newest().open();
    expect(openPaths()).toEqual(['/api/v1/live?host=web&others=true']);
    expect(web.states()).toEqual(['connecting', 'open']);
  });

  it('are closed with the last tab, and with one that crashed', () => {
    const first = follow({ live: 'web' });
    const second = follow({ live: 'db' });
    settle();
    first.say({ kind: 'leave' });
    settle();
    expect(openPaths()).toEqual(['/api/v1/live?host=db']);
    vi.advanceTimersByTime(4 * HERE_MS);
    second.say({ kind: 'follow', topic: { live: 'db' } });
    vi.advanceTimersByTime(4 * HERE_MS);
    hub.sweep();
    settle();
    expect(openPaths()).toEqual(['/api/v1/live?host=db']);
    vi.advanceTimersByTime(2 * HERE_MS);
    hub.sweep();
    settle();
    expect(openPaths()).toEqual([]);
  });

  it('are opened again when the server refused them, sooner when somebody comes', () => {
    const tab = follow({ live: 'web' });
    settle();
    newest().close();
    newest().tell('error');
    expect(tab.states()).toEqual(['connecting', 'lost']);
    vi.advanceTimersByTime(5000);
    expect(sources).toHaveLength(2);
    newest().close();
    newest().tell('error');
    expect(follow({ live: 'web' }).states()).toEqual(['connecting']);
    settle();
    expect(sources).toHaveLength(3);
    newest().open();
    expect(tab.states().at(-1)).toBe('open');
  });

  it('are opened again, once, when tabs notice that the server is back', () => {
    const tabs = [follow({ live: 'web' }), follow({ live: 'web' })];
    settle();
    newest().open();
    vi.advanceTimersByTime(10_000);
    tabs.forEach((tab) => tab.say({ kind: 'again' }));
    expect(sources).toHaveLength(2);
    newest().open();
    expect(openPaths()).toEqual(['/api/v1/live?host=web']);
  });
});

describe('what a stream brings', () => {
  it('goes to those that follow it, at once to those that come later', () => {
    const [web, db] = [follow({ live: 'web' }), follow({ live: 'db' })];
    settle();
    newest().open();
    newest().tell('snapshot', { host: 'web', id: '1', load: 1 });
    const later = follow({ live: 'web' });
    expect([web.loads(), db.loads(), later.loads()]).toEqual([[[1]], [], [[1]]]);
    expect(later.states()).toEqual(['open']);
  });

  it('waits for a tab that is busy, of each host the newest', () => {
    const tab = follow({ live: null });
    settle();
    newest().open();
    for (const load of [1, 2, 3]) newest().tell('snapshot', { host: 'web', id: '1', load });
    newest().tell('snapshot', { host: 'db', id: '2', load: 4 });
    expect(tab.loads()).toEqual([[1]]);
    tab.say({ kind: 'taken' });
    expect(tab.loads()).toEqual([[1], [3, 4]]);
    // What the next stream begins with is not told twice.
    tab.say({ kind: 'taken' });
    newest().tell('snapshot', { host: 'db', id: '2', load: 4 });
    expect(tab.loads()).toHaveLength(2);
  });

  it('tells of a host that came, went or has another name, and of alerts', () => {
    const [web, db, alerts] = [follow({ live: 'web' }), follow({ live: 'db' }), follow('alerts')];
    settle();
    sources.forEach((source) => source.open());
    const [hosts, ofAlerts] = sources;
    hosts?.tell('snapshot', { host: 'web', id: '1', load: 1 });
    hosts?.tell('state', { host: 'www', id: '1' });
    ofAlerts?.tell('fired');
    const kinds = (tab: Tab): string[] =>
      tab.heard.map(({ kind }) => kind).filter((kind) => kind === 'presence' || kind === 'alerts');
    expect([kinds(web), kinds(db), kinds(alerts)]).toEqual([['presence'], [], ['alerts']]);
  });
});
