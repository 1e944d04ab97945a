import { describe, expect, it } from 'vitest';

import type { FleetEvent } from '../../api/fleetEvents';
import { buildEventRows, kindChoices } from './eventRows';

const event = (part: Partial<FleetEvent>): FleetEvent => ({
  kind: 'login',
  atMs: 1_000,
  subject: null,
  text: null,
  user: null,
  pid: null,
  host: 'web-1',
  hostId: 'w1',
  hosts: 1,
  address: null,
  ...part,
});

const page = (...events: FleetEvent[]) => ({ events, counts: {}, next: null });

describe('rows of events', () => {
  it('are in order of what happened, over all pages', () => {
    const rows = buildEventRows([page(event({ atMs: 5 }), event({ atMs: 1 })), page(event({ atMs: 3 }))]);
    expect(rows.map((row) => row.event.atMs)).toEqual([5, 3, 1]);
  });

  it('say what happened once, and lead to that moment', () => {
    const [row] = buildEventRows([
      page(event({ kind: 'deploy', subject: 'shop', text: '2.4.1', user: 'ci', address: '192.0.2.7' })),
    ]);
    expect(row).toMatchObject({ mark: 'deploy', kind: 'Deploy', what: 'shop: 2.4.1', who: 'ci · 192.0.2.7' });
    expect(row?.href).toContain('/hosts/web-1?from=');
    const [other] = buildEventRows([page(event({ subject: 'ann', text: 'ann logged in' }))]);
    expect(other?.what).toBe('ann logged in');
  });

  it('that are alike have names of their own', () => {
    const rows = buildEventRows([page(event({}), event({}))]);
    expect(new Set(rows.map((row) => row.id)).size).toBe(2);
  });
});

describe('kinds to choose from', () => {
  it('are those of the range and the chosen one', () => {
    expect(kindChoices({ login: 2, hiccup: 1 }, 'deploy')).toEqual([
      { kind: 'deploy', label: 'Deploy (0)' },
      { kind: 'hiccup', label: 'hiccup (1)' },
      { kind: 'login', label: 'Login (2)' },
    ]);
  });
});
