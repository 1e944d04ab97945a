import { Progress } from '@mantine/core';
import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Storage, type StoredTable, fetchStorage, storageKey } from '../../api/storage';
import { parseTime } from '../../api/wire';
import { Loaded } from '../../components/Loaded';
import { Notice } from '../../components/Notice';
import { PlainTable, Section, SectionPage } from '../../components/Section';
import { formatBytes, formatCount, formatDuration } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import { type StorageDay, buildStorageDays, sortBySize } from './storageDays';

/** Files come once a minute. */
const STORAGE_REFETCH_MS = 60_000;

export function StoragePage(): JSX.Element {
  const storage = useQuery({
    queryKey: storageKey,
    queryFn: ({ signal }) => fetchStorage(signal),
    refetchInterval: STORAGE_REFETCH_MS,
  });
  return <Loaded of={storage}>{(stored) => <Stored storage={stored} />}</Loaded>;
}

function Stored({ storage }: { readonly storage: Storage }): JSX.Element {
  if (storage.files === 0) return <Notice {...text.storage.empty} />;
  return (
    <SectionPage title={text.storage.title}>
      <Summary storage={storage} />
      <Section title={text.storage.tables}>
        <Tables tables={sortBySize(storage.tables)} />
      </Section>
      <Section title={text.storage.days}>
        <Days days={buildStorageDays(storage.tables)} />
      </Section>
    </SectionPage>
  );
}

function Summary({ storage }: { readonly storage: Storage }): JSX.Element {
  const { bytes, files, limit_bytes: limit, projected_bytes: projected } = storage;
  return (
    <>
      <p>
        {text.storage.summary(formatBytes(bytes), formatCount(files))}{' '}
        {projected !== null && text.storage.projected(formatBytes(projected))}{' '}
        {limit !== null && text.storage.limit(formatBytes(limit))}
      </p>
      {limit !== null && <Progress value={(bytes / limit) * 100} aria-label={text.storage.ofLimit} />}
    </>
  );
}

function Tables({ tables }: { readonly tables: readonly StoredTable[] }): JSX.Element {
  const { columns } = text.storage;
  return (
    <PlainTable
      label={text.storage.tables}
      rows={tables}
      keyOf={({ table, level }) => `${table} ${level}`}
      columns={[
        { label: columns.table, cell: ({ table }) => table },
        { label: columns.level, cell: ({ level }) => levelName(level) },
        { label: columns.size, numeric: true, cell: ({ bytes }) => formatBytes(bytes) },
        { label: columns.rows, numeric: true, cell: ({ rows }) => formatCount(rows) },
        { label: columns.since, cell: ({ from }) => formatDateTime(parseTime(from) ?? 0) },
        {
          label: columns.kept,
          numeric: true,
          cell: ({ retention_seconds: seconds }) => formatDuration(seconds),
        },
        { label: columns.perDay, numeric: true, cell: ({ bytes_per_day: bytes }) => formatBytes(bytes) },
        { label: columns.projected, numeric: true, cell: ({ projected_bytes: bytes }) => formatBytes(bytes) },
      ]}
    />
  );
}

function Days({ days }: { readonly days: readonly StorageDay[] }): JSX.Element {
  const { columns, levels } = text.storage;
  return (
    <PlainTable
      label={text.storage.days}
      rows={days}
      keyOf={({ dayMs }) => String(dayMs)}
      columns={[
        { label: columns.day, cell: ({ dayMs }) => new Date(dayMs).toISOString().slice(0, 10) },
        { label: columns.size, numeric: true, cell: ({ bytes }) => formatBytes(bytes) },
        ...Object.entries(levels).map(([level, name]) => ({
          label: text.storage.ofLevel(name),
          numeric: true,
          cell: (day: StorageDay) => formatBytes(day.byLevel[level] ?? null),
        })),
        { label: columns.rows, numeric: true, cell: ({ rows }) => formatCount(rows) },
      ]}
    />
  );
}

function levelName(level: string): string {
  const names: Readonly<Record<string, string>> = text.storage.levels;
  return names[level] ?? level;
}
