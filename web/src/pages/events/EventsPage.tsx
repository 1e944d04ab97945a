import { NativeSelect } from '@mantine/core';
import { type JSX, useCallback, useEffect, useMemo, useRef } from 'react';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';

import { serverNow } from '../../api/client';
import { type EventPage, fetchFleetEvents } from '../../api/fleetEvents';
import { FilterField } from '../../components/FilterField';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { useKeys } from '../../components/useKeys';
import type { Span } from '../../lib/range';
import { formatDuration } from '../../lib/format';
import {
  EVENT_RANGES,
  type EventsView,
  decodeEventsView,
  encodeEventsView,
  parseEventFilter,
} from '../../state/eventsAddress';
import { navigate, useSearch } from '../../state/router';
import { text } from '../../text';
import styles from './EventsPage.module.css';
import { EventsTable } from './EventsTable';
import { buildEventRows, kindChoices } from './eventRows';

/** New events are looked for this often; less often when many pages would have to be asked for again. */
const REFETCH_MS = 5_000;
const SELDOM_MS = 60_000;
const FEW_PAGES = 2;
const LIMIT = 200;
/** Is called 24 hours, as on the page of alerts. */
const DAY_MS = 86_400_000;

/** All pages are of the range that the first one was asked for. */
interface PageStart extends Span {
  readonly after: string;
}

interface LoadedPage extends EventPage {
  readonly span: Span;
}

/** What happened on all hosts, the newest first. */
export function EventsPage(): JSX.Element {
  const words = text.events;
  const search = useSearch();
  const view = useMemo(() => decodeEventsView(search), [search]);
  const change = useCallback(
    (part: Partial<EventsView>) => navigate(`/events${encodeEventsView({ ...view, ...part })}`, true),
    [view],
  );
  const filterInput = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => filterInput.current?.focus() });
  const onFilter = useCallback((filter: string) => change({ filter }), [change]);
  const found = useInfiniteQuery({
    queryKey: ['events', 'fleet', view],
    initialPageParam: null as PageStart | null,
    queryFn: async ({ pageParam, signal }): Promise<LoadedPage> => {
      const toMs = serverNow();
      const span = pageParam ?? { fromMs: toMs - view.rangeMs, toMs };
      const { fromMs } = span;
      const query = { ...parseEventFilter(view.filter), kind: view.kind, limit: LIMIT };
      const after = pageParam?.after ?? null;
      const page = await fetchFleetEvents({ ...query, fromMs, toMs: span.toMs, after }, signal);
      return { ...page, span: { fromMs, toMs: span.toMs } };
    },
    getNextPageParam: ({ next, span }): PageStart | null => (next === null ? null : { ...span, after: next }),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > FEW_PAGES ? SELDOM_MS : REFETCH_MS),
  });
  const rows = useMemo(() => buildEventRows(found.data?.pages ?? []), [found.data]);
  const counts = found.data?.pages[0]?.counts ?? {};
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = found;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);
  useEffect(() => {
    // A filter that finds little leaves the list too short to be scrolled to its end.
    if (rows.length < LIMIT / 2) onEnd();
  }, [rows.length, onEnd]);
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <h1 className={styles.title}>{words.title}</h1>
        <span className={styles.count}>{words.count(rows.length, hasNextPage)}</span>
        <div className={styles.spring} />
        <NativeSelect
          size="xs"
          aria-label={words.range}
          value={String(view.rangeMs)}
          onChange={({ currentTarget: { value } }) => change({ rangeMs: Number(value) })}
          data={[...new Set([...EVENT_RANGES, view.rangeMs])].map((ms) => ({
            value: String(ms),
            label: words.last(ms === DAY_MS ? text.host.range.length('24h') : formatDuration(ms / 1000)),
          }))}
        />
        <NativeSelect
          size="xs"
          aria-label={words.kind}
          value={view.kind ?? ''}
          onChange={({ currentTarget: { value } }) => change({ kind: value === '' ? null : value })}
          data={[
            { value: '', label: words.allKinds },
            ...kindChoices(counts, view.kind).map(({ kind, label }) => ({ value: kind, label })),
          ]}
        />
        <FilterField
          label={words.filter}
          hint={words.filterHint}
          value={view.filter}
          onChange={onFilter}
          input={filterInput}
          width={280}
        />
      </div>
      {found.error && !found.data ? (
        <ErrorNotice error={found.error} onRetry={() => void found.refetch()} />
      ) : !found.data ? (
        <PageLoading />
      ) : found.error ? (
        <Notice {...text.errors.failed(found.error.message)} />
      ) : rows.length === 0 ? (
        <Notice title={words.none} detail={words.noneDetail} />
      ) : (
        <EventsTable rows={rows} onEnd={onEnd} />
      )}
    </div>
  );
}
