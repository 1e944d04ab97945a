/** The hub of all tabs, in a worker that they share. */
import { browserWorld } from './browser';
import { type FollowerSays, HERE_MS, Hub } from './hub';

const hub = new Hub(browserWorld);
setInterval(() => hub.sweep(), HERE_MS);

globalThis.addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (!port) return;
  const hear = hub.join((what) => port.postMessage(what));
  port.addEventListener('message', ({ data }: MessageEvent<FollowerSays>) => hear(data));
  port.start();
});
