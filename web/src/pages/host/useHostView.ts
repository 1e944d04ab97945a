import { useCallback, useMemo, useRef } from 'react';

import type { Range } from '../../lib/range';
import { type HostView, decodeHostView, encodeHostView } from '../../state/hostAddress';
import { navigate, useSearch } from '../../state/router';

export type ChangeView = (part: Partial<HostView>, options?: { readonly replace?: boolean }) => void;

/** What the page at `path` shows of a host, kept in its address. */
export function useHostView(path: string): { readonly view: HostView; readonly change: ChangeView } {
  const search = useSearch();
  const view = useMemo(() => decodeHostView(search), [search]);
  const change = useCallback<ChangeView>(
    (part, { replace = true } = {}) => {
      // Read anew: two changes may come before the page renders again.
      const current = decodeHostView(window.location.search);
      navigate(path + encodeHostView({ ...current, ...part }), replace);
    },
    [path],
  );
  return { view, change };
}

/**
 * A pin or a selection stands still, so that the range must too: it is fixed at where it is. When both are
 * gone again, the page goes back to following "now" as before.
 */
export function useFrozenRange(): {
  readonly freeze: (range: Range, span: { readonly fromMs: number; readonly toMs: number }) => Range;
  readonly thaw: (range: Range) => Range;
} {
  const frozen = useRef<{ readonly from: Range; readonly to: Range } | null>(null);
  const freeze = useCallback(
    (range: Range, span: { readonly fromMs: number; readonly toMs: number }): Range => {
      if (range.kind === 'fixed') return range;
      // Whole seconds make a readable address.
      const fixed: Range = {
        kind: 'fixed',
        fromMs: Math.floor(span.fromMs / 1000) * 1000,
        toMs: Math.ceil(span.toMs / 1000) * 1000,
      };
      frozen.current = { from: range, to: fixed };
      return fixed;
    },
    [],
  );
  const thaw = useCallback((range: Range): Range => {
    const known = frozen.current;
    const isSame =
      known?.to.kind === 'fixed' &&
      range.kind === 'fixed' &&
      known.to.fromMs === range.fromMs &&
      known.to.toMs === range.toMs;
    return isSame ? known.from : range;
  }, []);
  return useMemo(() => ({ freeze, thaw }), [freeze, thaw]);
}
