/** What is known of one process: at a moment, and over the range that is shown. */
import { useMemo } from 'react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';

import type { LiveSnapshot } from '../../api/live';
import {
  type ProcessKey,
  type ProcessTotals,
  fetchProcessesAt,
  fetchProcessesOver,
} from '../../api/processes';
import type { Span } from '../../lib/range';
import { type Relatives, buildRelatives } from './relatives';

export interface ProcessFacts extends Relatives {
  readonly name: string | null;
  readonly command: string | null;
  readonly user: string | null;
  readonly unit: string | null;
  readonly container: string | null;
  /** What it used over the range; null when it was not there. */
  readonly totals: ProcessTotals | null;
  /** The snapshot that its relatives are of. */
  readonly snapshotMs: number | null;
  /** What it used is still on its way. */
  readonly loading: boolean;
  /** Who belongs to it is not known yet. */
  readonly relativesLoading: boolean;
  /** A moment at which it was there: where to look when it is not in the range. */
  readonly seenMs: number | null;
}

export interface ProcessFactsQuery {
  readonly host: string;
  readonly process: ProcessKey;
  readonly span: Span;
  readonly atMs: number | null;
  readonly selection: Span | null;
  readonly live: LiveSnapshot | null;
}

/** Processes of a range that are looked through; one further down used next to nothing. */
const MOST = 2000;
const REFETCH_MS = 15_000;
/** The newest snapshot is asked for in steps of this, so that a page that follows does not ask each second. */
const STEP_MS = 10_000;

export function useProcessFacts(query: ProcessFactsQuery): ProcessFacts {
  const { host, process, span, selection } = query;
  const { fromMs, toMs } = selection ?? span;
  const range = { fromMs: floor(fromMs), toMs: ceil(toMs) };
  const over = useQuery({
    queryKey: ['process-totals', host, range.fromMs, range.toMs],
    queryFn: ({ signal }) =>
      fetchProcessesOver({ host, ...range, by: 'cpu', group: 'process', limit: MOST }, signal),
    placeholderData: keepPreviousData,
    staleTime: REFETCH_MS,
    gcTime: 60_000,
  });
  const atMs = query.atMs ?? ceil(toMs) - 1;
  const at = useQuery({
    queryKey: ['processes-at', host, atMs],
    queryFn: ({ signal }) => fetchProcessesAt(host, atMs, signal),
    placeholderData: keepPreviousData,
    staleTime: REFETCH_MS,
    gcTime: 60_000,
  });
  const totals = useMemo(
    () =>
      over.data?.processes.find(({ key }) => key?.pid === process.pid && key.startMs === process.startMs) ??
      null,
    [over.data, process],
  );
  const relatives = useMemo(
    () => buildRelatives(at.data?.processes ?? [], process, totals?.name ?? null),
    [at.data, process, totals],
  );
  const known = relatives.self ?? totals;
  return {
    ...relatives,
    name: known?.name ?? null,
    command: known?.command ?? null,
    user: known?.user ?? null,
    unit: known?.unit ?? null,
    container: known?.container ?? null,
    totals,
    snapshotMs: at.data?.timeMs ?? null,
    loading: over.isPending,
    relativesLoading: at.isPending,
    seenMs: totals?.lastSeenMs ?? process.startMs + STEP_MS,
  };
}

const floor = (ms: number): number => Math.floor(ms / STEP_MS) * STEP_MS;
const ceil = (ms: number): number => Math.ceil(ms / STEP_MS) * STEP_MS;
