/** Queries to begin with; each runs as it stands. */
import { text } from '../../text';
import type { SavedQuery } from './queries';

const QUERIES: Readonly<Record<keyof typeof text.sql.examples, string>> = {
  busiest: `SELECT host, name, sum(cpu_user_us + cpu_system_us) / 1e6 AS cpu_seconds
FROM process
WHERE time > now() - INTERVAL '1 hour' AND pid > 0
GROUP BY host, name
ORDER BY cpu_seconds DESC
LIMIT 20`,
  load: `SELECT date_trunc('minute', time) AS minute, host, round(avg(load1), 2) AS load
FROM host
WHERE time > now() - INTERVAL '3 hours'
GROUP BY minute, host
ORDER BY minute`,
  grown: `SELECT host, pid, max(name) AS name,
  last_value(rss_bytes ORDER BY time) - first_value(rss_bytes ORDER BY time) AS grown_bytes
FROM process
WHERE time > now() - INTERVAL '3 hours' AND pid > 0
GROUP BY host, pid, start_time
ORDER BY grown_bytes DESC NULLS LAST
LIMIT 20`,
  written: `SELECT name, sum(disk_write_bytes) AS written_bytes, count(DISTINCT host_id) AS hosts
FROM process
WHERE time > now() - INTERVAL '1 day'
GROUP BY name
ORDER BY written_bytes DESC NULLS LAST
LIMIT 20`,
  events: `SELECT to_timestamp_millis(happened) AS happened, host, kind, subject, text
FROM event
WHERE time > now() - INTERVAL '7 days'
ORDER BY happened DESC
LIMIT 100`,
};

export const EXAMPLES: readonly SavedQuery[] = Object.entries(QUERIES).map(([key, query]) => ({
  name: text.sql.examples[key as keyof typeof text.sql.examples],
  query,
}));
