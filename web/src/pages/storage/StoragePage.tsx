import { Progress, Table } from '@mantine/core';
import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Storage, type StoredTable, fetchStorage, storageKey } from '../../api/storage';
import { parseTime } from '../../api/wire';
import { ErrorNotice, Notice, PageLoading } from '../../components/Notice';
import { formatBytes, formatCount, formatDuration } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import styles from './StoragePage.module.css';
import { type StorageDay, buildStorageDays, sortBySize } from './storageDays';

/** Files come once a minute. */
const STORAGE_REFETCH_MS = 60_000;

export function StoragePage(): JSX.Element {
  const storage = useQuery({
    queryKey: storageKey,
    queryFn: ({ signal }) => fetchStorage(signal),
    refetchInterval: STORAGE_REFETCH_MS,
  });
  if (storage.data === undefined) {
    return storage.error ? (
      <ErrorNotice error={storage.error} onRetry={() => void storage.refetch()} />
    ) : (
      <PageLoading />
    );
  }
  if (storage.data.files === 0) return <Notice {...text.storage.empty} />;
  return (
    <div className={styles.page}>
      <h1 className={styles.title}>{text.storage.title}</h1>
      <Summary storage={storage.data} />
      <h2 className={styles.heading}>{text.storage.tables}</h2>
      <Tables tables={sortBySize(storage.data.tables)} />
      <h2 className={styles.heading}>{text.storage.days}</h2>
      <Days days={buildStorageDays(storage.data.tables)} />
    </div>
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
    <div className={styles.scroll}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{columns.table}</Table.Th>
            <Table.Th>{columns.level}</Table.Th>
            <Table.Th className={styles.number}>{columns.size}</Table.Th>
            <Table.Th className={styles.number}>{columns.rows}</Table.Th>
            <Table.Th>{columns.since}</Table.Th>
            <Table.Th className={styles.number}>{columns.kept}</Table.Th>
            <Table.Th className={styles.number}>{columns.perDay}</Table.Th>
            <Table.Th className={styles.number}>{columns.projected}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {tables.map((table) => (
            <Table.Tr key={`${table.table} ${table.level}`}>
              <Table.Td>{table.table}</Table.Td>
              <Table.Td>{levelName(table.level)}</Table.Td>
              <Table.Td className={styles.number}>{formatBytes(table.bytes)}</Table.Td>
              <Table.Td className={styles.number}>{formatCount(table.rows)}</Table.Td>
              <Table.Td>{formatDateTime(parseTime(table.from) ?? 0)}</Table.Td>
              <Table.Td className={styles.number}>{formatDuration(table.retention_seconds)}</Table.Td>
              <Table.Td className={styles.number}>{formatBytes(table.bytes_per_day)}</Table.Td>
              <Table.Td className={styles.number}>{formatBytes(table.projected_bytes)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Days({ days }: { readonly days: readonly StorageDay[] }): JSX.Element {
  const { columns, levels } = text.storage;
  return (
    <div className={styles.scroll}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{columns.day}</Table.Th>
            <Table.Th className={styles.number}>{columns.size}</Table.Th>
            {Object.entries(levels).map(([level, name]) => (
              <Table.Th key={level} className={styles.number}>
                {name}
              </Table.Th>
            ))}
            <Table.Th className={styles.number}>{columns.rows}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {days.map((day) => (
            <Table.Tr key={day.dayMs}>
              <Table.Td>{new Date(day.dayMs).toISOString().slice(0, 10)}</Table.Td>
              <Table.Td className={styles.number}>{formatBytes(day.bytes)}</Table.Td>
              {Object.keys(levels).map((level) => (
                <Table.Td key={level} className={styles.number}>
                  {formatBytes(day.byLevel[level] ?? null)}
                </Table.Td>
              ))}
              <Table.Td className={styles.number}>{formatCount(day.rows)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function levelName(level: string): string {
  const names: Readonly<Record<string, string>> = text.storage.levels;
  return names[level] ?? level;
}
