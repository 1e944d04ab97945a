import type { Span } from '../lib/range';
import { request } from './client';
import { writeTime } from './wire';

/** One file system at the end of a range. */
export interface Filesystem {
  readonly mountPoint: string;
  /** Until it is full if it goes on as in the range; null where nothing can be said. */
  readonly fullInSeconds: number | null;
}

export async function fetchFilesystems(
  host: string,
  { fromMs, toMs }: Span,
  signal: AbortSignal,
): Promise<Filesystem[]> {
  const { filesystems } = await request<{
    filesystems: readonly { readonly mount_point: string; readonly full_in_seconds: number | null }[];
  }>(`hosts/${encodeURIComponent(host)}/filesystems`, {
    query: { from: writeTime(fromMs), to: writeTime(toMs) },
    signal,
  });
  return filesystems.map((one) => ({ mountPoint: one.mount_point, fullInSeconds: one.full_in_seconds }));
}
