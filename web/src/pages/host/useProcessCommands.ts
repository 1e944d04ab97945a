import { useCallback } from 'react';

import { type Command, useCommands } from '../../state/commands';
import { navigate, processPath } from '../../state/router';
import type { ProcessRow } from './processRows';

/** The palette leads to the page of each process that the table shows. */
export function useProcessCommands(host: string, rows: readonly ProcessRow[]): void {
  const provide = useCallback(
    (): readonly Command[] =>
      rows.flatMap((row) => {
        const { key } = row;
        if (!key) return [];
        return {
          id: `process:${row.id}`,
          group: 'process' as const,
          title: `${row.name ?? ''} ${String(key.pid)}`,
          words: row.command ?? '',
          detail: row.command ?? '',
          run: () => navigate(processPath(host, key) + window.location.search),
        };
      }),
    [host, rows],
  );
  useCommands(provide);
}
