export interface Seldom {
  readonly run: () => void;
  /** What waits is dropped. */
  readonly stop: () => void;
}

/** Runs `what` at once, but no more often than each `everyMs`: calls in between become one at the end of that time. */
export function seldom(what: () => void, everyMs: number): Seldom {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let isWanted = false;
  const next = (): void => {
    timer = null;
    if (isWanted) run();
  };
  const run = (): void => {
    isWanted = timer !== null;
    if (isWanted) return;
    timer = setTimeout(next, everyMs);
    what();
  };
  const stop = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    isWanted = false;
  };
  return { run, stop };
}
