/** Not every browser tells when it has nothing to do. */
const LATER_MS = 500;

/** Runs what can wait once the page has drawn what was asked for. */
export function whenIdle(run: () => void): void {
  if ('requestIdleCallback' in window) window.requestIdleCallback(run);
  else setTimeout(run, LATER_MS);
}
