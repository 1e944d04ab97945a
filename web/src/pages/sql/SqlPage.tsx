import { Alert } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type JSX, Suspense, lazy, useCallback, useEffect, useMemo, useState } from 'react';

import { ApiError } from '../../api/client';
import { type SqlFormat, type SqlSchema, downloadSql, fetchSqlSchema } from '../../api/sql';
import { CopyLine } from '../../components/CopyLine';
import { Notice, PageLoading } from '../../components/Notice';
import { formatCount, formatDuration } from '../../lib/format';
import { isNumber, isStringList, usePreference } from '../../state/preferences';
import { navigate, useSearch } from '../../state/router';
import { type SqlView, decodeSqlView, encodeSqlView } from '../../state/sqlAddress';
import { text } from '../../text';
import { save } from '../../lib/save';
import type { Editor as EditorType } from './Editor';
import { QueryLists } from './QueryLists';
import { type SavedQuery, addToHistory, isSavedList, saveQuery } from './queries';
import { ResultChart } from './ResultChart';
import { ResultTable } from './ResultTable';
import { LIMITS, SqlBar } from './SqlBar';
import styles from './SqlPage.module.css';
import { type SqlRun, useSqlRun } from './useSqlRun';

/** The editor is larger than the rest of the page: it comes when the page is there. */
const Editor = lazy((): Promise<{ default: typeof EditorType }> =>
  import('./Editor').then((module) => ({ default: module.Editor })),
);

const NO_SCHEMA: SqlSchema = {};
const NOTHING_SAVED: readonly SavedQuery[] = [];
const NOTHING_RUN: readonly string[] = [];

/** Any question to the history, in SQL. */
export function SqlPage(): JSX.Element {
  const search = useSearch();
  const view = useMemo(() => decodeSqlView(search), [search]);
  const [query, setQuery] = useState(view.query);
  // Back, forward, and a link within the page bring another query.
  const [linked, setLinked] = useState(view.query);
  if (linked !== view.query) {
    setLinked(view.query);
    setQuery(view.query);
  }
  const change = useCallback((part: Partial<SqlView>, replace = true) => {
    const next = { ...decodeSqlView(window.location.search), ...part };
    navigate(`/sql${encodeSqlView(next)}`, replace);
  }, []);
  const schema = useQuery({
    queryKey: ['sql-schema'],
    queryFn: ({ signal }) => fetchSqlSchema(signal),
    staleTime: 600_000,
  });
  const [saved, setSaved] = usePreference('sql.saved', NOTHING_SAVED, isSavedList);
  const [history, setHistory] = usePreference('sql.history', NOTHING_RUN, isStringList);
  const [limit, setLimit] = usePreference<number>('sql.limit', LIMITS[1], isNumber);
  const { run, start, cancel } = useSqlRun();
  const { download, failed } = useDownload(query);
  const canRun = query.trim() !== '';
  const onRun = useCallback(() => {
    if (query.trim() === '') return;
    setHistory(addToHistory(history, query));
    change({ query }, false);
    setLinked(query);
    start(query, limit);
  }, [query, history, limit, setHistory, change, start]);
  const onPick = useCallback((picked: string) => setQuery(picked), []);
  return (
    <div className={styles.page}>
      <h1 className="visually-hidden">{text.sql.title}</h1>
      <QueryLists
        {...{ saved, history, onPick }}
        schema={schema.data ?? NO_SCHEMA}
        onForget={(name) => setSaved(saved.filter((one) => one.name !== name))}
        onForgetHistory={() => setHistory(NOTHING_RUN)}
      />
      <div className={styles.main}>
        <div className={styles.editor}>
          <Suspense fallback={<PageLoading />}>
            <Editor value={query} schema={schema.data ?? NO_SCHEMA} onChange={setQuery} onRun={onRun} />
          </Suspense>
        </div>
        <SqlBar
          {...{ canRun, limit, onRun }}
          running={run.state === 'running'}
          show={view.show}
          onCancel={cancel}
          onLimit={setLimit}
          onShow={(show) => change({ show })}
          onSave={(name) => setSaved(saveQuery(saved, name, query))}
          onDownload={download}
        />
        {failed && (
          <Alert color="red" title={text.sql.downloadFailed}>
            {failed.message}
          </Alert>
        )}
        <Outcome run={run} show={view.show} />
      </div>
    </div>
  );
}

function Outcome({ run, show }: { readonly run: SqlRun; readonly show: SqlView['show'] }): JSX.Element {
  const words = text.sql;
  if (run.state === 'none') return <Notice title={words.ready} detail={words.readyDetail} />;
  if (run.state === 'cancelled') return <Notice title={words.cancelled} />;
  if (run.state === 'running') return <Running sinceMs={run.sinceMs} />;
  if (run.state === 'failed') return <Failed error={run.error} />;
  const { result, tookMs } = run;
  return (
    <>
      <p className={styles.note} role="status">
        {words.found(formatCount(result.rows.length), formatDuration(tookMs / 1000))}
        {result.truncated && ` ${words.truncated}`}
      </p>
      {result.rows.length === 0 ? (
        <Notice title={words.nothing} />
      ) : show === 'chart' ? (
        <ResultChart result={result} />
      ) : (
        <ResultTable result={result} />
      )}
    </>
  );
}

/** How long it has taken, so that nobody wonders whether it still runs. */
function Running({ sinceMs }: { readonly sinceMs: number }): JSX.Element {
  const [nowMs, setNowMs] = useState(sinceMs);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.floor((nowMs - sinceMs) / 1000);
  return <Notice busy title={text.sql.running} detail={seconds < 1 ? '' : formatDuration(seconds)} />;
}

function Failed({ error }: { readonly error: Error }): JSX.Element {
  const words = text.sql;
  const kind = error instanceof ApiError ? error.kind : 'internal';
  if (kind === 'unavailable' && error.message.includes('tacho-sql')) {
    return (
      <Notice title={words.absent.title} detail={words.absent.detail}>
        <div className={styles.start}>
          <CopyLine>systemctl enable --now tacho-sql</CopyLine>
          <p className={styles.reason}>{error.message}</p>
        </div>
      </Notice>
    );
  }
  if (kind === 'offline') return <Notice {...text.errors.offline} />;
  return (
    <div className={styles.failure} role="alert">
      <strong>{words.refused}</strong>
      <pre>{error.message}</pre>
    </div>
  );
}

function useDownload(query: string): {
  readonly download: (format: SqlFormat) => void;
  readonly failed: Error | null;
} {
  const [failed, setFailed] = useState<Error | null>(null);
  const download = useCallback(
    (format: SqlFormat) => {
      setFailed(null);
      downloadSql(query, format, new AbortController().signal).then(
        (blob) => save(`tacho.${format}`, blob),
        (error: unknown) => setFailed(error instanceof Error ? error : new Error(String(error))),
      );
    },
    [query],
  );
  return { download, failed };
}
