import { type JSX, useMemo, useRef, useState } from 'react';

import type { ProcessKey } from '../../api/processes';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { Link } from '../../components/Link';
import { useLatest } from '../../components/useLatest';
import { encodeHostView } from '../../state/hostAddress';
import { useLiveHost } from '../../state/live';
import { isStringList, usePreference } from '../../state/preferences';
import { hostPath, processPath } from '../../state/router';
import { useProcessColor } from '../../state/processColors';
import { useScheme } from '../../state/settings';
import { text } from '../../text';
import { ExportMenu } from '../host/ExportMenu';
import { JumpDialog } from '../host/JumpDialog';
import { processId } from '../host/processRows';
import { chartWidth } from '../host/paneWidth';
import { PROCESS_TRACK_IDS } from '../host/processTracks';
import { RangeBar } from '../host/RangeBar';
import type { TrackId } from '../host/trackParts';
import { Tracks } from '../host/Tracks';
import { useTimeActions } from '../host/useTimeActions';
import { useTimeCommands } from '../host/useTimeCommands';
import { useTimePage } from '../host/useTimePage';
import { ProcessDetails } from './ProcessDetails';
import styles from './ProcessPage.module.css';
import { useProcessFacts } from './useProcessFacts';
import { useProcessSeries } from './useProcessSeries';

export interface ProcessPageProps {
  readonly host: string;
  readonly process: ProcessKey;
}

const NOTHING_FOLDED: readonly string[] = [];

/** One process on its own: its lines over time, what it is, and who belongs to it. */
export function ProcessPage({ host, process }: ProcessPageProps): JSX.Element {
  const live = useLiveHost(host);
  const page = useTimePage(processPath(host, process), live?.latest.timeMs ?? null);
  const { view, change, span, following, cursor, stats, onStats, onOnly, onJump } = page;
  const [width, setWidth] = useState(() => chartWidth(window.innerWidth));
  const [folded, setFolded] = usePreference('process.folded', NOTHING_FOLDED, isStringList);
  const series = useProcessSeries({ host, process, span, width, following });
  const { only } = view;
  const shown = useLatest(useMemo(() => ({ series, folded, only }), [series, folded, only]));
  const filterInput = useRef<HTMLInputElement>(null);
  const control = useTimeActions({
    host,
    view,
    change,
    span,
    series,
    live,
    filterInput,
    onJump,
    onStats,
  });
  useTimeCommands(page, control, false);
  const scheme = useScheme();
  const facts = useProcessFacts({ host, process, span, atMs: view.pinMs, selection: view.selection, live });
  const color = useProcessColor(processId(process), facts.name);
  const onFold = (id: TrackId): void =>
    setFolded(folded.includes(id) ? folded.filter((one) => one !== id) : [...folded, id]);
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <div className={styles.heading}>
          <Link to={hostPath(host) + encodeHostView({ ...view, process, only: [] })} className={styles.host}>
            {host}
          </Link>
          <span className={styles.slash} aria-hidden="true">
            ›
          </span>
          <span className={styles.swatch} style={{ background: `var(--line-${color})` }} data-color={color} />
          <h1 className={styles.name}>{facts.name ?? text.processPage.title}</h1>
          <span className="num">{process.pid}</span>
        </div>
        <RangeBar
          {...{ span, stats, onStats }}
          range={view.range}
          actions={control.actions}
          onRange={control.setRange}
          onNow={control.goNow}
          canUndo={control.canUndo}
          compare={null}
        >
          <ExportMenu name={`${host} ${facts.name ?? ''} ${String(process.pid)}`} span={span} shown={shown} />
        </RangeBar>
      </div>
      <div className={styles.charts}>
        {series.error ? (
          <ErrorNotice error={series.error} onRetry={series.retry} />
        ) : (
          <Tracks
            {...{ span, series, cursor, scheme, folded, onFold, stats, onOnly }}
            actions={control.actions}
            ids={PROCESS_TRACK_IDS}
            only={view.only}
            ghostName=""
            pinMs={view.pinMs}
            selection={view.selection}
            onWidth={setWidth}
            onPointerInside={page.onPointer}
          />
        )}
        {series.empty && (
          <div className={styles.cover}>
            <Notice
              card
              title={text.processPage.absent}
              {...(facts.seenMs === null
                ? {}
                : {
                    action: {
                      label: text.processPage.goThere,
                      run: () => control.jumpTo(facts.seenMs ?? span.toMs),
                    },
                  })}
            />
          </div>
        )}
        {series.loading && series.tracks.length === 0 && !series.error && (
          <div className={styles.cover}>
            <PageLoading />
          </div>
        )}
      </div>
      <ProcessDetails {...{ host, process, facts, view, span, following }} />
      <JumpDialog
        direction={page.jump}
        shownMs={view.pinMs ?? span.toMs}
        onJump={control.jumpTo}
        onClose={() => onJump(null)}
      />
    </div>
  );
}
