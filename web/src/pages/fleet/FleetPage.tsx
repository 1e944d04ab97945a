import { Button, NativeSelect, SegmentedControl } from '@mantine/core';
import { type JSX, Suspense, lazy, useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Host, fetchHosts, hostsKey, refreshHosts } from '../../api/hosts';
import { ColumnMenu } from '../../components/ColumnMenu';
import { FilterField } from '../../components/FilterField';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { PlusIcon } from '../../components/icons';
import { useKeys } from '../../components/useKeys';
import {
  FLEET_GROUPS,
  FLEET_KINDS,
  type FleetGroup,
  type FleetKind,
  type FleetView,
  decodeFleetView,
  encodeFleetView,
  readGroup,
} from '../../state/fleetAddress';
import { useLiveSnapshots, useLiveState } from '../../state/live';
import { isStringList, usePreference } from '../../state/preferences';
import { navigate, useSearch } from '../../state/router';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import type { AddHostDialog as AddHostDialogType, JoinSteps as JoinStepsType } from './AddHostDialog';
import styles from './FleetPage.module.css';
import type { FleetGrid as FleetGridType } from './FleetGrid';
import type { FleetHeat as FleetHeatType } from './FleetHeat';
import { FleetTable } from './FleetTable';
import type { HostDialog as HostDialogType } from './HostDialog';
import { SortChoice } from './SortChoice';
import { FLEET_COLUMNS, HIDDEN_AT_FIRST } from './fleetColumns';
import { buildItems, tagKeys } from './fleetGroups';
import { type FleetRow, filterFleet, fleetRowsBuilder, sortFleet } from './fleetRows';

/** States change without a snapshot (a host goes silent), so that the inventory is asked again. */
const HOSTS_REFETCH_MS = 10_000;
const FleetHeat = lazy((): Promise<{ default: typeof FleetHeatType }> =>
  import('./FleetHeat').then((module) => ({ default: module.FleetHeat })),
);

const FleetGrid = lazy((): Promise<{ default: typeof FleetGridType }> =>
  import('./FleetGrid').then((module) => ({ default: module.FleetGrid })),
);
const HostDialog = lazy((): Promise<{ default: typeof HostDialogType }> =>
  import('./HostDialog').then((module) => ({ default: module.HostDialog })),
);

const AddHostDialog = lazy((): Promise<{ default: typeof AddHostDialogType }> =>
  import('./AddHostDialog').then((module) => ({ default: module.AddHostDialog })),
);
const JoinSteps = lazy((): Promise<{ default: typeof JoinStepsType }> =>
  import('./AddHostDialog').then((module) => ({ default: module.JoinSteps })),
);

/** Narrower windows have cards at first: a table of many columns would have to be scrolled sideways. */
const TABLE_WIDTH = 720;
const isKind = (value: unknown): value is FleetKind => FLEET_KINDS.some((kind) => kind === value);

export function FleetPage(): JSX.Element {
  const isLive = useLiveState() === 'open';
  const hosts = useQuery({
    queryKey: hostsKey,
    queryFn: ({ signal, client }) => {
      const before = client.getQueryData<Host[]>(hostsKey);
      return before && isLive ? refreshHosts(before, signal) : fetchHosts(signal);
    },
    refetchInterval: HOSTS_REFETCH_MS,
  });
  const live = useDeferredValue(useLiveSnapshots());
  const [build] = useState(fleetRowsBuilder);
  const rows = useMemo(() => build(hosts.data ?? [], live), [build, hosts.data, live]);
  if (hosts.data) return hosts.data.length === 0 ? <EmptyFleet /> : <Fleet rows={rows} />;
  return hosts.error ? (
    <ErrorNotice error={hosts.error} onRetry={() => void hosts.refetch()} />
  ) : (
    <PageLoading />
  );
}

function EmptyFleet(): JSX.Element {
  return (
    <Notice title={text.fleet.empty.title} detail={text.fleet.empty.detail}>
      <div className={styles.join}>
        <Suspense>
          <JoinSteps />
        </Suspense>
      </div>
    </Notice>
  );
}

interface GroupChoice {
  readonly value: FleetGroup;
  readonly label: string;
}

/** What hosts can be put together by: their facts, and the keys of their tags. */
function groupChoices(keys: readonly string[], chosen: FleetGroup): GroupChoice[] {
  const plain = FLEET_GROUPS.map((value) => ({ value, label: text.fleet.groups[value] }));
  const ofKeys = keys.map((key) => ({ value: `tag:${key}` as const, label: text.fleet.groupByKey(key) }));
  const isThere = [...plain, ...ofKeys].some(({ value }) => value === chosen);
  const lost = isThere ? [] : [{ value: chosen, label: text.fleet.groupByKey(chosen.slice('tag:'.length)) }];
  return [...plain, ...ofKeys, ...lost];
}

function Fleet({ rows }: { readonly rows: readonly FleetRow[] }): JSX.Element {
  const search = useSearch();
  const view = useMemo(() => decodeFleetView(search), [search]);
  const change = useCallback(
    (part: Partial<FleetView>) => navigate(`/${encodeFleetView({ ...view, ...part })}`, true),
    [view],
  );
  const [adding, setAdding] = useState(false);
  const filterInput = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => filterInput.current?.focus() });
  const shown = useMemo(
    () => sortFleet(filterFleet(rows, view.filter), view.sort),
    [rows, view.filter, view.sort],
  );
  const items = useMemo(() => buildItems(shown, view.group), [shown, view.group]);
  const groups = useMemo(() => groupChoices(tagKeys(rows), view.group), [rows, view.group]);
  const names = useMemo(() => new Set(shown.map(({ name }) => name)), [shown]);
  const [hidden, setHidden] = usePreference('fleet.hidden', HIDDEN_AT_FIRST, isStringList);
  const usual = window.innerWidth < TABLE_WIDTH ? 'grid' : 'table';
  const [liked, setLiked] = usePreference<FleetKind>('fleet.view', usual, isKind);
  const kind = view.view ?? liked;
  const mayChange = useMayChange();
  const [changing, setChanging] = useState<string | null>(null);
  const onChange = useCallback((host: Host) => setChanging(host.id), []);
  const changed = changing === null ? undefined : rows.find(({ host }) => host.id === changing)?.host;
  const up = rows.filter((row) => row.state === 'up').length;
  const silent = rows.filter((row) => row.state === 'silent').length;
  const down = rows.length - up - silent;
  const onFilter = useCallback((filter: string) => change({ filter }), [change]);
  return (
    <div className={styles.page}>
      <div className={styles.bar}>
        <h1 className={styles.title}>{text.fleet.title}</h1>
        <span className={styles.counts}>
          {shown.length === rows.length
            ? text.fleet.hosts(rows.length)
            : text.fleet.shown(shown.length, rows.length)}
          <span className={styles.up}>{text.fleet.up(up)}</span>
          {silent > 0 && <span className={styles.silent}>{text.fleet.silent(silent)}</span>}
          {down > 0 && <span className={styles.down}>{text.fleet.down(down)}</span>}
        </span>
        <div className={styles.spring} />
        <SegmentedControl
          size="xs"
          aria-label={text.fleet.views}
          value={kind}
          onChange={(next) => {
            if (!isKind(next)) return;
            // The heat map is for a look, the others are how somebody likes the page.
            if (next !== 'heat') setLiked(next);
            change({ view: next });
          }}
          data={FLEET_KINDS.map((one) => ({ value: one, label: text.fleet.view[one] }))}
        />
        {kind === 'grid' && <SortChoice sort={view.sort} onSort={(sort) => change({ sort })} />}
        {kind !== 'heat' && (
          <NativeSelect
            size="xs"
            className={styles.choice}
            aria-label={text.fleet.groupBy}
            value={view.group}
            onChange={({ currentTarget: { value } }) => change({ group: readGroup(value) })}
            data={groups}
          />
        )}
        <div className={styles.filter}>
          <FilterField
            label={text.fleet.filter}
            hint={text.fleet.filterHint}
            value={view.filter}
            onChange={onFilter}
            input={filterInput}
            width="100%"
          />
        </div>
        {kind === 'table' && (
          <ColumnMenu
            items={FLEET_COLUMNS.map(({ id }) => ({
              id,
              label: text.fleet.columns[id],
              shown: !hidden.includes(id),
            }))}
            onToggle={(id, isShown) =>
              setHidden(isShown ? hidden.filter((one) => one !== id) : [...hidden, id])
            }
            onReset={() => setHidden(HIDDEN_AT_FIRST)}
          />
        )}
        <Button
          size="xs"
          variant="default"
          className={styles.add}
          aria-label={text.fleet.add}
          onClick={() => setAdding(true)}
        >
          <PlusIcon />
          <span className={styles.addLabel}>{text.fleet.add}</span>
        </Button>
      </div>
      {kind === 'table' ? (
        <FleetTable
          items={items}
          hidden={hidden}
          sort={view.sort}
          onSort={(sort) => change({ sort })}
          onChange={mayChange ? onChange : undefined}
        />
      ) : (
        <Suspense fallback={<PageLoading />}>
          {kind === 'grid' ? (
            <FleetGrid items={items} onChange={mayChange ? onChange : undefined} />
          ) : (
            <FleetHeat view={view} change={change} hosts={names} />
          )}
        </Suspense>
      )}
      {changed && (
        <Suspense>
          <HostDialog host={changed} onClose={() => setChanging(null)} />
        </Suspense>
      )}
      {adding && (
        <Suspense>
          <AddHostDialog opened onClose={() => setAdding(false)} />
        </Suspense>
      )}
    </div>
  );
}
