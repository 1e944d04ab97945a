/** A tab's side of the hub. */
import { isReachable, onReachable } from '../reachable';
import { browserWorld } from './browser';
import { type FollowerSays, HERE_MS, Hub, type HubSays, type Topic } from './hub';

/** The hub of this tab alone, where workers can not be shared. */
let own: Hub | null = null;
let isShared = typeof SharedWorker !== 'undefined';

/** Follows a topic until what it returns is called. */
export function follow(topic: Topic, listen: (what: HubSays) => void): () => void {
  let isOver = false;
  let line: Line | null = null;
  const hear = (what: HubSays): void => {
    if (isOver) return;
    listen(what);
    if (what.kind === 'snapshots') line?.say({ kind: 'taken' });
  };
  const begin = (): void => {
    if (isOver) return;
    line = isShared ? shared(hear, lost) : alone(hear);
    line.say({ kind: 'follow', topic });
  };
  /** The worker did not start: its code is of a server that has another page by now. */
  const lost = (): void => {
    isShared = false;
    begin();
  };
  const here = (): void => line?.say({ kind: 'follow', topic });
  const leave = (): void => line?.say({ kind: 'leave' });
  begin();
  const timer = setInterval(here, HERE_MS);
  const forget = onReachable(() => {
    if (isReachable()) line?.say({ kind: 'again' });
  });
  // A page that the browser keeps to go back to is not shown meanwhile.
  window.addEventListener('pagehide', leave);
  window.addEventListener('pageshow', here);
  return () => {
    isOver = true;
    clearInterval(timer);
    forget();
    window.removeEventListener('pagehide', leave);
    window.removeEventListener('pageshow', here);
    leave();
    line?.close();
  };
}

interface Line {
  readonly say: (what: FollowerSays) => void;
  readonly close: () => void;
}

function shared(hear: (what: HubSays) => void, lost: () => void): Line {
  const worker = new SharedWorker(new URL('./hub.worker.ts', import.meta.url), { type: 'module' });
  const { port } = worker;
  worker.addEventListener('error', lost);
  port.addEventListener('message', ({ data }: MessageEvent<HubSays>) => hear(data));
  port.start();
  return { say: (what) => port.postMessage(what), close: () => port.close() };
}

function alone(hear: (what: HubSays) => void): Line {
  own ??= new Hub(browserWorld);
  // As from a worker: never while the hub is at work.
  const say = own.join((what) => queueMicrotask(() => hear(what)));
  return { say, close: () => undefined };
}
