import { type JSX, type RefObject, useRef, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { ApiError, serverNow } from '../../api/client';
import { fetchHost, hostKey } from '../../api/hosts';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { Splitter, type SplitterProps } from '../../components/Splitter';
import { useSize } from '../../components/useSize';
import { formatDuration } from '../../lib/format';
import { DEFAULT_RANGE } from '../../lib/range';
import { useLiveHost } from '../../state/live';
import { isNumber, isStringList, usePreference } from '../../state/preferences';
import { hostPath } from '../../state/router';
import { useScheme } from '../../state/settings';
import { text } from '../../text';
import styles from './HostPage.module.css';
import { ConflictLine } from './ConflictLine';
import { ExportMenu } from './ExportMenu';
import { HostTitle } from './HostTitle';
import { JumpDialog } from './JumpDialog';
import { ProcessPanel } from './ProcessPanel';
import { RangeBar } from './RangeBar';
import { Tracks } from './Tracks';
import type { TrackId } from './trackParts';
import { TRACK_IDS } from './tracks';
import { useHostSeries } from './useHostSeries';
import { useTimeActions } from './useTimeActions';
import { useTimeCommands } from './useTimeCommands';
import { useTimePage } from './useTimePage';

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
  const page = useTimePage(hostPath(name), live?.latest.timeMs ?? null);
  const { view, change, span, following, cursor, stats, onStats, onOnly, onJump } = page;
  const [width, setWidth] = useState(0);
  const [folded, setFolded] = usePreference('tracks.folded', FOLDED_AT_FIRST, isStringList);
  const series = useHostSeries({
    host: name,
    span,
    width,
    following,
    process: view.process,
    withCores: !folded.includes('cores'),
    compare: view.compare,
  });
  const filterInput = useRef<HTMLInputElement>(null);
  const control = useTimeActions({
    host: name,
    view,
    change,
    span,
    series,
    live,
    filterInput,
    onJump,
    onStats,
  });
  const { actions, step, goNow, setRange } = control;
  useTimeCommands(page, control, true);
  const scheme = useScheme();
  const element = useRef<HTMLDivElement>(null);
  const layout = useLayout(element);

  if (!host.data && host.error instanceof ApiError && host.error.kind === 'not_found') {
    return <Notice {...text.errors.notFound(name)} />;
  }
  const onFold = (id: TrackId): void =>
    setFolded(folded.includes(id) ? folded.filter((one) => one !== id) : [...folded, id]);
  return (
    <div className={styles.page} ref={element}>
      <div className={styles.bar}>
        <HostTitle
          name={name}
          host={host.data ?? null}
          uptimeSeconds={(live?.latest ?? host.data?.latest)?.uptime_seconds ?? null}
          heardMs={live?.latest.timeMs ?? null}
        />
        {host.data?.conflict && <ConflictLine conflict={host.data.conflict} />}
        <RangeBar
          {...{ span, actions, stats, onStats }}
          range={view.range}
          onRange={setRange}
          onNow={goNow}
          canUndo={control.canUndo}
          compare={view.compare}
          onCompare={(compare) => change({ compare })}
        >
          <ExportMenu name={name} span={span} series={series} />
        </RangeBar>
      </div>
      <div className={styles.charts} style={{ height: layout.height }}>
        {series.error ? (
          <ErrorNotice error={series.error} onRetry={series.retry} />
        ) : (
          <Tracks
            {...{ span, series, cursor, actions, scheme, folded, onFold, stats, onOnly }}
            ids={TRACK_IDS}
            only={view.only}
            ghostName={view.compare ? text.host.range.compareName[view.compare] : ''}
            pinMs={view.pinMs}
            selection={view.selection}
            onWidth={setWidth}
            onPointerInside={page.onPointer}
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
      <JumpDialog
        direction={page.jump}
        shownMs={view.pinMs ?? span.toMs}
        onJump={control.jumpTo}
        onClose={() => onJump(null)}
      />
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
