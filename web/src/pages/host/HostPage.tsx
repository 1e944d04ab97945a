import { type JSX, type RefObject, useCallback, useMemo, useRef, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { ApiError, serverNow } from '../../api/client';
import { fetchHost, hostKey } from '../../api/hosts';
import type { ProcessKey } from '../../api/processes';
import type { TopSeries } from '../../api/top';
import type { SlotName } from '../../lib/processColors';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { Splitter, type SplitterProps } from '../../components/Splitter';
import { useLatest } from '../../components/useLatest';
import { type Size, useSize } from '../../components/useSize';
import { DEFAULT_RANGE } from '../../lib/range';
import { useLiveHost } from '../../state/live';
import { isNumber, isStringList, usePreference } from '../../state/preferences';
import { useColorBook } from '../../state/processColors';
import { type HostView, encodeHostView } from '../../state/hostAddress';
import { hostPath, processPath } from '../../state/router';
import { useScheme } from '../../state/settings';
import { text } from '../../text';
import styles from './HostPage.module.css';
import { ChangesPanel } from './ChangesPanel';
import { ConflictLine } from './ConflictLine';
import { EmptyRange } from './EmptyRange';
import { FOLDED_AT_FIRST } from './hostColumns';
import { ExportMenu } from './ExportMenu';
import { HostTitle } from './HostTitle';
import { JumpDialog } from './JumpDialog';
import { chartWidth } from './paneWidth';
import { ProcessPanel } from './ProcessPanel';
import { RangeBar } from './RangeBar';
import { SECTION_IDS, type SectionId } from './sectionIds';
import { Sections } from './Sections';
import type { RowShared } from './TrackRow';
import { Tracks } from './Tracks';
import type { Track, TrackId } from './trackParts';
import { TopChoice } from './TopChoice';
import { namedOf } from './topTrack';
import { TRACK_IDS } from './tracks';
import { useMarks } from './useMarks';
import { useHostSeries } from './useHostSeries';
import { useTimeActions } from './useTimeActions';
import { useTimeCommands } from './useTimeCommands';
import { useTimePage } from './useTimePage';

export interface HostPageProps {
  readonly name: string;
}

const WITH_READING: readonly TrackId[] = ['reading', ...TRACK_IDS];
const NOTHING_OPEN: readonly string[] = [];
const HOST_REFETCH_MS = 15_000;
const BAR_HEIGHT = 46;
const SPLITTER_HEIGHT = 1;
const LEAST_CHARTS = 140;
const LEAST_TABLE = 170;
/** Share of the height that the charts take until somebody moves the divider. */
const CHARTS_SHARE = 0.58;

export function HostPage({ name }: HostPageProps): JSX.Element {
  const host = useQuery({
    queryKey: hostKey(name),
    queryFn: ({ signal }) => fetchHost(name, signal),
    refetchInterval: HOST_REFETCH_MS,
  });
  const live = useLiveHost(name);
  const page = useTimePage(hostPath(name), live?.latest.timeMs ?? null);
  const { view, change, span, following, cursor, stats, onStats, onOnly, onJump } = page;
  // What it will be, as long as it has not been laid out: nothing is asked twice.
  const [width, setWidth] = useState(() => chartWidth(window.innerWidth));
  const [folded, setFolded] = usePreference('tracks.folded', FOLDED_AT_FIRST, isStringList);
  const series = useHostSeries({
    host: name,
    span,
    width,
    following,
    process: view.process,
    withCores: !folded.includes('cores'),
    compare: view.compare,
    top: folded.includes('top') ? null : view.top,
    pageOf: usePageOf(name, view),
    reading: view.reading,
  });
  const marks = useMarks(name, span, following, host.data !== undefined, series.boots);
  const colors = useTopColors(series.top);
  const onChanges = useCallback(() => change({ changes: 'before' }, { replace: false }), [change]);
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

  const onFold = useCallback(
    (id: TrackId) => setFolded(folded.includes(id) ? folded.filter((one) => one !== id) : [...folded, id]),
    [folded, setFolded],
  );
  const onCompare = useCallback((compare: HostView['compare']) => change({ compare }), [change]);
  const onProcess = useCallback((process: ProcessKey) => change({ process }), [change]);
  const onCloseReading = useCallback(() => change({ reading: null }), [change]);
  const incomplete = series.top?.complete === false;
  const controls = useMemo(
    () => ({
      top: <TopChoice value={view.top} onChange={(top) => change({ top })} incomplete={incomplete} />,
    }),
    [view.top, change, incomplete],
  );
  const [open, setOpen] = usePreference('host.sections', NOTHING_OPEN, isStringList);
  const ofSections = useRef(new Map<SectionId, readonly Track[]>());
  const { asked } = series;
  const { compare } = view;
  const below = useCallback(
    (row: RowShared) => {
      const onToggle = (id: SectionId): void =>
        setOpen(open.includes(id) ? open.filter((one) => one !== id) : [...open, id]);
      const onTracks = (id: SectionId, tracks: readonly Track[]): void => {
        ofSections.current.set(id, tracks);
      };
      return <Sections {...{ open, onToggle, asked, row, compare, onTracks }} />;
    },
    [open, setOpen, asked, compare],
  );
  const { only } = view;
  const sections = useCallback(() => SECTION_IDS.flatMap((id) => ofSections.current.get(id) ?? []), []);
  const shown = useLatest(
    useMemo(() => ({ series, folded, only, sections }), [series, folded, only, sections]),
  );
  const exporting = useMemo(() => <ExportMenu {...{ name, span, shown }} />, [name, span, shown]);

  if (!host.data && host.error instanceof ApiError && host.error.kind === 'not_found') {
    return <Notice {...text.errors.notFound(name)} />;
  }
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
          onCompare={onCompare}
        >
          {exporting}
        </RangeBar>
      </div>
      <div className={styles.charts} style={{ height: layout.height }}>
        {series.error ? (
          <ErrorNotice error={series.error} onRetry={series.retry} />
        ) : (
          <Tracks
            height={layout.height}
            {...{ span, series, cursor, actions, scheme, folded, onFold, stats, onOnly }}
            ids={view.reading ? WITH_READING : TRACK_IDS}
            {...{ controls, marks, onProcess, onCloseReading, below }}
            isBelowOpen={open.length > 0}
            onChanges={onChanges}
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
      {view.selection && view.changes ? (
        <ChangesPanel host={name} {...{ view, change }} selection={view.selection} against={view.changes} />
      ) : (
        <ProcessPanel
          host={name}
          height={layout.below}
          {...{ view, change, span, following, live, cursor, actions, step, filterInput, onChanges, colors }}
          lastSeenMs={host.data && host.data.state !== 'up' ? host.data.lastSeenMs : null}
          cores={series.coreCount ?? host.data?.facts?.cpu_cores ?? null}
          memoryBytes={host.data?.latest?.memory_total_bytes ?? host.data?.facts?.memory_bytes ?? null}
        />
      )}
    </div>
  );
}

/** The page of each process over the same time. */
function usePageOf(host: string, view: HostView): (key: ProcessKey) => string {
  const search = encodeHostView({
    ...view,
    process: null,
    only: [],
    compare: null,
    changes: null,
    reading: null,
  });
  return useCallback((key: ProcessKey) => processPath(host, key) + search, [host, search]);
}

/** Colours of the processes in the chart, for the table. */
function useTopColors(top: TopSeries | null): ReadonlyMap<string, SlotName> {
  const book = useColorBook();
  return useMemo(() => {
    const shown = new Map<string, SlotName>();
    for (const { id } of top ? namedOf(top) : []) {
      const color = book.get(id);
      if (color) shown.set(id, color);
    }
    return shown;
  }, [top, book]);
}

/** Of a page below the header, before it is laid out. */
const HEADER_HEIGHT = 44;
const pageSize = (): Size => ({ width: window.innerWidth, height: window.innerHeight - HEADER_HEIGHT });

/** Heights of charts and table: as chosen with the divider, within what the window allows. */
function useLayout(element: RefObject<HTMLElement | null>): {
  readonly height: number;
  /** Of what is below the charts. */
  readonly below: number;
  readonly splitter: Omit<SplitterProps, 'label'>;
} {
  const { height: page } = useSize(element, pageSize());
  const [chosen, setChosen] = usePreference('charts.height', 0, isNumber);
  const max = Math.max(LEAST_CHARTS, page - BAR_HEIGHT - LEAST_TABLE);
  const wanted = chosen > 0 ? chosen : (page - BAR_HEIGHT) * CHARTS_SHARE;
  const height = Math.round(Math.min(max, Math.max(LEAST_CHARTS, wanted)));
  return {
    height,
    below: page - BAR_HEIGHT - height - SPLITTER_HEIGHT,
    splitter: { value: height, min: LEAST_CHARTS, max, onChange: setChosen, onReset: () => setChosen(0) },
  };
}
