import { apiPath, readError, request } from './client';

/** One value of a result: text, number, truth, or a list or object of the engine's. */
export type Cell = string | number | boolean | null | readonly unknown[] | Readonly<Record<string, unknown>>;

export interface SqlColumn {
  readonly name: string;
  /** The engine's name of the type, such as `Int64` or `Timestamp(ms, "+00:00")`. */
  readonly type: string;
}

export interface SqlResult {
  readonly columns: readonly SqlColumn[];
  readonly rows: readonly (readonly Cell[])[];
  /** There were more rows than the limit. */
  readonly truncated: boolean;
}

export function runSql(query: string, limit: number, signal: AbortSignal): Promise<SqlResult> {
  return request<SqlResult>('sql', { method: 'POST', body: { query, limit }, signal });
}

export type SqlFormat = 'csv' | 'json' | 'parquet';

const KINDS: Readonly<Record<SqlFormat, string>> = {
  csv: 'text/csv',
  json: 'application/json',
  parquet: 'application/vnd.apache.parquet',
};

/** The whole answer as a file; the server's limits hold. */
export async function downloadSql(query: string, format: SqlFormat, signal: AbortSignal): Promise<Blob> {
  const response = await fetch(apiPath('sql'), {
    method: 'POST',
    headers: { Accept: KINDS[format], 'Content-Type': 'application/json', 'X-Tacho-Request': '1' },
    body: JSON.stringify({ query }),
    signal,
  });
  if (!response.ok) throw await readError(response);
  return response.blob();
}

/** Columns by table, for completion. */
export type SqlSchema = Readonly<Record<string, readonly string[]>>;

const COLUMNS_QUERY =
  "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema <> 'information_schema'";

/** As the engine knows them; where it does not run, those tables that the server describes. */
export async function fetchSqlSchema(signal: AbortSignal): Promise<SqlSchema> {
  try {
    const { rows } = await runSql(COLUMNS_QUERY, 20_000, signal);
    const tables = new Map<string, string[]>();
    for (const [table, column] of rows) {
      if (typeof table !== 'string' || typeof column !== 'string') continue;
      tables.set(table, [...(tables.get(table) ?? []), column]);
    }
    return Object.fromEntries([...tables].sort(([left], [right]) => (left < right ? -1 : 1)));
  } catch (error) {
    if (signal.aborted) throw error;
    return describedTables(signal);
  }
}

interface WireTables {
  readonly tables: readonly {
    readonly name: string;
    readonly columns: readonly { readonly name: string; readonly derived: boolean }[];
  }[];
}

async function describedTables(signal: AbortSignal): Promise<SqlSchema> {
  const { tables } = await request<WireTables>('tables', { signal });
  const stored = tables.map(({ name, columns }) => [
    name,
    columns.filter(({ derived }) => !derived).map((column) => column.name),
  ]);
  return Object.fromEntries(stored) as SqlSchema;
}
