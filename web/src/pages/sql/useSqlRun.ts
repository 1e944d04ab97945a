import { useCallback, useEffect, useRef, useState } from 'react';

import { type SqlResult, runSql } from '../../api/sql';

export type SqlRun =
  | { readonly state: 'none' }
  | { readonly state: 'running'; readonly sinceMs: number }
  | { readonly state: 'done'; readonly result: SqlResult; readonly query: string; readonly tookMs: number }
  | { readonly state: 'failed'; readonly error: Error }
  | { readonly state: 'cancelled' };

/** One query at a time: another one, and leaving the page, ends the one before, in the engine too. */
export function useSqlRun(): {
  readonly run: SqlRun;
  readonly start: (query: string, limit: number) => void;
  readonly cancel: () => void;
} {
  const [run, setRun] = useState<SqlRun>({ state: 'none' });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = useCallback((query: string, limit: number) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const sinceMs = performance.now();
    setRun({ state: 'running', sinceMs });
    runSql(query, limit, controller.signal).then(
      (result) => {
        if (controller.signal.aborted) return;
        setRun({ state: 'done', result, query, tookMs: performance.now() - sinceMs });
      },
      (error: unknown) => {
        if (controller.signal.aborted) return;
        setRun({ state: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
      },
    );
  }, []);
  const cancel = useCallback(() => {
    running.current?.abort();
    setRun({ state: 'cancelled' });
  }, []);
  return { run, start, cancel };
}
