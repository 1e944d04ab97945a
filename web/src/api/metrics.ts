import { requestText } from './client';

/** One number that the server tells of itself. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const metricsKey = ['metrics'] as const;

export async function fetchMetrics(signal: AbortSignal): Promise<Sample[]> {
  return parseMetrics(await requestText('/metrics', signal));
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus text format; lines that are no samples are left out. */
export function parseMetrics(body: string): Sample[] {
  return body.split('\n').flatMap((line): Sample[] => {
    const match = LINE.exec(line);
    const value = Number(match?.[3]);
    if (!match?.[1] || !Number.isFinite(value)) return [];
    const labels: Record<string, string> = {};
    for (const [, name = '', text = ''] of (match[2] ?? '').matchAll(LABEL)) {
      labels[name] = text.replaceAll(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign));
    }
    return [{ name: match[1], labels, value }];
  });
}

/** The sum of a metric over its labels; null when it is not there. */
export function sumOf(samples: readonly Sample[], name: string): number | null {
  const found = samples.filter((sample) => sample.name === name);
  return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
}
