import { useComputedColorScheme } from '@mantine/core';
import { type JSX, type RefObject, useMemo, useRef, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { ApiError, serverNow } from '../../api/client';
import { fetchHost, hostKey } from '../../api/hosts';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { Splitter, type SplitterProps } from '../../components/Splitter';
import { useSize } from '../../components/useSize';
import { formatDuration } from '../../lib/format';
import { DEFAULT_RANGE, resolveRange } from '../../lib/range';
import { CursorStore } from '../../state/cursor';
import { useLiveHost } from '../../state/live';
import { isNumber, isStringList, usePreference } from '../../state/preferences';
import { text } from '../../text';
import styles from './HostPage.module.css';
import { ConflictLine } from './ConflictLine';
import { HostTitle } from './HostTitle';
import { ProcessPanel } from './ProcessPanel';
import { RangeBar } from './RangeBar';
import { Tracks } from './Tracks';
import type { TrackId } from './tracks';
import { useHostSeries } from './useHostSeries';
import { useHostView } from './useHostView';
import { useNow } from './useNow';
import { usePointing } from './usePointing';
import { useTimeActions } from './useTimeActions';

export interface HostPageProps {
  readonly name: string;
}

const HOST_REFETCH_MS = 15_000;
const FOLDED_AT_FIRST: readonly string[] = ['load', 'cores'];
const BAR_HEIGHT = 46;
const LEAST_CHARTS = 140;
const LEAST_TABLE = 170;
/** Share of the height that the charts take until somebody moves the divider. */
const CHARTS_SHARE = 0.54;

export function HostPage({ name }: HostPageProps): JSX.Element {
  const host = useQuery({
    queryKey: hostKey(name),
    queryFn: ({ signal }) => fetchHost(name, signal),
    refetchInterval: HOST_REFETCH_MS,
  });
  const live = useLiveHost(name);
  const { view, change } = useHostView(name);
  const [cursor] = useState(() => new CursorStore());
  const [pointing, onPointer] = usePointing();
  const following = view.range.kind === 'last';
  const length = view.range.kind === 'last' ? view.range.ms : 0;
  const nowMs = useNow(length, live?.latest.timeMs ?? null, !following || pointing);
  const span = useMemo(() => resolveRange(view.range, nowMs), [view.range, nowMs]);
  const [width, setWidth] = useState(0);
  const [folded, setFolded] = usePreference('tracks.folded', FOLDED_AT_FIRST, isStringList);
  const series = useHostSeries({
    host: name,
    span,
    width,
    following,
    process: view.process,
    withCores: !folded.includes('cores'),
  });
  const filterInput = useRef<HTMLInputElement>(null);
  const { actions, step, goNow, setRange } = useTimeActions({
    host: name,
    view,
    change,
    span,
    series,
    live,
    filterInput,
  });
  const scheme = useComputedColorScheme('dark');
  const page = useRef<HTMLDivElement>(null);
  const layout = useLayout(page);

  if (!host.data && host.error instanceof ApiError && host.error.kind === 'not_found') {
    return <Notice {...text.errors.notFound(name)} />;
  }
  const onFold = (id: TrackId): void =>
    setFolded(folded.includes(id) ? folded.filter((one) => one !== id) : [...folded, id]);
  return (
    <div className={styles.page} ref={page}>
      <div className={styles.bar}>
        <HostTitle
          name={name}
          host={host.data ?? null}
          uptimeSeconds={(live?.latest ?? host.data?.latest)?.uptime_seconds ?? null}
          heardMs={live?.latest.timeMs ?? null}
        />
        {host.data?.conflict && <ConflictLine conflict={host.data.conflict} />}
        <RangeBar range={view.range} span={span} onRange={setRange} onNow={goNow} actions={actions} />
      </div>
      <div className={styles.charts} style={{ height: layout.height }}>
        {series.error ? (
          <ErrorNotice error={series.error} onRetry={series.retry} />
        ) : (
          <Tracks
            {...{ span, series, cursor, actions, scheme, folded, onFold }}
            pinMs={view.pinMs}
            selection={view.selection}
            onWidth={setWidth}
            onPointerInside={onPointer}
          />
        )}
        {series.empty && (
          <EmptyRange
            lastSeenMs={live?.latest.timeMs ?? host.data?.lastSeenMs ?? null}
            onShow={(ms) => {
              setRange(
                serverNow() - ms < 60_000
                  ? DEFAULT_RANGE
                  : { kind: 'fixed', fromMs: ms - 55 * 60_000, toMs: ms + 5 * 60_000 },
              );
            }}
          />
        )}
        {series.loading && series.tracks.length === 0 && !series.error && (
          <div className={styles.cover}>
            <PageLoading />
          </div>
        )}
      </div>
      <Splitter label={text.host.charts.resize} {...layout.splitter} />
      <ProcessPanel
        host={name}
        {...{ view, change, span, following, live, cursor, actions, step, filterInput }}
        cores={series.coreCount ?? host.data?.facts?.cpu_cores ?? null}
        memoryBytes={host.data?.latest?.memory_total_bytes ?? host.data?.facts?.memory_bytes ?? null}
      />
    </div>
  );
}

function EmptyRange(props: {
  readonly lastSeenMs: number | null;
  readonly onShow: (ms: number) => void;
}): JSX.Element {
  const { lastSeenMs, onShow } = props;
  const words = text.host.charts.empty;
  return (
    <div className={styles.cover}>
      {lastSeenMs === null ? (
        <Notice card title={words.title} detail={words.never} />
      ) : (
        <Notice
          card
          title={words.title}
          detail={words.detail(formatDuration((serverNow() - lastSeenMs) / 1000))}
          action={{ label: words.show, run: () => onShow(lastSeenMs) }}
        />
      )}
    </div>
  );
}

/** Heights of charts and table: as chosen with the divider, within what the window allows. */
function useLayout(element: RefObject<HTMLElement | null>): {
  readonly height: number;
  readonly splitter: Omit<SplitterProps, 'label'>;
} {
  const { height: page } = useSize(element);
  const [chosen, setChosen] = usePreference('charts.height', 0, isNumber);
  const max = Math.max(LEAST_CHARTS, page - BAR_HEIGHT - LEAST_TABLE);
  const wanted = chosen > 0 ? chosen : (page - BAR_HEIGHT) * CHARTS_SHARE;
  const height = Math.round(Math.min(max, Math.max(LEAST_CHARTS, wanted)));
  return {
    height,
    splitter: { value: height, min: LEAST_CHARTS, max, onChange: setChosen, onReset: () => setChosen(0) },
  };
}
