import { request } from './client';

/** One table at one level: `raw` rows, or rollups of `1m`, `10m`, `1h` or `1d`. */
export interface StoredTable {
  readonly table: string;
  readonly level: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly from: string;
  readonly to: string;
  readonly retention_seconds: number;
  readonly bytes_per_day: number | null;
  readonly projected_bytes: number | null;
  readonly days: readonly StoredDay[];
}

export interface StoredDay {
  readonly day: string;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface Storage {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly limit_bytes: number | null;
  readonly projected_bytes: number | null;
  readonly tables: readonly StoredTable[];
}

export const storageKey = ['storage'] as const;

export function fetchStorage(signal: AbortSignal): Promise<Storage> {
  return request<Storage>('storage', { signal });
}
