import { useEffect, useState } from 'react';

import { firstNow, serverNow } from '../../api/client';

/** A chart of one pixel per step has this many steps; moving it more often would not be seen. */
const STEPS = 720;
const SHORTEST_STEP_MS = 1000;
const LONGEST_STEP_MS = 60_000;
/** When no snapshot arrives, time goes on all the same. */
const SILENCE_MS = 7000;
/**
 * "Now" for a range of length `rangeMs` that follows it: moves when a snapshot arrives (`newestMs`), or by
 * itself when none does, but not while `paused`.
 */
export function useNow(rangeMs: number, newestMs: number | null, paused: boolean): number {
  const [now, setNow] = useState(firstNow);
  const step = Math.min(LONGEST_STEP_MS, Math.max(SHORTEST_STEP_MS, rangeMs / STEPS));
  useEffect(() => {
    if (paused) return undefined;
    const move = (): void => {
      const next = Math.max(serverNow(), newestMs ?? 0);
      setNow((old) => (next - old >= step ? next : old));
    };
    move();
    const timer = setInterval(move, Math.max(step, SILENCE_MS));
    return () => clearInterval(timer);
  }, [step, paused, newestMs]);
  return now;
}
