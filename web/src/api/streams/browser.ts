import type { World } from './changing';

/** A hub's world in a browser, in a tab as in a worker. */
export const browserWorld: World = {
  open: (path) => new EventSource(path),
  clock: () => performance.now(),
};
