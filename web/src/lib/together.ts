/** Questions about one thing each, asked within a moment, become one question about all of them. */

export interface Together<T> {
  /** Ends with an error where the answer has nothing of it, or when `signal` is told. */
  readonly ask: (key: string, signal: AbortSignal) => Promise<T>;
}

interface Waiting<T> {
  readonly key: string;
  readonly signal: AbortSignal;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Waits `waitMs` for more, leaves out what nobody wants any longer, and asks `fetchAll` for at most `most` keys at once.
 */
export function askTogether<T>(
  fetchAll: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>,
  { waitMs, most }: { readonly waitMs: number; readonly most: number },
): Together<T> {
  let waiting: Waiting<T>[] = [];

  const send = async (some: readonly Waiting<T>[]): Promise<void> => {
    try {
      const answers = await fetchAll([...new Set(some.map(({ key }) => key))]);
      for (const { key, resolve, reject } of some) {
        const answer = answers.get(key);
        if (answer === undefined) reject(new Error(`no answer for ${key}`));
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of some) reject(error);
    }
  };
  const flush = (): void => {
    const wanted = waiting.filter(({ signal }) => !signal.aborted);
    for (const { signal, reject } of waiting) if (signal.aborted) reject(signal.reason);
    waiting = [];
    for (let first = 0; first < wanted.length; first += most) void send(wanted.slice(first, first + most));
  };
  return {
    ask: (key, signal) =>
      new Promise((resolve, reject) => {
        if (waiting.length === 0) setTimeout(flush, waitMs);
        waiting.push({ key, signal, resolve, reject });
      }),
  };
}
