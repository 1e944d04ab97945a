import { describe, expect, it } from 'vitest';

import { readAlert } from '../../api/alerts';
import { alertLink } from './alertLink';

const WIRE = {
  id: 'a1',
  rule: 'process-hog',
  state: 'firing',
  severity: 'warning',
  host: 'web 1',
  entity: 'cpu burn',
  text: 'web 1: burn takes all',
  since: '2026-11-21T12:00:00.000Z',
  fired: '2026-11-21T12:00:05.000Z',
  resolved: null,
  muted: null,
  acknowledged: null,
  links: {},
  process: null,
} as const;

const PROCESS = {
  pid: 7,
  start_time: '2026-11-21T11:00:00.000Z',
  name: 'burn',
  command: 'burn',
  user: 'ann',
  unit: '',
  cpu_ratio: 2,
  memory_bytes: null,
  disk_bytes_per_second: null,
  network_bytes_per_second: null,
};

describe('alertLink', () => {
  it('opens the host at the moment the alert fired, with the culprit selected', () => {
    const link = new URL(alertLink(readAlert({ ...WIRE, process: PROCESS })), 'http://x');
    expect(link.pathname).toBe('/hosts/web%201');
    expect(link.searchParams.get('at')).toContain('2026-11-21T12:00:05');
    expect(link.searchParams.get('process')).toMatch(/^7@2026-11-21T11:00:00/);
  });

  it('is what messages of the server link to, to the letter', () => {
    const link = alertLink(
      readAlert({ ...WIRE, process: { ...PROCESS, start_time: '2026-11-21T11:59:30.500Z' } }),
    );
    expect(link).toBe(
      '/hosts/web%201?from=2026-11-21T11:50:05Z&to=2026-11-21T12:05:05Z' +
        '&at=2026-11-21T12:00:05Z&process=7@2026-11-21T11:59:30.500Z',
    );
  });

  it('selects nobody when nobody is known', () => {
    expect(alertLink(readAlert(WIRE))).not.toContain('process=');
  });
});
